//! One request and its answer over a connection that stands already. All that knows ureq-proto, which
//! reads answers for ureq: it sees bytes and no socket, so each of them passes here.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, TRANSFER_ENCODING};
use http::response::Parts;
use memchr::memchr;
use ureq_proto::BodyMode;
use ureq_proto::client::state::{RecvBody, RecvResponse};
use ureq_proto::client::{Call, RecvBodyResult, RecvResponseResult, SendRequestResult};
use zeroize::Zeroize;

use super::deadline::Deadline;
use super::failure::{
    WANTS_TLS, connection_died, failure, is_tls_alert, not_http, spoke_unasked, through,
};
use super::head;
use super::rules::{self, Death, Seen, Waiting};
use super::stream::Stream;
use super::tls::describe::{Description, describe};
use crate::sys::clock::Moment;
use crate::sys::socket::unacknowledged;
use crate::{Error, Status};

/// How long an idle connection is kept, unless the gateway says less.
const MAX_IDLE_TIME: Duration = Duration::from_secs(30);

/// The largest answer that is read, header section and body each.
const MAX_ANSWER: usize = 64 * 1024;

/// All that is read for one answer: head and body, and what goes along with them (chunk lengths,
/// trailers, interim answers).
const MAX_RECEIVED: usize = 3 * MAX_ANSWER;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// What most answers fit into.
const USUAL_ANSWER: usize = 512;

/// A connection to the gateway that carries one request after the other.
pub(crate) struct Connection {
    exchange: Box<Exchange>,
    /// When the gateway was heard last: an answer, or the handshake.
    pub(super) heard: Moment,
    /// How long the connection may be idle.
    idle_limit: Duration,
    /// It was made ready for a call, and a poll is to leave it.
    pub reserved: bool,
    /// Room for an answer of the usual size, kept from call to call.
    body: Vec<u8>,
}

/// An answer as it came.
pub(crate) struct Reply {
    head: Parts,
    pub body: Vec<u8>,
    /// The connection ended before the answer did, though that was taken for its end.
    pub cut: Option<Error>,
}

impl Reply {
    pub fn http_status(&self) -> u16 {
        self.head.status.as_u16()
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// A header's value, if there is one in ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }
}

/// How an exchange breaks off.
#[derive(Debug)]
enum Broken {
    Io(io::Error),
    Protocol(ureq_proto::Error),
    TooLarge,
    /// The end came where a part of the body, or of what goes along with it, was still to be read.
    Stalled,
}

impl From<io::Error> for Broken {
    fn from(why: io::Error) -> Self {
        Broken::Io(why)
    }
}

impl From<ureq_proto::Error> for Broken {
    fn from(why: ureq_proto::Error) -> Self {
        Broken::Protocol(why)
    }
}

/// How an exchange failed.
pub(crate) struct ExchangeError {
    pub error: Error,
    /// A byte of the request left.
    pub sent: bool,
    pub may_resend: bool,
    /// The path died without a word: since then nothing that was heard of before is to be trusted.
    pub silent_since: Option<Moment>,
    /// Of an answer whose head came, but not its end.
    pub headers: Option<Box<HeaderMap>>,
}

impl Connection {
    pub fn new(stream: Stream) -> Self {
        Connection {
            exchange: Box::new(Exchange::new(stream)),
            heard: Moment::now(),
            idle_limit: MAX_IDLE_TIME,
            reserved: false,
            body: Vec::new(),
        }
    }

    /// The TLS version and the gateway's certificate; `None` where no TLS is spoken.
    pub fn describe(&self) -> Option<(&'static str, Description)> {
        let stream = &self.exchange.stream;
        Some((stream.tls_version(), describe(stream.peer_certificate()?)))
    }

    /// The address of the proxy in between.
    pub fn proxy(&self) -> Option<&str> {
        self.exchange.stream.proxy()
    }

    /// Whether it has been idle for longer than it may.
    pub fn is_outdated(&self, now: Moment) -> bool {
        now.since(self.heard) >= self.idle_limit
    }

    /// The socket, for a cancel to shut down.
    pub fn socket(&self) -> Arc<TcpStream> {
        self.exchange.stream.socket().stream().clone()
    }

    /// Takes in what the gateway says of itself after the handshake, a refusal and a close included.
    pub fn drain_post_handshake(&mut self) -> Result<(), Error> {
        let stream = &mut self.exchange.stream;
        let outcome = stream.drain_post_handshake().and_then(|()| match stream.look()? {
            Waiting::Nothing | Waiting::PartOfRecord | Waiting::Renegotiation => Ok(()),
            Waiting::Data => Err(spoke_unasked()),
            Waiting::End => Err(io::ErrorKind::UnexpectedEof.into()),
        });
        outcome.map_err(|why| {
            let error = failure(&why, "after the handshake");
            through(error.with_os_error(stream.socket().os_error()), stream.proxy())
        })
    }

