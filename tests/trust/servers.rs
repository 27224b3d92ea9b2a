//! Gateways whose TLS and agw's do not meet, and other things that answer where TLS is expected.

use support::openssl::Server;

use crate::corpus::path as corpus;
use crate::*;

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
        ("P-521 as the curve, TLS 1.2", p256, "key.pem", &["-tls1_2", "-groups", "P-521"]),
        ("P-521 as the curve, TLS 1.3", p256, "key.pem", &["-tls1_3", "-groups", "P-521"]),
        ("a P-521 key, TLS 1.2", p521, "key-p521.pem", &["-tls1_2"]),
        ("a P-521 key, TLS 1.3", p521, "key-p521.pem", &["-tls1_3"]),
    ];
    for (what, certificate, key, arguments) in table {
        let server = Server::start(&corpus(certificate), &corpus(key), arguments);
        let error = connect(&trusting(&server)).expect_err(what);
        assert_said(what, &error, &[NEEDS, "X25519, P-256 or P-384 as the curve"]);
    }
}

#[test]
fn a_key_that_is_too_weak_is_said_to_be() {
    let (certificate, key) = (corpus("server-rsa1024.pem"), corpus("key-rsa1024.pem"));
    for version in ["-tls1_2", "-tls1_3"] {
        let arguments = [version, "-cipher", "ALL:@SECLEVEL=0"];
        let server = Server::start(&certificate, &key, &arguments);
        // Also where its issuer is not trusted.
        for ca in [corpus("ca.pem"), certificate.clone()] {
            let mut options = trusting(&server);
            options.ca = Some(ca);
            let error = connect(&options).expect_err("the key is too weak");
            let words = ["its key is RSA of 1024 bits", "RSA of 2048 to 8192 bits"];
            assert_said(version, &error, &words);
        }
    }
}

/// What a client shows is the gateway's to judge.
#[test]
fn a_client_certificate_of_version_1_is_sent() {
    let [certificate, key, ca] = ["server.pem", "key.pem", "ca.pem"].map(corpus);
    for version in ["-tls1_2", "-tls1_3"] {
        let demanding =
            ["-Verify", "2", "-verify_return_error", "-no_check_time", "-CAfile", &ca, version];
        let server = Server::start(&certificate, &key, &demanding);
        let mut options = trusting(&server);
        let error = connect(&options).expect_err("a certificate is demanded");
        assert_said(version, &error, &["client certificate", "client_cert"]);
        options.client_cert = Some(corpus("client-v1.pem"));
        options.client_key = Some(corpus("key.pem"));
        connect(&options).unwrap_or_else(|error| panic!("{version}: {error}"));
    }
}

#[test]
fn what_answers_where_tls_is_expected_is_recognised() {
    let bad_request = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    const RULES: &str = "the gateway breaks the rules of TLS";
    let (hello, certificates) =
        ("\x16\x03\x03\0\x06\x02\0\0\x02\x03\x03", "\x16\x03\x03\0\x04\x0b\x01\0\0");
    for (answer, words) in [
        (bad_request, ["plain HTTP: begin base_url with http://", "port"]),
        ("<!DOCTYPE HTML>\n<html>", ["plain text", "port"]),
        ("SSH-2.0-OpenSSH_9.2\r\n", ["SSH", "port"]),
        ("220 mail.test ESMTP\r\n", ["plain text", "port"]),
        ("J\0\0\0\n8.0.36\0", ["does not speak TLS here", "port"]),
        ("\x15\x03\x03\0\x02\x02\x50", ["serves no host of this name", "base_url"]),
        (hello, [RULES, "update"]),
        (certificates, ["more than 64 KiB of certificates", "let it send its own"]),
    ] {
        let script = Script::Tcp(vec![Step::Take, Step::Send(answer.into())]);
        let gateway = Gateway::start(vec![script], None);
        let mut options = ClientOptions::new(format!("https://127.0.0.1:{}", gateway.port()));
        options.trust = Trust::DangerAny;
        assert_said(answer, &reject(&options).expect_err("no TLS"), &words);
    }
}

#[test]
fn tls_where_http_is_expected_is_recognised() {
    let server = Server::start(&corpus("server.pem"), &corpus("key.pem"), &[]);
    let error = reject(&options(&format!("http://{HOST}"), &server)).expect_err("TLS");
    assert!(error.detail().contains("https://"), "{error:?}");
    assert!(error.maybe_sent(), "{error:?}");
}
