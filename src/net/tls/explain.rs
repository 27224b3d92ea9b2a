//! What a refused certificate or a failed handshake says, to a person who has to mend it.

use std::net::IpAddr;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{AlertDescription, CertificateError, ExtendedKeyPurpose, OtherError};

use super::der::{Certificate, Date, dotted};
use super::keys::{Key, TAKEN, algorithm, public_key};
use super::limits;
use super::names::{is_shown, issuer, listed};
use super::words::{
    ALERT, CERTIFICATE, INCOMPATIBLE, MESSAGE, MISBEHAVED, OR_PIN, TLS, say, sober,
};
use crate::{Error, Status};

/// SHA-256 of a certificate's DER bytes.
pub(crate) type Fingerprint = [u8; 32];

/// What the gateway sent, its own certificate first.
pub(super) type Sent<'a> = [&'a CertificateDer<'a>];

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
pub(super) fn of_certificate(
    why: rustls::Error,
    sent: &Sent,
    weak: &[WeakIssuer],
) -> rustls::Error {
    match why {
        rustls::Error::InvalidCertificate(why) => because(sent[0], &reason(&why, sent, weak)),
        // The system's check, in the words, and the language, of the system.
        rustls::Error::General(why) => because(sent[0], &systems_reason(&why)),
        other => other,
    }
}

/// As [`of_certificate`], where it is the handshake that is signed, not the certificate.
pub(super) fn of_signature(why: rustls::Error, certificate: &CertificateDer) -> rustls::Error {
    let reason = match why {
        rustls::Error::InvalidCertificate(CertificateError::Other(why)) => other_reason(&why),
        rustls::Error::InvalidCertificate(why @ CertificateError::BadEncoding) => {
            say(CERTIFICATE, &why)
        }
        rustls::Error::InvalidCertificate(_) => signature_reason(certificate),
        other => return other,
    };
    because(certificate, &reason)
}

/// The fingerprint comes first, in the form that `pin_sha256` takes: a long reason may be cut.
pub(super) fn because(certificate: &CertificateDer, reason: &str) -> rustls::Error {
    let fingerprint = printed(&fingerprint_of(certificate));
    let error = Error::new(
        Status::Tls,
        format!(
            "the gateway's certificate with the SHA-256 fingerprint {fingerprint} was refused: \
             {reason}"
        ),
    );
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error))))
}

/// What a TLS failure is to the caller: an error of the library's own, if rustls carried one.
pub(crate) fn told(why: &rustls::Error) -> (Status, String) {
    use rustls::Error::{InvalidCertificate, Other};
    let own = match why {
        Other(why) | InvalidCertificate(CertificateError::Other(why)) => {
            why.0.downcast_ref::<Error>()
        }
        _ => None,
    };
    match own {
        Some(own) => (own.status(), own.detail().to_owned()),
        None => (Status::Tls, describe(why)),
    }
}

pub(super) fn fingerprint_of(certificate: &CertificateDer) -> Fingerprint {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, certificate).as_ref());
    fingerprint
}

pub(super) fn printed(fingerprint: &Fingerprint) -> String {
    fingerprint.map(|byte| format!("{byte:02X}")).join(":")
}

/// Why a certificate was refused, and what to do, for a person who has to mend it.
fn reason(why: &CertificateError, sent: &Sent, weak: &[WeakIssuer]) -> String {
    use CertificateError as Why;
    let key = Certificate::read(sent[0]).and_then(|own| public_key(own.public_key));
    if key.is_some_and(|key| !key.taken) {
        // Whatever else is wrong, with such a key nothing makes it right.
        return signature_reason(sent[0]);
    }
    match why {
        Why::ExpiredContext { time, not_after } => format!(
            "{} expired {} ago (by this machine's clock); have it renewed, or pin the gateway's \
             (pin_sha256)",
            whose(sent[0], |[_, last]| last, not_after),
            length(*not_after, *time)
        ),
        Why::NotValidYetContext { time, not_before } => format!(
            "{} is not valid for another {} (by this machine's clock); check the clock",
            whose(sent[0], |[first, _]| first, not_before),
            length(*time, *not_before)
        ),
        Why::UnknownIssuer if is_self_signed(sent[0]) => self_signed(),
        Why::UnknownIssuer => say(CERTIFICATE, why) + &issued_by(sent[0]),
        // One of the same name, which it has replaced, is trusted.
        Why::BadSignature if is_self_signed(sent[0]) => {
            weak_issuer(sent, weak).unwrap_or_else(self_signed)
        }
        Why::BadSignature
        | Why::UnsupportedSignatureAlgorithmContext { .. }
        | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            weak_issuer(sent, weak).unwrap_or_else(|| unsigned(why))
        }
        Why::UnhandledCriticalExtension => unknown_extension(sent),
        Why::InvalidPurposeContext { presented, .. } if presented.len() == 1 => format!(
            "its extended key usage is for {}, not that of a server; have one issued for servers{OR_PIN}",
            if presented[0] == ExtendedKeyPurpose::ClientAuth { "clients" } else { "another use" }
        ),
        Why::NotValidForNameContext { expected, presented } => {
            another_name(&expected.to_str(), presented)
        }
        Why::Other(other) => match other.0.downcast_ref() {
            Some(webpki::Error::UnsupportedCriticalExtension) => unknown_extension(sent),
            _ => other_reason(other),
        },
        other => say(CERTIFICATE, other),
    }
}

