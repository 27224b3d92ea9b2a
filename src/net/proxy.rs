//! Asks an HTTP proxy for a connection to the gateway.

use std::io::{self, Read, Write};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use httparse::Status::Complete;
use memchr::memchr;
use percent_encoding::percent_decode_str;

use super::cause::Cause;
use super::deadline::Deadline;
use super::failure::failure;
use super::head::{self, START};
use super::socket::Socket;
use crate::options::USER_AGENT;
use crate::route::Proxy;
use crate::{Error, Status, text};

/// All that is read of a proxy's heads, interim ones included.
const MAX_HEADS: usize = 64 * 1024;

/// What is read of a page, at the most.
const MAX_PAGE: usize = 16 * 1024;

/// How long a page may take that is only to be quoted.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why there is no tunnel.
pub(crate) struct NoTunnel {
    pub error: Error,
    /// It is the proxy itself: it would say the same of any other address.
    pub at_proxy: bool,
}

impl From<Error> for NoTunnel {
    fn from(error: Error) -> Self {
        NoTunnel { error, at_proxy: false }
    }
}

/// `listens`: the proxy can read what passes, the Guid included, since no TLS is spoken.
pub(crate) fn ask_for_tunnel(
    socket: &mut Socket,
    proxy: &Proxy,
    to: &str,
    listens: bool,
) -> Result<(), NoTunnel> {
    let failed = |why: io::Error| failure(&why, "while asking for the tunnel");
    socket.write_all(request(proxy, to).as_bytes()).map_err(failed)?;
    let head = read_head(socket).map_err(failed)?;
    let (code, reason) = head::status(&head).unwrap_or_default();
    let words = match code {
        200..=299 if is_tunnel(socket, &head).map_err(failed)? => return Ok(()),
        407 => wants_password(&head, proxy.credentials.is_some()),
        _ => {
            let (instead, reason) = match code {
                200..=299 => (" with a page in place of a connection", b"".as_slice()),
                _ => ("", reason),
            };
            let page = if code < 200 { Vec::new() } else { read_page(socket, &head) };
            let says = quote(&head, reason, &page, proxy)
                .filter(|said| !(listens && holds_guid(said)))
                .map_or(String::new(), |said| format!(" and says: {}", text::beginning(&said)));
            format!("it answered HTTP status {code}{instead}{says}")
        }
    };
    Err(NoTunnel { error: Error::new(Status::Proxy, words), at_proxy: code == 407 })
}

fn request(proxy: &Proxy, to: &str) -> String {
    let authorization = proxy.credentials.as_ref().map_or(String::new(), |credentials| {
        format!("Proxy-Authorization: Basic {}\r\n", BASE64.encode(credentials))
    });
    format!(
        "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nUser-Agent: {USER_AGENT}\r\n{authorization}\r\n"
    )
}

/// The head of the answer, mended, and not a byte more: what follows belongs to the gateway.
fn read_head(socket: &mut Socket) -> io::Result<Vec<u8>> {
    let mut read = 0;
    loop {
        let mut head = read_one_head(socket, MAX_HEADS - read)?;
        if !head::is_interim(&head) {
            head::mend(&mut head);
            return Ok(head);
        }
        read += head.len();
    }
}

fn read_one_head(socket: &mut Socket, most: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut ahead = [0; 4096];
    loop {
        let seen = socket.peek(&mut ahead)?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let taken = head.len();
        head.extend(&ahead[..seen]);
        let end = head::scan(&head).end;
        head.truncate(end.unwrap_or(head.len()));
        socket.read_exact(&mut head[taken..])?;
        if let Some(why) = no_answer(head.trim_ascii_start()) {
            return Err(Cause::NotHttp(why).into());
        }
        if head.len() > most {
            return Err(Cause::NotHttp("its head has no end within 64 KiB").into());
        }
        if end.is_some() {
            return Ok(head);
        }
    }
}

