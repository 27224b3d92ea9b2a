//! Calls into the operating system that cannot be interrupted.

use std::io;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::control::{CANCEL_CHECK, Control, cancelled};
use crate::ffi::keep_panics_quiet;
use crate::socket::Deadline;
use crate::{Error, Status};

/// Runs each in a thread that the call does not wait for past its deadline, and counts those that
/// hang: the threads that no call waits for any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aside(Arc<AtomicUsize>);

/// Why there is no outcome.
#[derive(Debug)]
pub(crate) enum Unfinished {
    Late,
    Cancelled,
    TooMany,
    NoThread(io::Error),
    Died,
}

impl Aside {
    const MOST: usize = 256;

    pub fn run<T: Send + 'static>(
        &self,
        thread: &str,
        work: impl FnOnce() -> T + Send + 'static,
        deadline: Deadline,
        control: &Control,
    ) -> Result<T, Unfinished> {
        let outcome = Arc::new(Mutex::new(None));
        let place = outcome.clone();
        let work = move || *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(work());
        self.run_to_end(thread, Box::new(work), deadline, control)?;
        outcome.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or(Unfinished::Died)
    }

    /// The same code whatever the outcome is: threads and channels are large.
    fn run_to_end(
        &self,
        thread: &str,
        work: Box<dyn FnOnce() + Send>,
        deadline: Deadline,
        control: &Control,
    ) -> Result<(), Unfinished> {
        if self.0.load(Ordering::Relaxed) >= Self::MOST {
            return Err(Unfinished::TooMany);
        }
        let (sender, receiver) = sync_channel::<()>(1);
        let thread_is = Arc::new(AtomicU8::new(AWAITED));
        let running = Running { is: thread_is.clone(), hanging: self.0.clone() };
        let work = move || {
            let _running = running;
            keep_panics_quiet();
            work();
            let _ = sender.send(());
        };
        let builder = thread::Builder::new().name(thread.into());
        builder.spawn(work).map_err(Unfinished::NoThread)?;
        let outcome = wait_for(&receiver, deadline, control);
        if matches!(outcome, Err(Unfinished::Late | Unfinished::Cancelled)) {
            self.leave_alone(&thread_is);
        }
        outcome
    }

    /// From here on the thread is one that hangs, unless it is done by now.
    fn leave_alone(&self, thread_is: &AtomicU8) {
        self.0.fetch_add(1, Ordering::Relaxed);
        if thread_is.swap(LEFT_ALONE, Ordering::AcqRel) == DONE {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn wait_for(
    receiver: &Receiver<()>,
    deadline: Deadline,
    control: &Control,
) -> Result<(), Unfinished> {
    loop {
        let left = deadline.left().map_err(|_| Unfinished::Late)?;
        if control.is_cancelled() {
            return Err(Unfinished::Cancelled);
        }
        match receiver.recv_timeout(left.min(CANCEL_CHECK)) {
            Ok(()) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Unfinished::Died),
        }
    }
}

const AWAITED: u8 = 0;
const LEFT_ALONE: u8 = 1;
const DONE: u8 = 2;

/// A thread at work; dropped at its end, also by a panic.
struct Running {
    is: Arc<AtomicU8>,
    hanging: Arc<AtomicUsize>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is.swap(DONE, Ordering::AcqRel) == LEFT_ALONE {
            self.hanging.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Unfinished {
    pub fn while_doing(self, what: &str) -> Error {
        match self {
            Unfinished::Late => {
                Error::new(Status::Timeout, format!("the time-out passed while {what}"))
            }
            Unfinished::Cancelled => cancelled(),
            Unfinished::TooMany => {
                let most = Aside::MOST;
                Error::new(Status::Resources, format!("{most} threads hang already while {what}"))
            }
            Unfinished::NoThread(why) => {
                Error::new(Status::Resources, format!("no thread for {what}: {why}"))
                    .with_os_error(why.raw_os_error())
            }
            Unfinished::Died => {
                Error::new(Status::Internal, format!("panic while {what}; please report it"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::time::{Duration, Instant};

    fn outcome<T: Send + 'static>(
        aside: &Aside,
        timeout: u64,
        control: &Control,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let deadline = Deadline::after(Duration::from_millis(timeout));
        aside.run("agw test", work, deadline, control).map_err(|why| why.while_doing("working"))
    }

    fn a_minute() {
        thread::sleep(Duration::from_secs(60));
    }

    #[test]
    fn what_hangs_ends_with_the_call() {
        let started = Instant::now();
        let error = outcome(&Aside::default(), 50, &Control::default(), a_minute).unwrap_err();
        assert_eq!(error.status(), Status::Timeout);
        assert_eq!(error.detail(), "the time-out passed while working");
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_hangs_can_be_cancelled() {
        let control = Control::default();
        control.cancel();
        let error = outcome(&Aside::default(), 30_000, &control, a_minute).unwrap_err();
        assert_eq!(error.status(), Status::Cancelled);
    }

    #[test]
    fn what_is_done_or_dies_is_told() {
        let control = Control::default();
        assert_eq!(outcome(&Aside::default(), 5_000, &control, || 42).expect("done"), 42);
        let died = || panic!("the operating system's bug");
        let error = outcome::<()>(&Aside::default(), 5_000, &control, died).unwrap_err();
        let told = "panic while working; please report it";
        assert_eq!((error.status(), error.detail()), (Status::Internal, told));
    }

    #[test]
    fn what_hangs_does_not_pile_up() {
        let (aside, control) = (Aside::default(), Control::default());
        let (gate, hanging) = (Arc::new(Mutex::new(())), || aside.0.load(Ordering::SeqCst));
        let closed = gate.lock().expect("nobody panics");
        for _ in 0..Aside::MOST {
            let gate = gate.clone();
            let error = outcome(&aside, 1, &control, move || drop(gate.lock())).unwrap_err();
            assert_eq!(error.status(), Status::Timeout);
        }
        let error = outcome(&aside, 5_000, &control, || ()).unwrap_err();
        assert_eq!(error.status(), Status::Resources);
        drop(closed);
        while hanging() > 0 {
            thread::yield_now();
        }
        assert!(outcome(&aside, 5_000, &control, || ()).is_ok());
    }

    #[test]
    fn a_crowd_that_is_awaited_does_not_hang() {
        let aside = Aside::default();
        let crowd = Arc::new(Barrier::new(Aside::MOST + 44));
        thread::scope(|scope| {
            for _ in 0..Aside::MOST + 44 {
                let crowd = crowd.clone();
                scope.spawn(|| {
                    let all_there = move || crowd.wait().is_leader();
                    outcome(&aside, 60_000, &Control::default(), all_there).expect("done");
                });
            }
        });
        assert_eq!(aside.0.load(Ordering::SeqCst), 0);
    }
}
