//! Carries the requests of calls over a client's connections: on a kept one, or a new one; once
//! more where the rules allow it, or a newer Guid is there.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use zeroize::Zeroizing;

use crate::answer::{self, Secrets};
use crate::cookies::Cookies;
use crate::log::{Level, Log};
use crate::net::cancel::cancelled;
use crate::net::connect::Connector;
use crate::net::deadline::Deadline;
use crate::net::http::{Connection, ExchangeError, Reply};
use crate::net::pool::{InFlight, Pick, Pool, Tag};
use crate::net::rules::may_have_acted;
use crate::request::{Interface, Request};
use crate::retcode::{ACCEPTED, ALREADY_SIGNED_IN, STALE};
use crate::route::{Gateway, Route};
use crate::session::{Pass, Sessions, new_guids};
use crate::sign_in::{Body, Hidden};
use crate::{Answer, Error, Status};

/// What all calls of a client have in common.
pub(crate) struct Carrier {
    pub gateway: Gateway,
    pub route: Route,
    pub connect_timeout: Duration,
    pub keep_alive: bool,
    pub log: Log,
    pub pool: Pool,
    pub sessions: Sessions,
}

/// A call in progress, and what has left for it.
pub(crate) struct Call<'a> {
    carrier: &'a Carrier,
    pub in_flight: InFlight<'a>,
    deadline: Deadline,
    /// Copies of the request of which a byte left, but for those that the gateway refused.
    copies: u32,
    /// There were two of them.
    resent: bool,
}

/// Takes in what the head of an answer brings, also where the rest of the answer does not come.
type Renew<'a> = &'a dyn Fn(&HeaderMap);

/// An answer, and the connection that brought it.
struct Answered {
    connection: Box<Connection>,
    reply: Reply,
}

impl Carrier {
    /// Enters a call, so that it can be cancelled.
    pub fn begin(&self, tag: Tag, timeout: Duration) -> Result<Call<'_>, Error> {
        let in_flight = self.pool.current().begin(tag)?;
        let deadline = Deadline::after(timeout);
        Ok(Call { carrier: self, in_flight, deadline, copies: 0, resent: false })
    }

    /// Each line begins with the gateway: a host may have several.
    pub fn log(&self, level: Level, line: fmt::Arguments) {
        let gate = &self.pool.current().gate;
        gate.pass(&self.log, level, format_args!("{}: {line}", self.gateway.base));
    }
}

