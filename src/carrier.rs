//! Carries requests over a client's connections: on a kept one, or a new one; once more where the
//! rules allow it.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;

use crate::Error;
use crate::log::{Level, Log};
use crate::net::cancel::cancelled;
use crate::net::connect::Connector;
use crate::net::deadline::Deadline;
use crate::net::http::{Connection, ExchangeError, Reply};
use crate::net::pool::{InFlight, Pick, Pool, Tag};
use crate::net::rules::may_have_acted;
use crate::request::{Interface, Request};
use crate::retcode::ACCEPTED;
use crate::route::{Gateway, Route};

/// What all calls of a client have in common.
pub(crate) struct Carrier {
    pub gateway: Gateway,
    pub route: Route,
    pub connect_timeout: Duration,
    pub keep_alive: bool,
    pub log: Log,
    pub pool: Pool,
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
pub(crate) type Renew<'a> = &'a dyn Fn(&HeaderMap);

/// Makes something of an answer; told whether the request went out twice.
pub(crate) type Read<'a, T> = &'a mut dyn FnMut(&Reply, bool) -> Reading<T>;

/// What is made of an answer.
pub(crate) struct Reading<T> {
    pub outcome: Result<T, Error>,
    /// The call goes on with another request.
    pub goes_on: bool,
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
        gate.pass(&self.log, level, format_args!("{}: {line}", self.gateway));
    }
}

impl Call<'_> {
    /// Sends a request, and makes of the answer what `renew` and `read` say.
    pub fn ask<T>(&mut self, request: &Request, renew: Renew, read: Read<T>) -> Result<T, Error> {
        self.send(request, renew, read).map_err(|error| self.judged(self.or_cancelled(error)))
    }

    /// The gateway refused the last copy, so it has not acted on that one.
    pub fn refused(&mut self) {
        self.copies = self.copies.saturating_sub(1);
    }

    /// Makes sure that a connection stands ready, for a call and not for a poll, and gives it.
    pub fn make_ready(&mut self) -> Result<Box<Connection>, Error> {
        // Only for what has just been seen to work it can be said that it stands ready.
        const JUST_NOW: Duration = Duration::from_secs(2);
        let kept = self.in_flight.take_idle(Pick::Newest, JUST_NOW, self.deadline);
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.open_ahead().map_err(|error| self.or_cancelled(error))?,
        };
        connection.reserved = true;
        Ok(connection)
    }

    pub fn keep(&self, connection: Box<Connection>) {
        if self.carrier.keep_alive {
            self.in_flight.put_back(connection, false);
        }
    }

    fn send<T>(&mut self, request: &Request, renew: Renew, read: Read<T>) -> Result<T, Error> {
        // A poll may wait for a new connection, and keeps one alive that nobody else would use.
        let polls = request.interface == Interface::GetAgentEvent;
        let pick = if polls { Pick::Oldest } else { Pick::Newest };
        if let Some(kept) = self.in_flight.take_idle(pick, Duration::MAX, self.deadline) {
            match self.exchange(kept, request, true, renew, read) {
                Err(failed) if failed.may_resend && !self.in_flight.is_cancelled() => {
                    if let Some(moment) = failed.silent_since {
                        self.in_flight.pool.drop_unheard_since(moment);
                    }
                    self.carrier.log(Level::Debug, format_args!("the kept connection was dead"));
                }
                outcome => return outcome.map_err(|failed| failed.error),
            }
        }
        let connection = self.open()?;
        self.exchange(connection, request, false, renew, read).map_err(|failed| failed.error)
    }

    fn exchange<T>(
        &mut self,
        mut connection: Box<Connection>,
        request: &Request,
        reused: bool,
        renew: Renew,
        read: Read<T>,
    ) -> Result<T, ExchangeError> {
        let reply = connection.exchange(&request.head(), request.body, self.deadline, reused);
        self.copies += u32::from(reply.as_ref().map_or_else(|failed| failed.sent, |_| true));
        self.resent |= self.copies > 1;
        let headers = match &reply {
            Ok(reply) => Some(reply.headers()),
            Err(failed) => failed.headers.as_deref(),
        };
        headers.into_iter().for_each(renew);
        let mut reply = reply?;
        let Reading { outcome, goes_on } = read(&reply, self.resent);
        let has_retcode = outcome.as_ref().map_or_else(|error| error.retcode().is_some(), |_| true);
        let cut = reply.cut.take();
        connection.settle(reply, has_retcode);
        if self.carrier.keep_alive && connection.may_be_kept() {
            self.in_flight.put_back(connection, goes_on);
        }
        // What was read of an answer that was cut is of no use without a retcode.
        let error = |error| if has_retcode { error } else { cut.unwrap_or(error) };
        outcome.map_err(|why| ExchangeError::plain(error(why), true))
    }

    fn open_ahead(&self) -> Result<Box<Connection>, Error> {
        let mut connection = self.open()?;
        connection.drain_post_handshake()?;
        Ok(connection)
    }

    fn open(&self) -> Result<Box<Connection>, Error> {
        let InFlight { pool, cancel, .. } = &self.in_flight;
        let connector = Connector {
            route: &self.carrier.route,
            tls_peer: pool.tls_peer.as_ref(),
            look_ups: &pool.look_ups,
            last_good: &pool.last_good,
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
    fn judged(&self, mut error: Error) -> Error {
        let refused = error.retcode().is_some_and(|retcode| retcode != ACCEPTED);
        let maybe_sent = may_have_acted(self.copies, refused, error.status());
        let details = error.details_mut();
        details.maybe_sent = maybe_sent;
        details.resent = self.resent;
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
