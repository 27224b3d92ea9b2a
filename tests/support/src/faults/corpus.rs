//! The table of tests/corpus, a row each: what gateways and proxies send, and what is made of it.

use std::process::Command;
use std::sync::LazyLock;

use serde::Deserialize;

use super::parts::*;
use crate::c;

/// As the script prints them.
#[derive(Deserialize)]
struct Line {
    name: String,
    /// In Latin-1.
    sent: String,
    status: String,
    http_status: i32,
    retcode: String,
    connections: usize,
    text: String,
}

static TABLE: LazyLock<Vec<Line>> = LazyLock::new(|| {
    let script = c::root().join("tests/corpus/sent.py");
    let output = c::expect_success(Command::new("python3").arg("-B").arg(script));
    serde_json::from_slice(&output.stdout).expect("a table")
});

pub fn rows() -> Vec<Row> {
    TABLE.iter().map(Line::row).collect()
}

/// Answers whose heads have to be mended, and others.
pub fn heads() -> Vec<Vec<u8>> {
    TABLE.iter().filter(|line| line.name.starts_with("heads/")).map(Line::bytes).collect()
}

impl Line {
    fn bytes(&self) -> Vec<u8> {
        self.sent.chars().map(|c| u8::try_from(c).expect("a byte")).collect()
    }

    fn row(&'static self) -> Row {
        let (name, connections) = (&*self.name, self.connections);
        if name.starts_with("proxies/") {
            let row = self.through_proxy();
            let row = if name.ends_with("-given") { row.with_credentials() } else { row };
            return row.sees(connections, 2 * connections);
        }
        let script = Script::Http(vec![Serve(self.bytes())]);
        row(name, &[Plain, Tls12, Tls13], Site::Follows(vec![script]))
            .rejects(2, self.expected())
            .sees(connections, 2)
    }

    fn expected(&'static self) -> Expect {
        let text = &*self.text;
        let expect = match &*self.status {
            "OK" => accepted().message(text),
            "SESSION" => refused(Status::Session, &self.retcode).message(text),
            "PROXY" => fails(Status::Proxy, 0, text),
            "PROTOCOL" => fails(Status::Protocol, MAYBE_SENT, text),
            "HTTP" => fails(Status::Http, MAYBE_SENT, text),
            other => panic!("no status: {other}"),
        };
        expect.http(self.http_status)
    }

    /// The gateway behind it is without a fault.
    fn through_proxy(&'static self) -> Row {
        let expect = self.expected();
        let says = match expect.status {
            Status::Ok => vec![Read, TunnelSaying(self.bytes())],
            _ => vec![Read, Send(self.bytes()), AwaitEnd],
        };
        row(&*self.name, &[Plain, Tls13], Site::Follows(vec![serving()]))
            .through(Site::Follows(vec![Script::Tcp(says)]))
            .rejects(2, expect)
    }
}
