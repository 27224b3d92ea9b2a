//! One world: agents that call through the library, and what became of each call.

use std::sync::atomic::AtomicU32;

use agw::{Answer, Client, Error, Event, SignIn, Trust};
use support::faults::row::Site;
use support::faults::run::Place;

use crate::*;

/// What a call came back with.
pub struct Outcome {
    pub status: Status,
    pub retcode: String,
    pub message: String,
    pub maybe_sent: bool,
    pub resent: bool,
    /// The agent and the number of the call that its event names.
    pub event: Option<(u32, u32)>,
}

/// What is asked for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// With the caller's own Guid.
    Reject,
    RejectKept,
    SignIn,
    NextEvent,
    SignOut,
}

impl Asked {
    fn drawn(dice: &mut Dice) -> Self {
        match dice.below(100) {
            0..=59 => Asked::Reject,
            60..=76 => Asked::RejectKept,
            77..=86 => Asked::SignIn,
            87..=94 => Asked::NextEvent,
            _ => Asked::SignOut,
        }
    }

    /// The refusal after which it is asked once more.
    pub fn goes_on_after(self) -> Option<&'static str> {
        match self {
            Asked::Reject => None,
            Asked::SignIn => Some(SIGNED_IN),
            Asked::RejectKept | Asked::NextEvent | Asked::SignOut => Some(STALE),
        }
    }
}

/// What is tested: the library, or one that does it wrong.
pub trait Caller: Send + Sync {
    /// `text`: the Guid for [`Asked::Reject`], the phone for [`Asked::SignIn`].
    fn ask(&self, asked: Asked, agent: &str, text: &str, id: CallId) -> Outcome;
    /// The Guid and the cookies that are kept.
    fn session(&self, agent: &str) -> Option<(String, String)>;
    fn set_session(&self, agent: &str, guid: &str, cookie: &str);
    fn connect(&self);
    fn cancel(&self);
    fn cancel_call(&self, id: CallId);
}

pub type MakeCaller = fn(&ClientOptions) -> Box<dyn Caller>;

pub fn library(options: &ClientOptions) -> Box<dyn Caller> {
    Box::new(Client::new(options).expect("a client"))
}

impl Caller for Client {
    fn ask(&self, asked: Asked, agent: &str, text: &str, id: CallId) -> Outcome {
        let call = self.with_id(id);
        let outcome = match asked {
            Asked::Reject => call.reject_agent_conf(agent, text),
            Asked::RejectKept => call.reject_agent_conf(agent, None),
            Asked::SignOut => call.sign_out(agent),
            Asked::SignIn => {
                let mut sign_in = SignIn::new(agent);
                sign_in.phone = Some(text);
                sign_in.force = true;
                call.sign_in(&sign_in)
            }
            Asked::NextEvent => match call.next_event(agent) {
                Ok(poll) => return outcome_of(Ok(poll.answer), poll.event),
                Err(error) => Err(error),
            },
        };
        outcome_of(outcome, None)
    }

    fn session(&self, agent: &str) -> Option<(String, String)> {
        let session = Client::session(self, agent).ok()?;
        Some((session.guid().to_owned(), session.cookie().to_owned()))
    }

    fn set_session(&self, agent: &str, guid: &str, cookie: &str) {
        Client::set_session(self, agent, Some(guid), Some(cookie)).expect("it fits");
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

fn outcome_of(outcome: Result<Answer, Error>, event: Option<Event>) -> Outcome {
    let event = event.map(|event| {
        let conf_id = event.conf_id.and_then(|id| id.try_into().ok());
        (event.work_no.parse().unwrap_or_default(), conf_id.unwrap_or_default())
    });
    match outcome {
        Ok(answer) => Outcome {
            status: Status::Ok,
            retcode: answer.retcode.to_owned(),
            message: answer.message,
            maybe_sent: false,
            resent: answer.resent,
            event,
        },
        Err(error) => Outcome {
            status: error.status(),
            retcode: error.retcode().unwrap_or_default().to_owned(),
            message: error.message().to_owned(),
            maybe_sent: error.maybe_sent(),
            resent: error.resent(),
            event,
        },
    }
}

/// A call that is over.
pub struct Call {
    pub asked: Asked,
    pub serial: u32,
    pub agent: u32,
    pub began: Instant,
    pub ended: Instant,
    /// There was nobody to whom a byte of it could have gone.
    pub nowhere: bool,
    /// When its number had been cancelled.
    pub cancelled: Option<Instant>,
    pub outcome: Outcome,
    /// The Guid and the cookies that are kept for the agent afterwards.
    pub kept: Option<(String, String)>,
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
    nobody: Place,
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
        let gateway = Gateway::start(&plan);
        let mut world = World {
            clients: Vec::new(),
            gateway,
            nobody: Place::open(&Site::Nobody, Over::Plain, false),
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

    fn client_of(&self, agent: u32) -> &dyn Caller {
        &*self.clients[agent as usize % self.clients.len()]
    }

    fn call_in_turn(&self) {
        let mut dice = Dice::new(self.plan.seed, u64::MAX);
        for _ in 0..self.plan.calls {
            let agent = 101 + dice.below(self.plan.agents as usize) as u32;
            let client = self.client_of(agent);
            match dice.below(100) {
                0..=1 => self.call(client, 100, true),
                2..=3 => self.call(&*self.client(self.nobody.port()), agent, true),
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
                        self.call(self.client_of(agent), agent, false);
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
        let id = CallId::from_number(serial).expect("the first is 1");
        let mut dice = Dice::new(self.plan.seed, u64::from(serial));
        // The one that is no agent has no session.
        let asked = if agent == 100 { Asked::Reject } else { Asked::drawn(&mut dice) };
        let text = match asked {
            Asked::SignIn => serial.to_string(),
            _ => guid(Named::Given, agent, serial),
        };
        let name = agent.to_string();
        if asked.goes_on_after() == Some(STALE) {
            // The gateway tells by the cookie which call it is; the Guid stays what it is.
            let (kept, cookies) = client
                .session(&name)
                .unwrap_or_else(|| (guid(Named::Set, agent, serial), String::new()));
            let others = cookies.split("; ").filter(|pair| !pair.starts_with(CALL));
            let cookies = others.fold(format!("{CALL}={serial}"), |all, one| all + "; " + one);
            client.set_session(&name, &kept, &cookies);
        }
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
            let outcome = client.ask(asked, &name, &text, id);
            let ended = Instant::now();
            if let Some(later) = later {
                cancelled = later.join().expect("no panic");
            }
            (outcome, ended)
        });
        let kept = client.session(&name);
        let call = Call { asked, serial, agent, began, ended, nowhere, cancelled, outcome, kept };
        lock(&self.calls).push(call);
    }
}
