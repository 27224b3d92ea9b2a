//! Sentences for the errors of rustls and webpki, by the names of the variants. Their own words are
//! Rust's, made for programmers. A test reads the variants out of those crates' sources.

use std::fmt::Debug;

/// Sentences for the variants of an enum, their names in front. A variant with more to tell, such as
/// `ExpiredContext`, shares the row of the plain one; the last row is for those that have none.
pub(super) type Family = [&'static str];

const OTHERS: &str = "_";

/// For whom it is not clear what they lack.
pub(crate) const NEEDS: &str = "agw needs TLS 1.3, or 1.2 with ECDHE and AES-GCM or \
    ChaCha20-Poly1305, with X25519, P-256 or P-384 as the curve, and a key of RSA (2048 to 8192 bits), \
    P-256, P-384 or Ed25519";

/// Behind what else could be done about a certificate.
pub(super) const OR_PIN: &str = ", or pin it (pin_sha256)";

/// What stands for itself in many sentences; `{}` is the variant's name in plain words.
const PHRASES: [(&str, &str); 4] = [
    ("{needs}", NEEDS),
    ("{pin}", OR_PIN),
    ("{one}", "it, or one above it,"),
    ("{anew}", "; have it issued anew"),
];

pub(super) fn say(family: &Family, why: &dyn Debug) -> String {
    let debug = format!("{why:?}");
    let variant = debug.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let sentence = row(family, variant).or_else(|| row(family, OTHERS)).unwrap_or("{}");
    let sentence = sentence.replace("{}", &plain(variant));
    PHRASES.iter().fold(sentence, |sentence, (short, long)| sentence.replace(short, long))
}

fn row(family: &Family, variant: &str) -> Option<&'static str> {
    let shared = variant.strip_suffix("Context").unwrap_or(variant);
    family.iter().find_map(|row| {
        let (names, sentence) = row.split_once(": ")?;
        let mut names = names.split(", ");
        names.any(|name| [variant, shared].contains(&name)).then_some(sentence)
    })
}

/// `NoCipherSuitesInCommon` is "no cipher suites in common".
fn plain(variant: &str) -> String {
    let mut words = String::new();
    for character in variant.chars() {
        if character.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(character.to_ascii_lowercase());
    }
    words.replace("tls12", "TLS 1.2").replace("tls13", "TLS 1.3")
}

/// A text of somebody else's, if it is none of Rust's.
pub(super) fn sober(text: &str) -> Option<&str> {
    let jargon = text.contains(['{', '}', '"', '[', ']']) || text.contains("::");
    let one_word = !text.trim().contains(' ');
    (!jargon && !one_word).then_some(text)
}

