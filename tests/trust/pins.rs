//! Fingerprints: how they may be written, and that the handshake's signature counts all the same.

use support::certs::OPENSSL_DEFAULT;

use crate::certificates::fingerprint_in;
use crate::*;

fn self_signed() -> Identity {
    Leaf::server(vec![dns("other.test")]).self_signed()
}

#[test]
fn a_fingerprint_may_be_written_in_many_ways() {
    let (identity, other) = (self_signed(), self_signed().fingerprint());
    let gateway = Plan::new(&identity).start();
    let pin = identity.fingerprint();
    for pins in [
        pin.clone(),
        pin.to_lowercase(),
        pin.replace(':', ""),
        pin.to_lowercase().replace(':', ""),
        format!(" {pin}\n"),
        format!("{other},{pin}"),
        format!("{pin},{other}"),
        format!("{} , {}", other.to_lowercase(), pin.replace(':', "")),
        format!("{other}\t,\t{other} ,  {pin}  "),
        format!("sha256 Fingerprint={pin}"),
        format!("SHA256 Fingerprint={pin}\n"),
        format!("{other}, sha256 Fingerprint={pin}"),
        // As Windows, .NET, keytool and browsers show it.
        pin.replace(':', " ").to_lowercase(),
        pin.replace(':', "-"),
        format!("\u{200e}{}", pin.replace(':', "").to_lowercase()),
        format!("\t SHA256: {pin}"),
        format!("SHA-256 Fingerprint={pin}"),
        format!("SHA-256: {}", pin.replace(':', " ")),
        format!("{}\n{}", &pin[..47], &pin[47..]),
        format!("sha256 Fingerprint={other},sha256 Fingerprint={pin}"),
    ] {
        reject_pinned(&gateway, &pins).unwrap_or_else(|error| panic!("{pins:?}: {error}"));
    }
}

#[test]
fn a_fingerprint_of_another_kind_is_refused() {
    let pin = self_signed().fingerprint();
    let gateway = Plan::new(&self_signed()).start();
    let sha1 = format!("sha1 Fingerprint={}", &pin[..59]);
    for (pins, words) in [
        (sha1.as_str(), "one of SHA-1"),
        (&pin[..59], "one of SHA-1"),
        (&format!("sha1 Fingerprint={pin}"), "64 hex digits"),
        (&format!("sha512 Fingerprint={pin}:{pin}"), "64 hex digits"),
        ("sha256 Fingerprint=", "64 hex digits"),
        ("", "64 hex digits"),
        ("xy", "64 hex digits"),
        (&pin[3..], "64 hex digits"),
        (&format!("{pin}:00"), "64 hex digits"),
        (&pin[1..], "64 hex digits"),
        (&format!("é{}", &pin[1..]), "64 hex digits"),
        (&format!("{pin},"), "64 hex digits"),
        (&format!("{pin}\n{pin}"), "64 hex digits"),
        ("SHA256:5bW06+CMMtSpNIYYNLqMLL48tw0zhJh5Anrwgkd/Wu4=", "64 hex digits"),
        ("sha256//5bW06+CMMtSpNIYYNLqMLL48tw0zhJh5Anrwgkd/Wu4=", "64 hex digits"),
    ] {
        let error = reject_pinned(&gateway, pins).expect_err(pins);
        assert_eq!(error.status(), Status::TlsConfig);
        assert!(error.detail().contains(words), "{pins}: {error}");
        assert!(error.detail().contains("openssl x509"), "{pins}: {error}");
    }
}

#[test]
fn another_fingerprint_is_refused_and_the_presented_one_shown() {
    let (identity, other) = (self_signed(), self_signed().fingerprint());
    let gateway = Plan::new(&identity).start();
    for pins in [other.clone(), format!("{other},{other}")] {
        let error = reject_pinned(&gateway, &pins).expect_err("another certificate");
        assert_eq!(error.status(), Status::Tls);
        assert!(!error.maybe_sent());
        assert!(error.detail().contains("pin_sha256"), "{error}");
        let shown = fingerprint_in(error.detail()).expect("a fingerprint");
        assert_eq!(shown, identity.fingerprint());
        reject_pinned(&gateway, &shown).expect("what is shown can be pinned");
    }
    assert_eq!(gateway.seen().clients.len(), 2, "who refuses does not finish the handshake");
}

/// Only the gateway's own certificate counts, not one that it sends along.
#[test]
fn the_authoritys_fingerprint_is_not_the_gateways() {
    let middle = Authority::new("Own authority").below("Intermediate authority");
    let identity = middle.issue(&Leaf::server(vec![dns(HOST)]));
    let above = Identity::new(middle.der(), String::new());
    let error = reject_pinned(&Plan::new(&identity).start(), &above.fingerprint());
    assert_eq!(error.expect_err("an authority's").status(), Status::Tls);
}

/// Whoever has copied the certificate does not have its key.
#[test]
fn a_copied_certificate_is_refused_in_every_mode_that_checks() {
    let authority = Authority::new("Own authority");
    let identity = authority.issue(&Leaf::server(vec![dns(HOST)]));
    for version in VERSIONS {
        for thief in [&self_signed(), &*OPENSSL_DEFAULT] {
            let gateway = Plan::new(&identity).signed_by(thief).only(version).start();
            let pin = identity.fingerprint();
            for outcome in
                [reject_pinned(&gateway, &pin), reject_trusting(&gateway, &authority.pem())]
            {
                let error = outcome.expect_err("it is signed with another key");
                assert_eq!(error.status(), Status::Tls, "{version:?}: {error}");
                assert!(!error.maybe_sent());
                assert!(error.detail().contains("handshake"), "{version:?}: {error}");
                assert!(error.detail().contains("sign"), "{version:?}: {error}");
            }
            assert!(gateway.seen().clients.is_empty(), "{version:?}");
            reject(&options(&gateway, Trust::DangerAny, |_| {})).expect("nothing is checked");
        }
    }
}
