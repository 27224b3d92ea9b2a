//! The gateway as its interfaces share it: the state, told the time, and the log.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

use super::faults::FaultOrder;
use super::journal::{Journal, Kind};
use super::reply::Reply;
use super::start::Start;
use super::state::{ControlError, State};
use super::wire::Wires;
use crate::lock;

/// Requests to the control path that change nothing: who looks often is not to fill the journal.
const LOOKS: [&str; 4] =
    ["simulator.state", "simulator.agents", "simulator.requests", "simulator.journal"];

const TICK: Duration = Duration::from_millis(50);

/// Takes a line for each request that is answered. It never holds a Guid.
pub type Log = Box<dyn Fn(&str) + Send + Sync>;

/// As a handler gets it.
pub type SharedGateway = Shared<Arc<Gateway>>;

pub struct Gateway {
    state: Mutex<State>,
    /// Tells of every change that may end a poll.
    pub changed: watch::Sender<()>,
    pub started: Instant,
    pub poll_wait: Duration,
    log: Option<Log>,
    pub journal: Journal,
    start: Start,
    tls: bool,
    pub wires: Wires,
}

impl Gateway {
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
            fresh.polls = state.polls; // those of then are told from those to come
            *state = fresh;
        });
    }

    pub fn order(&self, order: FaultOrder) -> Result<(), ControlError> {
        let of_tls = order.fault.is_of_tls();
        if of_tls && !self.tls {
            let text = format!("{} needs HTTPS, and this is plain HTTP", order.fault);
            return Err(ControlError(StatusCode::CONFLICT, text));
        }
        self.with(|state, _| state.faults.0.push(order));
        if of_tls {
            self.wires.close_kept();
        }
        Ok(())
    }

    /// Does something to the state that is nothing to wake a waiting poll for.
    pub fn with<T>(&self, action: impl FnOnce(&mut State, Instant) -> T) -> T {
        let mut state = lock(&self.state);
        let result = action(&mut state, Instant::now());
        for (agent, event) in std::mem::take(&mut state.news) {
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

    /// `method`: the "Method Name in Logs", or the name of a control request; `outcome`: the retcode,
    /// or the HTTP status of an answer without one.
    pub fn log(&self, method: &'static str, agent: &str, outcome: String, why: Option<String>) {
        let (seconds, agent) = (self.started.elapsed().as_secs_f64(), printable(agent));
        let why = why.iter().map(|why| format!(": {}", why.replace(char::is_control, "?")));
        let detail = outcome + &why.collect::<String>();
        let kind = if method.starts_with("simulator") { Kind::Control } else { Kind::Request };
        if !LOOKS.contains(&method) {
            self.journal.add(kind, method, agent, &detail);
        }
        if let Some(log) = &self.log {
            log(&format!("{seconds:10.3} {method} agent={agent} {detail}"));
        }
    }

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

fn printable(agent: &str) -> &str {
    let plain = agent.len() <= 20 && agent.bytes().all(is_plain);
    if plain { agent } else { "?" }
}

/// What may stand in a log line.
pub fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}
