//! The callers: threads that come and go, clients that are shared, cancelled and freed.

use std::io;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use agw::Status;
use agw::ffi::{AGW_LOG_DEBUG, AGW_LOG_WARN};
use support::c_text;
use support::dice::Dice;
use support::faults::abi::{Options, Outcome};
use support::faults::library::{Library, Log, Ticket};
use support::tls::Over;

use crate::accounting::{BY_NUMBER, Call, WITH_ALL, agent_of};
use crate::faults::{At, Fault, Faults};
use crate::ledger::Ledger;
use crate::seats::{SHARED, Seat, seats};
use crate::server::Ready;
use crate::shift;
use crate::tag::Tag;
use crate::texts;

/// What the callers were told, a line for each call.
pub const LEDGER: &str = "calls.log";

/// Threads that call at the same time.
const THREADS: usize = 64;

/// No call is in progress.
const NOBODY: u64 = u64::MAX;

/// Keeps the load bounded.
const CALLS_A_SECOND: u32 = 2_000;

/// No call begins before its time has come.
#[derive(Clone, Copy)]
struct Pace {
    started: Instant,
    first: u32,
}

impl Pace {
    fn wait_for(self, number: u32) {
        let due = Duration::from_secs(1) / CALLS_A_SECOND * (number - self.first);
        thread::sleep(due.saturating_sub(self.started.elapsed()));
    }
}

/// What was done, beyond the ledger.
#[derive(Default)]
pub struct Counts {
    pub clients: AtomicU64,
    pub threads: AtomicU64,
    pub connects: AtomicU64,
    pub cancels: AtomicU64,
    pub cancelled_calls: AtomicU64,
    pub frees_in_flight: AtomicU64,
    pub shift: shift::Counts,
}

pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What a thread does.
struct Desk {
    /// The number of its call in progress, and below it the place of the seat.
    busy: AtomicU64,
    /// The last number of its that was, or is about to be, cancelled.
    cancelled: AtomicU32,
}

impl Default for Desk {
    fn default() -> Self {
        Desk { busy: AtomicU64::new(NOBODY), cancelled: AtomicU32::new(0) }
    }
}

/// Everything that the callers share.
pub struct Host {
    pub library: Library,
    pub faults: Faults,
    pub ready: Ready,
    seats: Vec<Seat>,
    desks: Vec<Desk>,
    numbers: AtomicU32,
    over: AtomicBool,
    ledger: Ledger,
    pub shift_ledger: Ledger,
    pub counts: Counts,
}

impl Host {
    pub fn new(library: Library, ready: Ready, folder: &Path) -> io::Result<Self> {
        let faults = Faults::of_the_table();
        Ok(Host {
            seats: seats(&faults, &ready),
            library,
            faults,
            ready,
            desks: (0..THREADS).map(|_| Desk::default()).collect(),
            numbers: AtomicU32::new(1),
            over: AtomicBool::new(false),
            ledger: Ledger::create(folder, LEDGER)?,
            shift_ledger: Ledger::create(folder, shift::LEDGER)?,
            counts: Counts::default(),
        })
    }

    /// Calls for so long; in the end there is no client, call or thread any more.
    pub fn call_for(&self, time: Duration) -> io::Result<()> {
        self.over.store(false, Ordering::SeqCst);
        self.seats.iter().for_each(|seat| self.occupy(seat));
        let shift = self.shift_client();
        thread::scope(|scope| {
            scope.spawn(|| self.now_and_then(1, 15, |_, seat, _| self.cancel(seat)));
            scope.spawn(|| self.now_and_then(2, 40, |_, seat, _| self.free(seat)));
            scope.spawn(|| {
                self.now_and_then(3, 10, |desk, seat, number| self.cancel_call(desk, seat, number));
            });
            self.begin_shift(shift, scope);
            self.send_threads_in(time, scope);
            self.over.store(true, Ordering::SeqCst);
        });
        for seat in &self.seats {
            self.must(self.library.free(seat.ticket()), "agw_free");
        }
        self.must(self.library.free(shift), "agw_free");
        self.ledger.flush()?;
        self.shift_ledger.flush()
    }

