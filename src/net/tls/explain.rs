//! What a refused certificate or a failed handshake says, to a person who has to mend it.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{AlertDescription, CertificateError, OtherError};

use super::der::{Certificate, dotted};
use super::keys::{Key, TAKEN, algorithm, public_key};
use super::limits;
use super::words::{
    ALERT, CERTIFICATE, HELLO, INCOMPATIBLE, KEYS, MESSAGE, MISBEHAVED, PKI, PURPOSE, REVOCATION,
    TLS, sober,
};
use crate::Error;

/// SHA-256 of a certificate's DER bytes.
pub(crate) type Fingerprint = [u8; 32];

/// What the gateway sent, and what is known of those above it.
pub(super) struct Chain<'a> {
    pub certificate: &'a CertificateDer<'a>,
    pub intermediates: &'a [CertificateDer<'a>],
    pub weak: &'a [WeakIssuer],
}

/// A CA's certificate among those trusted whose key can vouch for nothing.
#[derive(Debug)]
pub(super) struct WeakIssuer {
    subject: Vec<u8>,
    key: String,
}

impl WeakIssuer {
    pub fn of(certificate: &CertificateDer) -> Option<Self> {
        let certificate = Certificate::read(certificate)?;
        let key = public_key(certificate.public_key).filter(|key| !key.taken)?;
        Some(WeakIssuer { subject: certificate.subject.to_owned(), key: key.words })
    }
}

/// Names the certificate in the error, since rustls does not show a refused one.
pub(super) fn of_certificate(why: rustls::Error, chain: &Chain) -> rustls::Error {
    match why {
        rustls::Error::InvalidCertificate(why) => because(chain.certificate, &reason(&why, chain)),
        // The system's check, in the words, and the language, of the system.
        rustls::Error::General(why) => because(chain.certificate, &systems_reason(&why)),
        other => other,
    }
}

/// As [`of_certificate`], where it is the handshake that is signed, not the certificate.
pub(crate) fn of_signature(why: rustls::Error, certificate: &CertificateDer) -> rustls::Error {
    match why {
        rustls::Error::InvalidCertificate(CertificateError::Other(why)) => {
            because(certificate, &other_reason(&why))
        }
        rustls::Error::InvalidCertificate(_) => {
            because(certificate, &signature_reason(certificate))
        }
        other => other,
    }
}

/// The fingerprint comes first, in the form that `pin_sha256` takes: a long reason may be cut.
pub(crate) fn because(certificate: &CertificateDer, reason: &str) -> rustls::Error {
    let fingerprint = printed(&fingerprint_of(certificate));
    let refusal = Refusal(format!(
        "the gateway's certificate with the SHA-256 fingerprint {fingerprint} was refused: {reason}"
    ));
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))
}

/// Carries an error of the library's own through rustls.
pub(crate) fn of_this_library(why: Error) -> rustls::Error {
    rustls::Error::Other(OtherError(Arc::new(why)))
}

/// The error that rustls carried, if it was one of the library's own.
pub(crate) fn carried(why: &rustls::Error) -> Option<&Error> {
    match why {
        rustls::Error::Other(OtherError(why)) => why.downcast_ref(),
        _ => None,
    }
}

#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

pub(crate) fn fingerprint_of(certificate: &CertificateDer) -> Fingerprint {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, certificate).as_ref());
    fingerprint
}

pub(crate) fn printed(fingerprint: &Fingerprint) -> String {
    let mut text = String::with_capacity(96);
    for byte in fingerprint {
        let separator = if text.is_empty() { "" } else { ":" };
        let _ = write!(text, "{separator}{byte:02X}");
    }
    text
}

