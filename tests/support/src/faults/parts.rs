//! What the rows are made of: the tables take all of it.

use std::time::Duration;

pub use agw::Status;
pub use agw::ffi::{
    AGW_NO_KEEP_ALIVE, AGW_RESULT_MAYBE_SENT as MAYBE_SENT, AGW_RESULT_RESENT as RESENT,
    AGW_RESULT_TRUNCATED as TRUNCATED,
};

pub use super::abi::CALL_ID;
pub use super::row::Act::{AwaitEnded, CancelCall, ClosePort, Pause, Restart, SetSession, Stop};
pub use super::row::{Between, Expect, Row, Site, accepted, connected, fails, refused, row};
pub use crate::gateway::Step::*;
pub use crate::gateway::{Script, Step, serving};
pub use crate::tls::Over::{self, Plain, Tls12, Tls13};
pub use crate::{ACCEPTED, GUID, http};

pub const ALL: &[Over] = &[Plain, Tls12, Tls13];
pub const BOTH: &[Over] = &[Plain, Tls13];
pub const TLS: &[Over] = &[Tls12, Tls13];

pub const HTML: &str = "<html><head><title>Apache Tomcat</title></head><body>sorry</body></html>";
pub const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n";
pub const PROCESSING: &[u8] = b"HTTP/1.1 102 Processing\r\n\r\n";

pub const WAITING: &str = "while waiting for the answer";
pub const MIDDLE: &str = "in the middle of the answer";

/// More often than anybody reads.
pub const MANY: usize = usize::MAX;

/// When a call is cancelled that must not return before 100 ms.
pub const CANCELLED_AT: Duration = ms(150);

pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub fn speaks(steps: impl Into<Vec<Step>>) -> Script {
    Script::Http(steps.into())
}

pub fn below(steps: impl Into<Vec<Step>>) -> Script {
    Script::Tcp(steps.into())
}

/// Each connection goes its own way, further ones as the last.
pub fn in_turn(scripts: impl Into<Vec<Script>>) -> Site {
    Site::Follows(scripts.into())
}

/// Every connection goes the same way.
pub fn follows(steps: impl Into<Vec<Step>>) -> Site {
    in_turn([speaks(steps)])
}

/// The same below TLS.
pub fn follows_below(steps: impl Into<Vec<Step>>) -> Site {
    in_turn([below(steps)])
}

/// The first connection goes this way, the next ones are without a fault.
pub fn then_serves(steps: impl Into<Vec<Step>>) -> Site {
    in_turn([speaks(steps), serving()])
}

/// A gateway without a fault.
pub fn serves() -> Site {
    in_turn([serving()])
}

pub fn send(bytes: impl AsRef<[u8]>) -> Step {
    Send(bytes.as_ref().to_vec())
}

pub fn serve(answer: impl Into<Vec<u8>>) -> Step {
    Serve(answer.into())
}

/// The accepting answer.
pub fn answer() -> Step {
    send(http("200 OK", ACCEPTED))
}

/// The beginning of it, the whole head included.
pub fn half() -> Step {
    send(&http("200 OK", ACCEPTED)[..100])
}

/// An answer with these header lines.
pub fn with_lines(body: &str, lines: &[(&str, &str)]) -> String {
    let lines = lines.iter().map(|(name, value)| format!("\r\n{name}: {value}"));
    http("200 OK", body).replacen("\r\n", &(lines.collect::<String>() + "\r\n"), 1)
}

pub fn cancelled(flags: u32) -> Expect {
    fails(Status::Cancelled, flags, "cancelled")
}

/// The connection broke with the request on it.
pub fn broken(word: &'static str) -> Expect {
    fails(Status::Io, MAYBE_SENT, word)
}

/// It broke in the body of the answer.
pub fn broken_body() -> Expect {
    broken(MIDDLE).http(200)
}

/// The accepting answer with another length than its body has.
pub fn with_length(length: usize) -> Step {
    send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{ACCEPTED}"))
}

/// A gateway at which nothing rings.
pub fn says_no() -> Script {
    speaks([serve(http("200 OK", &says("101-001", "real")))])
}

pub fn nothing_rings() -> Expect {
    refused(Status::NoConference, "101-001").message("real")
}

/// An acceptance that belongs to no request.
pub fn stale() -> Vec<u8> {
    http("200 OK", &says("0", "stale")).into_bytes()
}

/// An acceptance with this header line.
pub fn with_header(name: &str, value: &str) -> String {
    with_lines(ACCEPTED, &[(name, value)])
}

/// The documented JSON with this code and text.
pub fn says(retcode: &str, message: &str) -> String {
    format!(r#"{{"message":"{message}","retcode":"{retcode}","result":""}}"#)
}
