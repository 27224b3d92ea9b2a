//! Faults on demand, as the library and plain sockets meet them.

use std::io::ErrorKind;

use agw::{Client, Status};
use support::client::options_of;
use support::simulator::faults::{Fault, FaultOrder};

use crate::*;

/// In plain HTTP, where the bytes are seen as they come; its next request meets the fault.
fn plain(fault: Fault) -> (Simulator, String) {
    let (simulator, guid) = signed_in(|options| options.tls = false);
    order(&simulator, fault);
    (simulator, guid)
}

/// The next request or handshake meets the fault.
fn order(simulator: &Simulator, fault: Fault) {
    let order = FaultOrder { fault, path: String::new(), count: Some(1), delay_ms: 0 };
    simulator.fault(order).expect("is possible");
}

fn request(guid: &str) -> String {
    format!(
        "POST {REJECT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Guid: {guid}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// A connection on which a request has gone out.
fn asking(simulator: &Simulator, guid: &str) -> TcpStream {
    let mut stream = TcpStream::connect(simulator.address()).expect("the simulator listens");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
    stream.write_all(request(guid).as_bytes()).expect("the request goes out");
    stream
}

/// One request, and what comes until the connection ends: the bytes, and how it ended.
fn raw(simulator: &Simulator, guid: &str) -> (String, Result<usize, ErrorKind>) {
    let mut stream = asking(simulator, guid);
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
    let (simulator, guid) = plain(Fault::Half);
    simulator.ring(154, &[]).expect("nothing else rings");
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
    let (simulator, guid) = plain(Fault::Stall);
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
    let (simulator, guid) = plain(Fault::Stall);
    let mut stream = asking(&simulator, &guid);
    stream.read_exact(&mut [0; 20]).expect("half an answer comes");
    let begin = Instant::now();
    drop(simulator);
    assert!(begin.elapsed() < Duration::from_secs(2));
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn a_reset_in_place_of_an_answer() {
    let (simulator, guid) = plain(Fault::Reset);
    assert_eq!(raw(&simulator, &guid), (String::new(), Err(ErrorKind::ConnectionReset)));
    assert_eq!(reject(&simulator, &guid).json()["retcode"], "101-001");
}

#[test]
fn a_kept_connection_is_closed_behind_the_answer_or_as_the_next_request_comes() {
    for (fault, closed) in [(Fault::CloseAfter, true), (Fault::CloseNext, false)] {
        let (simulator, guid) = plain(fault);
        let mut stream = asking(&simulator, &guid);
        let mut bytes = [0; 4096];
        let amount = stream.read(&mut bytes).expect("an answer comes");
        let answer = String::from_utf8_lossy(&bytes[..amount]);
        let (came, length) = came(&answer);
        assert_eq!(came, length, "{answer}");
        assert!(!answer.to_lowercase().contains("connection:"), "{answer}");
        thread::sleep(Duration::from_millis(300));
        stream.set_nonblocking(true).expect("can be");
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).expect("can be");
        assert_eq!(matches!(peeked, Ok(0)), closed, "{fault}");
        let again = stream.write_all(request(&guid).as_bytes());
        let second = again.and_then(|()| stream.read(&mut bytes));
        assert!(matches!(second, Ok(0) | Err(_)), "{fault}: the second request was answered");
    }
}

#[test]
fn a_late_answer_holds_up_no_other_path() {
    let (simulator, guid) = signed_in(|options| options.tls = false);
    let path = "154/rejectagentconf".to_owned();
    let late = FaultOrder { fault: Fault::Late, path, count: Some(1), delay_ms: 400 };
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
    let twice = json!({ "fault": "dead-guid", "count": 2 });
    assert_eq!(control(&simulator, "fault", &twice).status, 200);
    assert_eq!(reject(&simulator, &guid).json()["retcode"], "100-006");
    assert_eq!(poll(&simulator, &guid).json()["retcode"], "100-006");
    assert_eq!(reject(&simulator, &guid).json()["retcode"], "0");
    let reason = simulator.requests()[0].reason.clone();
    assert_eq!(reason.as_deref(), Some("Guid struck by the fault dead-guid"));
    let lines: Vec<_> = lines.try_iter().collect();
    assert!(lines[1].ends_with(" fault agent=154 dead-guid"), "{lines:?}");
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
        order(&simulator, fault);
        let error = client.reject_agent_conf("154", guid.as_str()).expect_err("it goes wrong");
        (error.status(), error.maybe_sent())
    };
    assert_eq!(met(Fault::Half), (Status::Io, true));
    assert_eq!(met(Fault::DeadGuid), (Status::Session, false));
    // A kept connection that dies as the request comes: it is sent again.
    order(&simulator, Fault::CloseNext);
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
        order(&simulator, fault);
        let error = client.reject_agent_conf("154", guid.as_str()).expect_err("it is refused");
        assert_eq!(error.status(), Status::Tls, "{fault}: {error}");
        assert!(error.to_string().contains(word), "{fault}: {error}");
        let error = client.reject_agent_conf("154", guid.as_str()).expect_err("nothing rings");
        assert_eq!(error.status(), Status::NoConference, "{fault}: {error}");
    }
    order(&simulator, Fault::Tls12);
    let told = client.connect().expect("connected");
    assert!(told.to_string().contains("TLS 1.2"), "{told}");
    let failed = lines.try_iter().filter(|line| line.contains(" handshake agent=- failed: "));
    assert_eq!(failed.count(), 2);
}

#[test]
fn the_control_paths_connection_outlives_a_bad_certificate() {
    let simulator = start(|_| {});
    let mut control = connect(&simulator, "localhost");
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
        let mut other = connect(&simulator, "localhost");
        assert!(other.conn.complete_io(&mut other.sock).is_err());
    }
    ask(r#"{"fault":"none"}"#);
    let mut other = connect(&simulator, "localhost");
    other.conn.complete_io(&mut other.sock).expect("the certificate is good again");
}

#[test]
fn a_fault_of_tls_makes_no_sense_without_it() {
    let simulator = start(|options| options.tls = false);
    assert_eq!(control(&simulator, "fault", &json!({ "fault": "tls12" })).status, 409);
}

#[test]
fn faults_that_are_asked_for_are_ended_by_none() {
    let simulator = start(|_| {});
    let faults = || send(&simulator, "GET", "/simulator/state", "", "").json()["faults"].clone();
    let stall = json!({ "fault": "stall", "path": "agentevent", "count": null, "delayMs": 5 });
    assert_eq!(control(&simulator, "fault", &stall).status, 200);
    assert_eq!(faults(), json!([stall]));
    assert_eq!(control(&simulator, "fault", &json!({ "fault": "none" })).status, 200);
    assert_eq!(faults(), json!([]));
}
