//! One answer belongs to one request: the three rules, each decided here and nowhere else.
//!
//! HTTP/1.1 does not number its answers: what comes on a connection is the answer to the oldest
//! request that has none. So a connection is used again only if nothing can be left on it, and a
//! request is sent again only if the gateway cannot have answered it and most likely never saw it.

use std::time::Duration;

use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use memchr::{memchr, memchr_iter};

use crate::Status;

/// What has been seen of a connection's last request and answer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Seen {
    /// A byte of the request was given to the socket.
    pub sent: bool,
    /// A byte of the answer came, if only of a TLS record whose rest is missing.
    pub answered: bool,
    /// The answer came to its end, and nothing in it asked to close the connection.
    pub complete: bool,
    /// Where the answer ends can be read in one way only.
    pub framed: bool,
    /// The answer had a readable retcode.
    pub retcode: bool,
}

/// What lies on a connection while no request is under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Waiting {
    Nothing,
    /// The first bytes of a TLS record: of a session ticket, or of an answer that nobody asked for.
    PartOfRecord,
    /// Nothing, but the gateway has asked for one more handshake, and rustls lets it ask only once.
    Renegotiation,
    Data,
    End,
}

/// How a connection ended before an answer did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Death {
    /// From the request's last byte until the end showed; `None`: not all of it was given to the
    /// socket.
    pub after: Option<Duration>,
    /// Whether the other side's TCP has yet to acknowledge a part of it, if the system tells.
    pub unacknowledged: Option<bool>,
}

/// A gateway that closes an idle connection crosses a request within this time. One that closes
/// later had the request, and may have acted.
const CROSSING: Duration = Duration::from_secs(1);

/// May this connection carry another request?
pub(crate) fn may_carry_another(last: Option<Seen>, waiting: Waiting) -> bool {
    let settled = |seen: Seen| seen.complete && seen.framed && seen.retcode;
    match (last, waiting) {
        (_, Waiting::Renegotiation | Waiting::Data | Waiting::End) => false,
        // Session tickets come after the handshake: a part of one does no harm before the first
        // request. Behind an answer it might be a part of one more answer.
        (None, Waiting::Nothing | Waiting::PartOfRecord) => true,
        (Some(seen), Waiting::Nothing) => settled(seen),
        (Some(_), Waiting::PartOfRecord) => false,
    }
}

/// May this request go out once more, on a new connection?
pub(crate) fn may_resend(reused: bool, seen: Seen, death: Option<Death>) -> bool {
    let Some(death) = death else { return false };
    let unread = death.unacknowledged == Some(true);
    reused && !seen.answered && (unread || death.after.is_none_or(|after| after <= CROSSING))
}

/// May the gateway have acted on a call that failed? `copies` counts those of which a byte left.
pub(crate) fn may_have_acted(copies: u32, refused: bool, status: Status) -> bool {
    // After a second copy a refusal speaks for that one alone.
    status == Status::Internal || (copies > 0 && !(refused && copies == 1))
}

/// How long a connection may be idle by a `Keep-Alive` header: a second less than the gateway says,
/// since its clock runs from earlier on.
pub(crate) fn idle_limit(keep_alive: &[u8]) -> Duration {
    let mut limit = Duration::MAX;
    for parameter in keep_alive.split(|byte| matches!(byte, b',' | b';')) {
        let parameter = std::str::from_utf8(parameter).unwrap_or_default();
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        let value = value.trim().trim_matches('"').parse::<u32>().ok();
        let name = name.trim();
        match value {
            Some(seconds) if name.eq_ignore_ascii_case("timeout") => {
                limit = limit.min(Duration::from_secs(seconds.saturating_sub(1).into()));
            }
            Some(0) if name.eq_ignore_ascii_case("max") => limit = Duration::ZERO,
            _ => {}
        }
    }
    limit
}

