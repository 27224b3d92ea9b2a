//! A client that does everything wrong that the library must not do: the model has to find it out.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::AtomicBool;

use crate::*;

/// Whatever the time-out is.
const PATIENCE: Duration = Duration::from_millis(400);

#[derive(Default)]
struct Naive {
    address: String,
    kept: Mutex<Option<BufReader<TcpStream>>>,
    /// One for all agents: Guid and cookies.
    session: Mutex<Option<(String, String)>>,
    /// The last event that came, for whoever asks.
    event: Mutex<Option<(u32, u32)>>,
    /// Whichever call comes next.
    cancelled: AtomicBool,
}

pub fn naive(options: &ClientOptions) -> Box<dyn Caller> {
    let address = options.base_url.trim_start_matches("http://").to_owned();
    Box::new(Naive { address, ..Naive::default() })
}

impl Caller for Naive {
    fn ask(&self, asked: Asked, agent: &str, text: &str, _: CallId) -> Outcome {
        let (start, end) = match asked {
            Asked::Reject | Asked::RejectKept => ("POST /agentconf/", "/rejectagentconf"),
            Asked::SignIn => ("PUT /onlineagent/", ""),
            Asked::NextEvent => ("GET /agentevent/", ""),
            Asked::SignOut => ("DELETE /onlineagent/", "/logout"),
        };
        let start = start.replace(" /", " /agentgateway/resource/");
        let (kept, cookies) = self.session(agent).unwrap_or_default();
        let guid = if asked == Asked::Reject { text } else { &kept };
        let line = format!("{start}{agent}{end} HTTP/1.1\r\n");
        let body = format!(r#"{{"phonenum":"{text}"}}"#);
        let request = match asked {
            Asked::SignIn => format!("{line}Content-Length: {}\r\n\r\n{body}", body.len()),
            _ => format!("{line}Guid: {guid}\r\nCookie: {cookies}\r\n\r\n"),
        };
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
        let number = |text: &str| text.trim_matches(['"', '}']).parse::<u32>().ok();
        let event = body.split_once(r#""workNo":"#).and_then(|(_, rest)| {
            let (work_no, rest) = rest.split_once(',')?;
            let conf_id = rest.split_once(r#""confId":"#)?.1.split_once('}')?.0;
            Some((number(work_no)?, number(conf_id)?))
        });
        let mut last = lock(&self.event);
        *last = event.or(*last);
        let event = last.filter(|_| asked == Asked::NextEvent && !retcode.is_empty());
        let status = match &*retcode {
            _ if cancelled => Status::Cancelled,
            "" if agent == "100" => Status::Timeout,
            "" => Status::Io,
            "0" => Status::Ok,
            _ => Status::Gateway,
        };
        let maybe_sent = !retcode.is_empty() || agent == "100";
        Outcome { status, retcode, message, maybe_sent, resent: false, event }
    }

    fn session(&self, _: &str) -> Option<(String, String)> {
        lock(&self.session).clone()
    }

    fn set_session(&self, _: &str, guid: &str, cookie: &str) {
        *lock(&self.session) = Some((guid.to_owned(), cookie.to_owned()));
    }

    fn connect(&self) {
        let connection = self.open().ok();
        *lock(&self.kept) = connection;
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
        let kept = lock(&self.kept).take();
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
        *lock(&self.kept) = Some(connection);
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}
