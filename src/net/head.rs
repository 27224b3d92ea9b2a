//! The head of an answer, mended in place where it is read by user agents and not by ureq: folded
//! lines, blanks before a colon (RFC 9112, sections 5.1 and 5.2), and chunks in HTTP/1.0. An
//! ordinary head is only looked at. For answers of the gateway and of a proxy.

use memchr::{memchr, memmem};

/// What has come of a head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scan {
    /// Where it ends, if that has come.
    pub end: Option<usize>,
    /// It has to be mended, or it may turn out that it has to be, or to be read over.
    pub odd: bool,
}

pub(crate) const START: &[u8] = b"HTTP/1.";

/// Looks at the head in front of these bytes. What does not begin as one is not odd: it is for the
/// reader of answers to judge.
pub(crate) fn scan(bytes: &[u8]) -> Scan {
    let mut at = start(bytes);
    if !bytes[at..].starts_with(START) {
        return Scan { end: None, odd: false };
    }
    // What is read over is so whatever is in it.
    let interim = bytes[at + START.len()..].get(1..3) == Some(b" 1");
    let first = at;
    let mut odd = false;
    let mut in_status_line = true;
    loop {
        let rest = &bytes[at..];
        let Some(length) = memchr(b'\n', rest) else {
            odd |= interim || (!in_status_line && is_odd_in_part(rest));
            return Scan { end: None, odd };
        };
        let line = &rest[..length];
        at += length + 1;
        if matches!(line, b"" | b"\r") {
            return Scan { end: Some(at), odd: odd || has_old_chunks(&bytes[first..at]) };
        }
        odd |= !in_status_line && is_odd(line);
        in_status_line = false;
    }
}

/// Mends a whole head; its length stays. `true`: a line that says where the answer ends was among
/// the odd ones, and another reader may have read it differently.
pub(crate) fn mend(head: &mut [u8]) -> bool {
    let mut two_ways = false;
    let first = start(head);
    let mut at = first;
    while let Some(length) = head.get(at..).and_then(|rest| memchr(b'\n', rest)) {
        // What is folded is the value: a colon in the next line is none that belongs to a name. What
        // is folded before the first header line becomes a part of the reason.
        let moved = at > first && move_colon(&mut head[at..at + length]);
        let (end, folded) = unfold(head, at + length);
        two_ways |= (folded || moved) && names_an_end(&head[at..end]);
        at = end + 1;
    }
    let old_chunks = has_old_chunks(&head[first..]);
    if old_chunks {
        head[first + START.len()] = b'1';
    }
    two_ways || old_chunks
}

/// The HTTP status and its reason, once the status line is whole.
pub(crate) fn status(head: &[u8]) -> Option<(u16, &[u8])> {
    let line = &head[start(head)..];
    let line = line[..memchr(b'\n', line)?].strip_prefix(START)?;
    let [b'0' | b'1', b' ', code @ ..] = line else { return None };
    let (code, reason) = code.split_at_checked(3)?;
    let ends = matches!(reason, [] | [b' ' | b'\r', ..]);
    let digits = Some(code).filter(|code| ends && code.iter().all(u8::is_ascii_digit))?;
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, reason))
}

/// Whether the answer itself is still to come. 101 is none of these: it ends the talk.
pub(crate) fn is_interim(head: &[u8]) -> bool {
    matches!(status(head), Some((100 | 102..=199, _)))
}

/// The values of a header, of a head that has been mended.
pub(crate) fn values<'a>(head: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    head.split(|byte| *byte == b'\n').filter_map(move |line| {
        let colon = memchr(b':', line)?;
        let named = line[..colon].eq_ignore_ascii_case(name.as_bytes());
        named.then(|| line[colon + 1..].trim_ascii())
    })
}

/// Empty lines in front are skipped, as ureq does.
fn start(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len())
}

/// Chunks in HTTP/1.0: user agents read them, and ureq does not.
fn has_old_chunks(head: &[u8]) -> bool {
    let has = |name| values(head, name).next().is_some();
    let old = head.get(START.len()) == Some(&b'0');
    let whole = || head.ends_with(b"\n\n") || head.ends_with(b"\n\r\n");
    old && whole() && has("transfer-encoding") && !has("content-length")
}

fn is_blank(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b' ' | b'\t'))
}

fn is_odd(line: &[u8]) -> bool {
    let colon = memchr(b':', line).unwrap_or_default();
    is_blank(line.first()) || is_blank(line[..colon].last())
}

/// A colon may be to come.
fn is_odd_in_part(line: &[u8]) -> bool {
    is_odd(line) || (memchr(b':', line).is_none() && line.iter().any(|byte| is_blank(Some(byte))))
}

/// Blanks in place of this line end and the next ones, as long as a line follows that begins with a
/// blank; gives where the last of these lines ends, and whether there were any.
fn unfold(head: &mut [u8], mut end: usize) -> (usize, bool) {
    let mut folded = false;
    while is_blank(head.get(end + 1)) {
        let before = if head[end - 1] == b'\r' { end - 1 } else { end };
        head[before..=end].fill(b' ');
        folded = true;
        end += memchr(b'\n', &head[end..]).unwrap_or(head.len() - end);
    }
    (end, folded)
}

/// Puts the colon in front of the blanks before it.
fn move_colon(line: &mut [u8]) -> bool {
    let Some(colon) = memchr(b':', line) else { return false };
    let blanks = line[..colon].iter().rev().take_while(|byte| is_blank(Some(byte))).count();
    let name = colon - blanks;
    if name == colon {
        return false;
    }
    line[name..=colon].fill(b' ');
    line[name] = b':';
    true
}

fn names_an_end(line: &[u8]) -> bool {
    let line = line.to_ascii_lowercase();
    ["content-length", "transfer-encoding"]
        .iter()
        .any(|name| memmem::find(&line, name.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// tests/corpus has those that are mended.
    #[test]
    fn what_is_no_head_is_left_alone() {
        for bytes in ["", "\r\n", "HTTP", "SSH-2.0\r\n x : y\r\n\r\n", "\x15\x03\x01", "{} \n \n\n"]
        {
            assert_eq!(scan(bytes.as_bytes()), Scan { end: None, odd: false }, "{bytes:?}");
        }
    }

    #[test]
    fn status_lines() {
        for (head, expected, interim) in [
            ("HTTP/1.1 200 OK\r\n", Some(200), false),
            ("HTTP/1.0 200\n", Some(200), false),
            ("\r\nHTTP/1.1 100 Continue\r\n", Some(100), true),
            ("HTTP/1.1 101 Upgrade\r\n", Some(101), false),
            ("HTTP/1.1 199\r\n", Some(199), true),
            ("HTTP/1.1 200 OK", None, false),
            ("HTTP/1.1 1000 \r\n", None, false),
            ("HTTP/1.1 +10\r\n", None, false),
            ("HTTP/1.1  200 OK\r\n", None, false),
            ("HTTP/2 200\r\n", None, false),
            ("HTTP/1.7 100\r\n", None, false),
            ("", None, false),
        ] {
            assert_eq!(status(head.as_bytes()).map(|(code, _)| code), expected, "{head:?}");
            assert_eq!(is_interim(head.as_bytes()), interim, "{head:?}");
        }
    }
}
