//! Properties that hold for every answer, every struct and every text, tried on many.
//!
//! `PROPTEST_CASES=10000 cargo test --test properties` tries more.

mod answers;
mod arguments;
mod gateway;
mod results;

// For the modules, too: they take all of it.
use agw::{Client, Status};
use gateway::Gateway;
use proptest::prelude::*;
use proptest::sample::select;
use support::http;

/// What fails is written down as a test of its own, not in a file of seeds.
fn cases(count: u32) -> ProptestConfig {
    let more = std::env::var("PROPTEST_CASES").ok().and_then(|more| more.parse().ok());
    let cases = more.unwrap_or(count);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}
