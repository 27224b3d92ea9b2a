//! The table.

use std::sync::Arc;
use std::time::Duration;

use agw::Status;
use agw::ffi::{
    AGW_NO_KEEP_ALIVE, AGW_RESULT_MAYBE_SENT as MAYBE_SENT, AGW_RESULT_RESENT as RESENT,
    AGW_RESULT_TRUNCATED as TRUNCATED,
};

use super::abi::CALL_ID;
use super::elsewhere::Elsewhere;
use super::row::Act::{AwaitEnded, CancelCall, ClosePort, Pause, Restart, Stop};
use super::row::{Between, Expect, Row, Site, accepted, connected, fails, refused, row};
use super::shifts;
use crate::gateway::Step::{
    Await, AwaitEnd, Beat, Cut, Drip, Hang, Read, Repeat, Reset, Send, SendPart, SendRest,
    SendSome, Serve, Take, Tunnel, Wait,
};
use crate::gateway::{Gateway, Script, Step};
use crate::tls::Over::{self, Plain, Tls12, Tls13};
use crate::{ACCEPTED, GUID, http};

const ALL: &[Over] = &[Plain, Tls12, Tls13];
const BOTH: &[Over] = &[Plain, Tls13];
const TLS: &[Over] = &[Tls12, Tls13];

const HTML: &str = "<html><head><title>Apache Tomcat</title></head><body>sorry</body></html>";

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n";

const OLD: &str = "HTTP/1.0 200 OK\r\nServer: old\r\n\r\n";

const LARGEST: usize = 64 * 1024;

/// An alert of TLS 1.1: fatal, protocol_version.
const ALERT_OF_TLS_11: &[u8] = b"\x15\x03\x02\x00\x02\x02\x46";

pub fn rows() -> Vec<Row> {
    [
        look_ups(),
        tcp(),
        handshakes(),
        ends(),
        leftovers(),
        parts_of_records(),
        unsettled(),
        unasked(),
        unsent(),
        cancelled_calls(),
        goodbyes(),
        framings(),
        broken_framings(),
        odd_heads(),
        not_http(),
        statuses(),
        redirects(),
        sizes(),
        texts(),
        deadlines(),
        kept_connections(),
        second_requests(),
        died_late(),
        restarts(),
        connecting_ahead(),
        proxies(),
        proxy_deadlines(),
        behind_proxies(),
        shifts::rows(),
    ]
    .concat()
}

fn look_ups() -> Vec<Row> {
    if !cfg!(debug_assertions) {
        return Vec::new();
    }
    let looked_up = |name, fault| row(name, &[Tls13], serves()).planted(fault);
    vec![
        looked_up("look-up that hangs", "look-up-hangs")
            .timeout(400)
            .reject(fails(Status::Timeout, 0, "looking up gateway.test").at(400)),
        looked_up("look-up that hangs, with agw_connect", "look-up-hangs")
            .timeout(400)
            .connect(fails(Status::Timeout, 0, "looking up gateway.test").at(400)),
        looked_up("look-up that hangs longer than the connect time-out", "look-up-hangs")
            .timeout(400)
            .connect_timeout(100)
            .reject(fails(Status::Timeout, 0, "looking up gateway.test").at(400)),
        looked_up("look-up that hangs, cancelled by number", "look-up-hangs")
            .act(CancelCall(CALL_ID, MS_150))
            .reject(cancelled(0).at(100)),
        looked_up("look-up that fails", "look-up-fails")
            .reject(fails(Status::Resolve, 0, "cannot look up gateway.test"))
            .connect(fails(Status::Resolve, 0, "cannot look up gateway.test")),
    ]
}

fn tcp() -> Vec<Row> {
    vec![
        row("nobody listens", ALL, Site::Nobody)
            .reject(fails(Status::Connect, 0, "no connection to 127.0.0.1").os_error()),
        row("SYN swallowed by a full backlog", BOTH, Site::Full)
            .timeout(400)
            .reject(fails(Status::Timeout, 0, "while connecting").at(400)),
        row("SYN swallowed, connect time-out", BOTH, Site::Full)
            .connect_timeout(300)
            .reject(fails(Status::Timeout, 0, "while connecting").at(300)),
    ]
}

fn handshakes() -> Vec<Row> {
    let raw = |name, steps: Vec<Step>| row(name, &[Tls13], Site::Follows(vec![below(steps)]));
    let refused = |flags, word| fails(Status::Tls, flags, word);
    let late = || fails(Status::Timeout, 0, "TLS handshake");
    let half_a_hello = || Send(b"\x16\x03\x03\x40\x00\x02\x00".to_vec());
    only_here(vec![
        raw("ClientHello answered with FIN", vec![Take])
            .reject(refused(0, "closed the connection in the TLS handshake"))
            .sees(1, 0),
        raw("ClientHello answered with RST", vec![Take, Reset])
            .reject(refused(0, "in the TLS handshake").os_error())
            .sees(1, 0),
        raw("ClientHello answered with a text", vec![Take, send("SSH-2.0-OpenSSH\r\n"), Hang])
            .reject(refused(0, "does not speak TLS"))
            .sees(1, 0),
        raw(
            "ClientHello answered with HTTP",
            vec![Take, send(http("400 Bad Request", HTML)), Hang],
        )
        .reject(refused(0, "does not speak TLS"))
        .sees(1, 0),
        raw(
            "ClientHello answered with endless garbage",
            vec![Take, Repeat(vec![0xA5; 4096], MANY)],
        )
        .reject(refused(0, "does not speak TLS"))
        .sees(1, 0),
        raw("TLS 1.1 only, by alert", vec![Take, Send(ALERT_OF_TLS_11.to_vec())])
            .reject(refused(0, "it speaks another version of TLS; agw needs"))
            .sees(1, 0),
        raw("TLS 1.1 only, by ServerHello", vec![Take, Send(hello_of_tls_11()), Hang])
            .reject(refused(0, "speaks TLS 1.1 or older only; agw needs"))
            .sees(1, 0),
        raw("half a ServerHello, then FIN", vec![Take, half_a_hello()])
            .reject(refused(0, "closed the connection in the TLS handshake"))
            .sees(1, 0),
        raw("half a ServerHello, then silence", vec![Take, half_a_hello(), Hang])
            .timeout(400)
            .reject(late().at(400))
            .sees(1, 0),
        raw("ServerHello byte by byte", vec![Take, half_a_hello(), Beat(vec![0], MS_50)])
            .timeout(400)
            .reject(late().at(400))
            .sees(1, 0),
        raw("ClientHello never answered", vec![Hang])
            .timeout(400)
            .reject(late().at(400))
            .sees(1, 0),
        raw("ClientHello never answered, connect time-out", vec![Hang])
            .connect_timeout(300)
            .reject(late().at(300))
            .sees(1, 0),
        row("client certificate demanded and missing", &[Tls12], serves())
            .wants_client_certificate()
            .reject(refused(0, "demands a client certificate"))
            .sees(1, 0),
        // With TLS 1.3 the gateway says so after the handshake: the request may be on its way.
        row("client certificate demanded and missing", &[Tls13], serves())
            .wants_client_certificate()
            .reject(refused(MAYBE_SENT, "demands a client certificate").or_without(MAYBE_SENT))
            .sees(1, 0),
        row("client certificate missing, told before the request", &[Tls13], serves())
            .wants_client_certificate()
            .between(Between::Pause(MS_200))
            .reject(refused(0, "demands a client certificate").at(200))
            .sees(1, 0),
        row(
            "http to a TLS port",
            &[Plain],
            Site::Follows(vec![below(vec![Take, Send(ALERT_OF_TLS_11.to_vec())])]),
        )
        .reject(fails(Status::Protocol, MAYBE_SENT, "not HTTP"))
        .sees(1, 0),
    ])
}

