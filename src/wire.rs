//! One connection, plain or TLS, in the form that ureq speaks HTTP over.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use memchr::memchr;
use rustls::ProtocolVersion::TLSv1_3;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, IoState};
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use crate::socket::{Deadline, Socket, Waiting, deadline_passed};
use crate::tls;

/// A connection and what the current call has done with it.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: Socket,
    tls: Option<Box<ClientConnection>>,
    records: Vec<u8>,
    buffers: WireBuffers,
    /// A byte of the request may have left.
    pub request_begun: bool,
    /// A byte of the answer has come.
    pub answer_begun: bool,
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
            records: Vec::new(),
            buffers: WireBuffers::default(),
            request_begun: false,
            answer_begun: false,
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
        let mut records = Vec::new();
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
        self.socket.set_deadline(deadline.sooner(patience));
        match take_records(tls, &mut self.records, &mut self.socket) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(why) if !deadline_passed(&why) => Err(why),
            _ => Ok(()),
        }
    }

    /// Makes the connection ready for a call.
    pub fn begin(&mut self, deadline: Deadline) {
        self.socket.set_deadline(deadline);
        self.request_begun = false;
        self.answer_begun = false;
        self.reusable = false;
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
        tls.read_tls(&mut self.socket)?;
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
    records: &mut Vec<u8>,
    socket: &mut Socket,
) -> io::Result<usize> {
    let taken = tls.read_tls(socket)?;
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
fn flush(tls: &mut ClientConnection, records: &mut Vec<u8>, socket: &mut Socket) -> io::Result<()> {
    records.clear();
    while tls.wants_write() {
        tls.write_tls(records)?;
    }
    if records.is_empty() { Ok(()) } else { socket.write_all(records) }
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
        wire.answer_begun |= amount > 0;
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