/// Whether everybody who reads these headers finds the end of the answer at the same place; chunks in
/// HTTP/1.0 are for `head::mend` to tell.
pub(crate) fn framed_in_one_way(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    match (codings.next(), codings.next(), lengths.next(), lengths.next()) {
        (Some(coding), None, None, None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (None, None, Some(length), None) => length.as_bytes().iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Whether somebody who reads these headers takes the connection for closed: many look for the word
/// alone, whatever is around it.
pub(crate) fn asks_to_close(headers: &HeaderMap) -> bool {
    let close = |part: &[u8]| part.eq_ignore_ascii_case(b"close");
    let mut values = headers.get_all(CONNECTION).iter();
    values.any(|value| value.as_bytes().windows(b"close".len()).any(close))
}

/// Of the lines between chunks only CR and LF together are read as an end.
pub(crate) fn lines_end_in_one_way(lines: &[u8]) -> bool {
    memchr_iter(b'\n', lines).all(|end| end > 0 && lines[end - 1] == b'\r')
}

/// Whether everybody takes these whole lines for the same: for lengths, behind one of nothing for
/// trailers.
pub(crate) fn lines_mean_one_thing(lines: &[u8], mut trailers: bool) -> bool {
    lines.split(|byte| *byte == b'\n').all(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let known = line.is_empty() || if trailers { is_header(line) } else { is_length(line) };
        let (digits, _) = digits_and_rest(line);
        trailers |= !digits.is_empty() && digits.iter().all(|digit| *digit == b'0');
        known
    })
}

fn is_header(line: &[u8]) -> bool {
    memchr(b':', line).is_some_and(|colon| {
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        HeaderName::from_bytes(name).is_ok() && HeaderValue::from_bytes(value).is_ok()
    })
}

/// More digits than fit into a number are too many for some, even if they are zeros.
fn is_length(line: &[u8]) -> bool {
    let (digits, rest) = digits_and_rest(line);
    let behind = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    matches!(digits.len(), 1..=16) && matches!(behind, None | Some(b';'))
}

fn digits_and_rest(line: &[u8]) -> (&[u8], &[u8]) {
    line.split_at(line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Seen =
        Seen { sent: false, answered: false, complete: false, framed: false, retcode: false };
    const SENT: Seen = Seen { sent: true, ..NOTHING };
    const SETTLED: Seen =
        Seen { sent: true, answered: true, complete: true, framed: true, retcode: true };

    #[test]
    fn what_a_connection_may_carry() {
        use Waiting::{Data, End, Nothing, PartOfRecord, Renegotiation};
        let table = [
            // what happened on it                 and now:   nothing  part   asked  data   end
            ("no request yet", None, [true, true, false, false, false]),
            ("settled", Some(SETTLED), [true, false, false, false, false]),
            ("not complete", Some(Seen { complete: false, ..SETTLED }), [false; 5]),
            ("framed in two ways", Some(Seen { framed: false, ..SETTLED }), [false; 5]),
            ("no retcode", Some(Seen { retcode: false, ..SETTLED }), [false; 5]),
            ("no answer", Some(SENT), [false; 5]),
            ("not even sent", Some(NOTHING), [false; 5]),
        ];
        for (what, last, expected) in table {
            let may = [Nothing, PartOfRecord, Renegotiation, Data, End]
                .map(|waiting| may_carry_another(last, waiting));
            assert_eq!(may, expected, "{what}");
        }
    }

    #[test]
    fn what_may_be_sent_again() {
        let dies = |ms: Option<u64>, unacknowledged| {
            Some(Death { after: ms.map(Duration::from_millis), unacknowledged })
        };
        let answered = Seen { answered: true, ..SENT };
        let table = [
            // reused, what was seen, how it ended, and whether once more
            ("closed at once", true, SENT, dies(Some(0), Some(false)), true),
            ("after a second", true, SENT, dies(Some(1000), Some(false)), true),
            ("after more", true, SENT, dies(Some(1001), Some(false)), false),
            ("after more, nobody can tell", true, SENT, dies(Some(1001), None), false),
            ("never arrived", true, SENT, dies(Some(9000), Some(true)), true),
            ("half sent", true, SENT, dies(None, Some(false)), true),
            ("not sent at all", true, NOTHING, dies(None, None), true),
            ("a byte of answer", true, answered, dies(Some(0), Some(false)), false),
            ("a byte of answer, unacknowledged", true, answered, dies(Some(0), Some(true)), false),
            ("a new connection", false, SENT, dies(Some(0), Some(true)), false),
            ("no death: a time-out, a cancel, an alert", true, SENT, None, false),
        ];
        for (what, reused, seen, death, expected) in table {
            assert_eq!(may_resend(reused, seen, death), expected, "{what}");
        }
    }

    #[test]
    fn what_the_gateway_may_have_done() {
        let table = [
            // copies of which a byte left, refused by a retcode, status, and may have acted
            (0, false, Status::Cancelled, false),
            (0, false, Status::Timeout, false),
            (0, false, Status::Connect, false),
            (1, false, Status::Timeout, true),
            (1, false, Status::Http, true),
            (1, false, Status::Tls, true),
            (1, true, Status::NoConference, false),
            (2, true, Status::NoConference, true),
            (2, false, Status::Io, true),
            (0, false, Status::Internal, true),
        ];
        for (copies, refused, status, expected) in table {
            let row = (copies, refused, status);
            assert_eq!(may_have_acted(copies, refused, status), expected, "{row:?}");
        }
    }
}
