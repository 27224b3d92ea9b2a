//! What has happened, for whoever watches. Watchers come and ask, so that a slow one holds up nobody
//! and costs no memory: what it has not fetched in time is gone.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

use serde::Serialize;

use crate::lock;

const MAX_ENTRIES: usize = 1_000;

/// What an [`Entry`] tells of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    Request,
    Control,
    /// Something that befell an agent: an event, which waits for a poll, or the end of a session.
    Event,
}

/// One thing that has happened. It never holds a Guid.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// 1 for the first entry.
    pub sequence: u64,
    pub at_ms: u64,
    pub kind: Kind,
    pub name: String,
    /// The agent, `-` if there is none.
    pub agent_id: String,
    /// The outcome, or the event's content.
    pub detail: String,
}

/// The newest thousand entries.
pub struct Journal {
    started: Instant,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    newest: u64,
    kept: VecDeque<Entry>,
}

impl Journal {
    pub fn new(started: Instant) -> Self {
        Self { started, entries: Mutex::default() }
    }

    pub fn add(&self, kind: Kind, name: &str, agent_id: &str, detail: &str) {
        let at_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut entries = lock(&self.entries);
        entries.newest += 1;
        if entries.kept.len() == MAX_ENTRIES {
            entries.kept.pop_front();
        }
        let sequence = entries.newest;
        entries.kept.push_back(Entry {
            sequence,
            at_ms,
            kind,
            name: name.to_owned(),
            agent_id: agent_id.to_owned(),
            detail: detail.to_owned(),
        });
    }

    /// What came after the entry with this number, oldest first.
    pub fn after(&self, sequence: u64) -> Vec<Entry> {
        let entries = lock(&self.entries);
        let known = entries.kept.partition_point(|entry| entry.sequence <= sequence);
        entries.kept.range(known..).cloned().collect()
    }

    /// Forgets all entries; the next ones are numbered on, for those who watch.
    pub fn clear(&self) {
        lock(&self.entries).kept.clear();
    }
}
