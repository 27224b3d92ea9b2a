//! Connections that end too early, hold too much, or on which a call does not come to its end.

use crate::faults::parts::*;

pub fn rows() -> Vec<Row> {
    [
        ends(),
        leftovers(),
        parts_of_records(),
        unsettled(),
        unasked(),
        unsent(),
        cancelled_calls(),
        goodbyes(),
    ]
    .concat()
}

/// The connection ends before the answer does.
fn ends() -> Vec<Row> {
    let row_of = |name, over, steps: &[Step], expect| {
        let read = matches!(steps, [Read, ..]);
        row(name, over, follows(steps)).reject(expect).sees(1, read.into())
    };
    let head = || send("HTTP/1.1 200 OK\r\nContent-");
    let cut = [Read, half(), Cut];
    let reset = |word| broken(word).os_error();
    let reset_body = broken_body().os_error();
    vec![
        row_of("FIN before an answer, not sent again", ALL, &[Read], broken(WAITING)),
        row_of("FIN before an answer without TLS's goodbye", TLS, &[Read, Cut], broken(WAITING)),
        row_of("RST before an answer", ALL, &[Read, Reset], reset(WAITING)),
        row_of("RST before the request is read", ALL, &[Await, Reset], reset(WAITING)),
        row_of("FIN in the middle of the body", ALL, &[Read, half()], broken_body()),
        row_of("FIN in the middle of the head", ALL, &[Read, head()], broken(MIDDLE)),
        row_of("RST in the middle of the body", ALL, &[Read, half(), Reset], reset_body),
        row_of("RST in the middle of the head", ALL, &[Read, head(), Reset], reset(MIDDLE)),
        row_of("half an answer, cut without TLS's goodbye", TLS, &cut, broken_body()),
    ]
}

/// What follows an answer must not be taken for the next one.
fn leftovers() -> Vec<Row> {
    let row_of = |name, steps: Vec<Step>| {
        row(name, ALL, then_serves([vec![Read], steps, vec![Hang]].concat())).sees(2, 2)
    };
    let one_too_many = format!("{}{}", http("200 OK", ACCEPTED), http("500 Oops", ""));
    // The library's first buffer takes 4 KiB.
    let filler = "x".repeat(4096 - with_header("X", "").len());
    let to_the_buffers_end = with_header("X", &filler) + &http("500 Oops", "");
    vec![
        row_of("Content-Length too short", vec![with_length(20)])
            .rejects_once(fails(Status::Protocol, MAYBE_SENT, "not the documented JSON").http(200)),
        row_of("an answer too many", vec![send(one_too_many)]).rejects(2, accepted()),
        row_of("an answer too many, behind a full buffer", vec![send(to_the_buffers_end)])
            .rejects(2, accepted()),
        row_of("an answer too many, a little later", vec![answer(), Drip(b"H".to_vec(), ms(20))])
            .reject(accepted())
            .act(Pause(ms(60)))
            .reject(accepted()),
    ]
}

/// The first bytes of one more answer's record, or of a session ticket's, lie on the connection when
/// the next request comes, and the rest would come behind it.
fn parts_of_records() -> Vec<Row> {
    let leftover = |name, amount| {
        let steps = [Read, answer(), SendPart(stale(), amount), Await, SendRest, Hang];
        row(name, TLS, in_turn([speaks(steps), says_no()]))
            .reject(accepted())
            .act(Pause(ms(50)))
            .reject(nothing_rings())
            .sees(2, 2)
    };
    let ticket = vec![SendSome(20), Await, SendRest, Read, answer(), Hang];
    let whole = http("200 OK", ACCEPTED);
    const ALERT: &[u8] = b"\x15\x03\x03\x00\x02\x02\x28";
    const PAGE: &[u8] = b"HTTP/1.1 403 Forbidden\r\n\r\n";
    let bare = |name, answer: &str, bare| {
        row(name, TLS, then_serves([Read, SendAndBare(answer.into(), bare), Hang]))
    };
    let part = &whole[..whole.len() - 9];
    let changed = fails(Status::Tls, MAYBE_SENT, "what the gateway sent was changed on its way");
    let too_early = |over| {
        let early = speaks([Wait(ms(50)), SendPart(stale(), 30), Read, SendRest, Hang]);
        row("a part of an answer before the 1st request", over, in_turn([early, says_no()]))
            .connect(connected())
            .act(Pause(ms(200)))
    };
    vec![
        leftover("1 byte of one more answer's record", 1),
        leftover("5 bytes of one more answer's record", 5),
        leftover("20 bytes of one more answer's record", 20),
        leftover("60 bytes of one more answer's record", 60),
        row("a part of a session ticket before the 1st request", &[Tls13], {
            in_turn([Script::HoldsTickets(ticket), says_no()])
        })
        .connect(connected())
        .reject(accepted())
        .sees(1, 1),
        bare("answer, and a broken record behind it", &whole, ALERT)
            .rejects(2, accepted())
            .sees(2, 2),
        bare("half an answer, and a broken record behind it", part, ALERT)
            .rejects_once(fails(Status::Tls, MAYBE_SENT, "").http(200))
            .sees(2, 2),
        // As something on the path does that forbids the connection.
        bare("half an answer, and a page that is not encrypted", part, PAGE)
            .rejects_once(changed.http(200))
            .sees(2, 2),
        // With TLS 1.2 a record says at its beginning that it holds data.
        too_early(&[Tls12]).reject(nothing_rings()).sees(2, 1),
        too_early(&[Tls13])
            .reject(fails(Status::Protocol, MAYBE_SENT, "spoke before it was asked"))
            .sees(1, 1),
    ]
}

