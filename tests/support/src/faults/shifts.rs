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
        once("FIN in the middle of the body", ALL, vec![half_a_body], broken(MIDDLE).http(200)),
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
    vec![
        row_of("sign-in", brings_guid(GUID)).asks(SignIn, accepted()).kept(Some(GUID)),
        brings_none("sign-in without a Set-GUID", says("0", &[]), without()),
        brings_none("sign-in with a Set-GUID that is none", no_guid, without()),
        brings_none("sign-in refused", no("100-004"), refused("100-004")),
        brings_none("sign-in that finds the agent signed in", no("100-002"), refused("100-002")),
        leaves("sign-in refused leaves the session", no("100-001"), refused("100-001")),
        leaves("sign-in without a Set-GUID leaves the session", says("0", &[]), without()),
        row("sign-in cut off leaves the session", ALL, {
            follows([Read, cut_off(&brings_guid(NEWER))])
        })
        .act(SetSession)
        .asks(SignIn, broken(MIDDLE).http(200))
        .kept(Some(GUID))
        .with_guids(&[""])
        .sees(1, 1),
        // The first copy may be why the agent is signed in.
        row("sign-in sent once more finds the agent signed in", ALL, {
            in_turn([speaks([Read]), speaks([Read, send(no("100-002"))])])
        })
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
        |name, scripts: Vec<Vec<Step>>| row(name, ALL, each(&scripts)).with_guids(&["", "", ""]);
    let dies = |end: &[Step]| [vec![Read, already(), Read], end.to_vec()].concat();
    let signs_in = || vec![Read, send(brings_guid(NEWER))];
    let closes = vec![Read, send(says("100-002", &[("Connection", "close")]))];
    let half_an_answer = dies(&[cut_off(&brings_guid(NEWER))]);
    let on_a_second = [vec![Read, already()], signs_in()].concat();
    vec![
        row_of("forced sign-in", vec![dies(&[send(brings_guid(NEWER))])])
            .asks(ForcedSignIn, accepted())
            .kept(Some(NEWER))
            .sees(1, 2),
        row_of("forced sign-in that need not be forced", vec![signs_in()])
            .asks(ForcedSignIn, accepted())
            .kept(Some(NEWER))
            .sees(1, 1),
        row_of("forced sign-in over another connection", vec![closes, signs_in()])
            .asks(ForcedSignIn, accepted())
            .kept(Some(NEWER))
            .sees(2, 2),
        row_of("forced sign-in refused", vec![dies(&[send(says("100-004", &[]))])])
            .asks(ForcedSignIn, refused(Status::Gateway, "100-004"))
            .kept(None)
            .sees(1, 2),
        row_of("forced sign-in, dead as it comes", vec![dies(&[]), signs_in()])
            .asks(ForcedSignIn, accepted().with_flags(RESENT))
            .kept(Some(NEWER))
            .sees(2, 3),
        row_of("forced sign-in, half an answer", vec![half_an_answer, signs_in()])
            .asks(ForcedSignIn, broken(MIDDLE).http(200))
            .kept(None)
            .sees(1, 2),
        row_of("forced sign-in, FIN 1.5 s later", vec![dies(&[Wait(ms(1_500))]), signs_in()])
            .asks(ForcedSignIn, broken(WAITING).at(1_500))
            .kept(None)
            .sees(1, 2),
        row_of("sign-in sent once more, then forced", vec![vec![Read], on_a_second])
            .connect(connected())
            .asks(ForcedSignIn, accepted().with_flags(RESENT))
            .kept(Some(NEWER))
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
            .asks(NextEvent, broken(MIDDLE).http(200))
            .sees(1, 1),
        row_of("poll, an event in a 500", &[Read, send(http("500 Oops", RINGS))])
            .asks(NextEvent, rang().http(500))
            .sees(1, 1),
        row("poll without a session", &[Plain], Site::Nobody)
            .asks(NextEvent, refused(Status::Session, "").http(0)),
    ]
}

