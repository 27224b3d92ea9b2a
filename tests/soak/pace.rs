//! When a call begins, and what it is: the pace and the dice.

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

/// Numbers that look thrown (splitmix64), the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) as usize % end
    }
}
