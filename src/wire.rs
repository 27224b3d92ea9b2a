//! One connection, plain or TLS, in the form that ureq speaks HTTP over.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use memchr::memchr;
use rustls::ProtocolVersion::TLSv1_3;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, IoState};
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use crate::exchange::MAX_ANSWER;
use crate::socket::{Deadline, Socket, Waiting};
use crate::tls;

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
    /// A byte of the request may have left.
    pub request_begun: bool,
    /// How many bytes of the answer have come, out of their records.
    received: usize,
    /// ureq found the answer complete and the connection fit for another.
    pub reusable: bool,
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
            request_begun: false,
            received: 0,
            reusable: true,
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
        Ok(Wire { tls: Some(tls), records, verdict_pending, ..Wire::plain(socket) })
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

    /// Makes the connection ready for a call.
    pub fn begin(&mut self, deadline: Deadline) {
        self.socket.set_deadline(deadline);
        self.request_begun = false;
        self.received = 0;
        self.reusable = false;
    }

    /// A byte of the answer has come, if only of a record that is not complete: a gateway that
    /// answers has acted.
    pub fn answer_begun(&self) -> bool {
        self.received > 0 || (self.request_begun && self.records.incomplete())
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    pub fn tls_version(&self) -> &'static str {
        let version = self.tls.as_ref().and_then(|tls| tls.protocol_version());
        version.and_then(|version| version.as_str()).unwrap_or("no TLS")
    }

    /// Whether an idle connection can carry another request. Late session tickets are taken in;
    /// a close, or bytes that nobody asked for, end it.
    pub fn is_alive(&mut self) -> bool {
        const TICKETS: usize = 16;
        if self.holds_leftovers() {
            return false;
        }
        for _ in 0..TICKETS {
            match self.socket.waiting() {
                Waiting::Nothing => return true,
                Waiting::End => return false,
                Waiting::Bytes => {
                    if self.take_late_records().is_err() {
                        return false;
                    }
                }
            }
        }
        false
    }

    /// What followed the last answer so closely that rustls has it already, or a goodbye.
    fn holds_leftovers(&mut self) -> bool {
        self.tls.as_mut().is_some_and(|tls| tls.process_new_packets().map_or(true, is_unasked))
    }

    fn take_late_records(&mut self) -> io::Result<()> {
        let unasked = || io::Error::from(io::ErrorKind::InvalidData);
        let tls = self.tls.as_mut().ok_or_else(unasked)?;
        tls.read_tls(&mut self.records.from(&mut self.socket))?;
        let state = tls.process_new_packets().map_err(|_| unasked())?;
        if is_unasked(state) { Err(unasked()) } else { Ok(()) }
    }

    fn receive(&mut self) -> io::Result<usize> {
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
        let Some(tls) = &mut self.tls else {
            return self.socket.write_all(bytes);
        };
        tls.writer().write_all(bytes)?;
        flush(tls, &mut self.records, &mut self.socket)
    }
}

/// Between calls a gateway may send a session ticket; data or a close ends the connection.
fn is_unasked(state: IoState) -> bool {
    state.peer_has_closed() || state.plaintext_bytes_to_read() > 0
}

/// Reads what there is and lets rustls judge it; its alert, if it has one, goes out. Gives the
/// number of bytes read, 0 at the end.
fn take_records(
    tls: &mut ClientConnection,
    records: &mut Records,
    socket: &mut Socket,
) -> io::Result<usize> {
    let taken = tls.read_tls(&mut records.from(socket))?;
    if let Err(why) = tls.process_new_packets() {
        let _ = flush(tls, records, socket);
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
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
}

impl Records {
    fn from<'a>(&'a mut self, socket: &'a mut Socket) -> Incoming<'a> {
        Incoming { records: self, socket }
    }

    fn incomplete(&self) -> bool {
        self.head_seen > 0
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
        let amount = self.socket.read(buffer)?;
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
    pub home: Arc<super::exchange::Slot>,
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
            wire.request_begun = true;
            spell_header_names(&mut wire.buffers.output[..amount]);
            wire.send(amount)?;
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let wire = self.wire()?;
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
            wire.reusable = true;
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
