//! The files of tests/corpus, a row each: what gateways and proxies send, and what is made of it.

use std::fs;

use agw::Status;
use agw::ffi::AGW_RESULT_MAYBE_SENT as MAYBE_SENT;

use super::row::{Expect, Row, Site, accepted, fails, refused, row};
use crate::c::root;
use crate::gateway::Script;
use crate::gateway::Step::{AwaitEnd, Read, Send, Serve, TunnelSaying};
use crate::tls::Over::{Plain, Tls12, Tls13};
use crate::{ACCEPTED, http};

const TABLE: &str = include_str!("../../../corpus/expected.tsv");

pub fn rows() -> Vec<Row> {
    TABLE.lines().filter(|line| !line.starts_with('#')).map(row_of).collect()
}

fn row_of(line: &'static str) -> Row {
    let [file, status, http_status, retcode, connections, text] =
        line.split('\t').collect::<Vec<_>>()[..]
    else {
        panic!("six columns: {line}")
    };
    let path = root().join("tests/corpus").join(file);
    let bytes = fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let bytes = written_out(&bytes);
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("a number: {line}"));
    let connections = number(connections) as usize;
    let expect = expected(status, number(http_status), retcode, text);
    if file.starts_with("proxies/") {
        let row = through_proxy(file, bytes, &expect);
        let row = if file.ends_with("-given") { row.with_credentials() } else { row };
        return row.sees(connections, 2 * connections);
    }
    row(file, &[Plain, Tls12, Tls13], Site::Follows(vec![Script::Http(vec![Serve(bytes)])]))
        .rejects(2, expect)
        .sees(connections, 2)
}

/// With the lines that a "repeat 500 3" stands for: the next 3, 500 times.
fn written_out(file: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    let mut lines = file.split_inclusive(|byte| *byte == b'\n');
    while let Some(line) = lines.next() {
        let order = str::from_utf8(line).ok().and_then(|line| line.strip_prefix("repeat "));
        let Some((times, count)) = order.and_then(|order| order.trim_end().split_once(' ')) else {
            whole.extend(line);
            continue;
        };
        let number = |text: &str| text.parse().expect("a number");
        let repeated: Vec<_> = lines.by_ref().take(number(count)).collect();
        whole.extend(repeated.concat().repeat(number(times)));
    }
    whole
}

fn expected(status: &str, http_status: i32, retcode: &str, text: &'static str) -> Expect {
    let expect = match status {
        "OK" => accepted().message(text),
        "SESSION" => refused(Status::Session, retcode).message(text),
        "PROXY" => fails(Status::Proxy, 0, text),
        "PROTOCOL" => fails(Status::Protocol, MAYBE_SENT, text),
        "HTTP" => fails(Status::Http, MAYBE_SENT, text),
        other => panic!("no status: {other}"),
    };
    expect.http(http_status)
}

/// The gateway behind it is without a fault.
fn through_proxy(file: &'static str, bytes: Vec<u8>, expect: &Expect) -> Row {
    let gateway = Script::Http(vec![Serve(http("200 OK", ACCEPTED).into())]);
    let says = match expect.status {
        Status::Ok => vec![Read, TunnelSaying(bytes)],
        _ => vec![Read, Send(bytes), AwaitEnd],
    };
    row(file, &[Plain, Tls13], Site::Follows(vec![gateway]))
        .through(Site::Follows(vec![Script::Tcp(says)]))
        .rejects(2, expect.clone())
}
