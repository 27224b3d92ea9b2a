//! What a client has on the network in one process: idle connections and calls in progress.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use once_cell::race::OnceBox;

use crate::Error;
use crate::log::Gate;
use crate::net::cancel::{Control, cancelled};
use crate::net::connect::{LookUps, Secure};
use crate::net::http::Line;
use crate::net::socket::Deadline;
use crate::net::tls;
use crate::sys::fork;

/// How long an idle connection is kept.
const KEEP: Duration = Duration::from_secs(30);

/// How many idle connections are kept: one for each thread of a busy server.
const MAX_IDLE: usize = 64;

/// After `fork()` the child leaves its parent's traffic alone, locks included (a thread that is
/// not there any more may hold them), and starts its own.
pub(crate) struct Traffic {
    generation: u32,
    lanes: Mutex<Lanes>,
    pub secure: Option<Secure>,
    pub look_ups: LookUps,
    pub gate: Gate,
    child: OnceBox<Traffic>,
}

#[derive(Default)]
struct Lanes {
    idle: Vec<Idle>,
    calls: Vec<Arc<Control>>,
    /// Of calls that are over, for those to come.
    spare: Vec<Arc<Control>>,
    closed: bool,
}

impl Lanes {
    /// Takes out the connections that have waited too long by the time of the newest. The oldest lie
    /// at the bottom, where calls that come one at a time never get to.
    fn outdated(&mut self, newest: &Idle) -> Vec<Idle> {
        let is_outdated = |idle: &&Idle| newest.since.duration_since(idle.since) >= KEEP;
        let outdated = self.idle.iter().take_while(is_outdated).count();
        self.idle.drain(..outdated).collect()
    }

    fn leave(&mut self, control: &Arc<Control>) {
        if let Some(place) = self.calls.iter().position(|call| Arc::ptr_eq(call, control)) {
            let control = self.calls.swap_remove(place);
            if !control.is_cancelled() && self.spare.len() < MAX_IDLE {
                control.detach();
                self.spare.push(control);
            }
        }
    }
}

/// A connection that waits for the next call.
pub(crate) struct Idle {
    pub line: Line,
    since: Instant,
}

impl Idle {
    pub fn new(line: Line) -> Self {
        Idle { line, since: Instant::now() }
    }

    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Traffic {
    pub fn new(secure: Option<Secure>, look_ups: LookUps) -> Self {
        fork::watch();
        Traffic {
            generation: fork::generation(),
            lanes: Mutex::default(),
            secure,
            look_ups,
            gate: Gate::new(),
            child: OnceBox::new(),
        }
    }

    /// This process's own.
    pub fn here(&self) -> &Traffic {
        let mut traffic = self;
        while traffic.generation != fork::generation() {
            traffic = traffic.child.get_or_init(|| Box::new(traffic.afresh()));
        }
        traffic
    }

    fn afresh(&self) -> Traffic {
        let secure = self.secure.as_ref().map(|secure| Secure {
            config: tls::with_own_sessions(&secure.config),
            name: secure.name.clone(),
        });
        Traffic::new(secure, self.look_ups.afresh())
    }

    /// Enters a call, so that it can be cancelled.
    pub fn begin(&self) -> Result<Call<'_>, Error> {
        let mut lanes = self.lanes();
        if lanes.closed {
            return Err(cancelled());
        }
        let control = lanes.spare.pop().unwrap_or_default();
        lanes.calls.push(control.clone());
        let candidate = Cell::new(lanes.idle.pop());
        Ok(Call { traffic: self, control, candidate, over: Cell::new(false) })
    }

    /// Ends the calls in progress.
    pub fn cancel(&self) {
        // Under the lock: a call that gives its connection back just now is not hit afterwards.
        for control in &self.lanes().calls {
            control.cancel();
        }
    }

    /// Ends the calls in progress and those to come, and closes the idle connections.
    pub fn close(&self) {
        let mut lanes = self.lanes();
        lanes.closed = true;
        for control in &lanes.calls {
            control.cancel();
        }
        let idle = std::mem::take(&mut lanes.idle);
        drop(lanes);
        drop(idle);
    }

    /// Whether this process is a child that was forked in the middle of the call: then another
    /// thread of the parent's may hold the lock for ever.
    fn is_anothers(&self) -> bool {
        self.generation != fork::generation()
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call in progress.
pub(crate) struct Call<'a> {
    pub traffic: &'a Traffic,
    pub control: Arc<Control>,
    /// The connection used last, taken from the pile while its lock was held.
    candidate: Cell<Option<Idle>>,
    over: Cell<bool>,
}

impl Call<'_> {
    /// The connection used last, if one is still alive and young enough.
    pub fn take_idle(&self, younger_than: Duration, deadline: Deadline) -> Option<Idle> {
        if self.traffic.is_anothers() {
            return None;
        }
        loop {
            let idle = self.candidate.take().or_else(|| self.traffic.lanes().idle.pop())?;
            if idle.age() >= younger_than.min(KEEP) {
                self.drop_older(idle);
                return None;
            }
            self.control.attach(idle.line.stream());
            if idle.line.may_carry_another(deadline) {
                return Some(idle);
            }
        }
    }

    /// Whether a cancel hit the call; one that is over has its answer.
    pub fn is_cancelled(&self) -> bool {
        !self.over.get() && self.control.is_cancelled()
    }

    /// What lies deeper in the pile has waited longer. Sockets close outside the lock.
    fn drop_older(&self, idle: Idle) {
        let older = std::mem::take(&mut self.traffic.lanes().idle);
        drop((idle, older));
    }

    /// Ends the call, and gives its connection back for the next one.
    pub fn keep(&self, idle: Idle) {
        if self.traffic.is_anothers() {
            return;
        }
        let mut lanes = self.traffic.lanes();
        let unwanted = lanes.closed || self.control.is_cancelled() || lanes.idle.len() >= MAX_IDLE;
        let outdated = lanes.outdated(&idle);
        // In one go: a cancel hits the call, or finds it gone and the connection nobody's.
        lanes.leave(&self.control);
        self.over.set(true);
        let unwanted = if unwanted {
            Some(idle)
        } else {
            lanes.idle.push(idle);
            None
        };
        drop(lanes);
        drop((unwanted, outdated));
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.over.get() && !self.traffic.is_anothers() {
            let mut lanes = self.traffic.lanes();
            lanes.leave(&self.control);
            drop(lanes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    use crate::net::socket::Socket;
    use crate::net::stream::Wire;

    #[test]
    fn connections_that_are_never_on_top_of_the_pile_are_closed_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("bound");
        let now = Instant::now();
        let idle = |age: u64| {
            let stream = TcpStream::connect(address).expect("connected");
            let deadline = Deadline::after(Duration::from_secs(30));
            let line = Line::new(Wire::plain(Socket::new(stream, deadline)));
            Idle { line, since: now - Duration::from_secs(age) }
        };
        let traffic = Traffic::new(None, LookUps::system());
        traffic.lanes().idle = vec![idle(31), idle(30), idle(29), idle(1)];
        let call = traffic.begin().expect("open");
        let newest = call.candidate.take().expect("the newest");
        call.keep(Idle { since: now, ..newest });
        let ages = traffic.lanes().idle.iter().map(|idle| now - idle.since).collect::<Vec<_>>();
        assert_eq!(ages, [Duration::from_secs(29), Duration::ZERO]);
    }
}
