//! The moment by which a call must have returned.

use std::io;
use std::time::Duration;

use crate::sys::clock::Moment;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Moment);

impl Deadline {
    pub fn after(timeout: Duration) -> Self {
        /// Far enough: u32 milliseconds always fit, a Duration need not.
        const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);
        let now = Moment::now();
        let end = now.checked_add(timeout.min(LONGEST));
        Deadline(end.unwrap_or(now))
    }

    /// The same, or the end of so long a time from now on, whichever comes first.
    pub fn capped(self, timeout: Duration) -> Self {
        let capped = Deadline::after(timeout);
        if capped.0 < self.0 { capped } else { self }
    }

    /// The time left, or the error that ends the call.
    pub fn remaining(self) -> io::Result<Duration> {
        match self.0.since(Moment::now()) {
            Duration::ZERO => Err(io::Error::new(io::ErrorKind::TimedOut, DeadlinePassed)),
            remaining => Ok(remaining),
        }
    }
}

/// Tells our own time-out from the operating system's.
#[derive(Debug)]
struct DeadlinePassed;

impl std::fmt::Display for DeadlinePassed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the time-out passed")
    }
}

impl std::error::Error for DeadlinePassed {}

pub(crate) fn deadline_passed(why: &io::Error) -> bool {
    why.get_ref().is_some_and(|inner| inner.is::<DeadlinePassed>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_passes_and_says_that_it_was_ours() {
        let gone = Deadline::after(Duration::ZERO).remaining().unwrap_err();
        assert!(deadline_passed(&gone));
        assert!(!deadline_passed(&io::Error::from(io::ErrorKind::TimedOut)));
        assert!(Deadline::after(Duration::MAX).remaining().is_ok());
        assert!(Deadline::after(Duration::MAX).capped(Duration::ZERO).remaining().is_err());
    }
}
