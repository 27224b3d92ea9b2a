//! Client certificates, for gateways that demand them.

use std::sync::LazyLock;

use rustls::SupportedProtocolVersion;
use rustls::version::TLS12;
use support::certs::{openssl_key, rsa2048};
use support::client::Lines;

use crate::*;

/// One authority for the gateway and its clients.
static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("Own authority"));

fn demanding(version: &'static SupportedProtocolVersion) -> Gateway {
    let identity = AUTHORITY.issue(&Leaf::server(vec![dns(HOST)]));
    Plan::new(&identity).only(version).demanding(AUTHORITY.der()).start()
}

/// What it is, `client_cert` and `client_key`, text or path.
type Given<'a> = (&'static str, &'a str, Option<&'a str>);

/// One call, and all that was logged.
fn call(gateway: &Gateway, given: Option<Given>) -> (Result<Answer, Error>, String) {
    let mut options = options(gateway, Trust::Ca, |options| options.ca = Some(AUTHORITY.pem()));
    if let Some((_, cert, key)) = given {
        options.client_cert = Some(cert.to_owned());
        options.client_key = key.map(str::to_owned);
    }
    let lines = Lines::of(&mut options);
    let outcome = Client::new(&options).and_then(|client| client.reject_agent_conf("154", GUID));
    (outcome, lines.text())
}

/// The gateway takes the client for this one, and no log line shows what it has.
fn assert_known(gateway: &Gateway, given: Given, client: &Identity) {
    let (what, ..) = given;
    let (outcome, lines) = call(gateway, Some(given));
    outcome.unwrap_or_else(|error| panic!("{what}: {error}"));
    let seen = gateway.seen().clients.pop().and_then(|met| met.certificate);
    assert_eq!(seen.as_ref(), Some(&client.chain[0]), "{what}");
    for pem in [&client.key_pem, &client.pem()] {
        assert!(!secrets::shows(&lines, pem), "{what}: {lines}");
    }
}

#[test]
fn a_client_certificate_may_be_given_as_text_or_path() {
    let folder = Folder::create();
    let client = AUTHORITY.below("Clients' authority").issue(&Leaf::client());
    let (cert, key) = (client.pem(), client.key_pem.clone());
    let both = format!("{cert}{key}");
    let key_first = format!("{key}{cert}");
    let cert_file = folder.write("certificate.pem", &cert);
    let key_file = folder.write("der Schlüssel 座席.pem", &key);
    let both_file = folder.write("both.pem", &both);
    let as_on_windows = both.replace('\n', "\r\n");
    let table: [Given; 9] = [
        ("texts", &cert, Some(&key)),
        ("paths", &cert_file, Some(&key_file)),
        ("path and text", &cert_file, Some(&key)),
        ("text and path", &cert, Some(&key_file)),
        ("one text", &both, None),
        ("one text, the key first", &key_first, None),
        ("one file", &both_file, None),
        ("one file, named twice", &both_file, Some(&both_file)),
        ("lines end as on Windows", &as_on_windows, None),
    ];
    for version in VERSIONS {
        let gateway = demanding(version);
        for given in table {
            assert_known(&gateway, given, &client);
        }
    }
}

#[test]
fn keys_are_read_in_every_form_that_openssl_writes() {
    let gateway = demanding(&TLS12);
    for (what, client) in [
        ("P-256", AUTHORITY.issue(&Leaf::client())),
        ("RSA-2048", AUTHORITY.issue_for(rsa2048(), &Leaf::client())),
    ] {
        let older = openssl_key(&client.key_pem, &["pkey", "-traditional"]);
        assert!(older.contains(" PRIVATE KEY"), "EC PRIVATE KEY or RSA PRIVATE KEY");
        for key in [&client.key_pem, &older] {
            assert_known(&gateway, (what, &client.pem(), Some(key)), &client);
        }
    }
}

/// With TLS 1.3 the gateway says so behind the handshake: the request may be on its way by then.
#[test]
fn a_gateway_that_demands_another_certificate_refuses() {
    let stranger = Authority::new("Another authority").issue(&Leaf::client());
    let pem = stranger.pem();
    let strangers: Given = ("a stranger's", &pem, Some(&stranger.key_pem));
    for version in VERSIONS {
        let gateway = demanding(version);
        for given in [None, Some(strangers)] {
            let (outcome, lines) = call(&gateway, given);
            let error = outcome.expect_err("a client certificate is demanded");
            assert_eq!(error.status(), Status::Tls, "{version:?}: {error}");
            assert!(*version != TLS12 || !error.maybe_sent(), "{version:?}: {error}");
            assert!(error.detail().contains("gateway ended"), "{version:?}: {error}");
            assert!(!secrets::shows(&lines, &stranger.key_pem), "{lines}");
        }
        assert!(gateway.seen().clients.is_empty());
    }
}

/// The gateway's part of a TLS 1.2 handshake until it has asked for a client certificate, with a
/// signature that nobody checks.
fn asks_for_a_certificate() -> Vec<u8> {
    let length = |bytes: &[u8]| (bytes.len() as u16).to_be_bytes();
    let message = |kind: u8, body: &[u8]| [&[kind, 0], &length(body)[..], body].concat();
    let hello = [&[3, 3][..], &[7; 32], &[0, 0xC0, 0x2F, 0]].concat();
    let certificate = AUTHORITY.der();
    let one = [&[0], &length(&certificate)[..], &certificate].concat();
    let key = [&[3, 0, 0x1D, 32, 9][..], &[0; 31], &[4, 1, 0, 1, 0]].concat();
    let flight = [
        message(2, &hello),
        message(11, &[&[0], &length(&one)[..], &one].concat()),
        message(12, &key),
        message(13, &[1, 64, 0, 2, 4, 3, 0, 0]),
        message(14, &[]),
    ]
    .concat();
    [&[22, 3, 3], &length(&flight)[..], &flight].concat()
}

/// Some say it by a close (Node, in whichever version), some by an alert that means something else.
#[test]
fn a_gateway_that_asked_for_a_certificate_may_have_ended_the_connection_for_it() {
    const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 50];
    let client = AUTHORITY.issue(&Leaf::client());
    let identity = AUTHORITY.issue(&Leaf::server(vec![dns(HOST)]));
    let behind = Plan::new(&identity).demanding(AUTHORITY.der()).config();
    let asks = || vec![Step::Take, Step::Send(asks_for_a_certificate()), Step::Take];
    let alerts = Script::Tcp([asks(), vec![Step::Send(ALERT.into())]].concat());
    let closes = Script::HoldsTickets(vec![Step::Cut]);
    for (what, script, config, status) in [
        ("a close in it", Script::Tcp(asks()), None, Status::Tls),
        ("an alert", alerts, None, Status::Tls),
        ("a close behind it", closes, Some(behind.into()), Status::Io),
    ] {
        let gateway = Gateway::start(vec![script; 2], config);
        let options = options(&gateway, Trust::DangerAny, |options| {
            options.base_url = format!("https://127.0.0.1:{}", gateway.port());
            options.client_cert = Some(client.pem());
            options.client_key = Some(client.key_pem.clone());
        });
        let made = Client::new(&options).expect("client");
        for outcome in [made.connect().map(drop), made.reject_agent_conf("154", GUID).map(drop)] {
            let error = outcome.expect_err(what);
            assert_eq!(error.status(), status, "{what}: {error}");
            let said =
                error.detail().contains("it refuses the client certificate, or the lack of one");
            assert!(said, "{what}: {error}");
        }
    }
}
