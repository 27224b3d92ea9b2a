//! The wire: what the request looks like to the byte, and every shape of answer.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use agw::{Client, ClientOptions, Level, Status};
use httpmock::Method::POST;
use httpmock::MockServer;
use support::{ACCEPTED, GUID, RawGateway, http};

fn client(url: &str) -> Client {
    Client::new(&options(url)).expect("client")
}

fn options(url: &str) -> ClientOptions {
    let mut options = ClientOptions::new(url);
    options.allow_http = true;
    options.timeout = Duration::from_secs(20);
    options
}

/// The client's outcome against a gateway that answers with these bytes.
fn outcome_of(answer: String) -> Result<agw::Answer, agw::Error> {
    let gateway = RawGateway::start(vec![answer]);
    client(&gateway.url).reject_agent_conf("154", GUID)
}

#[test]
fn the_request_is_the_documented_one_to_the_byte() {
    let gateway = RawGateway::start(vec![http("200 OK", ACCEPTED)]);
    let base = format!("{}/some/prefix/", gateway.url);
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
    let host = format!("Host: {}", gateway.url.strip_prefix("http://").expect("http"));
    let guid = format!("Guid: {GUID}");
    assert_eq!(
        headers,
        [
            "Accept: application/json",
            "Content-Length: 0",
            "Content-Type: application/json; charset=UTF-8",
            &guid,
            &host,
        ]
    );
}

#[test]
fn httpmock_sees_the_call_too() {
    let server = MockServer::start();
    let mock = server.mock(|when, then| {
        when.method(POST)
            .path("/agentgateway/resource/agentconf/59999/rejectagentconf")
            .header("Guid", GUID)
            .header("Content-Type", "application/json; charset=UTF-8")
            .header("Content-Length", "0")
            .header("Accept", "application/json")
            .is_true(|request| request.body().is_empty());
        then.status(200).header("Content-Type", "application/json").body(ACCEPTED);
    });
    let client = client(&server.base_url());
    let from_header = format!("JSESSIONID={GUID}");
    for guid in [GUID, &from_header] {
        client.reject_agent_conf("59999", guid).expect("accepted");
    }
    mock.assert_calls(2);
}

