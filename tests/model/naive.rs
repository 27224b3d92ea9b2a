//! A client that does everything wrong that the library must not do: the model has to find it out.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use agw::{CallId, ClientOptions, Status};

use crate::world::{Caller, Outcome};

/// Whatever the time-out is.
const PATIENCE: Duration = Duration::from_millis(400);

struct Naive {
    address: String,
    kept: Mutex<Option<BufReader<TcpStream>>>,
    /// Whichever call comes next.
    cancelled: AtomicBool,
}

pub fn naive(options: &ClientOptions) -> Box<dyn Caller> {
    let address = options.base_url.trim_start_matches("http://").to_owned();
    Box::new(Naive { address, kept: Mutex::default(), cancelled: AtomicBool::new(false) })
}

impl Caller for Naive {
    fn reject(&self, agent: &str, guid: &str, _: CallId) -> Outcome {
        let path = format!("/agentgateway/resource/agentconf/{agent}/rejectagentconf");
        let request = format!("POST {path} HTTP/1.1\r\nGuid: {guid}\r\n\r\n");
        let cancelled = self.cancelled.swap(false, Ordering::SeqCst);
        let mut outcome = self.exchange(&request);
        for _ in 0..2 {
            outcome = outcome.or_else(|_| self.exchange(&request));
        }
        let body = outcome.unwrap_or_default();
        let text = |name| {
            let rest = body.split_once(&format!("\"{name}\":\"")).map(|(_, rest)| rest);
            rest.and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
        };
        let (retcode, message) = (text("retcode"), text("message"));
        let status = match &*retcode {
            _ if cancelled => Status::Cancelled,
            "" if agent == "100" => Status::Timeout,
            "" => Status::Io,
            "0" => Status::Ok,
            _ => Status::Gateway,
        };
        let maybe_sent = !retcode.is_empty() || agent == "100";
        Outcome { status, retcode, message, maybe_sent, resent: false }
    }

    fn connect(&self) {
        let connection = self.open().ok();
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }

    fn cancel(&self) {}

    fn cancel_call(&self, _: CallId) {
        self.cancelled.store(true, Ordering::SeqCst);
    }
}

impl Naive {
    fn open(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(BufReader::new(stream))
    }

    /// Believes what comes, and uses the connection again.
    fn exchange(&self, request: &str) -> io::Result<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut connection = kept.map_or_else(|| self.open(), Ok)?;
        connection.get_mut().write_all(request.as_bytes())?;
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            if connection.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(number) = line.strip_prefix("Content-Length: ") {
                length = number.trim().parse().unwrap_or_default();
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body)?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}
