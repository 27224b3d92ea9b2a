//! Faults on demand, as the library and plain sockets meet them.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use agw::{Client, Status};
use serde_json::json;
use support::client::options_of;
use support::simulator::Simulator;
use support::simulator::caller::{self, JSON, send};
use support::simulator::faults::{Fault, FaultOrder};

use super::{REJECT, control, poll, reject, signed_in, start, start_logged};

/// Plain HTTP, where the bytes are seen as they come.
fn plain() -> (Simulator, String) {
    signed_in(|options| options.tls = false)
}

fn order(fault: Fault, count: Option<u32>) -> FaultOrder {
    FaultOrder { fault, path: String::new(), count, delay_ms: 0 }
}

fn request(guid: &str) -> String {
    format!(
        "POST {REJECT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Guid: {guid}\r\nContent-Length: 0\r\n\r\n"
    )
}

fn connect(simulator: &Simulator) -> TcpStream {
    let stream = TcpStream::connect(simulator.address()).expect("the simulator listens");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
    stream
}

/// One request, and what comes until the connection ends: the bytes, and how it ended.
fn raw(simulator: &Simulator, guid: &str) -> (String, Result<usize, ErrorKind>) {
    let mut stream = connect(simulator);
    stream.write_all(request(guid).as_bytes()).expect("the request goes out");
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).map_err(|why| why.kind());
    (String::from_utf8(bytes).expect("UTF-8"), end)
}

/// Of an answer with a length, how much of its body came.
fn came(answer: &str) -> (usize, usize) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("the head has an end");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    (body.len(), length.expect("a length").parse().expect("a number"))
}

#[test]
fn half_an_answer_then_the_end() {
    let (simulator, guid) = plain();
    simulator.ring(154, &[]).expect("nothing else rings");
    simulator.fault(order(Fault::Half, Some(1))).expect("is possible");
    let (answer, end) = raw(&simulator, &guid);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (came, length) = came(&answer);
    assert_eq!(came, length / 2);
    assert!(end.is_ok());
    // What was asked for is done all the same.
    assert_eq!(simulator.requests()[0].retcode.as_deref(), Some("0"));
}

#[test]
fn half_an_answer_then_silence_until_the_client_goes_or_a_reset() {
    let (simulator, guid) = plain();
    simulator.fault(order(Fault::Stall, Some(1))).expect("is possible");
    thread::scope(|scope| {
        let stalled = scope.spawn(|| raw(&simulator, &guid));
        thread::sleep(Duration::from_millis(300));
        assert!(!stalled.is_finished());
        simulator.reset();
        let (answer, _) = stalled.join().expect("it ends");
        let (came, length) = came(&answer);
        assert_eq!(came, length / 2);
    });
}

#[test]
fn a_stop_does_not_wait_for_who_is_stalled() {
    let (simulator, guid) = plain();
    simulator.fault(order(Fault::Stall, None)).expect("is possible");
    let mut stream = connect(&simulator);
    stream.write_all(request(&guid).as_bytes()).expect("the request goes out");
    stream.read_exact(&mut [0; 20]).expect("half an answer comes");
    let begin = Instant::now();
    drop(simulator);
    assert!(begin.elapsed() < Duration::from_secs(2));
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn a_reset_in_place_of_an_answer() {
    let (simulator, guid) = plain();
    simulator.fault(order(Fault::Reset, Some(1))).expect("is possible");
    assert_eq!(raw(&simulator, &guid), (String::new(), Err(ErrorKind::ConnectionReset)));
    assert_eq!(reject(&simulator, &guid).json()["retcode"], "101-001");
}

/// Over a connection that is kept: the first answer, and what came of the second request.
fn twice(simulator: &Simulator, guid: &str, pause: Duration) -> (String, bool) {
    let mut stream = connect(simulator);
    stream.write_all(request(guid).as_bytes()).expect("the request goes out");
    let mut bytes = [0; 4096];
    let amount = stream.read(&mut bytes).expect("an answer comes");
    let answer = String::from_utf8_lossy(&bytes[..amount]).into_owned();
    let (came, length) = came(&answer);
    assert_eq!(came, length, "{answer}");
    assert!(!answer.to_lowercase().contains("connection:"), "{answer}");
    thread::sleep(pause);
    let closed = {
        stream.set_nonblocking(true).expect("can be");
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).expect("can be");
        matches!(peeked, Ok(0))
    };
    let again = stream.write_all(request(guid).as_bytes());
    let second = again.and_then(|()| stream.read(&mut bytes));
    assert!(matches!(second, Ok(0) | Err(_)), "the second request was answered");
    (answer, closed)
}

#[test]
fn a_kept_connection_is_closed_behind_the_answer() {
    let (simulator, guid) = plain();
    simulator.fault(order(Fault::CloseAfter, Some(1))).expect("is possible");
    let (_, closed) = twice(&simulator, &guid, Duration::from_millis(300));
    assert!(closed);
}

#[test]
fn a_kept_connection_is_closed_as_the_next_request_comes() {
    let (simulator, guid) = plain();
    simulator.fault(order(Fault::CloseNext, Some(1))).expect("is possible");
    let (_, closed) = twice(&simulator, &guid, Duration::from_millis(300));
    assert!(!closed);
}

