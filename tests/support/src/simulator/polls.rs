//! Polling for events.

use std::time::Instant;

use super::codes::{Allowed, Refusal, Refused};
use super::session::Event;
use super::state::{Settings, State};

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
    Event(Event),
    /// Without an event: a newer poll of the same agent takes its place.
    Superseded,
    /// The agent is signed out, or the Guid is dead.
    Refused(Refused),
}

impl State {
    /// Begins a poll ("poll events", `GET /agentevent/{agentid}`).
    pub fn begin_poll(&mut self, id: u32, guid: Option<&str>, now: Instant) -> Allowed<Poll> {
        let number = self.polls + 1;
        let session = self.authenticated(id, guid, now)?;
        session.pending_poll = Some(number);
        session.idle_since = Some(now);
        self.polls = number;
        Ok(Poll { agent: id, number, guid: guid.unwrap_or_default().to_owned() })
    }

    /// Whether a poll ends now, and how. An event is taken from the queue.
    pub fn poll_end(&mut self, poll: &Poll, now: Instant) -> Option<PollEnd> {
        let Settings { guids: rules, stale, .. } = self.settings;
        if let Err(refused) = self.check_signed_in(poll.agent, Refusal::NotSignedIn, now) {
            return Some(PollEnd::Refused(refused));
        }
        let session = self.session_mut(poll.agent)?;
        if !session.guids.knows(&poll.guid) {
            let why = session.guids.why_not(Some(&poll.guid), &rules, now);
            return Some(PollEnd::Refused(Refused::new(stale, why)));
        }
        if session.pending_poll != Some(poll.number) {
            return Some(PollEnd::Superseded);
        }
        session.events.pop_front().map(PollEnd::Event)
    }

    /// The Guid that the answer of `poll` carries: only one that the caller does not use yet.
    pub fn guid_for_answer(&mut self, poll: &Poll, now: Instant) -> Option<String> {
        let rules = self.settings.guids;
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
}
