//! One request and its answer over a connection that stands already. All that knows ureq-proto, which
//! reads answers for ureq: it sees bytes and no socket, so each of them passes here.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, TRANSFER_ENCODING};
use memchr::{memchr, memrchr};
use ureq_proto::BodyMode;
use ureq_proto::client::state::{RecvBody, RecvResponse};
use ureq_proto::client::{Call, RecvBodyResult, RecvResponseResult, SendRequestResult};

use super::cause::Cause;
use super::deadline::Deadline;
use super::failure::{CLIENT_AUTH, RENEGOTIATION, connection_died, failure, phase, through};
use super::head;
use super::input::Input;
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
    stream: Stream,
    input: Input,
    /// How many requests it has carried, the one under way included.
    requests: usize,
    progress: Progress,
    /// When the gateway was heard last: an answer, or the handshake.
    pub(super) heard: Moment,
    /// How long the connection may be idle.
    idle_limit: Duration,
    /// It was made ready for a call, and a poll is to leave it.
    pub reserved: bool,
    /// Room for an answer of the usual size, kept from call to call.
    body: Vec<u8>,
}

/// What the last request on a connection has come to.
#[derive(Default)]
struct Progress {
    /// The connection has waited for it.
    reused: bool,
    /// When the last byte of the request had been given to the socket.
    sent_at: Option<Moment>,
    /// How many bytes of the answer have come, out of their records.
    received: usize,
    /// The other side closed the connection, or it broke, while an answer was awaited.
    ended: bool,
    /// Told by the answer.
    seen: Seen,
}

