//! Chance that is the same in every run.

use std::time::Duration;

/// Numbers that look thrown (splitmix64), the same for the same seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn new(seed: u64, about: u64) -> Self {
        Dice(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ about.wrapping_mul(0xA24B_AED4_963E_E407))
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) as usize % end
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pause(&mut self, most_ms: usize) -> Duration {
        Duration::from_micros(self.below(most_ms * 1000) as u64)
    }

    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
