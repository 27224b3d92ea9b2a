//! The moment by which a call must have returned.

use std::io;
use std::time::Duration;

use super::cause::Cause;
use crate::sys::clock::Moment;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    end: Moment,
    /// What it is the end of.
    words: &'static str,
    length: Duration,
}

impl Deadline {
    /// Of the whole call.
    pub fn after(timeout: Duration) -> Self {
        Deadline::of("time-out", timeout)
    }

    fn of(words: &'static str, length: Duration) -> Self {
        /// Far enough: u32 milliseconds always fit, a Duration need not.
        const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);
        Deadline { end: Moment::now().plus(length.min(LONGEST)), words, length }
    }

    /// The same, or the end of so long a time from now on, whichever comes first; with words for that.
    pub fn capped(self, timeout: Duration, words: &'static str) -> Self {
        let capped = Deadline::of(words, timeout);
        if capped.end < self.end { capped } else { self }
    }

    /// The time left, or the error that ends the call.
    pub fn remaining(self) -> io::Result<Duration> {
        match self.end.since(Moment::now()) {
            Duration::ZERO => Err(Cause::DeadlinePassed(self.words, self.length).into()),
            remaining => Ok(remaining),
        }
    }
}
