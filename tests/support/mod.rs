//! A gateway of raw bytes on loopback: what it saw, and what it answers, to the byte.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The documented answer of a gateway that accepts.
pub const ACCEPTED: &str = r#"{"result":{},"message":"success","retcode":"0"}"#;

/// A Guid in the documented form.
pub const GUID: &str = "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1";

/// Answers each request with the next of its answers, the last one over and over.
pub struct RawGateway {
    pub url: String,
    seen: Arc<Mutex<Seen>>,
}

/// What a [`RawGateway`] has met.
#[derive(Clone, Default)]
pub struct Seen {
    pub connections: usize,
    pub requests: Vec<String>,
}

impl RawGateway {
    pub fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = seen.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                shared.lock().expect("seen").connections += 1;
                let (seen, answers) = (shared.clone(), answers.clone());
                thread::spawn(move || serve(stream, &seen, &answers));
            }
        });
        RawGateway { url, seen }
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().expect("seen").clone()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Seen>, answers: &[String]) {
    while let Some(request) = read_head(&mut stream) {
        let turn = {
            let mut seen = seen.lock().expect("seen");
            seen.requests.push(request);
            seen.requests.len() - 1
        };
        let Some(answer) = answers.get(turn).or(answers.last()) else { return };
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