/// The connection ends before the answer does.
fn ends() -> Vec<Row> {
    let broken = |word| fails(Status::Io, MAYBE_SENT, word);
    let waiting = "while waiting for the answer";
    let middle = "in the middle of the answer";
    let half = || send(&http("200 OK", ACCEPTED)[..100]);
    let half_a_head = || send("HTTP/1.1 200 OK\r\nContent-");
    vec![
        row("FIN before an answer, not sent again", ALL, follows(vec![Read]))
            .reject(broken(waiting))
            .sees(1, 1),
        row("FIN before an answer without TLS's goodbye", TLS, follows(vec![Read, Cut]))
            .reject(broken(waiting))
            .sees(1, 1),
        row("RST before an answer", ALL, follows(vec![Read, Reset]))
            .reject(broken(waiting).os_error())
            .sees(1, 1),
        row("RST before the request is read", ALL, follows(vec![Await, Reset]))
            .reject(broken(waiting).os_error())
            .sees(1, 0),
        row("FIN in the middle of the body", ALL, follows(vec![Read, half()]))
            .reject(broken(middle).http(200))
            .sees(1, 1),
        row("FIN in the middle of the head", ALL, follows(vec![Read, half_a_head()]))
            .reject(broken(middle))
            .sees(1, 1),
        row("RST in the middle of the body", ALL, follows(vec![Read, half(), Reset]))
            .reject(broken(middle).http(200).os_error())
            .sees(1, 1),
        row("RST in the middle of the head", ALL, follows(vec![Read, half_a_head(), Reset]))
            .reject(broken(middle).os_error())
            .sees(1, 1),
        row("half an answer, cut without TLS's goodbye", TLS, follows(vec![Read, half(), Cut]))
            .reject(broken(middle).http(200))
            .sees(1, 1),
    ]
}

/// What follows an answer must not be taken for the next one.
fn leftovers() -> Vec<Row> {
    let row_of = |name, steps| row(name, ALL, then_serves(steps));
    let one_too_many = format!("{}{}", http("200 OK", ACCEPTED), http("500 Oops", ""));
    // The library's first buffer takes 4 KiB.
    let filler = "x".repeat(4096 - with_header("X", "", ACCEPTED).len());
    let to_the_buffers_end = with_header("X", &filler, ACCEPTED) + &http("500 Oops", "");
    let later = Drip(b"H".to_vec(), Duration::from_millis(20));
    vec![
        row_of("Content-Length too short", vec![Read, with_length(20), Hang])
            .reject(fails(Status::Protocol, MAYBE_SENT, "not the documented JSON").http(200))
            .reject(accepted())
            .sees(2, 2),
        row_of("an answer too many", vec![Read, send(one_too_many), Hang])
            .rejects(2, accepted())
            .sees(2, 2),
        row_of(
            "an answer too many, behind a full buffer",
            vec![Read, send(to_the_buffers_end), Hang],
        )
        .rejects(2, accepted())
        .sees(2, 2),
        row_of(
            "an answer too many, a little later",
            vec![Read, send(http("200 OK", ACCEPTED)), later, Hang],
        )
        .reject(accepted())
        .act(Pause(Duration::from_millis(60)))
        .reject(accepted())
        .sees(2, 2),
    ]
}

/// The first bytes of one more answer's record, or of a session ticket's, lie on the connection when
/// the next request comes, and the rest would come behind it.
fn parts_of_records() -> Vec<Row> {
    let answered = || vec![Read, send(http("200 OK", ACCEPTED))];
    let late = |amount| vec![SendPart(stale(), amount), Await, SendRest, Hang];
    let leftover = |name, amount| {
        let script = speaks([answered(), late(amount)].concat());
        row(name, TLS, Site::Follows(vec![script, says_no()]))
            .reject(accepted())
            .act(Pause(MS_50))
            .reject(nothing_rings())
            .sees(2, 2)
    };
    let ticket = |name, steps: Vec<Step>| {
        row(name, &[Tls13], Site::Follows(vec![Script::HoldsTickets(steps), says_no()]))
    };
    let early = || speaks(vec![Wait(MS_50), SendPart(stale(), 30), Read, SendRest, Hang]);
    let too_early =
        |name, over| row(name, over, Site::Follows(vec![early(), says_no()])).connect(connected());
    vec![
        leftover("1 byte of one more answer's record", 1),
        leftover("5 bytes of one more answer's record", 5),
        leftover("20 bytes of one more answer's record", 20),
        leftover("60 bytes of one more answer's record", 60),
        ticket(
            "a part of a session ticket before the 1st request",
            vec![SendSome(20), Await, SendRest, Read, send(http("200 OK", ACCEPTED)), Hang],
        )
        .connect(connected())
        .reject(accepted())
        .sees(1, 1),
        // With TLS 1.2 a record says at its beginning that it holds data.
        too_early("a part of an answer before the 1st request", &[Tls12])
            .act(Pause(MS_200))
            .reject(nothing_rings())
            .sees(2, 1),
        too_early("a part of an answer before the 1st request", &[Tls13])
            .act(Pause(MS_200))
            .reject(fails(Status::Protocol, MAYBE_SENT, "spoke before it was asked"))
            .sees(1, 1),
    ]
}

/// After an answer that is none, or that can be read in two ways, one more answer may be coming.
fn unsettled() -> Vec<Row> {
    let head = |status: &str, lines: &str| format!("HTTP/1.1 {status}\r\n{lines}\r\n");
    let row_of = |name, answer: String, expect| {
        let steps = vec![Read, send(answer), Await, Send(stale()), Hang];
        row(name, ALL, Site::Follows(vec![speaks(steps), says_no()]))
            .reject(expect)
            .act(Pause(MS_50))
            .reject(nothing_rings())
            .sees(2, 2)
    };
    let none = |status| fails(Status::Protocol, MAYBE_SENT, "").http(status);
    let error = |status| fails(Status::Http, MAYBE_SENT, "").http(status);
    let length = ACCEPTED.len();
    let in_chunks = format!("{length:x}\r\n{ACCEPTED}\r\n0\r\n\r\n");
    let ambiguous = |lines: &str, body: &str| head("200 OK", lines) + body;
    let old = format!("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: {length}\r\n");
    vec![
        row_of("unsettled by 500 in HTML", http("500 Oops", HTML), error(500)),
        row_of("unsettled by 404", http("404 Not Found", ""), error(404)),
        row_of("unsettled by 408", http("408 Request Timeout", ""), error(408)),
        row_of("unsettled by 302", head("302 Found", "Content-Length: 0\r\n"), error(302)),
        row_of("unsettled by 204", head("204 No Content", "Content-Length: 99\r\n"), none(204)),
        row_of("unsettled by 205", head("205 Reset Content", "Content-Length: 0\r\n"), none(205)),
        row_of("unsettled by 304", head("304 Not Modified", "Content-Length: 99\r\n"), error(304)),
        row_of("unsettled by 200 without a body", http("200 OK", ""), none(200)),
        row_of("unsettled by 200 in HTML", http("200 OK", HTML), none(200)),
        row_of("unsettled by 200 without a retcode", http("200 OK", "{}"), none(200)),
        row_of(
            "unsettled by chunks and a length",
            ambiguous("Transfer-Encoding: chunked\r\nContent-Length: 9999\r\n", &in_chunks),
            accepted(),
        ),
        row_of(
            "unsettled by xchunked and a length",
            ambiguous(
                &format!("Transfer-Encoding: xchunked\r\nContent-Length: {length}\r\n"),
                ACCEPTED,
            ),
            accepted(),
        ),
        row_of(
            "unsettled by chunked, identity",
            ambiguous("Transfer-Encoding: chunked, identity\r\n", &in_chunks),
            accepted(),
        ),
        row_of(
            "unsettled by two lengths",
            ambiguous(
                &format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"),
                ACCEPTED,
            ),
            accepted(),
        ),
        row_of(
            "unsettled by chunks in HTTP/1.0",
            format!("{old}Transfer-Encoding: chunked\r\n\r\n{ACCEPTED}"),
            accepted(),
        ),
        // A retcode settles it whatever the HTTP status is.
        row(
            "settled by 500 in JSON",
            ALL,
            follows(vec![Serve(http("500 Oops", &says("101-001", "late")).into_bytes())]),
        )
        .rejects(2, refused(Status::NoConference, "101-001").http(500))
        .sees(1, 2),
        row(
            "settled in HTTP/1.0",
            ALL,
            follows(vec![Serve(format!("{old}\r\n{ACCEPTED}").into())]),
        )
        .rejects(2, accepted())
        .sees(1, 2),
    ]
}

