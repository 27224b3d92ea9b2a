//! A gateway that asks for one more handshake behind the request, as IIS, Apache and Tomcat do
//! where they want a client certificate for some paths only. It is refused, and told so.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::HandshakeKind;
use support::{ACCEPTED, Running, c, http};

use crate::*;

static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let program = support::files::temporary().join("renegotiates");
    let mut compiler = c::compiler(c::C89);
    compiler.arg("-o").arg(&program).arg(c::root().join("tests/c/renegotiates.c"));
    c::expect_success(compiler.arg("-lgnutls"));
    program
});

struct Renegotiates {
    process: Running,
    prints: BufReader<ChildStdout>,
    address: String,
    identity: Identity,
}

impl Renegotiates {
    /// `how`: what it does once it was refused.
    fn start(how: &str) -> Self {
        let identity = Leaf::server(vec![dns(HOST)]).self_signed();
        let folder = Folder::create();
        let pem = folder.write("gateway.pem", &(identity.pem() + &identity.key_pem));
        let mut command = Command::new(&*PROGRAM);
        command.args([&pem, how]).stdout(Stdio::piped());
        let mut process = Running(command.spawn().expect("it starts"));
        let mut prints = BufReader::new(process.0.stdout.take().expect("piped"));
        let mut port = String::new();
        prints.read_line(&mut port).expect("its port");
        let address = format!("127.0.0.1:{}", port.trim());
        Renegotiates { process, prints, address, identity }
    }

    fn client(&self) -> Client {
        let mut options = ClientOptions::new(format!("https://{HOST}"));
        options.connect_to = Some(self.address.clone());
        options.trust = Trust::Pin;
        options.pin_sha256 = Some(self.identity.fingerprint());
        options.timeout = Duration::from_secs(2);
        Client::new(&options).expect("client")
    }

    /// What it has met, in its words.
    fn end(mut self) -> String {
        let mut met = String::new();
        self.process.0.kill().expect("it runs");
        self.prints.read_to_string(&mut met).expect("UTF-8");
        met
    }
}

/// The client is the last to speak in the handshake that resumes a session of TLS 1.2.
#[test]
fn a_resumed_session_is_no_question() {
    let identity = Leaf::server(vec![dns(HOST)]).self_signed();
    let config = Plan::new(&identity).only(VERSIONS[0]).config();
    let answers = vec![Step::Read, Step::Send(http("200 OK", ACCEPTED).into())];
    let scripts = vec![Script::Http(answers), Script::Http(vec![Step::Read])];
    let gateway = Gateway::start(scripts, Some(Arc::new(config)));
    let pinned = |o: &mut ClientOptions| o.pin_sha256 = Some(identity.fingerprint());
    let mut options = options(&gateway, Trust::Pin, pinned);
    options.keep_alive = false;
    let client = Client::new(&options).expect("client");
    client.reject_agent_conf("154", GUID).expect("accepted");
    let error = client.reject_agent_conf("154", GUID).expect_err("no answer");
    let seen = gateway.seen();
    assert_eq!(seen.clients[1].handshake, Some(HandshakeKind::Resumed));
    assert_eq!(error.status(), Status::Io, "{error}");
    assert!(!error.detail().contains("handshake"), "{error}");
}

/// A certificate was not demanded: each call is answered, though rustls lets a connection ask only
/// once.
#[test]
fn a_gateway_that_goes_on_is_answered() {
    let gateway = Renegotiates::start("answers");
    let client = gateway.client();
    for _ in 0..3 {
        client.reject_agent_conf("154", GUID).expect("accepted");
    }
    assert_eq!(gateway.end(), "request\nrefusal\n".repeat(3));
}

#[test]
fn one_that_does_not_go_on_is_told_about() {
    let table = [
        ("alerts", Status::Tls, "the gateway asked for one more TLS handshake"),
        ("closes", Status::Io, "closed the connection while waiting for the answer"),
        ("asks-again", Status::Tls, "renegotiation"),
        ("falls-silent", Status::Timeout, "ms passed while waiting for the answer"),
    ];
    for (how, status, words) in table {
        let gateway = Renegotiates::start(how);
        let error: Error = gateway.client().reject_agent_conf("154", GUID).expect_err("no answer");
        assert_eq!(error.status(), status, "{how}: {error}");
        assert!(error.detail().contains(words), "{how}: {error}");
        for advice in ["one more TLS handshake", "a client certificate", "when the connection is"] {
            assert!(error.detail().contains(advice), "{how}: {error}");
        }
        assert!(error.maybe_sent() && !error.resent(), "{how}: {error}");
        assert_eq!(gateway.end(), "request\nrefusal\n", "{how}");
    }
}
