//! What the certificate must be for: the host in `base_url`, name or literal, whatever is dialled.

use std::net::TcpListener;

use support::certs::ip;
use support::faults::row::Site;
use support::faults::run::Place;
use support::tls::Over;

use crate::*;

#[test]
fn literals_are_dialled_and_checked_as_addresses() {
    let authority = Authority::new("Own authority");
    for (literal, address) in
        [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("[0:0:0:0:0:0:0:1]", "::1")]
    {
        let identity = authority.issue(&Leaf::server(vec![ip(address)]));
        let at = address.parse().expect("an address");
        let gateway = Plan::new(&identity).at(at).start();
        let mut options = ClientOptions::new(gateway.url_as(literal));
        options.trust = Trust::Ca;
        options.ca = Some(authority.pem());
        reject(&options).unwrap_or_else(|error| panic!("{literal}: {error}"));
        assert_eq!(gateway.seen().clients[0].asked_for, None, "an address is no name");
    }
}

#[test]
fn connect_to_does_not_change_whose_certificate_is_wanted() {
    let authority = Authority::new("Own authority");
    for at in ["127.0.0.1", "::1"] {
        let address = at.parse().expect("an address");
        let named = authority.issue(&Leaf::server(vec![dns(HOST)]));
        let gateway = Plan::new(&named).at(address).start();
        reject_trusting(&gateway, &authority.pem()).expect("for the host of base_url");
        assert_eq!(gateway.seen().clients[0].asked_for.as_deref(), Some(HOST));

        let addressed = authority.issue(&Leaf::server(vec![ip(at)]));
        let gateway = Plan::new(&addressed).at(address).start();
        let error = reject_trusting(&gateway, &authority.pem()).expect_err("for what is dialled");
        assert_eq!(error.status(), Status::Tls);
        assert!(error.detail().contains(at) && error.detail().contains(HOST), "{error}");
    }
}

/// Several addresses of one service: the next one answers where the first is refused, swallows the SYN,
/// closes in the handshake or says nothing; and it is tried first from then on.
#[test]
fn the_next_address_answers_where_the_first_does_not() {
    let authority = Authority::new("Own authority");
    let gateway = Plan::new(&authority.issue(&Leaf::server(vec![dns(HOST)]))).start();
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let hangs_up = Gateway::start(vec![Script::Tcp(vec![])], None);
    let silent = Gateway::start(vec![Script::Tcp(vec![Step::Hang])], None);
    // It swallows the SYN.
    let full = Place::open(&Site::Full, Over::Plain, false);
    let firsts = [
        (closed, None),
        (([127, 0, 0, 1], full.port()).into(), None),
        (hangs_up.address(), Some(hangs_up)),
        (silent.address(), Some(silent)),
    ];
    for (first, met) in firsts {
        let mut options = options(&gateway, Trust::Ca, |o| o.ca = Some(authority.pem()));
        options.keep_alive = false;
        options.connect_to = Some(format!("{first}, {}", gateway.address()));
        let client = Client::new(&options).expect("a client");
        for _ in 0..2 {
            client.reject_agent_conf("154", GUID).unwrap_or_else(|error| panic!("{error}"));
        }
        let tried = met.map_or(1, |met| met.seen().connections);
        assert_eq!(tried, 1, "{first}: once, and then not again");
    }
}

/// A certificate that is refused is refused: the next address is not asked.
#[test]
fn a_refused_certificate_is_final() {
    let another = Authority::new("Another").issue(&Leaf::server(vec![dns(HOST)]));
    let gateway = Plan::new(&another).start();
    let next = Gateway::start(vec![Script::Tcp(vec![Step::Hang])], None);
    let own = Authority::new("Own authority");
    let mut options = options(&gateway, Trust::Ca, |o| o.ca = Some(own.pem()));
    options.connect_to = Some(format!("{},{}", gateway.address(), next.address()));
    let error = reject(&options).expect_err("not trusted");
    assert_eq!(error.status(), Status::Tls);
    assert_eq!(next.seen().connections, 0);
}