/// An answer as it came.
pub(crate) struct Reply {
    pub http_status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The connection ended before the answer did, though that was taken for its end.
    pub cut: Option<Error>,
}

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
    pub fn new(stream: Stream) -> Box<Self> {
        Box::new(Connection {
            stream,
            input: Input::default(),
            requests: 0,
            progress: Progress::default(),
            heard: Moment::now(),
            idle_limit: MAX_IDLE_TIME,
            reserved: false,
            body: Vec::new(),
        })
    }

    /// The TLS version and the gateway's certificate; `None` where no TLS is spoken.
    pub fn describe(&self) -> Option<(&'static str, Description)> {
        Some((self.stream.tls_version(), describe(self.stream.peer_certificate()?)))
    }

    pub fn proxy(&self) -> Option<&str> {
        self.stream.proxy.as_deref()
    }

    pub fn is_outdated(&self, now: Moment) -> bool {
        now.since(self.heard) >= self.idle_limit
    }

    /// The socket, for a cancel to shut down.
    pub fn socket(&self) -> Arc<TcpStream> {
        self.stream.socket.stream.clone()
    }

    /// Takes in what the gateway says of itself after the handshake, a refusal and a close included.
    pub fn drain_post_handshake(&mut self) -> Result<(), Error> {
        let outcome = self.stream.drain_post_handshake().and_then(|()| self.look_before_first());
        outcome.map_err(|why| {
            let mut error = failure(&why, "after the handshake");
            self.advise(&mut error, Seen::default(), true);
            through(error.with_os_error(self.stream.socket.os_error), self.proxy())
        })
    }

    /// Whether the connection may carry another request, by all that is known and by a look at it.
    pub fn may_carry_another(&mut self, deadline: Deadline) -> bool {
        let last = self.seen();
        self.stream.socket.set_deadline(deadline);
        self.stream.look().is_ok_and(|waiting| rules::may_carry_another(last, waiting))
    }

    /// The same, before the connection is put back, without a look at it.
    pub fn may_be_kept(&self) -> bool {
        let unread = !self.input.unread().is_empty();
        let waiting = if unread { Waiting::Data } else { self.stream.known_waiting() };
        !self.idle_limit.is_zero() && rules::may_carry_another(self.seen(), waiting)
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
        self.stream.socket.set_deadline(deadline);
        if !reused {
            self.look_before_first().map_err(|why| self.explain(&why))?;
        }
        self.stream.begin_request();
        self.requests += 1;
        self.progress = Progress { reused, ..Progress::default() };
        let (http_status, headers, rest) = self
            .send(head, body)
            .and_then(|()| self.receive_head())
            .map_err(|why| self.explain(&why))?;
        match self.receive_body(rest) {
            Ok(body) => {
                self.progress.seen.complete &= !rules::asks_to_close(&headers);
                let cut = self.cut(&headers).map(|error| error.with_http_status(http_status));
                Ok(Reply { http_status, headers, body, cut })
            }
            Err(why) => {
                let mut failed = self.explain(&why);
                failed.error = failed.error.with_http_status(http_status);
                failed.headers = Some(Box::new(headers));
                Err(failed)
            }
        }
    }

    /// What only the reader of the answer knows, and its body's room, for the next request.
    pub fn settle(&mut self, reply: Reply, has_retcode: bool) {
        self.heard = Moment::now();
        let limits = reply.headers.get_all(&KEEP_ALIVE);
        if let Some(limit) = limits.iter().map(|limit| rules::idle_limit(limit.as_bytes())).min() {
            self.idle_limit = MAX_IDLE_TIME.min(limit);
        }
        self.progress.seen.retcode = has_retcode;
        if reply.body.capacity() <= USUAL_ANSWER {
            self.body = reply.body;
        }
    }

    /// What is there before the first request cannot belong to its answer.
    fn look_before_first(&mut self) -> io::Result<()> {
        match self.stream.look()? {
            Waiting::Data => Err(Cause::SPOKE_UNASKED.into()),
            Waiting::End => Err(ErrorKind::UnexpectedEof.into()),
            Waiting::Nothing | Waiting::PartOfRecord | Waiting::Renegotiation => Ok(()),
        }
    }

    /// `None` before the first request.
    fn seen(&self) -> Option<Seen> {
        (self.requests > 0).then(|| Seen {
            sent: self.stream.socket.sent > 0,
            answered: self.progress.received > 0 || self.stream.holds_part_of_answer(),
            ..self.progress.seen
        })
    }

    /// The error for an answer that was taken for whole, and was not: a RST for the end of one without
    /// a length, and any end among the trailers for that of the answer.
    fn cut(&self, headers: &HeaderMap) -> Option<Error> {
        let os_error = self.stream.socket.os_error;
        let says_where_it_ends =
            || [TRANSFER_ENCODING, CONTENT_LENGTH].iter().any(|name| headers.contains_key(name));
        if os_error.is_none() && !(self.progress.ended && says_where_it_ends()) {
            return None;
        }
        let detail = "the connection broke in the middle of the answer";
        Some(through(Error::new(Status::Io, detail).with_os_error(os_error), self.proxy()))
    }

    /// What an error means, by what the connection has seen.
    fn explain(&self, why: &io::Error) -> ExchangeError {
        let Progress { reused, sent_at, .. } = self.progress;
        let seen = self.seen().unwrap_or_default();
        let death = connection_died(why).then(|| Death {
            after: sent_at.map(Moment::elapsed),
            unacknowledged: unacknowledged(&self.stream.socket.stream),
        });
        let mut error = failure(why, phase(seen)).with_os_error(self.stream.socket.os_error);
        self.advise(&mut error, seen, death.is_some());
        let silent = death.is_some_and(|death| death.unacknowledged == Some(true));
        ExchangeError {
            error: through(error, self.proxy()),
            sent: seen.sent,
            may_resend: rules::may_resend(reused, seen, death),
            silent_since: sent_at.filter(|_| silent),
            headers: None,
        }
    }

    /// What an end that says nothing may come from.
    fn advise(&self, error: &mut Error, seen: Seen, died: bool) {
        let status = error.status();
        let detail = &mut error.details_mut().detail;
        if self.stream.renegotiation_asked()
            && matches!(status, Status::Io | Status::Timeout | Status::Tls)
        {
            // The alert that answers agw's refusal would be explained as that of a first handshake.
            if status == Status::Tls {
                detail.clear();
            } else {
                detail.push_str("; ");
            }
            detail.push_str(RENEGOTIATION);
        }
        if died && status == Status::Io && !seen.answered && self.requests <= 1 {
            // A port for TLS that is asked in plain HTTP ends so, too.
            if !self.stream.is_tls() {
                detail.push_str("; if it speaks TLS, begin base_url with https://");
            } else if self.stream.client_auth_asked() {
                detail.push_str(CLIENT_AUTH);
            }
        }
    }

    fn send(&mut self, head: &str, body: &[u8]) -> io::Result<()> {
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(body)?;
        let now = Moment::now();
        self.progress.sent_at = Some(now);
        if self.progress.reused {
            self.stream.socket.doubted_from = Some(now);
        }
        Ok(())
    }

    /// Interim answers are read over here, and an odd head is kept back until it is whole and mended.
    fn receive_head(&mut self) -> io::Result<(u16, HeaderMap, Option<RecvResponseResult>)> {
        let mut call = awaiting_answer().map_err(unreadable)?;
        let mut two_ways = false;
        loop {
            if self.receive()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let readable = self.mend_head(&mut two_ways);
            let unread = self.input.unread();
            let (taken, head) =
                call.try_response(&unread[..readable], false).map_err(unreadable)?;
            let length = if head.is_some() { taken } else { unread.len() };
            if length > MAX_ANSWER {
                return Err(Cause::TooLarge.into());
            }
            self.input.taken += taken;
            if let Some(head) = head {
                let head = head.into_parts().0;
                self.progress.seen.framed = !two_ways && rules::framed_in_one_way(&head.headers);
                return Ok((head.status.as_u16(), head.headers, call.proceed()));
            }
        }
    }

    /// How much ureq may be shown: of an odd head the whole lines, mended. `two_ways`: where the answer
    /// ends is said in a line that had to be mended.
    fn mend_head(&mut self, two_ways: &mut bool) -> usize {
        loop {
            let unread = self.input.unread_mut();
            let head::Scan { end, odd } = head::scan(unread);
            let whole = end.or_else(|| memrchr(b'\n', unread).map(|last| last + 1)).unwrap_or(0);
            match end {
                Some(_) if head::is_interim(&unread[..whole]) => self.input.taken += whole,
                None if odd && head::is_interim(unread) => return 0,
                _ if odd => {
                    *two_ways |= head::mend(&mut unread[..whole]);
                    // By the line that is still coming.
                    let still_odd = head::scan(unread).odd;
                    return if still_odd { whole } else { unread.len() };
                }
                _ => return unread.len(),
            }
        }
    }

    fn receive_body(&mut self, rest: Option<RecvResponseResult>) -> io::Result<Vec<u8>> {
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        let must_close = match rest {
            Some(RecvResponseResult::RecvBody(call)) => self.read_body(call, &mut body)?,
            Some(RecvResponseResult::Redirect(call)) => call.must_close_connection(),
            Some(RecvResponseResult::Cleanup(call)) => call.must_close_connection(),
            None => true,
        };
        self.progress.seen.complete = !must_close;
        Ok(body)
    }

    /// Gives whether the connection must be closed behind it.
    fn read_body(&mut self, mut call: Call<RecvBody>, body: &mut Vec<u8>) -> io::Result<bool> {
        body.reserve(USUAL_ANSWER);
        let until_close = matches!(call.body_mode(), BodyMode::CloseDelimited);
        call.stop_on_chunk_boundary(true);
        let mut closed = false;
        while until_close || !call.can_proceed() {
            let unread = self.input.unread();
            // Without room for data it takes lines between chunks, and nothing else.
            let trailers = call.is_ended_chunked();
            let mut taken = call.read(unread, &mut []).map_err(unreadable)?.0;
            let lines = &unread[..taken];
            if !rules::lines_end_in_one_way(lines) {
                return Err(Cause::CHUNKS.into());
            }
            self.progress.seen.framed &= rules::lines_mean_one_thing(lines, trailers);
            if taken == 0 {
                let length = body.len();
                // What goes into the body is never more than what came.
                body.resize(length + unread.len(), 0);
                let put;
                (taken, put) = call.read(unread, &mut body[length..]).map_err(unreadable)?;
                body.truncate(length + put);
            }
            self.input.taken += taken;
            if body.len() > MAX_ANSWER {
                return Err(Cause::TooLarge.into());
            }
            if taken == 0 {
                if closed {
                    break;
                }
                closed = self.receive_more()?;
            }
        }
        // The rest of the trailers is missing; see `cut`.
        let only_trailers_left = call.is_ended_chunked();
        match call.proceed() {
            Some(RecvBodyResult::Redirect(call)) => Ok(call.must_close_connection()),
            Some(RecvBodyResult::Cleanup(call)) => Ok(call.must_close_connection()),
            None if only_trailers_left => Ok(true),
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Receives more of a body; gives whether there is no more.
    fn receive_more(&mut self) -> io::Result<bool> {
        use ErrorKind::{ConnectionAborted, ConnectionReset, UnexpectedEof};
        // A line that has come, and is not read: it ends in LF alone, or has a CR in it.
        if memchr(b'\n', self.input.unread()).is_some() {
            return Err(Cause::CHUNKS.into());
        }
        match self.receive() {
            Ok(0) if !self.input.unread().is_empty() => Err(Cause::Stalled.into()),
            Ok(amount) => Ok(amount == 0),
            Err(why) => match why.kind() {
                ConnectionAborted | ConnectionReset | UnexpectedEof => Ok(true),
                _ => Err(why),
            },
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        let outcome = self.stream.read(self.input.room());
        self.progress.ended |= !matches!(outcome, Ok(1..));
        let amount = outcome?;
        self.input.filled += amount;
        let is_tls_alert = || matches!(self.input.unread(), [21, 3, ..]);
        if self.progress.received == 0 && !self.stream.is_tls() && is_tls_alert() {
            return Err(Cause::WANTS_TLS.into());
        }
        self.progress.received += amount;
        if self.progress.received > MAX_RECEIVED {
            return Err(Cause::TooLarge.into());
        }
        Ok(amount)
    }
}

/// The same words however the bytes come: ureq-proto refuses some at once that are waited for in parts.
fn unreadable(why: ureq_proto::Error) -> io::Error {
    use ureq_proto::Error::{ChunkExpectedCrLf, ChunkLenNotANumber, ChunkLenNotAscii};
    match why {
        ChunkExpectedCrLf | ChunkLenNotANumber | ChunkLenNotAscii => Cause::CHUNKS.into(),
        other => Cause::Unreadable(other.to_string()).into(),
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
