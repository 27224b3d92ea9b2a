//! One answer belongs to one request: agents call through the library, a gateway does what a
//! gateway may do wrong, at random, and each call is compared with the gateway's own log.
//!
//! `make model CALLS=1000000` makes more calls; `AGW_MODEL_SEED=7 make model CALLS=5000` plays the
//! world of that seed again and again.

mod acts;
mod gateway;
mod judge;
mod naive;
mod world;

// For the modules, too: they take all of it.
use std::env;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use acts::*;
use agw::{CallId, ClientOptions, Status};
use gateway::*;
use judge::*;
use support::dice::Dice;
use support::faults::standstill;
use support::tls::Over;
use support::{line, lock};
use world::*;

/// Worlds that are played at a time: most of them wait most of the time.
const AT_A_TIME: usize = 64;

/// Calls in `make test`.
const FEW: usize = 8_000;
/// Calls that are enough to find out the client that does everything wrong, so many in a world.
const ENOUGH: usize = 1_500;
const SHORT: usize = 20;

/// What has to have happened, or nothing was shown.
const TRIED: [&str; 11] = [
    "requests on a kept connection",
    "requests sent again",
    "requests to nobody",
    "calls ended by their number",
    "calls whose number was cancelled too late",
    "unasked answers that came between calls for certain",
    "sign-ins accepted",
    "polls that brought an event",
    "sign-outs accepted",
    "calls that asked once more",
    "Guids and cookies that an answer had brought",
];

fn main() -> ExitCode {
    standstill::watch();
    let number = |name| env::var(name).ok().map(|text| text.parse().expect("a number"));
    let calls = number("AGW_MODEL_CALLS").map_or(FEW, |calls: u64| calls as usize);
    let seed = number("AGW_MODEL_SEED");

    support::end_after(Duration::from_secs(120) + Duration::from_millis(5) * calls as u32);

    let overlooked = if seed.is_none() { overlooked() } else { Vec::new() };
    let began = Instant::now();
    let findings = play(world::library, calls, |next| {
        Plan::new(seed.unwrap_or(next), &[Over::Plain, Over::Tls12, Over::Tls13])
    });
    print(&findings, began);
    let tried = TRIED.iter().all(|what| findings.counts.get(what).is_some_and(|n| *n > 0));
    let tried = tried || seed.is_some();
    let good = findings.faults.is_empty() && overlooked.is_empty() && tried;
    if !tried {
        line(format_args!("not all that is to be tried has happened: {TRIED:?}"));
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is not found in a client that does everything wrong. A machine that stands still now and then
/// excuses what is late: hence more than one attempt.
fn overlooked() -> Vec<Fault> {
    const ATTEMPTS: u64 = 5;
    let mut overlooked = Fault::ALL.to_vec();
    for attempt in 0..ATTEMPTS {
        let found = play(naive::naive, ENOUGH, |next| {
            let plan = Plan::new(next + attempt * ENOUGH as u64, &[Over::Plain]);
            Plan { calls: SHORT, ..plan }
        });
        overlooked.retain(|fault| !found.faults.iter().any(|(found, _)| found == fault));
        if overlooked.is_empty() {
            break;
        }
    }
    line(format_args!("of a client that does all wrong this was overlooked: {overlooked:?}"));
    overlooked
}

/// Plays worlds until so many calls have been made.
fn play(make: MakeCaller, calls: usize, plan: impl Fn(u64) -> Plan + Sync) -> Findings {
    let findings = Mutex::<Findings>::default();
    let seeds = AtomicU64::new(0);
    let made = || lock(&findings).counts.get("calls").copied().unwrap_or_default();
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while made() < calls {
                    let plan = Arc::new(plan(seeds.fetch_add(1, Ordering::Relaxed)));
                    let story = World::play(plan.clone(), make);
                    let found = judge(&plan, &story);
                    lock(&findings).add(found);
                }
            });
        }
    });
    findings.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn print(findings: &Findings, began: Instant) {
    const EXAMPLES: usize = 3;
    let (calls, took) = (findings.counts["calls"], began.elapsed().as_secs_f64());
    line(format_args!("{calls} calls in {took:.1} s, {:.0} a second", calls as f64 / took));
    for (what, count) in &findings.counts {
        line(format_args!("{count:>9} {what}"));
    }
    for fault in Fault::ALL {
        let found = findings.faults.iter().filter(|(found, _)| *found == fault);
        line(format_args!("{:>9} {fault:?}", found.clone().count()));
        found.take(EXAMPLES).for_each(|(_, what)| line(format_args!("          {what}")));
    }
}
