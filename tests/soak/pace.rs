//! When a call begins.

use std::thread;
use std::time::{Duration, Instant};

/// Keeps the load bounded.
const CALLS_A_SECOND: u32 = 2_000;

/// No call begins before its time has come.
#[derive(Clone, Copy)]
pub struct Pace {
    pub started: Instant,
    pub first: u32,
}

impl Pace {
    pub fn wait_for(self, number: u32) {
        let due = Duration::from_secs(1) / CALLS_A_SECOND * (number - self.first);
        thread::sleep(due.saturating_sub(self.started.elapsed()));
    }
}
