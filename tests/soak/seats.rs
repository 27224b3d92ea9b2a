//! The clients, each with its make: what it calls, how, and for how long.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use agw::ffi::AGW_NO_KEEP_ALIVE;
use support::faults::abi::{Options, Outcome};
use support::faults::library::Ticket;
use support::tls::{Over, certificate_pem};

use crate::faults::{At, Faults, OVERS};
use crate::server::Ready;

/// Clients of each of the three gateways.
const EACH: usize = 32;
/// Clients of the gateways; those of a fault alone come behind.
pub const SHARED: usize = OVERS.len() * EACH;
const TIMEOUTS_MS: [u32; 4] = [200, 300, 500, 1_000];

/// A client that is replaced by a new one of the same make now and then.
pub struct Seat {
    pub over: Over,
    /// A client that meets nothing but this fault; 0: the gateway's clients.
    pub fault: u16,
    pub options: Options,
    pub ticket: AtomicUsize,
    /// How often all of its calls were to be ended, and how often that was done.
    endings_begun: AtomicU64,
    endings_done: AtomicU64,
}

impl Seat {
    /// `agw_cancel` or `agw_free`.
    pub fn end_calls<T>(&self, end: impl FnOnce() -> T) -> T {
        self.endings_begun.fetch_add(1, Ordering::SeqCst);
        let ended = end();
        self.endings_done.fetch_add(1, Ordering::SeqCst);
        ended
    }

    /// What a call asks for before it begins, and hands in when it is over.
    pub fn watch(&self) -> u64 {
        self.endings_done.load(Ordering::SeqCst)
    }

    /// Whether a call may have been ended with all the others since.
    pub fn was_ended_since(&self, watch: u64) -> bool {
        self.endings_begun.load(Ordering::SeqCst) > watch
    }

    pub fn ticket(&self) -> Ticket {
        Ticket(self.ticket.load(Ordering::SeqCst))
    }

    /// How long after the time-out a call has returned.
    pub fn late(&self, outcome: &Outcome) -> Duration {
        outcome.time.saturating_sub(Duration::from_millis(self.options.timeout_ms.into()))
    }
}

/// The gateways' clients first, then one for each place where nothing but a fault is met.
pub fn seats(faults: &Faults, ready: &Ready) -> Vec<Seat> {
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
        Seat {
            over,
            fault,
            options,
            ticket: AtomicUsize::new(0),
            endings_begun: AtomicU64::new(0),
            endings_done: AtomicU64::new(0),
        }
    };
    let mut seats = Vec::new();
    for (over, port) in OVERS.iter().zip(&ready.ports) {
        seats.extend((0..EACH).map(|turn| seat(*over, 0, *port, ready.ca.clone(), turn)));
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
