//! The connections of a client in one process: those that are idle, and the calls in progress.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use once_cell::race::OnceBox;

use super::blocking::Blocking;
use super::cancel::{CallId, CancelHandle, cancelled};
use super::connect::LastGood;
use super::deadline::Deadline;
use super::http::Connection;
use super::socket::FORKED;
use super::tls::TlsPeer;
use crate::log::Gate;
use crate::sys::clock::Moment;
use crate::sys::fork;
use crate::sys::lock::lock;
use crate::{Error, Status};

/// How many idle connections are kept at least. Where more calls were in progress at once, as many.
const MIN_IDLE: usize = 64;

/// How many cancels that came before their calls are remembered.
const MAX_EARLY: usize = 1024;

/// After `fork()` the child leaves its parent's pool alone, locks included (a thread that is not
/// there any more may hold them), and starts its own.
pub(crate) struct Pool {
    generation: u32,
    state: Mutex<PoolState>,
    pub tls_peer: Option<TlsPeer>,
    /// None of the parent's threads are in a child.
    pub look_ups: Blocking,
    pub last_good: LastGood,
    pub last_proxy: LastGood,
    pub gate: Gate,
    child: OnceBox<Pool>,
}

/// By what a call in progress can be told from others.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tag {
    pub id: Option<CallId>,
    /// The agent whose events it waits for.
    pub polls: Option<u32>,
}

/// Which idle connection is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pick {
    /// The one that was heard of last: most likely it is alive.
    Newest,
    /// The one that was not heard of for longest, which would soon be closed; not what was made
    /// ready for a call.
    Oldest,
}

#[derive(Default)]
struct PoolState {
    /// In the order in which they were heard of, the connection used last at the end.
    idle: VecDeque<Box<Connection>>,
    /// The most calls that were in progress at once.
    most_calls: usize,
    calls: Vec<(Tag, Arc<CancelHandle>)>,
    /// Cancelled before a call had that number, the newest last; each number once.
    early: VecDeque<CallId>,
    /// Handles of calls that are over, for calls to come.
    spare: Vec<Arc<CancelHandle>>,
    closed: bool,
}

impl PoolState {
    /// Takes out the connections that have waited too long. Calls that come one at a time use only
    /// the newest, so the others would never be closed.
    fn outdated(&mut self, now: Moment) -> VecDeque<Box<Connection>> {
        let outdated = self.idle.iter().take_while(|idle| idle.is_outdated(now)).count();
        self.idle.drain(..outdated).collect()
    }

    /// The one that is wanted. If it was heard of too long ago, so were the others that could be.
    fn take(&mut self, pick: Pick, now: Moment, heard_within: Duration) -> Option<Box<Connection>> {
        let place = match pick {
            Pick::Newest => self.idle.len().checked_sub(1),
            Pick::Oldest => self.idle.iter().position(|idle| !idle.reserved),
        }?;
        let lately = now.since(self.idle[place].heard) < heard_within;
        if lately { self.idle.remove(place) } else { None }
    }

    /// Whether the call was cancelled before it began.
    fn take_early(&mut self, id: CallId) -> bool {
        let place = self.early.iter().position(|early| *early == id);
        place.and_then(|place| self.early.remove(place)).is_some()
    }

    fn remember_early(&mut self, id: CallId) {
        self.take_early(id);
        if self.early.len() == MAX_EARLY {
            self.early.pop_front();
        }
        self.early.push_back(id);
    }

    /// Under the lock: a call that gives its connection back just now is not hit afterwards.
    fn cancel_where(&self, hits: impl Fn(&Tag) -> bool) -> usize {
        let calls = self.calls.iter().filter(|(call, _)| hits(call));
        calls.map(|(_, cancel)| cancel.cancel()).count()
    }

    fn leave(&mut self, cancel: &Arc<CancelHandle>) {
        if let Some(place) = self.calls.iter().position(|(_, call)| Arc::ptr_eq(call, cancel)) {
            let (_, cancel) = self.calls.swap_remove(place);
            if !cancel.is_cancelled() && self.spare.len() < MIN_IDLE {
                cancel.detach();
                self.spare.push(cancel);
            }
        }
    }
}

