//! Whether a text shows what it must not: keys and certificates.

/// Whether a text shows a part of a PEM text, as it is or byte by byte as Rust prints bytes.
pub fn shows(text: &str, pem: &str) -> bool {
    const ENOUGH: usize = 12;
    let body = pem.lines().filter(|line| !line.contains("-----") && !line.is_empty());
    body.flat_map(|line| line.as_bytes().chunks_exact(ENOUGH)).any(|part| {
        let as_it_is = String::from_utf8_lossy(part);
        let as_bytes = format!("{part:?}");
        text.contains(&*as_it_is) || text.contains(as_bytes.trim_matches(['[', ']']))
    })
}

#[test]
fn a_text_shows_a_key_as_it_is_or_byte_by_byte() {
    let pem = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n";
    for text in [
        "cannot be read: MIGHAgEAMBMGByqGSM49".to_owned(),
        format!("cannot be read: {:?}", pem.as_bytes()),
    ] {
        assert!(shows(&text, pem), "{text}");
    }
    assert!(!shows("-----BEGIN PRIVATE KEY----- is no certificate", pem));
}
