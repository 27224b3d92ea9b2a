//! The moment by which a call must have returned.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::sys::clock::Moment;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    end: Moment,
    of: Limit,
}

/// What a deadline is the end of, in words and length.
#[derive(Debug, Clone, Copy)]
struct Limit(&'static str, Duration);

impl Deadline {
    /// Of the whole call.
    pub fn after(timeout: Duration) -> Self {
        Deadline::of(Limit("time-out", timeout))
    }

    fn of(limit: Limit) -> Self {
        /// Far enough: u32 milliseconds always fit, a Duration need not.
        const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);
        let now = Moment::now();
        let end = now.checked_add(limit.1.min(LONGEST));
        Deadline { end: end.unwrap_or(now), of: limit }
    }

    /// The same, or the end of so long a time from now on, whichever comes first; with words for that.
    pub fn capped(self, timeout: Duration, words: &'static str) -> Self {
        let capped = Deadline::of(Limit(words, timeout));
        if capped.end < self.end { capped } else { self }
    }

    /// The time left, or the error that ends the call.
    pub fn remaining(self) -> io::Result<Duration> {
        match self.end.since(Moment::now()) {
            Duration::ZERO => Err(io::Error::new(io::ErrorKind::TimedOut, DeadlinePassed(self.of))),
            remaining => Ok(remaining),
        }
    }
}

/// Tells our own time-out from the operating system's.
#[derive(Debug)]
struct DeadlinePassed(Limit);

impl fmt::Display for DeadlinePassed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limit(words, length) = self.0;
        write!(f, "the {words} of {} ms passed", grouped(length.as_millis()))
    }
}

/// With commas between the thousands.
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
        assert_eq!(gone.to_string(), "the time-out of 0 ms passed");
        for (number, text) in
            [(999, "999"), (1000, "1,000"), (10_000, "10,000"), (4_294_967_295, "4,294,967,295")]
        {
            assert_eq!(grouped(number), text);
        }
        assert!(!deadline_passed(&io::Error::from(io::ErrorKind::TimedOut)));
        assert!(Deadline::after(Duration::MAX).remaining().is_ok());
        let capped = Deadline::after(Duration::MAX).capped(Duration::ZERO, "share");
        assert_eq!(capped.remaining().unwrap_err().to_string(), "the share of 0 ms passed");
    }
}
