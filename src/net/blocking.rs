//! Calls into the operating system that cannot be interrupted.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::net::cancel::{CANCEL_CHECK, Control, cancelled};
use crate::net::socket::Deadline;
use crate::sys::panics;
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

    /// The same code whatever the outcome is: threads are large.
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
        let stage = Arc::new(Stage::default());
        let running = Running { stage: stage.clone(), hanging: self.0.clone() };
        let work = move || {
            let _running = running;
            panics::keep_quiet();
            work();
        };
        let builder = thread::Builder::new().name(thread.into());
        builder.spawn(work).map_err(Unfinished::NoThread)?;
        self.wait_for(&stage, deadline, control)
    }

    fn wait_for(
        &self,
        stage: &Stage,
        deadline: Deadline,
        control: &Control,
    ) -> Result<(), Unfinished> {
        let mut at = stage.lock();
        let given_up = loop {
            match *at {
                At::Done => return Ok(()),
                At::Died => return Err(Unfinished::Died),
                At::Work | At::WorkOfNobody => {}
            }
            let Ok(left) = deadline.left() else {
                break Unfinished::Late;
            };
            if control.is_cancelled() {
                break Unfinished::Cancelled;
            }
            let waited = stage.changed.wait_timeout(at, left.min(CANCEL_CHECK));
            at = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        *at = At::WorkOfNobody;
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(given_up)
    }
}

/// What a thread is at. No channel, as one has thread-local data, which a thread that is ending would
/// leave behind.
#[derive(Default)]
struct Stage {
    at: Mutex<At>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum At {
    #[default]
    Work,
    /// The call has gone.
    WorkOfNobody,
    Done,
    Died,
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, At> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread at work; dropped at its end, also by a panic.
struct Running {
    stage: Arc<Stage>,
    hanging: Arc<AtomicUsize>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut at = self.stage.lock();
        if *at == At::WorkOfNobody {
            self.hanging.fetch_sub(1, Ordering::Relaxed);
        }
        *at = if thread::panicking() { At::Died } else { At::Done };
        self.stage.changed.notify_one();
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
