//! One connection, plain or TLS, in the form that ureq speaks HTTP over.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use memchr::memchr;
use rustls::ProtocolVersion::{self, TLSv1_3};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, IoState};
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use crate::net::http::MAX_ANSWER;
use crate::net::rules::{self, Death, Seen, Waiting};
use crate::net::socket::{Deadline, Socket};
use crate::net::tls;
use crate::sys;

/// All that is read for one answer: head and body, and what goes along with them (chunk lengths,
/// trailers, interim answers).
const MAX_RECEIVED: usize = 3 * MAX_ANSWER;

/// A connection and what the current call has done with it.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: Socket,
    tls: Option<Box<ClientConnection>>,
    records: Records,
    buffers: WireBuffers,
    /// Whether the connection carries a request, or has carried one.
    used: bool,
    /// When the last byte of the request had been given to the socket.
    sent_at: Option<Instant>,
    /// How many bytes of the answer have come, out of their records.
    received: usize,
    /// The other side has closed the connection, or it broke.
    ended: bool,
    /// ureq found the answer complete and the connection fit for another.
    complete: bool,
    /// What only the reader of the answer knows.
    pub framed: bool,
    pub retcode: bool,
    /// The gateway has yet to say whether it takes the client's certificate, or the lack of one.
    verdict_pending: bool,
}

impl Wire {
    pub fn plain(socket: Socket) -> Self {
        Wire {
            socket,
            tls: None,
            records: Records::default(),
            buffers: WireBuffers::default(),
            used: false,
            sent_at: None,
            received: 0,
            ended: false,
            complete: false,
            framed: false,
            retcode: false,
            verdict_pending: false,
        }
    }

    /// Does the whole handshake, so that a bad certificate shows before anything is sent.
    pub fn secured(
        mut socket: Socket,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let mut tls = Box::new(ClientConnection::new(config, name).map_err(io::Error::other)?);
        let mut records = Records::default();
        tls::client_certificate_demanded();
        while tls.is_handshaking() {
            flush(&mut tls, &mut records, &mut socket)?;
            if tls.is_handshaking() {
                take_records(&mut tls, &mut records, &mut socket)?;
            }
        }
        flush(&mut tls, &mut records, &mut socket)?;
        let verdict_pending = tls::client_certificate_demanded();
        let mut wire = Wire::plain(socket);
        (wire.tls, wire.records, wire.verdict_pending) = (Some(tls), records, verdict_pending);
        Ok(wire)
    }

    /// With TLS 1.3 a gateway speaks once more after the handshake: session tickets, better taken
    /// in now than when a call waits, or its refusal of a client certificate. Waits for that, as
    /// long as it is worth it.
    pub fn await_first_word(&mut self, deadline: Deadline) -> io::Result<()> {
        const TICKETS: Duration = Duration::from_millis(20);
        const VERDICT: Duration = Duration::from_millis(500);
        let Some(tls) = self.tls.as_mut().filter(|tls| tls.protocol_version() == Some(TLSv1_3))
        else {
            return Ok(());
        };
        let patience = if self.verdict_pending { VERDICT } else { TICKETS };
        self.verdict_pending = false;
        self.socket.set_deadline(deadline);
        if !self.socket.speaks_within(patience)? {
            return Ok(());
        }
        match take_records(tls, &mut self.records, &mut self.socket)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// From here on the connection's deadline is that of this call.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.socket.set_deadline(deadline);
    }

    /// What is there before the first request cannot belong to its answer. A connection that was kept
    /// has been looked at when it was taken.
    pub fn look_before_first(&mut self) -> io::Result<()> {
        match self.look()? {
            Waiting::Data => Err(spoke_unasked()),
            Waiting::End => Err(io::ErrorKind::UnexpectedEof.into()),
            Waiting::Nothing | Waiting::PartOfRecord => Ok(()),
        }
    }

    /// Makes the connection ready for a request.
    pub fn begin(&mut self) {
        self.records.mark_begun();
        self.socket.count_anew();
        self.used = true;
        self.sent_at = None;
        self.received = 0;
        (self.complete, self.framed, self.retcode) = (false, false, false);
    }

