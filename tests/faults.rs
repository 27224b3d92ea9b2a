//! The fault table: what goes wrong on a network, a row each, through the C ABI.
//!
//! An argument that is no option picks the rows whose names hold it, or with `!` in front those
//! whose names do not. `AGW_CALLER` names a program that makes the calls instead.

use std::env;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use support::faults::row::Row;
use support::faults::run::{Report, flag_names, play};
use support::faults::{corpus, standstill, table};
use support::tls::Over;
use support::{line, lock};

/// Most rows wait most of the time.
const AT_A_TIME: usize = 4;

/// No row takes longer, its further attempts included.
const HANGS: Duration = Duration::from_secs(60);

/// A row over one of the ways it is to be played.
struct Case {
    row: Row,
    over: Over,
}

fn main() -> ExitCode {
    standstill::watch();
    let wanted: Vec<_> = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let (alone, together): (Vec<_>, Vec<_>) =
        cases(&wanted).into_iter().partition(|case| case.row.planted.is_some());
    print_head();
    let mut green: Vec<_> =
        alone.iter().map(|case| print(case, &play(&case.row, case.over))).collect();
    green.extend(print_together(together));
    let passed = green.iter().filter(|green| **green).count();
    let failed = green.len() - passed;
    line(format_args!("{passed} passed, {failed} failed"));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn cases(wanted: &[String]) -> Vec<Case> {
    let picked = |name: &str| {
        wanted.iter().all(|word| match word.strip_prefix('!') {
            Some(unwanted) => !name.contains(unwanted),
            None => name.contains(word),
        })
    };
    let rows = table::rows().into_iter().chain(corpus::rows()).filter(|row| picked(&row.name));
    rows.flat_map(|row| row.over.iter().map(move |over| Case { row: row.clone(), over: *over }))
        .collect()
}

/// Plays several at a time and prints them in the table's order.
fn print_together(cases: Vec<Case>) -> Vec<bool> {
    let cases = Arc::new(cases);
    let (senders, reports): (Vec<_>, Vec<_>) = cases.iter().map(|_| mpsc::channel()).unzip();
    let turns = Arc::new(Mutex::new(senders.into_iter().enumerate()));
    for _ in 0..AT_A_TIME {
        let (cases, turns) = (cases.clone(), turns.clone());
        thread::spawn(move || {
            loop {
                let Some((turn, sender)) = lock(&turns).next() else { return };
                let _ = sender.send(play(&cases[turn].row, cases[turn].over));
            }
        });
    }
    // A row that hangs is reported, and left behind when the process ends.
    let hangs = |_| Report { complaints: vec!["does not end".into()], ..Report::default() };
    let printed = cases
        .iter()
        .zip(reports)
        .map(|(case, report)| print(case, &report.recv_timeout(HANGS).unwrap_or_else(hangs)));
    printed.collect()
}

fn print_head() {
    line(format_args!(
        "     {:<58} {:<7} {:>5} {:<21} {:<17} {:>5} {:>4} {:>7} {:>4}",
        "fault", "over", "calls", "status", "flags", "conns", "reqs", "due", "ms"
    ));
}

/// Whether it is as the row says.
fn print(case: &Case, report: &Report) -> bool {
    let green = report.is_green();
    let (status, flags) = report.told.map_or(("-", 0), |(status, flags)| (status.name(), flags));
    let due = case.row.due().map_or("at once".into(), |due| due.as_millis().to_string());
    line(format_args!(
        "{:<4} {:<58} {:<7} {:>5} {:<21} {:<17} {:>5} {:>4} {:>7} {:>4}",
        if green { "ok" } else { "FAIL" },
        case.row.name,
        case.over.name(),
        report.calls,
        status,
        flag_names(flags),
        report.connections,
        report.requests,
        due,
        report.longest.as_millis()
    ));
    for earlier in &report.earlier {
        line(format_args!("       at first: {earlier}"));
    }
    for complaint in report.complaints.iter().chain(&report.late).take(MOST_COMPLAINTS) {
        line(format_args!("       {complaint}"));
    }
    green
}

/// A row with 200 calls may have 200 times as many.
const MOST_COMPLAINTS: usize = 12;
