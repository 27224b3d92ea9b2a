//! The table at the end, and the verdict.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agw::Status;
use agw::ffi::{AGW_RESULT_MAYBE_SENT, AGW_RESULT_RESENT};

use crate::accounting::{BY_NUMBER, Balance, Call, Log, PLANTED, balance, overlooked};
use crate::events;
use crate::host::{Host, LEDGER};
use crate::ledger::Ledger;
use crate::rest::{KINDS, Rest};
use crate::server::{ANSWERS, Done, LOG};
use crate::shift::{self, AGENTS};
use crate::shift_gateway::EVENTS;
use crate::texts;

/// No call may return so much later than its time-out, on a machine that has other things to do.
const LATEST: Duration = Duration::from_secs(3);

/// Everything that is known when it is over.
pub struct Report<'a> {
    pub host: &'a Host,
    /// The library's.
    pub version: String,
    pub folder: &'a Path,
    pub done: Done,
    pub before: Rest,
    pub after: Rest,
    /// Of those planted, one of each kind.
    pub leaks_found: usize,
    pub time: Duration,
    pub warm_up: Duration,
}

/// The books of both sides.
struct Books {
    calls: Vec<Call>,
    log: Log,
    polls: Vec<events::Poll>,
    /// Agents, and the numbers of the events that were handed out to them.
    handed_out: Vec<(u32, u32)>,
}

/// Lines of the table, and what is wrong.
#[derive(Default)]
struct Table {
    text: String,
    wrong: Vec<String>,
}

impl Table {
    fn head(&mut self, text: &str) {
        self.text += &format!("\n{text}\n");
    }

    fn row(&mut self, name: &str, value: impl ToString) {
        self.text += &format!("  {name:<44} {:>12}\n", value.to_string());
    }

    fn row_with(&mut self, name: &str, value: impl ToString, more: &str) {
        self.text += &format!("  {name:<44} {:>12}  {more}\n", value.to_string());
    }

    /// What must have happened.
    fn counted(&mut self, name: &str, count: u64) {
        self.row(name, count);
        self.must(count > 0, format!("{name}: none"));
    }

    /// What was planted for the proof that it would be found.
    fn found(&mut self, what: &str, found: usize, planted: usize) {
        self.row(&format!("{what} found, of {planted}"), found);
        self.must(found == planted, format!("{what} are overlooked"));
    }

    fn must(&mut self, right: bool, wrong: impl Into<String>) {
        if !right {
            self.wrong.push(wrong.into());
        }
    }
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Report<'_> {
    /// Prints the table; whether all is as it should be.
    pub fn print(&self) -> io::Result<bool> {
        let books = Books::read(self.folder)?;
        let mut table = Table::default();
        self.statuses(&books.calls, &mut table);
        self.faults(&books.calls, &mut table);
        self.events(&mut table);
        cancels(&books.calls, &mut table);
        books.accounts(&mut table);
        self.shift(&books, &mut table);
        self.texts(&mut table);
        self.lateness(&books.calls, &mut table);
        self.rest(&mut table);
        let green = table.wrong.is_empty();
        let mut stdout = io::stdout().lock();
        write!(stdout, "{}", table.text)?;
        for wrong in &table.wrong {
            writeln!(stdout, "WRONG: {wrong}")?;
        }
        let verdict = if green { "all is as it should be" } else { "FAILED" };
        writeln!(stdout, "\nsoak: {verdict}")?;
        Ok(green)
    }

    fn statuses(&self, calls: &[Call], table: &mut Table) {
        let version = &self.version;
        let (time, warm_up) = (self.time.as_secs(), self.warm_up.as_secs());
        table.head(&format!("libagw {version}, {time} s, {warm_up} s of them to warm up"));
        table.row("calls", calls.len());
        let rate = calls.len() as u64 / time;
        table.row("calls a second", rate);
        table.head("calls by status");
        let mut by_status = BTreeMap::<i32, u64>::new();
        for call in calls {
            *by_status.entry(call.status).or_default() += 1;
        }
        for (number, count) in by_status {
            let status = Status::from_number(number);
            table.row(status.map_or("not a status", Status::name), count);
            table.must(status.is_some(), format!("{count} calls with status {number}"));
        }
        let sound: Vec<_> = calls.iter().filter(|call| call.fault == 0).collect();
        let accepted = sound.iter().filter(|call| call.status == Status::Ok.number()).count();
        table.row_with("calls without a fault", sound.len(), &format!("{accepted} accepted"));
        table.must(accepted * 2 > sound.len(), "most calls without a fault fail");
    }

    fn faults(&self, calls: &[Call], table: &mut Table) {
        table.head("calls with a fault, by kind: all, and with the status that it has alone");
        let faults = &self.host.faults.list;
        let mut by_kind: BTreeMap<_, _> = faults.iter().map(|fault| (fault.kind, (0, 0))).collect();
        let mut played = vec![false; faults.len()];
        for call in calls.iter().filter(|call| call.fault > 0) {
            let place = usize::from(call.fault) - 1;
            let (all, alone) = by_kind.entry(faults[place].kind).or_default();
            *all += 1;
            *alone += u64::from(call.status == faults[place].expect.status.number());
            played[place] = true;
        }
        for (kind, (all, alone)) in &by_kind {
            table.row_with(kind, all, &alone.to_string());
            table.must(*alone > 0, format!("{kind}: never met"));
        }
        let played = played.iter().filter(|played| **played).count();
        table.row("rows of the fault table played", played);
        let left_out = faults.len() - played;
        table.must(left_out == 0, format!("{left_out} faults were not played"));
    }