/// Why what has come so far is the beginning of no answer: what speaks another protocol may wait for
/// more before it goes on.
fn no_answer(begun: &[u8]) -> Option<&'static str> {
    let as_far = begun.len().min(START.len());
    match begun {
        [21, 3, ..] => Some("it speaks TLS on this port, and agw plain HTTP; see the port"),
        _ if begun[..as_far] != START[..as_far] => Some(NO_STATUS_LINE),
        _ if memchr(b'\n', begun).is_some() && head::status(begun).is_none() => {
            Some(NO_STATUS_LINE)
        }
        _ => None,
    }
}

const NO_STATUS_LINE: &str = "it has no status line";

/// A gateway speaks when it is spoken to: what comes before is the proxy's own, such as a page.
fn is_tunnel(socket: &mut Socket, head: &[u8]) -> io::Result<bool> {
    const PAGE_FOLLOWS: Duration = Duration::from_millis(200);
    let announced = head::values(head, "content-type").any(|value| value.starts_with(b"text/"));
    if !socket.speaks_within(if announced { PAGE_FOLLOWS } else { Duration::ZERO })? {
        return Ok(true);
    }
    let mut first = [0; 5];
    let seen = socket.peek(&mut first)?;
    Ok(match &first[..seen] {
        // The end, and what may be a gateway's after all, are told by the next step.
        [] | [0x14..=0x17, ..] => true,
        first => b"HTTP/".starts_with(first),
    })
}

fn wants_password(head: &[u8], given: bool) -> String {
    let offered = schemes(head);
    let names = offered.join(", ");
    if offered.is_empty() || offered.contains(&"Basic") {
        let outcome = if given { "it refused the" } else { "it wants a" };
        let offers = if offered.is_empty() { "" } else { ", and offers " };
        format!("{outcome} user name and password (HTTP 407){offers}{names}")
    } else {
        let outcome = if given { "; the user name and password were not taken" } else { "" };
        format!("it offers {names} only (HTTP 407), and agw speaks Basic only{outcome}")
    }
}

/// The authentication schemes that the proxy offers. Not in its own words: those may be anything.
fn schemes(head: &[u8]) -> Vec<&'static str> {
    const KNOWN: [&str; 6] = ["Basic", "Digest", "NTLM", "Negotiate", "Kerberos", "Bearer"];
    let mut found = Vec::new();
    for value in head::values(head, "proxy-authenticate") {
        let value = String::from_utf8_lossy(value);
        // What stands between quotes is every second piece.
        let plain = value.split('"').step_by(2).collect::<String>();
        for item in plain.split(',') {
            let (word, rest) = item.trim().split_once([' ', '\t']).unwrap_or((item.trim(), ""));
            let is_parameter = word.contains('=') || rest.trim_start().starts_with('=');
            let known = KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(word));
            let scheme = known.unwrap_or("others");
            if !word.is_empty() && !is_parameter && !found.contains(&scheme) {
                found.push(scheme);
            }
        }
    }
    found
}

/// What the proxy says to its refusal: a page's title or text, or else the reason in the status line.
/// Nothing where it shows the password.
fn quote(head: &[u8], reason: &[u8], page: &[u8], proxy: &Proxy) -> Option<String> {
    let value = |name| head::values(head, name).next();
    let in_one_line = |bytes| text::decode(bytes, || None).replace(char::is_control, " ");
    let content_type = value("content-type").and_then(|value| std::str::from_utf8(value).ok());
    let page = match value("content-encoding") {
        Some(coding) if !coding.eq_ignore_ascii_case(b"identity") => String::new(),
        _ => text::decode(page, || content_type).into_owned(),
    };
    let said = match text::of_page(&page) {
        nothing if nothing.trim().is_empty() => in_one_line(reason),
        text => text,
    };
    let code = value("x-squid-error").map_or(String::new(), |code| in_one_line(code) + "; ");
    let said = code + &said;
    let secret = [&page, &said].iter().any(|text| shows_password(text, proxy));
    (!secret && !said.trim().is_empty()).then_some(said)
}

/// Something in the form of a UUID, as the documented Guids have it.
fn holds_guid(text: &str) -> bool {
    text.as_bytes().windows(36).any(|part| {
        let fits = |(place, byte): (usize, &u8)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        };
        part.iter().enumerate().all(fits)
    })
}