/// Whether it is the gateway's own certificate that has this date.
fn whose(own: &CertificateDer, date: fn([Date; 2]) -> Date, time: &UnixTime) -> &'static str {
    let dates = Certificate::read(own).and_then(|own| own.dates());
    let day = dates.map(|dates| date(dates).days_since_1970());
    match day.is_none_or(|day| day == (time.as_secs() / 86_400) as i64) {
        true => "it",
        false => "one above it",
    }
}

/// A stranger's name tells of what takes TLS apart on the path.
fn issued_by(certificate: &CertificateDer) -> String {
    Certificate::read(certificate).map_or(String::new(), |own| {
        let issuer = issuer(&own);
        format!(
            "; it is issued by {issuer} (if the gateway has no such CA: by something on the path)"
        )
    })
}

fn self_signed() -> String {
    format!(
        "it is self-signed and not among those trusted; give it (or its CA's, if that has the same name) \
         as ca{OR_PIN}"
    )
}

fn is_self_signed(certificate: &CertificateDer) -> bool {
    Certificate::read(certificate).is_some_and(|own| own.issuer == own.subject)
}

fn another_name(expected: &str, presented: &[String]) -> String {
    let hosts: Vec<_> = presented.iter().filter_map(|name| host(name)).collect();
    let is_for = match hosts.is_empty() {
        true => "names no host, so not".to_owned(),
        false => format!("is for {}, not for", listed(&hosts)),
    };
    let remedy = match hosts.iter().all(|host| host.ends_with(AS_HOST_NAME)) {
        true => "have one with the right subjectAltName issued",
        false => "put a name of it into base_url and the address into connect_to",
    };
    format!("it {is_for} {expected}; {remedy}{OR_PIN}")
}

/// Of an address that no URL can match.
const AS_HOST_NAME: &str = " (written as a host name)";

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
    let Some(way) = way else { return say(CERTIFICATE, why) };
    let by = key.map(|key| format!(" by a key of {key}")).unwrap_or_default();
    format!(
        "it, or one above it, is signed with {way}{by}, which agw does not take (a CA's key has to be \
         {TAKEN}, with SHA-256 or SHA-384); have it issued anew{OR_PIN}"
    )
}

/// The one in the chain whose issuer's key is such that no signature of it counts.
fn weak_issuer(sent: &Sent, trusted: &[WeakIssuer]) -> Option<String> {
    let certificates = sent.iter().filter_map(|one| Certificate::read(one));
    let issuers: Vec<_> = certificates.map(|one| one.issuer).collect();
    let among: Vec<_> = sent[1..].iter().filter_map(|one| WeakIssuer::of(one)).collect();
    let weak = among.iter().chain(trusted).find(|weak| issuers.contains(&&*weak.subject))?;
    Some(format!(
        "the key of a CA above it is {}, which agw does not take ({TAKEN}); have it issued by \
         another CA{OR_PIN}",
        weak.key
    ))
}

