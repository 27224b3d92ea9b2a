//! Tests of the simulator: its state, told the time, and a few round trips over HTTPS.

use std::io::Write;
use std::net::{IpAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::simulator::caller::{Answer, JSON, connect, send};
use support::simulator::codes::Refusal;
use support::simulator::gateway::LogLine;
use support::simulator::guid::{AuthMode, Node};
use support::simulator::state::{
    ControlError, Event, Poll, PollEnd, RejectAnswer, RejectRequest, Script, Settings, State,
};
use support::simulator::{CaFile, Simulator, SimulatorOptions};

// --- The state ---

const AGENT: u32 = 154;
const MEMBER: u32 = 155;

/// A state, and the time that the test tells it.
struct Bench {
    state: State,
    start: Instant,
    now: Instant,
}

impl Bench {
    fn new(settings: Settings) -> Self {
        let now = Instant::now();
        let state = State::new(settings, now);
        Self { state, start: now, now }
    }

    /// Lets the time become `seconds` after the start.
    fn at(&mut self, seconds: u64) -> &mut Self {
        self.now = self.start + Duration::from_secs(seconds);
        self.state.tick(self.now);
        self
    }

    fn sign_in(&mut self, agent: u32) -> String {
        let guid = self.state.sign_in(agent, false, Node::One, self.now);
        guid.expect("the agent was not signed in")
    }

    fn begin_poll(&mut self, agent: u32, guid: &str) -> Poll {
        let poll = self.state.begin_poll(agent, Some(guid), self.now);
        poll.expect("the Guid is good")
    }

    /// A whole poll: the event, and the new Guid if there is one.
    fn poll(&mut self, agent: u32, guid: &str) -> (Option<Event>, Option<String>) {
        let poll = self.begin_poll(agent, guid);
        let end = self.state.poll_end(&poll);
        let guid = self.state.guid_for_answer(&poll, self.now);
        self.state.finish_poll(&poll, self.now);
        match end {
            Some(PollEnd::Event(event)) => (Some(event), guid),
            None => (None, guid),
            Some(other) => panic!("the poll ended with {other:?}"),
        }
    }

    fn events(&mut self, agent: u32, guid: &str) -> Vec<(&'static str, Value)> {
        std::iter::from_fn(|| self.poll(agent, guid).0)
            .map(|event| (event.kind, event.content))
            .collect()
    }

    fn reject(&mut self, guid: &str) -> String {
        self.reject_request(&request(guid))
    }

    fn reject_request(&mut self, request: &RejectRequest<'_>) -> String {
        let answer = self.state.reject(request, self.now);
        answer.retcode.expect("the answer is JSON")
    }

    fn ring(&mut self) -> u64 {
        let conf_id = self.state.ring(AGENT, &[MEMBER], self.now);
        conf_id.expect("nothing else rings")
    }
}

fn bench() -> Bench {
    Bench::new(Settings::default())
}

fn request(guid: &str) -> RejectRequest<'_> {
    RejectRequest { agent: "154", guid: Some(guid), json: true, empty_body: true }
}

fn ringing(conf_id: u64) -> (&'static str, Value) {
    ("AgentConf_Ringing", json!({ "confId": conf_id }))
}

fn released(by: u8) -> (&'static str, Value) {
    ("AgentOther_PhoneRelease", json!({ "phoneState": by }))
}

fn ready() -> (&'static str, Value) {
    ("AgentState_Ready", Value::Null)
}

#[test]
fn agent_ids_are_decimal_and_within_the_range() {
    let mut settings = Settings::default();
    let state = State::new(settings.clone(), Instant::now());
    assert_eq!(state.agent_id("101"), Ok(101));
    assert_eq!(state.agent_id("59999"), Ok(59_999));
    for wrong in ["", "100", "60000", "0154", "+154", " 154", "154x", "99999999999"] {
        assert_eq!(state.agent_id(wrong), Err(Refusal::BadParameter), "{wrong}");
    }
    settings.max_agent_id = 999_999;
    let state = State::new(settings, Instant::now());
    assert_eq!(state.agent_id("999999"), Ok(999_999));
}

#[test]
fn guids_have_the_documented_form_and_differ() {
    let mut bench = bench();
    let (one, other) = (bench.sign_in(AGENT), bench.sign_in(MEMBER));
    assert_ne!(one, other);
    let uuid = one.strip_suffix(".AgentGateway1").expect("has the suffix");
    let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
}

