//! HTTP proxies, and what goes wrong behind them.

use crate::faults::parts::*;

pub fn rows() -> Vec<Row> {
    [refusals(), deadlines(), behind()].concat()
}

/// A gateway without a fault behind a proxy that reads the request, then does this.
fn proxied(name: &'static str, steps: &[Step]) -> Row {
    row(name, BOTH, serves()).through(follows_below([&[Read], steps].concat()))
}

fn tunnel() -> Site {
    follows_below([Read, Tunnel])
}

/// tests/corpus has what else proxies say.
fn refusals() -> Vec<Row> {
    let no = |word| fails(Status::Proxy, 0, word);
    let refuses = |name, steps: &[Step], word| proxied(name, steps).reject(no(word));
    let endless = Repeat(PROCESSING.repeat(50), MANY);
    let shows = http("403 Forbidden", &format!("<title>no {GUID}</title>"));
    vec![
        proxied("proxy with user and password", &[Tunnel])
            .with_credentials()
            .connect(connected())
            .reject(accepted())
            .sees(1, 1),
        refuses("proxy answers 403", &[send(http("403 Forbidden", ""))], "HTTP status 403")
            .connect(no("HTTP status 403")),
        refuses("proxy answers endless 1xx", &[endless], "no end within 64 KiB"),
        // It has read the Guid, since no TLS is spoken.
        Row {
            over: &[Plain],
            ..refuses("proxy shows the Guid", &[send(shows)], "HTTP status 403")
        },
        refuses("proxy closes behind a 1xx", &[send(PROCESSING)], "closed the connection"),
        refuses("proxy closes", &[], "closed the connection"),
        refuses("proxy closes in the middle", &[send("HTTP/1.1 200")], "closed the connection"),
        proxied("proxy resets", &[Reset]).reject(no("broke").os_error()),
        row("proxy, nobody listens", BOTH, serves())
            .through(Site::Nobody)
            .reject(no("no connection").os_error()),
    ]
}

fn deadlines() -> Vec<Row> {
    let late = |flags, word| fails(Status::Timeout, flags, word);
    let stuck =
        |name, steps: &[Step]| proxied(name, steps).timeout(400).reject(late(0, "tunnel").at(400));
    let page = send("HTTP/1.1 403 No\r\nContent-Length: 99\r\n\r\n<p>Poli");
    vec![
        stuck("proxy is stuck", &[Hang]),
        proxied("proxy is stuck, with agw_connect", &[Hang])
            .timeout(400)
            .connect(late(0, "tunnel").at(400)),
        proxied("proxy is stuck, connect time-out", &[Hang])
            .connect_timeout(300)
            .reject(late(0, "tunnel").at(300)),
        stuck("proxy answers 1xx and no more", &[Send(PROCESSING.to_vec()), Hang]),
        proxied("proxy refuses, and its page does not come", &[page, Hang])
            .reject(fails(Status::Proxy, 0, "HTTP status 403 and says: Poli").at(500)),
        stuck("proxy answers byte by byte", &[send("HTTP/1.1 200 "), Beat(b"O".to_vec(), ms(50))]),
        row("proxy, SYN swallowed", BOTH, serves())
            .through(Site::Full)
            .timeout(400)
            .reject(late(0, "while connecting").at(400)),
        row("proxy, ClientHello never answered", &[Tls13], follows_below([Hang]))
            .through(tunnel())
            .connect_timeout(300)
            .reject(late(0, "TLS handshake").at(300))
            .sees(1, 0),
        row("proxy, no answer", BOTH, follows([Read, Hang]))
            .through(tunnel())
            .timeout(400)
            .reject(late(MAYBE_SENT, WAITING).at(400))
            .sees(1, 1),
    ]
}

/// Each names the proxy, which may be why.
fn behind() -> Vec<Row> {
    let row_of = |name, over, script: Script| {
        row(name, over, in_turn([script])).through(tunnel()).timeout(400)
    };
    let named = |status, flags| fails(status, flags, "through proxy 127.0.0.1:");
    let cut = || named(Status::Io, MAYBE_SENT).http(200);
    let trailers = send(format!("{CHUNKED}0\r\nX-T: t\r\n"));
    let handshake = |name, steps: &[Step], expect: Expect| {
        row_of(name, &[Tls13], below(steps)).reject(expect).sees(1, 0)
    };
    let read = |name, steps: &[Step], expect: Expect| {
        row_of(name, BOTH, speaks([&[Read], steps].concat())).reject(expect).sees(1, 1)
    };
    vec![
        handshake("behind a proxy, FIN in the handshake", &[Take], named(Status::Tls, 0)),
        handshake("behind a proxy, no TLS", &[Take, send("SSH-2.0\r\n"), Hang], {
            named(Status::Tls, 0)
        }),
        handshake("behind a proxy, a silent handshake", &[Hang], named(Status::Timeout, 0).at(400)),
        row_of("behind a proxy, closed at once", BOTH, speaks([]))
            .between(Between::Pause(ms(200)))
            .connect(named(Status::Io, 0).at(200))
            .sees(1, 0),
        read("behind a proxy, FIN before an answer", &[], named(Status::Io, MAYBE_SENT)),
        read("behind a proxy, FIN in the middle of the body", &[half()], cut()),
        read("behind a proxy, closed among the trailers", &[trailers], cut()),
        read("behind a proxy, no answer", &[Hang], named(Status::Timeout, MAYBE_SENT).at(400)),
        read("behind a proxy, not HTTP", &[send("SSH-2.0\r\n\r\n"), Hang], {
            named(Status::Protocol, MAYBE_SENT)
        }),
    ]
}