/// `rustls::CertificateError`, in words that go on from "was refused: ", and those of `webpki::Error`
/// that rustls has no name of its own for.
pub(super) const CERTIFICATE: &Family = &[
    "BadEncoding: {one} cannot be read as a certificate{anew}",
    "Expired: it has expired, or its dates make no sense; have it renewed{pin}",
    "NotValidYet: it is not valid yet; check this machine's clock",
    "Revoked: it has been revoked; have another issued",
    "UnhandledCriticalExtension, UnsupportedCriticalExtension: {one} has an extension that is \
     marked critical and that agw does not know; have it issued without that",
    "UnknownIssuer: its issuer is not among those trusted; give the CA's certificate as ca, and \
     let the gateway send those between{pin}",
    "UnknownRevocationStatus: whether it has been revoked cannot be found out; let this machine \
     reach the CA's list, or give the CA as ca alone (trust CA)",
    "ExpiredRevocationList: the list of revoked certificates has expired; have the CA mend it",
    "BadSignature: none of those trusted has signed it (one of the same name has another key, or \
     one too weak for agw); give the CA's present certificate as ca{pin}",
    "UnsupportedSignatureAlgorithm, UnsupportedSignatureAlgorithmForPublicKey: {one} is signed in \
     a way that agw does not take; have it signed with SHA-256 and RSA, P-256 or P-384{pin}",
    "NotValidForName: it is for another name; put that into base_url{pin}",
    "InvalidPurpose: its extended key usage is not that of a server; have one \
     issued for servers{pin}",
    "InvalidOcspResponse: what the gateway sent about its revocation (OCSP) is not right",
    "ApplicationVerificationFailure: the system's check refuses it",
    "Other: it is none that agw takes{anew}{pin}",
    "CaUsedAsEndEntity: it is a CA's certificate used as a server's; pin it (pin_sha256), or have \
     a server's issued",
    "CertDistrusted: it is among those that must not be trusted",
    "EmptyEkuExtension: {one} has an extended key usage that names none{anew}",
    "EndEntityUsedAsCa: it was issued by a certificate that is not a CA's (basicConstraints); have \
     it issued by a CA{pin}",
    "ExtensionValueInvalid: {one} has an extension that cannot be read{anew}",
    "InvalidNetworkMaskConstraint: {one} has a name constraint that is no network{anew}",
    "InvalidSerialNumber: {one} has a serial number that is not valid{anew}",
    "MalformedDnsIdentifier: {one} has a host name that is none{anew}",
    "MalformedExtensions: {one} has extensions that cannot be read{anew}",
    "MalformedNameConstraint: {one} has a name constraint that cannot be read{anew}",
    "MaximumNameConstraintComparisonsExceeded, MaximumPathBuildCallsExceeded, \
     MaximumSignatureChecksExceeded: the certificates that come with it are too many to find a way \
     through; let the gateway send only those that lead to its CA{pin}",
    "MaximumPathDepthExceeded: its chain is longer than agw follows; give a CA nearer \
     to it as ca{pin}",
    "NameConstraintViolation: a CA above it may not issue for the names in it (name constraints); \
     have it issued by another CA or for other names{pin}",
    "PathLenConstraintViolated: a CA above it has more CAs below it than it may (path length); \
     have it issued by a CA nearer to the root{pin}",
    "SignatureAlgorithmMismatch: {one} names two ways of its signature{anew}",
    "UnsupportedCertVersion: {one} is of X.509 version 1, which cannot be used; issue one \
     of version 3",
    "UnsupportedNameType: a name of this kind cannot stand in a certificate; see base_url",
    "_: it is none that agw takes ({})",
];

/// `webpki::Error`, of a certificate that is to be trusted, in words that go on from "certificate 2: ".
pub(super) const AUTHORITY: &Family = &[
    "BadDer: it is damaged, or no certificate",
    "TrailingData: it is damaged: there are bytes behind its end",
    "UnsupportedCertVersion: it is of a version of X.509 that agw does not know",
    "UnsupportedCriticalExtension: it has an extension marked critical that agw does not know",
    "_: it is no CA's certificate that agw takes ({})",
];

/// `rustls::AlertDescription`, in words that go on from "the gateway ended the handshake: ".
pub(super) const ALERT: &Family = &[
    "HandshakeFailure: it and agw have nothing in common; {needs}",
    "ProtocolVersion: it speaks another version of TLS; {needs}",
    "InsufficientSecurity: it wants another way of encrypting; {needs}",
    "CertificateRequired: it demands a client certificate: give client_cert and client_key, from \
     whoever runs it",
    "NoCertificate: it demands a client certificate: give client_cert and client_key",
    "BadCertificate, CertificateUnknown: it refuses the client certificate, or the lack of one: \
     see client_cert, and ask whoever runs it",
    "UnsupportedCertificate: it does not take this kind of client certificate: ask whoever runs it \
     for one for clients",
    "CertificateRevoked: the client certificate is revoked: ask for a new one",
    "CertificateExpired: it finds the client certificate expired: ask for a new one, \
     or see its clock",
    "UnknownCA: it does not know the CA of the client certificate: give one by its CA, with those \
     between behind it in client_cert",
    "AccessDenied: it knows the client certificate, and does not let it in: ask whoever runs it",
    "DecryptError: it finds a signature wrong: see whether client_key belongs to client_cert",
    "UnrecognisedName: it serves no host of this name: put the one it knows into base_url, the \
     address into connect_to",
    "NoRenegotiation: it wanted one more handshake (renegotiation), which agw refuses",
    "InternalError: it has a fault of its own, or serves no host of this name: see its log, and base_url",
    "CloseNotify: it closed the connection",
    "UserCanceled: it gave up",
    "_: it does not like what came ({}): see its log, and what lies on the path",
];

