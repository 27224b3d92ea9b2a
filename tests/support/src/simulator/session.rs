//! What the gateway keeps of each agent: the session, what rings, what waits for a poll.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use serde_json::Value;

use super::guid::{Guids, Node};
use super::reject::Script;

const MAX_WAITING_EVENTS: usize = 1_000;

/// An event as a poll's answer carries it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub kind: &'static str,
    pub content: Value,
}

/// A conference that rings at an agent.
pub struct Ring {
    pub conf_id: u64,
    pub members: BTreeSet<u32>,
    /// `None`: it rings until somebody ends it.
    pub since: Option<Instant>,
}

/// Something that was, for the words of a refusal.
#[derive(Clone, Copy)]
pub struct Past {
    pub what: &'static str,
    pub at: Instant,
}

pub struct Session {
    pub guids: Guids,
    pub events: VecDeque<Event>,
    pub ring: Option<Ring>,
    /// How the conference before ended.
    pub last_ring: Option<Past>,
    pub pending_poll: Option<u64>,
    /// When the idle time began; `None` until an agent signed in at start polls.
    pub idle_since: Option<Instant>,
}

impl Session {
    pub fn new(node: Node, guid: String, now: Instant) -> Self {
        Self {
            guids: Guids::new(node, guid, now),
            events: VecDeque::new(),
            ring: None,
            last_ring: None,
            pending_poll: None,
            idle_since: Some(now),
        }
    }

    pub fn push(&mut self, event: Event) {
        if self.events.len() == MAX_WAITING_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    pub fn conf_id(&self) -> Option<u64> {
        self.ring.as_ref().map(|ring| ring.conf_id)
    }
}

/// An agent who was signed in or spoken of once.
#[derive(Default)]
pub struct Agent {
    pub session: Option<Session>,
    /// How the last session ended.
    pub left: Option<Past>,
    pub scripts: VecDeque<Script>,
}

impl Agent {
    /// How the next reject is answered.
    pub fn next_script(&mut self) -> Option<Script> {
        let script = self.scripts.front_mut()?;
        script.count -= 1;
        if script.count == 0 { self.scripts.pop_front() } else { Some(script.clone()) }
    }

    /// The session is over.
    pub fn leave(&mut self, what: &'static str, at: Instant) {
        self.session = None;
        self.left = Some(Past { what, at });
    }
}