    /// Whether the connection may carry another request, by all that is known and by a look at it.
    pub fn may_carry_another(&mut self, deadline: Deadline) -> bool {
        let last = self.exchange.last();
        let stream = &mut self.exchange.stream;
        stream.set_deadline(deadline);
        stream.look().is_ok_and(|waiting| rules::may_carry_another(last, waiting))
    }

    /// The same, before the connection is put back, without a look at it.
    pub fn may_be_kept(&self) -> bool {
        let Exchange { input, stream, .. } = &*self.exchange;
        let unread = !input.unread().is_empty();
        let waiting = if unread { Waiting::Data } else { stream.known_waiting() };
        !self.idle_limit.is_zero() && rules::may_carry_another(self.exchange.last(), waiting)
    }

    /// Sends the request, once, and reads the answer. `reused`: the connection waited for a call,
    /// and has been looked at when it was taken.
    pub fn exchange(
        &mut self,
        head: &str,
        body: &[u8],
        deadline: Deadline,
        reused: bool,
    ) -> Result<Reply, ExchangeError> {
        self.reserved = false;
        let exchange = &mut *self.exchange;
        exchange.stream.set_deadline(deadline);
        if !reused {
            exchange.look_before_first().map_err(|why| exchange.explain(&why.into(), false))?;
        }
        exchange.begin(reused);
        let (head, rest) = exchange
            .send(head, body)
            .and_then(|()| exchange.receive_head())
            .map_err(|why| exchange.explain(&why, reused))?;
        let mut body = std::mem::take(&mut self.body);
        match exchange.receive_body(rest, &mut body) {
            Ok(()) => Ok(Reply { cut: exchange.judge(&head), head, body }),
            Err(why) => {
                let mut failed = exchange.explain(&why, reused);
                failed.error.details_mut().http_status = Some(head.status.as_u16());
                failed.headers = Some(Box::new(head.headers));
                Err(failed)
            }
        }
    }

    /// What only the reader of the answer knows, and its body's room, for the next request.
    pub fn settle(&mut self, reply: Reply, has_retcode: bool) {
        self.heard = Moment::now();
        if let Some(limit) = reply.head.headers.get(&KEEP_ALIVE) {
            self.idle_limit = MAX_IDLE_TIME.min(rules::idle_limit(limit.as_bytes()));
        }
        self.exchange.seen.retcode = has_retcode;
        if reply.body.capacity() <= USUAL_ANSWER {
            self.body = reply.body;
        }
    }
}

/// A stream, and what the request on it has come to.
#[derive(Debug)]
struct Exchange {
    stream: Stream,
    input: Input,
    /// The connection carries a request, or has carried one.
    used: bool,
    /// The request is the first on the connection; the connection has waited for it.
    first: bool,
    reused: bool,
    /// When the last byte of the request had been given to the socket.
    sent_at: Option<Moment>,
    /// How many bytes of the answer have come, out of their records.
    received: usize,
    /// The other side closed the connection, or it broke, while an answer was awaited.
    ended: bool,
    /// Where the answer ends is said in a line that had to be mended.
    end_was_odd: bool,
    /// Told by the answer.
    seen: Seen,
}

impl Exchange {
    fn new(stream: Stream) -> Self {
        Exchange {
            stream,
            input: Input::default(),
            used: false,
            first: true,
            reused: false,
            sent_at: None,
            received: 0,
            ended: false,
            end_was_odd: false,
            seen: Seen::default(),
        }
    }

    /// What is there before the first request cannot belong to its answer.
    fn look_before_first(&mut self) -> io::Result<()> {
        match self.stream.look()? {
            Waiting::Data => Err(spoke_unasked()),
            Waiting::End => Err(io::ErrorKind::UnexpectedEof.into()),
            Waiting::Nothing | Waiting::PartOfRecord | Waiting::Renegotiation => Ok(()),
        }
    }

    fn begin(&mut self, reused: bool) {
        self.stream.begin_request();
        (self.first, self.reused) = (!self.used, reused);
        self.used = true;
        self.sent_at = None;
        self.received = 0;
        self.end_was_odd = false;
        self.seen = Seen::default();
    }

    fn last(&self) -> Option<Seen> {
        self.used.then(|| self.seen())
    }

    fn seen(&self) -> Seen {
        Seen {
            sent: self.used && self.stream.socket().sent() > 0,
            answered: self.received > 0 || (self.used && self.stream.holds_part_of_answer()),
            ..self.seen
        }
    }