    /// What there is to judge the last request by.
    pub fn seen(&self) -> Seen {
        Seen {
            sent: self.used && self.socket.sent() > 0,
            answered: self.received > 0 || (self.used && self.records.part_of_answer()),
            complete: self.complete,
            framed: self.framed,
            retcode: self.retcode,
        }
    }

    /// For a connection that has ended without an answer.
    pub fn death(&self) -> Death {
        Death {
            after: self.sent_at.map(|sent_at| sent_at.elapsed()),
            unacknowledged: sys::socket::unacknowledged(&self.socket.stream()),
        }
    }

    /// The connection ended while an answer was awaited.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    pub fn tls_version(&self) -> &'static str {
        let version = self.tls.as_ref().and_then(|tls| tls.protocol_version());
        version.and_then(|version| version.as_str()).unwrap_or("no TLS")
    }

    /// Whether the connection may carry another request, by what was seen and what waits on it.
    pub fn may_carry_another(&mut self) -> bool {
        let last = self.used.then(|| self.seen());
        self.look().is_ok_and(|waiting| rules::may_carry_another(last, waiting))
    }

    /// The same, as far as it is known without asking the operating system.
    pub fn may_be_kept(&self) -> bool {
        let last = self.used.then(|| self.seen());
        let waiting = match self.records.incomplete() {
            true => Waiting::PartOfRecord,
            false if self.buffers.unread().is_empty() => Waiting::Nothing,
            false => Waiting::Data,
        };
        rules::may_carry_another(last, waiting)
    }

    /// Looks what waits on the connection, and takes session tickets in.
    fn look(&mut self) -> io::Result<Waiting> {
        const TICKETS: usize = 16;
        if let Some(tls) = &mut self.tls {
            // What followed the last answer so closely that rustls has it already.
            let state = tls.process_new_packets().map_err(invalid)?;
            if let Some(unasked) = unasked(&state) {
                return Ok(unasked);
            }
        }
        for _ in 0..TICKETS {
            let (waiting, tls) = (self.socket.waiting()?, &mut self.tls);
            match (waiting, tls) {
                (Waiting::Data, Some(tls)) => {
                    take_records(tls, &mut self.records, &mut self.socket)?;
                    let state = tls.process_new_packets().map_err(invalid)?;
                    if let Some(unasked) = unasked(&state) {
                        return Ok(unasked);
                    }
                }
                (Waiting::Nothing, Some(tls)) if self.records.incomplete() => {
                    return Ok(self.records.incomplete_is(tls.protocol_version()));
                }
                (waiting, _) => return Ok(waiting),
            }
        }
        Ok(Waiting::Data)
    }

    fn receive(&mut self) -> io::Result<usize> {
        let outcome = self.receive_some();
        self.ended |= !matches!(outcome, Ok(1..));
        outcome
    }

    fn receive_some(&mut self) -> io::Result<usize> {
        let space = self.buffers.input_append_buf();
        let Some(tls) = &mut self.tls else {
            return self.socket.read(space);
        };
        loop {
            match tls.reader().read(space) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
            take_records(tls, &mut self.records, &mut self.socket)?;
        }
    }

    fn send(&mut self, amount: usize) -> io::Result<()> {
        let bytes = &self.buffers.output[..amount];
        match &mut self.tls {
            None => self.socket.write_all(bytes)?,
            Some(tls) => {
                tls.writer().write_all(bytes)?;
                flush(tls, &mut self.records, &mut self.socket)?;
            }
        }
        self.sent_at = Some(Instant::now());
        Ok(())
    }

    /// A chunk's length, or a trailer, whose line ends in LF alone: ureq would wait for the CR.
    fn awaits_in_vain(&self) -> bool {
        let unread = self.buffers.unread();
        memchr(b'\n', unread).is_some_and(|end| end == 0 || unread[end - 1] != b'\r')
    }
}

