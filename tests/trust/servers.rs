//! Gateways whose TLS and agw's do not meet, and other things that answer where TLS is expected.

use agw::{Client, ClientOptions, Error, Status, Trust};
use support::gateway::{Gateway, Script, Step};
use support::openssl::Server;
use support::{GUID, HOST};

use crate::reject;

fn corpus(name: &str) -> String {
    format!("{}/tests/corpus/files/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn options(base_url: &str, server: &Server) -> ClientOptions {
    let mut options = ClientOptions::new(base_url);
    options.connect_to = Some(server.address().to_string());
    options.allow_http = true;
    options
}

fn trusting(server: &Server) -> ClientOptions {
    let mut options = options(&format!("https://{HOST}"), server);
    options.trust = Trust::Ca;
    options.ca = Some(corpus("ca.pem"));
    options
}

fn connect(options: &ClientOptions) -> Result<String, Error> {
    Client::new(options).expect("a client").connect()
}

fn assert_said(what: &str, error: &Error, words: &[&str]) {
    let detail = error.detail();
    assert_eq!(error.status(), Status::Tls, "{what}: {error}");
    for word in words {
        assert!(detail.contains(word), "{what}: '{word}' is not in: {detail}");
    }
    assert!(!detail.contains(['{', '"']) && !detail.contains("::"), "{what}: {detail}");
}

#[test]
fn a_gateway_whose_tls_is_another_is_told_what_agw_needs() {
    const NEEDS: &str = "agw needs TLS 1.3, or 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305";
    let weak = "ALL:@SECLEVEL=0";
    let cbc = "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0";
    let dhe = "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0";
    let old = "AES128-GCM-SHA256:@SECLEVEL=0";
    let (p256, rsa, p521) = ("server.pem", "server-rsa1024.pem", "server-p521.pem");
    let table: &[(&str, &str, &str, &[&str])] = &[
        ("TLS 1.1 only", p256, "key.pem", &["-tls1_1", "-cipher", weak]),
        ("TLS 1.0 only", p256, "key.pem", &["-tls1", "-cipher", weak]),
        ("CBC only", p256, "key.pem", &["-tls1_2", "-cipher", cbc]),
        ("DHE only", rsa, "key-rsa1024.pem", &["-tls1_2", "-cipher", dhe]),
        ("RSA key exchange only", rsa, "key-rsa1024.pem", &["-tls1_2", "-cipher", old]),
        ("a P-521 key, TLS 1.2", p521, "key-p521.pem", &["-tls1_2"]),
        ("a P-521 key, TLS 1.3", p521, "key-p521.pem", &["-tls1_3"]),
    ];
    for (what, certificate, key, arguments) in table {
        let (certificate, key) = (corpus(certificate), corpus(key));
        let server = Server::start(&[&["-cert", &certificate, "-key", &key], *arguments].concat());
        let error = connect(&trusting(&server)).expect_err(what);
        assert_said(what, &error, &[NEEDS, "P-256"]);
    }
}

#[test]
fn a_key_that_is_too_weak_is_said_to_be() {
    let (certificate, key) = (corpus("server-rsa1024.pem"), corpus("key-rsa1024.pem"));
    for version in ["-tls1_2", "-tls1_3"] {
        let arguments =
            ["-cert", &certificate, "-key", &key, version, "-cipher", "ALL:@SECLEVEL=0"];
        let server = Server::start(&arguments);
        let error = connect(&trusting(&server)).expect_err("the key is too weak");
        assert_said(version, &error, &["its key is RSA of 1024 bits", "RSA of 2048 bits or more"]);
    }
}

/// What a client shows is the gateway's to judge.
#[test]
fn a_client_certificate_of_version_1_is_sent() {
    let files = ["server.pem", "key.pem", "ca.pem"].map(corpus);
    let [certificate, key, ca] = files.each_ref().map(String::as_str);
    for version in ["-tls1_2", "-tls1_3"] {
        let demanding =
            ["-Verify", "2", "-verify_return_error", "-no_check_time", "-CAfile", ca, version];
        let server =
            Server::start(&[&["-cert", certificate, "-key", key], &demanding[..]].concat());
        let mut options = trusting(&server);
        let error = connect(&options).expect_err("a certificate is demanded");
        assert_said(version, &error, &["client certificate", "client_cert"]);
        options.client_cert = Some(corpus("client-v1.pem"));
        options.client_key = Some(corpus("key.pem"));
        connect(&options).unwrap_or_else(|error| panic!("{version}: {error}"));
    }
}

#[test]
fn http_where_tls_is_expected_is_recognised() {
    let bad_request = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    for (answer, words) in [
        (bad_request, "plain HTTP: begin base_url with http://"),
        ("<!DOCTYPE HTML>\n<html>", "plain text"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        ("220 mail.test ESMTP\r\n", "plain text"),
    ] {
        let script = Script::Tcp(vec![Step::Take, Step::Send(answer.into())]);
        let gateway = Gateway::start(vec![script], None);
        let mut options = ClientOptions::new(format!("https://127.0.0.1:{}", gateway.port()));
        options.trust = Trust::DangerAny;
        assert_said(answer, &reject(&options).expect_err("no TLS"), &[words, "port"]);
    }
}

/// As some do that have nothing in common with agw.
#[test]
fn a_close_instead_of_a_handshake_may_be_about_tls() {
    let gateway = Gateway::start(vec![Script::Tcp(vec![Step::Take])], None);
    let mut options = ClientOptions::new(format!("https://127.0.0.1:{}", gateway.port()));
    options.trust = Trust::DangerAny;
    let error = reject(&options).expect_err("no TLS");
    assert_said("a close", &error, &["closed the connection in the TLS handshake", "agw needs"]);
}

#[test]
fn tls_where_http_is_expected_is_recognised() {
    let (certificate, key) = (corpus("server.pem"), corpus("key.pem"));
    let openssl = Server::start(&["-cert", &certificate, "-key", &key]);
    let mut candidates = vec![("openssl", options(&format!("http://{HOST}"), &openssl))];
    let alert = b"\x15\x03\x01\x00\x02\x02\x46".to_vec();
    let script = Script::Tcp(vec![Step::Read, Step::Send(alert)]);
    let gateway = Gateway::start(vec![script], None);
    let mut alerting = ClientOptions::new(format!("http://127.0.0.1:{}", gateway.port()));
    alerting.allow_http = true;
    candidates.push(("an alert", alerting));
    for (what, options) in candidates {
        let client = Client::new(&options).expect("a client");
        let error = client.reject_agent_conf("154", GUID).expect_err(what);
        assert!(error.detail().contains("https://"), "{what}: {error:?}");
        assert!(error.maybe_sent(), "{what}: {error:?}");
    }
}
