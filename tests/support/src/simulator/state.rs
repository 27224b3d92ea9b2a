//! What the simulated gateway knows: its agents, their Guids, the conferences that ring at them
//! and the events that wait for them.
//!
//! Pure logic: every method that depends on time is told the time. [`State::tick`] does what falls
//! due by itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::codes::Refusal;
use super::guid::{GuidRules, Guids, Node};

/// The smallest agent id ("Parameter in the URI").
pub const MIN_AGENT_ID: u32 = 101;

/// The largest agent id of the gateways that the document describes.
pub const MAX_AGENT_ID: u32 = 59_999;

const FIRST_CONF_ID: u64 = 1_031_168;
const MAX_WAITING_EVENTS: usize = 1_000;
const MAX_RECORDS: usize = 10_000;

/// Why a call ended, in `AgentOther_PhoneRelease`.
const RELEASED_BY_AGENT: u8 = 2;
const RELEASED_BY_PLATFORM: u8 = 3;

/// How the gateway behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When Guids change.
    pub guids: GuidRules,
    /// The answer to a wrong or stale Guid: [`Refusal::NotSignedIn`] or [`Refusal::GuidRefused`].
    pub stale: Refusal,
    /// The largest agent id.
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

/// An event as a poll's answer carries it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The `eventType`.
    pub kind: &'static str,
    /// The `content`.
    pub content: Value,
}

/// A poll for events that waits for its answer.
#[derive(Clone, Debug)]
pub struct Poll {
    agent: u32,
    number: u64,
    guid: String,
}

/// How a poll ends before its time is up.
#[derive(Clone, Debug, PartialEq)]
pub enum PollEnd {
    /// With an event.
    Event(Event),
    /// Without an event: a newer poll of the same agent takes its place.
    Superseded,
    /// The agent is signed out, or the Guid is dead.
    Refused(Refusal),
}

/// A request for `rejectAgentConf`, taken apart.
#[derive(Clone, Debug)]
pub struct RejectRequest<'a> {
    /// `agentid` of the URI.
    pub agent: &'a str,
    /// The header `Guid`.
    pub guid: Option<&'a str>,
    /// Whether `Content-Type` says JSON in UTF-8.
    pub json: bool,
    /// Whether there is no body, as documented.
    pub empty_body: bool,
}

/// The answer to a [`RejectRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct RejectAnswer {
    /// The HTTP status.
    pub http_status: u16,
    /// `retcode`; without one the answer is an HTML page.
    pub retcode: Option<String>,
    /// `message`.
    pub message: String,
    /// The answer is held back for so long. What the request does is done at once.
    pub delay: Duration,
}

/// How the next rejects of an agent are answered, whatever they say.
#[derive(Clone, Debug)]
pub struct Script {
    /// The code to answer with. Nothing is done to a ringing conference, not even with `"0"`.
    pub retcode: Option<String>,
    /// The message that goes with it.
    pub message: String,
    /// The HTTP status; other than 200 and without a `retcode`: an HTML page of that status.
    pub http_status: u16,
    /// For how many requests.
    pub count: u32,
    /// How long each answer is held back.
    pub delay: Duration,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            retcode: None,
            message: String::new(),
            http_status: 200,
            count: 1,
            delay: Duration::ZERO,
        }
    }
}

impl Script {
    fn is_delay_only(&self) -> bool {
        self.retcode.is_none() && self.http_status == 200
    }
}

/// A `rejectAgentConf` request that the gateway has seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRecord {
    /// 1 for the first request.
    pub sequence: u64,
    /// Milliseconds since the start.
    pub at_ms: u64,
    /// The agent id as it was sent.
    pub agent_id: String,
    /// The HTTP status of the answer.
    pub http_status: u16,
    /// The `retcode` of the answer; none if it was an HTML page.
    pub retcode: Option<String>,
}

/// What the control path tells about an agent.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentView {
    /// The agent's id.
    pub agent_id: String,
    /// Whether the agent is signed in.
    pub signed_in: bool,
    /// Whether a poll of the agent waits for an event.
    pub polling: bool,
    /// How many events wait for a poll.
    pub waiting_events: usize,
    /// The conference that rings at the agent.
    pub ringing_conf_id: Option<u64>,
}

/// Why the control path cannot do what it is told.
#[derive(Clone, Debug, PartialEq)]
pub enum ControlError {
    /// The request is wrong.
    BadRequest(String),
    /// What the request speaks of is not there.
    NotFound(String),
    /// It cannot be done in the present state.
    Conflict(String),
}

struct Ring {
    conf_id: u64,
    members: BTreeSet<u32>,
    since: Instant,
}

