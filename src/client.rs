//! The client: what can be asked of a gateway, from the arguments to the outcome.

use std::fmt;
use std::time::{Duration, Instant};

use crate::carrier::{Call, Carrier};
use crate::cookies::Cookies;
use crate::event::{self, Poll};
use crate::log::{Level, Log};
use crate::net::cancel::{CallId, cancelled};
use crate::net::pool::{Pool, Tag};
use crate::net::tls::{self, TlsPeer};
use crate::options::{ClientOptions, MIN_AGENT_ID, Trust};
use crate::request::{AgentId, Interface, bare_guid};
use crate::retcode::ALREADY_SIGNED_OUT;
use crate::route::{Gateway, Route};
use crate::session::{Pass, Session, Sessions};
use crate::sign_in::SignIn;
use crate::{Answer, Error, Status};

/// How long the gateway holds a poll back for which it has no event.
const POLL_TIME: Duration = Duration::from_secs(10);

/// A client of one gateway, for any number of agents and threads.
///
/// Cheap to call, not free to make (certificates are read): make one and share it.
pub struct Client {
    timeout: Duration,
    max_agent_id: u32,
    pub(crate) carrier: Carrier,
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
        let tls_peer = if gateway.is_https {
            Some(TlsPeer::new(options, &gateway.address)?)
        } else {
            tls::refuse_without_tls(options)?;
            None
        };
        let carrier = Carrier {
            gateway,
            route,
            connect_timeout: options.connect_timeout,
            keep_alive: options.keep_alive,
            log: Log { level: options.log_level, sink: options.log.clone() },
            pool: Pool::new(tls_peer),
            sessions: Sessions::default(),
        };
        let (timeout, max_agent_id) = (options.timeout, options.max_agent_id);
        let client = Client { timeout, max_agent_id, carrier };
        if options.trust == Trust::DangerAny {
            let line = "the certificate is not checked (trust is DANGER_ANY)";
            client.carrier.log(Level::Warn, format_args!("{line}"));
        }
        Ok(client)
    }

    /// Rejects the conference that rings at the agent; blocks until the answer, the time-out
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
    /// it finds a wrong address or certificate; when a conference rings it saves the set-up. Gives the
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
            Some(guid) => {
                self.carrier.sessions.replace(agent.number, guid.to_owned().into(), cookies)
            }
            None => self.carrier.sessions.forget(agent.number, None),
        }
        Ok(())
    }

    /// The newest Guid and the cookies that are kept for an agent: the one place that shows them.
    ///
    /// # Errors
    /// [`Status::InvalidAgentId`]; [`Status::Session`] where there is none.
    pub fn session(&self, agent_id: &str) -> Result<Session, Error> {
        self.carrier.sessions.show(self.agent(agent_id)?)
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

    fn agent<'a>(&self, agent_id: &'a str) -> Result<AgentId<'a>, Error> {
        AgentId::checked(agent_id, self.max_agent_id)
    }

    /// What a request for the agent goes out with; `guid`: the caller's own.
    fn pass<'a>(&self, agent_id: &'a str, guid: Option<&'a str>) -> Result<Pass<'a>, Error> {
        let agent = self.agent(agent_id)?;
        self.carrier.sessions.pass(agent, guid.map(bare_guid).transpose()?)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("gateway", &self.carrier.gateway.base)
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
    /// As [`Client::reject_agent_conf`], errors included.
    pub fn reject_agent_conf<'a>(
        &self,
        agent_id: &str,
        guid: impl Into<Option<&'a str>>,
    ) -> Result<Answer, Error> {
        let guid = guid.into();
        self.logged(Interface::RejectAgentConf, agent_id, accepted, |interface| {
            let mut pass = self.client.pass(agent_id, guid)?;
            #[cfg(debug_assertions)]
            crate::sys::fault::planted_panic();
            self.begin()?.ask(interface, &mut pass, |_, answer| Ok(answer))
        })
    }

    /// As [`Client::connect`], errors included.
    pub fn connect(&self) -> Result<String, Error> {
        let started = Instant::now();
        let outcome = self.begin().and_then(|mut call| call.make_ready());
        let (carrier, ms) = (&self.client.carrier, milliseconds(started));
        match &outcome {
            Ok(words) => {
                let ok = Status::Ok;
                carrier.log(Level::Info, format_args!("connect: {ok}, {ms:.1} ms: {words}"));
            }
            Err(error) => {
                let (status, (colon, detail)) = (error.status(), behind(error));
                carrier
                    .log(Level::Warn, format_args!("connect: {status}, {ms:.1} ms{colon}{detail}"));
            }
        }
        outcome
    }

    /// As [`Client::sign_in`], errors included.
    pub fn sign_in(&self, sign_in: &SignIn) -> Result<Answer, Error> {
        self.logged(Interface::Login, sign_in.agent_id, accepted, |_| {
            let agent = self.client.agent(sign_in.agent_id)?;
            let body = sign_in.body()?;
            let sessions = &self.client.carrier.sessions;
            let mut pass = sessions.any_pass(agent, None);
            let (answer, guid) = self.begin()?.sign_in(&mut pass, &body, sign_in.force)?;
            sessions.replace(agent.number, guid, Some(pass.cookies));
            Ok(answer)
        })
    }

    /// As [`Client::next_event`], errors included.
    pub fn next_event(&self, agent_id: &str) -> Result<Poll, Error> {
        self.logged(Interface::GetAgentEvent, agent_id, polled, |interface| {
            let Client { carrier, timeout, .. } = self.client;
            let agent = self.client.pass(agent_id, None)?.agent;
            let tag = Tag { id: self.id, polls: Some(agent.number) };
            let mut call = carrier.begin(tag, POLL_TIME.saturating_add(*timeout))?;
            let _ends = PollEnds(&carrier.sessions, agent.number);
            if !call.in_flight.cancel.sleep(carrier.sessions.pause(agent.number)) {
                return Err(cancelled());
            }
            // In the pause another answer may have brought a newer one.
            let mut pass = carrier.sessions.pass(agent, None)?;
            call.ask(interface, &mut pass, |text, answer| {
                Ok(Poll { event: event::read(text)?, answer })
            })
        })
    }

    /// As [`Client::sign_out`], errors included.
    pub fn sign_out(&self, agent_id: &str) -> Result<Answer, Error> {
        self.logged(Interface::Logout, agent_id, accepted, |interface| {
            let mut pass = self.client.pass(agent_id, None)?;
            let agent = pass.agent.number;
            let mut call = self.begin()?;
            call.in_flight.pool.cancel_poll(agent);
            let outcome = call.ask(interface, &mut pass, |_, answer| Ok(answer));
            if outcome.as_ref().map_or_else(is_over, |_| true) {
                self.client.carrier.sessions.forget(agent, Some(&pass));
                // One that has begun meanwhile would wait in vain, unless it is from a newer session.
                if self.client.session(agent_id).is_err() {
                    call.in_flight.pool.cancel_poll(agent);
                }
            }
            outcome
        })
    }

    fn begin(&self) -> Result<Call<'_>, Error> {
        self.client.carrier.begin(Tag { id: self.id, polls: None }, self.client.timeout)
    }

    fn logged<T>(
        &self,
        interface: Interface,
        agent_id: &str,
        told: fn(&T) -> (Level, &str),
        call: impl FnOnce(Interface) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let started = Instant::now();
        let outcome = call(interface);
        let (name, ms) = (interface.name(), milliseconds(started));
        let carrier = &self.client.carrier;
        match &outcome {
            Ok(done) => {
                let ((level, what), ok) = (told(done), Status::Ok);
                carrier
                    .log(level, format_args!("{name} agent {agent_id}: {ok}, {what}, {ms:.1} ms"));
            }
            Err(error) => {
                let status = error.status();
                // A text that is no agent ID may be anything, a Guid in the wrong place included.
                let agent_id = if status == Status::InvalidAgentId { "?" } else { agent_id };
                let level = match status {
                    // Too late, or ended by the caller: no reason to warn.
                    Status::NoConference | Status::Cancelled => Level::Info,
                    _ => Level::Warn,
                };
                let (retcode, (colon, detail)) = (error.retcode().unwrap_or("none"), behind(error));
                carrier.log(
                    level,
                    format_args!(
                        "{name} agent {agent_id}: {status}, retcode {retcode:.31}, {ms:.1} ms\
                         {colon}{detail}"
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

fn polled(poll: &Poll) -> (Level, &str) {
    poll.event.as_ref().map_or((Level::Debug, "no event"), |event| (Level::Info, event.name()))
}

/// Notes when a poll ends, however it ends.
struct PollEnds<'a>(&'a Sessions, u32);

impl Drop for PollEnds<'_> {
    fn drop(&mut self) {
        self.0.polled(self.1);
    }
}

/// Whether a sign-out that was refused was so because there is nothing to sign out of.
fn is_over(error: &Error) -> bool {
    let session = error.status() == Status::Session && error.retcode().is_some();
    session || error.retcode() == Some(ALREADY_SIGNED_OUT)
}

/// What a line ends with, if there is anything to say.
fn behind(error: &Error) -> (&str, &str) {
    let detail = error.detail();
    (if detail.is_empty() { "" } else { ": " }, detail)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
