//! A plain caller of the simulator: signs in, polls, and steers it in tests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use super::Simulator;

/// The header that the gateway demands with every body, and with none.
pub const JSON: &str = "Content-Type: application/json; charset=UTF-8\r\n";

/// An answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub fn guid(&self) -> Option<String> {
        let guid = self.header("Set-GUID")?.strip_prefix("JSESSIONID=");
        Some(guid.expect("is a cookie").to_owned())
    }
}

/// One request on a connection of its own.
pub fn send(simulator: &Simulator, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    );
    let answer = if simulator.url().starts_with("https:") {
        exchange(connect(simulator, "localhost"), &request)
    } else {
        exchange(TcpStream::connect(simulator.address()).expect("the simulator listens"), &request)
    };
    let (head, body) = answer.split_once("\r\n\r\n").expect("the head has an end");
    Answer {
        status: head[9..12].parse().expect("the status is a number"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

fn exchange(mut stream: impl Read + Write, request: &str) -> String {
    stream.write_all(request.as_bytes()).expect("the request goes out");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer comes to its end");
    answer
}

pub fn connect(simulator: &Simulator, name: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let ca = CertificateDer::from_pem_slice(simulator.ca_pem().as_bytes());
    let mut roots = RootCertStore::empty();
    roots.add(ca.expect("is PEM")).expect("is a CA");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("is a name");
    let client = ClientConnection::new(Arc::new(config), name).expect("the config is good");
    let stream = TcpStream::connect(simulator.address()).expect("the simulator listens");
    StreamOwned::new(client, stream)
}