#[test]
fn a_second_sign_in_needs_force_and_then_kills_the_old_guid() {
    let mut bench = bench();
    let old = bench.sign_in(AGENT);
    let refused = bench.state.sign_in(AGENT, false, Node::One, bench.now);
    assert_eq!(refused, Err(Refusal::AlreadySignedIn));
    let new = bench.state.sign_in(AGENT, true, Node::One, bench.now);
    let new = new.expect("it was forced");
    bench.ring();
    assert_eq!(bench.reject(&old), "100-006");
    assert_eq!(bench.reject(&new), "0");
}

#[test]
fn a_forced_sign_in_ends_the_poll_of_the_old_guid() {
    let mut bench = bench();
    let old = bench.sign_in(AGENT);
    let poll = bench.begin_poll(AGENT, &old);
    let forced = bench.state.sign_in(AGENT, true, Node::One, bench.now);
    forced.expect("it was forced");
    let end = bench.state.poll_end(&poll);
    assert_eq!(end, Some(PollEnd::Refused(Refusal::NotSignedIn)));
}

#[test]
fn a_dynamic_guid_is_renewed_by_a_poll_and_the_old_one_dies_later() {
    let mut bench = bench();
    let first = bench.sign_in(AGENT);
    assert_eq!(bench.at(59).poll(AGENT, &first), (None, None));
    let (_, renewed) = bench.at(60).poll(AGENT, &first);
    let second = renewed.expect("a minute has passed");
    assert_eq!(bench.at(61).poll(AGENT, &second), (None, None));
    assert_eq!(bench.at(119).reject(&first), "101-001");
    assert_eq!(bench.at(120).reject(&first), "100-006");
    assert_eq!(bench.reject(&second), "101-001");
}

#[test]
fn a_poll_with_the_old_guid_is_told_the_new_one_again() {
    let mut bench = bench();
    let first = bench.sign_in(AGENT);
    let (_, renewed) = bench.at(60).poll(AGENT, &first);
    assert!(renewed.is_some());
    assert_eq!(bench.at(61).poll(AGENT, &first), (None, renewed));
}

#[test]
fn a_poll_that_outlives_its_guid_brings_a_new_one() {
    let mut bench = bench();
    let first = bench.sign_in(AGENT);
    let poll = bench.at(119).begin_poll(AGENT, &first);
    bench.at(121);
    assert_eq!(bench.state.poll_end(&poll), None);
    let renewed = bench.state.guid_for_answer(&poll, bench.now);
    let renewed = renewed.expect("it was due");
    assert_eq!(bench.reject(&renewed), "101-001");
    assert_eq!(bench.reject(&first), "100-006");
}

#[test]
fn a_static_guid_stays() {
    let mut settings = Settings::default();
    settings.guids.auth = AuthMode::Static;
    let mut bench = Bench::new(settings);
    let guid = bench.sign_in(AGENT);
    for minute in 1..10 {
        let seconds = minute * 60;
        assert_eq!(bench.at(seconds).poll(AGENT, &guid), (None, None));
    }
    assert_eq!(bench.reject(&guid), "101-001");
}

#[test]
fn expired_guids_are_refused_with_the_chosen_code() {
    let settings = Settings { stale: Refusal::GuidRefused, ..Settings::default() };
    let mut bench = Bench::new(settings);
    let guid = bench.sign_in(AGENT);
    let poll = bench.begin_poll(AGENT, &guid);
    assert_eq!(bench.state.expire(AGENT), Ok(()));
    assert_eq!(bench.reject(&guid), "000-003");
    let end = bench.state.poll_end(&poll);
    assert_eq!(end, Some(PollEnd::Refused(Refusal::GuidRefused)));
    assert!(matches!(bench.state.expire(MEMBER), Err(ControlError::Conflict(_))));
}

#[test]
fn a_reject_releases_the_phone_and_tells_the_members() {
    let mut bench = bench();
    let (guid, member) = (bench.sign_in(AGENT), bench.sign_in(MEMBER));
    let conf_id = bench.ring();
    assert_eq!(bench.reject(&guid), "0");
    assert_eq!(bench.events(AGENT, &guid), [ringing(conf_id), released(2), ready()]);
    let changed = json!({
        "result": 0,
        "changeType": 1,
        "changeReason": 0,
        "confId": conf_id,
        "participant": "154",
        "participantType": 9,
    });
    assert_eq!(bench.events(MEMBER, &member), [("AgentConf_ParticipantChanged", changed)]);
    assert_eq!(bench.reject(&guid), "101-001");
}