fn shows_password(text: &str, proxy: &Proxy) -> bool {
    let Some(credentials) = &proxy.credentials else { return false };
    let password = credentials.split_once(':').map_or("", |(_, password)| password);
    let unescaped = text::without_entities(text);
    let decoded = percent_decode_str(&unescaped).decode_utf8_lossy();
    let forms = [&*unescaped, &*decoded, &*text::unescaped(&decoded)].map(bare);
    let secrets = [password, &*BASE64.encode(credentials)].map(bare);
    let shown = |secret: &String| forms.iter().any(|form| text::find(form, secret).is_some());
    !secrets[0].is_empty() && secrets.iter().any(shown)
}

/// However a page breaks its lines, and a form writes its blanks.
fn bare(text: &str) -> String {
    text.replace(|c: char| c.is_whitespace() || c == '+', "").to_lowercase()
}

/// As much of the page as comes soon.
fn read_page(socket: &mut Socket, head: &[u8]) -> Vec<u8> {
    let value = |name| head::values(head, name).next().unwrap_or_default();
    let length = std::str::from_utf8(value("content-length")).unwrap_or_default().parse();
    let most = length.unwrap_or(MAX_PAGE).min(MAX_PAGE);
    let chunked = value("transfer-encoding").eq_ignore_ascii_case(b"chunked");
    let patience = Deadline::after(PATIENCE);
    let mut page = Vec::new();
    let mut bytes = [0; 1024];
    while page.len() < most && !(chunked && page.ends_with(b"0\r\n\r\n")) {
        let speaks = patience.remaining().and_then(|patience| socket.speaks_within(patience));
        match speaks.and_then(|speaks| if speaks { socket.read(&mut bytes) } else { Ok(0) }) {
            Ok(amount @ 1..) => page.extend(&bytes[..amount]),
            _ => break,
        }
    }
    if chunked { unchunked(&page) } else { page }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut page = Vec::new();
    while let Ok(Complete((start, length @ 1..))) = httparse::parse_chunk_size(bytes) {
        let rest = &bytes[start..];
        let length = rest.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        page.extend(&rest[..length]);
        bytes = rest[length..].trim_ascii_start();
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_shows_the_password_is_not_quoted() {
        let proxy = |credentials: &str| {
            let address = crate::address::Address::new("proxy", 80).expect("a name");
            Proxy { address, credentials: Some(credentials.to_owned()) }
        };
        for (credentials, page) in [
            ("user:hunter22", "<p>hunter&#50;2"),
            ("user:hunter22", "<p>&#x68;unter22"),
            ("user:hunter22", "<p>hun<b>ter</b>22"),
            ("user:hunter22", "hunter\n22"),
            ("user:hunter22", "http://user:hunter%32%32@proxy"),
            ("user:hünter/22", r#"{"sent": "H\u00fcnter\/22"}"#),
            ("user:it's", "<p>it&#x27;s"),
            ("user:a&amp b", "<p>a&amp;amp b"),
            ("user:hunter22", "dXNlcjpo dW50ZXIyMg=="),
            ("user:hunter 2+2", "http://login/?p=hunter+2%2B2"),
        ] {
            let quoted =
                quote(b"HTTP/1.1 403 x\r\n\r\n", b"", page.as_bytes(), &proxy(credentials));
            assert_eq!(quoted, None, "{page}");
        }
        let quoted = quote(b"HTTP/1.1 403 x\r\n\r\n", b"", b"blocked", &proxy("user: "));
        assert_eq!(quoted.as_deref(), Some("blocked"));
    }

    #[test]
    fn guids_are_known_by_their_form() {
        let guid = "0a1B2c3d-0000-1111-2222-333344445555";
        for (text, expected) in [
            (guid.to_owned(), true),
            (format!("座{guid}.AgentGateway1"), true),
            (guid.replace('-', "0"), false),
            (guid.replace('B', "g"), false),
            (guid[1..].to_owned(), false),
        ] {
            assert_eq!(holds_guid(&text), expected, "{text}");
        }
    }
}
