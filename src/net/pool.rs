//! The connections of a client in one process: those that are idle, and the calls in progress.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use once_cell::race::OnceBox;

use super::cancel::{CancelHandle, cancelled};
use super::deadline::Deadline;
use super::http::{Connection, HttpConfig};
use super::resolve::Resolver;
use super::tls::TlsPeer;
use crate::Error;
use crate::log::Gate;
use crate::sys::clock::Moment;
use crate::sys::fork;
use crate::sys::lock::lock;

/// How long an idle connection is kept.
const MAX_IDLE_TIME: Duration = Duration::from_secs(30);

/// How many idle connections are kept: one for each thread of a busy server.
const MAX_IDLE: usize = 64;

/// After `fork()` the child leaves its parent's pool alone, locks included (a thread that is not
/// there any more may hold them), and starts its own.
pub(crate) struct Pool {
    generation: u32,
    state: Mutex<PoolState>,
    pub tls_peer: Option<TlsPeer>,
    pub resolver: Resolver,
    pub http: HttpConfig,
    pub gate: Gate,
    child: OnceBox<Pool>,
}

#[derive(Default)]
struct PoolState {
    /// A stack: the connection used last is on top.
    idle: Vec<Idle>,
    calls: Vec<Arc<CancelHandle>>,
    /// Handles of calls that are over, for calls to come.
    spare: Vec<Arc<CancelHandle>>,
    closed: bool,
}

impl PoolState {
    /// Takes out the connections that have waited too long by the time of the newest. Calls that
    /// come one at a time use only the top of the stack, so those below would never be closed.
    fn outdated(&mut self, newest: &Idle) -> Vec<Idle> {
        let is_outdated = |idle: &&Idle| newest.since.since(idle.since) >= MAX_IDLE_TIME;
        let outdated = self.idle.iter().take_while(is_outdated).count();
        self.idle.drain(..outdated).collect()
    }

    fn leave(&mut self, cancel: &Arc<CancelHandle>) {
        if let Some(place) = self.calls.iter().position(|call| Arc::ptr_eq(call, cancel)) {
            let cancel = self.calls.swap_remove(place);
            if !cancel.is_cancelled() && self.spare.len() < MAX_IDLE {
                cancel.detach();
                self.spare.push(cancel);
            }
        }
    }
}

/// A connection that waits for the next call.
pub(crate) struct Idle {
    pub connection: Connection,
    since: Moment,
}

impl Idle {
    pub fn new(connection: Connection) -> Self {
        Idle { connection, since: Moment::now() }
    }
}

impl Pool {
    pub fn new(tls_peer: Option<TlsPeer>, resolver: Resolver, http: HttpConfig) -> Self {
        fork::watch();
        Pool {
            generation: fork::generation(),
            state: Mutex::default(),
            tls_peer,
            resolver,
            http,
            gate: Gate::new(),
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
        if let Ok(mut state) = self.state.try_lock() {
            drop(std::mem::take(&mut state.idle));
        }
        let tls_peer = self.tls_peer.as_ref().map(TlsPeer::for_child);
        Pool::new(tls_peer, self.resolver.for_child(), self.http.clone())
    }

    /// Enters a call, so that it can be cancelled.
    pub fn begin(&self) -> Result<InFlight<'_>, Error> {
        let mut state = self.state();
        if state.closed {
            return Err(cancelled());
        }
        let cancel = state.spare.pop().unwrap_or_default();
        state.calls.push(cancel.clone());
        let candidate = Cell::new(state.idle.pop());
        Ok(InFlight { pool: self, cancel, candidate, over: Cell::new(false) })
    }

    /// Ends the calls in progress.
    pub fn cancel(&self) {
        // Under the lock: a call that gives its connection back just now is not hit afterwards.
        for cancel in &self.state().calls {
            cancel.cancel();
        }
    }

    /// Ends the calls in progress and those to come, and closes the idle connections.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        for cancel in &state.calls {
            cancel.cancel();
        }
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
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

/// A call in progress.
pub(crate) struct InFlight<'a> {
    pub pool: &'a Pool,
    pub cancel: Arc<CancelHandle>,
    /// The connection used last, taken from the stack while its lock was held.
    candidate: Cell<Option<Idle>>,
    over: Cell<bool>,
}

impl InFlight<'_> {
    /// The connection used last, if one is young enough and may carry another request.
    pub fn take_idle(&self, younger_than: Duration, deadline: Deadline) -> Option<Connection> {
        if self.pool.is_anothers() {
            return None;
        }
        loop {
            let mut idle = self.candidate.take().or_else(|| self.pool.state().idle.pop())?;
            if idle.since.elapsed() >= younger_than.min(MAX_IDLE_TIME) {
                self.drop_older(idle);
                return None;
            }
            self.cancel.attach(idle.connection.socket());
            if idle.connection.may_carry_another(deadline) {
                return Some(idle.connection);
            }
        }
    }

    /// Whether a cancel hit the call; one that is over has its answer.
    pub fn is_cancelled(&self) -> bool {
        !self.over.get() && self.cancel.is_cancelled()
    }

    /// What is deeper in the stack has waited longer. Sockets are closed outside the lock.
    fn drop_older(&self, idle: Idle) {
        let older = std::mem::take(&mut self.pool.state().idle);
        drop((idle, older));
    }

    /// Ends the call, and gives its connection back for the next one.
    pub fn put_back(&self, connection: Connection) {
        if self.pool.is_anothers() {
            return;
        }
        let idle = Idle::new(connection);
        let mut state = self.pool.state();
        let unwanted = state.closed || self.cancel.is_cancelled() || state.idle.len() >= MAX_IDLE;
        let outdated = state.outdated(&idle);
        // One lock for both steps: a cancel finds the call registered and shuts its socket, or finds
        // it gone; it never shuts an idle connection.
        state.leave(&self.cancel);
        self.over.set(true);
        let unwanted = if unwanted {
            Some(idle)
        } else {
            state.idle.push(idle);
            None
        };
        drop(state);
        drop((unwanted, outdated));
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
    use std::net::{TcpListener, TcpStream};

    use crate::net::socket::Socket;
    use crate::net::stream::Stream;

    #[test]
    fn connections_that_are_never_on_top_of_the_stack_are_closed_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("bound");
        let start = Moment::now();
        let after = |seconds| start.checked_add(Duration::from_secs(seconds)).expect("soon");
        let idle = |since| {
            let stream = TcpStream::connect(address).expect("connected");
            let deadline = Deadline::after(Duration::from_secs(30));
            let connection =
                Connection::new(Stream::plain(Socket::new(stream, deadline)), &HttpConfig::new());
            Idle { connection, since: after(since) }
        };
        let mut state =
            PoolState { idle: vec![idle(0), idle(1), idle(2), idle(30)], ..PoolState::default() };
        assert_eq!(state.outdated(&idle(31)).len(), 2);
        let kept = state.idle.iter().map(|idle| idle.since).collect::<Vec<_>>();
        assert_eq!(kept, [after(2), after(30)]);
    }
}