#[test]
fn a_retcode_decides_whatever_its_form_and_the_http_status() {
    let retcodes = [
        ("\"0\"", Status::Ok),
        ("0", Status::Ok),
        ("\"000-002\"", Status::BadRequest),
        ("\"000-003\"", Status::Session),
        ("\"100-006\"", Status::Session),
        ("\"101-001\"", Status::NoConference),
        ("\"100-007\"", Status::GatewayFault),
        ("\"999-001\"", Status::GatewayFault),
        ("\"105-003\"", Status::GatewayBusy),
        ("\"101-002\"", Status::Gateway),
        ("\"hello\"", Status::Gateway),
        ("4711", Status::Gateway),
    ];
    let server = MockServer::start();
    for http_status in [200_u16, 400, 401, 404, 500, 503] {
        for (retcode, status) in retcodes {
            let mut mock = server.mock(|when, then| {
                when.method(POST);
                then.status(http_status)
                    .header("Content-Type", "application/json;charset=UTF-8")
                    .body(format!(r#"{{"message":"text","retcode":{retcode},"result":""}}"#));
            });
            let sent = retcode.trim_matches('"');
            match client(&server.base_url()).reject_agent_conf("154", GUID) {
                Ok(answer) => {
                    assert_eq!(Status::Ok, status, "{retcode}");
                    assert_eq!((answer.http_status, answer.retcode), (http_status, sent));
                    assert_eq!(answer.message, "text");
                }
                Err(error) => {
                    assert_eq!(error.status(), status, "{retcode}");
                    assert_eq!(error.http_status(), Some(http_status));
                    assert_eq!((error.retcode(), error.message()), (Some(sent), "text"));
                    assert!(!error.maybe_sent(), "the gateway said no");
                }
            }
            mock.delete();
        }
    }
}

#[test]
fn every_documented_shape_of_json_is_accepted() {
    let server = MockServer::start();
    for body in [
        ACCEPTED,
        r#"{"retcode":"0"}"#,
        r#"{"retcode":"0","message":null,"result":[]}"#,
        r#"{"retcode":"0","message":"","result":"text","unknown":{"a":[1,2]}}"#,
        "\u{feff}{\"retcode\":0}",
        "\r\n{ \"retcode\" : \"0\" }\r\n",
    ] {
        let mut mock = server.mock(|when, then| {
            when.method(POST);
            then.status(200).body(body);
        });
        let answer = client(&server.base_url()).reject_agent_conf("154", GUID).expect(body);
        assert_eq!(answer.retcode, "0");
        mock.delete();
    }
}

#[test]
fn what_is_not_the_documented_answer_is_told_apart() {
    let html = "<html><head><title>HTTP Status 502</title></head></html>";
    let table = [
        (http("200 OK", ""), Status::Protocol),
        (http("200 OK", "{}"), Status::Protocol),
        (http("200 OK", "[]"), Status::Protocol),
        (http("200 OK", html), Status::Protocol),
        (http("200 OK", r#"{"message":"success"}"#), Status::Protocol),
        (http("200 OK", r#"{"retcode":"0""#), Status::Protocol),
        ("HTTP/1.1 204 No Content\r\n\r\n".into(), Status::Protocol),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n".into(), Status::Protocol),
        (http("301 Moved", ""), Status::Http),
        (http("302 Found", html), Status::Http),
        (http("404 Not Found", html), Status::Http),
        (http("500 Oops", ""), Status::Http),
        (http("502 Bad Gateway", html), Status::Http),
        (http("200 OK", &" ".repeat(64 * 1024 + 1)), Status::TooLarge),
    ];
    for (answer, status) in table {
        let shown = answer[..answer.len().min(120)].to_owned();
        let error = outcome_of(answer).expect_err(&shown);
        assert_eq!(error.status(), status, "{shown}: {error}");
        assert!(error.maybe_sent(), "{shown}");
        assert!(!error.detail().is_empty(), "{shown}");
        assert!(!error.resent(), "{shown}");
    }
}

#[test]
fn framings_of_http_are_all_read() {
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length-Not: here\r\n\r\n\
         {:x}\r\n{ACCEPTED}\r\n0\r\nX-Trailer: t\r\n\r\n",
        ACCEPTED.len()
    );
    let until_close = format!("HTTP/1.0 200 OK\r\nServer: old\r\n\r\n{ACCEPTED}");
    let informed = format!("HTTP/1.1 103 Early Hints\r\n\r\n{}", http("200 OK", ACCEPTED));
    let padded = format!("{ACCEPTED}{}", " ".repeat(64 * 1024 - ACCEPTED.len()));
    for answer in [chunked, until_close, informed, http("200 OK", &padded)] {
        let shown = answer[..60].to_owned();
        assert_eq!(outcome_of(answer).expect(&shown).retcode, "0", "{shown}");
    }
}

#[test]
fn chinese_messages_and_the_platforms_code_arrive_whole() {
    let message = "座席未签入 Unknown ERROR._40302".repeat(200);
    let body = format!(r#"{{"message":"{message}","retcode":"100-007"}}"#);
    let error = outcome_of(http("200 OK", &body)).expect_err("a fault");
    assert_eq!(error.message(), message);
    assert_eq!(error.cti_code(), Some(40302));
}

#[test]
fn a_connection_is_kept_for_the_next_call_unless_told_otherwise() {
    let gateway = RawGateway::start(vec![http("200 OK", ACCEPTED)]);
    let keeping = client(&gateway.url);
    keeping.connect().expect("connected");
    for _ in 0..3 {
        keeping.reject_agent_conf("154", GUID).expect("accepted");
    }
    assert_eq!((gateway.seen().connections, gateway.seen().requests.len()), (1, 3));

    let mut options = options(&gateway.url);
    options.keep_alive = false;
    let fresh = Client::new(&options).expect("client");
    fresh.connect().expect("connected");
    for _ in 0..3 {
        fresh.reject_agent_conf("154", GUID).expect("accepted");
    }
    assert_eq!(gateway.seen().connections, 1 + 1 + 3);
}

#[test]
fn a_kept_connection_that_proves_dead_is_replaced_once() {
    // Closed after each answer without saying so: the next call meets a dead connection.
    let silent_close = http("200 OK", ACCEPTED).replace("Content-Length", "content-length");
    let gateway = RawGateway::start(vec![silent_close]);
    let client = client(&gateway.url);
    for call in 0..20 {
        client.reject_agent_conf("154", GUID).unwrap_or_else(|error| panic!("{call}: {error}"));
    }
    assert_eq!(gateway.seen().requests.len(), 20, "none lost, none twice");
}

/// A balancer without a gateway behind it may do the handshake, then hang up.
#[test]
fn a_connection_that_is_closed_at_once_does_not_stand_ready() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let mut options = options(&format!("http://{}", listener.local_addr().expect("bound")));
    let (hang_up, hung_up) = mpsc::channel();
    let hung_up = Mutex::new(hung_up);
    options.log_level = Level::Debug;
    options.log = Some(Arc::new(move |_, line: &str| {
        if line.starts_with("connected to") {
            hung_up.lock().expect("nobody panics").recv().expect("the balancer hangs up");
        }
    }));
    thread::spawn(move || {
        listener.incoming().for_each(|stream| {
            drop(stream);
            hang_up.send(()).expect("the client waits");
        });
    });
    let closed = Client::new(&options).expect("client").connect().expect_err("closed by then");
    assert_eq!((closed.status(), closed.maybe_sent()), (Status::Io, false));
    assert!(closed.detail().contains("closed the connection after the handshake"), "{closed}");
}

#[test]
fn nothing_listens_and_nothing_was_sent() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
    let url = format!("http://{}", free.local_addr().expect("bound"));
    drop(free);
    let error = client(&url).reject_agent_conf("154", GUID).expect_err("refused");
    assert_eq!(error.status(), Status::Connect);
    assert!(error.os_error().is_some());
    assert!(!error.maybe_sent());
}

#[test]
fn log_lines_name_the_method_and_never_hold_the_guid() {
    let echo = format!(r#"{{"message":"no session {GUID}","retcode":"100-006"}}"#);
    let gateway = RawGateway::start(vec![http("200 OK", ACCEPTED), http("200 OK", &echo)]);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = lines.clone();
    let mut options = options(&gateway.url);
    options.log_level = Level::Debug;
    options.log = Some(Arc::new(move |level, line: &str| {
        seen.lock().expect("lines").push(format!("{level:?} {line}"));
    }));
    let client = Client::new(&options).expect("client");
    client.reject_agent_conf("154", GUID).expect("accepted");
    let error = client.reject_agent_conf("154", GUID).expect_err("refused");
    assert_eq!(error.message(), "no session (Guid)");
    // The two parameters changed places: the Guid must not come out as an agent ID.
    client.reject_agent_conf(GUID, "154").expect_err("no agent ID");

    let lines = lines.lock().expect("lines").join("\n");
    assert!(!lines.contains(&GUID[..8]), "{lines}");
    assert!(lines.contains("Info rejectAgentConf agent 154: AGW_OK, retcode 0, "), "{lines}");
    assert!(lines.contains("Warn rejectAgentConf agent 154: AGW_E_SESSION, retcode 100-006, "));
    assert!(lines.contains("Warn rejectAgentConf agent ?: AGW_E_INVALID_AGENT_ID"), "{lines}");
}
