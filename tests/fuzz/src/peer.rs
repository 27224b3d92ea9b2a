//! A gateway on loopback that lives as long as the process.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The documented answer of a gateway that accepts.
pub const ACCEPTED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
    Content-Length: 47\r\n\r\n{\"result\":{},\"message\":\"success\",\"retcode\":\"0\"}";

/// Accepts connections and hands each to `serve`, as many at a time as there are `workers`. Gives
/// the address. The threads are there to stay: LeakSanitizer takes what one that just ends still
/// has for lost.
pub fn listen(workers: usize, serve: impl Fn(TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let address = listener.local_addr().expect("it is bound").to_string();
    for _ in 0..workers {
        let (listener, serve) = (listener.try_clone().expect("a socket"), serve.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = stream.set_nodelay(true);
                serve(stream);
            }
        });
    }
    address
}

/// The bytes up to the empty line; `None` when the other side has gone.
pub fn read_head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut bytes = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut bytes) {
            Ok(amount) if amount > 0 => head.extend(&bytes[..amount]),
            _ => return None,
        }
    }
    Some(head)
}

/// A gateway that accepts every rejection, and keeps the requests.
pub struct Accepting {
    pub address: String,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Accepting {
    pub fn start() -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        let address = listen(8, move |mut stream| {
            while let Some(head) = read_head(&mut stream) {
                lock(&seen).push(head);
                if stream.write_all(ACCEPTED).is_err() {
                    return;
                }
            }
        });
        Accepting { address, requests }
    }

    /// The requests since the last question.
    pub fn take_requests(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut lock(&self.requests))
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