#[test]
fn a_cancelled_conference_cannot_be_rejected() {
    let mut bench = bench();
    let guid = bench.sign_in(AGENT);
    let conf_id = bench.ring();
    assert_eq!(bench.state.cancel(conf_id), Ok(()));
    assert_eq!(bench.reject(&guid), "101-001");
    assert_eq!(bench.events(AGENT, &guid), [ringing(conf_id), released(3), ready()]);
    assert!(matches!(bench.state.cancel(conf_id), Err(ControlError::NotFound(_))));
}

#[test]
fn a_conference_rings_out() {
    let mut bench = bench();
    let guid = bench.sign_in(AGENT);
    let conf_id = bench.ring();
    bench.at(59);
    assert_eq!(bench.state.agents()[0].ringing_conf_id, Some(conf_id));
    bench.at(60);
    assert_eq!(bench.reject(&guid), "101-001");
    assert_eq!(bench.events(AGENT, &guid), [ringing(conf_id), released(3), ready()]);
}

#[test]
fn a_conference_rings_at_a_free_signed_in_agent_only() {
    let mut bench = bench();
    let ring = |bench: &mut Bench, members: &[u32]| bench.state.ring(AGENT, members, bench.now);
    assert!(matches!(ring(&mut bench, &[]), Err(ControlError::Conflict(_))));
    bench.sign_in(AGENT);
    assert!(matches!(ring(&mut bench, &[AGENT]), Err(ControlError::BadRequest(_))));
    assert_eq!(ring(&mut bench, &[]), Ok(1_031_168));
    assert!(matches!(ring(&mut bench, &[]), Err(ControlError::Conflict(_))));
}

#[test]
fn an_agent_who_does_not_poll_is_signed_out() {
    let mut bench = bench();
    let guid = bench.sign_in(AGENT);
    bench.at(60).poll(AGENT, &guid);
    bench.at(179);
    assert!(bench.state.agents()[0].signed_in);
    bench.at(180);
    assert!(!bench.state.agents()[0].signed_in);
    assert_eq!(bench.reject(&guid), "100-006");
}

#[test]
fn a_waiting_poll_is_no_idleness() {
    let mut bench = bench();
    let guid = bench.sign_in(AGENT);
    let poll = bench.begin_poll(AGENT, &guid);
    bench.at(1_000);
    assert!(bench.state.agents()[0].signed_in);
    bench.state.finish_poll(&poll, bench.now);
    bench.at(1_120);
    assert!(!bench.state.agents()[0].signed_in);
}

#[test]
fn agents_of_the_start_are_spared_until_they_poll() {
    let mut bench = bench();
    bench.state.sign_in_at_start(AGENT, bench.now);
    let guid = bench.state.current_guid(AGENT).expect("is signed in");
    bench.at(119).poll(AGENT, &guid);
    bench.state.sign_in_at_start(MEMBER, bench.now);
    bench.at(10_000);
    let signed_in: Vec<bool> = bench.state.agents().iter().map(|it| it.signed_in).collect();
    assert_eq!(signed_in, [false, true]);
}

#[test]
fn a_newer_poll_takes_the_place_of_the_older() {
    let mut bench = bench();
    let guid = bench.sign_in(AGENT);
    let older = bench.begin_poll(AGENT, &guid);
    let newer = bench.begin_poll(AGENT, &guid);
    bench.ring();
    assert_eq!(bench.state.poll_end(&older), Some(PollEnd::Superseded));
    bench.state.finish_poll(&older, bench.now);
    let end = bench.state.poll_end(&newer);
    assert!(matches!(end, Some(PollEnd::Event(_))));
}

