//! The rows of the table for signing in, waiting for events, and signing out. An event that the
//! gateway has handed out is lost only where a flag says that it may be.

use std::time::Duration;

use super::parts::*;
use super::row::Asked::{self, ForcedSignIn, NextEvent, Reject, SignIn, SignOut};

/// Begins as the other, so that what looks for that one in a text finds this one, too.
const NEWER: &str = "0a1b2c3d-0000-1111-2222-666677778888.AgentGateway1";

const RINGS: &str = r#"{"retcode":"0","event":{"eventType":"AgentConf_Ringing","workNo":"154"}}"#;

/// How long after a poll the next one begins.
const PAUSE: Duration = ms(250);

pub fn rows() -> Vec<Row> {
    [
        every_call(),
        sign_ins(),
        forced(),
        polls(),
        polls_refused(),
        polls_on_kept_connections(),
        polls_that_wait(),
        leftover_events(),
        kept_guids(),
        sign_outs(),
        through_proxies(),
    ]
    .concat()
}

/// What goes wrong in the same way whatever is asked. The session is as it was.
fn every_call() -> Vec<Row> {
    let calls = [("sign-in", SignIn), ("poll", NextEvent), ("sign-out", SignOut)];
    calls.iter().flat_map(|(name, asked)| faults_of(name, *asked)).collect()
}

fn faults_of(name: &str, asked: Asked) -> Vec<Row> {
    let signs_in = asked == SignIn;
    let before = |row: Row| match signs_in {
        true => row.with_guids(&[""]),
        false => row.act(SetSession),
    };
    let row_of = |fault: &str, over, site, expect| {
        let row = before(row(format!("{name}, {fault}"), over, site));
        row.asks(asked, expect).kept(if signs_in { None } else { Some(GUID) })
    };
    let once = |fault, over, steps: Vec<Step>, expect| {
        row_of(fault, over, follows([vec![Read], steps].concat()), expect).sees(1, 1)
    };
    let answered = |fault, answer: &str, expect| once(fault, BOTH, vec![send(answer)], expect);
    let half_a_head = send("HTTP/1.1 200 OK\r\nSet-GUID: JSESSIONID=half-a-");
    let half_a_body = cut_off(&http("200 OK", ACCEPTED));
    let half_a_record = SendPart(http("200 OK", ACCEPTED).into(), 90);
    let redirect = "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n";
    let large = send(http("200 OK", &format!("{ACCEPTED}{}", " ".repeat(64 * 1024))));
    let not_http = fails(Status::Protocol, MAYBE_SENT, "not HTTP");
    let down = fails(Status::Connect, 0, "no connection to 127.0.0.1").os_error();
    let mut rows = vec![
        row_of("nobody listens", BOTH, Site::Nobody, down),
        once("FIN before an answer", ALL, vec![], broken(WAITING)),
        once("FIN without TLS's goodbye", TLS, vec![Cut], broken(WAITING)),
        once("RST before an answer", ALL, vec![Reset], broken(WAITING).os_error()),
        once("FIN in the middle of the head", ALL, vec![half_a_head], broken(MIDDLE)),
        once("FIN in the middle of the body", ALL, vec![half_a_body], broken_body()),
        once("half a record, then FIN", TLS, vec![half_a_record, Cut], broken(MIDDLE)),
        answered("500 in HTML", &http("500 Oops", HTML), error(Status::Http, 500)),
        answered("redirect", redirect, error(Status::Http, 302)),
        answered("200 in HTML", &http("200 OK", HTML), error(Status::Protocol, 200)),
        answered("not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", not_http),
        once("more than 64 KiB", BOTH, vec![large, Hang], error(Status::TooLarge, 200)),
    ];
    // A poll waits longer: see there.
    if asked != NextEvent {
        let late = fails(Status::Timeout, MAYBE_SENT, WAITING).at(400);
        rows.push(once("silence", BOTH, vec![Hang], late).timeout(400));
    }
    rows
}

