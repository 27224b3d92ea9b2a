//! A gateway that answers the next request with the bytes it was given, piece by piece.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use agw::ClientOptions;

/// Long enough for the client to take a piece before the next one is there.
const BETWEEN_PIECES: Duration = Duration::from_micros(300);

/// One connection at a time, and one answer on each.
pub struct Gateway {
    pub url: String,
    pieces: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Gateway {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let pieces = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let given = pieces.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let pieces = given.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // A client that has heard enough goes early.
                let _ = serve(stream, &pieces);
            }
        });
        Gateway { url, pieces }
    }

    /// What the answer to the next request consists of.
    pub fn give(&self, pieces: Vec<Vec<u8>>) {
        *self.pieces.lock().unwrap_or_else(PoisonError::into_inner) = pieces;
    }

    /// Options of a client that makes a connection for each call.
    pub fn options(&self) -> ClientOptions {
        let mut options = ClientOptions::new(&self.url);
        options.allow_http = true;
        options.keep_alive = false;
        options.timeout = Duration::from_secs(60);
        options.connect_timeout = Duration::from_secs(60);
        options
    }
}

fn serve(mut stream: TcpStream, pieces: &[Vec<u8>]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    for (turn, piece) in pieces.iter().enumerate() {
        if turn > 0 {
            thread::sleep(BETWEEN_PIECES);
        }
        stream.write_all(piece)?;
    }
    stream.shutdown(Shutdown::Write)?;
    // Unread bytes would make the close a reset, which overtakes the answer.
    std::io::copy(&mut stream, &mut std::io::sink()).map(drop)
}

/// A complete answer with this status line and body.
pub fn http(status: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json;charset=UTF-8\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}
