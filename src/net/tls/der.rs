//! DER, as far as this folder looks into it. A reader of our own: the crates for it are several times
//! as large as all the rest here, and nothing that is trusted depends on what this one finds.

use std::fmt;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

const BOOLEAN: u8 = 0x01;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xA0;
const EXTENSIONS: u8 = 0xA3;

/// One element: what it holds, and all of it.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub tag: u8,
    pub value: &'a [u8],
    pub whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// The elements inside, as far as they can be read.
    pub fn inside(self) -> impl Iterator<Item = Element<'a>> {
        let mut rest = self.value;
        std::iter::from_fn(move || next(&mut rest))
    }
}

/// The next element; `None` at the end, or where it is none. Once in the library, not where it is called.
#[inline(never)]
pub(super) fn next<'a>(input: &mut &'a [u8]) -> Option<Element<'a>> {
    let [tag, length, rest @ ..] = *input else { return None };
    let (length, rest) = match usize::from(*length) {
        short @ 0..=0x7F => (short, rest),
        // BER's open end, in stores that some programs write: at the most all the rest.
        0x80 => (rest.len(), rest),
        long => {
            // Four bytes are more than any certificate has.
            let (bytes, rest) = rest.split_at_checked((long - 0x80).min(5))?;
            let length = bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
            (usize::try_from(length).ok()?, rest)
        }
    };
    let (value, rest) = rest.split_at_checked(length)?;
    let whole = &input[..input.len() - rest.len()];
    *input = rest;
    Some(Element { tag: *tag, value, whole })
}

pub(super) fn expect<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    next(input).filter(|element| element.tag == tag).map(|element| element.value)
}

/// RFC 5280, 4.1. The names and the public key are whole elements.
pub(super) struct Certificate<'a> {
    pub issuer: &'a [u8],
    validity: &'a [u8],
    pub subject: &'a [u8],
    pub public_key: &'a [u8],
    extensions: Option<Element<'a>>,
}

impl<'a> Certificate<'a> {
    pub fn read(mut der: &'a [u8]) -> Option<Self> {
        let mut certificate = expect(&mut der, SEQUENCE).filter(|_| der.is_empty())?;
        let content = next(&mut certificate).filter(|content| content.tag == SEQUENCE)?;
        let mut fields = content.inside().skip_while(|field| field.tag == VERSION);
        let (_serial, _signature) = (fields.next()?, fields.next()?);
        let issuer = fields.next()?.whole;
        let validity = fields.next().filter(|field| field.tag == SEQUENCE)?.value;
        let subject = fields.next()?.whole;
        let public_key = fields.next()?.whole;
        let extensions = fields.find(|field| field.tag == EXTENSIONS);
        let extensions = extensions.and_then(|mut field| next(&mut field.value));
        Some(Certificate { issuer, validity, subject, public_key, extensions })
    }

    /// The first day and the last on which it is valid.
    pub fn dates(&self) -> Option<[Date; 2]> {
        let mut rest = self.validity;
        Some([Date::read(next(&mut rest)?)?, Date::read(next(&mut rest)?)?])
    }

    pub fn extensions(&self) -> impl Iterator<Item = Extension<'a>> {
        self.extensions.into_iter().flat_map(Element::inside).map_while(Extension::read)
    }
}

pub(super) struct Extension<'a> {
    pub identifier: &'a [u8],
    pub critical: bool,
    pub value: &'a [u8],
}

impl<'a> Extension<'a> {
    fn read(element: Element<'a>) -> Option<Self> {
        let mut parts = element.inside();
        let (identifier, second) = (parts.next()?.value, parts.next()?);
        let critical = second.tag == BOOLEAN;
        let value = if critical { parts.next()? } else { second }.value;
        Some(Extension { identifier, critical, value })
    }
}

#[derive(Clone, Copy)]
pub(super) struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    fn read(Element { tag, value: text, .. }: Element) -> Option<Self> {
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

    /// Years begin in March here, so that the day that is not always there is the last.
    pub fn days_since_1970(self) -> i64 {
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

fn number(digits: &[u8]) -> Option<i64> {
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    all_digits.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

/// An object identifier with dots.
pub(super) fn dotted(identifier: &[u8]) -> String {
    let mut arcs = Vec::new();
    let mut arc = 0_u64;
    for byte in identifier {
        arc = arc << 7 | u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            arcs.push(std::mem::take(&mut arc));
        }
    }
    let Some(first) = arcs.first_mut() else { return String::new() };
    let root = (*first / 40).min(2);
    *first -= root * 40;
    arcs.iter().fold(root.to_string(), |text, arc| format!("{text}.{arc}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_identifiers_have_dots() {
        for (bytes, expected) in [
            (&[0x55, 0x1D, 0x24][..], "2.5.29.36"),
            (&[0x88, 0x37, 0x03], "2.999.3"),
            (&[], ""),
            (&[0xFF; 20], ""),
        ] {
            assert_eq!(dotted(bytes), expected);
        }
    }

    #[test]
    fn days_are_counted_as_in_the_calendar() {
        let date =
            |tag, text: &str| Date::read(Element { tag, value: text.as_bytes(), whole: b"" });
        for (text, expected) in [
            ("19700101", 0),
            ("19701231", 364),
            ("20000229", 11_016),
            ("20000301", 11_017),
            ("20261126", 20_783),
            ("21000301", 47_541),
        ] {
            let date = date(GENERALIZED_TIME, text).expect(text);
            assert_eq!(date.days_since_1970(), expected, "{date}");
        }
        let utc = |text| date(UTC_TIME, text).map(|date| date.year);
        assert_eq!(utc("491231235959Z"), Some(2049));
        assert_eq!(utc("500101000000Z"), Some(1950));
        assert_eq!((utc("5001"), utc("+10101")), (None, None));
        assert!(date(0, "500101000000Z").is_none());
    }
}