impl Pool {
    pub fn new(tls_peer: Option<TlsPeer>) -> Self {
        fork::watch();
        Pool {
            generation: fork::generation(),
            state: Mutex::default(),
            tls_peer,
            look_ups: Blocking::default(),
            last_good: LastGood::default(),
            last_proxy: LastGood::default(),
            gate: Gate::default(),
            child: OnceBox::new(),
        }
    }

    /// This process's own.
    pub fn current(&self) -> &Pool {
        let mut pool = self;
        while pool.is_anothers() {
            pool = pool.child.get_or_init(|| Box::new(pool.for_child()));
        }
        pool
    }

    fn for_child(&self) -> Pool {
        // The parent's idle sockets are closed here, which the parent does not notice. Where a thread
        // of the parent's had the lock, nobody will ever open it, and they stay.
        let mut early = VecDeque::new();
        if let Ok(mut state) = self.state.try_lock() {
            drop(std::mem::take(&mut state.idle));
            early.clone_from(&state.early);
        }
        let pool = Pool::new(self.tls_peer.as_ref().map(TlsPeer::for_child));
        pool.state().early = early;
        pool
    }

    /// Enters a call, so that it can be cancelled.
    pub fn begin(&self, tag: Tag) -> Result<InFlight<'_>, Error> {
        let mut state = self.state();
        if state.closed {
            return Err(cancelled());
        }
        if tag.polls.is_some() && state.calls.iter().any(|(call, _)| call.polls == tag.polls) {
            let detail = "another thread waits for this agent's events: one poll at a time";
            return Err(Error::new(Status::Polling, detail));
        }
        if tag.id.is_some_and(|id| state.take_early(id)) {
            return Err(cancelled());
        }
        let cancel = state.spare.pop().unwrap_or_default();
        state.calls.push((tag, cancel.clone()));
        state.most_calls = state.most_calls.max(state.calls.len());
        Ok(InFlight { pool: self, cancel, over: Cell::new(false) })
    }

    pub fn cancel(&self) {
        self.state().cancel_where(|_| true);
    }

    /// Ends the calls in progress that have this number, or else the next one that begins with it.
    pub fn cancel_call(&self, id: CallId) {
        let mut state = self.state();
        if state.cancel_where(|call| call.id == Some(id)) == 0 {
            state.remember_early(id);
        }
    }

    pub fn cancel_poll(&self, agent: u32) {
        self.state().cancel_where(|call| call.polls == Some(agent));
    }

    /// Ends the calls in progress and those to come, and closes the idle connections.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.cancel_where(|_| true);
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
    }

    /// Closes the idle connections that were not heard of since then.
    pub fn drop_unheard_since(&self, moment: Moment) {
        if self.is_anothers() {
            return;
        }
        let mut state = self.state();
        let (heard, unheard) = std::mem::take(&mut state.idle)
            .into_iter()
            .partition::<VecDeque<_>, _>(|idle| idle.heard.since(moment) > Duration::ZERO);
        state.idle = heard;
        drop(state);
        drop(unheard);
    }

    /// What was forked in the middle of a call, as in its log callback, does not go on with that.
    pub fn check_process(&self) -> Result<(), Error> {
        if self.is_anothers() { Err(Error::new(Status::Io, FORKED)) } else { Ok(()) }
    }

    /// Whether this process is a child that was forked in the middle of a call: then a thread of the
    /// parent's may hold the lock for ever.
    fn is_anothers(&self) -> bool {
        self.generation != fork::generation()
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        lock(&self.state)
    }
}

pub(crate) struct InFlight<'a> {
    pub pool: &'a Pool,
    pub cancel: Arc<CancelHandle>,
    over: Cell<bool>,
}

