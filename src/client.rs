//! The client: what can be asked of a gateway, from the arguments to the outcome.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant};

use http::HeaderMap;
use zeroize::Zeroizing;

use crate::answer::{self, Secrets};
use crate::carrier::{Call, Carrier, Reading};
use crate::event::{self, Poll};
use crate::log::{Level, Log};
use crate::net::cancel::{CallId, cancelled};
use crate::net::http::{Connection, Reply};
use crate::net::pool::{Pool, Tag};
use crate::net::tls::{self, TlsPeer};
use crate::options::{ClientOptions, MIN_AGENT_ID, Trust};
use crate::request::{AgentId, Interface, Request, RequestTemplate, bare_guid};
use crate::retcode::{ACCEPTED, ALREADY_SIGNED_IN, ALREADY_SIGNED_OUT, STALE};
use crate::route::{Gateway, Route};
use crate::session::{Cookies, Pass, Session, Sessions, new_guid};
use crate::sign_in::SignIn;
use crate::{Answer, Error, Status};

/// How long the gateway holds a poll back for which it has no event.
const POLL_TIME: Duration = Duration::from_secs(10);

/// A client of one gateway, for any number of agents and threads.
///
/// Cheap to call, not free to make (certificates are read): make one and share it.
pub struct Client {
    template: RequestTemplate,
    timeout: Duration,
    max_agent_id: u32,
    carrier: Carrier,
    sessions: Sessions,
}

impl Client {
    /// Reads and checks every option, certificates and keys included. Opens no connection.
    ///
    /// # Errors
    /// [`Status::InvalidUrl`], [`Status::TlsConfig`] or [`Status::InvalidArgument`]; the detail
    /// names the option.
    pub fn new(options: &ClientOptions) -> Result<Client, Error> {
        if options.max_agent_id < MIN_AGENT_ID {
            let detail = format!("max_agent_id: smaller than {MIN_AGENT_ID}");
            return Err(Error::new(Status::InvalidArgument, detail));
        }
        let gateway = Gateway::parse(options)?;
        let route = Route::parse(options, &gateway)?;
        let tls_peer = if gateway.is_https() {
            Some(TlsPeer::new(options, &gateway.address)?)
        } else {
            tls::refuse_without_tls(options)?;
            None
        };
        let client = Client {
            template: RequestTemplate::new(&gateway),
            timeout: options.timeout,
            max_agent_id: options.max_agent_id,
            carrier: Carrier {
                gateway,
                route,
                connect_timeout: options.connect_timeout,
                keep_alive: options.keep_alive,
                log: Log::new(options.log_level, options.log.clone()),
                pool: Pool::new(tls_peer),
            },
            sessions: Sessions::default(),
        };
        if options.trust == Trust::DangerAny {
            client.log(
                Level::Warn,
                format_args!("the certificate is not checked (trust is DANGER_ANY)"),
            );
        }
        Ok(client)
    }

