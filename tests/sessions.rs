//! A shift on one client: sign in, wait for events, reject, sign out; Guids and cookies that are
//! renewed, kept and forgotten.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use agw::{CallId, Client, Error, Event, Poll, SignIn, Status};
use support::client::{Lines, client, options, options_of, simulator};
use support::gateway::Step::{Cut, Hang, Read, Send};
use support::gateway::{Gateway, Script};
use support::simulator::{Simulator, SimulatorOptions};
use support::tls::Over;
use support::wait_until;

/// An answer with further header lines.
fn answer(headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

const OK: &str = r#"{"message":"","retcode":"0"}"#;
const RINGS: &str = r#"{"message":"","retcode":"0","event":{"eventType":"AgentConf_Ringing","workNo":"154","content":{"confId":7}}}"#;

fn refused(retcode: &str) -> String {
    format!(r#"{{"message":"","retcode":"{retcode}"}}"#)
}

/// Answers the requests one after the other, whatever they are; then accepts.
fn in_turn(answers: &[String]) -> Gateway {
    let left = Mutex::new(answers.iter().rev().cloned().collect::<Vec<_>>());
    Gateway::serving_each(None, move |_| {
        left.lock().expect("answers").pop().unwrap_or_else(|| answer("", OK))
    })
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = request.split("\r\n").filter_map(|line| line.split_once(": "));
    lines.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// Of each request its first line, Guid and cookies.
fn sent(gateway: &Gateway) -> Vec<String> {
    let requests = gateway.seen().requests;
    let line = |request: &String| {
        let (start, _) = request.split_once(" HTTP/1.1").expect("a start line");
        let [guid, cookie] = ["Guid", "Cookie"].map(|name| header(request, name).unwrap_or("-"));
        format!("{} {guid} {cookie}", start.replace("/agentgateway/resource", ""))
    };
    requests.iter().map(line).collect()
}

#[test]
fn a_whole_shift_against_the_simulator() {
    let simulator = simulator(Vec::new());
    let client = Client::new(&options_of(&simulator)).expect("client");
    assert_eq!(client.next_event("154").expect_err("not yet").status(), Status::Session);

    let mut sign_in = SignIn::new("154");
    sign_in.phone = Some("40038");
    client.sign_in(&sign_in).expect("signed in");
    let again = client.sign_in(&sign_in).expect_err("signed in already");
    assert_eq!(again.retcode(), Some("100-002"));
    sign_in.force = true;
    client.sign_in(&sign_in).expect("forced");
    let guid = simulator.guid(154).expect("signed in");
    assert_eq!(client.session("154").expect("kept").guid(), guid);

    let conference = simulator.ring(154, &[]).expect("rings");
    let ringing = client.next_event("154").expect("polled").event.expect("an event");
    assert_eq!(ringing.event_type, Event::CONF_RINGING);
    assert_eq!(ringing.conf_id, Some(conference as i64));
    client.connect().expect("ready");
    client.reject_agent_conf("154", None).expect("rejected");
    let released = client.next_event("154").expect("polled").event.expect("an event");
    assert_eq!(released.event_type, Event::PHONE_RELEASE);
    assert!(released.content.starts_with(r#"{"phoneState":"#), "{}", released.content);
    let ready = client.next_event("154").expect("polled").event.expect("an event");
    assert_eq!((&*ready.event_type, &*ready.content), (Event::READY, ""));

    client.sign_out("154").expect("signed out");
    assert_eq!(client.session("154").expect_err("over").status(), Status::Session);
    let late = client.sign_out("154").expect_err("over");
    assert_eq!((late.status(), late.http_status()), (Status::Session, None));
}

#[test]
fn a_load_balancers_cookie_keeps_a_shift_at_its_node() {
    let options = SimulatorOptions {
        agents: Vec::new(),
        sticky: true,
        tls: false,
        poll_wait: Duration::from_millis(10),
        ..SimulatorOptions::default()
    };
    let simulator = Simulator::start(options).expect("a port is free");
    let client = client(&simulator.url());
    let mut nodes = Vec::new();
    for agent in ["154", "155"] {
        let mut sign_in = SignIn::new(agent);
        sign_in.phone = Some("40038");
        client.sign_in(&sign_in).expect("signed in");
        nodes.push(client.session(agent).expect("kept").cookie().to_owned());
    }
    assert_eq!(nodes, ["NSLB=2", "NSLB=1"]);
    for agent in ["154", "155"] {
        simulator.ring(agent.parse().expect("a number"), &[]).expect("rings");
        assert!(client.next_event(agent).expect("polled").event.is_some());
        client.reject_agent_conf(agent, None).expect("rejected");
    }
    // A host that signs in by itself, and drops the cookie, is refused; agw_set_session() is the way.
    let session = client.session("154").expect("kept");
    client.set_session("154", Some(session.guid()), Some("")).expect("kept");
    let lost = client.next_event("154").expect_err("the other node");
    assert_eq!((lost.status(), lost.retcode()), (Status::Session, Some("100-006")));
    client.set_session("154", Some(session.guid()), Some(session.cookie())).expect("kept");
    for agent in ["154", "155"] {
        client.next_event(agent).expect("polled");
        client.sign_out(agent).expect("signed out");
    }
}

#[test]
fn the_requests_are_the_documented_ones_to_the_byte() {
    let gateway = in_turn(&[answer("Set-GUID: JSESSIONID=g1.gw\r\n", OK)]);
    let client = client(&gateway.url());
    let mut sign_in = SignIn::new("154");
    sign_in.password = "pä\"55";
    sign_in.fields = Some("{\"status\": 4,\n \"n:x\":\"A: b\\n\"}");
    client.sign_in(&sign_in).expect("signed in");
    client.next_event("154").expect("polled");
    client.sign_out("154").expect("signed out");
    let requests = gateway.seen().requests;
    for (request, start) in requests.iter().zip([
        "PUT /agentgateway/resource/onlineagent/154 HTTP/1.1\r\n",
        "GET /agentgateway/resource/agentevent/154 HTTP/1.1\r\n",
        "DELETE /agentgateway/resource/onlineagent/154/logout HTTP/1.1\r\n",
    ]) {
        assert!(request.starts_with(start), "{request}");
        assert!(request.contains("\r\nContent-Type: application/json; charset=UTF-8\r\n"));
    }
    let body = r#"{"autoanswer":false,"n:x":"A: b\n","password":"pä\"55","status":4}"#;
    assert!(requests[0].ends_with(&format!("\r\n\r\n{body}")), "{}", requests[0]);
    assert!(!requests[0].contains("Guid"), "{}", requests[0]);
    for request in &requests[1..] {
        assert!(request.contains("\r\nGuid: g1.gw\r\n"), "{request}");
        assert!(!request.contains("Content-Length") && !request.contains("Transfer-Encoding"));
    }
    assert_eq!(gateway.seen().connections, 1);
}

#[test]
fn every_answer_may_renew_guid_and_cookies() {
    let cookies = |values: &[&str]| -> String {
        values.iter().map(|value| format!("Set-Cookie: {value}\r\n")).collect()
    };
    let first = cookies(&["NODE=a; Path=/; HttpOnly", "no pair", "=nameless", "odd=\u{e9}"]);
    let second = cookies(&[" J = 01 23;Secure", "odd=\"1\"; Comment=\u{e9}"]);
    let last = cookies(&[
        "NODE=b",
        "X=; Path=/",
        "J=x; max-age=0",
        "odd=x; Expires=Thu, 01 Jan 1970 00:00:10 GMT",
    ]);
    let gateway = in_turn(&[
        answer(&format!("Guid: old\r\nSet-GUID: JSESSIONID=g1; Comment=\u{e9}\r\n{first}"), OK),
        answer(&format!("Set-GUID: g0\r\nset-guid: JSESSIONID=g2 ; Path=/\r\n{second}"), RINGS),
        answer("Set-GUID: JSESSIONID=\r\nGuid: g3\r\nSet-Cookie: X=1\r\n", &refused("101-001")),
        answer(&last, OK),
    ]);
    let client = client(&gateway.url());
    client.sign_in(&SignIn::new("154")).expect("signed in");
    assert!(client.next_event("154").expect("polled").event.is_some());
    let late = client.reject_agent_conf("154", None).expect_err("too late");
    assert_eq!(late.status(), Status::NoConference);
    // A Guid that is handed over goes first; the cookies go along all the same.
    client.reject_agent_conf("154", "JSESSIONID=mine").expect("rejected");
    client.reject_agent_conf("154", None).expect("rejected");
    client.reject_agent_conf("155", "other").expect("rejected");
    assert_eq!(
        sent(&gateway),
        [
            "PUT /onlineagent/154 - -",
            "GET /agentevent/154 g1 NODE=a",
            "POST /agentconf/154/rejectagentconf g2 NODE=a; J=01 23; odd=\"1\"",
            "POST /agentconf/154/rejectagentconf mine NODE=a; J=01 23; odd=\"1\"; X=1",
            "POST /agentconf/154/rejectagentconf g3 NODE=b",
            "POST /agentconf/155/rejectagentconf other -",
        ]
    );
}

#[test]
fn a_kept_guid_that_is_refused_as_stale_goes_out_once_more_with_a_newer_one() {
    for stale in ["100-006", "000-003"] {
        let gateway = in_turn(&[
            answer("Set-GUID: JSESSIONID=g1\r\n", OK),
            answer("Set-GUID: JSESSIONID=g2\r\n", &refused(stale)),
            answer("", OK),
            answer("Set-GUID: JSESSIONID=g3\r\n", &refused(stale)),
            answer("Set-GUID: JSESSIONID=g4\r\n", &refused(stale)),
            answer("", &refused(stale)),
        ]);
        let client = client(&gateway.url());
        client.sign_in(&SignIn::new("154")).expect("signed in");
        let answer = client.reject_agent_conf("154", None).expect("with the newer one");
        assert!(!answer.resent);
        // Once, not for ever; and the refusal of the only copy says that nothing was done.
        let error = client.reject_agent_conf("154", None).expect_err("stale again");
        let told = (error.status(), error.maybe_sent(), error.resent());
        assert_eq!(told, (Status::Session, false, false));
        // Nor where the caller hands over the Guid.
        let error = client.reject_agent_conf("154", "mine").expect_err("refused");
        assert_eq!(error.status(), Status::Session);
        let requests = gateway.seen().requests;
        let guids = requests.iter().map(|request| header(request, "Guid").unwrap_or("-"));
        let guids: Vec<_> = guids.collect();
        assert_eq!(guids, ["-", "g1", "g2", "g2", "g3", "mine"], "{stale}");
        assert_eq!(gateway.seen().connections, 1);
        assert_eq!(client.session("154").expect("kept").guid(), "g4");
    }
}

#[test]
fn a_sign_in_that_is_forced_keeps_to_its_node_and_one_that_is_refused_leaves_the_session() {
    let gateway = in_turn(&[
        answer("Set-GUID: g1\r\nSet-Cookie: NODE=a\r\n", OK),
        answer("Set-GUID: x\r\nSet-Cookie: NODE=x\r\n", &refused("100-004")),
        answer("Set-Cookie: NODE=b\r\n", &refused("100-002")),
        answer("Guid: JSESSIONID=g2\r\n", OK),
        answer("", OK),
    ]);
    let client = client(&gateway.url());
    let kept = || {
        let session = client.session("154").expect("kept");
        format!("{} {}", session.guid(), session.cookie())
    };
    let mut sign_in = SignIn::new("154");
    client.sign_in(&sign_in).expect("signed in");
    let refused = client.sign_in(&sign_in).expect_err("refused");
    assert_eq!((refused.status(), refused.retcode()), (Status::Gateway, Some("100-004")));
    assert_eq!(kept(), "g1 NODE=a");
    sign_in.force = true;
    client.sign_in(&sign_in).expect("forced");
    assert_eq!(kept(), "g2 NODE=b");
    let without = client.sign_in(&sign_in).expect_err("no Guid");
    assert_eq!((without.status(), without.retcode()), (Status::Protocol, Some("0")));
    assert!(without.maybe_sent(), "it may be signed in now");
    assert_eq!(kept(), "g2 NODE=b");
    assert_eq!(
        sent(&gateway),
        [
            "PUT /onlineagent/154 - -",
            "PUT /onlineagent/154 - NODE=a",
            "PUT /onlineagent/154 - NODE=a",
            "PUT /onlineagent/154/forcelogin - NODE=b",
            "PUT /onlineagent/154 - NODE=b",
        ]
    );
}

#[test]
fn what_went_out_twice_is_told_also_where_the_next_request_did_not_go_out() {
    let accepts = vec![Read, Send(answer("", OK).into()), Read, Cut];
    let refuses = vec![Read, Send(answer("Connection: close\r\n", &refused("100-002")).into())];
    let scripts = vec![Script::Http(accepts), Script::Http(refuses), Script::Tcp(vec![Hang])];
    let gateway = Gateway::start(scripts, Over::Tls13.config(false));
    let mut options = options(&gateway.url());
    options.timeout = Duration::from_millis(500);
    let client = Client::new(&options).expect("client");
    client.reject_agent_conf("154", "guid").expect("rejected");
    let mut sign_in = SignIn::new("154");
    sign_in.force = true;
    let error = client.sign_in(&sign_in).expect_err("the gateway is silent");
    assert_eq!((error.status(), error.maybe_sent(), error.resent()), (Status::Timeout, true, true));
    assert_eq!(gateway.seen().requests.len(), 3);
}

#[test]
fn polls_keep_their_pace_and_wait_one_at_a_time() {
    let gateway = in_turn(&[]);
    let client = client(&gateway.url());
    client.set_session("154", Some("g1"), None).expect("kept");
    client.set_session("155", Some("g2"), None).expect("kept");
    let begun = Instant::now();
    for _ in 0..4 {
        assert_eq!(client.next_event("154").expect("polled").event, None);
        client.next_event("155").expect("polled");
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(600), "{took:?}");

    // A poll that waits holds up neither a reject, nor another agent, nor the end of the client.
    let (tell, polls) = mpsc::channel();
    let tell = Mutex::new(tell);
    let gateway = Gateway::serving_each(None, move |request| {
        if request.starts_with("GET ") && !request.contains("/155 ") {
            tell.lock().expect("told").send(()).expect("somebody waits");
            thread::sleep(Duration::from_secs(60));
        }
        answer("", OK)
    });
    let client = self::client(&gateway.url());
    for agent in ["154", "155", "156"] {
        client.set_session(agent, Some("g1"), None).expect("kept");
    }
    let [id, early] = [9, 8].map(CallId::from_number);
    let status =
        |outcome: Result<Poll, Error>| outcome.map_or_else(|why| why.status(), |_| Status::Ok);
    thread::scope(|scope| {
        for (id, ends, both) in [
            (None, (|client| client.cancel()) as fn(&Client), true),
            (id, |client| client.cancel_call(CallId::from_number(9).expect("a number")), true),
            (None, |client| drop(client.sign_out("154")), false),
        ] {
            let client = &client;
            let polls_on = |agent| scope.spawn(move || client.with_id(id).next_event(agent));
            let [waiting, other] = ["154", "156"].map(polls_on);
            for _ in 0..2 {
                polls.recv_timeout(Duration::from_secs(20)).expect("it polls");
            }
            client.cancel_call(early.expect("a number"));
            assert_eq!(status(client.with_id(early).next_event("154")), Status::Polling);
            // What is refused so leaves the cancel there.
            assert_eq!(status(client.with_id(early).next_event("155")), Status::Cancelled);
            assert_eq!(status(client.with_id(early).next_event("155")), Status::Ok);
            client.reject_agent_conf("154", None).expect("rejected");
            assert!(!waiting.is_finished());
            ends(client);
            assert_eq!(status(waiting.join().expect("no panic")), Status::Cancelled);
            if !both {
                thread::sleep(Duration::from_millis(200));
                assert!(!other.is_finished());
                client.cancel();
            }
            assert_eq!(status(other.join().expect("no panic")), Status::Cancelled);
            // A cancel that has ended calls is not remembered.
            assert_eq!(status(client.with_id(id).next_event("155")), Status::Ok);
            client.set_session("154", Some("g1"), None).expect("kept");
        }
    });
}

/// The host's loop has polled once more before the gateway has signed the agent out.
#[test]
fn a_poll_that_begins_during_a_sign_out_ends_with_it() {
    const SIGNS_OUT: usize = 1;
    const POLLS: usize = 2;
    const IS_OUT: usize = 3;
    let await_stage = |stage: &AtomicUsize, at| wait_until(|| stage.load(Ordering::SeqCst) >= at);
    for (newer, ends) in [(None, Some(Status::Cancelled)), (Some("g2"), None)] {
        let stage = Arc::new(AtomicUsize::new(0));
        let reached = stage.clone();
        let gateway = Gateway::serving_each(None, move |request| {
            let polls = request.starts_with("GET ");
            let (now, then) = if polls { (POLLS, IS_OUT) } else { (SIGNS_OUT, POLLS) };
            reached.store(now, Ordering::SeqCst);
            await_stage(&reached, then);
            answer("", OK)
        });
        let client = client(&gateway.url());
        client.set_session("154", Some("g1"), None).expect("kept");
        thread::scope(|scope| {
            scope.spawn(|| {
                client.sign_out("154").expect("signed out");
                stage.store(IS_OUT, Ordering::SeqCst);
            });
            await_stage(&stage, SIGNS_OUT);
            if let Some(guid) = newer {
                client.set_session("154", Some(guid), None).expect("kept");
            }
            let outcome = client.next_event("154");
            assert_eq!(outcome.err().map(|error| error.status()), ends, "{newer:?}");
        });
    }
}

/// A host shows the ring, and polls on in one thread while another makes ready and rejects.
#[test]
fn what_stands_ready_is_not_the_connection_that_the_next_poll_takes() {
    let ((polls, polling), (end, ended)) = (mpsc::channel(), mpsc::channel());
    let (polls, ended) = (Mutex::new((polls, 0)), Mutex::new(ended));
    let gateway = Gateway::serving_each(None, move |request| {
        if !request.starts_with("GET ") {
            return answer("", OK);
        }
        let mut polls = polls.lock().expect("told");
        polls.1 += 1;
        // Every second poll waits.
        if polls.1 % 2 == 1 {
            return answer("", RINGS);
        }
        polls.0.send(()).expect("somebody waits");
        ended.lock().expect("told").recv().expect("somebody ends it");
        answer("", OK)
    });
    let client = client(&gateway.url());
    client.set_session("154", Some("g1"), None).expect("kept");
    let connections = || gateway.seen().connections;
    for _ in 0..3 {
        assert!(client.next_event("154").expect("polled").event.is_some());
        client.connect().expect("ready");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| client.next_event("154"));
            polling.recv_timeout(Duration::from_secs(20)).expect("it polls");
            let stand = connections();
            client.reject_agent_conf("154", None).expect("rejected");
            assert_eq!(connections(), stand, "what stood ready was taken by the poll");
            end.send(()).expect("it waits");
            waiting.join().expect("no panic").expect("polled");
        });
        assert_eq!(connections(), 2, "one for polls, one for calls");
    }
}

/// As many connections as polls that wait, and the rejects take those that are idle meanwhile.
#[test]
fn a_thousand_agents_poll_through_one_client_in_a_thousand_threads() {
    const POLLS: usize = 3;
    // A debug build of library and test takes more than the 64 KiB of the header; a sanitizer takes
    // more of everything.
    let sanitized = std::env::var_os("AGW_SANITIZER").is_some();
    let (agents, stack) = if sanitized { (100, 2 * 1024 * 1024) } else { (1_000, 128 * 1024) };
    const HELD: Duration = Duration::from_secs(2);
    let polls = Arc::new(AtomicUsize::new(0));
    let waiting = polls.clone();
    let gateway = Gateway::serving_each(None, move |request| {
        if request.starts_with("GET ") {
            waiting.fetch_add(1, Ordering::SeqCst);
            thread::sleep(HELD);
        }
        answer("", OK)
    });
    let client = client(&gateway.url());
    for agent in 1_001..=1_000 + agents {
        client.set_session(&agent.to_string(), Some("g1"), None).expect("kept");
    }
    let (mut rejects, mut took) = (0, Vec::new());
    thread::scope(|scope| {
        let threads: Vec<_> = (1_001..=1_000 + agents)
            .map(|agent| {
                let client = &client;
                let polls = move || {
                    let agent = agent.to_string();
                    for _ in 0..POLLS {
                        let poll = client.next_event(&agent).expect("polled");
                        assert!(!poll.answer.resent);
                    }
                };
                let small = thread::Builder::new().stack_size(stack);
                small.spawn_scoped(scope, polls).expect("a thread more")
            })
            .collect();
        wait_until(|| polls.load(Ordering::SeqCst) >= agents as usize);
        while !threads.iter().all(thread::ScopedJoinHandle::is_finished) {
            let agent = 1_001 + rejects % agents;
            let begun = Instant::now();
            client.reject_agent_conf(&agent.to_string(), None).expect("rejected");
            took.push(begun.elapsed());
            rejects += 1;
            thread::sleep(Duration::from_millis(5));
        }
    });
    took.sort();
    let median = took[took.len() / 2];
    let seen = gateway.seen();
    assert_eq!(seen.requests.len(), POLLS * agents as usize + rejects as usize);
    assert!(seen.connections <= agents as usize + 1, "{} connections", seen.connections);
    assert!(rejects > 20, "{rejects} rejects");
    // Behind the polls it would take as long as they are held back.
    assert!(median < HELD / 8, "{median:?}");
}

#[test]
fn what_a_poll_brings_takes_the_place_of_the_old_guid_for_all_threads() {
    let renewed = Mutex::new(0_u32);
    let gateway = Gateway::serving_each(None, move |request| {
        let mut newest = renewed.lock().expect("newest");
        if request.starts_with("GET ") {
            *newest += 1;
            return answer(&format!("Set-GUID: JSESSIONID=g{newest}\r\n"), OK);
        }
        let fresh = header(request, "Guid") == Some(&format!("g{newest}"));
        answer("", if fresh { OK } else { r#"{"retcode":"100-006"}"# })
    });
    let client = client(&gateway.url());
    client.set_session("154", Some("g0"), None).expect("kept");
    thread::scope(|scope| {
        let polls = scope.spawn(|| {
            for _ in 0..10 {
                client.next_event("154").expect("polled");
            }
        });
        while !polls.is_finished() {
            match client.reject_agent_conf("154", None) {
                Ok(answer) => assert!(!answer.resent),
                // The gateway knows a newer one whose answer is still on its way.
                Err(error) => assert_eq!(error.status(), Status::Session),
            }
        }
    });
    client.reject_agent_conf("154", None).expect("with the newest");
}

#[test]
fn no_secret_gets_into_a_log_line_or_an_outcome() {
    const NEW: [&str; 3] = ["n3w-guid-1", "n3w-guid-2", "n3w-n0de"];
    let (guid, password, node) = ("5ec4e700-1111", "s3cr3t-word", "s3cr3t-node");
    let new = NEW.join(" ");
    let echo = format!(r#"{{"message":"{guid} {password} {node} {new}","retcode":"100-004"}}"#);
    let event = |kind| answer("", &RINGS.replace("AgentConf_Ringing", kind));
    let [first, second, cookie] = NEW;
    let names_second = format!(r#"{{"message":"{second}","retcode":"100-007"}}"#);
    let brings =
        format!("Set-GUID: {first}\r\nSet-GUID: {second}\r\nSet-Cookie: M={cookie}; Path=/\r\n");
    let gateway = in_turn(&[
        answer(&format!("Set-GUID: {guid}\r\nSet-Cookie: N={node}\r\n"), OK),
        event("AgentConf_Ringing"),
        event(guid),
        event("Agent\\nWARN all is lost"),
        answer(&brings, &echo),
        // A reject knows nothing of passwords.
        answer(&brings, &echo.replace(password, "")),
        answer("", &format!("<html>{password}</html>")),
        // What is kept, where another one was sent; and what was refused just before.
        answer("", &names_second),
        answer("Set-GUID: n3w-guid-3\r\n", &refused("100-006")),
        answer("", &names_second),
    ]);
    let mut options = options(&gateway.url());
    let lines = Lines::of(&mut options);
    let client = Client::new(&options).expect("client");
    let mut sign_in = SignIn::new("154");
    sign_in.password = password;
    client.sign_in(&sign_in).expect("signed in");
    for _ in 0..3 {
        assert!(client.next_event("154").expect("polled").event.is_some());
    }
    let mut shown = vec![format!("{client:?} {sign_in:?} {:?}", client.session("154"))];
    shown.push(format!("{:?}", client.sign_in(&sign_in).expect_err("refused")));
    shown.push(format!("{:?}", client.reject_agent_conf("154", None).expect_err("refused")));
    shown.push(format!("{:?}", client.sign_in(&sign_in).expect_err("refused")));
    for given in [Some("another-guid"), None] {
        shown.push(format!("{:?}", client.reject_agent_conf("154", given).expect_err("refused")));
    }
    let lines = lines.text();
    assert!(lines.contains("login agent 154: AGW_OK"), "{lines}");
    assert!(lines.contains("getAgentEvent agent 154: AGW_OK, AgentConf_Ringing, "), "{lines}");
    assert_eq!(lines.matches("AGW_OK, an event of another type").count(), 2, "{lines}");
    for text in shown.iter().chain([&lines]) {
        for secret in [guid, password, node].into_iter().chain(NEW) {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}
