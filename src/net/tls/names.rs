//! Names in a certificate, as people read them: it may hold anything.

use super::der::{Certificate, Element, dotted, next};

pub(super) fn issuer(certificate: &Certificate) -> String {
    common_name(certificate.issuer).unwrap_or_else(|| "an unnamed CA".to_owned())
}

/// Of a distinguished name what a person calls it by.
fn common_name(mut name: &[u8]) -> Option<String> {
    const COMMON_NAME: &str = "2.5.4.3";
    const ORGANISATION: &str = "2.5.4.10";
    const BMP_STRING: u8 = 0x1E;
    const LONGEST: usize = 64;
    let parts: Vec<_> = next(&mut name)?.inside().flat_map(Element::inside).collect();
    let value_of = |identifier| {
        parts.iter().rev().find_map(|part| {
            let mut halves = part.inside();
            halves.next().filter(|first| dotted(first.value) == identifier)?;
            halves.next()
        })
    };
    let Element { tag, value, .. } = value_of(COMMON_NAME).or_else(|| value_of(ORGANISATION))?;
    let text = match tag {
        BMP_STRING => {
            let unit = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
            String::from_utf16_lossy(&value.chunks_exact(2).map(unit).collect::<Vec<_>>()).into()
        }
        _ => String::from_utf8_lossy(value),
    };
    let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST);
    Some(shown.collect::<String>().trim().to_owned()).filter(|name| !name.is_empty())
}

/// The first few of the names in a certificate: a result has no room for more.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    const LONG: usize = 160;
    let mut names = names.iter();
    let mut shown = names.next().cloned().unwrap_or_default();
    let mut more = names.len();
    for name in names.take(SHOWN - 1) {
        if shown.len() + name.len() > LONG {
            break;
        }
        shown = shown + ", " + name;
        more -= 1;
    }
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// Whether it can be a name at all: a certificate may hold anything.
pub(super) fn is_shown(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}
