//! The state, told the time.

use support::simulator::codes::Refusal;
use support::simulator::guid::{GuidRules, Node};
use support::simulator::state::{
    Event, Poll, PollEnd, RejectAnswer, RejectRequest, Script, Settings, State,
};

use crate::*;

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
        let end = self.state.poll_end(&poll, self.now);
        let guid = self.state.guid_for_answer(&poll, self.now);
        self.state.finish_poll(&poll, self.now);
        match end {
            Some(PollEnd::Event(event)) => (Some(event), guid),
            None => (None, guid),
            Some(other) => panic!("the poll ended with {other:?}"),
        }
    }

    fn assert_refused(&mut self, poll: &Poll, refusal: Refusal) {
        let end = self.state.poll_end(poll, self.now);
        let Some(PollEnd::Refused(refused)) = end else { panic!("it goes on: {end:?}") };
        assert_eq!(refused.refusal, refusal);
        assert!(!refused.why.is_empty());
    }

    fn events(&mut self, agent: u32, guid: &str) -> Vec<(&'static str, Value)> {
        std::iter::from_fn(|| self.poll(agent, guid).0)
            .map(|event| (event.kind, event.content))
            .collect()
    }

    fn reject(&mut self, guid: &str) -> String {
        let answer = self.state.reject(&request(guid), self.now);
        answer.retcode.expect("the answer is JSON")
    }

    fn is_signed_in(&self, place: usize) -> bool {
        self.state.agents()[place]["signedIn"] == true
    }

    fn ring(&mut self) -> u64 {
        let conf_id = self.state.ring(AGENT, &[MEMBER], self.now);
        conf_id.expect("nothing else rings")
    }
}

fn bench() -> Bench {
    Bench::new(Settings::default())
}

/// The agent and its Guid, too.
fn signed_in() -> (Bench, String) {
    let mut bench = bench();
    let guid = bench.sign_in(AGENT);
    (bench, guid)
}

fn request(guid: &str) -> RejectRequest<'_> {
    RejectRequest {
        agent: "154",
        guid: Some(guid),
        content_type: Some("application/json; charset=UTF-8"),
        body: 0,
    }
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
        let refused = state.agent_id(wrong).expect_err(wrong);
        assert_eq!(refused.refusal, Refusal::BadParameter, "{wrong}");
        assert_eq!(refused.why, "agent ID is not a number from 101 to 59999");
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
fn a_forced_sign_in_ends_the_poll_of_the_old_guid() {
    let (mut bench, old) = signed_in();
    let poll = bench.begin_poll(AGENT, &old);
    let forced = bench.state.sign_in(AGENT, true, Node::One, bench.now);
    forced.expect("it was forced");
    bench.assert_refused(&poll, Refusal::NotSignedIn);
}

#[test]
fn a_dynamic_guid_is_renewed_by_a_poll_and_the_old_one_dies_later() {
    let (mut bench, first) = signed_in();
    assert_eq!(bench.at(59).poll(AGENT, &first), (None, None));
    let (_, renewed) = bench.at(60).poll(AGENT, &first);
    let second = renewed.expect("a minute has passed");
    assert_eq!(bench.at(61).poll(AGENT, &first), (None, Some(second.clone())));
    assert_eq!(bench.poll(AGENT, &second), (None, None));
    assert_eq!(bench.at(119).reject(&first), "101-001");
    assert_eq!(bench.at(120).reject(&first), "100-006");
    assert_eq!(bench.reject(&second), "101-001");
}

#[test]
fn a_poll_that_outlives_its_guid_brings_a_new_one() {
    let (mut bench, first) = signed_in();
    let poll = bench.at(119).begin_poll(AGENT, &first);
    bench.at(121);
    assert_eq!(bench.state.poll_end(&poll, bench.now), None);
    let renewed = bench.state.guid_for_answer(&poll, bench.now);
    let renewed = renewed.expect("it was due");
    assert_eq!(bench.reject(&renewed), "101-001");
    assert_eq!(bench.reject(&first), "100-006");
}

