//! What an error of input or output means to a caller: the status, and words for it.

use std::io::{self, ErrorKind};

use super::cause::Cause;
use super::rules::Seen;
use super::tls::explain;
use crate::{Error, Status};

/// The error for a failure in the given phase, such as "in the TLS handshake".
pub(crate) fn failure(why: &io::Error, phase: &str) -> Error {
    let (status, detail) = classify(why, phase);
    caused_by(why, Error::new(status, detail))
}

/// The error with the system's number. Where it is the host that has run out of something, that is the
/// status, whatever failed for it.
pub(crate) fn caused_by(why: &io::Error, mut error: Error) -> Error {
    let details = error.details_mut();
    details.os_error = why.raw_os_error();
    if exhausted(why).is_some() {
        details.status = Status::Resources;
    }
    error
}

/// A failure behind a proxy: the proxy may be why.
pub(crate) fn through(mut error: Error, proxy: Option<&str>) -> Error {
    if let Some(proxy) = proxy {
        error.details_mut().detail.insert_str(0, &format!("through proxy {proxy}: "));
    }
    error
}

/// What the operating system says, in words of our own: its own are in the language, and the charset,
/// of the host's locale.
pub(crate) fn words(why: &io::Error) -> String {
    match (exhausted(why), why.raw_os_error()) {
        (Some(words), _) => words.into(),
        (None, None) => why.to_string(),
        (None, Some(NO_FAMILY)) => {
            "this host, or this process, has no addresses of that family".into()
        }
        // std has words for the kinds that it knows, whatever the system calls them.
        (None, Some(number)) => match why.kind().to_string() {
            other if other == "uncategorized error" => format!("the system's error {number}"),
            known => known,
        },
    }
}

/// What a host without IPv6 says, or a service that is kept off the network; std has no kind for it.
#[cfg(unix)]
pub(crate) const NO_FAMILY: i32 = libc::EAFNOSUPPORT;
#[cfg(not(unix))]
pub(crate) const NO_FAMILY: i32 = 10_047;

/// The numbers of errors that say that the host has no more of something.
pub(crate) fn exhausted(why: &io::Error) -> Option<&'static str> {
    const FILES: &str =
        "no file descriptor is left; close what is no longer used, or raise the limit";
    const MEMORY: &str = "no memory is left";
    #[cfg(unix)]
    let (files, memory) = ([libc::EMFILE, libc::ENFILE], [libc::ENOMEM, libc::ENOBUFS]);
    // ERROR_TOO_MANY_OPEN_FILES, WSAEMFILE; ERROR_NOT_ENOUGH_MEMORY, WSAENOBUFS.
    #[cfg(not(unix))]
    let (files, memory) = ([4, 10_024], [8, 10_055]);
    let number = why.raw_os_error()?;
    if files.contains(&number) { Some(FILES) } else { memory.contains(&number).then_some(MEMORY) }
}

fn classify(why: &io::Error, phase: &str) -> (Status, String) {
    match Cause::of(why) {
        Some(Cause::DeadlinePassed(..)) => (Status::Timeout, format!("{why} {phase}")),
        Some(Cause::Stalled) => (Status::Io, format!("{why} {phase}")),
        Some(Cause::TooLarge) => (Status::TooLarge, why.to_string()),
        Some(Cause::NotHttp(_) | Cause::Unreadable(_)) => (Status::Protocol, why.to_string()),
        Some(Cause::NotTls(_)) => (Status::Tls, why.to_string()),
        Some(Cause::Unacknowledged) | None => broke(why, phase),
    }
}

fn broke(why: &io::Error, phase: &str) -> (Status, String) {
    if let Some(tls) = why.get_ref().and_then(|why| why.downcast_ref()) {
        return explain::told(tls);
    }
    if why.kind() == ErrorKind::UnexpectedEof {
        return (Status::Io, format!("the other side closed the connection {phase}"));
    }
    (Status::Io, format!("the connection broke {phase}: {}", words(why)))
}

/// Whether it is the connection that has ended, and not the call's time or patience.
pub(crate) fn connection_died(why: &io::Error) -> bool {
    use ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, HostUnreachable, NetworkUnreachable,
        NotConnected, TimedOut, UnexpectedEof,
    };
    match why.kind() {
        // TCP gave up, or we before it; a deadline is neither.
        TimedOut => {
            why.raw_os_error().is_some() || matches!(Cause::of(why), Some(Cause::Unacknowledged))
        }
        UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected
        | HostUnreachable | NetworkUnreachable => true,
        _ => false,
    }
}

/// What a gateway that renegotiates wants, and what to change there.
pub(crate) const RENEGOTIATION: &str = "the gateway asked for one more TLS handshake (renegotiation), which agw \
    refuses; as a rule it wants a client certificate for this path only: let it ask for one when the \
    connection is made";

/// What a close may mean that says nothing, of a gateway that has asked for a client certificate.
pub(crate) const CLIENT_AUTH: &str = "; perhaps it refuses the client certificate, or the lack of one, \
    which it had asked for: see client_cert, and ask whoever runs it";

/// When it happened, by what had been seen of the request and its answer.
pub(crate) fn phase(seen: Seen) -> &'static str {
    match (seen.sent, seen.answered) {
        (false, _) => "before the request was sent",
        (true, false) => "while waiting for the answer",
        (true, true) => "in the middle of the answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_usual_errors_have_words_of_our_own() {
        for (number, expected) in [
            (libc::ECONNREFUSED, "connection refused"),
            (libc::ECONNRESET, "connection reset"),
            (libc::ETIMEDOUT, "timed out"),
            (libc::EHOSTUNREACH, "host unreachable"),
            (libc::ENETUNREACH, "network unreachable"),
            (libc::EACCES, "permission denied"),
            (libc::ENOENT, "entity not found"),
            (libc::EPIPE, "broken pipe"),
            (libc::EADDRNOTAVAIL, "address not available"),
            (libc::EMFILE, "no file descriptor is left"),
            (libc::ENFILE, "no file descriptor is left"),
            (libc::ENOBUFS, "no memory is left"),
            (libc::EAFNOSUPPORT, "this host, or this process, has no addresses of that family"),
            (libc::EL2HLT, "the system's error 51"),
        ] {
            let words = words(&io::Error::from_raw_os_error(number));
            assert!(words.starts_with(expected), "{number}: {words}");
        }
        assert_eq!(words(&io::Error::other("of our own")), "of our own");
    }
}
