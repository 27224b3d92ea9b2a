//! One world: agents that call through the library, and what became of each call.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use agw::{CallId, Client, ClientOptions, Status, Trust};
use socket2::{Domain, Socket, Type};

use crate::acts::{Dice, Plan, addressee};
use crate::gateway::{Connection, Gateway};
use support::tls::Over;

/// What a call came back with.
pub struct Outcome {
    pub status: Status,
    pub retcode: String,
    pub message: String,
    pub maybe_sent: bool,
    pub resent: bool,
}

/// What is tested: the library, or one that does it wrong.
pub trait Caller: Send + Sync {
    fn reject(&self, agent: &str, guid: &str, id: CallId) -> Outcome;
    fn connect(&self);
    fn cancel(&self);
    fn cancel_call(&self, id: CallId);
}

pub type MakeCaller = fn(&ClientOptions) -> Box<dyn Caller>;

pub fn library(options: &ClientOptions) -> Box<dyn Caller> {
    Box::new(Client::new(options).expect("a client"))
}

impl Caller for Client {
    fn reject(&self, agent: &str, guid: &str, id: CallId) -> Outcome {
        match self.with_id(id).reject_agent_conf(agent, guid) {
            Ok(answer) => Outcome {
                status: Status::Ok,
                retcode: answer.retcode.to_owned(),
                message: answer.message,
                maybe_sent: false,
                resent: answer.resent,
            },
            Err(error) => Outcome {
                status: error.status(),
                retcode: error.retcode().unwrap_or_default().to_owned(),
                message: error.message().to_owned(),
                maybe_sent: error.maybe_sent(),
                resent: error.resent(),
            },
        }
    }

    fn connect(&self) {
        // Whether it succeeds is other tests' business.
        let _ = Client::connect(self);
    }

    fn cancel(&self) {
        Client::cancel(self);
    }

    fn cancel_call(&self, id: CallId) {
        Client::cancel_call(self, id);
    }
}

/// A call that is over.
pub struct Call {
    pub serial: u32,
    pub agent: u32,
    pub began: Instant,
    pub ended: Instant,
    /// There was nobody to whom a byte of it could have gone.
    pub nowhere: bool,
    /// When its number had been cancelled.
    pub cancelled: Option<Instant>,
    pub outcome: Outcome,
}

impl Call {
    /// The agent and the request that its answer is for.
    pub fn told(&self) -> Option<(u32, u32)> {
        addressee(&self.outcome.message)
    }
}

pub struct World {
    plan: Arc<Plan>,
    gateway: Gateway,
    /// A port where nobody listens.
    nobody: u16,
    make: MakeCaller,
    clients: Vec<Box<dyn Caller>>,
    serial: AtomicU32,
    calls: Mutex<Vec<Call>>,
}

/// All that happened, the calls in the order of their serial numbers, which begin with 1.
pub struct Story {
    pub calls: Vec<Call>,
    pub connections: Vec<Connection>,
}

impl Story {
    pub fn call(&self, serial: u32) -> Option<&Call> {
        self.calls.get(serial as usize - 1)
    }

    /// The first answer to a request is taken, unless its call believed another.
    pub fn got_its_own(&self, serial: u32) -> bool {
        self.call(serial).is_none_or(|call| call.told() == Some((call.agent, serial)))
    }
}

impl World {
    pub fn play(plan: Arc<Plan>, make: MakeCaller) -> Story {
        let nobody = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        nobody.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a loopback port");
        let address = nobody.local_addr().ok().and_then(|address| address.as_socket());
        let gateway = Gateway::start(&plan);
        let mut world = World {
            clients: Vec::new(),
            gateway,
            nobody: address.expect("bound").port(),
            make,
            serial: AtomicU32::new(0),
            calls: Mutex::default(),
            plan,
        };
        world.clients = (0..world.plan.clients).map(|_| world.client(world.gateway.port)).collect();
        if world.plan.quiet {
            world.call_in_turn()
        } else {
            world.call_at_once()
        }
        world.clients.clear();
        let connections = world.gateway.stop();
        let mut calls = world.calls.into_inner().unwrap_or_else(PoisonError::into_inner);
        calls.sort_by_key(|call| call.serial);
        Story { calls, connections }
    }