    fn events(&self, table: &mut Table) {
        let counts = &self.host.counts;
        table.head("meanwhile");
        table.counted("clients", get(&counts.clients));
        table.counted("threads that came and went", get(&counts.threads));
        table.counted("agw_connect", get(&counts.connects));
        table.counted("agw_cancel during a call", get(&counts.cancels));
        table.counted("agw_cancel_call during a call", get(&counts.cancelled_calls));
        table.counted("agw_free during a call", get(&counts.frees_in_flight));
        table.counted("restarts of a gateway", self.done.restarts);
        table.counted("connections", self.done.connections as u64);
        table.must(self.done.open == 0, format!("{} connections stay open", self.done.open));
        let forbidden = self.done.forbidden;
        table.must(forbidden == 0, format!("{forbidden} redirects were followed"));
    }

    fn shift(&self, books: &Books, table: &mut Table) {
        table.head(&format!("{AGENTS} agents on shift"));
        let counts = &self.host.counts.shift;
        table.counted("sign-ins", get(&counts.sign_ins));
        table.counted("sign-outs", get(&counts.sign_outs));
        table.counted("polls", get(&counts.polls));
        table.counted("rejects with the kept Guid", get(&counts.rejects));
        table.counted("Guids renewed", self.done.shift_renewals);
        table.row("refusals of the newest Guid that was known", get(&counts.stale));
        let found = events::balance(&books.polls, &books.handed_out);
        table.counted("events handed out", books.handed_out.len() as u64);
        table.row("events that the flags say may be missing", found.lost);
        table.wrong.extend(found.wrong);
        let overlooked = events::overlooked(&books.polls, &books.handed_out);
        table.found("planted events", events::PLANTED - overlooked.len(), events::PLANTED);
    }

    fn texts(&self, table: &mut Table) {
        let (lines, results, found) = texts::summary();
        table.head("looked through for a Guid");
        table.row("log lines", lines);
        table.row("results", results);
        table.must(lines > 0 && results > 0, "no text was looked through");
        table.found("planted lines", texts::planted_found(), 1);
        table.wrong.extend(found);
    }

    fn lateness(&self, calls: &[Call], table: &mut Table) {
        let worst = calls.iter().map(|call| call.late_us).max().unwrap_or_default();
        let over = |ms: u32| calls.iter().filter(|call| call.late_us > ms * 1000).count();
        table.head("later than the time-out");
        table.row("worst, ms", format!("{:.1}", f64::from(worst) / 1000.0));
        table.row("calls more than 10 ms late", over(10));
        table.row("calls more than 100 ms late", over(100));
        let late = Duration::from_micros(worst.into()) > LATEST;
        table.must(!late, format!("a call was later than {LATEST:?}"));
    }

    fn rest(&self, table: &mut Table) {
        table.head("held at rest: after warming up, in the end");
        for ((kind, before), after) in KINDS.iter().zip(self.before.0).zip(self.after.0) {
            table.row_with(kind.0, before, &format!("{after:>8}"));
        }
        let leaks = self.after.leaks(&self.before);
        table.wrong.extend(leaks.iter().map(|leak| format!("more {leak} than before")));
        table.found("planted leaks", self.leaks_found, KINDS.len());
    }
}

/// A cancel of its number ends a call at once. Few get their outcome in that very moment; a time-out
/// would take long, and shows that the cancel did nothing.
fn cancels(calls: &[Call], table: &mut Table) {
    table.head("calls that were cancelled by their number alone, before they were over");
    let by_number: Vec<_> = calls.iter().filter(|call| call.cancels == BY_NUMBER).collect();
    let with =
        |status: Status| by_number.iter().filter(|call| call.status == status.number()).count();
    let (cancelled, late) = (with(Status::Cancelled), with(Status::Timeout));
    table.row("calls", by_number.len());
    table.row("calls that ended cancelled", cancelled);
    table.row("calls that timed out all the same", late);
    table.must(cancelled * 2 > by_number.len(), "most cancels by number end no call");
    table.must(late * 20 <= cancelled, "calls time out although their number was cancelled");
}

impl Books {
    fn read(folder: &Path) -> io::Result<Self> {
        Ok(Books {
            calls: Ledger::read(folder, LEDGER)?,
            log: Log {
                arrivals: Ledger::read(folder, LOG)?,
                answered: Ledger::read(folder, ANSWERS)?,
            },
            polls: Ledger::read(folder, shift::LEDGER)?,
            handed_out: Ledger::read(folder, EVENTS)?,
        })
    }

    fn accounts(&self, table: &mut Table) {
        let Balance { wrong, examples } = balance(&self.calls, &self.log);
        let flagged = |flag: u32| self.calls.iter().filter(|call| call.flags & flag != 0).count();
        table.head("the gateway's log against the callers' ledger");
        table.row("requests in the log", self.log.arrivals.len());
        table.row("requests that an answer began to", self.log.answered.len());
        table.row("calls with AGW_RESULT_RESENT", flagged(AGW_RESULT_RESENT));
        table.row("calls with AGW_RESULT_MAYBE_SENT", flagged(AGW_RESULT_MAYBE_SENT));
        table.row("calls that do not fit their requests", wrong);
        table.must(flagged(AGW_RESULT_RESENT) > 0, "nothing was sent once more");
        table.wrong.extend(examples);
        if wrong == 0 {
            let overlooked = overlooked(&self.calls, &self.log);
            table.found("planted errors", PLANTED - overlooked.len(), PLANTED);
            table.wrong.extend(overlooked.iter().map(|what| format!("{what} is overlooked")));
        }
    }
}
