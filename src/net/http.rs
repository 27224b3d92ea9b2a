//! All that knows ureq, which speaks the HTTP: one request and its answer over a connection that
//! stands already.
//!
//! Each connection has a ureq agent of its own, used over that connection only: ureq's pool is never
//! looked into, so threads do not meet there, and a connection can be opened without a request. For
//! an exchange the connection is lent to ureq, which takes it through [`UreqConnector`], reads and
//! writes through [`UreqTransport`], and gives it back when it drops that.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::response::Parts;
use http::{Request, Uri};
use memchr::memchr;
use ureq::config::Config;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{Agent, Body};
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
use crate::sys::lock::lock;
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
    agent: Agent,
    /// The connection while no exchange runs; `None` once it has failed.
    exchange: Option<Box<Exchange>>,
    lent: Arc<Lent>,
    socket: Arc<TcpStream>,
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
    /// The connection ended before the answer did, though ureq took that for its end.
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

/// The head, if it came, and why no more did.
type Unfinished = (Option<Box<Parts>>, ureq::Error);

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

impl ExchangeError {
    /// Nothing was sent, or nothing more can be said.
    pub fn plain(error: Error, sent: bool) -> Self {
        ExchangeError { error, sent, may_resend: false, silent_since: None, headers: None }
    }
}

impl Connection {
    pub fn new(stream: Stream, config: &HttpConfig) -> Self {
        let socket = stream.socket().stream().clone();
        let lent = Arc::new(Lent::default());
        let agent = Agent::with_parts(config.0.clone(), UreqConnector(lent.clone()), FixedResolver);
        let exchange = Some(Box::new(Exchange::new(stream)));
        Connection {
            agent,
            exchange,
            lent,
            socket,
            heard: Moment::now(),
            idle_limit: MAX_IDLE_TIME,
            reserved: false,
            body: Vec::new(),
        }
    }

    /// The TLS version and the gateway's certificate; `None` where no TLS is spoken.
    pub fn describe(&self) -> Option<(&'static str, Description)> {
        let stream = &self.exchange.as_ref()?.stream;
        Some((stream.tls_version(), describe(stream.peer_certificate()?)))
    }

    /// Whether it has been idle for longer than it may.
    pub fn is_outdated(&self, now: Moment) -> bool {
        now.since(self.heard) >= self.idle_limit
    }

    /// The socket, for a cancel to shut down.
    pub fn socket(&self) -> Arc<TcpStream> {
        self.socket.clone()
    }

    /// Takes in what the gateway says of itself after the handshake, a refusal and a close included.
    pub fn drain_post_handshake(&mut self) -> Result<(), Error> {
        let Some(exchange) = &mut self.exchange else { return Ok(()) };
        let stream = &mut exchange.stream;
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
        self.exchange.as_mut().is_some_and(|exchange| {
            exchange.stream.set_deadline(deadline);
            let last = exchange.last();
            exchange.stream.look().is_ok_and(|waiting| rules::may_carry_another(last, waiting))
        })
    }

    /// The same, before the connection is put back, without a look at it.
    pub fn may_be_kept(&self) -> bool {
        !self.idle_limit.is_zero()
            && self.exchange.as_ref().is_some_and(|exchange| {
                let unread = !exchange.buffers.unread().is_empty();
                let waiting = if unread { Waiting::Data } else { exchange.stream.known_waiting() };
                rules::may_carry_another(exchange.last(), waiting)
            })
    }

