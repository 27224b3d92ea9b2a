//! Calls into the operating system that cannot be interrupted.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use super::cancel::{CANCEL_CHECK, CancelHandle, cancelled};
use super::deadline::Deadline;
use super::failure::{caused_by, words};
use crate::sys::lock::{lock, unpoisoned};
use crate::sys::threads;
use crate::{Error, Status};

/// Runs each in a thread that the call does not wait for past its deadline, and counts those that
/// hang: the threads that no call waits for any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blocking(Arc<AtomicUsize>);

impl Blocking {
    const MAX_ABANDONED: usize = 256;

    /// `what` goes on from "while".
    pub fn run<T: Send + 'static>(
        &self,
        thread: &str,
        what: &str,
        work: impl FnOnce() -> T + Send + 'static,
        deadline: Deadline,
        cancel: &CancelHandle,
    ) -> Result<T, Error> {
        let most = Self::MAX_ABANDONED;
        if self.0.load(Ordering::Relaxed) >= most {
            let detail = format!("{most} threads hang already while {what}");
            return Err(Error::new(Status::Resources, detail));
        }
        let outcome = Arc::new(Mutex::new(None));
        let place = outcome.clone();
        let job = Arc::new(Job::default());
        let running = Running { job: job.clone(), hanging: self.0.clone() };
        let work = move || {
            let _running = running;
            *lock(&place) = Some(work());
        };
        threads::spawn(thread, Box::new(work)).map_err(|why| no_thread(what, &why))?;
        self.wait_for(&job, what, deadline, cancel)?;
        lock(&outcome).take().ok_or_else(|| {
            Error::new(Status::Internal, format!("panic while {what}; please report it"))
        })
    }

    fn wait_for(
        &self,
        job: &Job,
        what: &str,
        deadline: Deadline,
        cancel: &CancelHandle,
    ) -> Result<(), Error> {
        let mut progress = lock(&job.progress);
        let given_up = loop {
            if *progress == Progress::Ended {
                return Ok(());
            }
            let remaining = match deadline.remaining() {
                Ok(remaining) => remaining,
                Err(why) => break Error::new(Status::Timeout, format!("{why} while {what}")),
            };
            if cancel.is_cancelled() {
                break cancelled();
            }
            let waited = job.changed.wait_timeout(progress, remaining.min(CANCEL_CHECK));
            progress = unpoisoned(waited).0;
        };
        *progress = Progress::Abandoned;
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(given_up)
    }
}

/// The system calls a limit that is reached by the same number as what would block.
fn no_thread(what: &str, why: &io::Error) -> Error {
    let words = match why.kind() {
        io::ErrorKind::WouldBlock => "the limit of threads or processes is reached".to_owned(),
        _ => words(why),
    };
    caused_by(why, Error::new(Status::Resources, format!("no thread for {what}: {words}")))
}

/// How far a thread has come, for the call that waits for it. No channel: one has thread-local data,
/// which a call from the destructor of an ending thread would leave behind.
#[derive(Default)]
struct Job {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default, PartialEq)]
enum Progress {
    #[default]
    Work,
    /// The call waits no longer.
    Abandoned,
    Ended,
}

/// A thread at work; dropped at its end, also by a panic.
struct Running {
    job: Arc<Job>,
    hanging: Arc<AtomicUsize>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut progress = lock(&self.job.progress);
        if *progress == Progress::Abandoned {
            self.hanging.fetch_sub(1, Ordering::Relaxed);
        }
        *progress = Progress::Ended;
        self.job.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::thread;
    use std::time::Duration;

    fn outcome<T: Send + 'static>(
        blocking: &Blocking,
        timeout: u64,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let deadline = Deadline::after(Duration::from_millis(timeout));
        blocking.run("agw test", "working", work, deadline, &CancelHandle::default())
    }

    #[test]
    fn what_dies_is_told() {
        let died = || panic!("the operating system's bug");
        let error = outcome::<()>(&Blocking::default(), 5_000, died).unwrap_err();
        let told = "panic while working; please report it";
        assert_eq!((error.status(), error.detail()), (Status::Internal, told));
    }

    #[test]
    fn a_thread_that_cannot_be_had_is_told() {
        let limit = no_thread("working", &io::ErrorKind::WouldBlock.into());
        assert_eq!(
            limit.detail(),
            "no thread for working: the limit of threads or processes is reached"
        );
        let other = no_thread("working", &io::ErrorKind::PermissionDenied.into());
        assert_eq!(other.detail(), "no thread for working: permission denied");
    }

    #[test]
    fn what_hangs_does_not_pile_up() {
        let blocking = Blocking::default();
        let (gate, hanging) = (Arc::new(Mutex::new(())), || blocking.0.load(Ordering::SeqCst));
        let closed = gate.lock().expect("nobody panics");
        for _ in 0..Blocking::MAX_ABANDONED {
            let gate = gate.clone();
            let error = outcome(&blocking, 1, move || drop(gate.lock())).unwrap_err();
            assert_eq!(error.status(), Status::Timeout);
        }
        let error = outcome(&blocking, 5_000, || ()).unwrap_err();
        assert_eq!(error.status(), Status::Resources);
        drop(closed);
        while hanging() > 0 {
            thread::yield_now();
        }
        assert!(outcome(&blocking, 5_000, || ()).is_ok());
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
                    outcome(&blocking, 60_000, all_there).expect("done");
                });
            }
        });
        assert_eq!(blocking.0.load(Ordering::SeqCst), 0);
    }
}