    /// Rejects the conference call that rings at the agent; blocks until the answer, the time-out
    /// or a cancel. `guid` is the bare Guid or the whole value of a `Set-GUID` header; `None`: the
    /// one that the client keeps since [`Client::sign_in`] or [`Client::set_session`].
    ///
    /// # Errors
    /// [`Error::status`] is the class to decide by; see [`Status`].
    pub fn reject_agent_conf<'a>(
        &self,
        agent_id: &str,
        guid: impl Into<Option<&'a str>>,
    ) -> Result<Answer, Error> {
        self.with_id(None).reject_agent_conf(agent_id, guid)
    }

    /// Makes sure that a verified connection stands ready, without sending a request. At sign-in
    /// it finds a wrong address or certificate; when the call rings it saves the set-up. Gives the
    /// connection in a sentence: TLS version, certificate, what that was checked against, and the
    /// proxy if there is one.
    ///
    /// # Errors
    /// What a call would fail with.
    pub fn connect(&self) -> Result<String, Error> {
        self.with_id(None).connect()
    }

    /// Signs an agent in, and keeps the Guid and a load balancer's cookies for its calls. An
    /// accepted sign-in takes the place of the session before, a refused one leaves it.
    ///
    /// # Errors
    /// As [`Client::reject_agent_conf`]; [`Status::Protocol`] where no Guid came.
    pub fn sign_in(&self, sign_in: &SignIn) -> Result<Answer, Error> {
        self.with_id(None).sign_in(sign_in)
    }

    /// Waits for something to happen to an agent that is signed in: about 10 s, at most that and
    /// the time-out. The next poll of the agent begins 200 ms after the last one ended. A newer Guid
    /// that it brings is kept, for all threads.
    ///
    /// # Errors
    /// As [`Client::reject_agent_conf`]; [`Status::Polling`] where another thread waits for this
    /// agent's events. After a failure with [`Error::maybe_sent`] an event may be missing: the
    /// gateway hands out each one once.
    pub fn next_event(&self, agent_id: &str) -> Result<Poll, Error> {
        self.with_id(None).next_event(agent_id)
    }

    /// Signs an agent out, and forgets its session where that is over. A poll of the agent that
    /// waits ends with [`Status::Cancelled`].
    ///
    /// # Errors
    /// As [`Client::reject_agent_conf`].
    pub fn sign_out(&self, agent_id: &str) -> Result<Answer, Error> {
        self.with_id(None).sign_out(agent_id)
    }

    /// For a host that signs in or polls by itself: keeps this Guid, and the cookies of a load
    /// balancer (`name=value`, `;` between), for the agent. `guid` `None` forgets the session,
    /// `cookie` `None` keeps the cookies that there are. Sends nothing.
    ///
    /// # Errors
    /// [`Status::InvalidAgentId`], [`Status::InvalidGuid`], [`Status::InvalidArgument`].
    pub fn set_session(
        &self,
        agent_id: &str,
        guid: Option<&str>,
        cookie: Option<&str>,
    ) -> Result<(), Error> {
        let agent = self.agent(agent_id)?;
        let guid = guid.map(bare_guid).transpose()?;
        let cookies = cookie.map(Cookies::parse).transpose()?;
        match guid {
            Some(guid) => self.sessions.replace(agent.number, guid.to_owned().into(), cookies),
            None => self.sessions.forget_any(agent.number),
        }
        Ok(())
    }

    /// The newest Guid and the cookies that are kept for an agent: the one place that shows them.
    ///
    /// # Errors
    /// [`Status::InvalidAgentId`]; [`Status::Session`] where there is none.
    pub fn session(&self, agent_id: &str) -> Result<Session, Error> {
        self.sessions.show(self.agent(agent_id)?.number)
    }

    /// The same calls with a number, by which [`Client::cancel_call`] ends one of them.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), agw::Error> {
    /// # let client = agw::Client::new(&agw::ClientOptions::new("https://gateway:8043"))?;
    /// let id = agw::CallId::new();
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| client.with_id(id).reject_agent_conf("154", "guid"));
    ///     client.cancel_call(id); // The others go on.
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_id(&self, id: impl Into<Option<CallId>>) -> NumberedCall<'_> {
        NumberedCall { client: self, id: id.into() }
    }

    /// Makes the calls now in progress end soon with [`Status::Cancelled`]. The client stays
    /// usable.
    pub fn cancel(&self) {
        self.carrier.pool.current().cancel();
    }

    /// Makes the calls in progress that have this number end soon with [`Status::Cancelled`]; where
    /// there is none, the next one that begins with it ends at once, before anything is sent. The
    /// newest 1,024 such early cancels are remembered. No other call is disturbed.
    pub fn cancel_call(&self, id: CallId) {
        self.carrier.pool.current().cancel_call(id);
    }

    /// Ends calls in progress and to come. Once it has returned, the log sink is not called again.
    pub(crate) fn close(&self) {
        let pool = self.carrier.pool.current();
        pool.close();
        pool.gate.close();
    }

    pub(crate) fn log(&self, level: Level, line: fmt::Arguments) {
        self.carrier.log(level, line);
    }

    fn agent<'a>(&self, agent_id: &'a str) -> Result<AgentId<'a>, Error> {
        AgentId::checked(agent_id, self.max_agent_id)
    }

    /// Asks for an agent with its Guid; once more where the kept one is refused as stale and a newer
    /// one has been kept meanwhile. `pass` is what was sent last.
    fn ask<T>(
        &self,
        call: &mut Call,
        interface: Interface,
        agent: AgentId,
        pass: &mut Pass,
        read: fn(&str, Answer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut newer = None;
        let outcome = self.ask_once(call, interface, agent, pass, read, &mut newer);
        let Some(newer) = newer else { return outcome };
        call.refused();
        *pass = newer;
        self.log(Level::Debug, format_args!("the Guid was stale; once more with a newer one"));
        self.ask_once(call, interface, agent, pass, read, &mut None)
    }

    fn ask_once<T>(
        &self,
        call: &mut Call,
        interface: Interface,
        agent: AgentId,
        pass: &Pass,
        read: fn(&str, Answer) -> Result<T, Error>,
        newer: &mut Option<Pass<'static>>,
    ) -> Result<T, Error> {
        let cookies = pass.cookies.joined();
        let request = Request {
            template: &self.template,
            interface,
            agent,
            guid: Some(&pass.guid),
            cookies: &cookies,
            body: &[],
        };
        let renew = |headers: &HeaderMap| self.sessions.renew(agent.number, pass, headers);
        call.ask(&request, &renew, &mut |reply, resent| {
            let new_guid = new_guid(reply.headers());
            let new_guid = new_guid.as_deref().map_or("", String::as_str);
            let secrets = Secrets { guid: &pass.guid, new_guid, cookies: &cookies, password: "" };
            let (text, answer) = read_answer(reply, resent, &secrets);
            let outcome = answer
                .and_then(|answer| read(&text, answer).map_err(|why| accepted_but(why, reply)));
            if pass.is_kept() && outcome.as_ref().is_err_and(is_stale) {
                *newer = self.sessions.newer(agent.number, pass);
            }
            Reading { outcome, goes_on: newer.is_some() }
        })
    }

    /// Asks for an agent to be signed in; takes in the cookies that come, and gives the Guid.
    fn ask_in(
        &self,
        call: &mut Call,
        interface: Interface,
        agent: AgentId,
        body: &[u8],
        cookies: &mut Cookies,
        secrets: Secrets,
    ) -> Result<(Answer, Zeroizing<String>), Error> {
        let sent = cookies.joined();
        let request = Request {
            template: &self.template,
            interface,
            agent,
            guid: None,
            cookies: &sent,
            body,
        };
        // What is kept waits for the whole answer: a sign-in that was refused leaves it.
        call.ask(&request, &|_| (), &mut |reply, resent| {
            cookies.take(reply.headers());
            let guid = new_guid(reply.headers());
            let new_guid = guid.as_deref().map_or("", String::as_str);
            let secrets = Secrets { new_guid, cookies: &sent, ..secrets };
            let (_, answer) = read_answer(reply, resent, &secrets);
            let outcome = answer.and_then(|answer| match guid {
                Some(guid) => Ok((answer, guid)),
                None => Err(accepted_but(without_guid(), reply)),
            });
            // It may be asked once more, to force it.
            Reading { outcome, goes_on: interface == Interface::Login }
        })
    }

    fn describe(&self, call: &Call, connection: &Connection) -> String {
        const SOON_DAYS: i64 = 14;
        let way =
            connection.proxy().map_or(String::new(), |proxy| format!(", through proxy {proxy}"));
        let (Some(peer), Some((version, certificate))) =
            (&call.in_flight.pool.tls_peer, connection.describe())
        else {
            return format!("plain http, nothing was checked{way}");
        };
        let words = format!("{version}, {}, {}{way}", certificate.words, peer.checked);
        if certificate.days_left.is_some_and(|days| days < SOON_DAYS) {
            self.log(Level::Warn, format_args!("the certificate expires soon: {words}"));
        }
        words
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("gateway", &self.carrier.gateway.to_string())
            .finish_non_exhaustive()
    }
}