/// Why a certificate was refused, and what to do, for a person who has to mend it.
fn reason(why: &CertificateError, chain: &Chain) -> String {
    use CertificateError as Why;
    let certificate = Certificate::read(chain.certificate);
    let which = |ends: bool, time: &UnixTime| {
        let own = certificate.as_ref().and_then(|own| {
            let days = if ends { own.last_day() } else { own.first_day() };
            Some(days? == (time.as_secs() / 86_400) as i64)
        });
        if own == Some(false) { "one above it" } else { "it" }
    };
    match why {
        Why::ExpiredContext { time, not_after } => format!(
            "{} expired {} ago (by this machine's clock); have it renewed, or pin the gateway's \
             (pin_sha256)",
            which(true, not_after),
            days(*not_after, *time)
        ),
        Why::NotValidYetContext { time, not_before } => format!(
            "{} is not valid for another {} (by this machine's clock); check the clock",
            which(false, not_before),
            days(*time, *not_before)
        ),
        Why::UnknownIssuer if certificate.is_some_and(|own| own.issuer == own.subject) => {
            "it is self-signed and not among those trusted; give it as ca, or pin it (pin_sha256)"
                .into()
        }
        Why::BadSignature
        | Why::UnsupportedSignatureAlgorithmContext { .. }
        | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            weak_issuer(chain).unwrap_or_else(|| unsigned(why))
        }
        Why::UnhandledCriticalExtension => unknown_extension(chain),
        Why::InvalidPurposeContext { presented, .. } if presented.len() == 1 => format!(
            "its extended key usage is for {}, not that of a server; have one issued for servers, \
             or pin it (pin_sha256)",
            PURPOSE.say(&presented[0])
        ),
        Why::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            let hosts: Vec<_> = presented.iter().filter_map(|name| host(name)).collect();
            match hosts.is_empty() {
                true => format!(
                    "it names no host, so not {expected}; have one with a subjectAltName issued, {OR_PIN}"
                ),
                false => format!(
                    "it is for {}, not for {expected}; put a name of it into base_url and the address \
                     into connect_to, {OR_PIN}",
                    listed(&hosts)
                ),
            }
        }
        Why::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::UnsupportedCriticalExtension) => unknown_extension(chain),
            _ => other_reason(other),
        },
        other => CERTIFICATE.say(other),
    }
}

const OR_PIN: &str = "or pin it (pin_sha256)";

/// A signature that cannot be checked, by the way it was made.
fn unsigned(why: &CertificateError) -> String {
    let (way, key) = match why {
        CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id, ..
        } => (algorithm(signature_algorithm_id), None),
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id,
            public_key_algorithm_id,
        } => (algorithm(signature_algorithm_id), algorithm(public_key_algorithm_id)),
        _ => (None, None),
    };
    let Some(way) = way else { return CERTIFICATE.say(why) };
    let by = key.map(|key| format!(" by a key of {key}")).unwrap_or_default();
    format!(
        "it, or one above it, is signed with {way}{by}, which agw does not take (a CA's key has to be \
         {TAKEN}, with SHA-256 or SHA-384); have it issued anew, {OR_PIN}"
    )
}

/// The one in the chain whose issuer's key is such that no signature of it counts.
fn weak_issuer(chain: &Chain) -> Option<String> {
    let sent = std::iter::once(chain.certificate).chain(chain.intermediates);
    let issuers: Vec<_> = sent.filter_map(|one| Some(Certificate::read(one)?.issuer)).collect();
    let among = chain.intermediates.iter().filter_map(WeakIssuer::of);
    let known = among.map(|weak| (weak.subject, weak.key));
    let trusted = chain.weak.iter().map(|weak| (weak.subject.clone(), weak.key.clone()));
    let (_, key) =
        known.chain(trusted).find(|(subject, _)| issuers.contains(&subject.as_slice()))?;
    Some(format!(
        "the key of a CA above it is {key}, which agw does not take ({TAKEN}); have it issued by \
         another CA, {OR_PIN}"
    ))
}

fn unknown_extension(chain: &Chain) -> String {
    let (name, which, or_pin) = match critical_unknown(chain.certificate) {
        // With one of its own, a certificate cannot even be pinned.
        Some(name) => (name, "it", ""),
        None => match chain.intermediates.iter().find_map(critical_unknown) {
            Some(name) => (name, "one above it", ", or pin it (pin_sha256)"),
            None => return PKI.say(&webpki::Error::UnsupportedCriticalExtension),
        },
    };
    format!(
        "{which} has the extension {name} marked critical, which agw does not know; have it issued \
         without that{or_pin}"
    )
}

/// The first extension that must be understood, and is not by webpki.
fn critical_unknown(certificate: &CertificateDer) -> Option<String> {
    let id = |last| [0x55, 0x1D, last];
    let known = [15, 17, 19, 30, 31, 37].map(id);
    let unknown = Certificate::read(certificate)?
        .extensions()
        .into_iter()
        .find(|one| one.critical && !known.iter().any(|known| known == one.identifier))?;
    let names = [
        (32, "certificate policies"),
        (33, "policy mappings"),
        (36, "policy constraints"),
        (54, "inhibit any policy"),
    ];
    let name = names.into_iter().find(|(last, _)| id(*last) == unknown.identifier);
    Some(name.map_or_else(|| dotted(unknown.identifier), |(_, name)| format!("'{name}'")))
}

