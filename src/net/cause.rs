//! Why a connection ended, where std has no error for it: each travels in an `io::Error`.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

#[derive(Debug)]
pub(crate) enum Cause {
    /// Our own time-out, not the operating system's: in words, and how long it was.
    DeadlinePassed(&'static str, Duration),
    /// The connection died without a word.
    Unacknowledged,
    /// It is what no HTTP server sends.
    NotHttp(&'static str),
    /// The reader of answers refuses it.
    Unreadable(String),
    TooLarge,
    /// The end came where a part of the body, or of what goes along with it, was still to be read.
    Stalled,
    /// It is another protocol, in words.
    NotTls(&'static str),
}

impl Cause {
    pub const SPOKE_UNASKED: Cause = Cause::NotHttp("the other side spoke before it was asked");
    pub const WANTS_TLS: Cause =
        Cause::NotHttp("the other side speaks TLS on this port; begin base_url with https://");
    pub const CHUNKS: Cause = Cause::NotHttp(
        "a line between chunks is missing, is no length, is longer than 20 bytes, or ends in a line feed \
         alone",
    );

    pub fn of(why: &io::Error) -> Option<&Self> {
        why.get_ref()?.downcast_ref()
    }
}

impl From<Cause> for io::Error {
    fn from(cause: Cause) -> Self {
        let kind = match cause {
            Cause::DeadlinePassed(..) | Cause::Unacknowledged => ErrorKind::TimedOut,
            _ => ErrorKind::InvalidData,
        };
        io::Error::new(kind, cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::DeadlinePassed(words, length) => {
                write!(f, "the {words} of {} ms passed", grouped(length.as_millis()))
            }
            Cause::Unacknowledged => f.write_str("what was sent has not been acknowledged"),
            Cause::NotHttp(words) => write!(f, "the answer is not HTTP: {words}"),
            Cause::Unreadable(why) => {
                write!(f, "the answer is not HTTP as agw reads it (protocol: {why})")
            }
            Cause::TooLarge => f.write_str("the answer is larger than 64 KiB"),
            Cause::Stalled => f.write_str("the connection ended"),
            Cause::NotTls(words) => write!(f, "the other side does not speak TLS here: {words}"),
        }
    }
}

impl std::error::Error for Cause {}

/// With commas between the thousands.
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}
