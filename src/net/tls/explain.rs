//! What a refused certificate or a failed handshake says, to a person who has to mend it.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, OtherError};

use crate::Error;

/// SHA-256 of a certificate's DER bytes.
pub(crate) type Fingerprint = [u8; 32];

/// Names the certificate in the error, since rustls does not show a refused one.
pub(crate) fn of_certificate(why: rustls::Error, certificate: &CertificateDer) -> rustls::Error {
    match why {
        rustls::Error::InvalidCertificate(why) => because(certificate, &reason(&why, certificate)),
        other => other,
    }
}

/// As [`of_certificate`], where it is the handshake that is signed, not the certificate.
pub(crate) fn of_signature(why: rustls::Error, certificate: &CertificateDer) -> rustls::Error {
    match why {
        rustls::Error::InvalidCertificate(CertificateError::Other(why)) => {
            because(certificate, &other_reason(&why))
        }
        rustls::Error::InvalidCertificate(_) => because(
            certificate,
            "the handshake's signature does not fit its key (another one signed, or it is too weak)",
        ),
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

/// Why a certificate was refused, for a person who has to mend it.
fn reason(why: &CertificateError, certificate: &CertificateDer) -> String {
    use CertificateError as Why;
    match why {
        Why::Expired => "it has expired".into(),
        Why::ExpiredContext { time, not_after } => {
            format!("it expired {} ago (by this machine's clock)", days(*not_after, *time))
        }
        Why::NotValidYet => "it is not valid yet".into(),
        Why::NotValidYetContext { time, not_before } => format!(
            "it is not valid for another {} (by this machine's clock)",
            days(*time, *not_before)
        ),
        Why::UnknownIssuer if is_self_signed(certificate) => {
            "it is self-signed and not among those trusted".into()
        }
        Why::UnknownIssuer => "its issuer is not among those trusted".into(),
        Why::BadSignature => {
            "none of those trusted has signed it (one of the same name has another key)".into()
        }
        Why::InvalidPurpose | Why::InvalidPurposeContext { .. } => NOT_FOR_SERVERS.into(),
        Why::NotValidForName => "it is for another name".into(),
        Why::NotValidForNameContext { expected, presented } if presented.is_empty() => {
            format!("it names no host, so not {}", expected.to_str())
        }
        Why::NotValidForNameContext { expected, presented } => {
            format!("it is for {}, not for {}", listed(presented), expected.to_str())
        }
        Why::Other(other) => other_reason(other),
        other => format!("{other}"),
    }
}

/// The first few of the names in a certificate: a result has room for no more.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<_> = names.iter().take(SHOWN).map(|name| plain(name)).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// webpki gives names as Rust debugs them: `DnsName("gw")`, `IpAddress(10.1.2.3)`.
fn plain(name: &str) -> String {
    let inner = |before, after| name.strip_prefix(before)?.strip_suffix(after);
    match inner("DnsName(\"", "\")").or(inner("IpAddress(", ")")) {
        Some(dns) if name.starts_with('D') && dns.parse::<IpAddr>().is_ok() => {
            format!("{dns} (written as a host name)")
        }
        inner => inner.unwrap_or(name).to_owned(),
    }
}

fn other_reason(other: &OtherError) -> String {
    match other.0.downcast_ref::<webpki::Error>() {
        Some(webpki::Error::CaUsedAsEndEntity) => {
            "it is a CA's certificate used as a server's".into()
        }
        Some(webpki::Error::UnsupportedCertVersion) => {
            "it is of X.509 version 1, which cannot be used; issue one of version 3".into()
        }
        _ if other.0.to_string() == PLATFORM_PURPOSE => NOT_FOR_SERVERS.into(),
        _ => format!("{}", other.0),
    }
}

const NOT_FOR_SERVERS: &str = "its extended key usage is not that of a server";

/// What the platform verifier makes of a wrong extended key usage.
const PLATFORM_PURPOSE: &str = "certificate had invalid extensions";

fn is_self_signed(certificate: &CertificateDer) -> bool {
    webpki::EndEntityCert::try_from(certificate)
        .is_ok_and(|certificate| certificate.issuer() == certificate.subject())
}

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
        Tls::InvalidCertificate(CertificateError::Other(other)) => format!("{}", other.0),
        Tls::InvalidMessage(_) => {
            format!("the other side does not speak TLS here ({error}); check the port")
        }
        Tls::AlertReceived(_) => format!("the gateway ended the handshake: {error}"),
        Tls::PeerIncompatible(_) => {
            format!("the gateway speaks no TLS that is safe (1.2 or 1.3 needed): {error}")
        }
        other => other.to_string(),
    }
}