#[test]
fn signing_out_needs_the_guid_and_ends_everything() {
    let mut bench = bench();
    let guid = bench.sign_in(AGENT);
    let conf_id = bench.ring();
    let poll = bench.begin_poll(AGENT, &guid);
    let wrong = bench.state.sign_out(AGENT, Some("wrong"), bench.now);
    assert_eq!(wrong, Err(Refusal::NotSignedIn));
    assert_eq!(bench.state.sign_out(AGENT, Some(&guid), bench.now), Ok(()));
    let end = bench.state.poll_end(&poll);
    assert_eq!(end, Some(PollEnd::Refused(Refusal::NotSignedIn)));
    assert_eq!(bench.reject(&guid), "100-006");
    assert!(bench.state.cancel(conf_id).is_err());
    let again = bench.state.sign_out(AGENT, Some(&guid), bench.now);
    assert_eq!(again, Err(Refusal::AlreadySignedOut));
}

#[test]
fn a_reject_is_checked_before_it_is_done() {
    let mut bench = bench();
    let guid = bench.sign_in(AGENT);
    let other = bench.sign_in(MEMBER);
    bench.ring();
    let good = request(&guid);
    let wrong = [
        ("000-002", RejectRequest { agent: "100", ..good.clone() }),
        ("000-002", RejectRequest { agent: "0154", ..good.clone() }),
        ("000-002", RejectRequest { json: false, ..good.clone() }),
        ("000-002", RejectRequest { empty_body: false, ..good.clone() }),
        ("100-006", RejectRequest { guid: None, ..good.clone() }),
        ("100-006", RejectRequest { guid: Some(&other), ..good.clone() }),
        ("100-006", RejectRequest { agent: "156", ..good.clone() }),
    ];
    for (code, request) in wrong {
        assert_eq!(bench.reject_request(&request), code, "{request:?}");
    }
    assert_eq!(bench.reject_request(&good), "0");
    let records = bench.state.records();
    assert_eq!(records.len(), 8);
    assert_eq!(records[7].sequence, 8);
    assert_eq!(records[7].retcode.as_deref(), Some("0"));
}

#[test]
fn scripted_answers_come_first_and_change_nothing() {
    let mut bench = bench();
    let guid = bench.sign_in(AGENT);
    bench.ring();
    let delay = Duration::from_secs(3);
    let failing = Script {
        retcode: Some("100-007".to_owned()),
        message: "Unknown ERROR._40302".to_owned(),
        count: 2,
        ..Script::default()
    };
    let page = Script { http_status: 503, ..Script::default() };
    let late = Script { delay, ..Script::default() };
    for script in [failing, page, late] {
        bench.state.answer_with(AGENT, script);
    }
    assert_eq!(bench.reject(&guid), "100-007");
    assert_eq!(bench.reject(&guid), "100-007");
    let page = bench.state.reject(&request(&guid), bench.now);
    assert_eq!((page.http_status, page.retcode), (503, None));
    let late = bench.state.reject(&request(&guid), bench.now);
    let expected = RejectAnswer {
        http_status: 200,
        retcode: Some("0".to_owned()),
        message: "success".to_owned(),
        delay,
    };
    assert_eq!(late, expected);
    assert_eq!(bench.reject(&guid), "101-001");
}

// --- Round trips ---

const REJECT: &str = "/agentgateway/resource/agentconf/154/rejectagentconf";
const POLL: &str = "/agentgateway/resource/agentevent/154";

fn start(change: impl FnOnce(&mut SimulatorOptions)) -> Simulator {
    let mut options = SimulatorOptions::default();
    change(&mut options);
    Simulator::start(options).expect("a port is free")
}

fn reject(simulator: &Simulator, guid: &str) -> Answer {
    let headers = format!("{JSON}Guid: {guid}\r\n");
    send(simulator, "POST", REJECT, &headers, "")
}

fn poll(simulator: &Simulator, guid: &str) -> Answer {
    send(simulator, "GET", POLL, &format!("Guid: {guid}\r\n"), "")
}

fn control(simulator: &Simulator, path: &str, body: &Value) -> Answer {
    let path = format!("/simulator/{path}");
    send(simulator, "POST", &path, "", &body.to_string())
}