#[test]
fn a_static_guid_stays() {
    let mut bench = Bench::new(Settings { guids: GuidRules::STATIC, ..Settings::default() });
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
    assert_eq!(bench.state.expire(AGENT, bench.now), Ok(()));
    assert_eq!(bench.reject(&guid), "000-003");
    bench.assert_refused(&poll, Refusal::GuidRefused);
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
    let (mut bench, guid) = signed_in();
    let conf_id = bench.ring();
    assert_eq!(bench.state.cancel(conf_id, bench.now), Ok(()));
    assert_eq!(bench.reject(&guid), "101-001");
    assert_eq!(bench.events(AGENT, &guid), [ringing(conf_id), released(3), ready()]);
    assert!(bench.state.cancel(conf_id, bench.now).is_err());
}

#[test]
fn a_conference_rings_out() {
    let (mut bench, guid) = signed_in();
    let conf_id = bench.ring();
    bench.at(59);
    assert_eq!(bench.state.agents()[0]["ringingConfId"], conf_id);
    bench.at(60);
    assert_eq!(bench.reject(&guid), "101-001");
    assert_eq!(bench.events(AGENT, &guid), [ringing(conf_id), released(3), ready()]);
}

#[test]
fn what_rings_at_the_start_rings_on() {
    let mut bench = bench();
    bench.sign_in(AGENT);
    let conf_id = bench.ring();
    bench.state.ring_on(AGENT);
    bench.at(61);
    assert_eq!(bench.state.agents()[0]["ringingConfId"], conf_id);
}

#[test]
fn an_agent_who_does_not_poll_is_signed_out() {
    let (mut bench, guid) = signed_in();
    bench.at(60).poll(AGENT, &guid);
    bench.at(179);
    assert!(bench.is_signed_in(0));
    bench.at(180);
    assert!(!bench.is_signed_in(0));
    assert_eq!(bench.reject(&guid), "100-006");
}

#[test]
fn a_waiting_poll_is_no_idleness() {
    let (mut bench, guid) = signed_in();
    let poll = bench.begin_poll(AGENT, &guid);
    bench.at(1_000);
    assert!(bench.is_signed_in(0));
    bench.state.finish_poll(&poll, bench.now);
    bench.at(1_120);
    assert!(!bench.is_signed_in(0));
}

#[test]
fn agents_of_the_start_are_spared_until_they_poll() {
    let mut bench = bench();
    bench.state.sign_in_at_start(AGENT, "guid", bench.now);
    let guid = bench.state.current_guid(AGENT).expect("is signed in");
    assert_eq!(guid, "guid");
    bench.at(119).poll(AGENT, &guid);
    bench.state.sign_in_at_start(MEMBER, "guid", bench.now);
    bench.at(10_000);
    assert_eq!([0, 1].map(|agent| bench.is_signed_in(agent)), [false, true]);
}

#[test]
fn a_newer_poll_takes_the_place_of_the_older() {
    let (mut bench, guid) = signed_in();
    let older = bench.begin_poll(AGENT, &guid);
    let newer = bench.begin_poll(AGENT, &guid);
    bench.ring();
    assert_eq!(bench.state.poll_end(&older, bench.now), Some(PollEnd::Superseded));
    bench.state.finish_poll(&older, bench.now);
    let end = bench.state.poll_end(&newer, bench.now);
    assert!(matches!(end, Some(PollEnd::Event(_))));
}

#[test]
fn signing_out_needs_the_guid_and_ends_everything() {
    let (mut bench, guid) = signed_in();
    let conf_id = bench.ring();
    let poll = bench.begin_poll(AGENT, &guid);
    let wrong = bench.state.sign_out(AGENT, Some("wrong"), bench.now);
    assert_eq!(wrong.map_err(|it| it.refusal), Err(Refusal::NotSignedIn));
    assert_eq!(bench.state.sign_out(AGENT, Some(&guid), bench.now), Ok(()));
    bench.assert_refused(&poll, Refusal::NotSignedIn);
    assert_eq!(bench.reject(&guid), "100-006");
    assert!(bench.state.cancel(conf_id, bench.now).is_err());
    let again = bench.state.sign_out(AGENT, Some(&guid), bench.now);
    assert_eq!(again.map_err(|it| it.refusal), Err(Refusal::AlreadySignedOut));
}

