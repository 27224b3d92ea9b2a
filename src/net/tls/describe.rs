//! A connection that stands, in a sentence: what a person wants to know of it at sign-in.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::explain::{fingerprint_of, printed};

/// The certificate of the gateway, as far as it can be read. One that was pinned need not be.
pub(crate) struct Description {
    pub words: String,
    pub expires_in: Option<Duration>,
}

pub(crate) fn describe(der: &CertificateDer) -> Description {
    let fingerprint = printed(&fingerprint_of(der));
    let Ok(certificate) = Certificate::from_der(der) else {
        let words = format!("a certificate that cannot be read, SHA-256 fingerprint {fingerprint}");
        return Description { words, expires_in: None };
    };
    let end = certificate.tbs_certificate().validity().not_after;
    let date = end.to_date_time();
    let words = format!(
        "certificate for {}, SHA-256 fingerprint {fingerprint}, valid until {}-{:02}-{:02}",
        names(&certificate),
        date.year(),
        date.month(),
        date.day()
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Description { words, expires_in: Some(end.to_unix_duration().saturating_sub(now)) }
}

/// The first few hosts that it is for; else whatever it calls itself.
fn names(certificate: &Certificate) -> String {
    const SHOWN: usize = 4;
    let found = certificate.tbs_certificate().get_extension::<SubjectAltName>();
    let hosts: Vec<_> = match found {
        Ok(Some((_, names))) => names.0.iter().filter_map(host).collect(),
        _ => Vec::new(),
    };
    let shown = hosts.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match hosts.len() {
        0 => format!("no host ({})", certificate.tbs_certificate().subject()),
        1..=SHOWN => shown,
        all => format!("{shown} and {} more", all - SHOWN),
    }
}

fn host(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(bytes.as_bytes()).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(bytes.as_bytes()).map(IpAddr::from);
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_told_by_names_fingerprint_and_last_day() {
        let names = ["gw.test", "10.1.2.3", "::1"].map(str::to_owned);
        let mut made = rcgen::CertificateParams::new(names).expect("names");
        made.not_after = rcgen::date_time_ymd(2099, 1, 31);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = made.self_signed(&key).expect("a certificate");
        let Description { words, expires_in } = describe(certificate.der());
        assert!(words.starts_with("certificate for gw.test, 10.1.2.3, ::1, SHA-256 fingerprint "));
        assert!(words.ends_with(", valid until 2099-01-31"), "{words}");
        assert!(expires_in.expect("a date") > Duration::from_secs(86_400));
        let unreadable = describe(&CertificateDer::from(vec![0x30, 0x01]));
        assert!(unreadable.words.starts_with("a certificate that cannot be read"));
        assert_eq!(unreadable.expires_in, None);
    }
}