fn polls_refused() -> Vec<Row> {
    let row_of = |name, scripts: Vec<Vec<Step>>| {
        row(name, BOTH, each(&scripts)).act(SetSession).with_guids(&[GUID, NEWER, NEWER])
    };
    let stale = || send(says("100-006", &[("Set-GUID", NEWER)]));
    let stale_then = |end: &[Step]| [vec![Read, stale(), Read], end.to_vec()].concat();
    let refuses = |name, retcode: &str, status| {
        row_of(name, vec![vec![Read, send(says(retcode, &[]))]])
            .asks(NextEvent, refused(status, retcode))
            .kept(Some(GUID))
            .sees(1, 1)
    };
    let stale_and_close =
        vec![Read, send(says("000-003", &[("Set-GUID", NEWER), ("Connection", "close")]))];
    let half_an_answer = stale_then(&[cut_off(&http("200 OK", RINGS))]);
    let dead = vec![stale_then(&[]), vec![Read, rings()]];
    let half_a_guid = vec![Read, send("HTTP/1.1 200 OK\r\nSet-GUID: JSESSIONID=0a1b2c3d-")];
    vec![
        refuses("poll refused", "100-006", Status::Session),
        refuses("poll refused, the session is over", "105-006", Status::Session),
        refuses("poll refused as too fast", "105-003", Status::GatewayBusy),
        row_of("poll with a stale Guid", vec![stale_then(&[rings()])])
            .asks(NextEvent, rang())
            .kept(Some(NEWER))
            .sees(1, 2),
        row_of(
            "poll with a stale Guid, over another connection",
            vec![stale_and_close, vec![Read, rings()]],
        )
        .asks(NextEvent, rang())
        .kept(Some(NEWER))
        .sees(2, 2),
        row_of("poll with a stale Guid, twice", vec![stale_then(&[send(says("100-006", &[]))])])
            .asks(NextEvent, refused(Status::Session, "100-006"))
            .kept(Some(NEWER))
            .sees(1, 2),
        row_of("poll with a stale Guid, dead as the newer comes", dead)
            .asks(NextEvent, rang().with_flags(RESENT))
            .sees(2, 3),
        row_of("poll with a stale Guid, half an answer to the newer", vec![half_an_answer])
            .asks(NextEvent, broken(MIDDLE).http(200))
            .sees(1, 2),
        row_of("poll with a stale Guid, half a newer one", vec![half_a_guid])
            .asks(NextEvent, broken(MIDDLE))
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
    vec![
        row("poll, the kept connection closed", ALL, each(&[&[Read, rings()]]))
            .act(SetSession)
            .asks(NextEvent, rang())
            .act(Pause(PAUSE))
            .act(AwaitEnded(1))
            .asks(NextEvent, rang())
            .sees(2, 2),
        again("poll, the kept connection closed unread as it comes", &[Await]).sees(2, 2),
        again("poll, read, then FIN", &[Read]).sees(2, 3),
        again("poll, read, then RST", &[Read, Reset]).sees(2, 3),
        dies("poll, read, FIN 1.5 s later", ALL, &[Read, Wait(ms(1_500))], {
            broken(WAITING).at(1_500)
        })
        .act(Pause(PAUSE))
        .asks(NextEvent, rang())
        .sees(2, 3),
        dies("poll, read, a byte of answer, then FIN", ALL, &[Read, send("H")], broken(MIDDLE))
            .sees(1, 2),
        dies("poll, read, half a record, then FIN", TLS, &half, broken(MIDDLE)).sees(1, 2),
        // Nothing may be left for the second copy: the flag says so of a success, too.
        second("poll sent once more, no event", ALL, &[Read], send(says("0", &[])), {
            accepted().with_flags(RESENT)
        })
        .sees(2, 3),
        second("poll sent once more, refused", ALL, &[Read], send(says("100-006", &[])), {
            refused(Status::Session, "100-006").with_flags(MAYBE_SENT | RESENT)
        })
        .sees(2, 3),
    ]
}

fn polls_that_wait() -> Vec<Row> {
    let row_of = |name, over, steps| row(name, over, follows(steps)).act(SetSession);
    vec![
        row_of("poll held back for longer than the time-out", BOTH, {
            vec![Read, Wait(ms(1_500)), rings()]
        })
        .timeout(400)
        .asks(NextEvent, rang().at(1_500))
        .sees(1, 1),
        row_of("poll, silence", &[Plain], vec![Read, Hang])
            .timeout(400)
            .asks(NextEvent, fails(Status::Timeout, MAYBE_SENT, WAITING).at(10_400))
            .sees(1, 1),
        row_of("poll, half an answer, then silence", &[Tls13], {
            vec![Read, cut_off(&http("200 OK", RINGS)), Hang]
        })
        .timeout(400)
        .asks(NextEvent, fails(Status::Timeout, MAYBE_SENT, MIDDLE).http(200).at(10_400))
        .sees(1, 1),
        row("poll, ClientHello never answered, connect time-out", &[Tls13], {
            follows_below([Hang])
        })
        .act(SetSession)
        .connect_timeout(300)
        .asks(NextEvent, fails(Status::Timeout, 0, "TLS handshake").at(300))
        .sees(1, 0),
        row("poll cancelled by number", ALL, {
            in_turn([speaks([Read, Hang]), speaks([Read, rings()])])
        })
        .act(SetSession)
        .act(CancelCall(CALL_ID, CANCELLED_AT))
        .asks(NextEvent, cancelled(MAYBE_SENT).at(100))
        .act(Pause(PAUSE))
        .asks(NextEvent, rang())
        .sees(2, 2),
        row_of("poll cancelled by number in the pause before it", BOTH, {
            vec![Read, rings(), Read, rings()]
        })
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
    let part = || SendPart(http("200 OK", RINGS).into_bytes(), 5);
    let nothing = || speaks([Read, send(says("0", &[])), Hang]);
    let then_nothing = |steps| in_turn([speaks(steps), nothing()]);
    let again = |row: Row| polls_twice(row.act(SetSession), rang(), accepted()).sees(2, 2);
    vec![
        again(row("poll, an event too many", ALL, then_nothing(vec![Read, send(twice), Hang]))),
        again(row("poll, 5 bytes of an event too many", TLS, {
            then_nothing(vec![Read, rings(), part(), Await, SendRest, Hang])
        })),
        row("an event between agw_connect and the poll", ALL, {
            then_nothing(vec![Wait(ms(50)), rings(), Hang])
        })
        .act(SetSession)
        .connect(connected())
        .act(Pause(PAUSE))
        .asks(NextEvent, accepted())
        .sees(2, 1),
        row("an event behind the answer to a reject", ALL, {
            then_nothing(vec![Read, send(says("0", &[])), rings(), Hang])
        })
        .act(SetSession)
        .asks(Reject, accepted())
        .act(Pause(PAUSE))
        .asks(NextEvent, accepted())
        .sees(2, 2),
    ]
}

fn kept_guids() -> Vec<Row> {
    let row_of = |name, scripts: Vec<Vec<Step>>| {
        row(name, BOTH, each(&scripts)).act(SetSession).with_guids(&[GUID, NEWER, NEWER])
    };
    let stale = || send(says("000-003", &[("Set-GUID", NEWER)]));
    let ok = || send(says("0", &[]));
    let dead = vec![vec![Read, stale(), Read], vec![Read, ok()]];
    let nothing_rings = vec![Read, stale(), Read, send(says("101-001", &[]))];
    let cut = vec![Read, cut_off(&brings_guid(NEWER))];
    vec![
        row_of("kept Guid, stale", vec![vec![Read, send(says("000-003", &[]))]])
            .asks(Reject, refused(Status::Session, "000-003"))
            .kept(Some(GUID))
            .sees(1, 1),
        row_of("kept Guid, stale, with a newer one", vec![vec![Read, stale(), Read, ok()]])
            .asks(Reject, accepted())
            .kept(Some(NEWER))
            .sees(1, 2),
        row_of("kept Guid, stale, dead as the newer comes", dead)
            .asks(Reject, accepted().with_flags(RESENT))
            .sees(2, 3),
        row_of("kept Guid, stale, then nothing rings", vec![nothing_rings])
            .asks(Reject, refused(Status::NoConference, "101-001"))
            .sees(1, 2),
        row_of("kept Guid, renewed by an answer that is cut off", vec![cut])
            .asks(Reject, broken(MIDDLE).http(200))
            .kept(Some(NEWER))
            .sees(1, 1),
        row("no kept Guid", &[Plain], Site::Nobody)
            .asks(Reject, refused(Status::Session, "").http(0)),
    ]
}

fn sign_outs() -> Vec<Row> {
    let row_of = |name, scripts: &[&[Step]]| row(name, BOTH, each(scripts)).act(SetSession);
    let answered = |name, retcode: &str, expect, kept| {
        row_of(name, &[&[Read, send(says(retcode, &[]))]])
            .asks(SignOut, expect)
            .kept(kept)
            .sees(1, 1)
    };
    let no = |name, retcode, status, kept| answered(name, retcode, refused(status, retcode), kept);
    let again = |name, retcode: &str, expect: Expect| {
        row_of(name, &[&[Read], &[Read, send(says(retcode, &[]))]])
            .connect(connected())
            .asks(SignOut, expect)
            .kept(None)
            .sees(2, 2)
    };
    let stale = send(says("100-006", &[("Set-GUID", NEWER)]));
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
        again("sign-out sent once more, signed out already", "100-008", {
            refused(Status::Gateway, "100-008").with_flags(MAYBE_SENT | RESENT)
        }),
        row("sign-out without a session", &[Plain], Site::Nobody)
            .asks(SignOut, refused(Status::Session, "").http(0)),
    ]
}

fn through_proxies() -> Vec<Row> {
    let tunnel = || follows_below([Read, Tunnel]);
    let ok = || send(says("0", &[]));
    vec![
        row("a shift through a proxy", BOTH, {
            follows(vec![Read, send(brings_guid(GUID)), Read, rings(), Read, ok(), Read, ok()])
        })
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
