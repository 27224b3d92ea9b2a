//! `rejectAgentConf`: what is checked, what it does, and how a test has it answered otherwise.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;

use super::codes::{Allowed, Refusal, Refused};
use super::guid::ago;
use super::session::{Agent, Past, Ring};
use super::state::{RELEASED_BY_AGENT, State};

const MAX_RECORDS: usize = 10_000;

/// A request for `rejectAgentConf`, taken apart.
#[derive(Clone, Debug)]
pub struct RejectRequest<'a> {
    pub agent: &'a str,
    pub guid: Option<&'a str>,
    pub content_type: Option<&'a str>,
    /// The length of the body; documented is none.
    pub body: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RejectAnswer {
    pub http_status: u16,
    /// `retcode`; without one the answer is an HTML page.
    pub retcode: Option<String>,
    pub message: String,
    pub why: Option<String>,
    /// The answer is held back for so long. What the request does is done at once.
    pub delay: Duration,
}

/// How the next rejects of an agent are answered, whatever they say.
#[derive(Clone, Debug)]
pub struct Script {
    /// The code to answer with. Nothing is done to a ringing conference, not even with `"0"`.
    pub retcode: Option<String>,
    pub message: String,
    /// The HTTP status; other than 200 and without a `retcode`: an HTML page of that status.
    pub http_status: u16,
    /// For how many requests.
    pub count: u32,
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

/// A `rejectAgentConf` request that the gateway has seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRecord {
    /// 1 for the first request.
    pub sequence: u64,
    pub at_ms: u64,
    /// The agent id as it was sent.
    pub agent_id: String,
    pub http_status: u16,
    /// The `retcode` of the answer; none if it was an HTML page.
    pub retcode: Option<String>,
    pub reason: Option<String>,
}

impl State {
    /// Answers `POST /agentconf/{agentid}/rejectagentconf`, as scripted or by the rules, and keeps
    /// a record of it.
    pub fn reject(&mut self, request: &RejectRequest, now: Instant) -> RejectAnswer {
        let script = self.take_script(request.agent);
        let mut answer = RejectAnswer {
            http_status: script.http_status,
            retcode: script.retcode,
            message: script.message,
            why: Some("as scripted by answer-with".to_owned()),
            delay: script.delay,
        };
        // At most a delay is scripted.
        if answer.retcode.is_none() && answer.http_status == 200 {
            let ((retcode, message), why) = match self.reject_conference(request, now) {
                Ok(()) => (("0", "success"), None),
                Err(no) => (no.refusal.answer(), Some(no.why)),
            };
            let (retcode, message) = (Some(retcode.to_owned()), message.to_owned());
            answer = RejectAnswer { retcode, message, why, ..answer };
        }
        self.record(request.agent, &answer, now);
        answer
    }

    fn reject_conference(&mut self, request: &RejectRequest, now: Instant) -> Allowed<()> {
        let id = self.agent_id(request.agent)?;
        check_content_type(request.content_type)?;
        if request.body > 0 {
            let why = format!("a body of {} bytes, where none is expected", request.body);
            return Err(Refused::new(Refusal::BadParameter, why));
        }
        let session = self.authenticated(id, request.guid, now)?;
        let last = session.last_ring;
        let ring = session.ring.take().ok_or_else(|| nothing_rings(id, last, now))?;
        self.release(id, RELEASED_BY_AGENT, "was rejected", now);
        self.tell_members(id, &ring);
        Ok(())
    }

    /// "Triggered Event": the other members learn that the agent (type 9) has left (1) by its own
    /// doing (reason 0).
    fn tell_members(&mut self, id: u32, ring: &Ring) {
        for member in &ring.members {
            let content = json!({
                "result": 0,
                "changeType": 1,
                "changeReason": 0,
                "confId": ring.conf_id,
                "participant": id.to_string(),
                "participantType": 9,
            });
            self.push(*member, "AgentConf_ParticipantChanged", content);
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
        self.records.push_back(RequestRecord {
            sequence: self.requests,
            at_ms: self.milliseconds(now),
            agent_id: agent.to_owned(),
            http_status: answer.http_status,
            retcode: answer.retcode.clone(),
            reason: answer.why.clone(),
        });
    }

    /// The `rejectAgentConf` requests seen, oldest first; the newest ten thousand of them.
    pub fn records(&self) -> Vec<RequestRecord> {
        self.records.iter().cloned().collect()
    }
}

fn nothing_rings(id: u32, last: Option<Past>, now: Instant) -> Refused {
    let mut why = format!("no conference rings at agent {id}");
    if let Some(Past { what, at }) = last {
        why += &format!(", the last one {what} {}", ago(at, now));
    }
    Refused::new(Refusal::NoConference, why)
}

/// `Content-Type` is to be `application/json`, in UTF-8 if it names a charset.
fn check_content_type(value: Option<&str>) -> Allowed<()> {
    let refused = |why| Err(Refused::new(Refusal::BadParameter, why));
    let Some(value) = value else { return refused("no Content-Type") };
    let mut parts = value.split(';').map(|part| part.trim().to_lowercase());
    if parts.next().as_deref() != Some("application/json") {
        return refused("Content-Type is not application/json");
    }
    let other = parts.any(|part| {
        let charset = part.strip_prefix("charset=").map(|charset| charset.trim_matches('"'));
        charset.is_some_and(|charset| charset != "utf-8")
    });
    if other { refused("Content-Type names a charset other than UTF-8") } else { Ok(()) }
}