/// Calls on a client, with a number or without; see [`Client::with_id`].
#[derive(Debug, Clone, Copy)]
pub struct NumberedCall<'a> {
    pub(crate) client: &'a Client,
    id: Option<CallId>,
}

impl NumberedCall<'_> {
    /// As [`Client::reject_agent_conf`].
    ///
    /// # Errors
    /// The same.
    pub fn reject_agent_conf<'a>(
        &self,
        agent_id: &str,
        guid: impl Into<Option<&'a str>>,
    ) -> Result<Answer, Error> {
        let interface = Interface::RejectAgentConf;
        self.logged(interface, agent_id, || self.reject(agent_id, guid.into()), accepted)
    }

    /// As [`Client::connect`].
    ///
    /// # Errors
    /// The same.
    pub fn connect(&self) -> Result<String, Error> {
        let started = Instant::now();
        let outcome = self.make_ready();
        let time = Milliseconds(started.elapsed());
        match &outcome {
            Ok(words) => {
                let ok = Status::Ok;
                self.client.log(Level::Info, format_args!("connect: {ok}, {time}: {words}"));
            }
            Err(error) => {
                let (status, detail) = (error.status(), Behind(error.detail()));
                self.client.log(Level::Warn, format_args!("connect: {status}, {time}{detail}"));
            }
        }
        outcome
    }

    /// As [`Client::sign_in`].
    ///
    /// # Errors
    /// The same.
    pub fn sign_in(&self, sign_in: &SignIn) -> Result<Answer, Error> {
        self.logged(Interface::Login, sign_in.agent_id, || self.begin_session(sign_in), accepted)
    }

    /// As [`Client::next_event`].
    ///
    /// # Errors
    /// The same.
    pub fn next_event(&self, agent_id: &str) -> Result<Poll, Error> {
        self.logged(
            Interface::GetAgentEvent,
            agent_id,
            || self.poll(agent_id),
            |poll| match &poll.event {
                Some(event) => (Level::Info, event.name()),
                None => (Level::Debug, "no event"),
            },
        )
    }

    /// As [`Client::sign_out`].
    ///
    /// # Errors
    /// The same.
    pub fn sign_out(&self, agent_id: &str) -> Result<Answer, Error> {
        self.logged(Interface::Logout, agent_id, || self.end_session(agent_id), accepted)
    }

    fn reject(&self, agent_id: &str, guid: Option<&str>) -> Result<Answer, Error> {
        let client = self.client;
        let agent = client.agent(agent_id)?;
        let guid = guid.map(bare_guid).transpose()?;
        let mut pass = client.sessions.pass(agent.number, guid)?;
        #[cfg(debug_assertions)]
        crate::sys::fault::planted_panic();
        let mut call = client.carrier.begin(self.tag(), client.timeout)?;
        let interface = Interface::RejectAgentConf;
        client.ask(&mut call, interface, agent, &mut pass, |_, answer| Ok(answer))
    }

    fn make_ready(&self) -> Result<String, Error> {
        let mut call = self.client.carrier.begin(self.tag(), self.client.timeout)?;
        let connection = call.make_ready()?;
        let words = self.client.describe(&call, &connection);
        call.keep(connection);
        Ok(words)
    }

    fn begin_session(&self, sign_in: &SignIn) -> Result<Answer, Error> {
        let client = self.client;
        let agent = client.agent(sign_in.agent_id)?;
        let body = sign_in.body()?;
        let kept = client.sessions.pass(agent.number, None).ok();
        let mut cookies = kept.as_ref().map(|kept| kept.cookies.clone()).unwrap_or_default();
        let secrets = Secrets {
            guid: kept.as_ref().map_or("", |kept| &kept.guid),
            password: &body.password,
            ..Secrets::default()
        };
        let mut call = client.carrier.begin(self.tag(), client.timeout)?;
        let login = Interface::Login;
        let mut outcome = client.ask_in(&mut call, login, agent, &body.json, &mut cookies, secrets);
        let signed_in = |error: &Error| error.retcode() == Some(ALREADY_SIGNED_IN);
        if sign_in.force && outcome.as_ref().is_err_and(signed_in) {
            call.refused();
            let force = Interface::ForceLogin;
            outcome = client.ask_in(&mut call, force, agent, &body.json, &mut cookies, secrets);
        }
        let (answer, guid) = outcome?;
        client.sessions.replace(agent.number, guid, Some(cookies));
        Ok(answer)
    }

    fn poll(&self, agent_id: &str) -> Result<Poll, Error> {
        let client = self.client;
        let agent = client.agent(agent_id)?;
        let sessions = &client.sessions;
        sessions.pass(agent.number, None)?;
        let tag = Tag { polls: Some(agent.number), ..self.tag() };
        let mut call = client.carrier.begin(tag, POLL_TIME.saturating_add(client.timeout))?;
        let _ends = PollEnds { sessions, agent: agent.number };
        if !call.in_flight.cancel.sleep(sessions.pause(agent.number)) {
            return Err(cancelled());
        }
        // In the pause another answer may have brought a newer one.
        let mut pass = sessions.pass(agent.number, None)?;
        client.ask(&mut call, Interface::GetAgentEvent, agent, &mut pass, |text, answer| {
            Ok(Poll { event: event::read(text)?, answer })
        })
    }

    fn end_session(&self, agent_id: &str) -> Result<Answer, Error> {
        let client = self.client;
        let agent = client.agent(agent_id)?;
        let mut pass = client.sessions.pass(agent.number, None)?;
        let mut call = client.carrier.begin(self.tag(), client.timeout)?;
        call.in_flight.pool.cancel_poll(agent.number);
        let interface = Interface::Logout;
        let outcome = client.ask(&mut call, interface, agent, &mut pass, |_, answer| Ok(answer));
        let over = outcome.as_ref().map_or_else(is_over, |_| true);
        if over {
            client.sessions.forget(agent.number, &pass);
        }
        outcome
    }

    fn tag(&self) -> Tag {
        Tag { id: self.id, polls: None }
    }

    fn logged<T>(
        &self,
        interface: Interface,
        agent_id: &str,
        call: impl FnOnce() -> Result<T, Error>,
        told: impl FnOnce(&T) -> (Level, &str),
    ) -> Result<T, Error> {
        let started = Instant::now();
        let outcome = call();
        let (name, time) = (interface.name(), Milliseconds(started.elapsed()));
        match &outcome {
            Ok(done) => {
                let (level, what) = told(done);
                let ok = Status::Ok;
                self.client
                    .log(level, format_args!("{name} agent {agent_id}: {ok}, {what}, {time}"));
            }
            Err(error) => {
                // A text that is no agent ID may be anything, a Guid in the wrong place included.
                let unreadable = error.status() == Status::InvalidAgentId;
                let agent_id = if unreadable { "?" } else { agent_id };
                let (status, detail) = (error.status(), Behind(error.detail()));
                let retcode = error.retcode().unwrap_or("none");
                self.client.log(
                    level_of(status),
                    format_args!(
                        "{name} agent {agent_id}: {status}, retcode {retcode}, {time}{detail}"
                    ),
                );
            }
        }
        outcome
    }
}