    /// Sends the request, once, and reads the answer. `reused`: the connection waited for a call,
    /// and has been looked at when it was taken.
    pub fn exchange(
        &mut self,
        request: Request<&[u8]>,
        deadline: Deadline,
        reused: bool,
    ) -> Result<Reply, ExchangeError> {
        let Some(mut exchange) = self.exchange.take() else {
            let error = Error::new(Status::Internal, "the connection is gone");
            return Err(ExchangeError::plain(error, false));
        };
        self.reserved = false;
        exchange.stream.set_deadline(deadline);
        if !reused {
            exchange.look_before_first().map_err(|why| exchange.explain(&why.into(), false))?;
        }
        exchange.begin(reused, &request);
        let outcome = self.run(exchange, request);
        let mut exchange = self.lent.take();
        match outcome {
            Ok((head, body)) => {
                let cut = exchange.as_mut().and_then(|exchange| exchange.judge(&head));
                self.exchange = exchange;
                Ok(Reply { head, body, cut })
            }
            Err((head, why)) => {
                let mut failed =
                    exchange.map_or_else(lost, |exchange| exchange.explain(&why, reused));
                if let Some(head) = head {
                    failed.error.details_mut().http_status = Some(head.status.as_u16());
                    failed.headers = Some(Box::new(head.headers));
                }
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
        if let Some(exchange) = &mut self.exchange {
            exchange.seen.retcode = has_retcode;
        }
        if reply.body.capacity() <= USUAL_ANSWER {
            self.body = reply.body;
        }
    }

    fn run(
        &mut self,
        exchange: Box<Exchange>,
        request: Request<&[u8]>,
    ) -> Result<(Parts, Vec<u8>), Unfinished> {
        self.lent.reading_body.store(false, Ordering::Relaxed);
        self.lent.give(exchange);
        let response = if request.body().is_empty() {
            self.agent.run(request.map(|_| ()))
        } else {
            self.agent.run(request)
        };
        let response = response.map_err(|why| (None, why))?;
        self.lent.reading_body.store(true, Ordering::Relaxed);
        let (head, body) = response.into_parts();
        let mut bytes = std::mem::take(&mut self.body);
        match read_body(body, &mut bytes) {
            Ok(()) => Ok((head, bytes)),
            Err(why) => Err((Some(Box::new(head)), why)),
        }
    }
}

fn read_body(body: Body, bytes: &mut Vec<u8>) -> Result<(), ureq::Error> {
    bytes.clear();
    bytes.reserve(USUAL_ANSWER);
    body.into_reader().take(MAX_ANSWER as u64 + 1).read_to_end(bytes)?;
    if bytes.len() > MAX_ANSWER {
        return Err(ureq::Error::BodyExceedsLimit(MAX_ANSWER as u64));
    }
    Ok(())
}

fn lost() -> ExchangeError {
    ExchangeError::plain(Error::new(Status::Internal, "ureq kept the connection"), true)
}

/// A stream, and what the request on it has come to.
#[derive(Debug)]
struct Exchange {
    stream: Stream,
    buffers: StreamBuffers,
    /// The connection carries a request, or has carried one.
    used: bool,
    /// The request is the first on the connection; the connection has waited for it.
    first: bool,
    reused: bool,
    /// The head of the request is still to be sent.
    head_left: bool,
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
            buffers: StreamBuffers::default(),
            used: false,
            first: true,
            reused: false,
            head_left: true,
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

    fn begin(&mut self, reused: bool, request: &Request<&[u8]>) {
        self.stream.begin_request();
        self.head_left = true;
        self.buffers.reserve_output(request);
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

    /// Notes how the answer was framed. ureq takes a RST for the end of an answer without a length,
    /// and any end among the trailers for that of the answer: gives the error for that.
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
    fn explain(&self, why: &ureq::Error, reused: bool) -> ExchangeError {
        let seen = self.seen();
        let died = matches!(why, ureq::Error::Io(why) if connection_died(why));
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

    fn receive(&mut self) -> Result<usize, ureq::Error> {
        let outcome = self.stream.read(self.buffers.input_append_buf());
        self.ended |= !matches!(outcome, Ok(1..));
        let amount = outcome?;
        let start = self.buffers.input[self.buffers.filled..].get(..amount).unwrap_or_default();
        if self.received == 0 && is_tls_alert(start) && !self.stream.is_tls() {
            return Err(not_http(WANTS_TLS).into());
        }
        self.buffers.filled += amount;
        self.received += amount;
        if self.received > MAX_RECEIVED {
            return Err(ureq::Error::BodyExceedsLimit(MAX_RECEIVED as u64));
        }
        Ok(amount)
    }

    /// Receives more of the answer's head, until ureq can go on with it: interim answers are read over
    /// here, and an odd head is kept back until it is whole and mended.
    fn receive_head(&mut self) -> Result<(), ureq::Error> {
        loop {
            if self.receive()? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            if self.has_readable_head()? {
                return Ok(());
            }
        }
    }

    fn has_readable_head(&mut self) -> Result<bool, ureq::Error> {
        loop {
            let unread = self.buffers.unread_mut();
            let head::Scan { end, odd } = head::scan(unread);
            match end {
                Some(end) if head::is_interim(&unread[..end]) => self.buffers.taken += end,
                Some(end) if odd => {
                    self.end_was_odd = head::mend(&mut unread[..end]);
                    return Ok(true);
                }
                None if odd && unread.len() > MAX_ANSWER => {
                    return Err(ureq::Error::LargeResponseHeader(unread.len(), MAX_ANSWER));
                }
                _ => return Ok(!unread.is_empty() && !odd),
            }
        }
    }

    fn send(&mut self, amount: usize) -> io::Result<()> {
        let bytes = &mut self.buffers.output[..amount];
        // ureq hands over the head as a whole, and then the body.
        if std::mem::take(&mut self.head_left) {
            spell_header_names(bytes);
        }
        self.stream.write_all(bytes)?;
        let now = Moment::now();
        self.sent_at = Some(now);
        self.stream.end_request(now, self.first, self.reused);
        Ok(())
    }

    /// A chunk's length, or a trailer, whose line ends in LF alone: ureq would wait for the CR.
    fn awaits_in_vain(&self) -> bool {
        let unread = self.buffers.unread();
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

fn classify(why: &ureq::Error, phase: &str) -> Error {
    match why {
        ureq::Error::Io(why) => failure(why, phase),
        ureq::Error::BodyExceedsLimit(_) | ureq::Error::LargeResponseHeader(..) => {
            Error::new(Status::TooLarge, "the answer is larger than 64 KiB")
        }
        ureq::Error::BodyStalled => Error::new(Status::Io, format!("the connection ended {phase}")),
        other => Error::new(
            Status::Protocol,
            format!("the answer is not HTTP as agw reads it ({other})"),
        ),
    }
}

/// ureq writes header names in lower case, or copies the wanted spelling of each for each request.
/// The gateway documents `Guid` and `Content-Type`: a capital after the start and after a hyphen.
fn spell_header_names(head: &mut [u8]) {
    let mut rest = head;
    while let Some(end) = memchr(b'\n', rest) {
        rest = &mut rest[end + 1..];
        let mut at_start = true;
        for byte in rest.iter_mut().take_while(|byte| **byte != b':') {
            if at_start {
                byte.make_ascii_uppercase();
            }
            at_start = *byte == b'-';
        }
    }
}

/// ureq's configuration, made once for each client: ureq reads the environment when it makes one.
#[derive(Clone)]
pub(crate) struct HttpConfig(Config);

impl HttpConfig {
    /// Nothing of ureq's own: no redirect, proxy, pool, time-out or header that nobody asked for.
    pub fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent("")
            .accept_encoding("")
            .max_response_header_size(MAX_ANSWER)
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .build();
        HttpConfig(config)
    }
}

/// Makes what ureq makes at its first request: a fork in the middle of that would leave the child
/// something that is for ever being made.
#[cfg(all(feature = "c-library", any(target_os = "linux", target_os = "android")))]
pub(crate) fn warm_up() {
    let nowhere = UreqConnector(Arc::default());
    let agent = Agent::with_parts(HttpConfig::new().0, nowhere, FixedResolver);
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_static("http://nowhere");
    // It fails for want of a connection.
    let _ = agent.run(request);
}

/// Where ureq finds the connection, and gives it back.
#[derive(Debug, Default)]
struct Lent {
    exchange: Mutex<Option<Box<Exchange>>>,
    /// The head of the answer has been read.
    reading_body: AtomicBool,
}

impl Lent {
    fn give(&self, exchange: Box<Exchange>) {
        *lock(&self.exchange) = Some(exchange);
    }

    fn take(&self) -> Option<Box<Exchange>> {
        lock(&self.exchange).take()
    }
}

/// Hands the agent its one connection.
#[derive(Debug)]
struct UreqConnector(Arc<Lent>);

impl Connector for UreqConnector {
    type Out = UreqTransport;

    fn connect(
        &self,
        _: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<UreqTransport>, ureq::Error> {
        let exchange = self.0.take();
        let lent = || self.0.clone();
        Ok(exchange.map(|exchange| UreqTransport { exchange: Some(exchange), lent: lent() }))
    }
}

/// The connection while ureq has it.
#[derive(Debug)]
struct UreqTransport {
    exchange: Option<Box<Exchange>>,
    lent: Arc<Lent>,
}

impl UreqTransport {
    fn exchange(&mut self) -> io::Result<&mut Exchange> {
        self.exchange.as_deref_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for UreqTransport {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            self.lent.give(exchange);
        }
    }
}

impl Transport for UreqTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        match &mut self.exchange {
            Some(exchange) => &mut exchange.buffers,
            None => unreachable!("it is taken out on drop only"),
        }
    }

    // The deadline is the socket's: ureq's time-outs are not set.
    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        if amount > 0 {
            self.exchange()?.send(amount)?;
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let reading_body = self.lent.reading_body.load(Ordering::Relaxed);
        let exchange = self.exchange()?;
        if !reading_body {
            return exchange.receive_head().map(|()| true);
        }
        if exchange.awaits_in_vain() {
            return Err(not_http("a line between chunks ends in a line feed alone").into());
        }
        Ok(exchange.receive()? > 0)
    }

    /// ureq asks this once an answer is complete and nothing forbids another request. "No" keeps
    /// the connection out of ureq's pool and hands it back.
    fn is_open(&mut self) -> bool {
        if let Some(exchange) = &mut self.exchange {
            exchange.seen.complete = true;
        }
        false
    }

    fn is_tls(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.stream.is_tls())
    }
}

/// Small buffers that grow when an answer needs it: an idle connection is cheap.
#[derive(Debug, Default)]
struct StreamBuffers {
    input: Vec<u8>,
    taken: usize,
    filled: usize,
    progress: bool,
    output: Vec<u8>,
}

/// They have held Guids, cookies and passwords.
impl Drop for StreamBuffers {
    fn drop(&mut self) {
        self.input.zeroize();
        self.output.zeroize();
    }
}

impl StreamBuffers {
    const SMALL: usize = 4 * 1024;

    /// Room for the head of a request as a whole.
    fn reserve_output(&mut self, request: &Request<&[u8]>) {
        let names_and_values = |(name, value): (&HeaderName, &HeaderValue)| {
            name.as_str().len() + value.len() + ": \r\n".len()
        };
        let headers = request.headers().iter().map(names_and_values).sum::<usize>();
        let start = request.uri().path().len() + "DELETE  HTTP/1.1\r\n\r\n".len();
        let wanted = Self::SMALL.max(headers + start + 256);
        if self.output.len() < wanted {
            grow(&mut self.output, wanted);
        }
    }

    fn unread(&self) -> &[u8] {
        &self.input[self.taken..self.filled]
    }

    fn unread_mut(&mut self) -> &mut [u8] {
        &mut self.input[self.taken..self.filled]
    }

    /// Room for more input; the unread part moves to the front.
    fn make_room(&mut self) {
        self.input.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        if self.input.len() - self.filled < Self::SMALL / 2 {
            let length = self.input.len() * 2;
            grow(&mut self.input, length.max(Self::SMALL));
        }
    }
}

/// Leaves no copy behind.
fn grow(bytes: &mut Vec<u8>, length: usize) {
    let mut larger = vec![0; length];
    larger[..bytes.len()].copy_from_slice(bytes);
    std::mem::replace(bytes, larger).zeroize();
}

impl Buffers for StreamBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        self.unread()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.make_room();
        &mut self.input[self.filled..]
    }

    fn input_appended(&mut self, amount: usize) {
        self.filled += amount;
    }

    fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        self.taken += amount;
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.make_room();
        (&mut self.input[self.filled..], &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.taken < self.filled && self.progress
    }
}

/// The connection stands already: there is nothing to look up.
#[derive(Debug)]
struct FixedResolver;

impl Resolver for FixedResolver {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        Ok(addresses)
    }
}