/// `rustls::PeerIncompatible`.
pub(super) const INCOMPATIBLE: &Family = &[
    "ServerDoesNotSupportTls12Or13: the gateway speaks TLS 1.1 or older only; {needs}",
    "_: the gateway's TLS and agw's have too little in common ({}); {needs}",
];

/// Of whoever speaks TLS, and not as it should.
const BREAKS_THE_RULES: &str = "_: the gateway breaks the rules of TLS ({}): a fault of its own, or of \
    something on the path; see whether there is an update";

/// `rustls::PeerMisbehaved`.
pub(super) const MISBEHAVED: &Family = &[BREAKS_THE_RULES];

/// `rustls::InvalidMessage`.
pub(super) const MESSAGE: &Family = &[
    "InvalidContentType, InvalidEmptyPayload, MessageTooLarge, UnknownProtocolVersion: the other side \
     does not speak TLS here ({}); check the port, and whether it wants http://",
    "CertificatePayloadTooLarge, HandshakePayloadTooLarge: the gateway sends more than 64 KiB of \
     certificates; let it send its own and those between it and its CA alone",
    BREAKS_THE_RULES,
];

/// `rustls::Error`, where no other family speaks for what is inside.
pub(super) const TLS: &Family = &[
    "InappropriateMessage, InappropriateHandshakeMessage: the gateway sent a TLS message out of \
     its turn: a fault of its own, or of something on the path; see whether there is an update",
    "NoCertificatesPresented: the gateway shows no certificate; let it have one",
    "UnsupportedNameType: a name of this kind cannot stand in a certificate; see base_url",
    "DecryptError, PeerSentOversizedRecord: what the gateway sent was changed on its way, or is \
     not right: look for something on the path that takes TLS apart, or for an update \
     of the gateway's",
    "EncryptError: a message is too long for TLS: a fault of agw, please report it",
    "General, Other: TLS failed: see the gateway's log",
    "FailedToGetCurrentTime: this machine does not tell the time; set its clock",
    "FailedToGetRandomBytes: this machine gives no random numbers",
    "HandshakeNotComplete: the handshake is not complete: a fault of agw, please report it",
    "NoApplicationProtocol: the gateway speaks no HTTP/1.1 here; check the port",
    "BadMaxFragmentSize: the size of a record is not right: a fault of agw, please report it",
    "_: TLS failed ({}): see the gateway's log",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;
    use std::process::Command;
    use std::sync::LazyLock;

    /// Crate, file and enum, the family that speaks for it, and whether each variant must have a row
    /// of its own, or hold an enum that has a family: those of certificates are what people have to
    /// mend.
    const ENUMS: &[(&str, &str, &str, &Family, bool)] = &[
        ("rustls", "src/error.rs", "Error", TLS, true),
        ("rustls", "src/error.rs", "CertificateError", CERTIFICATE, true),
        ("rustls", "src/error.rs", "InvalidMessage", MESSAGE, false),
        ("rustls", "src/error.rs", "PeerIncompatible", INCOMPATIBLE, false),
        ("rustls", "src/error.rs", "PeerMisbehaved", MISBEHAVED, false),
        ("rustls", "src/enums.rs", "AlertDescription", ALERT, false),
        ("rustls-webpki", "src/error.rs", "Error", CERTIFICATE, true),
        ("rustls-webpki", "src/error.rs", "Error", AUTHORITY, false),
    ];

    /// Parts of the names of what no call meets: agw reads no list of revoked certificates, encrypts
    /// no greeting, and compares client_key with client_cert itself.
    const NEVER: [&str; 5] = [
        "Crl",
        "RevocationReason",
        "CertRevocationList",
        "EncryptedClientHello",
        "InconsistentKeys",
    ];

    fn cargo(arguments: &[&str]) -> String {
        let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
        let output = cargo.args(arguments).output().expect("cargo runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// A file of a crate in Cargo.lock.
    fn source(package: &str, file: &str) -> String {
        static METADATA: LazyLock<serde_json::Value> = LazyLock::new(|| {
            let version = cargo(&["-vV"]);
            let host = version.lines().find_map(|line| line.strip_prefix("host: "));
            // Without the crates of other platforms, which it would download.
            let platform = ["--filter-platform", host.expect("a host")];
            let manifest = ["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")];
            let metadata = ["metadata", "--locked", "--format-version", "1"];
            let said = cargo(&[&metadata[..], &platform, &manifest].concat());
            serde_json::from_str(&said).expect("JSON")
        });
        let mut packages = METADATA["packages"].as_array().expect("packages").iter();
        let found = packages.find(|one| one["name"] == package).expect(package);
        let manifest = Path::new(found["manifest_path"].as_str().expect("a path"));
        fs::read_to_string(manifest.with_file_name(file)).expect("a source")
    }

    /// The variants of a `pub enum`: the lines that rustfmt puts one step further in.
    fn variants<'a>(source: &'a str, name: &str) -> Vec<&'a str> {
        let head = format!("pub enum {name} {{");
        let mut lines = source.lines().skip_while(|line| line.trim() != head);
        let indent = lines.next().and_then(|line| line.find('p')).expect(name);
        let body = lines.take_while(|line| line.find('}') != Some(indent));
        let starts = body.filter_map(|line| line.get(indent + 4..));
        starts.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase())).collect()
    }

    fn first_word(line: &str) -> Option<&str> {
        line.split(|c: char| !c.is_alphanumeric()).next()
    }

    #[test]
    fn every_error_has_a_sentence() {
        let verifier = source("rustls", "src/webpki/mod.rs");
        let (_, renamed) = verifier.split_once("fn pki_error(").expect("the translation");
        let (renamed, _) = renamed.split_once("\n}\n").expect("its end");
        let renamed: Vec<_> = renamed.split(|c: char| !c.is_alphanumeric()).collect();
        for (package, file, name, family, by_row) in ENUMS {
            let source = source(package, file);
            let variants = variants(&source, name);
            assert!(variants.len() > 1, "{package}: {name}: {variants:?}");
            for line in variants {
                let variant = first_word(line).expect("a name");
                let said = say(family, &format_args!("{variant}(1)"));
                let jargon = [variant, "::", "{", "}", "\""];
                assert!(!jargon.iter().any(|part| said.contains(part)), "{variant}: {said}");
                let elsewhere = NEVER.iter().any(|part| variant.contains(part))
                    || ENUMS.iter().any(|row| line.contains(&format!("({})", row.2)))
                    || *package == "rustls-webpki" && renamed.contains(&variant);
                let has_row = !by_row || elsewhere || row(family, variant).is_some();
                assert!(has_row, "without a sentence: {package}: {name}::{variant}");
            }
        }
    }

    /// An enum that rustls adds to its errors is one more family. A purpose is no error.
    #[test]
    fn every_enum_of_errors_has_a_family() {
        let source = source("rustls", "src/error.rs");
        let heads = source.lines().filter_map(|line| line.strip_prefix("pub enum "));
        let found: Vec<_> = heads.filter_map(first_word).collect();
        assert!(found.len() >= 9, "{found:?}");
        for name in found.into_iter().filter(|name| *name != "ExtendedKeyPurpose") {
            let never = NEVER.iter().any(|part| name.contains(part));
            assert!(never || ENUMS.iter().any(|row| row.2 == name), "{name}");
        }
    }

    #[test]
    fn names_of_variants_become_words() {
        for (variant, words) in [
            (
                "SelectedTls12UsingTls13VersionExtension",
                "selected TLS 1.2 using TLS 1.3 version extension",
            ),
            ("Carries { bytes: [1] }", "carries"),
        ] {
            assert_eq!(say(&["_: {}"], &format_args!("{variant}")), words);
        }
        assert_eq!(sober("peer is BadDer"), Some("peer is BadDer"));
        for jargon in ["BadDer", "Other(\"x\")", "a::b is c", "Named { of: 1 }"] {
            assert_eq!(sober(jargon), None);
        }
    }
}