#[test]
fn scripted_answers_come_first_and_change_nothing() {
    let (mut bench, guid) = signed_in();
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
        why: None,
        delay,
    };
    assert_eq!(late, expected);
    assert_eq!(bench.reject(&guid), "101-001");
    for _ in 0..2 {
        bench.state.answer_with(AGENT, Script { count: u32::MAX, ..Script::default() });
    }
    assert_eq!(bench.state.agents()[0]["scriptedAnswers"], 2 * u64::from(u32::MAX));
}

#[test]
fn a_refusal_says_why_and_changes_nothing() {
    let (mut bench, guid) = signed_in();
    let other = bench.sign_in(MEMBER);
    let check = |bench: &mut Bench, code: &str, request: &RejectRequest<'_>, why: &str| {
        let answer = bench.state.reject(request, bench.now);
        let told = (answer.retcode.as_deref(), answer.why.as_deref());
        assert_eq!(told, (Some(code), Some(why)), "{request:?}");
        let record = bench.state.records().pop().expect("was recorded");
        assert_eq!(record.reason.as_deref(), Some(why));
    };
    let good = request(&guid);
    check(&mut bench, "101-001", &good, "no conference rings at agent 154");
    bench.ring();
    let agent = |agent| RejectRequest { agent, ..good.clone() };
    let typed = |content_type| RejectRequest { content_type, ..good.clone() };
    let with = |guid| RejectRequest { guid, ..good.clone() };
    let no_agent = "agent ID is not a number from 101 to 59999";
    let foreign = "Guid was never the agent's in this session";
    let in_gbk = typed(Some("application/json; charset=GBK"));
    let with_body = RejectRequest { body: 2, ..good.clone() };
    let cases = [
        ("000-002", agent("100"), no_agent),
        ("000-002", agent("0154"), no_agent),
        ("000-002", typed(None), "no Content-Type"),
        ("000-002", typed(Some("text/plain")), "Content-Type is not application/json"),
        ("000-002", in_gbk, "Content-Type names a charset other than UTF-8"),
        ("000-002", with_body, "a body of 2 bytes, where none is expected"),
        ("100-006", with(None), "no header Guid"),
        ("100-006", with(Some("other")), foreign),
        ("100-006", with(Some(&other)), foreign),
        ("100-006", agent("156"), "unknown agent 156: never signed in"),
    ];
    for (code, request, why) in cases {
        check(&mut bench, code, &request, why);
    }
    assert_eq!(bench.reject(&guid), "0");
    let last = bench.state.records().pop().expect("was recorded");
    assert_eq!((last.sequence, last.retcode.as_deref()), (12, Some("0")));
    let conf_id = bench.ring();
    bench.state.cancel(conf_id, bench.now).expect("it rings");
    bench.now += Duration::from_secs(3);
    let cancelled = "no conference rings at agent 154, the last one was cancelled 3 s ago";
    check(&mut bench, "101-001", &good, cancelled);
    check(bench.at(119), "101-001", &good, &cancelled.replace("3 s", "119 s"));
    let poll = bench.begin_poll(AGENT, &guid);
    bench.at(132);
    check(&mut bench, "100-006", &good, "Guid expired 12 s ago");
    let renewed = bench.state.guid_for_answer(&poll, bench.now).expect("it was due");
    bench.state.finish_poll(&poll, bench.now);
    check(&mut bench, "100-006", &good, "Guid expired 12 s ago");
    bench.state.expire(AGENT, bench.now).expect("is signed in");
    check(bench.at(133), "100-006", &request(&renewed), "Guid was made to expire 1 s ago");
    check(bench.at(252), "100-006", &good, "agent 154 was signed out for want of polls 0 ms ago");
}
