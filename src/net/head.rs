//! The head of an answer, mended in place where it is read by user agents and not by ureq: folded
//! lines, and blanks before a colon (RFC 9112, sections 5.1 and 5.2). An ordinary head is only
//! looked at. For answers of the gateway and of a proxy.

use memchr::{memchr, memmem};

/// What has come of a head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scan {
    /// Where it ends, if that has come.
    pub end: Option<usize>,
    /// It has to be mended, or it may turn out that it has to be.
    pub odd: bool,
}

const START: &[u8] = b"HTTP/1.";

/// Looks at the head in front of these bytes. What does not begin as one is not odd: it is for the
/// reader of answers to judge.
pub(crate) fn scan(bytes: &[u8]) -> Scan {
    let mut at = start(bytes);
    let mut odd = false;
    if !bytes[at..].starts_with(START) {
        return Scan { end: None, odd };
    }
    let mut in_status_line = true;
    loop {
        let rest = &bytes[at..];
        let Some(length) = memchr(b'\n', rest) else {
            odd |= !in_status_line && is_odd_in_part(rest);
            return Scan { end: None, odd };
        };
        let line = &rest[..length];
        at += length + 1;
        if matches!(line, b"" | b"\r") {
            return Scan { end: Some(at), odd };
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
    two_ways
}

/// The HTTP status, once the status line is whole.
pub(crate) fn status(head: &[u8]) -> Option<u16> {
    let line = &head[start(head)..];
    let line = &line[..memchr(b'\n', line)?];
    match line.strip_prefix(START)? {
        [b'0'..=b'9', b' ', code @ ..] if matches!(code.get(3), None | Some(b' ' | b'\r')) => {
            let digits = code.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit))?;
            std::str::from_utf8(digits).ok()?.parse().ok()
        }
        _ => None,
    }
}

/// Whether the answer itself is still to come. 101 is none of these: it ends the talk.
pub(crate) fn is_interim(head: &[u8]) -> bool {
    matches!(status(head), Some(100 | 102..=199))
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

    use httparse::Status;

    const LENGTH: &str = "Content-Length: 2\r\n";

    /// Heads, whether they are odd, what becomes of them, and whether they can be read in two ways.
    fn table() -> Vec<(String, bool, String, bool)> {
        let ordinary = |lines: &str| {
            let head = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
            (head.clone(), false, head, false)
        };
        let odd = |lines: &str, mended: &str, two_ways| {
            let head = |lines| format!("HTTP/1.1 200 OK\r\n{lines}{LENGTH}\r\n");
            (head(lines), true, head(mended), two_ways)
        };
        let lf_only = |(head, odd, mended, two_ways): (String, bool, String, bool)| {
            (head.replace('\r', ""), odd, mended.replace('\r', ""), two_ways)
        };
        vec![
            ordinary(LENGTH),
            ordinary(""),
            ordinary("X:y\r\nX:\r\nX: a b\tc \r\n"),
            ordinary("no colon\r\n"),
            ordinary(": no name\r\n"),
            ordinary("X\r: y\r\n"),
            lf_only(ordinary(LENGTH)),
            (
                "\r\n\nHTTP/1.1 200\r\n\r\n".into(),
                false,
                "\r\n\nHTTP/1.1 200\r\n\r\n".into(),
                false,
            ),
            odd("X: y\r\n z\r\n", "X: y   z\r\n", false),
            odd("X: y\r\n\tz\r\n", "X: y  \tz\r\n", false),
            odd("X:\r\n y\r\n  z\r\n", "X:   y    z\r\n", false),
            odd("X: y\r\n \r\n", "X: y   \r\n", false),
            odd("X : y\r\n", "X:  y\r\n", false),
            odd("X \t: y : z\r\n", "X:   y : z\r\n", false),
            odd("X : y\r\n z\r\n", "X:  y   z\r\n", false),
            lf_only((
                "HTTP/1.1 200 OK\nX: y\n z\n\n".into(),
                true,
                "HTTP/1.1 200 OK\nX: y  z\n\n".into(),
                false,
            )),
            // RFC 9112, section 2.2: what stands there is skipped.
            (
                "HTTP/1.1 200 OK\r\n X: y\r\n\r\n".into(),
                true,
                "HTTP/1.1 200 OK   X: y\r\n\r\n".into(),
                false,
            ),
            odd("Content-Length:\r\n 2\r\n", "Content-Length:   2\r\n", true),
            odd("CONTENT-LENGTH : 2\r\n", "CONTENT-LENGTH:  2\r\n", true),
            odd("Transfer-Encoding:\r\n\tchunked\r\n", "Transfer-Encoding:  \tchunked\r\n", true),
            odd("X: y\r\n Transfer-Encoding: z\r\n", "X: y   Transfer-Encoding: z\r\n", true),
            odd("Content-\r\n Length: 2\r\n", "Content-   Length: 2\r\n", false),
            odd("X\r\n : y\r\n", "X   : y\r\n", false),
        ]
    }

    #[test]
    fn heads_are_mended_to_what_they_mean() {
        for (head, odd, mended, two_ways) in table() {
            // The bytes behind the head may look like one more odd line.
            for body in ["", "{}", " : \r\n x\r\n\r\n"] {
                let mut bytes = [head.as_bytes(), body.as_bytes()].concat();
                let scan = scan(&bytes);
                assert_eq!(scan, Scan { end: Some(head.len()), odd }, "{head:?}");
                assert_eq!(mend(&mut bytes[..head.len()]), two_ways, "{head:?}");
                assert_eq!(String::from_utf8_lossy(&bytes), mended.clone() + body);
            }
        }
    }

    /// A head that comes in two parts is either left to ureq, which must not refuse the first, or
    /// kept back until it is whole.
    #[test]
    fn nothing_odd_is_shown_before_the_head_is_whole() {
        for (head, _, mended, _) in table() {
            let refused = parse(mended.as_bytes()).is_err();
            for length in 0..head.len() {
                let part = &head.as_bytes()[..length];
                let scan = scan(part);
                assert_eq!(scan.end, None, "{head:?} up to {length}");
                assert!(scan.odd || refused || parse(part) == Ok(None), "{head:?} up to {length}");
            }
        }
    }

    /// As ureq does: where it sees the end, if it sees it.
    fn parse(head: &[u8]) -> Result<Option<usize>, httparse::Error> {
        let mut headers = [httparse::EMPTY_HEADER; 16];
        Ok(match httparse::Response::new(&mut headers).parse(head)? {
            Status::Complete(end) => Some(end),
            Status::Partial => None,
        })
    }

    #[test]
    fn ureq_finds_the_end_at_the_same_place() {
        for (head, _, mended, _) in table() {
            if let Ok(end) = parse(mended.as_bytes()) {
                assert_eq!(end, Some(head.len()), "{mended:?}");
            }
        }
    }

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
            ("", None, false),
        ] {
            assert_eq!(status(head.as_bytes()), expected, "{head:?}");
            assert_eq!(is_interim(head.as_bytes()), interim, "{head:?}");
        }
    }

    #[test]
    fn header_values() {
        let head = b"HTTP/1.1 407 x\r\nA: 1\r\nb:  2 \r\na:3\r\nno colon\r\n\r\n";
        assert_eq!(values(head, "A").collect::<Vec<_>>(), [b"1", b"3"]);
        assert_eq!(values(head, "B").collect::<Vec<_>>(), [b"2"]);
        assert_eq!(values(head, "c").count(), 0);
    }
}
