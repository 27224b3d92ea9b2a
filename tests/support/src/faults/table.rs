//! The table.

mod answers;
mod connections;
mod kept;
mod proxies;
mod set_up;

use super::parts::*;
use super::shifts;
use crate::caller;

pub fn rows() -> Vec<Row> {
    let mut rows = [
        set_up::rows(),
        connections::rows(),
        answers::rows(),
        kept::rows(),
        proxies::rows(),
        shifts::rows(),
    ]
    .concat();
    // It needs a log callback, which programs of other systems do not have.
    rows.retain(|row| row.between.is_none() || caller().is_none());
    rows
}

/// A gateway at which nothing rings.
fn says_no() -> Script {
    speaks([serve(http("200 OK", &says("101-001", "real")))])
}

fn nothing_rings() -> Expect {
    refused(Status::NoConference, "101-001").message("real")
}

/// An acceptance that belongs to no request.
pub fn stale() -> Vec<u8> {
    http("200 OK", &says("0", "stale")).into_bytes()
}

/// An acceptance with this header line.
fn with_header(name: &str, value: &str) -> String {
    with_lines(ACCEPTED, &[(name, value)])
}

/// The documented JSON with this code and text.
fn says(retcode: &str, message: &str) -> String {
    format!(r#"{{"message":"{message}","retcode":"{retcode}","result":""}}"#)
}
