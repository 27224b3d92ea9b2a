//! The same through the C ABI: options as text and path, and what a result has room for.

use std::ptr;

use agw::ffi::*;
use agw::status::{AGW_E_TLS, AGW_OK};
use rcgen::SanType;
use support::faults::abi::{Outcome, outcome_of};
use support::{c_text, options_in_c};

use crate::certificates::fingerprint_in;
use crate::*;

/// A client, one call, and what the result says; or what the client's own says, if there is none.
fn reject(gateway: &Gateway, host: &str, given: agw_client_options) -> Outcome {
    let (base_url, connect_to) =
        (c_text(&gateway.url_as(host)), c_text(&gateway.address().to_string()));
    let options = agw_client_options {
        base_url: base_url.as_ptr(),
        connect_to: connect_to.as_ptr(),
        ..given
    };
    let (agent_id, guid) = (c"154", c_text(GUID));
    let mut client = ptr::null_mut();
    let outcome = outcome_of(0, |result| {
        // SAFETY: the structs have their sizes, and the strings outlive this call.
        unsafe {
            match agw_client_new(&options, &mut client, result) {
                AGW_OK => agw_reject_agent_conf(client, agent_id.as_ptr(), guid.as_ptr(), result),
                refused => refused,
            }
        }
    });
    // SAFETY: a handle, or NULL.
    assert_eq!(unsafe { agw_free(client) }, AGW_OK);
    assert_eq!(outcome.returned, outcome.result.status);
    outcome
}

fn server(authority: &Authority, names: Vec<SanType>) -> Identity {
    authority.issue(&Leaf::server(names))
}

#[test]
fn options_are_taken_as_text_and_as_path() {
    let folder = Folder::create();
    let authority = Authority::new("Own authority");
    let identity = server(&authority, vec![dns(HOST)]);
    let gateway = Plan::new(&identity).demanding(authority.der()).start();
    let client = authority.issue(&Leaf::client());
    let (ca, cert, key) = (authority.pem(), client.pem(), client.key_pem);
    let ca_file = folder.write("ca für 座席.pem", &ca);
    let both_file = folder.write("both.pem", &format!("{cert}{key}"));
    let texts = [ca, ca_file, cert, key, both_file, identity.fingerprint()].map(|it| c_text(&it));
    let [ca, ca_file, cert, key, both_file, pin] = texts.each_ref().map(|text| text.as_ptr());
    let none = ptr::null();
    for (tls_trust, ca, pin_sha256, client_cert, client_key) in [
        (AGW_TRUST_CA, ca, none, cert, key),
        (AGW_TRUST_CA, ca_file, none, both_file, none),
        (AGW_TRUST_SYSTEM, ca_file, none, both_file, key),
        (AGW_TRUST_PIN, none, pin, both_file, both_file),
        (AGW_TRUST_DANGER_ANY, none, none, cert, key),
    ] {
        let given = agw_client_options {
            tls_trust,
            ca,
            pin_sha256,
            client_cert,
            client_key,
            ..options_in_c()
        };
        let outcome = reject(&gateway, HOST, given);
        assert_eq!((outcome.returned, outcome.detail()), (AGW_OK, Ok("")), "trust {tls_trust}");
    }
    assert_eq!(gateway.seen().clients.len(), 5);
}

/// However much there is to say about a certificate: the fingerprint is what helps.
#[test]
fn a_result_has_room_for_the_whole_fingerprint() {
    let authority = Authority::new("Own authority");
    let ca = c_text(&authority.pem());
    let long = [["a"; 60].concat(), ["b"; 60].concat(), ["c"; 60].concat(), HOST.into()].join(".");
    let many = (0..60).map(|number| dns(&format!("gateway-{number}.other.test"))).collect();
    for (what, host, names) in [
        ("one name", HOST, vec![dns("other.test")]),
        ("many names", HOST, many),
        ("a long name", HOST, vec![dns(&long)]),
        ("a long host", long.as_str(), vec![dns("other.test")]),
        ("a long name and host", long.as_str(), vec![dns(&format!("d.{long}"))]),
    ] {
        let identity = server(&authority, names);
        let gateway = Plan::new(&identity).start();
        let mut given = options_in_c();
        (given.tls_trust, given.ca) = (AGW_TRUST_CA, ca.as_ptr());
        let outcome = reject(&gateway, host, given);
        let detail = outcome.detail().expect("a text");
        assert_eq!(outcome.returned, AGW_E_TLS, "{what}: {detail}");
        assert_eq!(outcome.result.flags & AGW_RESULT_MAYBE_SENT, 0);
        let pin = fingerprint_in(detail).unwrap_or_default();
        assert_eq!(pin, identity.fingerprint(), "{what}: {detail}");
        let (pin, mut given) = (c_text(&pin), options_in_c());
        (given.tls_trust, given.pin_sha256) = (AGW_TRUST_PIN, pin.as_ptr());
        assert_eq!(reject(&gateway, HOST, given).returned, AGW_OK, "{what}");
    }
}