#[test]
fn a_session_from_sign_in_to_sign_out() {
    let simulator = start(|options| options.agents = vec![155]);
    let path = "/agentgateway/resource/onlineagent/154";
    let body = r#"{"password":"","phonenum":"40038"}"#;
    let answer = send(&simulator, "PUT", path, JSON, body);
    assert_eq!(answer.json()["result"]["workno"], "154");
    let guid = answer.guid().expect("sign-in brings a Guid");
    let again = send(&simulator, "PUT", path, JSON, body);
    assert_eq!(again.json()["retcode"], "100-002");
    let ring = json!({ "agentId": "154", "members": ["155"] });
    let conf_id = control(&simulator, "ring", &ring).json()["confId"].clone();
    let event = json!({
        "eventType": "AgentConf_Ringing",
        "workNo": "154",
        "content": { "confId": conf_id },
    });
    assert_eq!(poll(&simulator, &guid).json()["event"], event);
    let answer = reject(&simulator, &guid);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("Content-Type"), Some("application/json;charset=UTF-8"));
    let success = json!({ "message": "success", "retcode": "0", "result": {} });
    assert_eq!(answer.json(), success);
    let headers = format!("Guid: {guid}\r\n");
    let logout = format!("{path}/logout");
    let answer = send(&simulator, "DELETE", &logout, &headers, "");
    assert_eq!(answer.json(), json!({ "message": "", "retcode": "0" }));
    assert_eq!(reject(&simulator, &guid).json()["retcode"], "100-006");
}

#[test]
fn a_forced_sign_in_over_the_wire() {
    let simulator = start(|_| {});
    let old = simulator.guid(154).expect("is signed in at start");
    let path = "/agentgateway/resource/onlineagent/154/forcelogin";
    let answer = send(&simulator, "PUT", path, JSON, r#"{"phonenum":"1"}"#);
    let new = answer.guid().expect("sign-in brings a Guid");
    assert_eq!(reject(&simulator, &old).json()["retcode"], "100-006");
    assert_eq!(reject(&simulator, &new).json()["retcode"], "101-001");
    let answer = send(&simulator, "PUT", path, JSON, "{}");
    assert_eq!(answer.json()["retcode"], "100-001");
    let answer = send(&simulator, "PUT", path, JSON, "not JSON");
    assert_eq!(answer.json()["retcode"], "000-002");
}

#[test]
fn a_waiting_poll_is_answered_when_something_happens() {
    let simulator = start(|_| {});
    let guid = simulator.guid(154).expect("is signed in at start");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| poll(&simulator, &guid));
        wait_until(|| agent_154(&simulator)["polling"] == true);
        simulator.ring(154, &[]).expect("nothing else rings");
        let answer = waiting.join().expect("the poll is answered");
        assert_eq!(answer.json()["event"]["eventType"], "AgentConf_Ringing");
    });
    assert_eq!(agent_154(&simulator)["polling"], false);
}

fn agent_154(simulator: &Simulator) -> Value {
    send(simulator, "GET", "/simulator/agents", "", "").json()[0].clone()
}

fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(5), "waited in vain");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_poll_without_an_event_ends_and_renews_the_guid() {
    let simulator = start(|options| {
        options.poll_wait = Duration::from_millis(50);
        options.settings.guids.renew_after = Duration::from_millis(10);
    });
    let old = simulator.guid(154).expect("is signed in at start");
    let answer = poll(&simulator, &old);
    assert_eq!(answer.json(), json!({ "message": "", "retcode": "0" }));
    assert_eq!(answer.guid(), simulator.guid(154));
    assert_ne!(answer.guid(), Some(old));
}

#[test]
fn a_caller_who_hangs_up_polls_no_longer() {
    let simulator = start(|_| {});
    let guid = simulator.guid(154).expect("is signed in at start");
    let mut stream = connect(&simulator, "localhost");
    let request = format!("GET {POLL} HTTP/1.1\r\nHost: localhost\r\nGuid: {guid}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the request goes out");
    wait_until(|| agent_154(&simulator)["polling"] == true);
    drop(stream);
    wait_until(|| agent_154(&simulator)["polling"] == false);
}

#[test]
fn a_conference_rings_out_by_itself() {
    let simulator = start(|options| options.settings.ring_time = Duration::from_millis(10));
    let guid = simulator.guid(154).expect("is signed in at start");
    simulator.ring(154, &[]).expect("nothing else rings");
    let kinds: Vec<Value> =
        (0..3).map(|_| poll(&simulator, &guid).json()["event"]["eventType"].clone()).collect();
    let expected = ["AgentConf_Ringing", "AgentOther_PhoneRelease", "AgentState_Ready"];
    assert_eq!(kinds, expected);
}

