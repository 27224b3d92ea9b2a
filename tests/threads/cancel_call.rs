//! One call is cancelled by its number, wherever it is; the others go on.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::thread::Scope;

use agw::{CallId, ClientOptions, Error, NumberedCall};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use support::faults::row::Site;
use support::faults::run::Place;
use support::gateway::Step::{Read, Send, Tunnel, Wait};
use support::gateway::{Order, Step, serving};
use support::{lock, wait_until};

use crate::*;

type Call = fn(&NumberedCall) -> Result<(), Error>;

const REJECT: Call = |call| call.reject_agent_conf("154", GUID).map(drop);
const CONNECT: Call = |call| call.connect().map(drop);

/// Two calls have come to the same phase, and one is cancelled by its number: how long it lives on.
/// The other succeeds once it may go on.
fn cancel_one_of_two(
    options: &ClientOptions,
    call: Call,
    both_are_there: impl FnOnce(),
    go_on: impl FnOnce(),
) -> (Duration, Error) {
    let client = &Client::new(options).expect("client");
    let [one, other] = [CallId::new(), CallId::new()];
    thread::scope(|scope| {
        let [cancelled, goes_on] =
            [one, other].map(|id| scope.spawn(move || call(&client.with_id(id))));
        both_are_there();
        // Into the wait for the other side.
        thread::sleep(Duration::from_millis(30));
        let moment = Instant::now();
        client.cancel_call(one);
        let error = cancelled.join().expect("no panic").expect_err("cancelled");
        let took = moment.elapsed();
        assert_eq!(error.status(), Status::Cancelled, "{error}");
        go_on();
        goes_on.join().expect("no panic").expect("nobody has cancelled it");
        (took, error)
    })
}

/// Where the other side keeps each connection waiting, until the test lets all of them go on.
#[derive(Debug, Default)]
struct Barrier {
    came: AtomicUsize,
    closed: Mutex<()>,
}

impl Barrier {
    fn step(self: &Arc<Self>) -> Step {
        let barrier = self.clone();
        Tell(Arc::new(move || barrier.keep_waiting()))
    }

    fn keep_waiting(&self) {
        self.came.fetch_add(1, Ordering::SeqCst);
        drop(lock(&self.closed));
    }

    fn cancel_one_of_two(&self, options: &ClientOptions, call: Call) -> (Duration, Error) {
        let closed = lock(&self.closed);
        let both_are_there = || wait_until(|| self.came.load(Ordering::SeqCst) == 2);
        cancel_one_of_two(options, call, both_are_there, || drop(closed))
    }
}

/// At best of three, as a machine may be busy.
fn is_prompt(maybe_sent: bool, cancel: impl Fn(Arc<Barrier>) -> (Duration, Error)) {
    let times = (0..3).map(|_| {
        let (took, error) = cancel(Arc::default());
        assert_eq!(error.maybe_sent(), maybe_sent, "{error}");
        took
    });
    let took = times.min().expect("three");
    assert!(took < Duration::from_millis(50), "{took:?}");
}

/// A full backlog swallows the SYN, until somebody accepts connections again.
#[test]
fn a_cancel_by_number_ends_one_of_two_calls_that_connect() {
    let full = Place::open(&Site::Full, Over::Plain, false);
    let options = options(&format!("http://127.0.0.1:{}", full.port()));
    let Place::Sockets(_, mut sockets) = full else { unreachable!("no gateway is there") };
    let listener = TcpListener::from(sockets.remove(0));
    let serve = || {
        drop(sockets);
        thread::spawn(move || answer_one(&listener));
    };
    let soon = || thread::sleep(Duration::from_millis(100));
    let (took, error) = cancel_one_of_two(&options, REJECT, soon, serve);
    assert!(took < Duration::from_secs(5), "{took:?} of 30 s");
    assert!(!error.maybe_sent());
}

/// Of those that have connected, the others are gone.
fn answer_one(listener: &TcpListener) {
    let request = |stream: &mut dyn io::Read| stream.read(&mut [0; 4096]).unwrap_or_default();
    let mut streams = listener.incoming().flatten();
    let mut caller = streams.find_map(|mut stream| (request(&mut stream) > 0).then_some(stream));
    let caller = caller.as_mut().expect("somebody calls");
    caller.write_all(http("200 OK", ACCEPTED).as_bytes()).expect("it waits for the answer");
}

#[test]
fn a_cancel_by_number_ends_one_of_two_calls_whose_proxy_says_nothing() {
    for (over, call) in [(Over::Plain, REJECT), (Over::Tls13, CONNECT)] {
        is_prompt(false, |barrier| {
            let proxy = Script::Tcp(vec![Read, barrier.step(), Tunnel]);
            let proxy = Gateway::start(vec![proxy], None);
            let gateway = Gateway::start(vec![serving()], over.config(false));
            let mut options = options(&gateway.url());
            options.proxy = Some(proxy.url());
            barrier.cancel_one_of_two(&options, call)
        });
    }
}

/// Shows its certificate when it may.
#[derive(Debug)]
struct Hesitant(Arc<Barrier>, Arc<dyn ResolvesServerCert>);

