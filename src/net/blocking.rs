//! Calls into the operating system that cannot be interrupted.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use super::cancel::{CANCEL_CHECK, CancelHandle, cancelled};
use super::deadline::Deadline;
use super::failure::words;
use crate::sys::lock::{lock, unpoisoned};
use crate::sys::threads;
use crate::{Error, Status};

/// Runs each in a thread that the call does not wait for past its deadline, and counts those that
/// hang: the threads that no call waits for any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blocking(Arc<AtomicUsize>);

/// Why there is no outcome.
#[derive(Debug)]
pub(crate) enum Unfinished {
    Late(io::Error),
    Cancelled,
    TooMany,
    NoThread(io::Error),
    Died,
}

impl Blocking {
    const MAX_ABANDONED: usize = 256;

    pub fn run<T: Send + 'static>(
        &self,
        thread: &str,
        work: impl FnOnce() -> T + Send + 'static,
        deadline: Deadline,
        cancel: &CancelHandle,
    ) -> Result<T, Unfinished> {
        let outcome = Arc::new(Mutex::new(None));
        let place = outcome.clone();
        let work = move || *lock(&place) = Some(work());
        self.run_to_end(thread, Box::new(work), deadline, cancel)?;
        lock(&outcome).take().ok_or(Unfinished::Died)
    }

    /// Not generic: the code of a thread is compiled once, not for each type of outcome.
    fn run_to_end(
        &self,
        thread: &str,
        work: Box<dyn FnOnce() + Send>,
        deadline: Deadline,
        cancel: &CancelHandle,
    ) -> Result<(), Unfinished> {
        if self.0.load(Ordering::Relaxed) >= Self::MAX_ABANDONED {
            return Err(Unfinished::TooMany);
        }
        let job = Arc::new(Job::default());
        let running = Running { job: job.clone(), hanging: self.0.clone() };
        let work = move || {
            let _running = running;
            work();
        };
        threads::spawn(thread, Box::new(work)).map_err(Unfinished::NoThread)?;
        self.wait_for(&job, deadline, cancel)
    }

    fn wait_for(
        &self,
        job: &Job,
        deadline: Deadline,
        cancel: &CancelHandle,
    ) -> Result<(), Unfinished> {
        let mut progress = job.lock();
        let given_up = loop {
            match *progress {
                Progress::Done => return Ok(()),
                Progress::Died => return Err(Unfinished::Died),
                Progress::Work | Progress::Abandoned => {}
            }
            let remaining = match deadline.remaining() {
                Ok(remaining) => remaining,
                Err(why) => break Unfinished::Late(why),
            };
            if cancel.is_cancelled() {
                break Unfinished::Cancelled;
            }
            let waited = job.changed.wait_timeout(progress, remaining.min(CANCEL_CHECK));
            progress = unpoisoned(waited).0;
        };
        *progress = Progress::Abandoned;
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(given_up)
    }
}

/// How far a thread has come, for the call that waits for it. No channel: one has thread-local data,
/// which a call from the destructor of an ending thread would leave behind.
#[derive(Default)]
struct Job {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Progress {
    #[default]
    Work,
    /// The call waits no longer.
    Abandoned,
    Done,
    Died,
}

impl Job {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }
}

/// A thread at work; dropped at its end, also by a panic.
struct Running {
    job: Arc<Job>,
    hanging: Arc<AtomicUsize>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut progress = self.job.lock();
        if *progress == Progress::Abandoned {
            self.hanging.fetch_sub(1, Ordering::Relaxed);
        }
        *progress = if thread::panicking() { Progress::Died } else { Progress::Done };
        self.job.changed.notify_one();
    }
}

impl Unfinished {
    pub fn while_doing(self, what: &str) -> Error {
        match self {
            Unfinished::Late(why) => Error::new(Status::Timeout, format!("{why} while {what}")),
            Unfinished::Cancelled => cancelled(),
            Unfinished::TooMany => {
                let most = Blocking::MAX_ABANDONED;
                Error::new(Status::Resources, format!("{most} threads hang already while {what}"))
            }
            Unfinished::NoThread(why) => {
                Error::new(Status::Resources, format!("no thread for {what}: {}", words(&why)))
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
        blocking: &Blocking,
        timeout: u64,
        cancel: &CancelHandle,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let deadline = Deadline::after(Duration::from_millis(timeout));
        blocking.run("agw test", work, deadline, cancel).map_err(|why| why.while_doing("working"))
    }

    fn a_minute() {
        thread::sleep(Duration::from_secs(60));
    }

    #[test]
    fn what_hangs_ends_with_the_call() {
        let started = Instant::now();
        let error =
            outcome(&Blocking::default(), 50, &CancelHandle::default(), a_minute).unwrap_err();
        assert_eq!(error.status(), Status::Timeout);
        assert_eq!(error.detail(), "the time-out of 50 ms passed while working");
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_hangs_can_be_cancelled() {
        let cancel = CancelHandle::default();
        cancel.cancel();
        let error = outcome(&Blocking::default(), 30_000, &cancel, a_minute).unwrap_err();
        assert_eq!(error.status(), Status::Cancelled);
    }

    #[test]
    fn what_is_done_or_dies_is_told() {
        let cancel = CancelHandle::default();
        assert_eq!(outcome(&Blocking::default(), 5_000, &cancel, || 42).expect("done"), 42);
        let died = || panic!("the operating system's bug");
        let error = outcome::<()>(&Blocking::default(), 5_000, &cancel, died).unwrap_err();
        let told = "panic while working; please report it";
        assert_eq!((error.status(), error.detail()), (Status::Internal, told));
    }

    #[test]
    fn what_hangs_does_not_pile_up() {
        let (blocking, cancel) = (Blocking::default(), CancelHandle::default());
        let (gate, hanging) = (Arc::new(Mutex::new(())), || blocking.0.load(Ordering::SeqCst));
        let closed = gate.lock().expect("nobody panics");
        for _ in 0..Blocking::MAX_ABANDONED {
            let gate = gate.clone();
            let error = outcome(&blocking, 1, &cancel, move || drop(gate.lock())).unwrap_err();
            assert_eq!(error.status(), Status::Timeout);
        }
        let error = outcome(&blocking, 5_000, &cancel, || ()).unwrap_err();
        assert_eq!(error.status(), Status::Resources);
        drop(closed);
        while hanging() > 0 {
            thread::yield_now();
        }
        assert!(outcome(&blocking, 5_000, &cancel, || ()).is_ok());
    }

    #[test]
    fn a_crowd_that_is_awaited_does_not_hang() {
        let blocking = Blocking::default();
        let crowd = Arc::new(Barrier::new(Blocking::MAX_ABANDONED + 44));
        thread::scope(|scope| {
            for _ in 0..Blocking::MAX_ABANDONED + 44 {
                let crowd = crowd.clone();
                scope.spawn(|| {
                    let all_there = move || crowd.wait().is_leader();
                    outcome(&blocking, 60_000, &CancelHandle::default(), all_there).expect("done");
                });
            }
        });
        assert_eq!(blocking.0.load(Ordering::SeqCst), 0);
    }
}