    /// Notes how the answer was framed. A RST was taken for the end of an answer without a length, and
    /// any end among the trailers for that of the answer: gives the error for that.
    fn judge(&mut self, head: &Parts) -> Option<Error> {
        self.seen.framed =
            !self.end_was_odd && rules::framed_in_one_way(head.version, &head.headers);
        let os_error = self.stream.socket().os_error();
        if os_error.is_none() && !(self.ended && says_where_it_ends(&head.headers)) {
            return None;
        }
        let detail = "the connection broke in the middle of the answer";
        let mut error = Error::new(Status::Io, detail).with_os_error(os_error);
        error.details_mut().http_status = Some(head.status.as_u16());
        Some(through(error, self.stream.proxy()))
    }

    /// What an error means, by what the connection has seen.
    fn explain(&self, why: &Broken, reused: bool) -> ExchangeError {
        let seen = self.seen();
        let died = matches!(why, Broken::Io(why) if connection_died(why));
        let death = died.then(|| Death {
            after: self.sent_at.map(Moment::elapsed),
            unacknowledged: unacknowledged(self.stream.socket().stream()),
        });
        let mut error = classify(why, phase(seen)).with_os_error(self.stream.socket().os_error());
        if self.stream.renegotiation_asked()
            && matches!(error.status(), Status::Io | Status::Timeout | Status::Tls)
        {
            // The alert that answers agw's refusal would be explained as that of a first handshake.
            let alert = error.status() == Status::Tls;
            let detail = format!("{}; {RENEGOTIATION}", error.detail());
            error.details_mut().detail = if alert { RENEGOTIATION.to_owned() } else { detail };
        }
        // So does a port for TLS that is asked in plain HTTP.
        if error.status() == Status::Io && !seen.answered && self.first && !self.stream.is_tls() {
            let detail =
                format!("{}; if it speaks TLS, begin base_url with https://", error.detail());
            error.details_mut().detail = detail;
        }
        let silent = death.is_some_and(|death| death.unacknowledged == Some(true));
        ExchangeError {
            error: through(error, self.stream.proxy()),
            sent: seen.sent,
            may_resend: rules::may_resend(reused, seen, death),
            silent_since: self.sent_at.filter(|_| silent),
            headers: None,
        }
    }

    fn send(&mut self, head: &str, body: &[u8]) -> Result<(), Broken> {
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(body)?;
        let now = Moment::now();
        self.sent_at = Some(now);
        self.stream.end_request(now, self.first, self.reused);
        Ok(())
    }

    fn receive_head(&mut self) -> Result<(Parts, Option<RecvResponseResult>), Broken> {
        let mut call = awaiting_answer()?;
        loop {
            self.receive_readable_head()?;
            let unread = self.input.unread();
            let (taken, head) = call.try_response(unread, false)?;
            let length = if head.is_some() { taken } else { unread.len() };
            if length > MAX_ANSWER {
                return Err(Broken::TooLarge);
            }
            self.input.taken += taken;
            if let Some(head) = head {
                return Ok((head.into_parts().0, call.proceed()));
            }
        }
    }

    fn receive_body(
        &mut self,
        rest: Option<RecvResponseResult>,
        body: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        body.clear();
        let must_close = match rest {
            Some(RecvResponseResult::RecvBody(call)) => self.read_body(call, body)?,
            Some(RecvResponseResult::Redirect(call)) => call.must_close_connection(),
            Some(RecvResponseResult::Cleanup(call)) => call.must_close_connection(),
            None => true,
        };
        self.seen.complete = !must_close;
        Ok(())
    }

    /// Gives whether the connection must be closed behind it.
    fn read_body(&mut self, mut call: Call<RecvBody>, body: &mut Vec<u8>) -> Result<bool, Broken> {
        body.reserve(USUAL_ANSWER);
        let until_close = matches!(call.body_mode(), BodyMode::CloseDelimited);
        let mut closed = false;
        while until_close || !call.can_proceed() {
            let unread = self.input.unread();
            let length = body.len();
            // What goes into the body is never more than what came.
            body.resize(length + unread.len(), 0);
            let (taken, put) = call.read(unread, &mut body[length..])?;
            body.truncate(length + put);
            self.input.taken += taken;
            if body.len() > MAX_ANSWER {
                return Err(Broken::TooLarge);
            }
            if taken == 0 {
                if closed {
                    break;
                }
                closed = self.receive_more()?;
            }
        }
        // The rest of the trailers is missing; see `judge`.
        let only_trailers_left = call.is_ended_chunked();
        match call.proceed() {
            Some(RecvBodyResult::Redirect(call)) => Ok(call.must_close_connection()),
            Some(RecvBodyResult::Cleanup(call)) => Ok(call.must_close_connection()),
            None if only_trailers_left => Ok(true),
            None => Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
        }
    }