impl Call<'_> {
    /// Asks for an agent with its Guid; once more where the kept one is refused as stale and a newer
    /// one has been kept meanwhile. `pass` is what was sent last.
    pub fn ask<T>(
        &mut self,
        interface: Interface,
        pass: &mut Pass,
        read: fn(&str, Answer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut newer = None;
        let outcome = self.ask_once(interface, pass, read, &mut newer);
        let Some(newer) = newer else { return outcome };
        self.refused();
        *pass = newer;
        let line = "the Guid was stale; once more with a newer one";
        self.carrier.log(Level::Debug, format_args!("{line}"));
        self.ask_once(interface, pass, read, &mut None)
    }

    fn ask_once<'a, T>(
        &mut self,
        interface: Interface,
        pass: &Pass<'a>,
        read: fn(&str, Answer) -> Result<T, Error>,
        newer: &mut Option<Pass<'a>>,
    ) -> Result<T, Error> {
        let gateway = &self.carrier.gateway;
        let (agent, guid, cookies) = (pass.agent, pass.guid(), &*pass.cookies);
        let request = Request { gateway, interface, agent, guid, cookies, body: &[] };
        let sessions = &self.carrier.sessions;
        let answered = self.send(&request, &|headers| sessions.renew(pass, headers))?;
        let reply = &answered.reply;
        let other_guid = pass.other.as_deref().map_or("", String::as_str);
        let secrets = Secrets { guid, other_guid, cookies, ..Secrets::default() };
        let (text, answer) = read_answer(reply, self.resent, secrets);
        let outcome =
            answer.and_then(|answer| read(&text, answer).map_err(|why| accepted_but(why, reply)));
        let is_stale = |error: &Error| error.retcode().is_some_and(|code| STALE.contains(&code));
        if pass.given.is_none() && outcome.as_ref().is_err_and(is_stale) {
            *newer = sessions.newer(pass);
        }
        self.settle(answered, outcome, newer.is_some())
    }

    /// Signs the agent in, also one who is signed in already where it is to `force`, and gives the
    /// Guid that comes. `pass` takes in the cookies; what is kept is left: it may be refused.
    pub fn sign_in(
        &mut self,
        pass: &mut Pass,
        body: &Body,
        force: bool,
    ) -> Result<(Answer, Zeroizing<String>), Error> {
        let outcome = self.sign_in_once(Interface::Login, pass, body);
        let already = |error: &Error| error.retcode() == Some(ALREADY_SIGNED_IN);
        if !force || !outcome.as_ref().is_err_and(already) {
            return outcome;
        }
        self.refused();
        self.sign_in_once(Interface::ForceLogin, pass, body)
    }

    fn sign_in_once(
        &mut self,
        interface: Interface,
        pass: &mut Pass,
        body: &Body,
    ) -> Result<(Answer, Zeroizing<String>), Error> {
        let gateway = &self.carrier.gateway;
        let (agent, sent) = (pass.agent, pass.cookies.clone());
        let cookies = &*sent;
        let request = Request { gateway, interface, agent, guid: "", cookies, body: &body.json };
        let answered = self.send(&request, &|_| ())?;
        let reply = &answered.reply;
        pass.cookies.take(&reply.headers);
        let Hidden { passwords, tokens } = &body.secrets;
        let [passwords, tokens] = [passwords, tokens]
            .map(|texts| texts.iter().map(|text| text.as_str()).collect::<Vec<_>>());
        let (guid, passwords, tokens) = (pass.guid(), &*passwords, &*tokens);
        let secrets = Secrets { guid, cookies, passwords, tokens, ..Secrets::default() };
        let (_, answer) = read_answer(reply, self.resent, secrets);
        let outcome = answer.and_then(|answer| match new_guids(&reply.headers).pop() {
            Some(guid) => Ok((answer, Zeroizing::new(guid.to_owned()))),
            None => {
                let detail = "the sign-in was accepted, but no Set-GUID with a Guid in it came";
                Err(accepted_but(Error::new(Status::Protocol, detail), reply))
            }
        });
        // It may be asked once more, to force it.
        self.settle(answered, outcome, interface == Interface::Login)
    }

    /// Makes sure that a connection stands ready, for a call and not for a poll, and describes it.
    pub fn make_ready(&mut self) -> Result<String, Error> {
        // Only for what has just been seen to work it can be said that it stands ready.
        const JUST_NOW: Duration = Duration::from_secs(2);
        let kept = self.in_flight.take_idle(Pick::Newest, JUST_NOW, self.deadline);
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.open_ahead().map_err(|error| self.or_cancelled(error))?,
        };
        connection.reserved = true;
        let words = self.describe(&connection);
        self.in_flight.pool.check_process()?;
        if self.carrier.keep_alive {
            self.in_flight.put_back(connection, false);
        }
        Ok(words)
    }

    fn describe(&self, connection: &Connection) -> String {
        const SOON_DAYS: i64 = 14;
        let way =
            connection.proxy().map_or(String::new(), |proxy| format!(", through proxy {proxy}"));
        let (Some(peer), Some((version, certificate))) =
            (&self.in_flight.pool.tls_peer, connection.describe())
        else {
            return format!("plain http, nothing was checked{way}");
        };
        let words = format!("{version}, {}, {}{way}", certificate.words, peer.checked);
        if let Some(days) = certificate.days_left.filter(|days| *days < SOON_DAYS) {
            let what = if days < 0 { "has expired" } else { "expires soon" };
            self.carrier.log(Level::Warn, format_args!("the certificate {what}: {words}"));
        }
        words
    }

    /// Takes in what was made of an answer. `goes_on`: the call may send another request.
    fn settle<T>(
        &mut self,
        answered: Answered,
        outcome: Result<T, Error>,
        goes_on: bool,
    ) -> Result<T, Error> {
        let Answered { mut connection, mut reply } = answered;
        let has_retcode = outcome.as_ref().map_or_else(|error| error.retcode().is_some(), |_| true);
        let cut = reply.cut.take();
        connection.settle(reply, has_retcode);
        if self.carrier.keep_alive && connection.may_be_kept() {
            self.in_flight.put_back(connection, goes_on);
        }
        // What was read of an answer that was cut is of no use without a retcode.
        let error = |error| if has_retcode { error } else { cut.unwrap_or(error) };
        outcome.map_err(|why| self.judged(error(why)))
    }

    /// The gateway refused the last copy, so it has not acted on that one.
    fn refused(&mut self) {
        self.copies = self.copies.saturating_sub(1);
    }

    /// Sends a request, once more where that is right.
    fn send(&mut self, request: &Request, renew: Renew) -> Result<Answered, Error> {
        // A poll may wait for a new connection, and keeps one alive that nobody else would use.
        let polls = request.interface == Interface::GetAgentEvent;
        let pick = if polls { Pick::Oldest } else { Pick::Newest };
        if let Some(kept) = self.in_flight.take_idle(pick, Duration::MAX, self.deadline) {
            match self.exchange(kept, request, true, renew) {
                Err(failed) if failed.may_resend && !self.in_flight.is_cancelled() => {
                    if let Some(moment) = failed.silent_since {
                        self.in_flight.pool.drop_unheard_since(moment);
                    }
                    self.carrier.log(Level::Debug, format_args!("the kept connection was dead"));
                }
                outcome => return outcome.map_err(|failed| self.judged(failed.error)),
            }
        }
        let connection = self.open().map_err(|error| self.judged(error))?;
        let outcome = self.exchange(connection, request, false, renew);
        outcome.map_err(|failed| self.judged(failed.error))
    }

    fn exchange(
        &mut self,
        mut connection: Box<Connection>,
        request: &Request,
        reused: bool,
        renew: Renew,
    ) -> Result<Answered, ExchangeError> {
        let reply = connection.exchange(&request.head(), request.body, self.deadline, reused);
        self.copies += u32::from(reply.as_ref().map_or_else(|failed| failed.sent, |_| true));
        self.resent |= self.copies > 1;
        let headers = match &reply {
            Ok(reply) => Some(&reply.headers),
            Err(failed) => failed.headers.as_deref(),
        };
        headers.into_iter().for_each(renew);
        Ok(Answered { connection, reply: reply? })
    }

    fn open_ahead(&self) -> Result<Box<Connection>, Error> {
        let mut connection = self.open()?;
        connection.drain_post_handshake()?;
        Ok(connection)
    }

    fn open(&self) -> Result<Box<Connection>, Error> {
        let InFlight { pool, cancel, .. } = &self.in_flight;
        pool.check_process()?;
        let connector = Connector {
            route: &self.carrier.route,
            tls_peer: pool.tls_peer.as_ref(),
            look_ups: &pool.look_ups,
            last_good: &pool.last_good,
            last_proxy: &pool.last_proxy,
            deadline: self.deadline,
            connect_timeout: self.carrier.connect_timeout,
            cancel,
        };
        let stream = connector.connect()?;
        let (target, version) = (&self.carrier.route.target, stream.tls_version());
        self.carrier.log(Level::Debug, format_args!("connected to {target} ({version})"));
        Ok(Connection::new(stream))
    }

    /// What follows from the number of copies that left.
    fn judged(&self, error: Error) -> Error {
        let mut error = self.or_cancelled(error);
        let refused = error.retcode().is_some_and(|retcode| retcode != ACCEPTED);
        let maybe_sent = may_have_acted(self.copies, refused, error.status());
        let details = error.details_mut();
        (details.maybe_sent, details.resent) = (maybe_sent, self.resent);
        error
    }

    /// A cancelled call fails as cancelled, whatever the shut socket looked like.
    fn or_cancelled(&self, error: Error) -> Error {
        if !self.in_flight.is_cancelled() || error.retcode().is_some() {
            return error;
        }
        let mut cancelled = cancelled();
        cancelled.details_mut().http_status = error.http_status();
        cancelled
    }
}

/// What an answer says, and its text. No secret gets into it, nor what it brings.
fn read_answer<'a>(
    reply: &'a Reply,
    resent: bool,
    secrets: Secrets,
) -> (Cow<'a, str>, Result<Answer, Error>) {
    let new_guids = &*new_guids(&reply.headers);
    let mut new_cookies = Cookies::default();
    new_cookies.take(&reply.headers);
    let secrets = Secrets { new_guids, new_cookies: &new_cookies, ..secrets };
    let header = |name| reply.headers.get(name)?.to_str().ok();
    let (text, answer) = answer::read(reply.http_status, header, &reply.body, &secrets);
    (text, answer.map(|answer| Answer { resent, ..answer }))
}

/// The gateway acted, but what it said is of no use.
fn accepted_but(mut error: Error, reply: &Reply) -> Error {
    error.details_mut().retcode = Some(ACCEPTED.to_owned());
    error.with_http_status(reply.http_status)
}
