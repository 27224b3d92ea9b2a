//! The callers: threads that come and go, clients that are shared, cancelled and freed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use agw::Status;
use agw::ffi::AGW_NO_KEEP_ALIVE;

use crate::abi::{Options, Outcome};
use crate::accounting::{Call, agent_of};
use crate::faults::{At, Faults, OVERS};
use crate::library::{Library, Ticket};
use crate::server::{AGENTS, Notice, RENEWED, Ready};
use crate::tag::Tag;
use crate::texts;
use crate::tls::{Over, certificate_pem};

/// What the callers were told, a line for each call.
pub const LEDGER: &str = "calls.log";
/// What the agents at the simulator were told, a line each: the agent's number and the retcode.
pub const AGENTS_LEDGER: &str = "agents.log";

/// Threads that call at the same time.
const THREADS: usize = 64;
/// Clients of each of the three gateways.
const SHARED: usize = 32;
/// Keeps the load bounded.
const CALLS_A_SECOND: u32 = 2_000;
const TIMEOUTS_MS: [u32; 4] = [200, 300, 500, 1_000];

const NOBODY: usize = usize::MAX;

/// A client that is replaced by a new one of the same make now and then.
struct Seat {
    over: Over,
    /// A client that meets nothing but this fault; 0: the gateway's clients.
    fault: u16,
    options: Options,
    ticket: AtomicUsize,
}

impl Seat {
    fn ticket(&self) -> Ticket {
        Ticket(self.ticket.load(Ordering::SeqCst))
    }

    /// How long after the time-out a call has returned.
    fn late(&self, outcome: &Outcome) -> Duration {
        outcome.time.saturating_sub(Duration::from_millis(self.options.timeout_ms.into()))
    }
}

/// What was done, beyond the ledger.
#[derive(Default)]
pub struct Counts {
    pub clients: AtomicU64,
    pub threads: AtomicU64,
    pub connects: AtomicU64,
    pub cancels: AtomicU64,
    pub frees_in_flight: AtomicU64,
    pub agent_calls: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Everything that the callers share.
pub struct Host {
    library: Library,
    faults: Faults,
    ready: Ready,
    seats: Vec<Seat>,
    /// The seat that each thread has a call in progress on.
    busy: Vec<AtomicUsize>,
    numbers: AtomicU32,
    over: AtomicBool,
    ledger: Mutex<BufWriter<File>>,
    agents_ledger: Mutex<BufWriter<File>>,
    /// The newest word on each of the simulator's agents.
    pub board: Mutex<BTreeMap<u32, Notice>>,
    pub counts: Counts,
}

impl Host {
    pub fn new(library: Library, ready: Ready, folder: &Path) -> io::Result<Self> {
        let faults = Faults::of_the_table();
        let file =
            |name| io::Result::Ok(Mutex::new(BufWriter::new(File::create(folder.join(name))?)));
        Ok(Host {
            seats: seats(&faults, &ready),
            library,
            faults,
            ready,
            busy: (0..THREADS).map(|_| AtomicUsize::new(NOBODY)).collect(),
            numbers: AtomicU32::new(1),
            over: AtomicBool::new(false),
            ledger: file(LEDGER)?,
            agents_ledger: file(AGENTS_LEDGER)?,
            board: Mutex::default(),
            counts: Counts::default(),
        })
    }

    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Calls for so long; in the end there is no client, call or thread any more.
    pub fn call_for(&self, time: Duration) {
        self.over.store(false, Ordering::SeqCst);
        self.seats.iter().for_each(|seat| self.occupy(seat));
        let agents = self.agents_client();
        thread::scope(|scope| {
            scope.spawn(|| self.cancel_now_and_then());
            scope.spawn(|| self.free_now_and_then());
            for agent in AGENTS {
                scope.spawn(move || self.follow_agent(agent, agents));
            }
            self.send_threads_in(time, scope);
            self.over.store(true, Ordering::SeqCst);
        });
        for seat in &self.seats {
            self.must(self.library.free(seat.ticket()), "agw_free");
        }
        self.must(self.library.free(agents), "agw_free");
        self.flush();
    }

    fn flush(&self) {
        for ledger in [&self.ledger, &self.agents_ledger] {
            let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            ledger.flush().expect("the ledger can be written");
        }
    }