fn unknown_extension(sent: &Sent) -> String {
    let unknown = |(place, one): (usize, &&_)| Some((place, critical_unknown(one)?));
    let (name, which, or_pin) = match sent.iter().enumerate().find_map(unknown) {
        // With one of its own, a certificate cannot even be pinned.
        Some((0, name)) => (name, "it", ""),
        Some((_, name)) => (name, "one above it", OR_PIN),
        None => return say(CERTIFICATE, &CertificateError::UnhandledCriticalExtension),
    };
    format!(
        "{which} has the extension {name} marked critical, which agw does not know; have it issued \
         without that{or_pin}"
    )
}

/// The first extension that must be understood, and is not by webpki.
fn critical_unknown(certificate: &CertificateDer) -> Option<String> {
    const KNOWN: [&str; 6] =
        ["2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.31", "2.5.29.37"];
    let certificate = Certificate::read(certificate)?;
    let critical = certificate.extensions().filter(|one| one.critical);
    let mut identifiers = critical.map(|one| dotted(one.identifier));
    let unknown = identifiers.find(|one| !KNOWN.contains(&&**one))?;
    Some(match &*unknown {
        "2.5.29.32" => "'certificate policies'".into(),
        "2.5.29.33" => "'policy mappings'".into(),
        "2.5.29.36" => "'policy constraints'".into(),
        "2.5.29.54" => "'inhibit any policy'".into(),
        _ => unknown,
    })
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
    match (number, sober(why)) {
        (Some(number), _) => {
            format!("the system's check refuses it (its error {number}){OR_PIN}")
        }
        (None, Some(words)) => format!("the system's check refuses it ({words}){OR_PIN}"),
        (None, None) => say(CERTIFICATE, &CertificateError::ApplicationVerificationFailure),
    }
}

/// A name of a host, out of webpki's form, which is Rust's: `DnsName("gw")`, `IpAddress(10.1.2.3)`.
fn host(name: &str) -> Option<String> {
    let inner = |before, after| name.strip_prefix(before)?.strip_suffix(after);
    if let Some(address) = inner("IpAddress(", ")") {
        // webpki writes ::1 as 0::1.
        return Some(address.parse::<IpAddr>().ok()?.to_string());
    }
    let dns: &str = inner("DnsName(\"", "\")").filter(|name| is_shown(name.as_bytes()))?;
    let address = dns.parse::<IpAddr>().is_ok();
    Some(if address { dns.to_owned() + AS_HOST_NAME } else { dns.to_owned() })
}

fn other_reason(other: &OtherError) -> String {
    if let Some(why) = other.0.downcast_ref::<webpki::Error>() {
        return say(CERTIFICATE, why);
    }
    match other.0.to_string() {
        words if words == PLATFORM_PURPOSE => say(CERTIFICATE, &CertificateError::InvalidPurpose),
        words => systems_reason(&words),
    }
}

/// What the platform verifier makes of a wrong extended key usage.
const PLATFORM_PURPOSE: &str = "certificate had invalid extensions";

fn length(from: UnixTime, to: UnixTime) -> String {
    // Less than a day is as a rule a clock, or its time zone.
    let seconds = to.as_secs().saturating_sub(from.as_secs());
    let (amount, unit) = match seconds {
        0..3_600 => (seconds / 60 + 1, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{amount} {unit}{}", if amount == 1 { "" } else { "s" })
}

/// What a TLS failure says to the caller.
fn describe(error: &rustls::Error) -> String {
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(why) => {
            format!("the gateway's certificate was refused: {}", say(CERTIFICATE, why))
        }
        Tls::InvalidMessage(why) => say(MESSAGE, why),
        // The same alert stands for two causes, which the handshake so far tells apart.
        Tls::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::DecodeError)
            if limits::client_auth_demanded() =>
        {
            ended(&AlertDescription::BadCertificate)
        }
        Tls::AlertReceived(why) => ended(why),
        Tls::PeerIncompatible(why) => say(INCOMPATIBLE, why),
        Tls::PeerMisbehaved(why) => say(MISBEHAVED, why),
        other => say(TLS, other),
    }
}

fn ended(alert: &AlertDescription) -> String {
    format!("the gateway ended the handshake: {}", say(ALERT, alert))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_told_in_the_unit_that_shows_a_wrong_clock() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        for (seconds, expected) in [
            (0, "1 minute"),
            (119, "2 minutes"),
            (3_600, "1 hour"),
            (86_399, "23 hours"),
            (86_400, "1 day"),
            (300_000, "3 days"),
        ] {
            assert_eq!(length(at(5), at(5 + seconds)), expected);
        }
    }
}