impl InFlight<'_> {
    /// An idle connection, if it may carry another request and was heard of so lately.
    pub fn take_idle(
        &self,
        pick: Pick,
        heard_within: Duration,
        deadline: Deadline,
    ) -> Option<Box<Connection>> {
        if self.pool.is_anothers() {
            return None;
        }
        loop {
            let now = Moment::now();
            let mut state = self.pool.state();
            // What a cancelled call attached would be shut: it is the next call's.
            if self.cancel.is_cancelled() {
                return None;
            }
            let mut idle = state.take(pick, now, heard_within)?;
            self.cancel.attach(idle.socket());
            drop(state);
            if !idle.is_outdated(now) && idle.may_carry_another(deadline) {
                return Some(idle);
            }
            self.cancel.detach();
        }
    }

    /// Whether a cancel hit the call; one that is over has its answer.
    pub fn is_cancelled(&self) -> bool {
        !self.over.get() && self.cancel.is_cancelled()
    }

    /// Gives the connection back for the next call, and ends this one, unless it `goes_on`.
    pub fn put_back(&self, connection: Box<Connection>, goes_on: bool) {
        if self.pool.is_anothers() {
            return;
        }
        let mut state = self.pool.state();
        let outdated = state.outdated(connection.heard);
        let has_room = state.idle.len() < state.most_calls.max(MIN_IDLE);
        let wanted = !state.closed && !self.cancel.is_cancelled() && has_room;
        // One lock for both steps: a cancel finds the call registered and shuts its socket, or finds
        // it gone; it never shuts an idle connection.
        if goes_on {
            self.cancel.detach();
        } else {
            state.leave(&self.cancel);
            self.over.set(true);
        }
        let mut connection = Some(connection);
        if wanted {
            state.idle.extend(connection.take());
        }
        drop(state);
        drop((connection, outdated));
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if !self.over.get() && !self.pool.is_anothers() {
            self.pool.state().leave(&self.cancel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::socket::Socket;
    use crate::net::stream::Stream;
    use crate::sys::socket::tests::pair;

    /// Connections that were heard of so many seconds after the start, the one used last on top.
    fn heard_after(start: Moment, seconds: &[u64]) -> VecDeque<Box<Connection>> {
        let connection = |seconds: &u64| {
            let deadline = Deadline::after(Duration::from_secs(30));
            let mut connection = Connection::new(Stream::plain(Socket::new(pair().0, deadline)));
            connection.heard = start.plus(Duration::from_secs(*seconds));
            connection
        };
        seconds.iter().map(connection).collect()
    }

    fn heard(state: &PoolState, start: Moment) -> Vec<u64> {
        state.idle.iter().map(|idle| idle.heard.since(start).as_secs()).collect()
    }

    #[test]
    fn connections_that_are_never_on_top_of_the_stack_are_closed_in_time() {
        let start = Moment::now();
        let idle = heard_after(start, &[0, 1, 2, 30]);
        let mut state = PoolState { idle, ..PoolState::default() };
        let now = start.plus(Duration::from_secs(31));
        assert_eq!(state.outdated(now).len(), 2);
        assert_eq!(heard(&state, start), [2, 30]);
    }

    #[test]
    fn a_cancelled_call_leaves_the_idle_connections_to_others() {
        let start = Moment::now();
        let pool = Pool::new(None);
        pool.state().idle = heard_after(start, &[1, 2, 3]);
        let id = CallId::new();
        let call = pool.begin(Tag { id: Some(id), polls: None }).expect("begun");
        pool.cancel_call(id);
        let deadline = Deadline::after(Duration::from_secs(30));
        for pick in [Pick::Newest, Pick::Oldest] {
            assert!(call.take_idle(pick, Duration::MAX, deadline).is_none());
            assert_eq!(heard(&pool.state(), start), [1, 2, 3]);
        }
    }

    #[test]
    fn one_death_without_a_word_closes_what_was_not_heard_of_since() {
        let start = Moment::now();
        let pool = Pool::new(None);
        pool.state().idle = heard_after(start, &[1, 2, 5, 6]);
        pool.drop_unheard_since(start.plus(Duration::from_secs(5)));
        assert_eq!(heard(&pool.state(), start), [6]);
    }
}
