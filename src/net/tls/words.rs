//! Sentences for the errors of rustls and webpki, by the names of the variants. Their own words are
//! Rust's, made for programmers. A test reads the variants out of those crates' sources.

use std::fmt::{self, Debug, Write as _};

/// One enum that errors are made of.
pub(super) struct Family {
    /// Variant and sentence. A variant with more to tell, such as `ExpiredContext`, shares the row of
    /// the plain one.
    rows: &'static [(&'static str, &'static str)],
    /// For those without a row of their own: what stands around the variant's name in plain words.
    others: Option<(&'static str, &'static str)>,
}

impl Family {
    pub fn say(&self, why: &dyn Debug) -> String {
        let variant = variant_of(why);
        self.sentence(&variant).unwrap_or_else(|| {
            let (before, behind) = self.others.unwrap_or(("it cannot be used (", ")"));
            format!("{before}{}{behind}", plain(&variant))
        })
    }

    fn sentence(&self, variant: &str) -> Option<String> {
        let shared = variant.strip_suffix("Context").unwrap_or(variant);
        let row = self.rows.iter().find(|(name, _)| [variant, shared].contains(name));
        row.map(|(_, sentence)| (*sentence).to_owned())
    }
}

/// What derived `Debug` begins with, and no more of it: what follows may be long.
fn variant_of(why: &dyn Debug) -> String {
    struct Start(String);
    impl fmt::Write for Start {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let end = text.find(|c: char| !c.is_ascii_alphanumeric());
            self.0.push_str(&text[..end.unwrap_or(text.len())]);
            if end.is_some() { Err(fmt::Error) } else { Ok(()) }
        }
    }
    let mut start = Start(String::new());
    let _ = write!(start, "{why:?}");
    start.0
}