impl Drop for Wire {
    /// TLS's own goodbye, as far as it can go out without waiting.
    fn drop(&mut self) {
        let Some(tls) = &mut self.tls else { return };
        tls.send_close_notify();
        let farewell = &mut self.records.to_send;
        farewell.clear();
        while tls.wants_write() && tls.write_tls(farewell).is_ok() {}
        self.socket.send_at_once(farewell);
    }
}

/// Between calls a gateway may send a session ticket; data or a close ends the connection.
fn unasked(state: &IoState) -> Option<Waiting> {
    if state.plaintext_bytes_to_read() > 0 {
        Some(Waiting::Data)
    } else {
        state.peer_has_closed().then_some(Waiting::End)
    }
}

fn invalid(why: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// What no HTTP server sends, in a sentence that goes on from "the answer is not HTTP: ".
#[derive(Debug)]
pub(crate) struct NotHttp(&'static str);

impl fmt::Display for NotHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotHttp {}

fn spoke_unasked() -> io::Error {
    let sentence = NotHttp("the other side spoke before it was asked");
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}

fn line_feed_alone() -> io::Error {
    let sentence = NotHttp("a line between chunks ends in a line feed alone");
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}

/// Reads what there is and lets rustls judge it; its alert, if it has one, goes out. Gives the
/// number of bytes read, 0 at the end.
fn take_records(
    tls: &mut ClientConnection,
    records: &mut Records,
    socket: &mut Socket,
) -> io::Result<usize> {
    let completing = records.begun_early;
    let taken = tls.read_tls(&mut records.from(socket))?;
    match tls.process_new_packets() {
        Err(why) => {
            let _ = flush(tls, records, socket);
            return Err(invalid(why));
        }
        Ok(state) if completing && state.plaintext_bytes_to_read() > 0 => {
            return Err(spoke_unasked());
        }
        Ok(_) => {}
    }
    if taken == 0 && tls.is_handshaking() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(taken)
}

/// Gathers the records first: one system call, and `write`, which does not raise SIGPIPE.
fn flush(tls: &mut ClientConnection, records: &mut Records, socket: &mut Socket) -> io::Result<()> {
    let gathered = &mut records.to_send;
    gathered.clear();
    while tls.wants_write() {
        tls.write_tls(gathered)?;
    }
    if gathered.is_empty() { Ok(()) } else { socket.write_all(gathered) }
}

/// TLS records between rustls and the socket. rustls does not tell that a record has come in part.
#[derive(Debug, Default)]
struct Records {
    to_send: Vec<u8>,
    /// What has come of the head of a record: its type, version and length.
    head: [u8; 5],
    head_seen: usize,
    /// How many bytes of the record are still to come behind its head.
    left: usize,
    /// The record that is coming began before the request was sent.
    begun_early: bool,
}

impl Records {
    fn from<'a>(&'a mut self, socket: &'a mut Socket) -> Incoming<'a> {
        Incoming { records: self, socket }
    }

    fn incomplete(&self) -> bool {
        self.head_seen > 0
    }

    /// A record that has come in part began with the answer, or has nothing to do with it.
    fn part_of_answer(&self) -> bool {
        self.incomplete() && !self.begun_early
    }

    fn mark_begun(&mut self) {
        self.begun_early = self.incomplete();
    }

    /// With TLS 1.2 a record says what it holds; with TLS 1.3 it must be whole for that.
    fn incomplete_is(&self, version: Option<ProtocolVersion>) -> Waiting {
        const APPLICATION_DATA: u8 = 23;
        if version != Some(TLSv1_3) && self.head[0] == APPLICATION_DATA {
            Waiting::Data
        } else {
            Waiting::PartOfRecord
        }
    }

    /// How much may be read at once: a record that began too early is judged by itself.
    fn most(&self, amount: usize) -> usize {
        let rest = match self.head.len() - self.head_seen {
            0 => self.left,
            rest => rest,
        };
        if self.begun_early { amount.min(rest) } else { amount }
    }

    fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let wanted = if self.head_seen < self.head.len() {
                let wanted = bytes.len().min(self.head.len() - self.head_seen);
                self.head[self.head_seen..][..wanted].copy_from_slice(&bytes[..wanted]);
                self.head_seen += wanted;
                self.left = u16::from_be_bytes([self.head[3], self.head[4]]).into();
                wanted
            } else {
                let wanted = bytes.len().min(self.left);
                self.left -= wanted;
                wanted
            };
            if self.head_seen == self.head.len() && self.left == 0 {
                self.head_seen = 0;
                self.begun_early = false;
            }
            bytes = &bytes[wanted..];
        }
    }
}