fn sign_ins() -> Vec<Row> {
    let row_of = |name, answer: String| {
        row(name, BOTH, follows([Read, send(answer)])).with_guids(&[""]).sees(1, 1)
    };
    let brings_none = |name, answer, expect| row_of(name, answer).asks(SignIn, expect).kept(None);
    let leaves = |name, answer, expect| {
        row_of(name, answer).act(SetSession).asks(SignIn, expect).kept(Some(GUID))
    };
    let without = || fails(Status::Protocol, MAYBE_SENT, "no Set-GUID").http(200).retcode("0");
    let no = |retcode| says(retcode, &[("Set-GUID", NEWER)]);
    let refused = |retcode| refused(Status::Gateway, retcode);
    let no_guid = says("0", &[("Set-GUID", "two words")]);
    let cut = [Read, cut_off(&brings_guid(NEWER))];
    let found = [Read, send(no("100-002"))];
    vec![
        row_of("sign-in", brings_guid(GUID)).asks(SignIn, accepted()).kept(Some(GUID)),
        brings_none("sign-in without a Set-GUID", says("0", &[]), without()),
        brings_none("sign-in with a Set-GUID that is none", no_guid, without()),
        brings_none("sign-in refused", no("100-004"), refused("100-004")),
        brings_none("sign-in that finds the agent signed in", no("100-002"), refused("100-002")),
        leaves("sign-in refused leaves the session", no("100-001"), refused("100-001")),
        leaves("sign-in without a Set-GUID leaves the session", says("0", &[]), without()),
        row("sign-in cut off leaves the session", ALL, follows(cut))
            .act(SetSession)
            .asks(SignIn, broken_body())
            .kept(Some(GUID))
            .with_guids(&[""])
            .sees(1, 1),
        // The first copy may be why the agent is signed in.
        row("sign-in sent once more finds the agent signed in", ALL, each(&[&[Read], &found[..]]))
            .connect(connected())
            .asks(SignIn, refused("100-002").with_flags(MAYBE_SENT | RESENT))
            .kept(None)
            .with_guids(&["", ""])
            .sees(2, 2),
    ]
}

/// Signed in already: once more, to force it.
fn forced() -> Vec<Row> {
    let already = || send(says("100-002", &[]));
    let row_of =
        |name, scripts: &[Vec<Step>]| row(name, ALL, each(scripts)).with_guids(&["", "", ""]);
    let forces = |name, scripts: &[Vec<Step>], expect, kept| {
        row_of(name, scripts).asks(ForcedSignIn, expect).kept(kept)
    };
    let asked_again = |end: &[Step]| [&[Read, already(), Read], end].concat();
    let signs_in = || vec![Read, send(brings_guid(NEWER))];
    let closes = vec![Read, send(says("100-002", &[("Connection", "close")]))];
    let (dies, half) = (asked_again(&[]), asked_again(&[cut_off(&brings_guid(NEWER))]));
    let is_refused = asked_again(&[send(says("100-004", &[]))]);
    let no = refused(Status::Gateway, "100-004");
    let on_a_second = [vec![Read, already()], signs_in()].concat();
    let resent = || accepted().with_flags(RESENT);
    let (dies_late, late) = (asked_again(&[Wait(ms(1_500))]), broken(WAITING).at(1_500));
    let (forced, newer) = (asked_again(&[send(brings_guid(NEWER))]), Some(NEWER));
    vec![
        forces("forced sign-in", &[forced], accepted(), newer).sees(1, 2),
        forces("forced sign-in that need not be forced", &[signs_in()], accepted(), newer)
            .sees(1, 1),
        forces("forced sign-in over another connection", &[closes, signs_in()], accepted(), newer)
            .sees(2, 2),
        forces("forced sign-in refused", &[is_refused], no, None).sees(1, 2),
        forces("forced sign-in, dead as it comes", &[dies, signs_in()], resent(), newer).sees(2, 3),
        forces("forced sign-in, half an answer", &[half, signs_in()], broken_body(), None)
            .sees(1, 2),
        forces("forced sign-in, FIN 1.5 s later", &[dies_late, signs_in()], late, None).sees(1, 2),
        row_of("sign-in sent once more, then forced", &[vec![Read], on_a_second])
            .connect(connected())
            .asks(ForcedSignIn, resent())
            .kept(newer)
            .sees(2, 3),
    ]
}

