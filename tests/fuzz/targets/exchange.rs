//! Whole HTTP answers, through the real transport, from a gateway on loopback.
//!
//! Input: a byte of `Mode` bits, a byte that says how many bytes go out at a time (0: all), the
//! answer; behind a line "--" the answer to a second call.
#![no_main]

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use agw::{Client, Level, Status};
use agw_fuzz::peer::{listen, lock, read_head};
use agw_fuzz::{GUID, assert_no_guid};
use libfuzzer_sys::fuzz_target;

/// The connection stays open until the call is over, or nearly so.
const STAYS: u8 = 1;
/// The answer is a proxy's, and what follows it the gateway's.
const PROXY: u8 = 2;
/// The input is the body only.
const BODY_ONLY: u8 = 4;
/// A connection for each call.
const NO_KEEP_ALIVE: u8 = 8;

/// What the proxy is told: `user:word`, in Base64 and in lower case.
const CREDENTIALS: &str = "dxnlcjp3b3jk";

/// How long the gateway waits for a call that does not know that its answer is complete.
const PATIENCE: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Script {
    answer: Mutex<(Vec<u8>, usize, u8)>,
    requests: Mutex<Vec<Vec<u8>>>,
    call_is_over: AtomicBool,
}

static SCRIPT: LazyLock<Script> = LazyLock::new(Script::default);

static ADDRESS: LazyLock<String> = LazyLock::new(|| listen(1, serve));

fn serve(mut stream: TcpStream) {
    while let Some(head) = read_head(&mut stream) {
        lock(&SCRIPT.requests).push(head);
        let (answer, step, mode) = lock(&SCRIPT.answer).clone();
        let step = if step == 0 { answer.len().max(1) } else { step };
        // A client that goes away early is as good as any.
        let _ = answer.chunks(step).try_for_each(|piece| stream.write_all(piece));
        if mode & STAYS == 0 || !over_soon() {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }
}

fn over_soon() -> bool {
    let end = Instant::now() + PATIENCE;
    while !SCRIPT.call_is_over.load(Ordering::SeqCst) {
        if Instant::now() >= end {
            return false;
        }
        thread::yield_now();
    }
    true
}

fn client(mode: u8) -> Client {
    let address = &*ADDRESS;
    let mut options = agw_fuzz::options(&format!("http://{address}"));
    options.allow_http = true;
    options.keep_alive = mode & NO_KEEP_ALIVE == 0;
    options.proxy = (mode & PROXY != 0).then(|| format!("http://user:word@{address}"));
    options.log = Some(Arc::new(|_, line: &str| {
        assert!(!line.contains(char::is_control), "one line stays one line");
        assert_no_guid(line);
    }));
    options.log_level = Level::Debug;
    Client::new(&options).expect("the options are right")
}

fuzz_target!(|input: &[u8]| {
    let [mode, step, answers @ ..] = input else { return };
    let client = client(*mode);
    let (first, second) = split(answers);
    call(&client, first, *step, *mode);
    if let Some(second) = second {
        call(&client, second, *step, *mode);
    }
});

fn split(answers: &[u8]) -> (&[u8], Option<&[u8]>) {
    const BETWEEN: &[u8] = b"\n--\n";
    let place = answers.windows(BETWEEN.len()).position(|window| window == BETWEEN);
    match place {
        None => (answers, None),
        Some(place) => (&answers[..place], Some(&answers[place + BETWEEN.len()..])),
    }
}

fn call(client: &Client, answer: &[u8], step: u8, mode: u8) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
    let head = if mode & BODY_ONLY != 0 { head.as_str() } else { "" };
    let answer = [head.as_bytes(), answer].concat();
    *lock(&SCRIPT.answer) = (answer, usize::from(step), mode);
    SCRIPT.call_is_over.store(false, Ordering::SeqCst);
    let agent_id = next_agent_id();
    let outcome = client.reject_agent_conf(&agent_id, GUID);
    SCRIPT.call_is_over.store(true, Ordering::SeqCst);
    let requests = requests_for(&agent_id);
    match outcome {
        Ok(answer) => {
            assert_eq!(answer.retcode, "0");
            assert!(requests <= 1 + usize::from(answer.resent), "sent too often");
            assert_no_guid(&answer.message);
        }
        Err(error) => check(&error, requests),
    }
}

/// One for each call: what the gateway reads late is not taken for another call's.
fn next_agent_id() -> String {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    (101 + CALLS.fetch_add(1, Ordering::SeqCst) % 50_000).to_string()
}

fn requests_for(agent_id: &str) -> usize {
    let start = format!("POST /agentgateway/resource/agentconf/{agent_id}/");
    let requests = std::mem::take(&mut *lock(&SCRIPT.requests));
    requests.iter().filter(|request| request.starts_with(start.as_bytes())).count()
}

fn check(error: &agw::Error, requests: usize) {
    assert_no_guid(&error.to_string());
    assert_no_guid(error.message());
    let status = error.status();
    let shown = status == Status::Proxy && error.detail().to_lowercase().contains(CREDENTIALS);
    assert!(!shown, "{error}");
    assert!(!matches!(status, Status::Internal | Status::Timeout | Status::Cancelled), "{error}");
    let redirect = error.http_status().is_some_and(|status| (300..400).contains(&status));
    assert!(requests <= 1 + usize::from(error.resent()), "sent too often: {error:?}");
    let told = error.retcode().is_some() || redirect;
    assert!(requests == 0 || told || error.maybe_sent(), "{error:?}");
    assert_eq!(error.retcode().is_some(), status.number() >= Status::Gateway.number());
}
