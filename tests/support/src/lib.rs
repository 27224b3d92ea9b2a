//! What several tests need.

pub mod c;
pub mod certs;
pub mod faults;
pub mod files;
pub mod gateway;
pub mod held;
pub mod simulator;
pub mod tls;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The documented answer of a gateway that accepts.
pub const ACCEPTED: &str = r#"{"result":{},"message":"success","retcode":"0"}"#;

/// A Guid in the documented form.
pub const GUID: &str = "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1";

/// A name that cannot be looked up; certificates are for it, and clients dial `connect_to`.
pub const HOST: &str = "gateway.test";

/// A gateway on a port of its own, a thread for each connection.
pub struct RawGateway {
    pub url: String,
    seen: Arc<Mutex<Seen>>,
}

/// What a [`RawGateway`] has met.
#[derive(Clone, Default)]
pub struct Seen {
    pub connections: usize,
    pub open: usize,
    pub requests: Vec<String>,
}

/// Makes the answer to a request, given how many came before it on any connection.
type Answers = dyn Fn(&str, usize) -> Option<String> + Send + Sync;

impl RawGateway {
    /// Answers each request with the next of these, the last one over and over.
    pub fn start(answers: Vec<String>) -> Self {
        Self::run(None, move |_, turn| answers.get(turn).or(answers.last()).cloned())
    }

    /// Answers over TLS, with a certificate that nobody trusts, by looking at the request.
    pub fn start_tls(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::run(Some(tls_config()), move |request, _| Some(answer(request)))
    }

    fn run(
        tls: Option<Arc<ServerConfig>>,
        answers: impl Fn(&str, usize) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let answers: Arc<Answers> = Arc::new(answers);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().expect("bound"));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = seen.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut counted = shared.lock().expect("seen");
                counted.connections += 1;
                counted.open += 1;
                let (seen, answers, tls) = (shared.clone(), answers.clone(), tls.clone());
                thread::spawn(move || {
                    match tls.map(|config| ServerConnection::new(config).expect("a config")) {
                        None => serve(stream, &seen, &*answers),
                        Some(tls) => serve(StreamOwned::new(tls, stream), &seen, &*answers),
                    }
                    seen.lock().expect("seen").open -= 1;
                });
            }
        });
        RawGateway { url, seen }
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().expect("seen").clone()
    }

    /// Waits until every connection has ended.
    pub fn wait_until_idle(&self) {
        let patience = Instant::now();
        while self.seen().open > 0 {
            assert!(patience.elapsed() < Duration::from_secs(20), "a connection stays open");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn serve(mut stream: impl Read + Write, seen: &Mutex<Seen>, answers: &Answers) {
    while let Some(request) = read_head(&mut stream) {
        let answer = {
            let mut seen = seen.lock().expect("seen");
            let turn = seen.requests.len();
            let answer = answers(&request, turn);
            seen.requests.push(request);
            answer
        };
        let Some(answer) = answer else { return };
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
        if answer.contains("Connection: close") || !answer.contains("Content-Length") {
            return;
        }
    }
}

fn tls_config() -> Arc<ServerConfig> {
    let names = vec!["127.0.0.1".to_owned()];
    let own = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key);
    Arc::new(config.expect("the key is the certificate's"))
}

/// The bytes up to the empty line; `None` when the other side has gone.
fn read_head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// A complete HTTP/1.1 answer with this status line and body.
pub fn http(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json;charset=UTF-8\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}
