//! One request and its answer: ureq speaks the HTTP, over a connection that is handed to it.

use std::fmt;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout};
use ureq::{Agent, Body};

use crate::net::rules::{self, Seen};
use crate::net::socket::{Deadline, deadline_passed};
use crate::net::stream::{LentWire, NotHttp, Wire};
use crate::net::tls::explain as refusal;
use crate::request::Request;
use crate::{Answer, Error, Status, answer};

/// The largest answer that is read, header section and body each.
pub(crate) const MAX_ANSWER: usize = 64 * 1024;

/// What most answers fit into.
const USUAL_ANSWER: usize = 512;

/// A connection with the ureq agent that speaks over it, and over nothing else.
///
/// An agent for each connection, not one for all: its pool is never looked into, so threads do
/// not meet there, and a connection can be opened without a request.
pub(crate) struct Line {
    agent: Agent,
    slot: Arc<Slot>,
    stream: Arc<TcpStream>,
    /// Room for an answer of the usual size, kept from call to call.
    body: Vec<u8>,
}

/// Where the connection is while ureq does not have it.
#[derive(Debug)]
pub(crate) struct Slot {
    wire: Mutex<Option<Box<Wire>>>,
    /// The head of the answer has been read.
    pub reading_body: AtomicBool,
}

impl Slot {
    pub fn put(&self, wire: Option<Box<Wire>>) {
        *self.lock() = wire;
    }

    fn take(&self) -> Option<Box<Wire>> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Wire>>> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How an exchange failed.
pub(crate) struct Broken {
    pub error: Error,
    /// A byte of the request left.
    pub sent: bool,
    pub may_send_again: bool,
}

impl Line {
    pub fn new(wire: Wire) -> Self {
        let stream = wire.socket().stream();
        let slot = Arc::new(Slot {
            wire: Mutex::new(Some(Box::new(wire))),
            reading_body: AtomicBool::new(false),
        });
        let agent = Agent::with_parts(config(), HandOver(slot.clone()), NoLookUp);
        Line { agent, slot, stream, body: Vec::new() }
    }

    /// The socket, for a cancel to shut down.
    pub fn stream(&self) -> Arc<TcpStream> {
        self.stream.clone()
    }

    /// Takes in what the gateway says of itself after the handshake, a refusal and a close included.
    pub fn await_first_word(&self, deadline: Deadline) -> Result<(), Error> {
        let Some(mut wire) = self.slot.take() else {
            return Ok(());
        };
        let outcome =
            wire.await_first_word(deadline).and_then(|()| match wire.may_carry_another() {
                true => Ok(()),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            });
        let os_error = wire.socket().os_error();
        self.slot.put(outcome.is_ok().then_some(wire));
        outcome.map_err(|why| {
            let (status, detail) = classify_io(&why, "after the handshake");
            Error::new(status, detail).with_os_error(os_error)
        })
    }

    /// Whether the connection may carry another request, by all that is known and by a look at it.
    pub fn may_carry_another(&self, deadline: Deadline) -> bool {
        let Some(mut wire) = self.slot.take() else {
            return false;
        };
        wire.set_deadline(deadline);
        let may = wire.may_carry_another();
        self.slot.put(may.then_some(wire));
        may
    }

    /// The same, before the connection is put back, without a look at it.
    pub fn may_be_kept(&self) -> bool {
        self.slot.lock().as_ref().is_some_and(|wire| wire.may_be_kept())
    }

    /// Sends the request, once, and reads the answer. `reused`: the connection waited for a call.
    pub fn exchange(
        &mut self,
        request: &Request,
        deadline: Deadline,
        reused: bool,
    ) -> Result<Answer, Broken> {
        let mut body = std::mem::take(&mut self.body);
        let outcome = self.exchange_into(&mut body, request, deadline, reused);
        if body.capacity() <= USUAL_ANSWER {
            self.body = body;
        }
        outcome.map_err(|failure| self.judge(failure, reused))
    }

    fn exchange_into(
        &self,
        bytes: &mut Vec<u8>,
        request: &Request,
        deadline: Deadline,
        reused: bool,
    ) -> Result<Answer, Failure> {
        self.slot.reading_body.store(false, Ordering::Relaxed);
        if let Some(wire) = &mut *self.slot.lock() {
            wire.set_deadline(deadline);
            if !reused {
                wire.look_before_first().map_err(ureq::Error::from)?;
            }
            wire.begin();
        }
        let response = self.agent.run(request.to_http().map_err(ureq::Error::from)?)?;
        self.slot.reading_body.store(true, Ordering::Relaxed);
        let (head, body) = response.into_parts();
        let http_status = head.status.as_u16();
        let framed = rules::framed_in_one_way(head.version, &head.headers);
        read_body(body, bytes).map_err(|why| Failure::InBody(http_status, why))?;
        let content_type = head.headers.get("content-type").and_then(|value| value.to_str().ok());
        let outcome = answer::read(http_status, content_type, bytes, request.guid);
        let retcode = outcome.as_ref().map_or_else(|error| error.retcode().is_some(), |_| true);
        if let Some(wire) = &mut *self.slot.lock() {
            (wire.framed, wire.retcode) = (framed, retcode);
        }
        outcome.map_err(|error| match retcode {
            true => Failure::Refused(error),
            false => Failure::Unreadable(error, !ends_with_connection(&head.headers)),
        })
    }

