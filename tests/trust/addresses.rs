//! What the certificate must be for: the host in `base_url`, name or literal, whatever is dialled.

use agw::{ClientOptions, Status, Trust};

use crate::certs::{Authority, Leaf, dns, ip};
use crate::gateway::{Gateway, Plan};
use crate::{HOST, reject, reject_trusting};

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
        assert_eq!(gateway.met()[0].asked_for, None, "an address is not asked for by name");
    }
}

#[test]
fn literals_of_another_address_are_refused() {
    let authority = Authority::new("Own authority");
    let identity = authority.issue(&Leaf::server(vec![ip("::1")]));
    let gateway = Gateway::with(&identity);
    let mut options = ClientOptions::new(gateway.url_as("127.0.0.1"));
    options.trust = Trust::Ca;
    options.ca = Some(authority.pem());
    let error = reject(&options).expect_err("for IPv6");
    assert_eq!(error.status(), Status::Tls);
    assert!(error.detail().contains("::1") && error.detail().contains("127.0.0.1"), "{error}");
}

#[test]
fn connect_to_does_not_change_whose_certificate_is_wanted() {
    let authority = Authority::new("Own authority");
    for at in ["127.0.0.1", "::1"] {
        let address = at.parse().expect("an address");
        let named = authority.issue(&Leaf::server(vec![dns(HOST)]));
        let gateway = Plan::new(&named).at(address).start();
        reject_trusting(&gateway, &authority.pem()).expect("for the host of base_url");
        assert_eq!(gateway.met()[0].asked_for.as_deref(), Some(HOST));

        let addressed = authority.issue(&Leaf::server(vec![ip(at)]));
        let gateway = Plan::new(&addressed).at(address).start();
        let error = reject_trusting(&gateway, &authority.pem()).expect_err("for what is dialled");
        assert_eq!(error.status(), Status::Tls);
        assert!(error.detail().contains(at) && error.detail().contains(HOST), "{error}");
    }
}