    /// Receives more of a body; gives whether there is no more.
    fn receive_more(&mut self) -> Result<bool, Broken> {
        if self.awaits_in_vain() {
            return Err(not_http("a line between chunks ends in a line feed alone").into());
        }
        match self.receive() {
            Ok(0) if !self.input.unread().is_empty() => Err(Broken::Stalled),
            Ok(amount) => Ok(amount == 0),
            Err(Broken::Io(why)) if is_end(why.kind()) => Ok(true),
            Err(why) => Err(why),
        }
    }

    fn receive(&mut self) -> Result<usize, Broken> {
        let outcome = self.stream.read(self.input.room());
        self.ended |= !matches!(outcome, Ok(1..));
        let amount = outcome?;
        let start = self.input.bytes[self.input.filled..].get(..amount).unwrap_or_default();
        if self.received == 0 && is_tls_alert(start) && !self.stream.is_tls() {
            return Err(not_http(WANTS_TLS).into());
        }
        self.input.filled += amount;
        self.received += amount;
        if self.received > MAX_RECEIVED {
            return Err(Broken::TooLarge);
        }
        Ok(amount)
    }

    /// Receives more of the answer's head, until it can be read: interim answers are read over here,
    /// and an odd head is kept back until it is whole and mended.
    fn receive_readable_head(&mut self) -> Result<(), Broken> {
        loop {
            if self.receive()? == 0 {
                return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
            }
            if self.has_readable_head()? {
                return Ok(());
            }
        }
    }

    fn has_readable_head(&mut self) -> Result<bool, Broken> {
        loop {
            let unread = self.input.unread_mut();
            let head::Scan { end, odd } = head::scan(unread);
            match end {
                Some(end) if head::is_interim(&unread[..end]) => self.input.taken += end,
                Some(end) if odd => {
                    self.end_was_odd = head::mend(&mut unread[..end]);
                    return Ok(true);
                }
                None if odd && unread.len() > MAX_ANSWER => return Err(Broken::TooLarge),
                _ => return Ok(!unread.is_empty() && !odd),
            }
        }
    }

    /// A chunk's length, or a trailer, whose line ends in LF alone: the CR would be waited for.
    fn awaits_in_vain(&self) -> bool {
        let unread = self.input.unread();
        memchr(b'\n', unread).is_some_and(|end| end == 0 || unread[end - 1] != b'\r')
    }
}

/// What a gateway that renegotiates wants, and what to change there.
const RENEGOTIATION: &str = "the gateway asked for one more TLS handshake (renegotiation), which agw \
    refuses; as a rule it wants a client certificate for this path only: let it ask for one when the \
    connection is made";

fn says_where_it_ends(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) || headers.contains_key(CONTENT_LENGTH)
}

fn phase(seen: Seen) -> &'static str {
    match (seen.sent, seen.answered) {
        (false, _) => "before the request was sent",
        (true, false) => "while waiting for the answer",
        (true, true) => "in the middle of the answer",
    }
}

fn is_end(kind: ErrorKind) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, ConnectionAborted | ConnectionReset | UnexpectedEof)
}

fn classify(why: &Broken, phase: &str) -> Error {
    match why {
        Broken::Io(why) => failure(why, phase),
        Broken::TooLarge => Error::new(Status::TooLarge, "the answer is larger than 64 KiB"),
        Broken::Stalled => Error::new(Status::Io, format!("the connection ended {phase}")),
        Broken::Protocol(why) => Error::new(
            Status::Protocol,
            format!("the answer is not HTTP as agw reads it (protocol: {why})"),
        ),
    }
}

/// ureq-proto reads the answer to a request of its own only: a GET stands for ours, to which answers
/// are framed as they are to a POST, a PUT and a DELETE.
fn awaiting_answer() -> Result<Call<RecvResponse>, ureq_proto::Error> {
    let mut call = Call::new(Request::new(()))?.proceed();
    call.write(&mut [0; 64])?;
    match call.proceed()? {
        Some(SendRequestResult::RecvResponse(call)) => Ok(call),
        _ => Err(ureq_proto::Error::OutputOverflow),
    }
}

/// A small buffer that grows when an answer needs it: an idle connection is cheap.
#[derive(Debug, Default)]
struct Input {
    bytes: Vec<u8>,
    taken: usize,
    filled: usize,
}

/// It has held Guids and cookies.
impl Drop for Input {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl Input {
    const SMALL: usize = 4 * 1024;

    fn unread(&self) -> &[u8] {
        &self.bytes[self.taken..self.filled]
    }

    fn unread_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.taken..self.filled]
    }

    /// Room for more; the unread part moves to the front.
    fn room(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        let length = self.bytes.len();
        if length - self.filled < Self::SMALL / 2 {
            let mut larger = vec![0; Self::SMALL.max(length * 2)];
            larger[..length].copy_from_slice(&self.bytes);
            // No copy is left behind.
            std::mem::replace(&mut self.bytes, larger).zeroize();
        }
        &mut self.bytes[self.filled..]
    }
}