/// After an answer that is none, or that can be read in two ways, one more answer may be coming.
fn unsettled() -> Vec<Row> {
    let head = |status: &str, lines: &str| format!("HTTP/1.1 {status}\r\n{lines}\r\n");
    let row_of = |name, answer: String, expect| {
        let steps = [Read, send(answer), Await, Send(stale()), Hang];
        row(name, ALL, in_turn([speaks(steps), says_no()]))
            .reject(expect)
            .act(Pause(ms(50)))
            .reject(nothing_rings())
            .sees(2, 2)
    };
    let none = |status| fails(Status::Protocol, MAYBE_SENT, "").http(status);
    let error = |status| fails(Status::Http, MAYBE_SENT, "").http(status);
    let length = ACCEPTED.len();
    let in_chunks = format!("{length:x}\r\n{ACCEPTED}\r\n0\r\n\r\n");
    let ambiguous =
        |name, lines: &str, body: &str| row_of(name, head("200 OK", lines) + body, accepted());
    let old = format!("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: {length}\r\n");
    let old_chunks = format!("{old}Transfer-Encoding: chunked\r\n\r\n{ACCEPTED}");
    let chunks_and_length = "Transfer-Encoding: chunked\r\nContent-Length: 9999\r\n";
    let xchunked = format!("Transfer-Encoding: xchunked\r\nContent-Length: {length}\r\n");
    let identity = "Transfer-Encoding: chunked, identity\r\n";
    let two_lengths = format!("Content-Length: {length}\r\n").repeat(2);
    let settled = |name, answer: String| row(name, ALL, follows([serve(answer)])).sees(1, 2);
    vec![
        row_of("unsettled by 500 in HTML", http("500 Oops", HTML), error(500)),
        row_of("unsettled by 404", http("404 Not Found", ""), error(404)),
        row_of("unsettled by 408", http("408 Request Timeout", ""), error(408)),
        row_of("unsettled by 302", head("302 Found", "Content-Length: 0\r\n"), error(302)),
        row_of("unsettled by 204", head("204 No Content", "Content-Length: 99\r\n"), none(204)),
        row_of("unsettled by 205", head("205 Reset Content", "Content-Length: 0\r\n"), none(205)),
        row_of("unsettled by 304", head("304 Not Modified", "Content-Length: 99\r\n"), {
            fails(Status::Http, MAYBE_SENT, "HTTP status 304; no body").http(304)
        }),
        row_of("unsettled by 200 without a body", http("200 OK", ""), none(200)),
        row_of("unsettled by 200 in HTML", http("200 OK", HTML), none(200)),
        row_of("unsettled by 200 without a retcode", http("200 OK", "{}"), none(200)),
        ambiguous("unsettled by chunks and a length", chunks_and_length, &in_chunks),
        ambiguous("unsettled by xchunked and a length", &xchunked, ACCEPTED),
        ambiguous("unsettled by chunked, identity", identity, &in_chunks),
        ambiguous("unsettled by two lengths", &two_lengths, ACCEPTED),
        row_of("unsettled by chunks in HTTP/1.0", old_chunks, accepted()),
        // A retcode settles it whatever the HTTP status is.
        settled("settled by 500 in JSON", http("500 Oops", &says("101-001", "late")))
            .rejects(2, refused(Status::NoConference, "101-001").http(500)),
        settled("settled in HTTP/1.0", format!("{old}\r\n{ACCEPTED}")).rejects(2, accepted()),
    ]
}

