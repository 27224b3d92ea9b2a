//! What a Rust caller sees of a call: the request to the byte, the texts of an answer, the log.

use std::time::Duration;

use agw::{Client, Status, Trust};
use support::client::{Lines, client, options};
use support::gateway::Step::{Hang, Read, Send};
use support::gateway::{Gateway, Script};
use support::{ACCEPTED, GUID, http};

#[test]
fn the_request_is_the_documented_one_to_the_byte() {
    let gateway = Gateway::accepting();
    let base = format!("{}/some/prefix/", gateway.url());
    let client = client(&base);
    // As it is, and as the header of the sign-in's answer has it.
    for guid in [GUID, &format!("JSESSIONID={GUID}")] {
        let answer = client.reject_agent_conf("154", guid).expect("accepted");
        assert_eq!((answer.http_status, answer.retcode), (200, "0"));
        assert_eq!(answer.message, "success");
        assert!(!answer.resent);
    }

    let seen = gateway.seen();
    assert_eq!((seen.connections, seen.requests.len()), (1, 2));
    assert_eq!(seen.requests[0], seen.requests[1]);
    let (start, headers) = seen.requests[0].split_once("\r\n").expect("a start line");
    let path = "/some/prefix/agentgateway/resource/agentconf/154/rejectagentconf";
    assert_eq!(start, format!("POST {path} HTTP/1.1"));
    let mut headers: Vec<_> = headers.trim_end().split("\r\n").collect();
    headers.sort_unstable();
    let host = format!("Host: {}", gateway.address());
    let guid = format!("Guid: {GUID}");
    assert_eq!(
        headers,
        [
            "Accept-Encoding: identity",
            "Accept: application/json",
            "Content-Length: 0",
            "Content-Type: application/json; charset=UTF-8",
            &guid,
            &host,
            concat!("User-Agent: agw/", env!("CARGO_PKG_VERSION")),
        ]
    );
}

#[test]
fn the_host_has_no_port_where_it_is_the_scheme_s_own() {
    for (host, header) in [
        ("gateway.test", "gateway.test"),
        ("gateway.test:80", "gateway.test"),
        ("gateway.test:443", "gateway.test:443"),
        ("[::1]:80", "[::1]"),
        ("[::1]:8043", "[::1]:8043"),
    ] {
        let gateway = Gateway::accepting();
        let mut options = options(&format!("http://{host}"));
        options.connect_to = Some(gateway.address().to_string());
        options.timeout = Duration::MAX;
        let client = Client::new(&options).expect("client");
        client.reject_agent_conf("154", GUID).expect("accepted");
        let request = &gateway.seen().requests[0];
        assert!(request.contains(&format!("\r\nHost: {header}\r\n")), "{host}: {request}");
    }
}

#[test]
fn chinese_messages_and_the_platforms_code_arrive_whole() {
    let message = "座席未签入 Unknown ERROR._40302".repeat(200);
    let body = format!(r#"{{"message":"{message}","retcode":"100-007"}}"#);
    let gateway = Gateway::serving(&http("200 OK", &body));
    let error = client(&gateway.url()).reject_agent_conf("154", GUID).expect_err("a fault");
    assert_eq!(error.message(), message);
    assert_eq!(error.cti_code(), Some(40302));
}

#[test]
fn log_lines_name_the_method_and_never_hold_the_guid() {
    let echo = format!(r#"{{"message":"no session {GUID}","retcode":"100-006"}}"#);
    let late = r#"{"message":"Nothing rings.","retcode":"101-001"}"#;
    let long = format!(r#"{{"retcode":"x\u0007{}"}}"#, "座".repeat(9_999));
    let answers = [ACCEPTED, &echo, late, &long].map(|body| Send(http("200 OK", body).into()));
    let [accepts, echoes, late, long] = answers;
    let script = Script::Http(vec![Read, accepts, Read, echoes, Read, late, Read, long, Hang]);
    let gateway = Gateway::start(vec![script], None);
    let mut options = options(&gateway.url());
    options.trust = Trust::System;
    let lines = Lines::of(&mut options);
    let client = Client::new(&options).expect("client");
    client.reject_agent_conf("154", GUID).expect("accepted");
    let error = client.reject_agent_conf("154", GUID).expect_err("refused");
    assert_eq!(error.message(), "no session (Guid)");
    client.reject_agent_conf("154", GUID).expect_err("too late");
    client.reject_agent_conf("154", GUID).expect_err("no retcode of a gateway's");
    client.connect().expect("it stands");
    // The two parameters changed places: the Guid must not come out as an agent ID.
    client.reject_agent_conf(GUID, "154").expect_err("no agent ID");

    let mut told = String::new();
    for (level, line) in lines.take() {
        assert_eq!(line.trim(), line, "no stray blank");
        let words = line.strip_prefix(&format!("{}: ", gateway.url())).expect(&line);
        told += &format!("{level:?} {words}\n");
    }
    assert!(!told.contains(&GUID[..8]), "{told}");
    for expected in [
        "Info rejectAgentConf agent 154: AGW_OK, retcode 0, ",
        "Warn rejectAgentConf agent 154: AGW_E_SESSION, retcode 100-006, ",
        "Info rejectAgentConf agent 154: AGW_E_NO_CONFERENCE, retcode 101-001, ",
        &format!("AGW_E_GATEWAY, retcode x {}, ", "座".repeat(29)),
        "Info connect: AGW_OK, ",
        "Warn rejectAgentConf agent ?: AGW_E_INVALID_AGENT_ID",
    ] {
        assert!(told.contains(expected), "'{expected}' is not in: {told}");
    }
    assert_eq!(told.matches("101-001").count(), 1, "once is enough: {told}");
}

#[test]
fn nothing_is_said_twice() {
    for (message, detail) in [
        ("The agent has no conference call.", ""),
        ("the agent has no conference call", ""),
        ("No call for this agent", "the agent has no conference call"),
        ("", "the agent has no conference call"),
    ] {
        let body = format!(r#"{{"message":"{message}","retcode":"101-001"}}"#);
        let gateway = Gateway::serving(&http("200 OK", &body));
        let error = client(&gateway.url()).reject_agent_conf("154", GUID).expect_err("too late");
        assert_eq!((error.message(), error.detail()), (message, detail));
        assert_eq!(error.to_string().matches("101-001").count(), 1, "{error}");
    }
}

#[test]
fn a_time_out_says_how_long_it_was() {
    let gateway = Gateway::start(vec![Script::Http(vec![Read, Hang])], None);
    let mut options = options(&gateway.url());
    options.timeout = Duration::from_millis(1_234);
    let client = Client::new(&options).expect("client");
    let error = client.reject_agent_conf("154", GUID).expect_err("no answer");
    let expected = "the time-out of 1,234 ms passed while waiting for the answer";
    assert_eq!((error.status(), error.detail()), (Status::Timeout, expected));
}
