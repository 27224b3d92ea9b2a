//! A certificate in a sentence: what a person wants to know of it at sign-in.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;

use super::der::{Certificate, Date, Element, dotted, next};
use super::explain::{fingerprint_of, printed};
use super::names::{is_shown, issuer, listed};

pub(crate) struct Description {
    pub words: String,
    /// How many days it is valid for yet.
    pub days_left: Option<i64>,
}

pub(crate) fn describe(der: &CertificateDer) -> Description {
    let fingerprint = printed(&fingerprint_of(der));
    let Some((hosts, [first_day, last_day], issuer)) = content(der) else {
        let words = format!("a certificate that cannot be read, SHA-256 fingerprint {fingerprint}");
        return Description { words, days_left: None };
    };
    let words = format!(
        "certificate for {}, SHA-256 fingerprint {fingerprint}, valid from {first_day} until \
         {last_day}, issued by {issuer}",
        if hosts.is_empty() { "no host".to_owned() } else { listed(&hosts) }
    );
    let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400;
    Description { words, days_left: Some(last_day.days_since_1970() - today as i64) }
}

/// The hosts it is for, its dates, and its issuer's name.
fn content(der: &[u8]) -> Option<(Vec<String>, [Date; 2], String)> {
    const SUBJECT_ALT_NAME: &str = "2.5.29.17";
    let certificate = Certificate::read(der)?;
    let mut hosts = Vec::new();
    for extension in certificate.extensions() {
        if dotted(extension.identifier) == SUBJECT_ALT_NAME {
            let mut names = extension.value;
            hosts.extend(next(&mut names)?.inside().filter_map(host));
        }
    }
    Some((hosts, certificate.dates()?, issuer(&certificate)))
}

fn host(Element { tag, value, .. }: Element) -> Option<String> {
    const DNS_NAME: u8 = 0x82;
    const IP_ADDRESS: u8 = 0x87;
    match tag {
        DNS_NAME if is_shown(value) => Some(String::from_utf8_lossy(value).into_owned()),
        IP_ADDRESS => {
            let v4 = <[u8; 4]>::try_from(value).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(value).map(IpAddr::from);
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::string::BmpString;
    use rcgen::{DnType, DnValue};

    fn certificate(issuer: &[(DnType, DnValue)]) -> CertificateDer<'static> {
        let names = ["gw.test", "10.1.2.3", "::1"].map(str::to_owned);
        let mut made = rcgen::CertificateParams::new(names).expect("names");
        made.not_before = rcgen::date_time_ymd(2024, 2, 29);
        made.not_after = rcgen::date_time_ymd(2099, 1, 31);
        made.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in issuer {
            made.distinguished_name.push(kind.clone(), value.clone());
        }
        let key = rcgen::KeyPair::generate().expect("a key");
        made.self_signed(&key).expect("a certificate").der().clone()
    }

    #[test]
    fn certificates_are_told_by_names_fingerprint_days_and_issuer() {
        let text = |text: &str| DnValue::Utf8String(text.to_owned());
        let country = (DnType::CountryName, text("CN"));
        let organisation = (DnType::OrganizationName, text("An organisation"));
        let common = |value| (DnType::CommonName, value);
        let chinese = common(DnValue::BmpString(BmpString::try_from("座席").expect("in the BMP")));
        for (issuer, expected) in [
            (&[country.clone(), organisation.clone(), chinese][..], "座席"),
            (&[common(text("a\r\nb")), organisation.clone()], "a  b"),
            (&[country.clone(), organisation], "An organisation"),
            (&[common(text(&"x".repeat(90)))], &"x".repeat(64)),
            (&[country], "an unnamed CA"),
            (&[common(text(" "))], "an unnamed CA"),
            (&[], "an unnamed CA"),
        ] {
            let Description { words, days_left } = describe(&certificate(issuer));
            let start = "certificate for gw.test, 10.1.2.3, ::1, SHA-256 fingerprint ";
            let end = format!(", valid from 2024-02-29 until 2099-01-31, issued by {expected}");
            assert!(words.starts_with(start) && words.ends_with(&end), "{words}");
            assert!(days_left.is_some_and(|days| days > 365));
        }
        let six = ["a", "b", "c", "d", "e", "f"].map(str::to_owned);
        assert_eq!(listed(&six), "a, b, c, d and 2 more");
    }

    /// A pinned certificate may be anything: cut anywhere and changed anywhere it does no harm.
    #[test]
    fn what_is_no_certificate_is_said_to_be_none() {
        let der = certificate(&[]);
        for end in 0..der.len() {
            let cut = describe(&CertificateDer::from(&der[..end]));
            assert!(cut.words.starts_with("a certificate that cannot be read"), "{end}");
            for byte in [0x00, 0x7F, 0x80, 0x84, 0xFF] {
                let mut changed = der.to_vec();
                changed[end] = byte;
                describe(&CertificateDer::from(changed));
            }
        }
    }
}