/// Two polls, one after the other.
fn polls_twice(row: Row, first: Expect, second: Expect) -> Row {
    row.asks(NextEvent, first).act(Pause(PAUSE)).asks(NextEvent, second)
}

fn polls() -> Vec<Row> {
    let row_of = |name, steps: &[Step]| row(name, ALL, follows(steps)).act(SetSession);
    let twice = |name, answer: Step, first| {
        polls_twice(row_of(name, &[Read, answer, Read, rings()]), first, rang()).sees(1, 2)
    };
    let event =
        |event: &str| send(http("200 OK", &format!(r#"{{"retcode":"0","event":{event}}}"#)));
    let none = send(says("0", &[]));
    let lost = || error(Status::Protocol, 200).retcode("0");
    let renews = with_lines(RINGS, &[("Set-GUID", &format!("JSESSIONID={NEWER}"))]);
    vec![
        polls_twice(row_of("poll", &[Read, rings(), Read, none]), rang(), accepted()).sees(1, 2),
        row_of("poll that renews the Guid", &[Read, send(renews), Read, rings()])
            .asks(NextEvent, rang())
            .kept(Some(NEWER))
            .act(Pause(PAUSE))
            .asks(NextEvent, rang())
            .with_guids(&[GUID, NEWER])
            .sees(1, 2),
        // The gateway has handed it out: the flag says that it is lost.
        twice("poll, the event unreadable", event(r#"{"workNo":1}"#), lost()),
        twice("poll, the event no object", event("1"), lost()),
        twice("poll, the event an array", event(r#"["X"]"#), lost()),
        twice("poll, the event of no type", event(r#"{"eventType":{}}"#), lost()),
        twice("poll, two events", event(r#"{"eventType":"X"},"event":{"eventType":"Y"}"#), lost()),
        row_of("poll, half an event", &[Read, cut_off(&http("200 OK", RINGS))])
            .asks(NextEvent, broken_body())
            .sees(1, 1),
        row_of("poll, an event in a 500", &[Read, send(http("500 Oops", RINGS))])
            .asks(NextEvent, rang().http(500))
            .sees(1, 1),
        row("poll without a session", &[Plain], Site::Nobody)
            .asks(NextEvent, refused(Status::Session, "").http(0)),
    ]
}

fn polls_refused() -> Vec<Row> {
    let row_of = |name, scripts: &[Vec<Step>], expect| {
        let row = row(name, BOTH, each(scripts)).act(SetSession).asks(NextEvent, expect);
        row.with_guids(&[GUID, NEWER, NEWER])
    };
    let refuses = |name, retcode: &str, status| {
        let answer = vec![Read, send(says(retcode, &[]))];
        row_of(name, &[answer], refused(status, retcode)).kept(Some(GUID)).sees(1, 1)
    };
    let renewed =
        |name, scripts: &[Vec<Step>], expect| row_of(name, scripts, expect).kept(Some(NEWER));
    let stale = send(says("100-006", &[("Set-GUID", NEWER)]));
    let stale_then = |end: &[Step]| [&[Read, stale.clone(), Read], end].concat();
    let stale_and_close = says("000-003", &[("Set-GUID", NEWER), ("Connection", "close")]);
    let over_another = [vec![Read, send(stale_and_close)], vec![Read, rings()]];
    let twice = stale_then(&[send(says("100-006", &[]))]);
    let half = stale_then(&[cut_off(&http("200 OK", RINGS))]);
    let dead = [stale_then(&[]), vec![Read, rings()]];
    let half_a_guid = vec![Read, send("HTTP/1.1 200 OK\r\nSet-GUID: JSESSIONID=0a1b2c3d-")];
    vec![
        refuses("poll refused", "100-006", Status::Session),
        refuses("poll refused, the session is over", "105-006", Status::Session),
        refuses("poll refused as too fast", "105-003", Status::GatewayBusy),
        renewed("poll with a stale Guid", &[stale_then(&[rings()])], rang()).sees(1, 2),
        renewed("poll with a stale Guid, over another connection", &over_another, rang())
            .sees(2, 2),
        renewed("poll with a stale Guid, twice", &[twice], refused(Status::Session, "100-006"))
            .sees(1, 2),
        row_of("poll with a stale Guid, dead as the newer comes", &dead, rang().with_flags(RESENT))
            .sees(2, 3),
        row_of("poll with a stale Guid, half an answer to the newer", &[half], broken_body())
            .sees(1, 2),
        row_of("poll with a stale Guid, half a newer one", &[half_a_guid], broken(MIDDLE))
            .kept(Some(GUID))
            .sees(1, 1),
    ]
}

/// The first answer keeps the connection, on which the second poll comes.
fn polls_on_kept_connections() -> Vec<Row> {
    let second = |name, over, end: &[Step], answer: Step, expect| {
        let site = each(&[[&[Read, rings()], end].concat(), vec![Read, answer]]);
        polls_twice(row(name, over, site).act(SetSession), rang(), expect)
    };
    let dies = |name, over, end: &[Step], expect| second(name, over, end, rings(), expect);
    let again = |name, end: &[Step]| dies(name, ALL, end, rang().with_flags(RESENT));
    let half = [Read, SendPart(http("200 OK", RINGS).into(), 90), Cut];
    let (pause, late) = (Wait(ms(1_500)), broken(WAITING).at(1_500));
    let once_more = |name, retcode: &str, expect| {
        second(name, ALL, &[Read], send(says(retcode, &[])), expect).sees(2, 3)
    };
    let no = refused(Status::Session, "100-006").with_flags(MAYBE_SENT | RESENT);
    vec![
        row("poll, the kept connection closed", ALL, follows([Read, rings()]))
            .act(SetSession)
            .asks(NextEvent, rang())
            .act(Pause(PAUSE))
            .act(AwaitEnded(1))
            .asks(NextEvent, rang())
            .sees(2, 2),
        again("poll, the kept connection closed unread as it comes", &[Await]).sees(2, 2),
        again("poll, read, then FIN", &[Read]).sees(2, 3),
        again("poll, read, then RST", &[Read, Reset]).sees(2, 3),
        dies("poll, read, FIN 1.5 s later", ALL, &[Read, pause], late)
            .act(Pause(PAUSE))
            .asks(NextEvent, rang())
            .sees(2, 3),
        dies("poll, read, a byte of answer, then FIN", ALL, &[Read, send("H")], broken(MIDDLE))
            .sees(1, 2),
        dies("poll, read, half a record, then FIN", TLS, &half, broken(MIDDLE)).sees(1, 2),
        // Nothing may be left for the second copy: the flag says so of a success, too.
        once_more("poll sent once more, no event", "0", accepted().with_flags(RESENT)),
        once_more("poll sent once more, refused", "100-006", no),
    ]
}

fn polls_that_wait() -> Vec<Row> {
    let row_of = |name, over, site: Site| row(name, over, site).act(SetSession);
    let late = |name, over, steps: Vec<Step>, expect| {
        row_of(name, over, follows(steps)).timeout(400).asks(NextEvent, expect).sees(1, 1)
    };
    let timeout = |word| fails(Status::Timeout, MAYBE_SENT, word).at(10_400);
    let held_back = vec![Read, Wait(ms(1_500)), rings()];
    let half = vec![Read, cut_off(&http("200 OK", RINGS)), Hang];
    let no_handshake = follows_below([Hang]);
    let silent_at_first = in_turn([speaks([Read, Hang]), speaks([Read, rings()])]);
    let two = follows([Read, rings(), Read, rings()]);
    vec![
        late("poll held back for longer than the time-out", BOTH, held_back, rang().at(1_500)),
        late("poll, silence", &[Plain], vec![Read, Hang], timeout(WAITING)),
        late("poll, half an answer, then silence", &[Tls13], half, timeout(MIDDLE).http(200)),
        row_of("poll, ClientHello never answered, connect time-out", &[Tls13], no_handshake)
            .connect_timeout(300)
            .asks(NextEvent, fails(Status::Timeout, 0, "TLS handshake").at(300))
            .sees(1, 0),
        row_of("poll cancelled by number", ALL, silent_at_first)
            .act(CancelCall(CALL_ID, CANCELLED_AT))
            .asks(NextEvent, cancelled(MAYBE_SENT).at(100))
            .act(Pause(PAUSE))
            .asks(NextEvent, rang())
            .sees(2, 2),
        row_of("poll cancelled by number in the pause before it", BOTH, two)
            .asks(NextEvent, rang())
            .act(CancelCall(CALL_ID, ms(100)))
            .asks(NextEvent, cancelled(0).at(50))
            .act(Pause(PAUSE))
            .asks(NextEvent, rang())
            .sees(1, 2),
    ]
}

/// An event that nobody asked for is nobody's.
fn leftover_events() -> Vec<Row> {
    let twice = format!("{0}{0}", http("200 OK", RINGS));
    let part = SendPart(http("200 OK", RINGS).into_bytes(), 5);
    let row_of = |name, over, steps: Vec<Step>| {
        let nothing = speaks([Read, send(says("0", &[])), Hang]);
        row(name, over, in_turn([speaks(steps), nothing])).act(SetSession)
    };
    let again = |row: Row| polls_twice(row, rang(), accepted()).sees(2, 2);
    let in_parts = vec![Read, rings(), part, Await, SendRest, Hang];
    let before_it = vec![Wait(ms(50)), rings(), Hang];
    let behind = vec![Read, send(says("0", &[])), rings(), Hang];
    vec![
        again(row_of("poll, an event too many", ALL, vec![Read, send(twice), Hang])),
        again(row_of("poll, 5 bytes of an event too many", TLS, in_parts)),
        row_of("an event between agw_connect and the poll", ALL, before_it)
            .connect(connected())
            .act(Pause(PAUSE))
            .asks(NextEvent, accepted())
            .sees(2, 1),
        row_of("an event behind the answer to a reject", ALL, behind)
            .asks(Reject, accepted())
            .act(Pause(PAUSE))
            .asks(NextEvent, accepted())
            .sees(2, 2),
    ]
}

fn kept_guids() -> Vec<Row> {
    let row_of = |name, scripts: &[&[Step]], expect| {
        let row = row(name, BOTH, each(scripts)).act(SetSession).asks(Reject, expect);
        row.with_guids(&[GUID, NEWER, NEWER])
    };
    let stale = send(says("000-003", &[("Set-GUID", NEWER)]));
    let then = |answer: Step| [Read, stale.clone(), Read, answer];
    let ok = || send(says("0", &[]));
    let no = refused(Status::Session, "000-003");
    let dead: [&[_]; 2] = [&[Read, stale.clone(), Read], &[Read, ok()]];
    let late = then(send(says("101-001", &[])));
    let too_late = refused(Status::NoConference, "101-001");
    let cut = [Read, cut_off(&brings_guid(NEWER))];
    vec![
        row_of("kept Guid, stale", &[&[Read, send(says("000-003", &[]))]], no)
            .kept(Some(GUID))
            .sees(1, 1),
        row_of("kept Guid, stale, with a newer one", &[&then(ok())], accepted())
            .kept(Some(NEWER))
            .sees(1, 2),
        row_of("kept Guid, stale, dead as the newer comes", &dead, accepted().with_flags(RESENT))
            .sees(2, 3),
        row_of("kept Guid, stale, then nothing rings", &[&late], too_late).sees(1, 2),
        row_of("kept Guid, renewed by an answer that is cut off", &[&cut], broken_body())
            .kept(Some(NEWER))
            .sees(1, 1),
        row("no kept Guid", &[Plain], Site::Nobody)
            .asks(Reject, refused(Status::Session, "").http(0)),
    ]
}

fn sign_outs() -> Vec<Row> {
    let row_of = |name, scripts: &[&[Step]]| row(name, BOTH, each(scripts)).act(SetSession);
    let answered = |name, retcode: &str, expect, kept| {
        let row = row_of(name, &[&[Read, send(says(retcode, &[]))]]);
        row.asks(SignOut, expect).kept(kept).sees(1, 1)
    };
    let no = |name, retcode, status, kept| answered(name, retcode, refused(status, retcode), kept);
    let again = |name, retcode: &str, expect: Expect| {
        let row = row_of(name, &[&[Read], &[Read, send(says(retcode, &[]))]]);
        row.connect(connected()).asks(SignOut, expect).kept(None).sees(2, 2)
    };
    let stale = send(says("100-006", &[("Set-GUID", NEWER)]));
    let nobody = refused(Status::Gateway, "100-008").with_flags(MAYBE_SENT | RESENT);
    vec![
        answered("sign-out", "0", accepted(), None),
        no("sign-out, the gateway failed", "100-007", Status::GatewayFault, Some(GUID)),
        no("sign-out, the gateway is busy", "000-004", Status::GatewayBusy, Some(GUID)),
        no("sign-out refused", "100-001", Status::Gateway, Some(GUID)),
        no("sign-out, the session is over", "105-005", Status::Session, None),
        no("sign-out, the Guid is stale", "100-006", Status::Session, None),
        no("sign-out of one who is signed out", "100-008", Status::Gateway, None),
        row_of("sign-out with a stale Guid", &[&[Read, stale, Read, send(says("0", &[]))]])
            .asks(SignOut, accepted())
            .kept(None)
            .with_guids(&[GUID, NEWER])
            .sees(1, 2),
        again("sign-out sent once more", "0", accepted().with_flags(RESENT)),
        // The first copy may be why there is nobody to sign out.
        again("sign-out sent once more, signed out already", "100-008", nobody),
        row("sign-out without a session", &[Plain], Site::Nobody)
            .asks(SignOut, refused(Status::Session, "").http(0)),
    ]
}

fn through_proxies() -> Vec<Row> {
    let tunnel = || follows_below([Read, Tunnel]);
    let ok = || send(says("0", &[]));
    let shift = [Read, send(brings_guid(GUID)), Read, rings(), Read, ok(), Read, ok()];
    vec![
        row("a shift through a proxy", BOTH, follows(shift))
            .through(tunnel())
            .asks(SignIn, accepted())
            .asks(NextEvent, rang())
            .asks(Reject, accepted())
            .asks(SignOut, accepted())
            .with_guids(&["", GUID, GUID, GUID])
            .sees(1, 4),
        row("poll behind a proxy, FIN before an answer", BOTH, follows(vec![Read, AwaitEnd]))
            .through(tunnel())
            .act(SetSession)
            .act(CancelCall(CALL_ID, CANCELLED_AT))
            .asks(NextEvent, cancelled(MAYBE_SENT).at(100))
            .sees(1, 1),
    ]
}

/// Each connection goes its own way.
fn each<S: AsRef<[Step]>>(scripts: &[S]) -> Site {
    Site::Follows(scripts.iter().map(|steps| speaks(steps.as_ref())).collect())
}

/// All of an answer but its end.
fn cut_off(answer: &str) -> Step {
    send(&answer[..answer.len() - 10])
}

/// The documented answer with this retcode and these header lines.
fn says(retcode: &str, lines: &[(&str, &str)]) -> String {
    with_lines(&format!(r#"{{"message":"","retcode":"{retcode}"}}"#), lines)
}

fn brings_guid(guid: &str) -> String {
    says("0", &[("Set-GUID", &format!("JSESSIONID={guid}"))])
}

fn rings() -> Step {
    send(http("200 OK", RINGS))
}

/// A poll that brings the event.
fn rang() -> Expect {
    accepted().event("AgentConf_Ringing")
}

/// An answer that is none.
fn error(status: Status, http_status: i32) -> Expect {
    fails(status, MAYBE_SENT, "").http(http_status)
}
