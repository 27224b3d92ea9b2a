//! A connection's bytes, plain or through TLS. Knows nothing of HTTP.

use std::io::{self, Read, Write};
use std::time::Duration;

use rustls::ProtocolVersion::{self, TLSv1_3};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConnection, IoState};

use super::deadline::Deadline;
use super::failure::{not_tls, spoke_unasked};
use super::rules::Waiting;
use super::socket::Socket;
use super::tls::TlsPeer;
use super::tls::limits::HandshakeLimits;
use crate::sys::clock::Moment;

#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    tls: Option<Box<ClientConnection>>,
    records: Records,
    /// The gateway has yet to say whether it takes the client's certificate, or the lack of one.
    client_auth_pending: bool,
    /// The address of the proxy in between.
    proxy: Option<Box<str>>,
}

impl Stream {
    pub fn plain(socket: Socket) -> Self {
        Stream {
            socket,
            tls: None,
            records: Records::default(),
            client_auth_pending: false,
            proxy: None,
        }
    }

    /// Does the whole handshake, so that a bad certificate shows before anything is sent.
    pub fn secured(
        mut socket: Socket,
        peer: &TlsPeer,
        limits: &HandshakeLimits,
    ) -> io::Result<Self> {
        let (config, name) = (peer.config.clone(), peer.name.clone());
        let mut tls = Box::new(ClientConnection::new(config, name).map_err(io::Error::other)?);
        let mut records = Records::default();
        while tls.is_handshaking() {
            flush(&mut tls, &mut records, &mut socket)?;
            if tls.is_handshaking() {
                let outcome = take_records(&mut tls, &mut records, &mut socket);
                outcome.map_err(|why| records.other_protocol(&why).unwrap_or(why))?;
            }
        }
        flush(&mut tls, &mut records, &mut socket)?;
        let mut stream = Stream::plain(socket);
        (stream.tls, stream.records) = (Some(tls), records);
        stream.client_auth_pending = limits.client_auth_demanded();
        Ok(stream)
    }