/// `NoCipherSuitesInCommon` is "no cipher suites in common".
fn plain(variant: &str) -> String {
    let mut words = String::new();
    for character in variant.chars().filter(char::is_ascii_alphanumeric) {
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

macro_rules! pin {
    () => {
        ", or pin it (pin_sha256)"
    };
}

macro_rules! needs {
    () => {
        "agw needs TLS 1.3, or 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305, and a key of RSA (2048 \
         bits or more), P-256, P-384 or Ed25519"
    };
}

/// For whom it is not clear what they lack.
pub(crate) const NEEDS: &str = needs!();

macro_rules! revocation {
    ($why:literal) => {
        concat!("the list of revoked certificates ", $why, "; have the CA mend it")
    };
}

macro_rules! broken {
    ($why:literal) => {
        concat!("it, or one above it, ", $why, "; have it issued anew")
    };
}

macro_rules! tangled {
    () => {
        concat!(
            "the certificates that come with it are too many to find a way through; let the gateway \
             send only those that lead to its CA",
            pin!()
        )
    };
}

/// `rustls::CertificateError`, in words that go on from "was refused: ".
pub(super) const CERTIFICATE: Family = Family {
    rows: &[
        ("BadEncoding", broken!("cannot be read as a certificate")),
        ("Expired", concat!("it has expired, or its dates make no sense; have it renewed", pin!())),
        ("NotValidYet", "it is not valid yet; check this machine's clock"),
        ("Revoked", "it has been revoked; have another issued"),
        ("UnhandledCriticalExtension", UNKNOWN_EXTENSION),
        (
            "UnknownIssuer",
            concat!(
                "its issuer is not among those trusted; give the CA's certificate as ca, and let the \
                 gateway send those between",
                pin!()
            ),
        ),
        (
            "UnknownRevocationStatus",
            concat!(
                "whether it has been revoked cannot be found out; let this machine reach the CA's list",
                ", or give the CA as ca alone (trust CA)"
            ),
        ),
        ("ExpiredRevocationList", revocation!("has expired")),
        (
            "BadSignature",
            concat!(
                "none of those trusted has signed it (one of the same name has another key, or one \
                 too weak for agw); give the CA's present certificate as ca",
                pin!()
            ),
        ),
        ("UnsupportedSignatureAlgorithm", UNKNOWN_SIGNATURE),
        ("UnsupportedSignatureAlgorithmForPublicKey", UNKNOWN_SIGNATURE),
        ("NotValidForName", concat!("it is for another name; put that into base_url", pin!())),
        (
            "InvalidPurpose",
            concat!(
                "its extended key usage is not that of a server; have one issued for servers",
                pin!()
            ),
        ),
        ("InvalidOcspResponse", "what the gateway sent about its revocation (OCSP) is not right"),
        ("ApplicationVerificationFailure", "the system's check refuses it"),
        ("Other", concat!("it is none that agw takes; have it issued anew", pin!())),
    ],
    others: Some(("it is none that agw takes (", ")")),
};

const UNKNOWN_EXTENSION: &str = "it, or one above it, has an extension that is marked critical and \
    that agw does not know; have it issued without that";

const UNKNOWN_SIGNATURE: &str = concat!(
    "it, or one above it, is signed in a way that agw does not take; have it signed with SHA-256 and \
     RSA, P-256 or P-384",
    pin!()
);

/// `webpki::Error`, likewise.
pub(super) const PKI: Family = Family {
    rows: &[
        ("BadDer", broken!("cannot be read as a certificate")),
        ("BadDerTime", broken!("has a date that cannot be read")),
        (
            "CaUsedAsEndEntity",
            "it is a CA's certificate used as a server's; pin it (pin_sha256), or have a server's \
             issued",
        ),
        ("CertDistrusted", "it is among those that must not be trusted"),
        ("CertExpired", concat!("it has expired; have it renewed", pin!())),
        ("CertNotValidForName", concat!("it is for another name; put that into base_url", pin!())),
        ("CertNotValidYet", "it is not valid yet; check this machine's clock"),
        ("CertRevoked", "it has been revoked; have another issued"),
        ("CrlExpired", revocation!("has expired")),
        ("EmptyEkuExtension", broken!("has an extended key usage that names none")),
        (
            "EndEntityUsedAsCa",
            concat!(
                "it was issued by a certificate that is not a CA's (basicConstraints); have it \
                 issued by a CA",
                pin!()
            ),
        ),
        ("ExtensionValueInvalid", broken!("has an extension that cannot be read")),
        ("InvalidCertValidity", broken!("ends before it begins")),
        ("InvalidCrlNumber", revocation!("has no valid number")),
        ("InvalidNetworkMaskConstraint", broken!("has a name constraint that is no network")),
        ("InvalidSerialNumber", broken!("has a serial number that is not valid")),
        ("InvalidCrlSignatureForPublicKey", revocation!("is not signed by its CA")),
        (
            "InvalidSignatureForPublicKey",
            concat!(
                "it is not signed by its issuer's key; give the CA's present certificate as ca",
                pin!()
            ),
        ),
        ("IssuerNotCrlSigner", revocation!("is signed by one that may not")),
        ("MalformedDnsIdentifier", broken!("has a host name that is none")),
        ("MalformedExtensions", broken!("has extensions that cannot be read")),
        ("MalformedNameConstraint", broken!("has a name constraint that cannot be read")),
        ("MaximumNameConstraintComparisonsExceeded", tangled!()),
        ("MaximumPathBuildCallsExceeded", tangled!()),
        (
            "MaximumPathDepthExceeded",
            concat!("its chain is longer than agw follows; give a CA nearer to it as ca", pin!()),
        ),
        ("MaximumSignatureChecksExceeded", tangled!()),
        (
            "NameConstraintViolation",
            concat!(
                "a CA above it may not issue for the names in it (name constraints); have it issued by \
                 another CA or for other names",
                pin!()
            ),
        ),
        (
            "PathLenConstraintViolated",
            concat!(
                "a CA above it has more CAs below it than it may (path length); have it issued by a CA \
                 nearer to the root",
                pin!()
            ),
        ),
        (
            "RequiredEkuNotFound",
            concat!(
                "its extended key usage is not that of a server; have one issued for servers",
                pin!()
            ),
        ),
        ("SignatureAlgorithmMismatch", broken!("names two ways of its signature")),
        ("TrailingData", broken!("has bytes behind its end")),
        (
            "UnknownIssuer",
            concat!(
                "its issuer is not among those trusted; give the CA's certificate as ca",
                pin!()
            ),
        ),
        ("UnknownRevocationStatus", "whether it has been revoked cannot be found out"),
        (
            "UnsupportedCertVersion",
            "it is of X.509 version 1, which cannot be used; issue one of version 3",
        ),
        ("UnsupportedCriticalExtension", UNKNOWN_EXTENSION),
        ("UnsupportedCrlIssuingDistributionPoint", revocation!("names no place of its own")),
        ("UnsupportedCrlVersion", revocation!("is not of version 2")),
        ("UnsupportedDeltaCrl", revocation!("holds changes only")),
        ("UnsupportedIndirectCrl", revocation!("is another CA's")),
        ("UnsupportedNameType", "a name of this kind cannot stand in a certificate; see base_url"),
        ("UnsupportedRevocationReason", revocation!("has a reason that nobody knows")),
        ("UnsupportedRevocationReasonsPartitioning", revocation!("is for some reasons only")),
        (
            "UnsupportedCrlSignatureAlgorithm",
            revocation!("is signed in a way that agw does not take"),
        ),
        (
            "UnsupportedCrlSignatureAlgorithmForPublicKey",
            revocation!("is signed in a way that agw does not take"),
        ),
        ("UnsupportedSignatureAlgorithm", UNKNOWN_SIGNATURE),
        ("UnsupportedSignatureAlgorithmForPublicKey", UNKNOWN_SIGNATURE),
    ],
    others: Some(("it is none that agw takes (", ")")),
};

/// `webpki::Error`, of a certificate that is to be trusted, in words that go on from "certificate 2: ".
pub(super) const AUTHORITY: Family = Family {
    rows: &[
        ("BadDer", "it is damaged, or no certificate"),
        ("TrailingData", "it is damaged: there are bytes behind its end"),
        ("UnsupportedCertVersion", "it is of a version of X.509 that agw does not know"),
        (
            "UnsupportedCriticalExtension",
            "it has an extension marked critical that agw does not know",
        ),
    ],
    others: Some(("it is no CA's certificate that agw takes (", ")")),
};

/// `rustls::CertRevocationListError`. agw reads no such list; the system may.
pub(super) const REVOCATION: Family = Family {
    rows: &[],
    others: Some(("the list of revoked certificates cannot be used (", "); have the CA mend it")),
};

/// `rustls::ExtendedKeyPurpose`: whom a certificate is for.
pub(super) const PURPOSE: Family = Family {
    rows: &[("ClientAuth", "clients"), ("ServerAuth", "servers"), ("Other", "another use")],
    others: None,
};

/// `rustls::AlertDescription`, in words that go on from "the gateway ended the handshake: ".
pub(super) const ALERT: Family = Family {
    rows: &[
        ("HandshakeFailure", concat!("it and agw have nothing in common; ", needs!())),
        ("ProtocolVersion", concat!("it speaks another version of TLS; ", needs!())),
        ("InsufficientSecurity", concat!("it wants another way of encrypting; ", needs!())),
        (
            "CertificateRequired",
            "it demands a client certificate: give client_cert and client_key, from whoever runs it",
        ),
        ("NoCertificate", "it demands a client certificate: give client_cert and client_key"),
        (
            "BadCertificate",
            "it refuses the client certificate, or the lack of \
             one: see client_cert, and ask whoever runs it",
        ),
        (
            "UnsupportedCertificate",
            "it does not take this kind of client certificate: ask whoever runs it for one for clients",
        ),
        ("CertificateRevoked", "the client certificate is revoked: ask for a new one"),
        (
            "CertificateExpired",
            "it finds the client certificate expired: ask for a \
             new one, or see its clock",
        ),
        (
            "CertificateUnknown",
            "it refuses the client certificate, or the lack of \
             one: see client_cert, and ask whoever runs it",
        ),
        (
            "UnknownCA",
            "it does not know the CA of the client certificate: give one by its CA, with those between \
             behind it in client_cert",
        ),
        (
            "AccessDenied",
            "it knows the client certificate, and does not let it in: ask whoever runs it",
        ),
        (
            "DecryptError",
            "it finds a signature wrong: see whether client_key belongs to client_cert",
        ),
        (
            "UnrecognisedName",
            "it serves no host of this name: put the \
             one it knows into base_url, the address into connect_to",
        ),
        ("NoRenegotiation", "it wanted one more handshake (renegotiation), which agw refuses"),
        ("InternalError", "it has a fault of its own: see its log"),
        ("CloseNotify", "it closed the connection"),
        ("UserCanceled", "it gave up"),
    ],
    others: Some(("it does not like what came (", "): see its log, and what lies on the path")),
};

/// `rustls::PeerIncompatible`.
pub(super) const INCOMPATIBLE: Family = Family {
    rows: &[(
        "ServerDoesNotSupportTls12Or13",
        concat!("the gateway speaks TLS 1.1 or older only; ", needs!()),
    )],
    others: Some((
        "the gateway's TLS and agw's have too little in common (",
        concat!("); ", needs!()),
    )),
};

/// `rustls::PeerMisbehaved`.
pub(super) const MISBEHAVED: Family = Family {
    rows: &[],
    others: Some((
        "the gateway breaks the rules of TLS (",
        "): a fault of its own, or of something on the path; see whether there is an update",
    )),
};

/// `rustls::InvalidMessage`.
pub(super) const MESSAGE: Family = Family {
    rows: &[],
    others: Some((
        "the other side does not speak TLS here (",
        "); check the port, and whether it wants http://",
    )),
};

/// `rustls::EncryptedClientHelloError`.
pub(super) const HELLO: Family = Family {
    rows: &[],
    others: Some(("agw does not encrypt its greeting, and was asked to (", ")")),
};

/// `rustls::InconsistentKeys`.
pub(super) const KEYS: Family =
    Family { rows: &[], others: Some(("client_key is not the key of client_cert (", ")")) };

/// `rustls::client::VerifierBuilderError`.
pub(super) const VERIFIER: Family = Family {
    rows: &[
        ("NoRootAnchors", "there is no certificate to trust; give ca"),
        ("InvalidCrl", revocation!("cannot be read")),
    ],
    others: None,
};

/// `rustls::Error`, where it has no family of its own inside.
pub(super) const TLS: Family = Family {
    rows: &[
        ("InappropriateMessage", OUT_OF_TURN),
        ("InappropriateHandshakeMessage", OUT_OF_TURN),
        ("InvalidEncryptedClientHello", "the encrypted greeting is not right"),
        ("InvalidMessage", "the other side does not speak TLS here; check the port"),
        ("NoCertificatesPresented", "the gateway shows no certificate; let it have one"),
        ("UnsupportedNameType", "a name of this kind cannot stand in a certificate; see base_url"),
        ("DecryptError", CHANGED),
        ("EncryptError", "a message is too long for TLS: a fault of agw, please report it"),
        ("PeerIncompatible", needs!()),
        ("PeerMisbehaved", "the gateway breaks the rules of TLS"),
        ("AlertReceived", "the gateway ended the handshake"),
        ("InvalidCertificate", "the gateway's certificate was refused"),
        ("InvalidCertRevocationList", revocation!("cannot be used")),
        ("General", "TLS failed: see the gateway's log"),
        ("FailedToGetCurrentTime", "this machine does not tell the time; set its clock"),
        ("FailedToGetRandomBytes", "this machine gives no random numbers"),
        ("HandshakeNotComplete", "the handshake is not complete: a fault of agw, please report it"),
        ("PeerSentOversizedRecord", CHANGED),
        ("NoApplicationProtocol", "the gateway speaks no HTTP/1.1 here; check the port"),
        (
            "BadMaxFragmentSize",
            "the size of a record is not right: a fault of agw, please report it",
        ),
        ("InconsistentKeys", "client_key is not the key of client_cert"),
        ("Other", "TLS failed: see the gateway's log"),
    ],
    others: Some(("TLS failed (", "): see the gateway's log")),
};

const OUT_OF_TURN: &str = "the gateway sent a TLS message out of its turn: a fault of its own, or of \
    something on the path; see whether there is an update";

const CHANGED: &str = "what the gateway sent was changed on its way, or is not right: look for something \
    on the path that takes TLS apart, or for an update of the gateway's";

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::process::Command;
    use std::{env, fs};

    /// Crate, file and enum, the family that speaks for it, and whether each variant must have a row
    /// of its own: those of certificates are what people have to mend.
    const ENUMS: &[(&str, &str, &str, &Family, bool)] = &[
        ("rustls", "src/error.rs", "Error", &TLS, true),
        ("rustls", "src/error.rs", "CertificateError", &CERTIFICATE, true),
        ("rustls", "src/error.rs", "CertRevocationListError", &REVOCATION, false),
        ("rustls", "src/error.rs", "EncryptedClientHelloError", &HELLO, false),
        ("rustls", "src/error.rs", "ExtendedKeyPurpose", &PURPOSE, true),
        ("rustls", "src/error.rs", "InconsistentKeys", &KEYS, false),
        ("rustls", "src/error.rs", "InvalidMessage", &MESSAGE, false),
        ("rustls", "src/error.rs", "PeerIncompatible", &INCOMPATIBLE, false),
        ("rustls", "src/error.rs", "PeerMisbehaved", &MISBEHAVED, false),
        ("rustls", "src/enums.rs", "AlertDescription", &ALERT, false),
        ("rustls", "src/webpki/mod.rs", "VerifierBuilderError", &VERIFIER, true),
        ("rustls-webpki", "src/error.rs", "Error", &PKI, true),
        ("rustls-webpki", "src/error.rs", "Error", &AUTHORITY, false),
    ];

    /// Where the sources of the crates in Cargo.lock are.
    fn folders() -> BTreeMap<String, PathBuf> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--locked", "--offline", "--format-version", "1"])
            .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
            .output()
            .expect("cargo runs");
        let said = String::from_utf8_lossy(&output.stderr);
        let told: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {said}"));
        let packages = told["packages"].as_array().expect("packages");
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        packages
            .iter()
            .map(|package| {
                let manifest = PathBuf::from(text(&package["manifest_path"]));
                (text(&package["name"]), manifest.parent().expect("a folder").to_owned())
            })
            .collect()
    }

    fn without_comments(source: &str) -> String {
        let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
        source.lines().map(code).collect::<Vec<_>>().join("\n")
    }

    /// The variants of a `pub enum`, also of one inside a macro.
    fn variants(source: &str, name: &str) -> Vec<String> {
        let head = format!("pub enum {name} {{");
        let (_, body) = source.split_once(&head).unwrap_or_else(|| panic!("no enum {name}"));
        let (mut depth, mut at_start, mut found) = (0, true, Vec::new());
        let mut rest = body;
        while let Some(character) = rest.chars().next() {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            match character {
                '{' | '(' | '<' | '[' => depth += 1,
                '}' if depth == 0 => return found,
                '}' | ')' | ']' => depth -= 1,
                '>' if depth > 0 => depth -= 1,
                ',' if depth == 0 => at_start = true,
                _ if depth == 0 && at_start && word > 0 => {
                    found.push(rest[..word].to_owned());
                    at_start = false;
                }
                _ => {}
            }
            rest = &rest[word.max(character.len_utf8())..];
        }
        panic!("enum {name} does not end");
    }

    fn assert_plain(sentence: &str) {
        let camel = |word: &str| word.chars().skip(1).any(|c| c.is_ascii_uppercase());
        let known =
            ["TLS", "AES-GCM", "ECDHE", "ChaCha20-Poly1305", "RSA", "CAs", "CA", "OCSP", "HTTP"];
        let known = |word: &str| {
            known.iter().any(|known| word.starts_with(known)) || word == "basicConstraints"
        };
        assert!(!sentence.contains(['{', '}', '"']) && !sentence.contains("::"), "{sentence}");
        for word in sentence.split(|c: char| !c.is_alphanumeric() && c != '-') {
            assert!(!camel(word) || known(word) || word.starts_with("SHA-"), "{word}: {sentence}");
        }
    }

    #[test]
    fn every_error_has_a_sentence() {
        let folders = folders();
        let mut missing = Vec::new();
        for (package, file, name, family, by_row) in ENUMS {
            let source = fs::read_to_string(folders[*package].join(file)).expect("a source");
            let variants = variants(&without_comments(&source), name);
            assert!(variants.len() > 1, "{package}: {name}: {variants:?}");
            assert!(*by_row || family.others.is_some(), "{name}");
            for variant in variants {
                assert_plain(&family.say(&format_args!("{variant}(1)")));
                if *by_row && family.sentence(&variant).is_none() {
                    missing.push(format!("{package}: {name}::{variant}"));
                }
            }
        }
        assert!(missing.is_empty(), "without a sentence: {missing:#?}");
    }

    /// An enum that rustls adds to its errors is one more family.
    #[test]
    fn every_enum_of_errors_has_a_family() {
        let source =
            fs::read_to_string(folders()["rustls"].join("src/error.rs")).expect("a source");
        let enums = source.lines().filter_map(|line| line.strip_prefix("pub enum "));
        let found: Vec<_> = enums.filter_map(|rest| rest.split(' ').next()).collect();
        assert!(found.len() >= 9, "{found:?}");
        for name in found {
            assert!(ENUMS.iter().any(|row| row.2 == name), "{name}");
        }
    }

    #[test]
    fn names_of_variants_become_words() {
        #[derive(Debug)]
        #[allow(dead_code)]
        enum Odd {
            SelectedTls12UsingTls13VersionExtension,
            Carries { bytes: Vec<u8> },
        }
        let named = variant_of(&Odd::SelectedTls12UsingTls13VersionExtension);
        assert_eq!(plain(&named), "selected TLS 1.2 using TLS 1.3 version extension");
        assert_eq!(variant_of(&Odd::Carries { bytes: vec![1] }), "Carries");
        assert_eq!(sober("peer is BadDer"), Some("peer is BadDer"));
        for jargon in ["BadDer", "Other(\"x\")", "a::b is c", "Named { of: 1 }"] {
            assert_eq!(sober(jargon), None);
        }
    }
}