#[test]
fn a_reject_wants_its_headers_and_no_body() {
    let simulator = start(|_| {});
    let guid = simulator.guid(154).expect("is signed in at start");
    let guid = format!("Guid: {guid}\r\n");
    let code = |headers: &str, body: &str| {
        let answer = send(&simulator, "POST", REJECT, headers, body);
        answer.json()["retcode"].clone()
    };
    for good in ["application/json", "Application/JSON;charset=utf-8"] {
        let headers = format!("{guid}Content-Type: {good}\r\n");
        assert_eq!(code(&headers, ""), "101-001");
    }
    for wrong in ["text/plain", "application/json; charset=GBK"] {
        let headers = format!("{guid}Content-Type: {wrong}\r\n");
        assert_eq!(code(&headers, ""), "000-002");
    }
    assert_eq!(code(&guid, ""), "000-002");
    assert_eq!(code(&format!("{JSON}{guid}"), "{}"), "000-002");
    assert_eq!(code(JSON, ""), "100-006");
}

#[test]
fn scripted_answers_over_the_wire() {
    let simulator = start(|_| {});
    let guid = simulator.guid(154).expect("is signed in at start");
    let script = json!({
        "agentId": "154",
        "retcode": "100-007",
        "message": "Unknown ERROR._40302",
        "httpStatus": 500,
    });
    assert_eq!(control(&simulator, "answer-with", &script).status, 200);
    let answer = reject(&simulator, &guid);
    assert_eq!(answer.status, 500);
    let expected = json!({ "message": "Unknown ERROR._40302", "retcode": "100-007" });
    assert_eq!(answer.json(), expected);
    let script = json!({ "agentId": "154", "httpStatus": 502, "delayMs": 100 });
    control(&simulator, "answer-with", &script);
    let start = Instant::now();
    let answer = reject(&simulator, &guid);
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert_eq!(answer.status, 502);
    assert!(answer.body.starts_with("<!doctype html>"));
    let records = send(&simulator, "GET", "/simulator/requests", "", "").json();
    assert_eq!(records[0]["retcode"], "100-007");
    assert_eq!(records[1]["retcode"], Value::Null);
    assert_eq!(records[1]["httpStatus"], 502);
    assert!(!records.to_string().contains(&guid));
}

#[test]
fn the_control_path_says_what_is_wrong() {
    let simulator = start(|_| {});
    let ring = json!({ "agentId": "154" });
    assert_eq!(control(&simulator, "ring", &ring).status, 200);
    let cases = [
        (409, "ring", ring),
        (409, "ring", json!({ "agentId": "156" })),
        (400, "ring", json!({ "agentId": "0154" })),
        (400, "ring", json!({ "agentId": "155", "member": [] })),
        (400, "answer-with", json!({ "agentId": "154", "httpStatus": 99 })),
        (400, "answer-with", json!({ "agentId": "154", "count": 0 })),
        (404, "cancel", json!({ "confId": 1 })),
        (409, "expire", json!({ "agentId": "156" })),
        (404, "nothing", json!({})),
        (405, "agents", json!({})),
    ];
    for (status, path, body) in cases {
        let answer = control(&simulator, path, &body);
        assert_eq!(answer.status, status, "{path} {body}");
        let error = answer.json()["error"].clone();
        assert!(error.as_str().is_some_and(|text| !text.is_empty()));
    }
}

#[test]
fn unknown_paths_and_methods_get_a_page() {
    let simulator = start(|_| {});
    let answer = send(&simulator, "POST", "/agentgateway/x", "", "");
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("Content-Type"), Some("text/html; charset=utf-8"));
    let answer = send(&simulator, "GET", REJECT, "", "");
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("Allow"), Some("POST"));
    assert!(answer.body.contains("Method Not Allowed"));
}

/// A simulator, and the lines of its log.
fn start_logged(change: impl FnOnce(&mut SimulatorOptions)) -> (Simulator, Lines) {
    let lines = Lines::default();
    let sink = lines.clone();
    let simulator = start(|options| {
        change(options);
        options.log = Some(Box::new(move |line: &LogLine| {
            sink.lock().expect("no test panics here").push(line.to_string());
        }));
    });
    (simulator, lines)
}

type Lines = Arc<Mutex<Vec<String>>>;