    /// With TLS 1.3 a gateway speaks once more after the handshake: session tickets, better taken
    /// in now than when a call waits, or its refusal of a client certificate. Waits for that, as
    /// long as it is worth it.
    pub fn drain_post_handshake(&mut self) -> io::Result<()> {
        const TICKETS: Duration = Duration::from_millis(20);
        const CLIENT_AUTH: Duration = Duration::from_millis(500);
        let Some(tls) = self.tls.as_mut().filter(|tls| tls.protocol_version() == Some(TLSv1_3))
        else {
            return Ok(());
        };
        let patience = if self.client_auth_pending { CLIENT_AUTH } else { TICKETS };
        self.client_auth_pending = false;
        self.socket.acknowledge_at_once();
        if !self.socket.speaks_within(patience)? {
            return Ok(());
        }
        match take_records(tls, &mut self.records, &mut self.socket)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.socket.set_deadline(deadline);
    }

    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    pub fn set_proxy(&mut self, address: String) {
        self.proxy = Some(address.into());
    }

    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        self.tls.as_ref()?.peer_certificates()?.first()
    }

    pub fn tls_version(&self) -> &'static str {
        match self.tls.as_ref().and_then(|tls| tls.protocol_version()) {
            Some(TLSv1_3) => "TLS 1.3",
            Some(_) => "TLS 1.2",
            None => "no TLS",
        }
    }

    /// Whether the gateway wanted to renegotiate, as it does for a client certificate that it demands
    /// late.
    pub fn renegotiation_asked(&self) -> bool {
        self.records.refused_renegotiation
    }

    /// All of the request has been sent by now. `first`: it is the first on this connection; `reused`: the
    /// connection has waited for it.
    pub fn end_request(&mut self, sent_at: Moment, first: bool, reused: bool) {
        if first {
            self.socket.acknowledge_at_once();
        }
        if reused {
            self.socket.doubt(sent_at);
        }
    }

    /// From here on bytes count as those of a request, and what comes as its answer.
    pub fn begin_request(&mut self) {
        self.records.begun_early = self.records.incomplete();
        self.socket.count_anew();
    }

    /// A record has come in part that can be the answer's. A gateway that answers has acted.
    pub fn holds_part_of_answer(&self) -> bool {
        self.records.incomplete() && !self.records.begun_early
    }

    /// What waits, as far as it is known without asking the operating system.
    pub fn known_waiting(&self) -> Waiting {
        if self.records.incomplete() {
            Waiting::PartOfRecord
        } else if self.records.refused_renegotiation {
            Waiting::Renegotiation
        } else {
            Waiting::Nothing
        }
    }

    /// Looks what waits on the connection, and takes session tickets in.
    pub fn look(&mut self) -> io::Result<Waiting> {
        const TICKETS: usize = 16;
        let Some(tls) = &mut self.tls else {
            return self.socket.waiting();
        };
        // What followed the last answer so closely that rustls has it already.
        let mut state = tls.process_new_packets().map_err(invalid)?;
        for _ in 0..TICKETS {
            if let Some(waiting) = unasked(&state) {
                return Ok(waiting);
            }
            match self.socket.waiting()? {
                Waiting::Data => {
                    take_records(tls, &mut self.records, &mut self.socket)?;
                    state = tls.process_new_packets().map_err(invalid)?;
                }
                Waiting::Nothing if self.records.incomplete() => {
                    return Ok(self.records.incomplete_is(tls.protocol_version()));
                }
                Waiting::Nothing => return Ok(self.known_waiting()),
                waiting => return Ok(waiting),
            }
        }
        Ok(Waiting::Data)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.socket.read(buffer);
        };
        loop {
            match tls.reader().read(buffer) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
            take_records(tls, &mut self.records, &mut self.socket)?;
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.socket.write(bytes);
        };
        let amount = tls.writer().write(bytes)?;
        flush(tls, &mut self.records, &mut self.socket)?;
        Ok(amount)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Stream {
    /// TLS's own goodbye, as far as it can go out without waiting.
    fn drop(&mut self) {
        let Some(tls) = &mut self.tls else { return };
        tls.send_close_notify();
        let goodbye = &mut self.records.to_send;
        goodbye.clear();
        while tls.wants_write() && tls.write_tls(goodbye).is_ok() {}
        self.socket.send_at_once(goodbye);
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

/// Reads what there is and lets rustls judge it; its alert, if it has one, goes out. Gives the
/// number of bytes read, 0 at the end.
fn take_records(
    tls: &mut ClientConnection,
    records: &mut Records,
    socket: &mut Socket,
) -> io::Result<usize> {
    let (completes_early, handshaking) = (records.begun_early, tls.is_handshaking());
    let taken = tls.read_tls(&mut records.from(socket))?;
    match tls.process_new_packets() {
        Err(why) => {
            let _ = flush(tls, records, socket);
            Err(invalid(why))
        }
        Ok(state) if completes_early && state.plaintext_bytes_to_read() > 0 => Err(spoke_unasked()),
        Ok(_) if taken == 0 && tls.is_handshaking() => Err(io::ErrorKind::UnexpectedEof.into()),
        // The last words of a handshake are no answer, and `secured` sends them.
        Ok(_) if handshaking => Ok(taken),
        Ok(_) => answer_at_once(tls, records, socket).map(|()| taken),
    }
}

/// What rustls has to say to what it has just read: a gateway that waits for it would wait for ever.
fn answer_at_once(
    tls: &mut ClientConnection,
    records: &mut Records,
    socket: &mut Socket,
) -> io::Result<()> {
    if !tls.wants_write() {
        return Ok(());
    }
    // With TLS 1.2 there is nothing else to say behind the handshake.
    records.refused_renegotiation |= tls.protocol_version() != Some(TLSv1_3);
    flush(tls, records, socket)
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
    missing: usize,
    /// The record that is coming began before the request was sent: it is no answer to it.
    begun_early: bool,
    refused_renegotiation: bool,
}

impl Records {
    fn from<'a>(&'a mut self, socket: &'a mut Socket) -> Incoming<'a> {
        Incoming { records: self, socket }
    }

    fn incomplete(&self) -> bool {
        self.head_seen > 0
    }

    /// What is no record may be something that can be named.
    fn other_protocol(&self, why: &io::Error) -> Option<io::Error> {
        let invalid = why.kind() == io::ErrorKind::InvalidData;
        not_tls(&self.head[..self.head_seen]).filter(|_| invalid)
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
    fn readable(&self, amount: usize) -> usize {
        let rest = match self.head.len() - self.head_seen {
            0 => self.missing,
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
                self.missing = u16::from_be_bytes([self.head[3], self.head[4]]).into();
                wanted
            } else {
                let wanted = bytes.len().min(self.missing);
                self.missing -= wanted;
                wanted
            };
            if self.head_seen == self.head.len() && self.missing == 0 {
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
        let readable = self.records.readable(buffer.len());
        let amount = self.socket.read(&mut buffer[..readable])?;
        self.records.follow(&buffer[..amount]);
        Ok(amount)
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