#[test]
fn a_late_answer_holds_up_no_other_path() {
    let (simulator, guid) = plain();
    let late = FaultOrder {
        path: "154/rejectagentconf".to_owned(),
        delay_ms: 400,
        ..order(Fault::Late, Some(1))
    };
    simulator.fault(late).expect("is possible");
    let begin = Instant::now();
    send(&simulator, "POST", &REJECT.replace("154", "155"), JSON, "");
    assert!(begin.elapsed() < Duration::from_millis(300));
    assert_eq!(reject(&simulator, &guid).json()["retcode"], "101-001");
    assert!(begin.elapsed() >= Duration::from_millis(400));
    let begin = Instant::now();
    assert_eq!(reject(&simulator, &guid).json()["retcode"], "101-001");
    assert!(begin.elapsed() < Duration::from_millis(300), "it was for one request");
}

#[test]
fn a_dead_guid_does_nothing_and_says_so() {
    let (simulator, lines) = start_logged(|_| {});
    let guid = simulator.guid(154).expect("is signed in at start");
    simulator.ring(154, &[]).expect("nothing else rings");
    simulator.fault(order(Fault::DeadGuid, Some(2))).expect("is possible");
    assert_eq!(reject(&simulator, &guid).json()["retcode"], "100-006");
    assert_eq!(poll(&simulator, &guid).json()["retcode"], "100-006");
    assert_eq!(reject(&simulator, &guid).json()["retcode"], "0");
    let reason = simulator.requests()[0].reason.clone();
    assert_eq!(reason.as_deref(), Some("Guid struck by the fault dead-guid"));
    let lines = lines.lock().expect("no test panics here");
    assert!(lines[0].ends_with(" fault agent=154 dead-guid"), "{lines:?}");
}

/// The library, with a connection that it has kept.
fn connected(simulator: &Simulator) -> Client {
    let client = Client::new(&options_of(simulator)).expect("client");
    client.connect().expect("connected");
    client
}

#[test]
fn over_tls_the_library_meets_what_was_asked_for() {
    let (simulator, guid) = signed_in(|_| {});
    let client = connected(&simulator);
    let met = |fault| {
        simulator.fault(order(fault, Some(1))).expect("is possible");
        let error = client.reject_agent_conf("154", guid.as_str()).expect_err("it goes wrong");
        (error.status(), error.maybe_sent())
    };
    assert_eq!(met(Fault::Half), (Status::Io, true));
    assert_eq!(met(Fault::DeadGuid), (Status::Session, false));
    // A kept connection that dies as the request comes: it is sent again.
    simulator.fault(order(Fault::CloseNext, Some(1))).expect("is possible");
    for _ in 0..2 {
        let error = client.reject_agent_conf("154", guid.as_str()).expect_err("nothing rings");
        assert_eq!(error.status(), Status::NoConference);
    }
}

#[test]
fn certificates_that_no_client_takes() {
    let (simulator, lines) = start_logged(|_| {});
    let guid = simulator.guid(154).expect("is signed in at start");
    let client = connected(&simulator);
    for (fault, word) in
        [(Fault::ExpiredCertificate, "expired"), (Fault::ForeignCertificate, "issuer")]
    {
        let client = connected(&simulator);
        simulator.fault(order(fault, Some(1))).expect("is possible");
        let error = client.reject_agent_conf("154", guid.as_str()).expect_err("it is refused");
        assert_eq!(error.status(), Status::Tls, "{fault}: {error}");
        assert!(error.to_string().contains(word), "{fault}: {error}");
        let error = client.reject_agent_conf("154", guid.as_str()).expect_err("nothing rings");
        assert_eq!(error.status(), Status::NoConference, "{fault}: {error}");
    }
    simulator.fault(order(Fault::Tls12, Some(1))).expect("is possible");
    let told = client.connect().expect("connected");
    assert!(told.to_string().contains("TLS 1.2"), "{told}");
    let lines = lines.lock().expect("no test panics here");
    let failed = lines.iter().filter(|line| line.contains(" handshake agent=- failed: "));
    assert_eq!(failed.count(), 2, "{lines:?}");
}

#[test]
fn the_control_paths_connection_outlives_a_bad_certificate() {
    let simulator = start(|_| {});
    let mut control = caller::connect(&simulator, "localhost");
    let mut ask = |body: &str| {
        let length = body.len();
        let request = format!(
            "POST /simulator/fault HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        control.write_all(request.as_bytes()).expect("the connection is there");
        let mut bytes = [0; 4096];
        let amount = control.read(&mut bytes).expect("an answer comes");
        assert!(bytes[..amount].starts_with(b"HTTP/1.1 200 OK"));
    };
    ask(r#"{"fault":"foreign-certificate","count":null}"#);
    for _ in 0..2 {
        let mut other = caller::connect(&simulator, "localhost");
        assert!(other.conn.complete_io(&mut other.sock).is_err());
    }
    ask(r#"{"fault":"none"}"#);
    let mut other = caller::connect(&simulator, "localhost");
    other.conn.complete_io(&mut other.sock).expect("the certificate is good again");
}

#[test]
fn a_fault_that_makes_no_sense_is_refused() {
    let simulator = start(|options| options.tls = false);
    assert!(simulator.fault(order(Fault::Tls12, None)).is_err(), "there is no TLS");
    let simulator = start(|_| {});
    let cases = [
        (200, json!({ "fault": "stall", "path": "agentevent", "count": null, "delayMs": 5 })),
        (200, json!({ "fault": "none" })),
        (400, json!({ "fault": "fire" })),
        (400, json!({ "fault": "half", "count": 0 })),
        (400, json!({ "fault": "half", "delayMs": 600_001 })),
        (400, json!({ "fault": "half", "agent": "154" })),
        (400, json!({ "fault": "tls12", "path": "x" })),
        (400, json!({})),
    ];
    for (status, body) in cases {
        let answer = control(&simulator, "fault", &body);
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    let state = send(&simulator, "GET", "/simulator/state", "", "").json();
    assert_eq!(state["faults"], json!([]));
}