impl ResolvesServerCert for Hesitant {
    fn resolve(&self, hello: ClientHello) -> Option<Arc<CertifiedKey>> {
        self.0.keep_waiting();
        self.1.resolve(hello)
    }
}

#[test]
fn a_cancel_by_number_ends_one_of_two_calls_in_the_handshake() {
    for (over, call) in [(Over::Tls12, CONNECT), (Over::Tls12, REJECT), (Over::Tls13, REJECT)] {
        is_prompt(false, |barrier| {
            let mut config = ServerConfig::clone(&over.config(false).expect("TLS"));
            config.cert_resolver = Arc::new(Hesitant(barrier.clone(), config.cert_resolver));
            let gateway = Gateway::start(vec![serving()], Some(Arc::new(config)));
            barrier.cancel_one_of_two(&options(&gateway.url()), call)
        });
    }
}

#[test]
fn a_cancel_by_number_ends_one_of_two_calls_that_wait_for_an_answer() {
    for over in [Over::Plain, Over::Tls12, Over::Tls13] {
        is_prompt(true, |barrier| {
            let answer = Send(http("200 OK", ACCEPTED).into());
            let script = Script::Http(vec![Read, barrier.step(), answer]);
            let gateway = Gateway::start(vec![script], over.config(false));
            barrier.cancel_one_of_two(&options(&gateway.url()), REJECT)
        });
    }
}

/// Calls of a crowd, by their numbers.
fn is_to_be_cancelled(number: u32) -> bool {
    number % 3 == 0
}

fn is_never_answered(number: u32) -> bool {
    number % 6 == 0
}

const FIRST_AGENT: u32 = 1000;

fn gateway_of_the_crowd() -> Gateway {
    let order = |request: &str| {
        let agent = request.split('/').nth(4).and_then(|agent| agent.parse::<u32>().ok());
        let number = agent.expect("an agent of the crowd") - FIRST_AGENT;
        if is_never_answered(number) {
            return Order { steps: vec![Hang], stays: false };
        }
        let pause = Wait(Duration::from_millis(u64::from(number % 10)));
        let answer = http("200 OK", &format!(r#"{{"retcode":"0","message":"call {number}"}}"#));
        Order { steps: vec![pause, Send(answer.into())], stays: true }
    };
    Gateway::obeying(order, Over::Tls13.config(false))
}

/// Whether it was cancelled.
fn call_in_the_crowd(client: &Client, number: u32) -> bool {
    let began = Instant::now();
    let agent = (FIRST_AGENT + number).to_string();
    let outcome = client.with_id(CallId::from_number(number)).reject_agent_conf(&agent, GUID);
    assert!(began.elapsed() < Duration::from_secs(15), "call {number}: {:?}", began.elapsed());
    match outcome {
        Ok(answer) => {
            assert_eq!(answer.message, format!("call {number}"));
            false
        }
        Err(error) => {
            let told = (error.status(), is_to_be_cancelled(number));
            assert_eq!(told, (Status::Cancelled, true), "call {number}: {error}");
            true
        }
    }
}

/// Before its call, in the middle of it, or when it is over.
fn cancel_some_time<'scope>(client: &'scope Client, number: u32, scope: &'scope Scope<'scope, '_>) {
    let cancel = move || client.cancel_call(CallId::from_number(number).expect("not 0"));
    match RandomState::new().hash_one(number) % 15_000 {
        0..3_000 => cancel(),
        pause => {
            scope.spawn(move || {
                thread::sleep(Duration::from_micros(pause));
                cancel();
            });
        }
    }
}

#[test]
fn of_a_thousand_calls_those_end_that_are_cancelled_and_no_others() {
    const THREADS: usize = 50;
    const CALLS: u32 = 1000;
    let gateway = gateway_of_the_crowd();
    let client = &Client::new(&options(&gateway.url())).expect("client");
    let numbers = &AtomicU32::new(1);
    let next = || Some(numbers.fetch_add(1, Ordering::SeqCst)).filter(|number| *number <= CALLS);
    let ended: HashSet<u32> = thread::scope(|scope| {
        let work = || {
            let numbers = std::iter::from_fn(next);
            let ended = numbers.filter(|&number| {
                if is_to_be_cancelled(number) {
                    cancel_some_time(client, number, scope);
                }
                call_in_the_crowd(client, number)
            });
            ended.collect::<Vec<_>>()
        };
        let callers: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        callers.into_iter().flat_map(|caller| caller.join().expect("no panic")).collect()
    });
    let cancelled = || (1..=CALLS).filter(|number| is_to_be_cancelled(*number));
    assert!(cancelled().filter(|number| is_never_answered(*number)).all(|it| ended.contains(&it)));
    // A cancel that ended its call is used up; one that came too late is there, for one call.
    let ends = |number| match client.with_id(CallId::from_number(number)).connect() {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.status(), Status::Cancelled, "{error}");
            true
        }
    };
    let late: Vec<_> = cancelled().filter(|number| ends(*number)).collect();
    assert!(late.iter().all(|number| !ended.contains(number)), "{late:?} {ended:?}");
    assert_eq!(cancelled().filter(|number| ends(*number)).count(), 0);
}
