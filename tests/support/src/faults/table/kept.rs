//! Kept connections: how long they are kept, and what becomes of a call when they are dead.

use crate::faults::parts::*;

/// How often the connection dies just as the second request comes.
const TIMES: usize = 200;

pub fn rows() -> Vec<Row> {
    [kept_connections(), second_requests(), died_late(), restarts()].concat()
}

/// One answer, then this.
fn dies(end: &[Step]) -> Script {
    speaks([&[Read, answer()], end].concat())
}

fn kept_connections() -> Vec<Row> {
    let row_of = |name, end: &[Step]| {
        row(name, ALL, in_turn([dies(end)]))
            .reject(accepted())
            .act(AwaitEnded(1))
            .reject(accepted())
            .sees(2, 2)
    };
    let says = |name, value| {
        row(name, ALL, follows([serve(with_header("Keep-Alive", value))])).rejects(2, accepted())
    };
    let nothing = "timeout=-1, x, timeout=99999999999";
    vec![
        row("kept for the next calls", ALL, serves()).rejects(3, accepted()).sees(1, 3),
        row("not kept with AGW_NO_KEEP_ALIVE", ALL, serves())
            .flags(AGW_NO_KEEP_ALIVE)
            .rejects(3, accepted())
            .sees(3, 3),
        says("not kept where the gateway says so", "timeout=20, max=0").sees(2, 2),
        says("not kept where the second of two lines says so", "timeout=20\r\nKeep-Alive: max=0")
            .sees(2, 2),
        says("not kept for a second", "timeout=1").sees(2, 2),
        says("kept where the gateway says nothing that counts", nothing).sees(1, 2),
        says("kept for a second less than the gateway says", "max=5; Timeout = \"2\"")
            .act(Pause(ms(1_100)))
            .reject(accepted())
            .sees(2, 3),
        // Before the next call looks at the connection, or while it sends.
        row("closed right behind every answer, 20 times", ALL, in_turn([dies(&[])]))
            .rejects(20, accepted().with_flags(RESENT).or_without(RESENT))
            .sees(20, 20),
        row_of("idle, closed by FIN", &[]),
        row_of("idle, FIN without TLS's goodbye", &[Cut]),
        row_of("idle, closed by RST", &[Reset]),
        row_of("idle, 408 unasked, then FIN", &[send(http("408 Request Timeout", HTML))]),
        row("idle, dropped without FIN", ALL, in_turn([dies(&[Read, Hang]), serving()]))
            .timeout(400)
            .reject(accepted())
            .rejects_once(fails(Status::Timeout, MAYBE_SENT, WAITING).at(400))
            .sees(2, 3),
    ]
}

/// A kept connection dies when the second request comes: sent once more, if not a byte of answer
/// came.
fn second_requests() -> Vec<Row> {
    let every = |name, end: &[Step], requests| {
        row(name, ALL, in_turn([dies(end)]))
            .reject(accepted())
            .rejects(TIMES, accepted().with_flags(RESENT))
            .sees(1 + TIMES, requests)
    };
    let once = |name, scripts: &[Script]| row(name, ALL, in_turn(scripts)).reject(accepted());
    // A gateway that began to answer has acted, also where the bytes are not yet to be deciphered.
    let began = |name, over, end: &[Step], expect| {
        row(name, over, in_turn([dies(&[&[Read], end].concat()), serving()]))
            .reject(accepted())
            .reject(expect)
            .sees(1, 2)
    };
    let cut = || broken("in the middle");
    let part = |name, amount| {
        let end = [SendPart(http("200 OK", ACCEPTED).into(), amount), Cut];
        began(name, TLS, &end, cut())
    };
    let again = |status| fails(status, MAYBE_SENT | RESENT, "while waiting");
    let silent = || speaks([Read, Hang]);
    let twice = [dies(&[Read]), speaks([Read]), serving()];
    vec![
        every("closes unread as the 2nd request comes, 200 times", &[Await], 1 + TIMES),
        every("RST as the 2nd request comes, 200 times", &[Await, Reset], 1 + TIMES),
        every("reads the 2nd request, then FIN, 200 times", &[Read], 1 + 2 * TIMES),
        every("reads the 2nd request, then RST, 200 times", &[Read, Reset], 1 + 2 * TIMES),
        once("half an answer to the 2nd request, then FIN", &[dies(&[Read, half()]), serving()])
            .rejects_once(cut().http(200))
            .sees(2, 3),
        began("a byte of answer to the 2nd request, then FIN", ALL, &[send("H")], cut()),
        began("a byte of answer to the 2nd request, then RST", ALL, &[send("H"), Reset], {
            cut().os_error()
        }),
        part("3 bytes of a record to the 2nd request, then FIN", 3),
        part("half a record to the 2nd request, then FIN", 90),
        began("1xx to the 2nd request, then FIN", ALL, &[send(PROCESSING)], cut()),
        once("sent once more, closed once more: no third time", &twice)
            .reject(again(Status::Io))
            .sees(2, 3),
        once("sent once more, then silence", &[dies(&[Read]), silent()])
            .timeout(400)
            .reject(again(Status::Timeout).at(400))
            .sees(2, 3),
        once("sent once more, within the same time-out", &[dies(&[Read, Wait(ms(300))]), silent()])
            .timeout(400)
            .reject(again(Status::Timeout).at(400))
            .sees(2, 3),
        once("dead, and nobody listens any more", &[dies(&[Read])])
            .act(ClosePort)
            .reject(fails(Status::Connect, MAYBE_SENT, "no connection").os_error())
            .sees(1, 2),
        // The first copy may be why nothing rings any more.
        once("sent once more, nothing rings", &[dies(&[Read]), says_no()])
            .reject(nothing_rings().with_flags(MAYBE_SENT | RESENT))
            .sees(2, 3),
    ]
}

/// A gateway that closes more than a second after it has taken the request may have acted on it.
fn died_late() -> Vec<Row> {
    let row_of = |name, over, end: &[Step], expect| {
        row(name, over, in_turn([dies(&[&[Read, Wait(ms(1_500))], end].concat()), serving()]))
            .reject(accepted())
            .reject(expect)
            .sees(1, 2)
    };
    let broken = || broken(WAITING).at(1_500);
    vec![
        row_of("reads the 2nd request, FIN 1.5 s later", ALL, &[], broken()),
        row_of("reads the 2nd request, no goodbye 1.5 s later", TLS, &[Cut], broken()),
        row_of("reads the 2nd request, RST 1.5 s later", ALL, &[Reset], broken().os_error()),
    ]
}

fn restarts() -> Vec<Row> {
    let down = || fails(Status::Connect, 0, "no connection").os_error();
    vec![
        row("gateway restarted between calls", ALL, serves())
            .rejects(2, accepted())
            .act(Restart)
            .rejects(2, accepted())
            .sees(2, 4),
        row("gateway down, then up again", ALL, serves())
            .reject(accepted())
            .act(Stop)
            .rejects(2, down())
            .act(Restart)
            .reject(accepted())
            .sees(2, 2),
    ]
}
