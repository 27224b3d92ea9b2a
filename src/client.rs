//! The client: follows one call from its arguments to the connection and back.

use std::fmt;
use std::time::{Duration, Instant};

use crate::log::{Level, Log};
use crate::net::cancel::cancelled;
use crate::net::connect::{Deadlines, LookUps, Secure, dial};
use crate::net::http::{Broken, Line};
use crate::net::pool::{Call, Idle, Traffic};
use crate::net::socket::Deadline;
use crate::net::tls;
use crate::options::{ClientOptions, Gateway, MIN_AGENT_ID, Route, Trust};
use crate::request::{Request, Template};
use crate::{Answer, Error, Status};

/// A client of one gateway, for any number of agents and threads.
///
/// Cheap to call, not free to make (certificates are read): make one and share it.
pub struct Client {
    gateway: Gateway,
    template: Template,
    route: Route,
    timeout: Duration,
    connect_timeout: Duration,
    max_agent_id: u32,
    keep_alive: bool,
    log: Log,
    traffic: Traffic,
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
        let secure = match gateway.https {
            false => {
                tls::refuse_without_tls(options)?;
                None
            }
            true => Some(Secure {
                name: tls::server_name(&gateway.address)?,
                config: tls::with_own_sessions(&tls::config(options)?),
            }),
        };
        let client = Client {
            template: Template::new(&gateway)?,
            gateway,
            route,
            timeout: options.timeout,
            connect_timeout: options.connect_timeout,
            max_agent_id: options.max_agent_id,
            keep_alive: options.keep_alive,
            log: Log::new(options.log_level, options.log.clone()),
            traffic: Traffic::new(secure, LookUps::system()),
        };
        if options.trust == Trust::DangerAny {
            let base = &client.gateway.base;
            client.log(
                Level::Warn,
                format_args!("{base}: certificates are not checked (AGW_TRUST_DANGER_ANY)"),
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
        let started = Instant::now();
        let outcome = self.reject(agent_id, guid);
        self.log_reject(agent_id, started, &outcome);
        outcome
    }

    /// Makes sure that a verified connection stands ready, without sending a request. At sign-in
    /// it finds a wrong address or certificate; when the call rings it saves the set-up.
    ///
    /// # Errors
    /// What a call would fail with.
    pub fn connect(&self) -> Result<(), Error> {
        let started = Instant::now();
        let outcome = self.make_ready();
        let (level, status) = match &outcome {
            Ok(()) => (Level::Info, Status::Ok),
            Err(error) => (Level::Warn, error.status()),
        };
        let detail = outcome.as_ref().err().map(|error| error.detail()).unwrap_or_default();
        let time = Milliseconds(started.elapsed());
        self.log(level, format_args!("connect: {status}, {time} {detail}"));
        outcome
    }

    /// Makes the calls now in progress end soon with [`Status::Cancelled`]. The client stays
    /// usable.
    pub fn cancel(&self) {
        self.traffic.here().cancel();
    }

    /// Ends calls in progress and to come. Once it has returned, the log sink is not called again.
    pub(crate) fn close(&self) {
        let traffic = self.traffic.here();
        traffic.close();
        traffic.gate.close();
    }

    pub(crate) fn log(&self, level: Level, line: fmt::Arguments) {
        self.traffic.here().gate.pass(&self.log, level, line);
    }

    fn reject(&self, agent_id: &str, guid: &str) -> Result<Answer, Error> {
        let request = Request::new(&self.template, self.max_agent_id, agent_id, guid)?;
        #[cfg(debug_assertions)]
        crate::sys::fault::planted_panic();
        let call = self.traffic.here().begin()?;
        let deadline = Deadline::after(self.timeout);
        let mut copies = 0;
        match self.send(&call, &request, deadline, &mut copies) {
            Ok(answer) => Ok(Answer { resent: copies > 1, ..answer }),
            Err(error) => Err(or_cancelled(error, &call).with_copies(copies)),
        }
    }

    /// Sends the request, and once more where the rules allow it; counts the copies that left.
    fn send(
        &self,
        call: &Call,
        request: &Request,
        deadline: Deadline,
        copies: &mut u32,
    ) -> Result<Answer, Error> {
        if let Some(idle) = call.take_idle(Duration::MAX, deadline) {
            match self.exchange(call, idle.line, request, deadline, true) {
                Ok(answer) => {
                    *copies += 1;
                    return Ok(answer);
                }
                Err(broken) => {
                    *copies += u32::from(broken.sent);
                    if !broken.may_send_again || call.is_cancelled() {
                        return Err(broken.error);
                    }
                }
            }
            self.log(Level::Debug, format_args!("the kept connection was dead"));
        }
        let line = self.open(call, deadline)?;
        let outcome = self.exchange(call, line, request, deadline, false);
        *copies += u32::from(outcome.as_ref().map_or_else(|broken| broken.sent, |_| true));
        outcome.map_err(|broken| broken.error)
    }

    fn exchange(
        &self,
        call: &Call,
        mut line: Line,
        request: &Request,
        deadline: Deadline,
        reused: bool,
    ) -> Result<Answer, Broken> {
        let outcome = line.exchange(request, deadline, reused);
        if self.keep_alive && line.may_be_kept() {
            call.keep(Idle::new(line));
        }
        outcome
    }

    fn make_ready(&self) -> Result<(), Error> {
        // A person may think about the ringing phone for this long.
        const AHEAD: Duration = Duration::from_secs(15);
        let call = self.traffic.here().begin()?;
        let deadline = Deadline::after(self.timeout);
        let idle = match call.take_idle(AHEAD, deadline) {
            Some(idle) => idle,
            None => self.open_ahead(&call, deadline).map_err(|error| or_cancelled(error, &call))?,
        };
        if self.keep_alive {
            call.keep(idle);
        }
        Ok(())
    }

    fn open_ahead(&self, call: &Call, deadline: Deadline) -> Result<Idle, Error> {
        let line = self.open(call, deadline)?;
        line.await_first_word(deadline)?;
        Ok(Idle::new(line))
    }

    fn open(&self, call: &Call, deadline: Deadline) -> Result<Line, Error> {
        let deadlines = Deadlines { call: deadline, connect_timeout: self.connect_timeout };
        let traffic = call.traffic;
        let secure = traffic.secure.as_ref();
        let wire = dial(&self.route, secure, &traffic.look_ups, deadlines, &call.control)?;
        self.log(
            Level::Debug,
            format_args!("connected to {} ({})", self.route.dial, wire.tls_version()),
        );
        Ok(Line::new(wire))
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

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("gateway", &self.gateway.base).finish_non_exhaustive()
    }
}

/// A cancelled call fails as cancelled, whatever the shut socket looked like.
fn or_cancelled(error: Error, call: &Call) -> Error {
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
