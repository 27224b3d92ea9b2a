//! DER, as far as this folder looks into it. A reader of our own: the crates for it are several times
//! as large as all the rest here, and nothing that is trusted depends on what this one finds.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;

const BOOLEAN: u8 = 0x01;
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
    pub validity: &'a [u8],
    pub subject: &'a [u8],
    pub public_key: &'a [u8],
    extensions: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    pub fn read(mut der: &'a [u8]) -> Option<Self> {
        let mut certificate = expect(&mut der, SEQUENCE)?;
        let mut content = expect(&mut certificate, SEQUENCE)?;
        if content.first() == Some(&VERSION) {
            next(&mut content)?;
        }
        for _serial_signature in 0..2 {
            next(&mut content)?;
        }
        let issuer = next(&mut content)?.whole;
        let validity = expect(&mut content, SEQUENCE)?;
        let subject = next(&mut content)?.whole;
        let public_key = next(&mut content)?.whole;
        let mut extensions = None;
        while let Some(mut element) = next(&mut content) {
            if element.tag == EXTENSIONS {
                extensions = Some(expect(&mut element.value, SEQUENCE)?);
            }
        }
        Some(Certificate { issuer, validity, subject, public_key, extensions })
    }

    pub fn extensions(&self) -> Vec<Extension<'a>> {
        let mut rest = self.extensions.unwrap_or_default();
        std::iter::from_fn(|| Extension::read(next(&mut rest)?)).collect()
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
        let identifier = parts.next()?.value;
        let mut value = parts.next()?;
        let critical = value.tag == BOOLEAN;
        if critical {
            value = parts.next()?;
        }
        Some(Extension { identifier, critical, value: value.value })
    }
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
            (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x05], "1.2.840.113549.1.1.5"),
            (&[0x88, 0x37, 0x03], "2.999.3"),
            (&[], ""),
            (&[0xFF; 20], ""),
        ] {
            assert_eq!(dotted(bytes), expected);
        }
    }

    #[test]
    fn elements_are_read_and_nothing_beyond_them() {
        let mut input = &[0x02, 1, 5, 0x04, 0x81, 2, 7, 8, 0x30, 3, 1][..];
        let first = next(&mut input).expect("a number");
        assert_eq!((first.tag, first.value, first.whole), (INTEGER, &[5][..], &[2, 1, 5][..]));
        assert_eq!(next(&mut input).expect("a string").value, [7, 8]);
        assert!(next(&mut input).is_none(), "it is cut off");
        for none in [&[][..], &[0x30], &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], &[0x30, 0xFF, 1, 2]] {
            assert!(next(&mut &*none).is_none(), "{none:?}");
        }
    }
}
