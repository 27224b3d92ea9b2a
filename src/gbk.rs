//! GBK and GB 18030, by tables that build.rs takes out of encoding_rs: as it is, it brings all other
//! charsets of the web along.

use std::char::REPLACEMENT_CHARACTER;

/// What two bytes stand for, in the order of them.
static PAIRS: [u16; 126 * 190] = include!(concat!(env!("OUT_DIR"), "/gbk-pairs.rs"));

/// Where, among the sequences of four bytes, characters begin that follow each other.
static RANGES: &[(u16, u16)] = &include!(concat!(env!("OUT_DIR"), "/gbk-ranges.rs"));

/// The text, with U+FFFD for what could not be read.
pub(crate) fn decode(mut bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3 / 2);
    while !bytes.is_empty() {
        let (character, length) = first(bytes);
        text.push(character.unwrap_or(REPLACEMENT_CHARACTER));
        bytes = &bytes[length..];
    }
    text
}

/// The first character, and how many bytes it takes. Of those that are none ASCII is left to the next.
fn first(bytes: &[u8]) -> (Option<char>, usize) {
    match *bytes {
        [ascii @ 0..=0x7F, ..] => (Some(ascii.into()), 1),
        [0x80, ..] => (Some('€'), 1),
        [0xFF, ..] => (None, 1),
        [a, b @ (0x40..=0x7E | 0x80..=0xFE), ..] => (pair(a, b), 2),
        [a, b @ b'0'..=b'9', c @ 0x81..=0xFE, d @ b'0'..=b'9', ..] => (four([a, b, c, d]), 4),
        // The end is in the middle of it.
        [_, b'0'..=b'9'] | [_, b'0'..=b'9', 0x81..=0xFE] => (None, bytes.len()),
        [_, 0xFF, ..] => (None, 2),
        _ => (None, 1),
    }
}

fn pair(lead: u8, trail: u8) -> Option<char> {
    let column = trail - if trail < 0x7F { 0x40 } else { 0x41 };
    let place = usize::from(lead - 0x81) * 190 + usize::from(column);
    char::from_u32(PAIRS[place].into())
}

fn four(bytes: [u8; 4]) -> Option<char> {
    let [a, b, c, d] = bytes.map(u32::from);
    let number = (((a - 0x81) * 10 + b - 0x30) * 126 + c - 0x81) * 10 + d - 0x30;
    let character = match number {
        0..39_420 => {
            let place = RANGES.partition_point(|(start, _)| u32::from(*start) <= number);
            let (start, character) = RANGES[place - 1];
            number - u32::from(start) + u32::from(character)
        }
        189_000.. => number - 189_000 + 0x1_0000,
        _ => return None,
    };
    char::from_u32(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sequence_is_what_encoding_rs_makes_of_it() {
        let check = |bytes: &[u8]| {
            let (text, _) = encoding_rs::GB18030.decode_without_bom_handling(bytes);
            assert!(decode(bytes) == text, "{bytes:02X?}");
        };
        let all = || 0..=u8::MAX;
        for (a, b) in all().flat_map(|a| all().map(move |b| (a, b))) {
            let mut bytes = vec![a, b, b'x', b'y'];
            if a >= 0x80 && b.is_ascii_digit() {
                all().for_each(|c| check(&[a, b, c]));
                let fours = all().flat_map(|c| (b'/'..=b':').map(move |d| [a, b, c, d]));
                bytes.extend(fours.flatten());
            }
            check(&[a, b]);
            check(&bytes);
        }
    }
}