/// One call of agent 154 below `onlineagent`: its return code and its `result`.
fn online(simulator: &Simulator, method: &str, call: &str, headers: &str) -> (Value, Value) {
    let path = format!("/agentgateway/resource/onlineagent/154{call}");
    let answer = send(simulator, method, &path, headers, r#"{"phonenum":"1"}"#);
    assert_eq!(answer.status, 200, "{method} {call}: {answer:?}");
    (answer.json()["retcode"].clone(), answer.json()["result"].clone())
}

#[test]
fn other_calls_of_real_clients_are_accepted_and_logged() {
    let (simulator, lines) = start_logged(|_| {});
    let guid = simulator.guid(154).expect("is signed in at start");
    let headers = format!("{JSON}Guid: {guid}\r\n");
    let calls = [
        ("POST", "/resetskill/true?skillid=&phonelinkage=0", "resetSkill", json!({})),
        ("PUT", "/updateGuid", "updateGuid", json!({ "guid": guid })),
        ("POST", "/handshake", "handShake", json!({})),
        ("GET", "/agentstatus", "getAgentStatus", json!({ "agentState": 4, "isWorking": false })),
        ("POST", "/saybusy?reason=200", "sayBusy", json!({})),
        ("POST", "/sayfree", "sayFree", json!({})),
        ("POST", "/work", "work", json!({})),
        ("POST", "/cancelwork", "cancelWork", json!({})),
    ];
    for (method, call, name, result) in calls {
        assert_eq!(online(&simulator, method, call, &headers), (json!("0"), result), "{call}");
        assert_eq!(online(&simulator, method, call, JSON).0, "100-006", "{call}");
        let lines = std::mem::take(&mut *lines.lock().expect("no test panics here"));
        assert!(lines[0].ends_with(&format!(" {name} agent=154 retcode=0")), "{lines:?}");
        assert!(lines[1].ends_with(&format!(" {name} agent=154 retcode=100-006")), "{lines:?}");
    }
    simulator.ring(154, &[]).expect("nothing else rings");
    assert_eq!(reject(&simulator, &guid).json()["retcode"], "0");
}

#[test]
fn any_other_interface_is_refused_as_a_gateway_does_and_named_in_the_log() {
    let (simulator, lines) = start_logged(|_| {});
    let guid = simulator.guid(154).expect("is signed in at start");
    let headers = format!("{JSON}Guid: {guid}\r\n");
    assert_eq!(online(&simulator, "POST", "/notifybulletin", &headers).0, "000-002");
    assert_eq!(online(&simulator, "POST", "/a%0Ab?guid=secret", &headers).0, "000-002");
    let call = "/agentgateway/resource/voicecall/154/callout";
    assert_eq!(send(&simulator, "PUT", call, &headers, "{}").json()["retcode"], "000-002");
    let lines = lines.lock().expect("no test panics here").clone();
    let ends = ["POST /onlineagent/154/notifybulletin", "POST ?", "PUT /voicecall/154/callout"];
    for (line, end) in lines.iter().zip(ends) {
        let end = format!(" unknownInterface agent=- retcode=000-002 {end}");
        assert!(line.ends_with(&end), "{line}");
    }
    assert_eq!(lines.len(), ends.len());
}

#[test]
fn a_balancers_nodes_know_their_own_guids_only() {
    let (simulator, lines) = start_logged(|options| {
        options.sticky = true;
        options.agents = vec![155];
        options.poll_wait = Duration::from_millis(10);
    });
    let login = |agent: u32, call: &str| {
        let path = format!("/agentgateway/resource/onlineagent/{agent}{call}");
        let answer = send(&simulator, "PUT", &path, JSON, r#"{"phonenum":"1"}"#);
        let cookie = answer.header("Set-Cookie").expect("a cookie comes along");
        let (pair, attributes) = cookie.split_once(';').expect("attributes follow");
        assert_eq!(attributes, " Path=/agentgateway; HttpOnly");
        (answer.guid().expect("sign-in brings a Guid"), pair.to_owned())
    };
    let code = |guid: &str, cookie: &str| {
        let headers = format!("{JSON}Guid: {guid}\r\nCookie: a=b; {cookie}\r\n");
        let answer = send(&simulator, "GET", POLL, &headers, "");
        let given = answer.header("Set-Cookie").is_some();
        (answer.json()["retcode"].as_str().expect("a text").to_owned(), given)
    };
    let (guid, cookie) = login(154, "");
    let (_, other) = login(156, "");
    assert_ne!(cookie, other, "agents are spread over the nodes");
    assert!(guid.ends_with(&format!(".AgentGateway{}", &cookie[5..])), "{guid} {cookie}");
    let expected = |code: &str, given| (code.to_owned(), given);
    assert_eq!(code(&guid, &cookie), expected("0", false));
    assert_eq!(code(&guid, &other), expected("100-006", false));
    assert_eq!(code(&guid, "NSLB=3"), expected("100-006", true), "no node: as without a cookie");
    assert_eq!(code(&guid, "c=d"), expected("100-006", true), "the cookie was set");
    assert_eq!(code(&guid, &cookie), expected("0", false), "it is still signed in");
    assert!(!lines.lock().expect("no test panics here").concat().contains(&guid));
    // Who has never been given a cookie is not sent astray: an agent of the start.
    let first = simulator.guid(155).expect("is signed in at start");
    let path = "/agentgateway/resource/agentconf/155/rejectagentconf";
    let codes = [(); 2].map(|()| {
        let answer = send(&simulator, "POST", path, &format!("{JSON}Guid: {first}\r\n"), "");
        answer.json()["retcode"].clone()
    });
    assert_eq!(codes, ["101-001", "100-006"]);
    // A sign-in stays where its cookie sends it, and may go elsewhere without one.
    let path = "/agentgateway/resource/onlineagent/154/forcelogin";
    let headers = format!("{JSON}Cookie: {other}\r\n");
    let answer = send(&simulator, "PUT", path, &headers, r#"{"phonenum":"1"}"#);
    let moved = answer.guid().expect("sign-in brings a Guid");
    assert_eq!(code(&moved, &other), expected("0", false));
    assert_eq!(code(&moved, &cookie), expected("100-006", false));
}

#[test]
fn the_log_names_the_method_and_hides_the_guid() {
    let (simulator, lines) = start_logged(|_| {});
    let guid = simulator.guid(154).expect("is signed in at start");
    reject(&simulator, &guid);
    send(&simulator, "DELETE", "/agentgateway/resource/onlineagent/a%0Ab/logout", "", "");
    send(&simulator, "GET", "/simulator/agents", "", "");
    let lines = lines.lock().expect("no test panics here").clone();
    assert!(lines[0].ends_with(" rejectAgentConf agent=154 retcode=101-001"));
    assert!(lines[1].ends_with(" logout agent=? retcode=000-002"));
    assert!(lines[2].ends_with(" simulator.agents agent=- http=200"));
    assert!(!lines.concat().contains(&guid));
}

#[test]
fn the_certificate_is_for_its_names_only() {
    let simulator = start(|_| {});
    let handshake = |name: &str| {
        let mut stream = connect(&simulator, name);
        stream.conn.complete_io(&mut stream.sock)
    };
    for name in ["localhost", "127.0.0.1", "::1"] {
        handshake(name).expect("the certificate has the name");
    }
    assert!(handshake("gateway.example").is_err());
}

#[test]
fn the_ca_file_goes_with_the_simulator() {
    let simulator = start(|options| options.ca_file = CaFile::Temporary);
    let path = simulator.ca_path().expect("was asked for").to_owned();
    let written = std::fs::read_to_string(&path).expect("is there");
    assert_eq!(written, simulator.ca_pem());
    drop(simulator);
    assert!(!path.exists());
}

#[test]
fn a_stop_does_not_wait_for_polls() {
    let simulator = start(|_| {});
    let guid = simulator.guid(154).expect("is signed in at start");
    let mut stream = connect(&simulator, "localhost");
    let request = format!("GET {POLL} HTTP/1.1\r\nHost: localhost\r\nGuid: {guid}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the request goes out");
    wait_until(|| agent_154(&simulator)["polling"] == true);
    let (address, stop) = (simulator.address(), Instant::now());
    drop(simulator);
    assert!(stop.elapsed() < Duration::from_secs(2));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_ca_file_that_cannot_be_written_is_an_error() {
    let options = SimulatorOptions {
        ca_file: CaFile::At(std::env::temp_dir().join("no-such-directory/ca.pem")),
        ..SimulatorOptions::default()
    };
    let error = Simulator::start(options).err().expect("cannot start");
    assert!(error.to_string().starts_with("cannot write "));
}

#[test]
fn only_loopback_addresses_are_served() {
    let options =
        SimulatorOptions { address: IpAddr::from([0, 0, 0, 0]), ..SimulatorOptions::default() };
    assert!(Simulator::start(options).is_err());
}
