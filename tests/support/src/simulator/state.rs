//! What the simulated gateway knows: its agents, their Guids, the conferences that ring at them
//! and the events that wait for them.
//!
//! Pure logic: every method that depends on time is told the time. [`State::tick`] does what falls
//! due by itself.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::balancer::Memory;
use super::codes::{Allowed, Refusal, Refused};
use super::faults::Faults;
use super::guid::{GuidRules, Node, ago, random_guid};
use super::session::{Agent, Past, Ring, Session};

pub use super::polls::{Poll, PollEnd};
pub use super::reject::{RejectAnswer, RejectRequest, RequestRecord, Script};
pub use super::session::Event;

/// The smallest agent id ("Parameter in the URI").
pub const MIN_AGENT_ID: u32 = 101;

/// The largest agent id of the gateways that the document describes.
pub const MAX_AGENT_ID: u32 = 59_999;

const FIRST_CONF_ID: u64 = 1_031_168;

/// Why a call ended, in `AgentOther_PhoneRelease`.
pub(super) const RELEASED_BY_AGENT: u8 = 2;
const RELEASED_BY_PLATFORM: u8 = 3;

/// Not an event that a poll brings: the agent is told nothing.
const IDLE_SIGN_OUT: &str = "signed out for want of polls";

/// How the gateway behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    pub guids: GuidRules,
    /// The answer to a wrong or stale Guid: [`Refusal::NotSignedIn`] or [`Refusal::GuidRefused`].
    pub stale: Refusal,
    pub max_agent_id: u32,
    /// An agent who does not poll for so long is signed out.
    pub idle_sign_out: Duration,
    /// A conference rings for so long.
    pub ring_time: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            guids: GuidRules::default(),
            stale: Refusal::NotSignedIn,
            max_agent_id: MAX_AGENT_ID,
            idle_sign_out: Duration::from_secs(120),
            ring_time: Duration::from_secs(60),
        }
    }
}

/// Why the control path cannot do what it is told: the HTTP status that says so, and in words.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlError(pub StatusCode, pub String);

pub struct State {
    pub(super) settings: Settings,
    started: Instant,
    pub(super) agents: BTreeMap<u32, Agent>,
    next_conf_id: u64,
    pub(super) polls: u64,
    pub(super) requests: u64,
    pub(super) records: VecDeque<RequestRecord>,
    /// What has happened to agents since it was taken.
    pub(super) news: Vec<(u32, Event)>,
    pub faults: Faults,
    pub balancer: Memory,
}