    fn judge(&self, failure: Failure, reused: bool) -> Broken {
        // A connection that failed is closed here, and its death looked at before.
        let wire = match failure {
            Failure::Refused(_) | Failure::Unreadable(..) => None,
            Failure::NoAnswer(_) | Failure::InBody(..) => self.slot.take(),
        };
        match failure {
            Failure::Refused(error) => Broken { error, sent: true, may_send_again: false },
            Failure::Unreadable(error, delimited) => {
                let error = self.broken_off(&error, delimited).unwrap_or(error);
                Broken { error, sent: true, may_send_again: false }
            }
            Failure::InBody(http_status, why) => {
                let mut broken = explain(&why, wire.as_deref(), reused);
                broken.error.details_mut().http_status = Some(http_status);
                broken
            }
            Failure::NoAnswer(why) => explain(&why, wire.as_deref(), reused),
        }
    }

    /// ureq takes a RST for the end of an answer without a length, and any end among the trailers
    /// for that of the answer. `delimited`: the answer does not end with its connection.
    fn broken_off(&self, unreadable: &Error, delimited: bool) -> Option<Error> {
        let slot = self.slot.lock();
        let os_error = slot.as_ref().and_then(|wire| wire.socket().os_error());
        let too_early = delimited && slot.as_ref().is_some_and(|wire| wire.has_ended());
        if os_error.is_none() && !too_early {
            return None;
        }
        let detail = "the connection broke in the middle of the answer";
        let mut error = Error::new(Status::Io, detail).with_os_error(os_error);
        error.details_mut().http_status = unreadable.http_status();
        Some(error)
    }
}

/// Why an exchange came to no acceptance.
enum Failure {
    NoAnswer(ureq::Error),
    /// The HTTP status was read already.
    InBody(u16, ureq::Error),
    Refused(Error),
    /// The answer holds no retcode; and whether it says itself where it ends.
    Unreadable(Error, bool),
}

impl From<ureq::Error> for Failure {
    fn from(why: ureq::Error) -> Self {
        Failure::NoAnswer(why)
    }
}

fn ends_with_connection(headers: &HeaderMap) -> bool {
    !headers.contains_key(TRANSFER_ENCODING) && !headers.contains_key(CONTENT_LENGTH)
}

/// What an error of ureq's means, by what the connection has seen.
fn explain(why: &ureq::Error, wire: Option<&Wire>, reused: bool) -> Broken {
    let seen = wire.map(Wire::seen).unwrap_or_default();
    let died = matches!(why, ureq::Error::Io(why) if connection_died(why));
    let death = wire.filter(|_| died).map(Wire::death);
    let (status, detail) = classify(why, phase(seen));
    let os_error = wire.and_then(|wire| wire.socket().os_error());
    Broken {
        error: Error::new(status, detail).with_os_error(os_error),
        sent: seen.sent,
        may_send_again: rules::may_send_again(reused, seen, death),
    }
}

fn phase(seen: Seen) -> &'static str {
    match (seen.sent, seen.answered) {
        (false, _) => "before the request was sent",
        (true, false) => "while waiting for the answer",
        (true, true) => "in the middle of the answer",
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

fn classify(why: &ureq::Error, phase: &str) -> (Status, String) {
    match why {
        ureq::Error::Io(why) => classify_io(why, phase),
        ureq::Error::BodyExceedsLimit(_) | ureq::Error::LargeResponseHeader(..) => {
            (Status::TooLarge, "the answer is larger than 64 KiB".into())
        }
        ureq::Error::BodyStalled => (Status::Io, format!("the connection ended {phase}")),
        other => (Status::Protocol, format!("the answer is not HTTP as agw reads it ({other})")),
    }
}

/// The status and words for an input or output error in the given phase.
pub(crate) fn classify_io(why: &io::Error, phase: &str) -> (Status, String) {
    if deadline_passed(why) {
        return (Status::Timeout, format!("the time-out passed {phase}"));
    }
    let inner = why.get_ref();
    if let Some(why) = inner.and_then(|inner| inner.downcast_ref::<NotHttp>()) {
        return (Status::Protocol, format!("the answer is not HTTP: {why}"));
    }
    if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return match refusal::carried(tls) {
            Some(own) => (own.status(), own.detail().into()),
            None => (Status::Tls, refusal::describe(tls)),
        };
    }
    if why.kind() == io::ErrorKind::UnexpectedEof {
        return (Status::Io, format!("the other side closed the connection {phase}"));
    }
    (Status::Io, format!("the connection broke {phase}: {why}"))
}

fn connection_died(why: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof,
    };
    matches!(
        why.kind(),
        UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected
    )
}

/// Nothing of ureq's own: no redirect, proxy, pool, time-out or header that nobody asked for.
fn config() -> Config {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent("")
        .accept_encoding("")
        .max_response_header_size(MAX_ANSWER)
        .max_idle_connections(0)
        .max_idle_connections_per_host(0)
        .build()
}

/// Hands the agent its one connection.
struct HandOver(Arc<Slot>);

impl fmt::Debug for HandOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandOver")
    }
}

impl Connector for HandOver {
    type Out = LentWire;

    fn connect(
        &self,
        _: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<LentWire>, ureq::Error> {
        let wire = self.0.take();
        Ok(wire.map(|wire| LentWire { wire: Some(wire), home: self.0.clone() }))
    }
}

/// The connection stands already: there is nothing to look up.
#[derive(Debug)]
struct NoLookUp;

impl Resolver for NoLookUp {
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