fn signature_reason(certificate: &CertificateDer) -> String {
    let key = Certificate::read(certificate).and_then(|own| public_key(own.public_key));
    match key.filter(|key| !key.taken) {
        Some(Key { words, .. }) => format!(
            "the handshake's signature cannot be checked: its key is {words}, and agw takes {TAKEN}; \
             have one with such a key issued"
        ),
        None => {
            "the handshake's signature does not fit its key: another one signed; who answers there \
                 has the certificate, and not its key"
                .into()
        }
    }
}

fn systems_reason(why: &str) -> String {
    let number = why.split_once("os error ").and_then(|(_, rest)| rest.split(')').next());
    match number {
        Some(number) => format!("the system's check refuses it (its error {number}), {OR_PIN}"),
        None => match sober(why) {
            Some(words) => format!("the system's check refuses it ({words}), {OR_PIN}"),
            None => CERTIFICATE.say(&CertificateError::ApplicationVerificationFailure),
        },
    }
}

/// The first few of the names in a certificate: a result has no room for more.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A name of a host, out of webpki's form, which is Rust's: `DnsName("gw")`, `IpAddress(10.1.2.3)`.
fn host(name: &str) -> Option<String> {
    let inner = |before, after| name.strip_prefix(before)?.strip_suffix(after);
    if let Some(address) = inner("IpAddress(", ")") {
        // webpki writes ::1 as 0::1.
        let parsed = address.parse::<IpAddr>().map(|address| address.to_string());
        return Some(parsed.unwrap_or_else(|_| address.to_owned()));
    }
    let dns: &str = inner("DnsName(\"", "\")")?;
    let address = dns.parse::<IpAddr>().is_ok();
    Some(if address { format!("{dns} (written as a host name)") } else { dns.to_owned() })
}

fn other_reason(other: &OtherError) -> String {
    if let Some(why) = other.0.downcast_ref::<webpki::Error>() {
        return PKI.say(why);
    }
    match other.0.to_string() {
        purpose if purpose == PLATFORM_PURPOSE => {
            CERTIFICATE.say(&CertificateError::InvalidPurpose)
        }
        words => systems_reason(&words),
    }
}

/// What the platform verifier makes of a wrong extended key usage.
const PLATFORM_PURPOSE: &str = "certificate had invalid extensions";

fn days(from: UnixTime, to: UnixTime) -> String {
    let seconds = to.as_secs().saturating_sub(from.as_secs());
    match seconds / 86_400 {
        0 => "less than a day".into(),
        1 => "1 day".into(),
        days => format!("{days} days"),
    }
}

/// What a TLS failure says to the caller.
pub(crate) fn describe(error: &rustls::Error) -> String {
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(CertificateError::Other(other)) => match other.0.downcast_ref() {
            Some(Refusal(words)) => words.clone(),
            None => format!("the gateway's certificate was refused: {}", other_reason(other)),
        },
        Tls::InvalidCertificate(why) => {
            format!("the gateway's certificate was refused: {}", CERTIFICATE.say(why))
        }
        Tls::InvalidCertRevocationList(why) => REVOCATION.say(why),
        Tls::InvalidEncryptedClientHello(why) => HELLO.say(why),
        Tls::InvalidMessage(why) => MESSAGE.say(why),
        // The same alert stands for two causes, which the handshake so far tells apart.
        Tls::AlertReceived(AlertDescription::HandshakeFailure)
            if limits::client_auth_demanded() =>
        {
            format!(
                "the gateway ended the handshake: {}",
                ALERT.say(&AlertDescription::BadCertificate)
            )
        }
        Tls::AlertReceived(why) => format!("the gateway ended the handshake: {}", ALERT.say(why)),
        Tls::PeerIncompatible(why) => INCOMPATIBLE.say(why),
        Tls::PeerMisbehaved(why) => MISBEHAVED.say(why),
        Tls::InconsistentKeys(why) => KEYS.say(why),
        other => TLS.say(other),
    }
}
