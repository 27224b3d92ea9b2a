//! A certificate in a sentence: what a person wants to know of it at sign-in.

use std::fmt;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;

use super::der::{Certificate, Element, GENERALIZED_TIME, UTC_TIME, next};
use super::explain::{fingerprint_of, listed, printed};

pub(crate) struct Description {
    pub words: String,
    /// How many days it is valid for yet.
    pub days_left: Option<i64>,
}

pub(crate) fn describe(der: &CertificateDer) -> Description {
    let fingerprint = printed(&fingerprint_of(der));
    let Some(Content { hosts, first_day, last_day, issuer }) = read(der) else {
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

struct Content {
    hosts: Vec<String>,
    first_day: Date,
    last_day: Date,
    issuer: String,
}

impl Certificate<'_> {
    fn validity(&self) -> Option<[Element<'_>; 2]> {
        let mut rest = self.validity;
        Some([next(&mut rest)?, next(&mut rest)?])
    }

    /// Counted since 1970.
    pub(super) fn first_day(&self) -> Option<i64> {
        Some(date(self.validity()?[0])?.days_since_1970())
    }

    pub(super) fn last_day(&self) -> Option<i64> {
        Some(date(self.validity()?[1])?.days_since_1970())
    }
}

#[derive(Clone, Copy)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// Years begin in March here, so that the day that is not always there is the last.
    fn days_since_1970(self) -> i64 {
        let year = if self.month < 3 { self.year - 1 } else { self.year };
        let month = (self.month + 9) % 12;
        let days = (153 * month + 2) / 5 + self.day - 1;
        365 * year + year / 4 - year / 100 + year / 400 + days - 719_468
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// The object identifier of a subjectAltName.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1D, 0x11];

fn read(der: &[u8]) -> Option<Content> {
    let certificate = Certificate::read(der)?;
    let [first_day, last_day] = certificate.validity()?;
    let (first_day, last_day) = (date(first_day)?, date(last_day)?);
    let issuer = common_name(certificate.issuer).unwrap_or_else(|| "an unnamed CA".to_owned());
    let mut hosts = Vec::new();
    for extension in certificate.extensions() {
        if extension.identifier == SUBJECT_ALT_NAME {
            let mut names = extension.value;
            hosts.extend(next(&mut names)?.inside().filter_map(host));
        }
    }
    Some(Content { hosts, first_day, last_day, issuer })
}

const BMP_STRING: u8 = 0x1E;

/// The object identifiers of a common name and an organisation.
const NAMES: [&[u8]; 2] = [&[0x55, 0x04, 0x03], &[0x55, 0x04, 0x0A]];

/// Of a distinguished name what a person calls it by.
fn common_name(mut name: &[u8]) -> Option<String> {
    const LONGEST: usize = 64;
    let parts: Vec<_> = next(&mut name)?.inside().flat_map(Element::inside).collect();
    let value_of = |identifier| {
        parts.iter().rev().find_map(|part| {
            let mut halves = part.inside();
            halves.next().filter(|first| first.value == identifier)?;
            halves.next()
        })
    };
    let Element { tag, value, .. } = NAMES.into_iter().find_map(value_of)?;
    let text = match tag {
        BMP_STRING => {
            let units = value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        _ => String::from_utf8_lossy(value),
    };
    let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST);
    Some(shown.collect::<String>().trim().to_owned()).filter(|name| !name.is_empty())
}

fn host(Element { tag, value, .. }: Element) -> Option<String> {
    match tag {
        DNS_NAME if value.iter().all(u8::is_ascii_graphic) => {
            Some(String::from_utf8_lossy(value).into_owned())
        }
        IP_ADDRESS => {
            let v4 = <[u8; 4]>::try_from(value).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(value).map(IpAddr::from);
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

fn date(Element { tag, value: text, .. }: Element) -> Option<Date> {
    let number = |digits: &[u8]| {
        let all_digits = digits.iter().all(u8::is_ascii_digit);
        all_digits.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    };
    let (year, rest) = match tag {
        UTC_TIME => {
            let year = number(text.get(..2)?)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        GENERALIZED_TIME => (number(text.get(..4)?)?, text.get(4..)?),
        _ => return None,
    };
    Some(Date { year, month: number(rest.get(..2)?)?, day: number(rest.get(2..4)?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> CertificateDer<'static> {
        let names = ["gw.test", "10.1.2.3", "::1"].map(str::to_owned);
        let mut made = rcgen::CertificateParams::new(names).expect("names");
        made.not_before = rcgen::date_time_ymd(2024, 2, 29);
        made.not_after = rcgen::date_time_ymd(2099, 1, 31);
        made.distinguished_name.push(rcgen::DnType::CommonName, "The CA");
        let key = rcgen::KeyPair::generate().expect("a key");
        made.self_signed(&key).expect("a certificate").der().clone()
    }

    #[test]
    fn certificates_are_told_by_names_fingerprint_and_last_day() {
        let Description { words, days_left } = describe(&certificate());
        assert!(words.starts_with("certificate for gw.test, 10.1.2.3, ::1, SHA-256 fingerprint "));
        let end = ", valid from 2024-02-29 until 2099-01-31, issued by The CA";
        assert!(words.ends_with(end), "{words}");
        assert!(days_left.expect("a date") > 365);
        assert_eq!(
            listed(&["a", "b", "c", "d", "e", "f"].map(str::to_owned)),
            "a, b, c, d and 2 more"
        );
    }

    #[test]
    fn an_issuer_is_told_by_its_common_name() {
        let part = |last, tag, value: &[u8]| {
            let wrap = |tag, inside: &[u8]| [&[tag, inside.len() as u8], inside].concat();
            let pair = [wrap(6, &[0x55, 0x04, last]), wrap(tag, value)].concat();
            wrap(0x31, &wrap(0x30, &pair))
        };
        let name = |parts: &[Vec<u8>]| {
            let inside = parts.concat();
            common_name(&[&[0x30, inside.len() as u8], &inside[..]].concat())
        };
        let (utf8, country) = (0x0C, part(6, 0x13, b"CN"));
        let organisation = part(10, utf8, b"An organisation");
        let chinese = part(3, BMP_STRING, &[0x5E, 0xA7, 0x5E, 0x2D]);
        for (parts, expected) in [
            (&[country.clone(), organisation.clone(), chinese][..], Some("座席")),
            (&[part(3, utf8, b"a\r\nb"), organisation.clone()], Some("a  b")),
            (&[country.clone(), organisation], Some("An organisation")),
            (&[part(3, utf8, &[b'x'; 90])], Some(&"x".repeat(64))),
            (&[country], None),
            (&[part(3, utf8, b" ")], None),
            (&[], None),
        ] {
            assert_eq!(name(parts).as_deref(), expected);
        }
    }

    #[test]
    fn days_are_counted_as_in_the_calendar() {
        for (year, month, day, expected) in [
            (1970, 1, 1, 0),
            (1970, 12, 31, 364),
            (2000, 2, 29, 11_016),
            (2000, 3, 1, 11_017),
            (2026, 11, 26, 20_783),
            (2100, 3, 1, 47_541),
        ] {
            assert_eq!(
                Date { year, month, day }.days_since_1970(),
                expected,
                "{year}-{month}-{day}"
            );
        }
        let year = |tag, value| Some(date(Element { tag, value, whole: b"" })?.year);
        assert_eq!(year(UTC_TIME, b"491231235959Z"), Some(2049));
        assert_eq!(year(UTC_TIME, b"500101000000Z"), Some(1950));
        assert_eq!((year(UTC_TIME, b"5001"), year(0, b"500101000000Z")), (None, None));
    }

    /// A pinned certificate may be anything: cut anywhere and changed anywhere it does no harm.
    #[test]
    fn what_is_no_certificate_is_said_to_be_none() {
        let der = certificate();
        for end in 0..der.len() {
            let cut = describe(&CertificateDer::from(der[..end].to_vec()));
            assert!(cut.words.starts_with("a certificate that cannot be read"), "{end}");
            for byte in [0x00, 0x7F, 0x80, 0x84, 0xFF] {
                let mut changed = der.to_vec();
                changed[end] = byte;
                describe(&CertificateDer::from(changed));
            }
        }
    }
}
