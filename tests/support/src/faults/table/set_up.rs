//! What goes wrong before there is a connection to send over.

use crate::faults::parts::*;

/// An alert of TLS 1.1: fatal, protocol_version.
const ALERT_OF_TLS_11: &[u8] = b"\x15\x03\x02\x00\x02\x02\x46";

pub fn rows() -> Vec<Row> {
    [look_ups(), tcp(), handshakes(), ahead()].concat()
}

fn look_ups() -> Vec<Row> {
    if !cfg!(debug_assertions) {
        return Vec::new();
    }
    let hangs = |name| row(name, &[Tls13], serves()).planted("look-up-hangs");
    let late = || fails(Status::Timeout, 0, "looking up gateway.test").at(400);
    let failed = || fails(Status::Resolve, 0, "cannot look up gateway.test");
    vec![
        hangs("look-up that hangs").timeout(400).reject(late()),
        hangs("look-up that hangs, with agw_connect").timeout(400).connect(late()),
        hangs("look-up that hangs longer than the connect time-out")
            .timeout(400)
            .connect_timeout(100)
            .reject(late()),
        hangs("look-up that hangs, cancelled by number")
            .act(CancelCall(CALL_ID, CANCELLED_AT))
            .reject(cancelled(0).at(100)),
        row("look-up that fails", &[Tls13], serves())
            .planted("look-up-fails")
            .reject(failed())
            .connect(failed()),
    ]
}

fn tcp() -> Vec<Row> {
    let late = || fails(Status::Timeout, 0, "while connecting");
    vec![
        row("nobody listens", ALL, Site::Nobody)
            .reject(fails(Status::Connect, 0, "no connection to 127.0.0.1").os_error()),
        row("SYN swallowed by a full backlog", BOTH, Site::Full)
            .timeout(400)
            .reject(late().at(400)),
        row("SYN swallowed, connect time-out", BOTH, Site::Full)
            .connect_timeout(300)
            .reject(late().at(300)),
    ]
}

fn handshakes() -> Vec<Row> {
    let raw = |name, steps: Vec<Step>| row(name, &[Tls13], follows_below(steps)).sees(1, 0);
    let stalls = |name, steps: Vec<Step>| {
        raw(name, steps).timeout(400).reject(fails(Status::Timeout, 0, "TLS handshake").at(400))
    };
    let refused = |word| fails(Status::Tls, 0, word);
    let no_tls = |name, steps| raw(name, steps).reject(refused("does not speak TLS"));
    let perhaps = "closed the connection in the TLS handshake; perhaps it serves no host of this name \
                   (see base_url), or its TLS and agw's have nothing in common: agw needs TLS 1.3";
    let closed = |name, steps| raw(name, steps).reject(refused(perhaps));
    let page = send(http("400 Bad Request", HTML));
    let garbage = Repeat(vec![0xA5; 4096], MANY);
    let half_a_hello = || send(b"\x16\x03\x03\x40\x00\x02\x00");
    let demanding = |name, over| row(name, over, serves()).wants_client_certificate().sees(1, 0);
    let demands = || refused("demands a client certificate");
    vec![
        closed("ClientHello answered with FIN", vec![Take]),
        raw("ClientHello answered with RST", vec![Take, Reset])
            .reject(refused("in the TLS handshake").os_error()),
        no_tls("ClientHello answered with a text", vec![Take, send("SSH-2.0-OpenSSH\r\n"), Hang]),
        no_tls("ClientHello answered with HTTP", vec![Take, page, Hang]),
        no_tls("ClientHello answered with endless garbage", vec![Take, garbage]),
        raw("TLS 1.1 only, by alert", vec![Take, send(ALERT_OF_TLS_11)])
            .reject(refused("it speaks another version of TLS; agw needs")),
        raw("TLS 1.1 only, by ServerHello", vec![Take, Send(hello_of_tls_11()), Hang])
            .reject(refused("speaks TLS 1.1 or older only; agw needs")),
        closed("half a ServerHello, then FIN", vec![Take, half_a_hello()]),
        stalls("half a ServerHello, then silence", vec![Take, half_a_hello(), Hang]),
        stalls("ServerHello byte by byte", vec![Take, half_a_hello(), Beat(vec![0], ms(50))]),
        stalls("ClientHello never answered", vec![Hang]),
        raw("ClientHello never answered, connect time-out", vec![Hang])
            .connect_timeout(300)
            .reject(fails(Status::Timeout, 0, "TLS handshake").at(300)),
        demanding("client certificate demanded and missing", &[Tls12]).reject(demands()),
        // With TLS 1.3 the gateway says so after the handshake: the request may be on its way.
        demanding("client certificate demanded and missing", &[Tls13])
            .reject(demands().with_flags(MAYBE_SENT).or_without(MAYBE_SENT)),
        demanding("client certificate missing, told before the request", &[Tls13])
            .between(Between::Pause(ms(200)))
            .reject(demands().at(200)),
        row("http to a TLS port", &[Plain], follows_below([Take, send(ALERT_OF_TLS_11)]))
            .reject(fails(Status::Protocol, MAYBE_SENT, "begin base_url with https://"))
            .sees(1, 0),
    ]
}

/// With `agw_connect`.
fn ahead() -> Vec<Row> {
    let stalled = |name| row(name, TLS, follows_below([Hang])).sees(1, 0);
    let late = || fails(Status::Timeout, 0, "TLS handshake");
    vec![
        row("agw_connect, then a call on the same connection", ALL, serves())
            .connect(connected())
            .connect(connected())
            .reject(accepted())
            .sees(1, 1),
        row("agw_connect makes a new one where nothing was heard for 2 s", ALL, serves())
            .reject(accepted())
            .connect(connected())
            .act(Pause(ms(2_100)))
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
        stalled("agw_connect, ClientHello never answered").timeout(400).connect(late().at(400)),
        stalled("agw_connect, ClientHello never answered, connect time-out")
            .connect_timeout(300)
            .connect(late().at(300)),
        row("agw_connect, client certificate missing", TLS, serves())
            .wants_client_certificate()
            .connect(fails(Status::Tls, 0, "demands a client certificate"))
            .sees(1, 0),
        row("agw_connect, closed before the call", ALL, then_serves([Wait(ms(200))]))
            .connect(connected())
            .act(AwaitEnded(1))
            .reject(accepted())
            .sees(2, 1),
        row("agw_connect, closed as the request comes", ALL, then_serves([Await]))
            .connect(connected())
            .reject(accepted().with_flags(RESENT))
            .sees(2, 1),
    ]
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
