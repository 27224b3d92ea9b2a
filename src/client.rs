//! The client: follows one call from its arguments to the connection and back.

use std::fmt;
use std::time::{Duration, Instant};

use crate::log::{Level, Log};
use crate::net::cancel::{CallId, cancelled};
use crate::net::connect::Connector;
use crate::net::deadline::Deadline;
use crate::net::http::{Connection, ExchangeError, HttpConfig};
use crate::net::pool::{InFlight, Pool};
use crate::net::resolve::Resolver;
use crate::net::rules::may_have_acted;
use crate::net::tls::{self, TlsPeer};
use crate::options::{ClientOptions, MIN_AGENT_ID, Trust};
use crate::request::{Request, RequestTemplate};
use crate::route::{Gateway, Route};
use crate::{Answer, Error, Status, answer};

/// A client of one gateway, for any number of agents and threads.
///
/// Cheap to call, not free to make (certificates are read): make one and share it.
pub struct Client {
    gateway: Gateway,
    template: RequestTemplate,
    route: Route,
    timeout: Duration,
    connect_timeout: Duration,
    max_agent_id: u32,
    keep_alive: bool,
    log: Log,
    pool: Pool,
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
            template: RequestTemplate::new(&gateway)?,
            gateway,
            route,
            timeout: options.timeout,
            connect_timeout: options.connect_timeout,
            max_agent_id: options.max_agent_id,
            keep_alive: options.keep_alive,
            log: Log::new(options.log_level, options.log.clone()),
            pool: Pool::new(tls_peer, Resolver::system(), HttpConfig::new()),
        };
        if options.trust == Trust::DangerAny {
            client.log(
                Level::Warn,
                format_args!(
                    "{}: the certificate is not checked (trust is DANGER_ANY)",
                    client.gateway
                ),
            );
        }
        Ok(client)
    }

    /// Rejects the conference call that rings at the agent; blocks until the answer, the time-out
    /// or a cancel. `guid` is the bare Guid or the whole value of a `Set-GUID` header.
    ///
    /// # Errors
    /// [`Error::status`] is the class to decide by; see [`Status`].
    pub fn reject_agent_conf(&self, agent_id: &str, guid: &str) -> Result<Answer, Error> {
        self.with_id(None).reject_agent_conf(agent_id, guid)
    }

    /// Makes sure that a verified connection stands ready, without sending a request. At sign-in
    /// it finds a wrong address or certificate; when the call rings it saves the set-up. Gives the
    /// connection in a sentence: TLS version, certificate, and what that was checked against.
    ///
    /// # Errors
    /// What a call would fail with.
    pub fn connect(&self) -> Result<String, Error> {
        self.with_id(None).connect()
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
        self.pool.current().cancel();
    }

    /// Makes the calls in progress that have this number end soon with [`Status::Cancelled`]; where
    /// there is none, the next one that begins with it ends at once, before anything is sent. The
    /// newest 1,024 such early cancels are remembered. No other call is disturbed.
    pub fn cancel_call(&self, id: CallId) {
        self.pool.current().cancel_call(id);
    }

    /// Ends calls in progress and to come. Once it has returned, the log sink is not called again.
    pub(crate) fn close(&self) {
        let pool = self.pool.current();
        pool.close();
        pool.gate.close();
    }

    pub(crate) fn log(&self, level: Level, line: fmt::Arguments) {
        self.pool.current().gate.pass(&self.log, level, line);
    }

    fn reject(&self, id: Option<CallId>, agent_id: &str, guid: &str) -> Result<Answer, Error> {
        let request = Request::new(&self.template, self.max_agent_id, agent_id, guid)?;
        #[cfg(debug_assertions)]
        crate::sys::fault::planted_panic();
        let call = self.pool.current().begin(id)?;
        let deadline = Deadline::after(self.timeout);
        let mut copies = 0;
        match self.send(&call, &request, deadline, &mut copies) {
            Ok(answer) => Ok(Answer { resent: copies > 1, ..answer }),
            Err(error) => Err(judged(or_cancelled(error, &call), copies)),
        }
    }

    /// Sends the request, and once more where the rules allow it; counts the copies that left.
    fn send(
        &self,
        call: &InFlight,
        request: &Request,
        deadline: Deadline,
        copies: &mut u32,
    ) -> Result<Answer, Error> {
        if let Some(kept) = call.take_idle(Duration::MAX, deadline) {
            match self.exchange(call, kept, request, deadline, true) {
                Err(failed) if failed.may_resend && !call.is_cancelled() => {
                    *copies += u32::from(failed.sent);
                    if let Some(moment) = failed.silent_since {
                        call.pool.drop_unheard_since(moment);
                    }
                    self.log(Level::Debug, format_args!("the kept connection was dead"));
                }
                outcome => return counted(outcome, copies),
            }
        }
        let connection = self.open(call, deadline)?;
        counted(self.exchange(call, connection, request, deadline, false), copies)
    }

    fn exchange(
        &self,
        call: &InFlight,
        mut connection: Connection,
        request: &Request,
        deadline: Deadline,
        reused: bool,
    ) -> Result<Answer, ExchangeError> {
        let copy = request.copy().map_err(|error| ExchangeError::plain(error, false))?;
        let mut reply = connection.exchange(copy, deadline, reused)?;
        let body = &reply.body;
        let outcome =
            answer::read(reply.http_status(), || reply.content_type(), body, request.guid);
        let has_retcode = outcome.as_ref().map_or_else(|error| error.retcode().is_some(), |_| true);
        let cut = reply.cut.take();
        connection.settle(reply, has_retcode);
        if self.keep_alive && connection.may_be_kept() {
            call.put_back(connection);
        }
        // What was read of an answer that was cut is of no use without a retcode.
        let error = |error| if has_retcode { error } else { cut.unwrap_or(error) };
        outcome.map_err(|why| ExchangeError::plain(error(why), true))
    }

    fn make_ready(&self, id: Option<CallId>) -> Result<String, Error> {
        // Only for what has just been seen to work it can be said that it stands ready.
        const JUST_NOW: Duration = Duration::from_secs(2);
        let call = self.pool.current().begin(id)?;
        let deadline = Deadline::after(self.timeout);
        let connection = match call.take_idle(JUST_NOW, deadline) {
            Some(connection) => connection,
            None => self.open_ahead(&call, deadline).map_err(|error| or_cancelled(error, &call))?,
        };
        let words = self.describe(&call, &connection);
        if self.keep_alive {
            call.put_back(connection);
        }
        Ok(words)
    }

    fn describe(&self, call: &InFlight, connection: &Connection) -> String {
        const SOON_DAYS: i64 = 14;
        let (Some(peer), Some((version, certificate))) =
            (&call.pool.tls_peer, connection.describe())
        else {
            return "plain http, nothing was checked".to_owned();
        };
        let words = format!("{version}, {}, {}", certificate.words, peer.checked);
        if certificate.days_left.is_some_and(|days| days < SOON_DAYS) {
            self.log(Level::Warn, format_args!("the certificate expires soon: {words}"));
        }
        words
    }

    fn open_ahead(&self, call: &InFlight, deadline: Deadline) -> Result<Connection, Error> {
        let mut connection = self.open(call, deadline)?;
        connection.drain_post_handshake()?;
        Ok(connection)
    }

    fn open(&self, call: &InFlight, deadline: Deadline) -> Result<Connection, Error> {
        let InFlight { pool, cancel, .. } = call;
        let connector = Connector {
            route: &self.route,
            tls_peer: pool.tls_peer.as_ref(),
            resolver: &pool.resolver,
            last_good: &pool.last_good,
            deadline,
            connect_timeout: self.connect_timeout,
            cancel,
        };
        let stream = connector.connect()?;
        let version = stream.tls_version();
        self.log(Level::Debug, format_args!("connected to {} ({version})", self.route.target));
        Ok(Connection::new(stream, &pool.http))
    }

    fn log_connect(&self, started: Instant, outcome: &Result<String, Error>) {
        let time = Milliseconds(started.elapsed());
        match outcome {
            Ok(words) => {
                self.log(Level::Info, format_args!("connect: {}, {time}: {words}", Status::Ok));
            }
            Err(error) => {
                let (status, detail) = (error.status(), error.detail());
                self.log(Level::Warn, format_args!("connect: {status}, {time}: {detail}"));
            }
        }
    }

    fn log_reject(&self, agent_id: &str, started: Instant, outcome: &Result<Answer, Error>) {
        let time = Milliseconds(started.elapsed());
        match outcome {
            Ok(answer) => self.log(
                Level::Info,
                format_args!(
                    "rejectAgentConf agent {agent_id}: {}, retcode {}, {time}",
                    Status::Ok,
                    answer.retcode
                ),
            ),
            Err(error) => {
                // A text that is no agent ID may be anything, a Guid in the wrong place included.
                let unreadable = error.status() == Status::InvalidAgentId;
                let agent_id = if unreadable { "?" } else { agent_id };
                let (status, detail) = (error.status(), error.detail());
                let retcode = error.retcode().unwrap_or("none");
                self.log(
                    Level::Warn,
                    format_args!(
                        "rejectAgentConf agent {agent_id}: {status}, retcode {retcode}, {time}: {detail}"
                    ),
                );
            }
        }
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
    pub fn reject_agent_conf(&self, agent_id: &str, guid: &str) -> Result<Answer, Error> {
        let started = Instant::now();
        let outcome = self.client.reject(self.id, agent_id, guid);
        self.client.log_reject(agent_id, started, &outcome);
        outcome
    }

    /// As [`Client::connect`].
    ///
    /// # Errors
    /// The same.
    pub fn connect(&self) -> Result<String, Error> {
        let started = Instant::now();
        let outcome = self.client.make_ready(self.id);
        self.client.log_connect(started, &outcome);
        outcome
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("gateway", &self.gateway.to_string()).finish_non_exhaustive()
    }
}

fn counted(outcome: Result<Answer, ExchangeError>, copies: &mut u32) -> Result<Answer, Error> {
    *copies += u32::from(outcome.as_ref().map_or_else(|failed| failed.sent, |_| true));
    outcome.map_err(|failed| failed.error)
}

/// What follows from the number of copies of the request of which a byte left.
fn judged(mut error: Error, copies: u32) -> Error {
    let maybe_sent = may_have_acted(copies, error.retcode().is_some(), error.status());
    let details = error.details_mut();
    details.maybe_sent = maybe_sent;
    details.resent = copies > 1;
    error
}

/// A cancelled call fails as cancelled, whatever the shut socket looked like.
fn or_cancelled(error: Error, call: &InFlight) -> Error {
    if !call.is_cancelled() || error.retcode().is_some() {
        return error;
    }
    let mut cancelled = cancelled();
    cancelled.details_mut().http_status = error.http_status();
    cancelled
}

struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0.as_secs_f64() * 1000.0)
    }
}
