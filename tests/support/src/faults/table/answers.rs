//! Answers that are odd, broken, too large or too slow.

use std::borrow::Cow;
use std::sync::Arc;

use crate::faults::parts::*;
use crate::gateway::Gateway;

const OLD: &str = "HTTP/1.0 200 OK\r\nServer: old\r\n\r\n";

const LARGEST: usize = 64 * 1024;

pub fn rows() -> Vec<Row> {
    [
        framings(),
        broken_framings(),
        odd_heads(),
        not_http(),
        statuses(),
        redirects(),
        sizes(),
        texts(),
        deadlines(),
    ]
    .concat()
}

/// On each connection a request is read, then this happens.
fn once(name: &'static str, steps: &[Step]) -> Row {
    row(name, ALL, follows([&[Read], steps].concat()))
}

fn framings() -> Vec<Row> {
    let anew = |row: Row| row.rejects(2, accepted()).sees(2, 2);
    let chunk = format!("{:x};e=1\r\n{ACCEPTED}\r\n", ACCEPTED.len());
    let old = || send(format!("{OLD}{ACCEPTED}"));
    let old_chunks = format!("{}{chunk}0\r\n\r\n", CHUNKED.replace("1.1", "1.0"));
    let kept = old_chunks.replace("200 OK\r\n", "200 OK\r\nConnection: keep-alive\r\n");
    let close = |name, value| row(name, ALL, follows([serve(with_header("Connection", value))]));
    let chunks = |name, lines| row(name, ALL, follows([serve(format!("{CHUNKED}{lines}"))]));
    let one_more_head = format!("{chunk}0\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    vec![
        chunks("chunked with trailers", format!("{chunk}0\r\nX-T: t\r\nX-U: u\r\n\r\n"))
            .rejects(2, accepted())
            .sees(1, 2),
        anew(once("Connection: close", &[send(with_header("Connection", "close"))])),
        anew(close("Connection: close beside a word that is not ASCII", "close, \u{e9}")),
        anew(close("Connection: close without a comma", "keep-alive CLOSE")),
        anew(chunks("chunked, a sign before the length", format!("+{chunk}0\r\n\r\n"))),
        anew(chunks("chunked, a blank before the length", format!(" {chunk}0\r\n\r\n"))),
        anew(chunks("chunked, a trailer without a colon", format!("{chunk}0\r\nX-T\r\n\r\n"))),
        anew(chunks("chunked, one more head among the trailers", one_more_head)),
        anew(row("chunks in HTTP/1.0", ALL, follows([serve(old_chunks)]))),
        anew(row("chunks in HTTP/1.0, to be kept alive", ALL, follows([serve(kept)]))),
        anew(once("HTTP/1.0 without length", &[old()])),
        anew(row("HTTP/1.0 without length or TLS's goodbye", TLS, follows([Read, old(), Cut]))),
    ]
}

fn broken_framings() -> Vec<Row> {
    let row_of = |name, answer: String| once(name, &[send(answer)]).sees(1, 1);
    let broken = || broken("in the middle").http(200);
    let cut = |name, answer| row_of(name, answer).reject(broken());
    let half = format!("{OLD}{}", &ACCEPTED[..20]);
    let no_end = format!("{CHUNKED}{:x}\r\n{ACCEPTED}\r\n", ACCEPTED.len());
    vec![
        row("Content-Length too long, then FIN", ALL, then_serves([Read, with_length(99)]))
            .rejects_once(broken())
            .sees(2, 2),
        cut("chunked, the end missing", no_end),
        cut("chunked, closed among the trailers", format!("{CHUNKED}0\r\nX-T: t\r\n")),
        cut("chunked, closed in the middle of a trailer", format!("{CHUNKED}0\r\nX-T: t")),
        cut("chunked, closed behind the last chunk", format!("{CHUNKED}0\r\n")),
        row_of("HTTP/1.0 without length, half an answer", half.clone())
            .reject(fails(Status::Protocol, MAYBE_SENT, "not the documented JSON").http(200)),
        once("HTTP/1.0 without length, RST in the middle", &[send(half), Reset])
            .reject(broken().os_error())
            .sees(1, 1),
    ]
}