/// What was said before the request is no answer to it.
fn unasked() -> Vec<Row> {
    let speaks_first = |name, bytes: Vec<u8>| {
        let steps = vec![Wait(MS_50), Send(bytes), Hang];
        row(name, ALL, Site::Follows(vec![speaks(steps), says_no()]))
    };
    let mut rows = vec![
        speaks_first("an answer between agw_connect and the request", stale())
            .connect(connected())
            .act(Pause(MS_200))
            .reject(nothing_rings())
            .sees(2, 1),
    ];
    for (name, bytes) in [
        ("an answer before the request", stale()),
        ("a banner before the request", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("an interim answer before the request", PROCESSING.to_vec()),
    ] {
        let spoke = fails(Status::Protocol, 0, "spoke before it was asked").at(200);
        let row = speaks_first(name, bytes).between(Between::Pause(MS_200));
        rows.push(row.reject(spoke).sees(1, 0));
    }
    only_here(rows)
}

/// Not a byte of the request leaves.
fn unsent() -> Vec<Row> {
    let listens = || follows(vec![Read, Hang]);
    let row_of = |name, between| row(name, ALL, listens()).between(between).sees(1, 0);
    only_here(vec![
        row_of("cancelled before the first byte", Between::Cancel).reject(cancelled(0)),
        row_of("cancelled by number before the first byte", Between::CancelCall(CALL_ID))
            .reject(cancelled(0)),
        row("another is cancelled before the first byte", ALL, serves())
            .between(Between::CancelCall(CALL_ID + 1))
            .rejects(2, accepted())
            .sees(1, 2),
        row_of("time-out before the first byte", Between::Pause(MS_200))
            .timeout(100)
            .reject(fails(Status::Timeout, 0, "before the request was sent").at(200)),
        row("closed before the first byte", ALL, follows(vec![Wait(MS_50)]))
            .between(Between::Pause(MS_200))
            .reject(fails(Status::Io, 0, "before the request was sent").at(200))
            .sees(1, 0),
        // A balancer without a gateway behind it may do the handshake, then hang up.
        row("agw_connect, closed at once", ALL, follows(vec![]))
            .between(Between::Pause(MS_200))
            .connect(fails(Status::Io, 0, "closed the connection after the handshake").at(200))
            .sees(1, 0),
        // The row checks what the child's call comes to: AGW_E_IO, and not a byte sent.
        row("forked before the first byte", ALL, serves())
            .between(Between::Fork)
            .rejects(2, accepted())
            .sees(1, 2),
    ])
}

/// `agw_cancel_call`, wherever a call may be. Once it has ended, the next one is not touched.
fn cancelled_calls() -> Vec<Row> {
    let cancels = |name, over, site| row(name, over, site).act(CancelCall(CALL_ID, MS_150));
    let silent = || below(vec![Hang]);
    vec![
        row("cancelled by number before its call", ALL, serves())
            .act(CancelCall(CALL_ID, Duration::ZERO))
            .reject(cancelled(0))
            .reject(accepted())
            .act(CancelCall(CALL_ID, Duration::ZERO))
            .connect(cancelled(0))
            .connect(connected())
            .sees(1, 1),
        row("another number is cancelled before the call", ALL, serves())
            .act(CancelCall(CALL_ID + 1, Duration::ZERO))
            .rejects(2, accepted())
            .sees(1, 2),
        cancels("cancelled by number, SYN swallowed", BOTH, Site::Full)
            .reject(cancelled(0).at(100)),
        cancels(
            "cancelled by number, ClientHello never answered",
            TLS,
            Site::Follows(vec![silent(), serving()]),
        )
        .reject(cancelled(0).at(100))
        .reject(accepted())
        .sees(2, 1),
        cancels(
            "agw_connect cancelled by number, never answered",
            TLS,
            Site::Follows(vec![silent(), serving()]),
        )
        .connect(cancelled(0).at(100))
        .connect(connected())
        .sees(2, 0),
        cancels("cancelled by number, proxy is stuck", BOTH, serves())
            .through(Site::Follows(vec![below(vec![Read, Hang]), below(vec![Read, Tunnel])]))
            .reject(cancelled(0).at(100))
            .reject(accepted())
            .sees(1, 1),
        cancels("cancelled by number, no answer", ALL, then_serves(vec![Read, Hang]))
            .reject(cancelled(MAYBE_SENT).at(100))
            .reject(accepted())
            .sees(2, 2),
        cancels(
            "cancelled by number, in the middle of an answer",
            ALL,
            then_serves(vec![Read, with_length(99), Hang]),
        )
        .reject(cancelled(MAYBE_SENT).http(200).at(100))
        .reject(accepted())
        .sees(2, 2),
        cancels(
            "cancelled by number, byte by byte",
            ALL,
            then_serves(vec![Read, Drip(http("200 OK", ACCEPTED).into_bytes(), MS_50)]),
        )
        .reject(cancelled(MAYBE_SENT).at(100))
        .reject(accepted())
        .sees(2, 2),
        row(
            "cancelled by number, on a kept connection",
            ALL,
            then_serves(vec![Read, send(http("200 OK", ACCEPTED)), Read, Hang]),
        )
        .reject(accepted())
        .act(CancelCall(CALL_ID, MS_150))
        .reject(cancelled(MAYBE_SENT).at(100))
        .reject(accepted())
        .sees(2, 3),
    ]
}

fn cancelled(flags: u32) -> Expect {
    fails(Status::Cancelled, flags, "cancelled")
}

fn goodbyes() -> Vec<Row> {
    let listens = || follows(vec![Read, send(http("200 OK", ACCEPTED)), AwaitEnd]);
    vec![
        row("goodbye when the client is freed", TLS, listens())
            .reject(accepted())
            .sees(1, 1)
            .says_goodbye(1),
        row("goodbye with AGW_NO_KEEP_ALIVE", TLS, listens())
            .flags(AGW_NO_KEEP_ALIVE)
            .rejects(2, accepted())
            .sees(2, 2)
            .says_goodbye(2),
        row("goodbye without a request", TLS, follows(vec![AwaitEnd]))
            .connect(connected())
            .sees(1, 0)
            .says_goodbye(1),
        row("goodbye after an answer that is none", TLS, {
            follows(vec![Read, send(http("500 Oops", HTML)), AwaitEnd])
        })
        .reject(fails(Status::Http, MAYBE_SENT, "").http(500))
        .sees(1, 1)
        .says_goodbye(1),
    ]
}

/// Rows whose calls need a log callback, which programs of other systems do not have.
fn only_here(rows: Vec<Row>) -> Vec<Row> {
    rows.into_iter().filter(|row| row.between.is_none() || !Elsewhere::is_wanted()).collect()
}

fn framings() -> Vec<Row> {
    let again = |name, answer: String| row(name, ALL, follows(vec![Serve(answer.into_bytes())]));
    let once = |name, answer: String| row(name, ALL, follows(vec![Read, send(answer)]));
    let chunk = format!("{:x};e=1\r\n{ACCEPTED}\r\n", ACCEPTED.len());
    let informed = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n";
    vec![
        again("chunked with trailers", format!("{CHUNKED}{chunk}0\r\nX-T: t\r\nX-U: u\r\n\r\n"))
            .rejects(2, accepted())
            .sees(1, 2),
        again("100 and 103 before the answer", informed.to_owned() + &http("200 OK", ACCEPTED))
            .rejects(2, accepted())
            .sees(1, 2),
        once("Connection: close", with_header("Connection", "close", ACCEPTED))
            .rejects(2, accepted())
            .sees(2, 2),
        once("HTTP/1.0 without length", format!("{OLD}{ACCEPTED}"))
            .rejects(2, accepted())
            .sees(2, 2),
        row(
            "HTTP/1.0 without length or TLS's goodbye",
            TLS,
            follows(vec![Read, send(format!("{OLD}{ACCEPTED}")), Cut]),
        )
        .rejects(2, accepted())
        .sees(2, 2),
    ]
}

fn broken_framings() -> Vec<Row> {
    let once = |name, answer: String| row(name, ALL, follows(vec![Read, send(answer)])).sees(1, 1);
    let broken = || fails(Status::Io, MAYBE_SENT, "in the middle").http(200);
    let half = format!("{OLD}{}", &ACCEPTED[..20]);
    vec![
        row("Content-Length too long, then FIN", ALL, then_serves(vec![Read, with_length(99)]))
            .reject(broken())
            .reject(accepted())
            .sees(2, 2),
        once(
            "chunked, the end missing",
            format!("{CHUNKED}{:x}\r\n{ACCEPTED}\r\n", ACCEPTED.len()),
        )
        .reject(broken()),
        once("chunked, closed among the trailers", format!("{CHUNKED}0\r\nX-T: t\r\n"))
            .reject(broken()),
        once("chunked, closed in the middle of a trailer", format!("{CHUNKED}0\r\nX-T: t"))
            .reject(broken()),
        once("chunked, closed behind the last chunk", format!("{CHUNKED}0\r\n")).reject(broken()),
        once("HTTP/1.0 without length, half an answer", half.clone())
            .reject(fails(Status::Protocol, MAYBE_SENT, "not the documented JSON").http(200)),
        row(
            "HTTP/1.0 without length, RST in the middle",
            ALL,
            follows(vec![Read, send(half), Reset]),
        )
        .reject(broken().os_error())
        .sees(1, 1),
    ]
}

/// What tests/corpus cannot show: heads that come in pieces, or never to an end.
fn odd_heads() -> Vec<Row> {
    let middle = "in the middle of the answer";
    let folded = "HTTP/1.1 100 Continue\r\nA : b\r\n\r\nHTTP/1.1 200 OK\r\nX :\r\n y\r\n z\r\n";
    let pieces = [
        "HTTP/1.1 100 Continue\r\nA",
        " ",
        ": b\r\n\r\nHTTP/1.1 200 OK\r\nX ",
        ":\r\n",
        " y\r\n",
        "\tz\r",
        "\nContent-Length: 47\r\n\r",
        "\n",
        ACCEPTED,
    ];
    let in_pieces = pieces.map(|piece| [send(piece), Wait(Duration::from_millis(10))]).concat();
    let row_of = |name, steps: Vec<Step>| {
        row(name, ALL, then_serves([vec![Read], steps].concat())).sees(2, 2)
    };
    vec![
        row("odd head in pieces", ALL, follows([vec![Read], in_pieces, vec![Hang]].concat()))
            .reject(accepted())
            .sees(1, 1),
        row_of("odd head, then FIN", vec![send(folded)])
            .reject(fails(Status::Io, MAYBE_SENT, middle))
            .reject(accepted()),
        row_of("odd head, FIN in the middle of a name", vec![send(format!("{folded}Content "))])
            .reject(fails(Status::Io, MAYBE_SENT, middle))
            .reject(accepted()),
        row_of("odd head, then RST", vec![send(folded), Reset])
            .reject(fails(Status::Io, MAYBE_SENT, middle).os_error())
            .reject(accepted()),
        row_of("odd head, then silence", vec![send(folded), Hang])
            .timeout(400)
            .reject(fails(Status::Timeout, MAYBE_SENT, middle).at(400))
            .reject(accepted()),
        row_of("odd head, slowly", vec![send(folded), Beat(b" x\r\n".to_vec(), MS_50)])
            .timeout(400)
            .reject(fails(Status::Timeout, MAYBE_SENT, middle).at(400))
            .reject(accepted()),
        row_of(
            "endless folded line",
            vec![send(folded), Repeat([b" ".as_slice(), &[b'x'; 998], b"\n"].concat(), MANY)],
        )
        .reject(fails(Status::TooLarge, MAYBE_SENT, "larger than 64 KiB"))
        .reject(accepted()),
        row_of(
            "endless 1xx with lines",
            vec![Repeat(b"HTTP/1.1 103 x\r\nX : y\r\n z\r\n\r\n".repeat(50), MANY)],
        )
        .reject(fails(Status::TooLarge, MAYBE_SENT, "larger than 64 KiB"))
        .reject(accepted()),
        row_of("1xx with lines, then silence", vec![send(&folded[..folded.len() / 2]), Hang])
            .timeout(400)
            .reject(fails(Status::Timeout, MAYBE_SENT, middle).at(400))
            .reject(accepted()),
    ]
}

fn not_http() -> Vec<Row> {
    let garbled = || fails(Status::Protocol, MAYBE_SENT, "not HTTP");
    let line_feed_alone = || fails(Status::Protocol, MAYBE_SENT, "a line feed alone").http(200);
    let row_of = |name, answer: String| {
        row(name, ALL, then_serves(vec![Read, send(answer), Hang])).sees(2, 2)
    };
    vec![
        row_of("not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n".into())
            .reject(garbled())
            .reject(accepted()),
        row_of("NUL in the head", with_header("X", "a\0b", ACCEPTED))
            .reject(garbled())
            .reject(accepted()),
        row_of("chunked, the length no number", format!("{CHUNKED}zz\r\n{ACCEPTED}\r\n0\r\n\r\n"))
            .reject(garbled().http(200))
            .reject(accepted()),
        row_of(
            "chunked, a length that ends in LF alone",
            format!("{CHUNKED}{:x}\n{ACCEPTED}\r\n0\r\n\r\n", ACCEPTED.len()),
        )
        .reject(garbled().http(200))
        .reject(accepted()),
        row_of(
            "chunked, all lines end in LF alone",
            format!("{}{:x}\n{ACCEPTED}\n0\n\n", CHUNKED.replace('\r', ""), ACCEPTED.len()),
        )
        .reject(line_feed_alone())
        .reject(accepted()),
        row_of(
            "chunked, the data ends in LF alone",
            format!("{CHUNKED}{:x}\r\n{ACCEPTED}\n0\r\n\r\n", ACCEPTED.len()),
        )
        .reject(garbled().http(200))
        .reject(accepted()),
        row_of(
            "chunked, the trailers end in LF alone",
            format!("{CHUNKED}{:x}\r\n{ACCEPTED}\r\n0\r\nX: y\n\n", ACCEPTED.len()),
        )
        .reject(line_feed_alone())
        .reject(accepted()),
    ]
}

fn statuses() -> Vec<Row> {
    let answers = |status, body| follows(vec![Serve(http(status, body).into_bytes())]);
    let html = |status, word| fails(Status::Http, MAYBE_SENT, word).http(status);
    let empty = |status| fails(Status::Protocol, MAYBE_SENT, "the answer is empty").http(status);
    let fault = "Unknown ERROR._40302";
    vec![
        row("204", ALL, follows(vec![Serve(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())]))
            .rejects(2, empty(204))
            .sees(2, 2),
        row("200 without a body", BOTH, answers("200 OK", "")).reject(empty(200)).sees(1, 1),
        row("200 without a retcode", BOTH, answers("200 OK", r#"{"message":"success"}"#))
            .reject(fails(Status::Protocol, MAYBE_SENT, "no retcode").http(200))
            .sees(1, 1),
        row(
            "200 with a retcode that rounds to 0",
            BOTH,
            answers("200 OK", r#"{"retcode":1e-400}"#),
        )
        .reject(fails(Status::Protocol, MAYBE_SENT, "no retcode").http(200))
        .sees(1, 1),
        row("401 in HTML", BOTH, answers("401 Unauthorized", HTML))
            .reject(html(401, "HTTP status 401"))
            .sees(1, 1),
        row("404 in HTML", BOTH, answers("404 Not Found", HTML))
            .reject(html(404, "HTTP status 404 (no such path: check base_url)"))
            .sees(1, 1),
        row("500 in HTML", BOTH, answers("500 Oops", HTML))
            .rejects(2, html(500, "Apache Tomcat"))
            .sees(2, 2),
        row("401 in JSON", BOTH, answers("401 Unauthorized", &says("100-006", "signed out")))
            .reject(refused(Status::Session, "100-006").http(401).message("signed out"))
            .sees(1, 1),
        row("404 in JSON", BOTH, answers("404 Not Found", &says("000-006", "no")))
            .reject(refused(Status::BadRequest, "000-006").http(404).message("no"))
            .sees(1, 1),
        row("500 in JSON", BOTH, answers("500 Oops", &says("100-007", fault)))
            .reject(refused(Status::GatewayFault, "100-007").http(500).cti_code(40302))
            .sees(1, 1),
        row("200 in JSON that says no", BOTH, answers("200 OK", &says("101-001", "late")))
            .rejects(2, refused(Status::NoConference, "101-001").message("late"))
            .sees(1, 2),
    ]
}

fn redirects() -> Vec<Row> {
    let forbidden = Arc::new(Gateway::start(vec![below(vec![Hang])], None));
    let row_of = |name, code, status| {
        let elsewhere = format!("http://127.0.0.1:{}/agentgateway", forbidden.port());
        let answer = http(status, HTML).replacen("\r\n", &location(&elsewhere), 1);
        row(name, ALL, follows(vec![Serve(answer.into_bytes())]))
            .reject(fails(Status::Http, MAYBE_SENT, "redirect").http(code))
            .sees(1, 1)
            .forbids(&forbidden)
    };
    vec![
        row_of("301 to a port that must not see the Guid", 301, "301 Moved Permanently"),
        row_of("302 to a port that must not see the Guid", 302, "302 Found"),
        row_of("303 to a port that must not see the Guid", 303, "303 See Other"),
        row_of("307 to a port that must not see the Guid", 307, "307 Temporary Redirect"),
        row_of("308 to a port that must not see the Guid", 308, "308 Permanent Redirect"),
    ]
}

fn location(url: &str) -> String {
    format!("\r\nLocation: {url}\r\n")
}

fn sizes() -> Vec<Row> {
    const MB_50: usize = 50 * 1024 * 1024;
    let chunk = vec![b' '; LARGEST];
    let chunks = MB_50 / LARGEST;
    let in_chunks = [b"10000\r\n", chunk.as_slice(), b"\r\n"].concat();
    let head = "HTTP/1.1 200 OK\r\n";
    let padded = |size: usize| format!("{ACCEPTED}{}", " ".repeat(size - ACCEPTED.len()));
    let large = || fails(Status::TooLarge, MAYBE_SENT, "larger than 64 KiB");
    // The connection with the rest on it is not used again.
    let row_of =
        |name, steps: Vec<Step>| row(name, BOTH, then_serves([vec![Read], steps].concat()));
    vec![
        row("64 KiB", BOTH, follows(vec![Serve(http("200 OK", &padded(LARGEST)).into_bytes())]))
            .rejects(2, accepted())
            .sees(1, 2),
        row_of("64 KiB and 1 byte", vec![send(http("200 OK", &padded(LARGEST + 1))), Hang])
            .reject(large().http(200))
            .reject(accepted())
            .sees(2, 2),
        row_of(
            "50 MB by length",
            vec![
                send(format!("{head}Content-Length: {MB_50}\r\n\r\n")),
                Repeat(chunk.clone(), chunks),
            ],
        )
        .reject(large().http(200))
        .reject(accepted())
        .sees(2, 2),
        row_of(
            "50 MB in chunks",
            vec![
                send(format!("{head}Transfer-Encoding: chunked\r\n\r\n")),
                Repeat(in_chunks, chunks),
            ],
        )
        .reject(large().http(200))
        .reject(accepted())
        .sees(2, 2),
        row_of(
            "50 MB without length",
            vec![send(format!("{head}\r\n")), Repeat(chunk.clone(), chunks)],
        )
        .reject(large().http(200))
        .reject(accepted())
        .sees(2, 2),
        row_of(
            "header of 70 KB",
            vec![send(with_header("X", &"x".repeat(70_000), ACCEPTED)), Hang],
        )
        .reject(large())
        .reject(accepted())
        .sees(2, 2),
        row_of("endless header", vec![send(format!("{head}X: ")), Repeat(vec![b'x'; 4096], MANY)])
            .reject(large())
            .reject(accepted())
            .sees(2, 2),
        row_of("endless headers", vec![send(head), Repeat(b"X: xxxxxxxxxx\r\n".repeat(100), MANY)])
            .reject(fails(Status::Protocol, MAYBE_SENT, "too many headers"))
            .reject(accepted())
            .sees(2, 2),
        row_of("endless 1xx, as fast as can be", vec![Repeat(PROCESSING.repeat(50), MANY)])
            .reject(large())
            .reject(accepted())
            .sees(2, 2),
        row_of("endless length of a chunk", vec![send(CHUNKED), Repeat(vec![b'0'; 4096], MANY)])
            .reject(large().http(200))
            .reject(accepted())
            .sees(2, 2),
        row_of(
            "endless trailer",
            vec![send(format!("{CHUNKED}0\r\nX: ")), Repeat(vec![b'x'; 4096], MANY)],
        )
        .reject(large().http(200))
        .reject(accepted())
        .sees(2, 2),
        row_of(
            "endless trailers",
            vec![send(format!("{CHUNKED}0\r\n")), Repeat(b"X: xxxxxxxxxx\r\n".repeat(100), MANY)],
        )
        .reject(large().http(200))
        .reject(accepted())
        .sees(2, 2),
    ]
}

fn texts() -> Vec<Row> {
    let row_of = |name, answer: Vec<u8>| row(name, BOTH, follows(vec![Serve(answer)])).sees(1, 1);
    let json = |body: &str| http("200 OK", body).into_bytes();
    let session = || refused(Status::Session, "100-006");
    let long = "座席未签入會議".repeat(5_000 / 7 + 1).chars().take(5_000).collect::<String>();
    let long_code = "9".repeat(40);
    vec![
        row_of("GBK", gbk(b"{\"retcode\":\"100-006\",\"message\":\"\xD7\xF9\xCF\xAF\"}"))
            .reject(session().message("座席")),
        row_of(
            "UTF-8 that is broken",
            [
                b"HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n".as_slice(),
                b"{\"retcode\":\"100-006\",\"message\":\"a\xFFb\" }",
            ]
            .concat(),
        )
        .reject(session().message("a\u{FFFD}b")),
        row_of("NUL in message", json(&says("100-006", "a\\u0000b")))
            .reject(session().message("a\u{FFFD}b")),
        row_of("NUL in retcode", json(&says("100\\u0000-006", "x")))
            .reject(refused(Status::Gateway, "100\u{FFFD}-006").message("x")),
        row_of("NUL in JSON as it is", json(&says("100-006", "a\0b")))
            .reject(fails(Status::Protocol, MAYBE_SENT, "a\u{FFFD}b").http(200)),
        row_of("NUL in HTML", http("500 Oops", "<html>a\0b").into_bytes())
            .reject(fails(Status::Http, MAYBE_SENT, "a b").http(500)),
        row_of("message of 5,000 Chinese characters", json(&says("100-006", &long))).reject(
            session().with_flags(TRUNCATED).message(long.chars().take(511 / 3).collect::<String>()),
        ),
        row_of("accepted, with 5,000 Chinese characters", json(&says("0", &long))).reject(
            accepted()
                .with_flags(TRUNCATED)
                .message(long.chars().take(511 / 3).collect::<String>()),
        ),
        row_of("page of 5,000 Chinese characters", http("500 Oops", &long).into_bytes()).reject(
            fails(Status::Http, MAYBE_SENT, "HTTP status 500; it begins: 座席未签入").http(500),
        ),
        row_of("retcode that is too long", json(&says(&long_code, "x")))
            .reject(refused(Status::Gateway, &long_code[..31]).with_flags(TRUNCATED)),
        row_of("Guid echoed in JSON", json(&says("100-006", &format!("no session {GUID}"))))
            .reject(session().message("no session (Guid)")),
        row_of("Guid echoed in HTML", http("500 Oops", &format!("<p>{GUID}")).into_bytes())
            .reject(fails(Status::Http, MAYBE_SENT, "(Guid)").http(500)),
        row_of("Guid echoed in what is not HTTP", format!("{GUID}\r\n\r\n").into_bytes())
            .reject(fails(Status::Protocol, MAYBE_SENT, "not HTTP")),
    ]
}

fn deadlines() -> Vec<Row> {
    const MS_300: Duration = Duration::from_millis(300);
    let late = |word| fails(Status::Timeout, MAYBE_SENT, word);
    let row_of = |name, steps: Vec<Step>| {
        let site = Site::Follows(vec![speaks([vec![Read], steps].concat())]);
        row(name, BOTH, site).timeout(400).sees(1, 1)
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 47\r\n\r\n";
    let middle = "in the middle of the answer";
    vec![
        row_of("no answer", vec![Hang]).reject(late("while waiting for the answer").at(400)),
        row_of("half an answer, then silence", vec![send(&http("200 OK", ACCEPTED)[..100]), Hang])
            .reject(late(middle).http(200).at(400)),
        row_of("Content-Length too long, then silence", vec![with_length(99), Hang])
            .reject(late(middle).http(200).at(400)),
        row_of("a byte of header every 300 ms", vec![Drip(head.as_bytes().to_vec(), MS_300)])
            .timeout(1_000)
            .reject(late(middle).at(1_000)),
        row_of(
            "a byte of body every 300 ms",
            vec![send(head), Drip(ACCEPTED.as_bytes().to_vec(), MS_300)],
        )
        .timeout(1_000)
        .reject(late(middle).http(200).at(1_000)),
        row_of(
            "endless headers, slowly",
            vec![send("HTTP/1.1 200 OK\r\n"), Beat(b"X: y\r\n".to_vec(), MS_50)],
        )
        .reject(late(middle).at(400)),
        row_of(
            "endless chunks, slowly",
            vec![
                send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
                Beat(b"1\r\n \r\n".to_vec(), MS_50),
            ],
        )
        .reject(late(middle).http(200).at(400)),
        row_of(
            "endless body without length, slowly",
            vec![send("HTTP/1.0 200 OK\r\n\r\n"), Beat(b" ".to_vec(), MS_50)],
        )
        .reject(late(middle).http(200).at(400)),
        row_of("endless 1xx, slowly", vec![Beat(PROCESSING.to_vec(), MS_50)])
            .reject(late(middle).at(400)),
        row_of(
            "a byte of answer, connect time-out long passed",
            vec![Drip(b"H".to_vec(), MS_300), send(&http("200 OK", ACCEPTED)[1..])],
        )
        .timeout(5_000)
        .connect_timeout(200)
        .reject(accepted().at(300)),
    ]
}

fn kept_connections() -> Vec<Row> {
    let answers = || vec![Read, send(http("200 OK", ACCEPTED))];
    let row_of = |name, steps: Vec<Step>| {
        row(name, ALL, follows([answers(), steps].concat()))
            .reject(accepted())
            .act(AwaitEnded(1))
            .reject(accepted())
            .sees(2, 2)
    };
    vec![
        row("kept for the next calls", ALL, serves()).rejects(3, accepted()).sees(1, 3),
        row("not kept with AGW_NO_KEEP_ALIVE", ALL, serves())
            .flags(AGW_NO_KEEP_ALIVE)
            .rejects(3, accepted())
            .sees(3, 3),
        row(
            "not kept where the gateway says so",
            ALL,
            follows(vec![Serve(
                with_header("Keep-Alive", "timeout=20, max=0", ACCEPTED).into_bytes(),
            )]),
        )
        .rejects(2, accepted())
        .sees(2, 2),
        row(
            "kept for a second less than the gateway says",
            ALL,
            follows(vec![Serve(with_header("Keep-Alive", "timeout=2", ACCEPTED).into_bytes())]),
        )
        .rejects(2, accepted())
        .act(Pause(Duration::from_millis(1_100)))
        .reject(accepted())
        .sees(2, 3),
        // Before the next call looks at the connection, or while it sends.
        row("closed right behind every answer, 20 times", ALL, follows(answers()))
            .rejects(20, accepted().with_flags(RESENT).or_without(RESENT))
            .sees(20, 20),
        row_of("idle, closed by FIN", vec![]),
        row_of("idle, FIN without TLS's goodbye", vec![Cut]),
        row_of("idle, closed by RST", vec![Reset]),
        row_of("idle, 408 unasked, then FIN", vec![send(http("408 Request Timeout", HTML))]),
        row(
            "idle, dropped without FIN",
            ALL,
            Site::Follows(vec![speaks([answers(), vec![Read, Hang]].concat()), serving()]),
        )
        .timeout(400)
        .reject(accepted())
        .reject(fails(Status::Timeout, MAYBE_SENT, "while waiting for the answer").at(400))
        .reject(accepted())
        .sees(2, 3),
    ]
}

/// A kept connection dies when the second request comes: sent once more, if not a byte of answer
/// came.
fn second_requests() -> Vec<Row> {
    let first = || vec![Read, send(http("200 OK", ACCEPTED))];
    let dies = |end: &[Step]| speaks([first(), end.to_vec()].concat());
    let every = |name, end: &[Step], requests| {
        row(name, ALL, Site::Follows(vec![dies(end)]))
            .reject(accepted())
            .rejects(TIMES, accepted().with_flags(RESENT))
            .sees(1 + TIMES, requests)
    };
    let once = |name, scripts| row(name, ALL, Site::Follows(scripts)).reject(accepted());
    let half = || send(&http("200 OK", ACCEPTED)[..100]);
    let answer = || http("200 OK", ACCEPTED).into_bytes();
    // A gateway that began to answer has acted, also where the bytes are not yet to be deciphered.
    let part = |name, end: &[Step]| {
        row(name, TLS, Site::Follows(vec![dies(&[&[Read], end].concat()), serving()]))
            .reject(accepted())
            .reject(fails(Status::Io, MAYBE_SENT, "in the middle"))
            .sees(1, 2)
    };
    vec![
        every("closes unread as the 2nd request comes, 200 times", &[Await], 1 + TIMES),
        every("RST as the 2nd request comes, 200 times", &[Await, Reset], 1 + TIMES),
        every("reads the 2nd request, then FIN, 200 times", &[Read], 1 + 2 * TIMES),
        every("reads the 2nd request, then RST, 200 times", &[Read, Reset], 1 + 2 * TIMES),
        once("half an answer to the 2nd request, then FIN", vec![dies(&[Read, half()]), serving()])
            .reject(fails(Status::Io, MAYBE_SENT, "in the middle").http(200))
            .reject(accepted())
            .sees(2, 3),
        once(
            "a byte of answer to the 2nd request, then FIN",
            vec![dies(&[Read, send("H")]), serving()],
        )
        .reject(fails(Status::Io, MAYBE_SENT, "in the middle"))
        .sees(1, 2),
        once(
            "a byte of answer to the 2nd request, then RST",
            vec![dies(&[Read, send("H"), Reset]), serving()],
        )
        .reject(fails(Status::Io, MAYBE_SENT, "in the middle").os_error())
        .sees(1, 2),
        part("3 bytes of a record to the 2nd request, then FIN", &[SendPart(answer(), 3), Cut]),
        part("half a record to the 2nd request, then FIN", &[SendPart(answer(), 90), Cut]),
        once(
            "1xx to the 2nd request, then FIN",
            vec![dies(&[Read, Send(PROCESSING.to_vec())]), serving()],
        )
        .reject(fails(Status::Io, MAYBE_SENT, "in the middle"))
        .sees(1, 2),
        once(
            "sent once more, closed once more: no third time",
            vec![dies(&[Read]), speaks(vec![Read]), serving()],
        )
        .reject(fails(Status::Io, MAYBE_SENT | RESENT, "while waiting"))
        .sees(2, 3),
        once("sent once more, then silence", vec![dies(&[Read]), speaks(vec![Read, Hang])])
            .timeout(400)
            .reject(fails(Status::Timeout, MAYBE_SENT | RESENT, "while waiting").at(400))
            .sees(2, 3),
        once(
            "sent once more, within the same time-out",
            vec![dies(&[Read, Wait(Duration::from_millis(300))]), speaks(vec![Read, Hang])],
        )
        .timeout(400)
        .reject(fails(Status::Timeout, MAYBE_SENT | RESENT, "while waiting").at(400))
        .sees(2, 3),
        once("dead, and nobody listens any more", vec![dies(&[Read])])
            .act(ClosePort)
            .reject(fails(Status::Connect, MAYBE_SENT, "no connection").os_error())
            .sees(1, 2),
        // The first copy may be why nothing rings any more.
        once("sent once more, nothing rings", vec![dies(&[Read]), says_no()])
            .reject(nothing_rings().with_flags(MAYBE_SENT | RESENT))
            .sees(2, 3),
    ]
}

/// A gateway that closes more than a second after it has taken the request may have acted on it.
fn died_late() -> Vec<Row> {
    const MS_1500: Duration = Duration::from_millis(1_500);
    let first = || vec![Read, send(http("200 OK", ACCEPTED))];
    let row_of = |name, over, end: &[Step]| {
        let script = speaks([first(), vec![Read, Wait(MS_1500)], end.to_vec()].concat());
        row(name, over, Site::Follows(vec![script, serving()])).reject(accepted())
    };
    let broken = || fails(Status::Io, MAYBE_SENT, "while waiting for the answer").at(1_500);
    vec![
        row_of("reads the 2nd request, FIN 1.5 s later", ALL, &[]).reject(broken()).sees(1, 2),
        row_of("reads the 2nd request, no goodbye 1.5 s later", TLS, &[Cut])
            .reject(broken())
            .sees(1, 2),
        row_of("reads the 2nd request, RST 1.5 s later", ALL, &[Reset])
            .reject(broken().os_error())
            .sees(1, 2),
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

fn connecting_ahead() -> Vec<Row> {
    let stalled = || Site::Follows(vec![below(vec![Hang])]);
    vec![
        row("agw_connect, then a call on the same connection", ALL, serves())
            .connect(connected())
            .connect(connected())
            .reject(accepted())
            .sees(1, 1),
        row("agw_connect makes a new one where nothing was heard for 2 s", ALL, serves())
            .reject(accepted())
            .connect(connected())
            .act(Pause(Duration::from_millis(2_100)))
            .connect(connected())
            .reject(accepted())
            .sees(2, 2),
        row("agw_connect with AGW_NO_KEEP_ALIVE", ALL, serves())
            .flags(AGW_NO_KEEP_ALIVE)
            .connect(connected())
            .reject(accepted())
            .sees(2, 1),
        row("agw_connect, nobody listens", ALL, Site::Nobody)
            .connect(fails(Status::Connect, 0, "no connection to 127.0.0.1").os_error()),
        row("agw_connect, SYN swallowed", BOTH, Site::Full)
            .timeout(400)
            .connect(fails(Status::Timeout, 0, "while connecting").at(400)),
        row("agw_connect, ClientHello never answered", TLS, stalled())
            .timeout(400)
            .connect(fails(Status::Timeout, 0, "TLS handshake").at(400))
            .sees(1, 0),
        row("agw_connect, ClientHello never answered, connect time-out", TLS, stalled())
            .connect_timeout(300)
            .connect(fails(Status::Timeout, 0, "TLS handshake").at(300))
            .sees(1, 0),
        row("agw_connect, client certificate missing", TLS, serves())
            .wants_client_certificate()
            .connect(fails(Status::Tls, 0, "demands a client certificate"))
            .sees(1, 0),
        row(
            "agw_connect, closed before the call",
            ALL,
            Site::Follows(vec![speaks(vec![Wait(Duration::from_millis(200))]), serving()]),
        )
        .connect(connected())
        .act(AwaitEnded(1))
        .reject(accepted())
        .sees(2, 1),
        row(
            "agw_connect, closed as the request comes",
            ALL,
            Site::Follows(vec![speaks(vec![Await]), serving()]),
        )
        .connect(connected())
        .reject(accepted().with_flags(RESENT))
        .sees(2, 1),
    ]
}

fn proxies() -> Vec<Row> {
    let proxied =
        |name, steps| row(name, BOTH, serves()).through(Site::Follows(vec![below(steps)]));
    let no = |word| fails(Status::Proxy, 0, word);
    let says = |status| send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
    vec![
        proxied("proxy", vec![Read, Tunnel]).rejects(2, accepted()).sees(1, 2),
        proxied("proxy with user and password", vec![Read, Tunnel])
            .with_credentials()
            .connect(connected())
            .reject(accepted())
            .sees(1, 1),
        proxied("proxy answers 407", vec![Read, says("407 Proxy Authentication Required")])
            .reject(no("user name and password (HTTP 407)")),
        proxied("proxy answers 403", vec![Read, says("403 Forbidden")])
            .reject(no("HTTP status 403"))
            .connect(no("HTTP status 403")),
        proxied("proxy answers 502", vec![Read, says("502 Bad Gateway")])
            .reject(no("HTTP status 502")),
        proxied("proxy answers 302", vec![Read, says("302 Found")]).reject(no("HTTP status 302")),
        proxied("proxy answers garbage", vec![Read, send("SSH-2.0-OpenSSH\r\n\r\n")])
            .reject(no("not HTTP")),
        proxied(
            "proxy answers endless headers",
            vec![Read, send("HTTP/1.1 200 OK\r\n"), Repeat(b"X: xxxxxxxxxx\r\n".repeat(100), MANY)],
        )
        .reject(no("not HTTP")),
        proxied("proxy answers endless 1xx", vec![Read, Repeat(PROCESSING.repeat(50), MANY)])
            .reject(no("no end within 64 KiB")),
        // It has read the Guid, since no TLS is spoken.
        Row {
            over: &[Plain],
            ..proxied(
                "proxy shows the Guid",
                vec![Read, send(http("403 Forbidden", &format!("<title>no {GUID}</title>")))],
            )
        }
        .reject(no("HTTP status 403")),
        proxied("proxy closes behind a 1xx", vec![Read, Send(PROCESSING.to_vec())])
            .reject(no("closed the connection")),
        proxied("proxy closes", vec![Read]).reject(no("closed the connection")),
        proxied("proxy closes in the middle", vec![Read, send("HTTP/1.1 200")])
            .reject(no("closed the connection")),
        proxied("proxy resets", vec![Read, Reset]).reject(no("broke").os_error()),
        row("proxy, nobody listens", BOTH, serves())
            .through(Site::Nobody)
            .reject(no("no connection").os_error()),
    ]
}

fn proxy_deadlines() -> Vec<Row> {
    let proxied =
        |name, steps| row(name, BOTH, serves()).through(Site::Follows(vec![below(steps)]));
    let late = |flags, word| fails(Status::Timeout, flags, word);
    vec![
        proxied("proxy is stuck", vec![Read, Hang]).timeout(400).reject(late(0, "tunnel").at(400)),
        proxied("proxy is stuck, with agw_connect", vec![Read, Hang])
            .timeout(400)
            .connect(late(0, "tunnel").at(400)),
        proxied("proxy is stuck, connect time-out", vec![Read, Hang])
            .connect_timeout(300)
            .reject(late(0, "tunnel").at(300)),
        proxied("proxy answers 1xx and no more", vec![Read, Send(PROCESSING.to_vec()), Hang])
            .timeout(400)
            .reject(late(0, "tunnel").at(400)),
        proxied(
            "proxy refuses, and its page does not come",
            vec![Read, send("HTTP/1.1 403 No\r\nContent-Length: 99\r\n\r\n<p>Poli"), Hang],
        )
        .reject(fails(Status::Proxy, 0, "HTTP status 403 and says: Poli").at(500)),
        proxied("proxy answers byte by byte", vec![Read, Beat(b"H".to_vec(), MS_50)])
            .timeout(400)
            .reject(late(0, "tunnel").at(400)),
        row("proxy, SYN swallowed", BOTH, serves())
            .through(Site::Full)
            .timeout(400)
            .reject(late(0, "while connecting").at(400)),
        row("proxy, ClientHello never answered", &[Tls13], Site::Follows(vec![below(vec![Hang])]))
            .through(Site::Follows(vec![below(vec![Read, Tunnel])]))
            .connect_timeout(300)
            .reject(late(0, "TLS handshake").at(300))
            .sees(1, 0),
        row("proxy, no answer", BOTH, follows(vec![Read, Hang]))
            .through(Site::Follows(vec![below(vec![Read, Tunnel])]))
            .timeout(400)
            .reject(late(MAYBE_SENT, "while waiting for the answer").at(400))
            .sees(1, 1),
    ]
}

/// Each names the proxy, which may be why.
fn behind_proxies() -> Vec<Row> {
    let row_of = |name, over, steps| {
        row(name, over, Site::Follows(vec![steps]))
            .through(Site::Follows(vec![below(vec![Read, Tunnel])]))
            .timeout(400)
    };
    let through = |status, flags| fails(status, flags, "through proxy 127.0.0.1:");
    only_here(vec![
        row_of("behind a proxy, FIN in the handshake", &[Tls13], below(vec![Take]))
            .reject(through(Status::Tls, 0))
            .sees(1, 0),
        row_of("behind a proxy, no TLS", &[Tls13], below(vec![Take, send("SSH-2.0\r\n"), Hang]))
            .reject(through(Status::Tls, 0))
            .sees(1, 0),
        row_of("behind a proxy, a silent handshake", &[Tls13], below(vec![Hang]))
            .reject(through(Status::Timeout, 0).at(400))
            .sees(1, 0),
        row_of("behind a proxy, closed at once", BOTH, speaks(vec![]))
            .between(Between::Pause(MS_200))
            .connect(through(Status::Io, 0).at(200))
            .sees(1, 0),
        row_of("behind a proxy, FIN before an answer", BOTH, speaks(vec![Read]))
            .reject(through(Status::Io, MAYBE_SENT))
            .sees(1, 1),
        row_of(
            "behind a proxy, FIN in the middle of the body",
            BOTH,
            speaks(vec![Read, send(&http("200 OK", ACCEPTED)[..100])]),
        )
        .reject(through(Status::Io, MAYBE_SENT).http(200))
        .sees(1, 1),
        row_of("behind a proxy, closed among the trailers", BOTH, {
            speaks(vec![Read, send(format!("{CHUNKED}0\r\nX-T: t\r\n"))])
        })
        .reject(through(Status::Io, MAYBE_SENT).http(200))
        .sees(1, 1),
        row_of("behind a proxy, no answer", BOTH, speaks(vec![Read, Hang]))
            .reject(through(Status::Timeout, MAYBE_SENT).at(400))
            .sees(1, 1),
        row_of("behind a proxy, not HTTP", BOTH, speaks(vec![Read, send("SSH-2.0\r\n\r\n"), Hang]))
            .reject(through(Status::Protocol, MAYBE_SENT))
            .sees(1, 1),
    ])
}

/// How often the connection dies just as the second request comes.
const TIMES: usize = 200;

/// More often than anybody reads.
const MANY: usize = usize::MAX;

const MS_50: Duration = Duration::from_millis(50);

/// When a call is cancelled that must not return before 100 ms.
const MS_150: Duration = Duration::from_millis(150);

const MS_200: Duration = Duration::from_millis(200);

const PROCESSING: &[u8] = b"HTTP/1.1 102 Processing\r\n\r\n";

fn speaks(steps: Vec<Step>) -> Script {
    Script::Http(steps)
}

fn below(steps: Vec<Step>) -> Script {
    Script::Tcp(steps)
}

/// Every connection goes the same way.
fn follows(steps: Vec<Step>) -> Site {
    Site::Follows(vec![speaks(steps)])
}

/// The first connection goes this way, the next ones are without a fault.
fn then_serves(steps: Vec<Step>) -> Site {
    Site::Follows(vec![speaks(steps), serving()])
}

fn serving() -> Script {
    speaks(vec![Serve(http("200 OK", ACCEPTED).into_bytes())])
}

/// A gateway at which nothing rings.
fn says_no() -> Script {
    speaks(vec![Serve(http("200 OK", &says("101-001", "real")).into_bytes())])
}

fn nothing_rings() -> Expect {
    refused(Status::NoConference, "101-001").message("real")
}

/// An acceptance that belongs to no request.
pub fn stale() -> Vec<u8> {
    http("200 OK", &says("0", "stale")).into_bytes()
}

/// A gateway without a fault.
fn serves() -> Site {
    Site::Follows(vec![serving()])
}

fn send(bytes: impl AsRef<[u8]>) -> Step {
    Send(bytes.as_ref().to_vec())
}

fn with_header(name: &str, value: &str, body: &str) -> String {
    http("200 OK", body).replacen("\r\n", &format!("\r\n{name}: {value}\r\n"), 1)
}

/// The accepting answer with another length than its body has.
fn with_length(length: usize) -> Step {
    send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{ACCEPTED}"))
}

fn gbk(body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=GBK\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The documented JSON with this code and text.
fn says(retcode: &str, message: &str) -> String {
    format!(r#"{{"message":"{message}","retcode":"{retcode}","result":""}}"#)
}

/// A ServerHello of TLS 1.1, otherwise in order.
fn hello_of_tls_11() -> Vec<u8> {
    let random = [0x5A; 32];
    let no_session_cipher_no_compression = [0x00, 0x00, 0x2F, 0x00];
    let body = [b"\x03\x02".as_slice(), &random, &no_session_cipher_no_compression].concat();
    let length = body.len() as u8;
    let record = [0x16, 0x03, 0x02, 0x00, length + 4, 0x02, 0x00, 0x00, length];
    [record.as_slice(), &body].concat()
}