    fn must(&self, status: i32, what: &str) {
        if status != 0 {
            texts::find(format!("{what} gives {status}"));
        }
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn occupy(&self, seat: &Seat) {
        let chatty = self.numbers.load(Ordering::Relaxed) % 2 == 0;
        seat.ticket.store(self.client(&seat.options, chatty).0, Ordering::SeqCst);
    }

    pub fn client(&self, options: &Options, chatty: bool) -> Ticket {
        count(&self.counts.clients);
        let level = if chatty { AGW_LOG_DEBUG } else { AGW_LOG_WARN };
        let log = Log(Some(texts::take_line), ptr::null_mut(), level);
        let (client, made) = self.library.client(options, &log, 0);
        self.must(made.returned, "agw_client_new");
        client
    }

    /// As one thread goes, the next comes.
    fn send_threads_in<'scope>(&'scope self, time: Duration, scope: &'scope Scope<'scope, '_>) {
        let pace = Pace { started: Instant::now(), first: self.numbers.load(Ordering::SeqCst) };
        let mut threads: Vec<_> = (0..THREADS).map(|_| None).collect();
        while pace.started.elapsed() < time {
            for (desk, thread) in threads.iter_mut().enumerate() {
                if thread.as_ref().is_none_or(thread::ScopedJoinHandle::is_finished) {
                    count(&self.counts.threads);
                    *thread = Some(scope.spawn(move || self.work(desk, pace)));
                }
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn work(&self, desk: usize, pace: Pace) {
        let mut dice = Dice(u64::from(self.numbers.load(Ordering::SeqCst)) << 8 | desk as u64);
        for _ in 0..20 + dice.below(400) {
            if self.is_over() {
                return;
            }
            let number = self.numbers.fetch_add(1, Ordering::SeqCst);
            pace.wait_for(number);
            self.call(number, desk, &mut dice);
        }
    }

    /// One call, every third with a fault.
    fn call(&self, number: u32, desk: usize, dice: &mut Dice) {
        let apart = number % 3 == 0 && dice.below(5) == 0;
        let seats = if apart { SHARED..self.seats.len() } else { 0..SHARED };
        let place = seats.start + dice.below(seats.len());
        let seat = &self.seats[place];
        let fault = match number % 3 {
            0 if apart => seat.fault,
            0 => self.fault_over(seat.over, dice),
            _ => 0,
        };
        let desk = &self.desks[desk];
        desk.busy.store(u64::from(number) << 32 | place as u64, Ordering::SeqCst);
        let mut late = Duration::ZERO;
        if dice.below(16) == 0 {
            count(&self.counts.connects);
            let watch = seat.watch();
            let outcome = self.library.connect(seat.ticket(), 0);
            texts::take_result(&outcome);
            self.judge_connect(seat, &outcome, seat.was_ended_since(watch));
            late = seat.late(&outcome);
        }
        let agent = c_text(&agent_of(number).to_string());
        let guid = c_text(&Tag { number, fault }.guid());
        let watch = seat.watch();
        let outcome = self.library.reject(seat.ticket(), &agent, Some(&guid), number);
        let with_all = if seat.was_ended_since(watch) { WITH_ALL } else { 0 };
        let by_number = desk.cancelled.load(Ordering::SeqCst) == number;
        let by_number = if by_number { BY_NUMBER } else { 0 };
        desk.busy.store(NOBODY, Ordering::SeqCst);
        texts::take_result(&outcome);
        self.judge(number, seat, fault, &outcome);
        self.ledger.note(&Call {
            number,
            fault,
            status: outcome.returned,
            flags: outcome.result.flags,
            http_status: outcome.result.http_status,
            cancels: with_all | by_number,
            late_us: late.max(seat.late(&outcome)).as_micros() as u32,
        });
    }

    fn fault_over(&self, over: Over, dice: &mut Dice) -> u16 {
        loop {
            let place = dice.below(self.faults.list.len());
            let fault = &self.faults.list[place];
            if matches!(fault.at, At::Request { .. }) && fault.over.contains(&over) {
                return place as u16 + 1;
            }
        }
    }

    fn judge(&self, number: u32, seat: &Seat, fault: u16, outcome: &Outcome) {
        let fault = usize::from(fault).checked_sub(1).map(|place| &self.faults.list[place]);
        if outcome.result.status != outcome.returned || !is_right(number, seat, fault, outcome) {
            let name = fault.map_or("no fault", |fault| &*fault.name);
            let (result, retcode, message) =
                (&outcome.result, outcome.retcode(), outcome.message());
            texts::find(format!(
                "call {number} ({name}): {}, HTTP {}, {retcode:?}, {message:?}, {:?}",
                outcome.returned,
                result.http_status,
                outcome.detail()
            ));
        }
    }

    /// It has no number: only with all others it ends cancelled.
    fn judge_connect(&self, seat: &Seat, outcome: &Outcome, ended: bool) {
        let status = Status::from_number(outcome.returned);
        let right = status == Some(Status::Ok) || status.is_some_and(|it| disturbed(it, seat));
        let stray = status == Some(Status::Cancelled) && !ended;
        if !right || stray || outcome.result.flags != 0 {
            texts::find(format!("agw_connect: {} {:?}", outcome.returned, outcome.detail()));
        }
    }

    /// Interferes with a call in progress: of this desk, at that seat, with that number.
    fn now_and_then(&self, seed: u64, pause_ms: u64, interfere: impl Fn(&Desk, &Seat, u32)) {
        let mut dice = Dice(seed);
        while !self.is_over() {
            thread::sleep(Duration::from_millis(pause_ms));
            let desk = &self.desks[dice.below(THREADS)];
            let busy = desk.busy.load(Ordering::SeqCst);
            if let Some(seat) = self.seats.get(busy as u32 as usize) {
                interfere(desk, seat, (busy >> 32) as u32);
            }
        }
    }

    fn cancel(&self, seat: &Seat) {
        count(&self.counts.cancels);
        let status = seat.end_calls(|| self.library.cancel(seat.ticket()));
        self.must_if_alive(status, "agw_cancel");
    }

    fn cancel_call(&self, desk: &Desk, seat: &Seat, number: u32) {
        count(&self.counts.cancelled_calls);
        desk.cancelled.store(number, Ordering::SeqCst);
        let status = self.library.cancel_call(seat.ticket(), number);
        self.must_if_alive(status, "agw_cancel_call");
    }

    /// The other thread may have freed it just now.
    fn must_if_alive(&self, status: i32, what: &str) {
        if Status::from_number(status) != Some(Status::InvalidHandle) {
            self.must(status, what);
        }
    }

    fn free(&self, seat: &Seat) {
        count(&self.counts.frees_in_flight);
        let old = seat.ticket();
        self.occupy(seat);
        self.must(seat.end_calls(|| self.library.free(old)), "agw_free");
    }
}

/// The outcome is that of the fault, or of what else goes on.
fn is_right(number: u32, seat: &Seat, fault: Option<&Fault>, outcome: &Outcome) -> bool {
    let Some(status) = Status::from_number(outcome.returned) else {
        return false;
    };
    let wanted = fault.map_or(Status::Ok, |fault| fault.expect.status);
    let told = match fault {
        Some(fault) => outcome.retcode() == Ok(&fault.expect.retcode),
        None => outcome.message() == Ok(&number.to_string()),
    };
    status == wanted && told || disturbed(status, seat)
        // What an idle connection was told may meet the next request.
        || status == Status::Http && outcome.result.http_status == 408
        // A body without a length ends as the gateway that sends it goes down.
        || status == Status::Protocol
            && matches!(wanted, Status::Timeout | Status::Io | Status::TooLarge)
}

/// Cancels, frees and restarts go on, and kept connections die of an earlier call's fault.
fn disturbed(status: Status, seat: &Seat) -> bool {
    match status {
        Status::Timeout
        | Status::Connect
        | Status::Io
        | Status::Cancelled
        | Status::InvalidHandle => true,
        Status::Tls => seat.over != Over::Plain,
        _ => false,
    }
}