struct Incoming<'a> {
    records: &'a mut Records,
    socket: &'a mut Socket,
}

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.records.most(buffer.len());
        let amount = self.socket.read(&mut buffer[..most])?;
        self.records.follow(&buffer[..amount]);
        Ok(amount)
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

/// The wire while ureq has it. Dropped, it goes back to where it came from.
#[derive(Debug)]
pub(crate) struct LentWire {
    pub wire: Option<Box<Wire>>,
    pub home: Arc<super::http::Slot>,
}

impl LentWire {
    fn wire(&mut self) -> io::Result<&mut Wire> {
        self.wire.as_deref_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for LentWire {
    fn drop(&mut self) {
        self.home.put(self.wire.take());
    }
}

impl Transport for LentWire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        match &mut self.wire {
            Some(wire) => &mut wire.buffers,
            None => unreachable!("the wire is taken out on drop only"),
        }
    }

    // The deadline is the socket's: ureq's time-outs are not set.
    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let wire = self.wire()?;
        if amount > 0 {
            spell_header_names(&mut wire.buffers.output[..amount]);
            wire.send(amount)?;
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let reading_body = self.home.reading_body.load(Ordering::Relaxed);
        let wire = self.wire()?;
        if reading_body && wire.awaits_in_vain() {
            return Err(line_feed_alone().into());
        }
        let amount = wire.receive()?;
        wire.buffers.filled += amount;
        wire.received += amount;
        if wire.received > MAX_RECEIVED {
            return Err(ureq::Error::BodyExceedsLimit(MAX_RECEIVED as u64));
        }
        Ok(amount > 0)
    }

    /// ureq asks this once an answer is complete and nothing forbids another request. "No" keeps
    /// the connection out of ureq's pool and hands it back.
    fn is_open(&mut self) -> bool {
        if let Some(wire) = &mut self.wire {
            wire.complete = true;
        }
        false
    }

    fn is_tls(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.tls.is_some())
    }
}

/// Small buffers that grow when an answer needs it: an idle connection is cheap.
#[derive(Debug, Default)]
struct WireBuffers {
    input: Vec<u8>,
    taken: usize,
    filled: usize,
    progress: bool,
    output: Vec<u8>,
}

const SMALL: usize = 4 * 1024;

impl WireBuffers {
    fn unread(&self) -> &[u8] {
        &self.input[self.taken..self.filled]
    }

    /// Room for more input; the unread part moves to the front.
    fn make_room(&mut self) {
        self.input.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        if self.input.len() - self.filled < SMALL / 2 {
            self.input.resize((self.input.len() * 2).max(SMALL), 0);
        }
    }
}

impl Buffers for WireBuffers {
    fn output(&mut self) -> &mut [u8] {
        self.output.resize(SMALL, 0);
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        &self.input[self.taken..self.filled]
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
        self.output.resize(SMALL, 0);
        (&mut self.input[self.filled..], &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.taken < self.filled && self.progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_incomplete_until_its_last_byte() {
        let ticket = b"\x17\x03\x03\x00\x03abc";
        let empty = b"\x17\x03\x03\x00\x00";
        let long = [b"\x17\x03\x03\x01\x02".as_slice(), &[7; 258]].concat();
        let stream = [ticket.as_slice(), empty, &long, ticket].concat();
        let ends = [0, 8, 13, 276, 284];
        for step in [1, 2, 3, 5, 7, 8, 13, 100, 284] {
            let mut records = Records::default();
            let mut seen = 0;
            for bytes in stream.chunks(step) {
                records.follow(bytes);
                seen += bytes.len();
                assert_eq!(records.incomplete(), !ends.contains(&seen), "{step}: {seen}");
            }
        }
    }
}
