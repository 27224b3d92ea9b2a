//! Calls into the operating system that cannot be interrupted.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::control::{CANCEL_CHECK, Control, cancelled};
use crate::socket::Deadline;
use crate::{Error, Status};

/// Runs each in a thread that the call does not wait for past its deadline, and counts those that
/// hang.
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
        let place = self.take_place().ok_or(Unfinished::TooMany)?;
        let (sender, receiver) = sync_channel::<()>(1);
        let work = move || {
            work();
            let _ = sender.send(());
            drop(place);
        };
        let builder = thread::Builder::new().name(thread.into());
        builder.spawn(work).map_err(Unfinished::NoThread)?;
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

    fn take_place(&self) -> Option<Place> {
        let place = Place(self.0.clone());
        (place.0.fetch_add(1, Ordering::Relaxed) < Self::MOST).then_some(place)
    }
}

impl Unfinished {
    /// The call's error, where a thread that died is a failure of the given kind.
    pub fn while_doing(self, what: &str, died: Status) -> Error {
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
            Unfinished::Died => Error::new(died, format!("no outcome of {what}")),
        }
    }
}

/// One thread that is counted until it is done.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn outcome<T: Send + 'static>(
        aside: &Aside,
        timeout: u64,
        control: &Control,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let deadline = Deadline::after(Duration::from_millis(timeout));
        aside
            .run("agw test", work, deadline, control)
            .map_err(|why| why.while_doing("working", Status::Tls))
    }

    fn a_second() {
        thread::sleep(Duration::from_secs(1));
    }

    #[test]
    fn what_hangs_ends_with_the_call() {
        let started = Instant::now();
        let error = outcome(&Aside::default(), 50, &Control::default(), a_second).unwrap_err();
        assert_eq!(error.status(), Status::Timeout);
        assert_eq!(error.detail(), "the time-out passed while working");
        assert!(started.elapsed() < Duration::from_millis(500));
    }

    #[test]
    fn what_hangs_can_be_cancelled() {
        let control = Control::default();
        control.cancel();
        let error = outcome(&Aside::default(), 30_000, &control, a_second).unwrap_err();
        assert_eq!(error.status(), Status::Cancelled);
    }

    #[test]
    fn what_is_done_or_dies_is_told() {
        let control = Control::default();
        assert_eq!(outcome(&Aside::default(), 5_000, &control, || 42).expect("done"), 42);
        let died = || panic!("the operating system's bug");
        let error = outcome::<()>(&Aside::default(), 5_000, &control, died).unwrap_err();
        assert_eq!((error.status(), error.detail()), (Status::Tls, "no outcome of working"));
    }

    #[test]
    fn what_hangs_does_not_pile_up() {
        let (aside, control) = (Aside::default(), Control::default());
        let places: Vec<_> = (0..Aside::MOST).map(|_| aside.take_place().expect("room")).collect();
        let error = outcome(&aside, 5_000, &control, || ()).unwrap_err();
        assert_eq!(error.status(), Status::Resources);
        drop(places);
        assert!(outcome(&aside, 5_000, &control, || ()).is_ok());
    }
}