/// What was said before the request is no answer to it.
fn unasked() -> Vec<Row> {
    let speaks_first = |name, bytes: Vec<u8>| {
        row(name, ALL, in_turn([speaks([Wait(ms(50)), Send(bytes), Hang]), says_no()]))
    };
    let at_once = |name, bytes| {
        speaks_first(name, bytes)
            .between(Between::Pause(ms(200)))
            .reject(fails(Status::Protocol, 0, "spoke before it was asked").at(200))
            .sees(1, 0)
    };
    vec![
        speaks_first("an answer between agw_connect and the request", stale())
            .connect(connected())
            .act(Pause(ms(200)))
            .reject(nothing_rings())
            .sees(2, 1),
        at_once("an answer before the request", stale()),
        at_once("a banner before the request", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        at_once("an interim answer before the request", PROCESSING.to_vec()),
    ]
}

/// Not a byte of the request leaves.
fn unsent() -> Vec<Row> {
    let row_of =
        |name, steps: &[Step], between| row(name, ALL, follows(steps)).between(between).sees(1, 0);
    let listens = |name, between| row_of(name, &[Read, Hang], between);
    let two_go_on =
        |name, between| row(name, ALL, serves()).between(between).rejects(2, accepted()).sees(1, 2);
    let pause = Between::Pause(ms(200));
    let early = |status| fails(status, 0, "before the request was sent").at(200);
    vec![
        listens("cancelled before the first byte", Between::Cancel).reject(cancelled(0)),
        listens("cancelled by number before the first byte", Between::CancelCall(CALL_ID))
            .reject(cancelled(0)),
        two_go_on("another is cancelled before the first byte", Between::CancelCall(CALL_ID + 1)),
        listens("time-out before the first byte", pause)
            .timeout(100)
            .reject(early(Status::Timeout)),
        row_of("closed before the first byte", &[Wait(ms(50))], pause).reject(early(Status::Io)),
        // A balancer without a gateway behind it may do the handshake, then hang up.
        row_of("agw_connect, closed at once", &[], pause)
            .connect(fails(Status::Io, 0, "closed the connection after the handshake").at(200)),
        // The row checks what the child's call comes to: AGW_E_IO, and not a byte sent.
        two_go_on("forked before the first byte", Between::Fork),
    ]
}

/// `agw_cancel_call`, wherever a call may be. Once it has ended, the next one is not touched.
fn cancelled_calls() -> Vec<Row> {
    let cancels = |name, over, site| row(name, over, site).act(CancelCall(CALL_ID, CANCELLED_AT));
    let answered = |name, steps: Vec<Step>, expect: Expect| {
        cancels(name, ALL, then_serves([vec![Read], steps].concat()))
            .rejects_once(expect.at(100))
            .sees(2, 2)
    };
    let silent = || in_turn([below([Hang]), serving()]);
    let at_once = CancelCall(CALL_ID, ms(0));
    let byte_by_byte = Drip(http("200 OK", ACCEPTED).into_bytes(), ms(50));
    vec![
        row("cancelled by number before its call", ALL, serves())
            .act(at_once.clone())
            .rejects_once(cancelled(0))
            .act(at_once)
            .connect(cancelled(0))
            .connect(connected())
            .sees(1, 1),
        row("another number is cancelled before the call", ALL, serves())
            .act(CancelCall(CALL_ID + 1, ms(0)))
            .rejects(2, accepted())
            .sees(1, 2),
        cancels("cancelled by number, SYN swallowed", BOTH, Site::Full)
            .reject(cancelled(0).at(100)),
        cancels("cancelled by number, ClientHello never answered", TLS, silent())
            .rejects_once(cancelled(0).at(100))
            .sees(2, 1),
        cancels("agw_connect cancelled by number, never answered", TLS, silent())
            .connect(cancelled(0).at(100))
            .connect(connected())
            .sees(2, 0),
        cancels("cancelled by number, proxy is stuck", BOTH, serves())
            .through(in_turn([below([Read, Hang]), below([Read, Tunnel])]))
            .rejects_once(cancelled(0).at(100))
            .sees(1, 1),
        answered("cancelled by number, no answer", vec![Hang], cancelled(MAYBE_SENT)),
        answered("cancelled by number, in the middle of an answer", vec![with_length(99), Hang], {
            cancelled(MAYBE_SENT).http(200)
        }),
        answered("cancelled by number, byte by byte", vec![byte_by_byte], cancelled(MAYBE_SENT)),
        row("cancelled by number, on a kept connection", ALL, {
            then_serves([Read, answer(), Read, Hang])
        })
        .reject(accepted())
        .act(CancelCall(CALL_ID, CANCELLED_AT))
        .rejects_once(cancelled(MAYBE_SENT).at(100))
        .sees(2, 3),
    ]
}

fn goodbyes() -> Vec<Row> {
    let row_of = |name, steps: &[Step]| {
        row(name, TLS, follows([steps, &[AwaitEnd]].concat())).sees(1, 1).says_goodbye(1)
    };
    vec![
        row_of("goodbye when the client is freed", &[Read, answer()]).reject(accepted()),
        row_of("goodbye with AGW_NO_KEEP_ALIVE", &[Read, answer()])
            .flags(AGW_NO_KEEP_ALIVE)
            .rejects(2, accepted())
            .sees(2, 2)
            .says_goodbye(2),
        row_of("goodbye without a request", &[]).connect(connected()).sees(1, 0),
        row_of("goodbye after an answer that is none", &[Read, send(http("500 Oops", HTML))])
            .reject(fails(Status::Http, MAYBE_SENT, "").http(500)),
    ]
}
