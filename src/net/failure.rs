//! What an error of input or output means to a caller: the status, and words for it.

use std::fmt;
use std::io::{self, ErrorKind};

use super::deadline::deadline_passed;
use super::tls::explain;
use crate::{Error, Status};

/// The error for a failure in the given phase, such as "in the TLS handshake".
pub(crate) fn failure(why: &io::Error, phase: &str) -> Error {
    let (status, detail) = classify(why, phase);
    Error::new(status, detail).with_os_error(why.raw_os_error())
}

fn classify(why: &io::Error, phase: &str) -> (Status, String) {
    if deadline_passed(why) {
        return (Status::Timeout, format!("the time-out passed {phase}"));
    }
    if let Some(why) = carried::<NotHttp>(why) {
        return (Status::Protocol, format!("the answer is not HTTP: {why}"));
    }
    if let Some(tls) = carried::<rustls::Error>(why) {
        return match explain::carried(tls) {
            Some(own) => (own.status(), own.detail().into()),
            None => (Status::Tls, explain::describe(tls)),
        };
    }
    if why.kind() == ErrorKind::UnexpectedEof {
        return (Status::Io, format!("the other side closed the connection {phase}"));
    }
    (Status::Io, format!("the connection broke {phase}: {why}"))
}

fn carried<T: std::error::Error + 'static>(why: &io::Error) -> Option<&T> {
    why.get_ref()?.downcast_ref()
}

/// Whether it is the connection that has ended, and not the call's time or patience.
pub(crate) fn connection_died(why: &io::Error) -> bool {
    use ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, HostUnreachable, NetworkUnreachable,
        NotConnected, TimedOut, UnexpectedEof,
    };
    match why.kind() {
        // TCP gave up; our own time-outs carry no number of the system's.
        TimedOut => why.raw_os_error().is_some(),
        UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected
        | HostUnreachable | NetworkUnreachable => true,
        _ => false,
    }
}

/// What no HTTP server sends, in words that go on from "the answer is not HTTP: ".
#[derive(Debug)]
struct NotHttp(&'static str);

impl fmt::Display for NotHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotHttp {}

pub(crate) fn spoke_unasked() -> io::Error {
    not_http("the other side spoke before it was asked")
}

pub(crate) fn not_http(words: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, NotHttp(words))
}