/// A signed-in agent.
struct Session {
    guids: Guids,
    events: VecDeque<Event>,
    ring: Option<Ring>,
    pending_poll: Option<u64>,
    /// When the idle time began; `None` until an agent signed in at start polls.
    idle_since: Option<Instant>,
}

impl Session {
    fn new(node: Node, now: Instant) -> Self {
        Self {
            guids: Guids::issue(node, now),
            events: VecDeque::new(),
            ring: None,
            pending_poll: None,
            idle_since: Some(now),
        }
    }

    fn push(&mut self, kind: &'static str, content: Value) {
        if self.events.len() == MAX_WAITING_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(Event { kind, content });
    }

    fn release(&mut self, released_by: u8) {
        self.ring = None;
        self.push("AgentOther_PhoneRelease", json!({ "phoneState": released_by }));
        self.push("AgentState_Ready", Value::Null);
    }
}

#[derive(Default)]
struct Agent {
    session: Option<Session>,
    scripts: VecDeque<Script>,
}

/// The state of the simulated gateway.
pub struct State {
    settings: Settings,
    started: Instant,
    agents: BTreeMap<u32, Agent>,
    next_conf_id: u64,
    polls: u64,
    requests: u64,
    records: VecDeque<RequestRecord>,
}

impl State {
    /// A gateway without agents.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            started: now,
            agents: BTreeMap::new(),
            next_conf_id: FIRST_CONF_ID,
            polls: 0,
            requests: 0,
            records: VecDeque::new(),
        }
    }

    /// Reads an `agentid`: decimal, without a leading zero, within the range.
    pub fn agent_id(&self, text: &str) -> Result<u32, Refusal> {
        let decimal = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        text.parse()
            .ok()
            .filter(|id| decimal && (MIN_AGENT_ID..=self.settings.max_agent_id).contains(id))
            .ok_or(Refusal::BadParameter)
    }

    /// Does what falls due by itself: conferences ring out, idle agents are signed out.
    /// Tells whether anything happened.
    pub fn tick(&mut self, now: Instant) -> bool {
        let Settings { ring_time, idle_sign_out, .. } = self.settings;
        let mut happened = false;
        for agent in self.agents.values_mut() {
            let Some(session) = &mut agent.session else {
                continue;
            };
            if is_over(session.ring.as_ref().map(|ring| ring.since), ring_time, now) {
                session.release(RELEASED_BY_PLATFORM);
                happened = true;
            }
            if session.pending_poll.is_none() && is_over(session.idle_since, idle_sign_out, now) {
                agent.session = None;
                happened = true;
            }
        }
        happened
    }

    // --- Signing in and out ---

    /// Signs an agent in at a node ("sign in", `PUT /onlineagent/{agentid}`) and gives the Guid.
    /// With `force` (`/forcelogin`) a signed-in agent gets a new Guid, and the old ones die.
    pub fn sign_in(
        &mut self,
        id: u32,
        force: bool,
        node: Node,
        now: Instant,
    ) -> Result<String, Refusal> {
        let agent = self.agents.entry(id).or_default();
        match &mut agent.session {
            Some(_) if !force => return Err(Refusal::AlreadySignedIn),
            Some(session) => {
                session.guids = Guids::issue(node, now);
                session.idle_since = Some(now);
            }
            None => agent.session = Some(Session::new(node, now)),
        }
        Ok(self.current_guid(id).expect("was issued just now"))
    }

    /// Signs an agent in when the simulator starts. The idle rule spares the agent until the
    /// first poll.
    pub fn sign_in_at_start(&mut self, id: u32, now: Instant) {
        let mut session = Session::new(Node::default(), now);
        session.idle_since = None;
        self.agents.entry(id).or_default().session = Some(session);
    }

    /// Signs an agent out ("sign out", `DELETE /onlineagent/{agentid}/logout`).
    pub fn sign_out(&mut self, id: u32, guid: Option<&str>, now: Instant) -> Result<(), Refusal> {
        if self.session(id).is_none() {
            return Err(Refusal::AlreadySignedOut);
        }
        self.authenticated(id, guid, now)?;
        self.agents.entry(id).or_default().session = None;
        Ok(())
    }

    /// Whether a request of an agent may be answered: the id is good, and the Guid is the agent's.
    /// Gives the newest Guid.
    pub fn check(&mut self, id: &str, guid: Option<&str>, now: Instant) -> Result<String, Refusal> {
        let id = self.agent_id(id)?;
        self.authenticated(id, guid, now)?;
        Ok(self.current_guid(id).expect("one was accepted"))
    }

    /// The newest Guid of an agent.
    pub fn current_guid(&self, id: u32) -> Option<String> {
        let session = self.session(id)?;
        session.guids.current().map(str::to_owned)
    }

    fn session(&self, id: u32) -> Option<&Session> {
        self.agents.get(&id)?.session.as_ref()
    }

    fn session_mut(&mut self, id: u32) -> Option<&mut Session> {
        self.agents.get_mut(&id)?.session.as_mut()
    }

    fn authenticated(
        &mut self,
        id: u32,
        guid: Option<&str>,
        now: Instant,
    ) -> Result<&mut Session, Refusal> {
        let rules = self.settings.guids.clone();
        let stale = self.settings.stale;
        let session = self.session_mut(id).ok_or(Refusal::NotSignedIn)?;
        if guid.is_some_and(|guid| session.guids.accepts(guid, &rules, now)) {
            Ok(session)
        } else {
            Err(stale)
        }
    }

    // --- Polling for events ---

    /// Begins a poll ("poll events", `GET /agentevent/{agentid}`).
    pub fn begin_poll(
        &mut self,
        id: u32,
        guid: Option<&str>,
        now: Instant,
    ) -> Result<Poll, Refusal> {
        let number = self.polls + 1;
        let session = self.authenticated(id, guid, now)?;
        session.pending_poll = Some(number);
        session.idle_since = Some(now);
        self.polls = number;
        Ok(Poll { agent: id, number, guid: guid.unwrap_or_default().to_owned() })
    }

    /// Whether a poll ends now, and how. An event is taken from the queue.
    pub fn poll_end(&mut self, poll: &Poll) -> Option<PollEnd> {
        let stale = self.settings.stale;
        let Some(session) = self.session_mut(poll.agent) else {
            return Some(PollEnd::Refused(Refusal::NotSignedIn));
        };
        if !session.guids.knows(&poll.guid) {
            return Some(PollEnd::Refused(stale));
        }
        if session.pending_poll != Some(poll.number) {
            return Some(PollEnd::Superseded);
        }
        session.events.pop_front().map(PollEnd::Event)
    }

    /// The Guid that the answer of `poll` carries: only one that the caller does not use yet.
    pub fn guid_for_answer(&mut self, poll: &Poll, now: Instant) -> Option<String> {
        let rules = self.settings.guids.clone();
        let session = self.session_mut(poll.agent)?;
        session.guids.renew_if_due(&rules, now);
        let current = session.guids.current()?;
        (current != poll.guid).then(|| current.to_owned())
    }

    /// A poll is over: answered, or its caller has gone.
    pub fn finish_poll(&mut self, poll: &Poll, now: Instant) {
        let session = self.session_mut(poll.agent);
        if let Some(session) = session.filter(|it| it.pending_poll == Some(poll.number)) {
            session.pending_poll = None;
            session.idle_since = Some(now);
        }
    }

    // --- rejectAgentConf ---

    /// Answers `POST /agentconf/{agentid}/rejectagentconf`, as scripted or by the rules, and keeps
    /// a record of it.
    pub fn reject(&mut self, request: &RejectRequest<'_>, now: Instant) -> RejectAnswer {
        let script = self.take_script(request.agent);
        let answer = if script.is_delay_only() {
            self.rejected_by_the_rules(request, script.delay, now)
        } else {
            RejectAnswer {
                http_status: script.http_status,
                retcode: script.retcode,
                message: script.message,
                delay: script.delay,
            }
        };
        self.record(request.agent, &answer, now);
        answer
    }

    fn rejected_by_the_rules(
        &mut self,
        request: &RejectRequest<'_>,
        delay: Duration,
        now: Instant,
    ) -> RejectAnswer {
        let (retcode, message) = match self.reject_conference(request, now) {
            Ok(()) => ("0", "success"),
            Err(refusal) => (refusal.code(), refusal.message()),
        };
        RejectAnswer {
            http_status: 200,
            retcode: Some(retcode.to_owned()),
            message: message.to_owned(),
            delay,
        }
    }

    fn reject_conference(
        &mut self,
        request: &RejectRequest<'_>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let id = self.agent_id(request.agent)?;
        if !request.json || !request.empty_body {
            return Err(Refusal::BadParameter);
        }
        let session = self.authenticated(id, request.guid, now)?;
        let ring = session.ring.take().ok_or(Refusal::NoConference)?;
        session.release(RELEASED_BY_AGENT);
        self.tell_members(id, &ring);
        Ok(())
    }

    /// "Triggered Event": the other members learn that the agent (type 9) has left (1) by its own
    /// doing (reason 0).
    fn tell_members(&mut self, id: u32, ring: &Ring) {
        for member in &ring.members {
            if let Some(session) = self.session_mut(*member) {
                session.push(
                    "AgentConf_ParticipantChanged",
                    json!({
                        "result": 0,
                        "changeType": 1,
                        "changeReason": 0,
                        "confId": ring.conf_id,
                        "participant": id.to_string(),
                        "participantType": 9,
                    }),
                );
            }
        }
    }

    fn take_script(&mut self, agent: &str) -> Script {
        self.agent_id(agent)
            .ok()
            .and_then(|id| self.agents.get_mut(&id))
            .and_then(Agent::next_script)
            .unwrap_or_default()
    }

    fn record(&mut self, agent: &str, answer: &RejectAnswer, now: Instant) {
        self.requests += 1;
        if self.records.len() == MAX_RECORDS {
            self.records.pop_front();
        }
        let at_ms = now.saturating_duration_since(self.started).as_millis();
        self.records.push_back(RequestRecord {
            sequence: self.requests,
            at_ms: u64::try_from(at_ms).unwrap_or(u64::MAX),
            agent_id: agent.to_owned(),
            http_status: answer.http_status,
            retcode: answer.retcode.clone(),
        });
    }

    // --- The control path ---

    /// A conference of `members` begins to ring at an agent. Gives the conference's id.
    pub fn ring(&mut self, id: u32, members: &[u32], now: Instant) -> Result<u64, ControlError> {
        if members.contains(&id) {
            let text = format!("agent {id} cannot be a member before it answers");
            return Err(ControlError::BadRequest(text));
        }
        let conf_id = self.next_conf_id;
        let session = self.signed_in(id)?;
        if let Some(ring) = &session.ring {
            let text = format!("conference {} rings at agent {id} already", ring.conf_id);
            return Err(ControlError::Conflict(text));
        }
        session.ring =
            Some(Ring { conf_id, members: members.iter().copied().collect(), since: now });
        session.push("AgentConf_Ringing", json!({ "confId": conf_id }));
        self.next_conf_id += 1;
        Ok(conf_id)
    }

    /// A conference is cancelled before the agent has answered.
    pub fn cancel(&mut self, conf_id: u64) -> Result<(), ControlError> {
        self.agents
            .values_mut()
            .filter_map(|agent| agent.session.as_mut())
            .find(|session| session.conf_id() == Some(conf_id))
            .map(|session| session.release(RELEASED_BY_PLATFORM))
            .ok_or_else(|| ControlError::NotFound(format!("no conference {conf_id} rings")))
    }

    /// The next rejects of an agent are answered as `script` says, after those scripted before.
    pub fn answer_with(&mut self, id: u32, script: Script) {
        if script.count > 0 {
            self.agents.entry(id).or_default().scripts.push_back(script);
        }
    }

    /// All Guids of an agent die at once.
    pub fn expire(&mut self, id: u32) -> Result<(), ControlError> {
        self.signed_in(id).map(|session| session.guids.kill())
    }

    fn signed_in(&mut self, id: u32) -> Result<&mut Session, ControlError> {
        self.session_mut(id)
            .ok_or_else(|| ControlError::Conflict(format!("agent {id} is not signed in")))
    }

    /// Every agent that has ever been signed in or scripted.
    pub fn agents(&self) -> Vec<AgentView> {
        let views = self.agents.iter().map(|(id, agent)| agent.view(*id));
        views.collect()
    }

    /// The `rejectAgentConf` requests seen, oldest first; the newest ten thousand of them.
    pub fn records(&self) -> Vec<RequestRecord> {
        self.records.iter().cloned().collect()
    }
}

impl Session {
    fn conf_id(&self) -> Option<u64> {
        self.ring.as_ref().map(|ring| ring.conf_id)
    }
}

impl Agent {
    fn next_script(&mut self) -> Option<Script> {
        let script = self.scripts.front_mut()?;
        script.count -= 1;
        if script.count == 0 { self.scripts.pop_front() } else { Some(script.clone()) }
    }

    fn view(&self, id: u32) -> AgentView {
        let session = self.session.as_ref();
        AgentView {
            agent_id: id.to_string(),
            signed_in: session.is_some(),
            polling: session.is_some_and(|it| it.pending_poll.is_some()),
            waiting_events: session.map_or(0, |it| it.events.len()),
            ringing_conf_id: session.and_then(Session::conf_id),
        }
    }
}

fn is_over(since: Option<Instant>, limit: Duration, now: Instant) -> bool {
    since.is_some_and(|since| now.saturating_duration_since(since) >= limit)
}
