//! A gateway for agents on shift: Guids that are renewed and die, events that are handed out once.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use support::gateway::Gateway;
use support::lock;

use crate::ledger::Ledger;
use crate::shift::{AGENTS, FIRST};
use crate::tag::Tag;

/// The events that were handed out: the agent's number and the event's.
pub const EVENTS: &str = "events.log";

/// A Guid is renewed after this time.
const RENEWED: Duration = Duration::from_secs(2);

/// How long a poll is held back for which there is no event; a real gateway takes ten times as long.
const HELD: Duration = Duration::from_secs(1);

/// How much time is between two events of an agent, on average.
const BETWEEN: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Agent {
    /// The number of the Guid; 0: signed out.
    guid: u32,
    last_guid: u32,
    renewed: Option<Instant>,
    /// The one before, where that is not dead at once.
    before: u32,
    waiting: VecDeque<u32>,
    events: u32,
}

impl Agent {
    fn renew(&mut self) {
        self.last_guid += 1;
        self.guid = self.last_guid;
        self.renewed = Some(Instant::now());
    }
}

pub struct ShiftGateway {
    agents: BTreeMap<u32, (Mutex<Agent>, Condvar)>,
    pub log: Ledger,
    pub renewals: AtomicU64,
}

impl ShiftGateway {
    pub fn new(folder: &Path) -> io::Result<Arc<Self>> {
        Ok(Arc::new(ShiftGateway {
            agents: (FIRST..FIRST + AGENTS).map(|agent| (agent, Default::default())).collect(),
            log: Ledger::create(folder, EVENTS)?,
            renewals: AtomicU64::new(0),
        }))
    }

    pub fn start(self: &Arc<Self>) -> Gateway {
        let shared = self.clone();
        Gateway::serving_each(None, move |request| shared.answer(request))
    }

    /// Lets something happen to one agent after the other, until it is over.
    pub fn let_things_happen(&self, is_over: impl Fn() -> bool) {
        while !is_over() {
            for (agent, woken) in self.agents.values() {
                thread::sleep(BETWEEN / AGENTS);
                let mut agent = lock(agent);
                if agent.guid > 0 {
                    agent.events += 1;
                    let event = agent.events;
                    agent.waiting.push_back(event);
                    woken.notify_all();
                }
            }
        }
    }

    fn answer(&self, request: &str) -> String {
        let tag = Tag::of(request);
        let number = request.split(['/', ' ']).nth(5).and_then(|agent| agent.parse::<u32>().ok());
        let Some((number, (agent, woken))) =
            number.and_then(|number| Some((number, self.agents.get(&number)?)))
        else {
            return said("000-002", "", "", None);
        };
        let mut agent = lock(agent);
        if request.starts_with("PUT ") {
            agent.before = 0;
            agent.renew();
            return said("0", "", "", Some(guid_of(number, agent.guid)));
        }
        let given = tag.filter(|tag| u32::from(tag.fault) == number).map_or(0, |tag| tag.number);
        let is_known = |agent: &Agent| given > 0 && [agent.guid, agent.before].contains(&given);
        if !is_known(&agent) {
            return said("100-006", &given.to_string(), "", None);
        }
        if request.starts_with("DELETE ") {
            (agent.guid, agent.before) = (0, 0);
            woken.notify_all();
            return said("0", "", "", None);
        }
        if !request.starts_with("GET ") {
            return said("0", "", "", None);
        }
        let waits = |agent: &mut Agent| agent.waiting.is_empty() && agent.guid > 0;
        let held = woken.wait_timeout_while(agent, HELD, waits);
        let mut agent = held.unwrap_or_else(PoisonError::into_inner).0;
        if !is_known(&agent) {
            return said("100-006", &given.to_string(), "", None);
        }
        if agent.renewed.is_some_and(|renewed| renewed.elapsed() >= RENEWED) {
            self.renewals.fetch_add(1, Ordering::Relaxed);
            // With every second agent the old one dies at once.
            agent.before = if number % 2 == 0 { agent.guid } else { 0 };
            agent.renew();
        }
        let event = agent.waiting.pop_front();
        let newer = (given != agent.guid).then(|| guid_of(number, agent.guid));
        let Some(event) = event else { return said("0", "", "", newer) };
        self.log.note(&(number, event));
        let event = format!(
            r#","event":{{"eventType":"E","workNo":"{number}","content":{{"confId":{event}}}}}"#
        );
        said("0", "", &event, newer)
    }
}

fn guid_of(agent: u32, number: u32) -> String {
    Tag { number, fault: agent as u16 }.guid()
}

fn said(retcode: &str, message: &str, more: &str, guid: Option<String>) -> String {
    let body = format!(r#"{{"message":"{message}","retcode":"{retcode}"{more}}}"#);
    let guid = guid.map_or(String::new(), |guid| format!("Set-GUID: JSESSIONID={guid}\r\n"));
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\n{guid}Content-Length: {length}\r\n\r\n{body}")
}