fn accepted(_: &Answer) -> (Level, &str) {
    (Level::Info, "retcode 0")
}

fn read_answer<'a>(
    reply: &'a Reply,
    resent: bool,
    secrets: &Secrets,
) -> (Cow<'a, str>, Result<Answer, Error>) {
    let header = |name| reply.header(name);
    let (text, answer) = answer::read(reply.http_status(), header, &reply.body, secrets);
    (text, answer.map(|answer| Answer { resent, ..answer }))
}

/// The gateway acted, but what it said is of no use.
fn accepted_but(mut error: Error, reply: &Reply) -> Error {
    let details = error.details_mut();
    details.http_status = Some(reply.http_status());
    details.retcode = Some(ACCEPTED.to_owned());
    error
}

fn without_guid() -> Error {
    Error::new(Status::Protocol, "the sign-in was accepted, but the answer has no Set-GUID")
}

fn is_stale(error: &Error) -> bool {
    error.retcode().is_some_and(|retcode| STALE.contains(&retcode))
}

/// Notes when a poll ends, however it ends.
struct PollEnds<'a> {
    sessions: &'a Sessions,
    agent: u32,
}

impl Drop for PollEnds<'_> {
    fn drop(&mut self) {
        self.sessions.polled(self.agent);
    }
}

/// Whether a sign-out that was refused was so because there is nothing to sign out of.
fn is_over(error: &Error) -> bool {
    let session = error.status() == Status::Session && error.retcode().is_some();
    session || error.retcode() == Some(ALREADY_SIGNED_OUT)
}

/// Too late, or ended by the caller: no reason to warn.
fn level_of(status: Status) -> Level {
    match status {
        Status::NoConference | Status::Cancelled => Level::Info,
        _ => Level::Warn,
    }
}

/// What a line ends with, if there is anything to say.
struct Behind<'a>(&'a str);

impl fmt::Display for Behind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0.as_secs_f64() * 1000.0)
    }
}