/// The first answer is wrong, and the next call succeeds over another connection.
fn wrong(name: impl Into<Cow<'static, str>>, steps: &[Step], expect: Expect) -> Row {
    row(name, ALL, then_serves([&[Read], steps].concat())).rejects_once(expect).sees(2, 2)
}

fn too_large() -> Expect {
    fails(Status::TooLarge, MAYBE_SENT, "larger than 64 KiB")
}

/// What tests/corpus cannot show: heads that come in pieces, or never to an end.
fn odd_heads() -> Vec<Row> {
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
    let in_pieces = pieces.map(|piece| [send(piece), Wait(ms(10))]).concat();
    let no_header = ["HTTP/1.1 103 \x1b", "\r\nno colon\r\n", "X: \0\r", "\n\r\n"];
    let no_header = no_header.map(|piece| [send(piece), Wait(ms(10))]).concat();
    let no_header = [no_header, vec![send(http("200 OK", ACCEPTED))]].concat();
    let late = |name, steps: &[Step]| {
        wrong(name, steps, fails(Status::Timeout, MAYBE_SENT, MIDDLE).at(400)).timeout(400)
    };
    let in_a_name = send(format!("{folded}Content "));
    let endless = [b" ".as_slice(), &[b'x'; 998], b"\n"].concat();
    let interim = b"HTTP/1.1 103 x\r\nX : y\r\n z\r\n\r\n".repeat(50);
    vec![
        once("odd head in pieces", &[in_pieces, vec![Hang]].concat()).reject(accepted()).sees(1, 1),
        once("1xx with what is no header, in pieces", &[no_header, vec![Hang]].concat())
            .reject(accepted())
            .sees(1, 1),
        wrong("odd head, then FIN", &[send(folded)], broken(MIDDLE)),
        wrong("odd head, FIN in the middle of a name", &[in_a_name], broken(MIDDLE)),
        wrong("odd head, then RST", &[send(folded), Reset], broken(MIDDLE).os_error()),
        late("odd head, then silence", &[send(folded), Hang]),
        late("odd head, slowly", &[send(folded), Beat(b" x\r\n".to_vec(), ms(50))]),
        wrong("endless folded line", &[send(folded), Repeat(endless, MANY)], too_large()),
        wrong("endless 1xx with lines", &[Repeat(interim, MANY)], too_large()),
        late("1xx with lines, then silence", &[send(&folded[..folded.len() / 2]), Hang]),
    ]
}

fn not_http() -> Vec<Row> {
    let garbled = || fails(Status::Protocol, MAYBE_SENT, "not HTTP");
    let line_feed_alone = || fails(Status::Protocol, MAYBE_SENT, "a line feed alone").http(200);
    let row_of =
        |name: &str, answer: String, expect| wrong(name.to_owned(), &[send(answer), Hang], expect);
    // LENGTH is that of ANSWER, in hex.
    let chunked = |(name, lines, expect): (&str, &str, Expect)| {
        let lines = lines.replace("LENGTH", &format!("{:x}", ACCEPTED.len()));
        let lines = lines.replace("ANSWER", ACCEPTED);
        row_of(&format!("chunked, {name}"), format!("{CHUNKED}{lines}"), expect)
    };
    let chunks = [
        ("the length no number", "zz\r\nANSWER\r\n0\r\n\r\n", garbled().http(200)),
        ("a length that ends in LF alone", "LENGTH\nANSWER\r\n0\r\n\r\n", garbled().http(200)),
        ("the data ends in LF alone", "LENGTH\r\nANSWER\n0\r\n\r\n", garbled().http(200)),
        ("the trailers end in LF alone", "LENGTH\r\nANSWER\r\n0\r\nX: y\n\n", line_feed_alone()),
        ("LF alone in an extension", "LENGTH;a\nb\r\nANSWER\r\n0\r\n\r\n", line_feed_alone()),
        ("CR alone in a trailer", "LENGTH\r\nANSWER\r\n0\r\nX: y\rz\r\n\r\n", garbled().http(200)),
    ];
    let length = ACCEPTED.len();
    let line_feeds = format!("{}{length:x}\n{ACCEPTED}\n0\n\n", CHUNKED.replace('\r', ""));
    let one_more =
        format!("{CHUNKED}{length:x}\r\n{ACCEPTED}\r\n0\r\n\n") + &http("200 OK", ACCEPTED);
    let others = [
        row_of("not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n".into(), garbled()),
        row_of("NUL in the head", with_header("X", "a\0b"), garbled()),
        row_of("chunked, all lines end in LF alone", line_feeds, line_feed_alone()),
        row_of("chunked, the end in LF alone, then one more answer", one_more, line_feed_alone()),
    ];
    chunks.map(chunked).into_iter().chain(others).collect()
}

