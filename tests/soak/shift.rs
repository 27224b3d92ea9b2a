//! Agents on shift: each has a thread with a small stack that signs in and waits for events; others
//! reject for all of them meanwhile, with the Guid that is kept.

use std::ffi::CStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Scope};
use std::time::Duration;

use agw::Status;
use agw::ffi::{AGW_RESULT_MAYBE_SENT, AGW_RESULT_RESENT, AGW_SIGN_IN_FORCE};
use support::c_text;
use support::dice::Dice;
use support::faults::abi::{Options, Outcome, text};
use support::faults::library::Ticket;

use crate::events::Poll;
use crate::host::{Host, count};
use crate::tag::Tag;
use crate::texts;

/// What the agents were told: each [`Poll`].
pub const LEDGER: &str = "shift.log";

/// Agents, from this one on.
pub const FIRST: u32 = 1_001;
pub const AGENTS: u32 = 500;

/// For each agent's thread: what the header says is enough.
const STACK: usize = 64 * 1024;

/// Threads that reject.
const REJECTING: u64 = 4;

/// A client of its own would say no more: they share one, as in `server.c`.
const TIMEOUT_MS: u32 = 5_000;

/// What happened on shift.
#[derive(Default)]
pub struct Counts {
    pub sign_ins: AtomicU64,
    pub sign_outs: AtomicU64,
    pub polls: AtomicU64,
    pub rejects: AtomicU64,
    /// Refused with a Guid than which no newer was known.
    pub stale: AtomicU64,
}

impl Host {
    pub fn shift_client(&self) -> Ticket {
        let options = Options {
            base_url: format!("http://127.0.0.1:{}", self.ready.shift),
            timeout_ms: TIMEOUT_MS,
            ..Options::default()
        };
        self.client(&options, true)
    }

    pub fn begin_shift<'scope>(&'scope self, client: Ticket, scope: &'scope Scope<'scope, '_>) {
        for agent in FIRST..FIRST + AGENTS {
            let small = thread::Builder::new().stack_size(STACK);
            let thread = small.spawn_scoped(scope, move || self.work_shift(agent, client));
            thread.expect("a thread more");
        }
        for turn in 0..REJECTING {
            scope.spawn(move || self.reject_for_all(turn, client));
        }
    }

    /// Signs in, waits for events, now and then signs out; signs in anew where the session is over.
    fn work_shift(&self, agent: u32, client: Ticket) {
        let name = c_text(&agent.to_string());
        let mut dice = Dice(u64::from(agent));
        let mut signed_in = false;
        while !self.is_over() {
            if !signed_in {
                let outcome = self.library.sign_in(client, &name, None, AGW_SIGN_IN_FORCE, 0);
                signed_in = outcome.returned == 0;
                self.took(&outcome, &self.counts.shift.sign_ins);
                if !signed_in {
                    thread::sleep(Duration::from_millis(200));
                }
            } else if dice.below(60) == 0 {
                self.sign_out(client, &name);
                signed_in = false;
            } else {
                signed_in = self.poll_once(agent, client, &name);
            }
        }
        self.sign_out(client, &name);
    }

    /// Whether the session goes on.
    fn poll_once(&self, agent: u32, client: Ticket, name: &CStr) -> bool {
        let known = self.known(client, name);
        let (outcome, event) = self.library.next_event(client, name, 0);
        // The gateway gives none that is larger, so that one is found to be nobody's.
        let event = event.conf_id.try_into().unwrap_or(u32::MAX);
        self.took(&outcome, &self.counts.shift.polls);
        let lossy = outcome.result.flags & (AGW_RESULT_MAYBE_SENT | AGW_RESULT_RESENT) != 0;
        self.shift_ledger.note(&Poll { agent, event, lossy });
        if outcome.returned != 0 && outcome.returned != Status::Session.number() {
            thread::sleep(Duration::from_millis(100));
        }
        self.was_not_stale(agent, known, &outcome)
    }

    fn sign_out(&self, client: Ticket, name: &CStr) {
        let outcome = self.library.sign_out(client, name, 0);
        self.took(&outcome, &self.counts.shift.sign_outs);
    }

    fn reject_for_all(&self, turn: u64, client: Ticket) {
        let mut dice = Dice(turn);
        while !self.is_over() {
            thread::sleep(Duration::from_millis(5));
            let agent = FIRST + dice.below(AGENTS as usize) as u32;
            let name = c_text(&agent.to_string());
            let known = self.known(client, &name);
            let outcome = self.library.reject(client, &name, None, 0);
            self.took(&outcome, &self.counts.shift.rejects);
            self.was_not_stale(agent, known, &outcome);
        }
    }

    fn took(&self, outcome: &Outcome, counter: &AtomicU64) {
        texts::take_result(outcome);
        counter.fetch_add(u64::from(outcome.returned == 0), Ordering::Relaxed);
    }

    /// The number of the Guid that is kept; 0 for none.
    fn known(&self, client: Ticket, name: &CStr) -> u32 {
        let (_, session) = self.library.get_session(client, name, 0);
        let guid = text("the Guid", &session.guid);
        guid.ok().and_then(Tag::of).map_or(0, |tag| tag.number)
    }

    /// A refusal names the Guid that it is for: no older one than was known when the call began.
    fn was_not_stale(&self, agent: u32, known: u32, outcome: &Outcome) -> bool {
        let Ok("100-006") = outcome.retcode() else {
            return outcome.returned != Status::Session.number();
        };
        count(&self.counts.shift.stale);
        let refused = outcome.message().ok().and_then(|text| text.parse::<u32>().ok());
        if refused.is_none_or(|refused| refused < known) {
            texts::find(format!("agent {agent}: Guid {refused:?} was sent, {known} was known"));
        }
        false
    }
}
