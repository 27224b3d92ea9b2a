//! A gateway of raw bytes on loopback: what it saw, and what it answers, to the byte.

#![allow(dead_code, reason = "no one user of this module uses all of it")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The documented answer of a gateway that accepts.
pub const ACCEPTED: &str = r#"{"result":{},"message":"success","retcode":"0"}"#;

/// A Guid in the documented form.
pub const GUID: &str = "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1";

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
        Self::run(move |_, turn| answers.get(turn).or(answers.last()).cloned())
    }

    /// Answers by looking at the request.
    pub fn start_with(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::run(move |request, _| Some(answer(request)))
    }

    fn run(answers: impl Fn(&str, usize) -> Option<String> + Send + Sync + 'static) -> Self {
        let answers: Arc<Answers> = Arc::new(answers);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = seen.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut counted = shared.lock().expect("seen");
                counted.connections += 1;
                counted.open += 1;
                let (seen, answers) = (shared.clone(), answers.clone());
                thread::spawn(move || {
                    serve(stream, &seen, &*answers);
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

fn serve(mut stream: TcpStream, seen: &Mutex<Seen>, answers: &Answers) {
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

/// The bytes up to the empty line; `None` when the other side has gone.
fn read_head(stream: &mut TcpStream) -> Option<String> {
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
