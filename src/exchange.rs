//! One request and its answer: ureq speaks the HTTP, over a connection that is handed to it.

use std::fmt;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout};
use ureq::{Agent, Body};

use crate::request::Request;
use crate::socket::{Deadline, deadline_passed};
use crate::wire::{LentWire, Wire};
use crate::{Answer, Error, Status, answer, refusal};

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
pub(crate) struct Slot(Mutex<Option<Box<Wire>>>);

impl Slot {
    pub fn put(&self, wire: Option<Box<Wire>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = wire;
    }

    fn take(&self) -> Option<Box<Wire>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// How an exchange failed, and whether the request may go out once more.
pub(crate) struct Broken {
    pub error: Error,
    /// The connection died before the first byte of an answer.
    pub before_answer: bool,
}

impl Line {
    pub fn new(wire: Wire) -> Self {
        let stream = wire.socket().stream();
        let slot = Arc::new(Slot(Mutex::new(Some(Box::new(wire)))));
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
        let outcome = wire.await_first_word(deadline).and_then(|()| match wire.is_alive() {
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

    /// Whether an idle connection can carry another request.
    pub fn is_alive(&self, deadline: Deadline) -> bool {
        let Some(mut wire) = self.slot.take() else {
            return false;
        };
        wire.begin(deadline);
        let alive = wire.is_alive();
        self.slot.put(alive.then_some(wire));
        alive
    }

    /// Whether the last answer was complete and left the connection fit for another request.
    pub fn is_reusable(&self) -> bool {
        let slot = self.slot.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().is_some_and(|wire| wire.reusable)
    }

    /// Sends the request, once, and reads the answer.
    pub fn exchange(&mut self, request: &Request, deadline: Deadline) -> Result<Answer, Broken> {
        let mut body = std::mem::take(&mut self.body);
        let outcome = self.exchange_into(&mut body, request, deadline);
        if body.capacity() <= USUAL_ANSWER {
            self.body = body;
        }
        outcome
    }

    fn exchange_into(
        &self,
        bytes: &mut Vec<u8>,
        request: &Request,
        deadline: Deadline,
    ) -> Result<Answer, Broken> {
        if let Some(wire) = &mut *self.slot.0.lock().unwrap_or_else(PoisonError::into_inner) {
            wire.begin(deadline);
        }
        let response = request.to_http().map_err(ureq::Error::from);
        let response = response.and_then(|request| self.agent.run(request));
        let (head, body) = response.map_err(|why| self.explain(why))?.into_parts();
        let http_status = head.status.as_u16();
        read_body(body, bytes).map_err(|why| {
            let mut broken = self.explain(why);
            broken.error.details_mut().http_status = Some(http_status);
            broken
        })?;
        let content_type = head.headers.get("content-type").and_then(|value| value.to_str().ok());
        answer::read(http_status, content_type, bytes, request.guid).map_err(|error| {
            let error = self.broken_off(&error).unwrap_or(error);
            Broken { error, before_answer: false }
        })
    }

    /// ureq takes a RST for the end of an answer without a length.
    fn broken_off(&self, unreadable: &Error) -> Option<Error> {
        let slot = self.slot.0.lock().unwrap_or_else(PoisonError::into_inner);
        let os_error = slot.as_ref().and_then(|wire| wire.socket().os_error());
        if unreadable.retcode().is_some() || os_error.is_none() {
            return None;
        }
        let detail = "the connection broke in the middle of the answer";
        let mut error = Error::new(Status::Io, detail).with_os_error(os_error);
        error.details_mut().http_status = unreadable.http_status();
        error.details_mut().maybe_sent = true;
        Some(error)
    }

    fn explain(&self, why: ureq::Error) -> Broken {
        let wire = self.slot.take();
        let request_begun = wire.as_ref().is_some_and(|wire| wire.request_begun);
        let answer_begun = wire.as_ref().is_some_and(|wire| wire.answer_begun());
        let os_error = wire.as_ref().and_then(|wire| wire.socket().os_error());
        let died = matches!(&why, ureq::Error::Io(why) if connection_died(why));
        let phase = match (request_begun, answer_begun) {
            (false, _) => "before the request was sent",
            (true, false) => "while waiting for the answer",
            (true, true) => "in the middle of the answer",
        };
        let (status, detail) = classify(&why, phase);
        let mut error = Error::new(status, detail).with_os_error(os_error);
        error.details_mut().maybe_sent = request_begun;
        Broken { error, before_answer: died && !answer_begun }
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
