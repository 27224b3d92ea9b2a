//! Sessions are resumed, and each client keeps its own.

use rustls::HandshakeKind::{self, Full, Resumed};

use crate::*;

fn handshakes(gateway: &Gateway) -> Vec<HandshakeKind> {
    gateway.seen().clients.iter().filter_map(|met| met.handshake).collect()
}

/// Two calls of a new client, each on a connection of its own.
fn two_calls(options: &ClientOptions) -> Client {
    let mut options = options.clone();
    options.keep_alive = false;
    let client = Client::new(&options).expect("client");
    for _ in 0..2 {
        client.reject_agent_conf("154", GUID).expect("accepted");
    }
    client
}

#[test]
fn a_clients_next_connection_resumes_and_another_clients_does_not() {
    let authority = Authority::new("Own authority");
    let identity = authority.issue(&Leaf::server(vec![dns(HOST)]));
    for version in VERSIONS {
        let gateway = Plan::new(&identity).only(version).start();
        let by_ca = options(&gateway, Trust::Ca, |o| o.ca = Some(authority.pem()));
        let by_pin = options(&gateway, Trust::Pin, |o| o.pin_sha256 = Some(identity.fingerprint()));
        // All are alive to the end: a client that is gone could not share anything.
        let _clients = [two_calls(&by_ca), two_calls(&by_ca), two_calls(&by_pin)];
        let expected = [Full, Resumed, Full, Resumed, Full, Resumed];
        assert_eq!(handshakes(&gateway), expected, "{version:?}");
    }
}

/// What one client has found good is not good for one that trusts something else.
#[test]
fn a_session_does_not_stand_in_for_trust() {
    let authority = Authority::new("Own authority");
    let identity = authority.issue(&Leaf::server(vec![dns(HOST)]));
    let other = Authority::new("Another authority");
    for version in VERSIONS {
        let gateway = Plan::new(&identity).only(version).start();
        let _client = two_calls(&options(&gateway, Trust::DangerAny, |_| {}));
        reject_trusting(&gateway, &other.pem()).expect_err("an unknown issuer");
        assert_eq!(handshakes(&gateway), [Full, Resumed], "{version:?}");
    }
}