impl State {
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            started: now,
            agents: BTreeMap::new(),
            next_conf_id: FIRST_CONF_ID,
            polls: 0,
            requests: 0,
            records: VecDeque::new(),
            news: Vec::new(),
            faults: Faults::default(),
            balancer: Memory::default(),
        }
    }

    /// Reads an `agentid`: decimal, without a leading zero, within the range.
    pub fn agent_id(&self, text: &str) -> Allowed<u32> {
        let (least, most) = (MIN_AGENT_ID, self.settings.max_agent_id);
        let decimal = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        let id = text.parse().ok().filter(|id| decimal && (least..=most).contains(id));
        id.ok_or_else(|| {
            let why = format!("agent ID is not a number from {least} to {most}");
            Refused::new(Refusal::BadParameter, why)
        })
    }

    /// Does what falls due by itself: conferences ring out, idle agents are signed out.
    /// Tells whether anything happened.
    pub fn tick(&mut self, now: Instant) -> bool {
        let Settings { ring_time, idle_sign_out, .. } = self.settings;
        let (mut rung_out, mut idle) = (Vec::new(), Vec::new());
        for (id, agent) in &self.agents {
            let Some(session) = &agent.session else {
                continue;
            };
            if is_over(session.ring.as_ref().and_then(|ring| ring.since), ring_time, now) {
                rung_out.push(*id);
            }
            if session.pending_poll.is_none() && is_over(session.idle_since, idle_sign_out, now) {
                idle.push(*id);
            }
        }
        for id in &rung_out {
            self.release(*id, RELEASED_BY_PLATFORM, "rang out", now);
        }
        for id in &idle {
            self.agents.entry(*id).or_default().leave("was signed out for want of polls", now);
            self.news.push((*id, Event { kind: IDLE_SIGN_OUT, content: Value::Null }));
        }
        !rung_out.is_empty() || !idle.is_empty()
    }

    pub(super) fn push(&mut self, id: u32, kind: &'static str, content: Value) {
        let event = Event { kind, content };
        if let Some(session) = self.session_mut(id) {
            session.push(event.clone());
            self.news.push((id, event));
        }
    }

    /// What rings at an agent ends.
    pub(super) fn release(&mut self, id: u32, by: u8, what: &'static str, at: Instant) {
        if let Some(session) = self.session_mut(id) {
            session.ring = None;
            session.last_ring = Some(Past { what, at });
        }
        self.push(id, "AgentOther_PhoneRelease", json!({ "phoneState": by }));
        self.push(id, "AgentState_Ready", Value::Null);
    }

    // --- Signing in and out ---

    /// Signs an agent in at a node ("sign in", `PUT /onlineagent/{agentid}`) and gives the Guid.
    /// With `force` (`/forcelogin`) a signed-in agent gets a new Guid, and the old ones die.
    pub fn sign_in(&mut self, id: u32, force: bool, node: Node, now: Instant) -> Allowed<String> {
        let agent = self.agents.entry(id).or_default();
        match &mut agent.session {
            Some(_) if !force => {
                let why = format!("agent {id} is signed in, and this is no forced sign-in");
                return Err(Refused::new(Refusal::AlreadySignedIn, why));
            }
            Some(session) => {
                session.guids.issue_anew(node, now);
                session.idle_since = Some(now);
            }
            None => agent.session = Some(Session::new(node, random_guid(node), now)),
        }
        Ok(self.current_guid(id).expect("was issued just now"))
    }

    /// Signs an agent in when the simulator starts, with this Guid. The idle rule spares the agent
    /// until the first poll.
    pub fn sign_in_at_start(&mut self, id: u32, guid: &str, now: Instant) {
        let session = Session::new(Node::default(), guid.to_owned(), now);
        let session = Session { idle_since: None, ..session };
        self.agents.entry(id).or_default().session = Some(session);
    }

    /// Signs an agent out ("sign out", `DELETE /onlineagent/{agentid}/logout`).
    pub fn sign_out(&mut self, id: u32, guid: Option<&str>, now: Instant) -> Allowed<()> {
        self.check_signed_in(id, Refusal::AlreadySignedOut, now)?;
        self.authenticated(id, guid, now)?;
        self.agents.entry(id).or_default().leave("signed out", now);
        Ok(())
    }

    /// Whether a request of an agent may be answered: the id is good, and the Guid is the agent's.
    /// Gives the newest Guid.
    pub fn check(&mut self, id: &str, guid: Option<&str>, now: Instant) -> Allowed<String> {
        let id = self.agent_id(id)?;
        self.authenticated(id, guid, now)?;
        Ok(self.current_guid(id).expect("one was accepted"))
    }

    pub fn current_guid(&self, id: u32) -> Option<String> {
        let session = self.session(id)?;
        session.guids.current().map(str::to_owned)
    }

    pub(super) fn session(&self, id: u32) -> Option<&Session> {
        self.agents.get(&id)?.session.as_ref()
    }

    pub(super) fn session_mut(&mut self, id: u32) -> Option<&mut Session> {
        self.agents.get_mut(&id)?.session.as_mut()
    }

    /// Refuses what is for signed-in agents only.
    pub(super) fn check_signed_in(&self, id: u32, refusal: Refusal, now: Instant) -> Allowed<()> {
        let why = match self.agents.get(&id) {
            Some(Agent { session: Some(_), .. }) => return Ok(()),
            Some(Agent { left: Some(Past { what, at }), .. }) => {
                format!("agent {id} {what} {}", ago(*at, now))
            }
            Some(_) => format!("agent {id} has not signed in"),
            None => format!("unknown agent {id}: never signed in"),
        };
        Err(Refused::new(refusal, why))
    }

    pub(super) fn authenticated(
        &mut self,
        id: u32,
        guid: Option<&str>,
        now: Instant,
    ) -> Allowed<&mut Session> {
        let Settings { guids: rules, stale, .. } = self.settings;
        self.check_signed_in(id, Refusal::NotSignedIn, now)?;
        let session = self.session_mut(id).expect("is signed in");
        if guid.is_some_and(|guid| session.guids.accepts(guid, &rules, now)) {
            Ok(session)
        } else {
            Err(Refused::new(stale, session.guids.why_not(guid, &rules, now)))
        }
    }

    // --- The control path ---

    /// A conference of `members` begins to ring at an agent. Gives the conference's id.
    pub fn ring(&mut self, id: u32, members: &[u32], now: Instant) -> Result<u64, ControlError> {
        if members.contains(&id) {
            let text = format!("agent {id} cannot be a member before it answers");
            return Err(ControlError(StatusCode::BAD_REQUEST, text));
        }
        let conf_id = self.next_conf_id;
        let session = self.signed_in(id)?;
        if let Some(ring) = &session.ring {
            let text = format!("conference {} rings at agent {id} already", ring.conf_id);
            return Err(ControlError(StatusCode::CONFLICT, text));
        }
        session.ring =
            Some(Ring { conf_id, members: members.iter().copied().collect(), since: Some(now) });
        self.push(id, "AgentConf_Ringing", json!({ "confId": conf_id }));
        self.next_conf_id += 1;
        Ok(conf_id)
    }

    /// What rings at an agent does not ring out.
    pub fn ring_on(&mut self, id: u32) {
        if let Some(ring) = self.session_mut(id).and_then(|session| session.ring.as_mut()) {
            ring.since = None;
        }
    }

    /// A conference is cancelled before the agent has answered.
    pub fn cancel(&mut self, conf_id: u64, now: Instant) -> Result<(), ControlError> {
        let rings = |id: &u32| self.session(*id).and_then(Session::conf_id) == Some(conf_id);
        let id = self.agents.keys().copied().find(rings);
        let id = id.ok_or_else(|| not_found(format!("no conference {conf_id} rings")))?;
        self.release(id, RELEASED_BY_PLATFORM, "was cancelled", now);
        Ok(())
    }

    /// As [`State::cancel`], for whatever rings at an agent. Gives the conference's id.
    pub fn cancel_at(&mut self, id: u32, now: Instant) -> Result<u64, ControlError> {
        let conf_id = self.session(id).and_then(Session::conf_id);
        let conf_id =
            conf_id.ok_or_else(|| not_found(format!("no conference rings at agent {id}")))?;
        self.cancel(conf_id, now).map(|()| conf_id)
    }

    /// The next rejects of an agent are answered as `script` says, after those scripted before.
    pub fn answer_with(&mut self, id: u32, script: Script) {
        if script.count > 0 {
            self.agents.entry(id).or_default().scripts.push_back(script);
        }
    }

    /// All Guids of an agent die at once.
    pub fn expire(&mut self, id: u32, now: Instant) -> Result<(), ControlError> {
        self.signed_in(id).map(|session| session.guids.kill(now))
    }

    fn signed_in(&mut self, id: u32) -> Result<&mut Session, ControlError> {
        let conflict =
            || ControlError(StatusCode::CONFLICT, format!("agent {id} is not signed in"));
        self.session_mut(id).ok_or_else(conflict)
    }

    /// Every agent that has ever been signed in or scripted, as the control path tells of them.
    pub fn agents(&self) -> Vec<Value> {
        self.agents.iter().map(|(id, agent)| self.view(*id, agent)).collect()
    }

    /// The agents, and the faults that are still to come.
    pub fn told(&self) -> Value {
        json!({ "agents": self.agents(), "faults": self.faults.0 })
    }

    fn view(&self, id: u32, agent: &Agent) -> Value {
        let session = agent.session.as_ref();
        let issued = session.and_then(|it| it.guids.issued());
        let dies = issued.and_then(|issued| self.settings.guids.dies(issued));
        let scripted = agent.scripts.iter().map(|script| u64::from(script.count));
        json!({
            "agentId": id.to_string(),
            "signedIn": session.is_some(),
            "polling": session.is_some_and(|it| it.pending_poll.is_some()),
            "waitingEvents": session.map_or(0, |it| it.events.len()),
            "ringingConfId": session.and_then(Session::conf_id),
            "scriptedAnswers": scripted.sum::<u64>(),
            // Of the newest Guid, since the start; null if all are dead, or it does not by itself.
            "guidIssuedAtMs": issued.map(|issued| self.milliseconds(issued)),
            "guidDiesAtMs": dies.map(|dies| self.milliseconds(dies)),
        })
    }

    /// From the start until `then`.
    pub(super) fn milliseconds(&self, then: Instant) -> u64 {
        let since = then.saturating_duration_since(self.started).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

fn not_found(text: String) -> ControlError {
    ControlError(StatusCode::NOT_FOUND, text)
}

fn is_over(since: Option<Instant>, limit: Duration, now: Instant) -> bool {
    since.is_some_and(|since| now.saturating_duration_since(since) >= limit)
}