    fn client(&self, port: u16) -> Box<dyn Caller> {
        let scheme = self.plan.over.scheme();
        let mut options = ClientOptions::new(format!("{scheme}://127.0.0.1:{port}"));
        options.allow_http = true;
        options.trust =
            if self.plan.over == Over::Plain { Trust::System } else { Trust::DangerAny };
        options.timeout = self.plan.timeout;
        options.connect_timeout = self.plan.timeout;
        (self.make)(&options)
    }

    fn call_in_turn(&self) {
        let mut dice = Dice::new(self.plan.seed, u64::MAX);
        for _ in 0..self.plan.calls {
            let agent = 101 + dice.below(self.plan.agents as usize) as u32;
            let client = &*self.clients[agent as usize % self.clients.len()];
            match dice.below(100) {
                0..=1 => self.call(client, 100, true),
                2..=3 => self.call(&*self.client(self.nobody), agent, true),
                4..=5 => {
                    self.gateway.refuse(true);
                    self.call(client, agent, false);
                    let alone = self.client(self.gateway.port);
                    self.call(&*alone, agent, self.plan.over != Over::Plain);
                    self.gateway.refuse(false);
                }
                6..=13 => {
                    self.gateway.expect_no_request(true);
                    client.connect();
                    self.gateway.expect_no_request(false);
                    self.gateway.settle();
                    self.call(client, agent, false);
                }
                // Longer than an answer may ask for.
                14..=23 if self.plan.is_slow() => thread::sleep(Duration::from_millis(1100)),
                _ => self.call(client, agent, false),
            }
            self.gateway.settle();
        }
    }

    fn call_at_once(&self) {
        let turns = self.plan.calls as u32 / self.plan.agents;
        thread::scope(|scope| {
            let agents = (101..101 + self.plan.agents).map(|agent| {
                scope.spawn(move || {
                    let mut dice = Dice::new(self.plan.seed, u64::MAX - u64::from(agent));
                    for _ in 0..turns {
                        thread::sleep(dice.pause(3));
                        self.call(
                            &*self.clients[agent as usize % self.clients.len()],
                            agent,
                            false,
                        );
                    }
                })
            });
            let agents: Vec<_> = agents.collect();
            while self.plan.cancels && agents.iter().any(|agent| !agent.is_finished()) {
                thread::sleep(Duration::from_millis(15));
                self.clients[0].cancel();
            }
        });
    }

    fn call(&self, client: &dyn Caller, agent: u32, nowhere: bool) {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed) + 1;
        let guid = format!("{serial:08x}-0000-4000-8000-c0ffee00c0de.AgentGateway1");
        let id = CallId::from_number(serial).expect("the first is 1");
        let mut dice = Dice::new(self.plan.seed, u64::from(serial));
        let cancels = self.plan.cancels_calls && dice.chance(15);
        let early = cancels && dice.chance(30);
        let cancel = || {
            client.cancel_call(id);
            Some(Instant::now())
        };
        let mut cancelled = if early { cancel() } else { None };
        let began = Instant::now();
        let (outcome, ended) = thread::scope(|scope| {
            let later = (cancels && !early).then(|| {
                let pause = dice.pause(8);
                scope.spawn(move || {
                    thread::sleep(pause);
                    cancel()
                })
            });
            let outcome = client.reject(&agent.to_string(), &guid, id);
            let ended = Instant::now();
            if let Some(later) = later {
                cancelled = later.join().expect("no panic");
            }
            (outcome, ended)
        });
        let call = Call { serial, agent, began, ended, nowhere, cancelled, outcome };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}