    fn must(&self, status: i32, what: &str) {
        if status != 0 {
            texts::find(format!("{what} gives {status}"));
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn occupy(&self, seat: &Seat) {
        let ticket =
            self.library.client(&seat.options, self.numbers.load(Ordering::Relaxed) % 2 == 0);
        let ticket = ticket.unwrap_or_else(|why| {
            texts::find(why);
            Ticket(0)
        });
        count(&self.counts.clients);
        seat.ticket.store(ticket.0, Ordering::SeqCst);
    }

    /// As one thread goes, the next comes.
    fn send_threads_in<'scope>(
        &'scope self,
        time: Duration,
        scope: &'scope thread::Scope<'scope, '_>,
    ) {
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
        let seats =
            if apart { OVERS.len() * SHARED..self.seats.len() } else { 0..OVERS.len() * SHARED };
        let place = seats.start + dice.below(seats.len());
        let seat = &self.seats[place];
        let fault = match number % 3 {
            0 if apart => seat.fault,
            0 => self.fault_over(seat.over, dice),
            _ => 0,
        };
        self.busy[desk].store(place, Ordering::SeqCst);
        let mut late = Duration::ZERO;
        if dice.below(16) == 0 {
            count(&self.counts.connects);
            let outcome = self.library.connect(seat.ticket());
            texts::take_result(&outcome);
            self.judge(number, seat, fault, &outcome, "agw_connect");
            late = seat.late(&outcome);
        }
        let guid = Tag { number, fault }.guid();
        let outcome = self.library.reject(seat.ticket(), agent_of(number), &guid);
        self.busy[desk].store(NOBODY, Ordering::SeqCst);
        texts::take_result(&outcome);
        self.judge(number, seat, fault, &outcome, "agw_reject_agent_conf");
        self.note(Call {
            number,
            fault,
            status: outcome.returned,
            flags: outcome.result.flags,
            http_status: outcome.result.http_status,
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

    /// The outcome is that of the fault, or of what else goes on: cancels, frees, restarts, and
    /// kept connections that die of an earlier call's fault.
    fn judge(&self, number: u32, seat: &Seat, fault: u16, outcome: &Outcome, function: &str) {
        let status = Status::from_number(outcome.returned);
        let connects = function == "agw_connect";
        let expect = usize::from(fault).checked_sub(1).map(|place| &self.faults.list[place].expect);
        let wanted = match expect {
            Some(expect) if !connects || seat.fault != 0 => expect.status,
            _ => Status::Ok,
        };
        let retcode = outcome.retcode().unwrap_or_default();
        let message = outcome.message().unwrap_or_default();
        let result = &outcome.result;
        let right = match status {
            Some(Status::Ok | Status::Tls) if connects => true,
            Some(status) if status == wanted => {
                let retcode_right = expect.is_none_or(|expect| expect.retcode == retcode);
                let own = fault != 0 || connects || message == number.to_string();
                connects || (retcode_right && own)
            }
            // What an idle connection was told may meet the next request.
            Some(Status::Http) => result.http_status == 408,
            // A body without a length ends as the gateway that sends it goes down.
            Some(Status::Protocol) => wanted == Status::Timeout && result.http_status == 200,
            Some(Status::Tls) => seat.over != Over::Plain,
            Some(
                Status::Timeout
                | Status::Connect
                | Status::Io
                | Status::Cancelled
                | Status::InvalidHandle,
            ) => true,
            _ => false,
        };
        if !right || result.status != outcome.returned {
            let fault = usize::from(fault).checked_sub(1).map(|place| self.faults.list[place].name);
            let (fault, detail) = (fault.unwrap_or("no fault"), outcome.detail());
            texts::find(format!(
                "call {number} ({fault}): {function} gives {status:?}, HTTP {}, {retcode:?}, \
                 {message:?}, {detail:?}",
                result.http_status
            ));
        }
    }

    fn note(&self, call: Call) {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(ledger, "{}", call.line()).expect("the ledger can be written");
    }

    fn cancel_now_and_then(&self) {
        let mut dice = Dice(1);
        while !self.is_over() {
            thread::sleep(Duration::from_millis(15));
            if let Some(seat) = self.busy_seat(&mut dice) {
                count(&self.counts.cancels);
                let status = self.library.cancel(seat.ticket());
                // The other thread may have freed it just now.
                if Status::from_number(status) != Some(Status::InvalidHandle) {
                    self.must(status, "agw_cancel");
                }
            }
        }
    }

    fn free_now_and_then(&self) {
        let mut dice = Dice(2);
        while !self.is_over() {
            thread::sleep(Duration::from_millis(40));
            if let Some(seat) = self.busy_seat(&mut dice) {
                count(&self.counts.frees_in_flight);
                let old = seat.ticket();
                self.occupy(seat);
                self.must(self.library.free(old), "agw_free");
            }
        }
    }

    fn busy_seat(&self, dice: &mut Dice) -> Option<&Seat> {
        self.seats.get(self.busy[dice.below(THREADS)].load(Ordering::SeqCst))
    }

    fn agents_client(&self) -> Ticket {
        let options = Options {
            base_url: self.ready.simulator.clone(),
            timeout_ms: 20_000,
            ca: Some(self.ready.simulator_ca.clone()),
            ..Options::default()
        };
        count(&self.counts.clients);
        self.library.client(&options, true).unwrap_or_else(|why| {
            texts::find(why);
            Ticket(0)
        })
    }

    /// Rejects what rings at an agent with the newest Guid; now and then once more, when nothing
    /// rings any longer, or with a Guid that is long dead.
    fn follow_agent(&self, agent: u32, client: Ticket) {
        let mut last = Notice::default();
        let (mut old, mut taken) = (String::new(), Instant::now());
        while !self.is_over() {
            thread::sleep(Duration::from_millis(10));
            let notice = self.notice_of(agent);
            if notice.rings == last.rings {
                continue;
            }
            if taken.elapsed() > RENEWED * 4 {
                if !old.is_empty() {
                    self.agent_call(agent, client, &old);
                }
                (old, taken) = (notice.guid.clone(), Instant::now());
            }
            self.agent_call(agent, client, &notice.guid);
            if notice.rings % 4 == 1 {
                self.agent_call(agent, client, &notice.guid);
            }
            last = notice;
        }
    }

    fn notice_of(&self, agent: u32) -> Notice {
        let board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.get(&agent).cloned().unwrap_or_default()
    }

    fn agent_call(&self, agent: u32, client: Ticket, guid: &str) {
        let outcome = self.library.reject(client, agent, guid);
        texts::take_result(&outcome);
        count(&self.counts.agent_calls);
        let retcode = outcome.retcode().unwrap_or_default();
        if outcome.result.http_status != 200 {
            texts::find(format!("agent {agent}: {} {:?}", outcome.returned, outcome.detail()));
        }
        let mut ledger = self.agents_ledger.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(ledger, "{agent} {retcode}").expect("the ledger can be written");
    }
}

/// The gateways' clients first, then one for each place where nothing but a fault is met.
fn seats(faults: &Faults, ready: &Ready) -> Vec<Seat> {
    let seat = |over: Over, fault: u16, port: u16, ca: String, turn: usize| {
        let named = over == Over::Plain && turn % 4 == 1;
        let host = if named { "localhost" } else { "127.0.0.1" };
        let options = Options {
            base_url: format!("{}://{host}:{port}", over.scheme()),
            flags: if turn % 3 == 2 { AGW_NO_KEEP_ALIVE } else { 0 },
            timeout_ms: TIMEOUTS_MS[turn / 2 % TIMEOUTS_MS.len()],
            ca: (over != Over::Plain).then_some(ca),
            ..Options::default()
        };
        Seat { over, fault, options, ticket: AtomicUsize::new(0) }
    };
    let mut seats = Vec::new();
    for (over, port) in OVERS.iter().zip(&ready.ports) {
        seats.extend((0..SHARED).map(|turn| seat(*over, 0, *port, ready.ca.clone(), turn)));
    }
    for (turn, (fault, which, port)) in ready.addresses.iter().enumerate() {
        seats.push(seat(OVERS[*which], *fault, *port, ready.ca.clone(), turn));
    }
    for (place, fault) in (1..).zip(&faults.list) {
        let distrusts = fault.over.iter().filter(|_| matches!(fault.at, At::Distrust));
        for over in distrusts {
            let which = OVERS.iter().position(|it| it == over).expect("one of the three");
            // This process's certificate, not the gateway's.
            seats.push(seat(*over, place, ready.ports[which], certificate_pem(), 0));
        }
    }
    seats
}

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

/// Numbers that look thrown (splitmix64), the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) as usize % end
    }
}
