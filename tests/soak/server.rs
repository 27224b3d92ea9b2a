//! The gateway's side, a process of its own: the gateways that go wrong, restarted now and then,
//! and the log of every request that came.

use std::io::{self, Read, Write};
use std::iter;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};
use support::faults::run::Place;
use support::gateway::{Gateway, Orders, Script, Seen, Step};
use support::lock;
use support::tls::{Over, certificate_pem};

use crate::accounting::Arrival;
use crate::faults::{At, Faults, OVERS};
use crate::ledger::Ledger;
use crate::shift_gateway::ShiftGateway;
use crate::tag::Tag;

/// The requests that came.
pub const LOG: &str = "gateway.log";
/// The numbers of the calls to which the first bytes of an answer went out.
pub const ANSWERS: &str = "answers.log";

/// What the callers have to know, the first line that is printed.
#[derive(Serialize, Deserialize)]
pub struct Ready {
    pub ca: String,
    /// Of the gateways for [`OVERS`].
    pub ports: Vec<u16>,
    /// Of the addresses where nothing else happens: fault, place in [`OVERS`], port.
    pub addresses: Vec<(u16, usize, u16)>,
    /// The port of the gateway for agents on shift.
    pub shift: u16,
}

/// The last line.
#[derive(Serialize, Deserialize, Default, Debug)]
pub struct Done {
    pub connections: usize,
    pub restarts: u64,
    pub shift_renewals: u64,
    /// Connections to where redirects lead.
    pub forbidden: usize,
    /// Connections that did not end.
    pub open: usize,
}

struct Server {
    faults: Arc<Faults>,
    gateways: Vec<(Over, Mutex<Gateway>)>,
    places: Vec<(u16, usize, Place)>,
    shift: Arc<ShiftGateway>,
    shift_port: Mutex<Gateway>,
    log: Ledger,
    answered: Arc<Mutex<Vec<u32>>>,
    answers_log: Ledger,
    over: AtomicBool,
    restarts: AtomicU64,
}

/// Serves until the other side closes the standard input.
pub fn serve(folder: &Path) -> io::Result<()> {
    let server = Server::start(folder)?;
    print(&server.ready())?;
    thread::scope(|scope| {
        scope.spawn(|| server.keep_log());
        scope.spawn(|| server.restart_now_and_then());
        scope.spawn(|| server.shift.let_things_happen(|| server.is_over()));
        let ended = io::stdin().read_to_end(&mut Vec::new());
        server.over.store(true, Ordering::SeqCst);
        ended
    })?;
    server.wait_until_idle();
    server.write_log();
    server.log.flush()?;
    server.shift.log.flush()?;
    server.answers_log.flush()?;
    print(&server.done())
}

fn print(line: &impl Serialize) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", serde_json::to_string(line)?)?;
    stdout.flush()
}

impl Server {
    fn start(folder: &Path) -> io::Result<Self> {
        let faults = Arc::new(Faults::of_the_table());
        let answered = Arc::default();
        let (told, answers) = (faults.clone(), Arc::clone(&answered));
        let orders: Orders = Arc::new(move |request| told.order(request, &answers));
        let gateway = |over: Over| {
            let script = Script::Http(vec![Step::Obey(orders.clone())]);
            (over, Mutex::new(Gateway::start(vec![script], over.config(false))))
        };
        let shift = ShiftGateway::new(folder)?;
        Ok(Server {
            shift_port: Mutex::new(shift.start()),
            shift,
            gateways: OVERS.map(gateway).into(),
            places: places(&faults),
            faults,
            log: Ledger::create(folder, LOG)?,
            answered,
            answers_log: Ledger::create(folder, ANSWERS)?,
            over: AtomicBool::new(false),
            restarts: AtomicU64::new(0),
        })
    }

    fn ready(&self) -> Ready {
        let port = |gateway: &(Over, Mutex<Gateway>)| lock(&gateway.1).port();
        let address = |place: &(u16, usize, Place)| (place.0, place.1, place.2.port());
        Ready {
            ca: certificate_pem(),
            ports: self.gateways.iter().map(port).collect(),
            addresses: self.places.iter().map(address).collect(),
            shift: lock(&self.shift_port).port(),
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Requests are written down as they come, and forgotten.
    fn keep_log(&self) {
        while !self.is_over() {
            thread::sleep(Duration::from_millis(20));
            self.write_log();
        }
    }

    fn write_log(&self) {
        let mut requests = Vec::new();
        for (_, gateway) in &self.gateways {
            requests.extend(lock(gateway).take_requests());
        }
        drop(lock(&self.shift_port).take_requests());
        for (_, _, place) in &self.places {
            if let Place::Gateway(gateway) = place {
                requests.extend(gateway.take_requests());
            }
        }
        for request in requests {
            let number = Tag::of(&request).map_or(0, |tag| tag.number);
            let agent = request.split('/').nth(4).unwrap_or_default();
            self.log.note(&Arrival { number, agent: agent.parse().unwrap_or(0) });
        }
        let answered = std::mem::take(&mut *lock(&self.answered));
        answered.iter().for_each(|number| self.answers_log.note(number));
    }

    /// One of the gateways goes down for a moment, and comes back on its port.
    fn restart_now_and_then(&self) {
        let all = self.gateways.iter().map(|(over, gateway)| (*over, gateway));
        let all = all.chain([(Over::Plain, &self.shift_port)]);
        for (over, gateway) in all.cycle() {
            for _ in 0..20 {
                thread::sleep(Duration::from_millis(100));
                if self.is_over() {
                    return;
                }
            }
            lock(gateway).stop();
            // Nobody else gets the port meanwhile.
            let port = lock(gateway).port();
            let kept = keep_port(port).expect("the port was ours just now");
            thread::sleep(Duration::from_millis(100));
            lock(gateway).restart(over.config(false));
            drop(kept);
            self.restarts.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn everything_seen(&self) -> impl Iterator<Item = Seen> {
        let gateways = self.gateways.iter().map(|(_, gateway)| lock(gateway).seen());
        let shift = iter::once_with(|| lock(&self.shift_port).seen());
        gateways.chain(shift).chain(self.places.iter().map(|(_, _, place)| place.seen()))
    }

    fn open(&self) -> usize {
        self.everything_seen().map(|seen| seen.open()).sum()
    }

    /// What is on its way when the last client goes has to arrive before the log is closed.
    fn wait_until_idle(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        while self.open() > 0 && Instant::now() < end {
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn done(&self) -> Done {
        let forbidden = self.faults.forbidden.iter().map(|gateway| gateway.seen().connections);
        Done {
            connections: self.everything_seen().map(|seen| seen.connections).sum(),
            restarts: self.restarts.load(Ordering::Relaxed),
            shift_renewals: self.shift.renewals.load(Ordering::Relaxed),
            forbidden: forbidden.sum(),
            open: self.open(),
        }
    }
}

fn places(faults: &Faults) -> Vec<(u16, usize, Place)> {
    let mut places = Vec::new();
    for (place, fault) in (1..).zip(&faults.list) {
        let At::Address(row) = &fault.at else { continue };
        for (which, over) in OVERS.iter().enumerate().filter(|(_, over)| row.over.contains(over)) {
            places.push((place, which, Place::open(&row.site, *over, row.client_certificate)));
        }
    }
    places
}

fn keep_port(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    Ok(socket)
}
