//! The gateway as its interfaces share it: the state, told the time, and the log.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

use super::faults::FaultOrder;
use super::journal::{Journal, Kind};
use super::reply::Reply;
use super::start::Start;
use super::state::{ControlError, State};
use super::wire::Wires;

/// Requests to the control path that change nothing: who looks often is not to fill the journal.
const LOOKS: [&str; 4] =
    ["simulator.state", "simulator.agents", "simulator.requests", "simulator.journal"];

const TICK: Duration = Duration::from_millis(50);

/// One answered request, for the log. It never holds a Guid.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Time since the start.
    pub at: Duration,
    /// The "Method Name in Logs", or the name of a control request.
    pub method: &'static str,
    /// The agent id as it was sent; `-` if there is none, `?` if it is not printable.
    pub agent: String,
    /// The `retcode`, or the HTTP status of an answer without one.
    pub outcome: String,
    /// Why a request was refused, in words.
    pub why: Option<String>,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.as_secs_f64();
        let (method, agent, outcome) = (self.method, &self.agent, &self.outcome);
        write!(f, "{seconds:10.3} {method} agent={agent} {outcome}")?;
        self.why.as_ref().map_or(Ok(()), |why| write!(f, ": {why}"))
    }
}

/// Takes the log lines.
pub type Log = Box<dyn Fn(&LogLine) + Send + Sync>;

/// The gateway as its request handlers share it.
pub struct Gateway {
    state: Mutex<State>,
    changed: watch::Sender<()>,
    started: Instant,
    poll_wait: Duration,
    log: Option<Log>,
    journal: Journal,
    start: Start,
    tls: bool,
    /// The connections over which requests come.
    pub wires: Wires,
}

impl Gateway {
    /// A gateway whose polls wait for `poll_wait` if there is no event.
    pub fn new(
        start: Start,
        tls: bool,
        poll_wait: Duration,
        log: Option<Log>,
    ) -> Result<Self, ControlError> {
        let started = Instant::now();
        let state = Mutex::new(start.state(started, started)?);
        let (changed, journal, wires) =
            (watch::Sender::new(()), Journal::new(started), Wires::default());
        Ok(Self { state, changed, started, poll_wait, log, journal, start, tls, wires })
    }

    /// Everything becomes as it was at the start, with the Guids of then.
    pub fn reset(&self) {
        self.wires.end_handed_over();
        self.journal.clear();
        self.change(|state, now| {
            let fresh = self.start.state(self.started, now);
            let mut fresh = fresh.expect("it was possible before");
            fresh.succeed(state);
            *state = fresh;
        });
    }

    /// A fault is to come.
    pub fn order(&self, order: FaultOrder) -> Result<(), ControlError> {
        let of_tls = order.fault.is_of_tls();
        if of_tls && !self.tls {
            let text = format!("{} needs HTTPS, and this is plain HTTP", order.fault);
            return Err(ControlError::Conflict(text));
        }
        self.with(|state, _| state.faults.add(order));
        if of_tls {
            self.wires.close_kept();
        }
        Ok(())
    }

    /// How long a poll waits.
    pub fn poll_wait(&self) -> Duration {
        self.poll_wait
    }

    /// Tells of every change that may end a poll.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// What has happened.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Does something to the state that is nothing to wake a waiting poll for.
    pub fn with<T>(&self, action: impl FnOnce(&mut State, Instant) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = action(&mut state, Instant::now());
        for (agent, event) in state.take_news() {
            let content = event.content.to_string();
            self.journal.add(Kind::Event, event.kind, &agent.to_string(), &content);
        }
        result
    }

    /// Does something to the state, after all that is due, and wakes the waiting polls.
    pub fn change<T>(&self, action: impl FnOnce(&mut State, Instant) -> T) -> T {
        let result = self.with(|state, now| {
            state.tick(now);
            action(state, now)
        });
        self.changed.send_replace(());
        result
    }

    /// Lets things fall due, for ever.
    pub async fn keep_time(&self) {
        loop {
            tokio::time::sleep(TICK).await;
            if self.with(State::tick) {
                self.changed.send_replace(());
            }
        }
    }

    /// Writes a log line.
    pub fn log(&self, method: &'static str, agent: &str, outcome: String, why: Option<String>) {
        let (at, agent) = (self.started.elapsed(), printable(agent));
        let why = why.map(|why| why.replace(char::is_control, "?"));
        let line = LogLine { at, method, agent, outcome, why };
        let kind = if method.starts_with("simulator") { Kind::Control } else { Kind::Request };
        let why = line.why.iter().map(|why| format!(": {why}"));
        let detail = line.outcome.clone() + &why.collect::<String>();
        if !LOOKS.contains(&method) {
            self.journal.add(kind, method, &line.agent, &detail);
        }
        if let Some(log) = &self.log {
            log(&line);
        }
    }

    /// Logs a reply, and makes it an answer.
    pub fn respond(&self, method: &'static str, agent: &str, mut reply: Reply) -> Response {
        let mut outcome = format!("retcode={}", reply.retcode);
        if let Some(("event", event)) = &reply.extra {
            outcome += &format!(" event={}", event["eventType"].as_str().unwrap_or_default());
        }
        if reply.guid.is_some() {
            outcome += " new-guid";
        }
        self.log(method, agent, outcome, reply.why.take());
        reply.into_response()
    }
}

fn printable(agent: &str) -> String {
    let plain = agent.len() <= 20 && agent.bytes().all(is_plain);
    if plain { agent } else { "?" }.to_owned()
}

/// What may stand in a log line.
pub fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}