fn statuses() -> Vec<Row> {
    let row_of = |name, status, body: &str, expect| {
        row(name, BOTH, follows([serve(http(status, body))])).reject(expect).sees(1, 1)
    };
    let ok = |name, body, expect| row_of(name, "200 OK", body, expect);
    let html = |status, word| fails(Status::Http, MAYBE_SENT, word).http(status);
    let empty = |status| fails(Status::Protocol, MAYBE_SENT, "the answer is empty").http(status);
    let no_retcode = || fails(Status::Protocol, MAYBE_SENT, "no retcode").http(200);
    let no_such_path = "HTTP status 404 (no such path: check base_url)";
    let nothing_rings = || refused(Status::NoConference, "101-001").message("late");
    let too_large = r#"{"retcode":"0","message":1e400}"#;
    let signed_out = refused(Status::Session, "100-006").http(401).message("signed out");
    let no = refused(Status::BadRequest, "000-006");
    let fault = Expect { cti_code: 40302, ..refused(Status::GatewayFault, "100-007").http(500) };
    vec![
        row("204", ALL, follows([serve("HTTP/1.1 204 No Content\r\n\r\n")]))
            .rejects(2, empty(204))
            .sees(2, 2),
        ok("200 without a body", "", empty(200)),
        ok("200 without a retcode", r#"{"message":"success"}"#, no_retcode()),
        ok("200 with a retcode that rounds to 0", r#"{"retcode":1e-400}"#, no_retcode()),
        ok("200, the message a number that is too large", too_large, accepted().message("")),
        row_of("401 in HTML", "401 Unauthorized", HTML, html(401, "HTTP status 401")),
        row_of("404 in HTML", "404 Not Found", HTML, html(404, no_such_path)),
        row_of("500 in HTML", "500 Oops", HTML, html(500, "Apache Tomcat"))
            .reject(html(500, "Apache Tomcat"))
            .sees(2, 2),
        row_of("401 in JSON", "401 Unauthorized", &says("100-006", "signed out"), signed_out),
        row_of("404 in JSON", "404 Not Found", &says("000-006", "no"), no.http(404).message("no")),
        row_of("500 in JSON", "500 Oops", &says("100-007", "Unknown ERROR._40302"), fault),
        ok("200 in JSON that says no", &says("101-001", "late"), nothing_rings())
            .reject(nothing_rings())
            .sees(1, 2),
    ]
}

fn redirects() -> Vec<Row> {
    let forbidden = Arc::new(Gateway::start(vec![below([Hang])], None));
    let location = format!("\r\nLocation: http://127.0.0.1:{}/agentgateway\r\n", forbidden.port());
    let row_of = |name, code, status| {
        let answer = http(status, HTML).replacen("\r\n", &location, 1);
        let row = row(name, ALL, follows([serve(answer)]))
            .reject(fails(Status::Http, MAYBE_SENT, "redirect").http(code))
            .sees(1, 1);
        Row { forbidden: Some(forbidden.clone()), ..row }
    };
    vec![
        row_of("301 to a port that must not see the Guid", 301, "301 Moved Permanently"),
        row_of("302 to a port that must not see the Guid", 302, "302 Found"),
        row_of("303 to a port that must not see the Guid", 303, "303 See Other"),
        row_of("307 to a port that must not see the Guid", 307, "307 Temporary Redirect"),
        row_of("308 to a port that must not see the Guid", 308, "308 Permanent Redirect"),
    ]
}

fn sizes() -> Vec<Row> {
    const MB_50: usize = 50 * 1024 * 1024;
    let chunk = vec![b' '; LARGEST];
    let in_chunks = [b"10000\r\n", chunk.as_slice(), b"\r\n"].concat();
    let head = "HTTP/1.1 200 OK\r\n";
    let padded = |size: usize| format!("{ACCEPTED}{}", " ".repeat(size - ACCEPTED.len()));
    let lines = || Repeat(b"X: xxxxxxxxxx\r\n".repeat(100), MANY);
    let too_large_body = || too_large().http(200);
    let one_byte_more = send(http("200 OK", &padded(LARGEST + 1)));
    let long_header = send(with_header("X", &"x".repeat(70_000)));
    // The connection with the rest on it is not used again.
    let row_of = |name, steps: &[Step], expect| Row { over: BOTH, ..wrong(name, steps, expect) };
    // All that was sent before the end is sent so many times over.
    let mb_50 = |name, head: String, chunk: &[u8]| {
        let steps = [send(head), Repeat(chunk.to_vec(), MB_50 / LARGEST)];
        row_of(name, &steps, too_large_body())
    };
    let endless = |name, start: String, byte: u8, expect| {
        row_of(name, &[send(start), Repeat(vec![byte; 4096], MANY)], expect)
    };
    vec![
        row("64 KiB", BOTH, follows([serve(http("200 OK", &padded(LARGEST)))]))
            .rejects(2, accepted())
            .sees(1, 2),
        row_of("64 KiB and 1 byte", &[one_byte_more, Hang], too_large_body()),
        mb_50("50 MB by length", format!("{head}Content-Length: {MB_50}\r\n\r\n"), &chunk),
        mb_50("50 MB in chunks", format!("{head}Transfer-Encoding: chunked\r\n\r\n"), &in_chunks),
        mb_50("50 MB without length", format!("{head}\r\n"), &chunk),
        row_of("header of 70 KB", &[long_header, Hang], too_large()),
        endless("endless header", format!("{head}X: "), b'x', too_large()),
        row_of("endless headers", &[send(head), lines()], {
            fails(Status::Protocol, MAYBE_SENT, "too many headers")
        }),
        row_of("endless 1xx, as fast as can be", &[Repeat(PROCESSING.repeat(50), MANY)], {
            too_large()
        }),
        endless("endless length of a chunk", CHUNKED.into(), b'0', too_large_body()),
        endless("endless trailer", format!("{CHUNKED}0\r\nX: "), b'x', too_large_body()),
        row_of("endless trailers", &[send(format!("{CHUNKED}0\r\n")), lines()], too_large_body()),
    ]
}

/// tests/corpus has texts that are not in UTF-8.
fn texts() -> Vec<Row> {
    let row_of = |name, answer: String| row(name, BOTH, follows([serve(answer)])).sees(1, 1);
    let json =
        |name, retcode: &str, message: &str| row_of(name, http("200 OK", &says(retcode, message)));
    let page = |name, body: &str| row_of(name, http("500 Oops", body));
    let session = || refused(Status::Session, "100-006");
    let error = |word| fails(Status::Http, MAYBE_SENT, word).http(500);
    let none = |word| fails(Status::Protocol, MAYBE_SENT, word);
    let long = "座席未签入會議".repeat(5_000 / 7 + 1).chars().take(5_000).collect::<String>();
    let cut = long.chars().take(511 / 3).collect::<String>();
    let long_code = "9".repeat(40);
    vec![
        json("NUL in message", "100-006", "a\\u0000b").reject(session().message("a\u{FFFD}b")),
        json("NUL in retcode", "100\\u0000-006", "x")
            .reject(refused(Status::Gateway, "100\u{FFFD}-006").message("x")),
        json("NUL in JSON as it is", "100-006", "a\0b").reject(session().message("a b")),
        row_of("NUL behind the JSON", http("200 OK", &format!("{ACCEPTED}\0"))).reject(accepted()),
        page("NUL in HTML", "<html>a\0b").reject(error("a b")),
        json("message of 5,000 Chinese characters", "100-006", &long)
            .reject(session().with_flags(TRUNCATED).message(&*cut)),
        json("accepted, with 5,000 Chinese characters", "0", &long)
            .reject(accepted().with_flags(TRUNCATED).message(&*cut)),
        page("page of 5,000 Chinese characters", &long)
            .reject(error("HTTP status 500; it begins: 座席未签入")),
        json("retcode that is too long", &long_code, "x")
            .reject(refused(Status::Gateway, &long_code[..31]).with_flags(TRUNCATED)),
        json("Guid echoed in JSON", "100-006", &format!("no session {GUID}"))
            .reject(session().message("no session (Guid)")),
        page("Guid echoed in HTML", &format!("<p>{GUID}")).reject(error("(Guid)")),
        row_of("Guid echoed in what is not HTTP", format!("{GUID}\r\n\r\n"))
            .reject(none("not HTTP")),
    ]
}

fn deadlines() -> Vec<Row> {
    let late = |word| fails(Status::Timeout, MAYBE_SENT, word);
    let row_of = |name, steps: Vec<Step>, expect| {
        let row = row(name, BOTH, follows([vec![Read], steps].concat()));
        row.timeout(400).reject(expect).sees(1, 1)
    };
    let in_the_head = || late(MIDDLE).at(400);
    let in_the_body = || late(MIDDLE).http(200).at(400);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 47\r\n\r\n";
    let drip = |text: &str| Drip(text.as_bytes().to_vec(), ms(300));
    let slowly = |name, head: &str, beat: &str, expect| {
        row_of(name, vec![send(head), Beat(beat.as_bytes().to_vec(), ms(50))], expect)
    };
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let old = "HTTP/1.0 200 OK\r\n\r\n";
    let rest = send(&http("200 OK", ACCEPTED)[1..]);
    vec![
        row_of("no answer", vec![Hang], late(WAITING).at(400)),
        row_of("half an answer, then silence", vec![half(), Hang], in_the_body()),
        row_of("Content-Length too long, then silence", vec![with_length(99), Hang], in_the_body()),
        row_of("a byte of header every 300 ms", vec![drip(head)], in_the_head().at(1_000))
            .timeout(1_000),
        row_of("a byte of body every 300 ms", vec![send(head), drip(ACCEPTED)], {
            in_the_body().at(1_000)
        })
        .timeout(1_000),
        slowly("endless headers, slowly", "HTTP/1.1 200 OK\r\n", "X: y\r\n", in_the_head()),
        slowly("endless chunks, slowly", chunked, "1\r\n \r\n", in_the_body()),
        slowly("endless body without length, slowly", old, " ", in_the_body()),
        row_of("endless 1xx, slowly", vec![Beat(PROCESSING.to_vec(), ms(50))], in_the_head()),
        row_of("a byte of answer, connect time-out long passed", vec![drip("H"), rest], {
            accepted().at(300)
        })
        .timeout(5_000)
        .connect_timeout(200),
    ]
}
