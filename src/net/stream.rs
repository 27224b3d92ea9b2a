//! A connection's bytes, plain or through TLS. Knows nothing of HTTP.

use std::io::{self, Read, Write};
use std::time::Duration;

use rustls::ClientConnection;
use rustls::ProtocolVersion::{self, TLSv1_3};
use rustls::pki_types::CertificateDer;

use super::cause::Cause;
use super::rules::Waiting;
use super::socket::Socket;
use super::tls::TlsPeer;
use super::tls::limits::client_auth_demanded;

#[derive(Debug)]
pub(crate) struct Stream {
    pub socket: Socket,
    tls: Option<Box<Tls>>,
    /// The address of the proxy in between.
    pub proxy: Option<Box<str>>,
}

impl Stream {
    pub fn plain(socket: Socket) -> Self {
        Stream { socket, tls: None, proxy: None }
    }

    /// Does the whole handshake, so that a bad certificate shows before anything is sent.
    pub fn secured(mut socket: Socket, peer: &TlsPeer) -> io::Result<Self> {
        let (config, name) = (peer.config.clone(), peer.name.clone());
        let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut tls = Box::new(Tls {
            connection,
            records: Records::default(),
            to_send: Vec::new(),
            client_auth_asked: false,
            refused_renegotiation: false,
            broken: false,
        });
        loop {
            tls.flush(&mut socket)?;
            if !tls.connection.is_handshaking() {
                break;
            }
            tls.take_records(&mut socket).map_err(|why| tls.other_protocol(why))?;
        }
        tls.client_auth_asked = client_auth_demanded();
        let mut stream = Stream::plain(socket);
        stream.tls = Some(tls);
        Ok(stream)
    }

    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        self.tls.as_ref()?.connection.peer_certificates()?.first()
    }

    pub fn tls_version(&self) -> &'static str {
        match self.tls.as_ref().and_then(|tls| tls.version()) {
            Some(TLSv1_3) => "TLS 1.3",
            Some(_) => "TLS 1.2",
            None => "no TLS",
        }
    }

    /// With TLS 1.3 a gateway speaks once more after the handshake: session tickets, better taken
    /// in now than when a call waits, or its refusal of a client certificate. Waits for that, as
    /// long as it is worth it.
    pub fn drain_post_handshake(&mut self) -> io::Result<()> {
        const TICKETS: Duration = Duration::from_millis(20);
        const CLIENT_AUTH: Duration = Duration::from_millis(500);
        let Some(tls) = self.tls.as_mut().filter(|tls| tls.version() == Some(TLSv1_3)) else {
            return Ok(());
        };
        let patience = if tls.client_auth_asked { CLIENT_AUTH } else { TICKETS };
        self.socket.acknowledge_at_once();
        if !self.socket.speaks_within(patience)? {
            return Ok(());
        }
        match tls.take_records(&mut self.socket)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Whether the gateway asked for a client certificate when the connection was made.
    pub fn client_auth_asked(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.client_auth_asked)
    }

    /// Whether the gateway wanted to renegotiate, as it does for a client certificate that it demands
    /// late.
    pub fn renegotiation_asked(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.refused_renegotiation)
    }

    /// From here on bytes count as those of a request, and what comes as its answer.
    pub fn begin_request(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.records.begun_early = tls.records.incomplete();
        }
        self.socket.sent = 0;
    }

    /// A record has come in part that can be the answer's. A gateway that answers has acted.
    pub fn holds_part_of_answer(&self) -> bool {
        let part = |records: &Records| records.incomplete() && !records.begun_early;
        self.tls.as_ref().is_some_and(|tls| part(&tls.records))
    }

    /// What waits, as far as it is known without asking the operating system.
    pub fn known_waiting(&self) -> Waiting {
        self.tls.as_ref().map_or(Waiting::Nothing, |tls| tls.known_waiting())
    }

    /// Looks what waits on the connection, and takes session tickets in.
    pub fn look(&mut self) -> io::Result<Waiting> {
        match &mut self.tls {
            Some(tls) => tls.look(&mut self.socket),
            None => self.socket.waiting(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.socket.read(buffer);
        };
        loop {
            match tls.connection.reader().read(buffer) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
            if let Err(why) = tls.take_records(&mut self.socket) {
                // What came whole before it counts.
                return match tls.connection.reader().read(buffer) {
                    Ok(amount @ 1..) if tls.broken => Ok(amount),
                    _ => Err(why),
                };
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.socket.write(bytes);
        };
        let amount = tls.connection.writer().write(bytes)?;
        tls.flush(&mut self.socket)?;
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
        // Behind a record that is missing it could not be read, and would look like a forgery.
        if tls.to_send.is_empty() {
            tls.connection.send_close_notify();
            self.socket.send_at_once(tls.gather().unwrap_or_default());
        }
    }
}

#[derive(Debug)]
struct Tls {
    connection: ClientConnection,
    records: Records,
    /// Not empty where it could not be sent, or not whole.
    to_send: Vec<u8>,
    /// The gateway has asked for a client certificate. With TLS 1.3 it says only after the handshake
    /// whether it is content, and some say it by a close.
    client_auth_asked: bool,
    refused_renegotiation: bool,
    /// The other side said, or was told, that this is no TLS any more: there is nothing to wait for.
    broken: bool,
}

impl Tls {
    fn version(&self) -> Option<ProtocolVersion> {
        self.connection.protocol_version()
    }

    /// With TLS 1.2 a record says what it holds; with TLS 1.3 it must be whole for that.
    fn known_waiting(&self) -> Waiting {
        const APPLICATION_DATA: u8 = 23;
        let says_data =
            || self.version() != Some(TLSv1_3) && self.records.head[0] == APPLICATION_DATA;
        match (self.records.incomplete(), self.refused_renegotiation) {
            (true, _) if says_data() => Waiting::Data,
            (true, _) => Waiting::PartOfRecord,
            (false, true) => Waiting::Renegotiation,
            (false, false) => Waiting::Nothing,
        }
    }

    /// Between calls a gateway may send a session ticket; data or a close ends the connection.
    fn look(&mut self, socket: &mut Socket) -> io::Result<Waiting> {
        const TICKETS: usize = 16;
        for _ in 0..TICKETS {
            // Also what followed the last answer so closely that rustls has it already.
            let state = self.connection.process_new_packets().map_err(invalid)?;
            if state.plaintext_bytes_to_read() > 0 {
                return Ok(Waiting::Data);
            }
            if state.peer_has_closed() {
                return Ok(Waiting::End);
            }
            match socket.waiting()? {
                Waiting::Data => {
                    self.take_records(socket)?;
                }
                Waiting::Nothing => return Ok(self.known_waiting()),
                waiting => return Ok(waiting),
            }
        }
        Ok(Waiting::Data)
    }

    /// Reads what there is and lets rustls judge it; its alert, if it has one, goes out. Gives the
    /// number of bytes read, 0 at the end.
    fn take_records(&mut self, socket: &mut Socket) -> io::Result<usize> {
        let completes_early = self.records.begun_early;
        let handshaking = self.connection.is_handshaking();
        let mut incoming = Incoming(&mut self.records, socket);
        let taken = if self.broken { 0 } else { self.connection.read_tls(&mut incoming)? };
        match self.connection.process_new_packets() {
            Err(why) => {
                self.broken = true;
                let _ = self.flush(socket);
                // Behind the handshake it is not a port of another protocol, but words on the way.
                let foreign = !handshaking && matches!(why, rustls::Error::InvalidMessage(_));
                return Err(invalid(if foreign { rustls::Error::DecryptError } else { why }));
            }
            Ok(state) if completes_early && state.plaintext_bytes_to_read() > 0 => {
                return Err(Cause::SPOKE_UNASKED.into());
            }
            Ok(_) if taken == 0 && self.connection.is_handshaking() => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(_) => {}
        }
        // The last words of a handshake are no answer, and `secured` sends them. Other words are: a
        // gateway that waits for them would wait for ever.
        if !handshaking && self.connection.wants_write() {
            // With TLS 1.2 there is nothing else to say behind the handshake.
            self.refused_renegotiation |= self.version() != Some(TLSv1_3);
            self.flush(socket)?;
        }
        Ok(taken)
    }

    /// Gathered first: one system call, and `write`, which does not raise SIGPIPE.
    fn flush(&mut self, socket: &mut Socket) -> io::Result<()> {
        socket.write_all(self.gather()?)?;
        self.to_send.clear();
        Ok(())
    }

    fn gather(&mut self) -> io::Result<&[u8]> {
        self.to_send.clear();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.to_send)?;
        }
        Ok(&self.to_send)
    }

    /// What is no record may be another protocol, one that people know.
    fn other_protocol(&self, why: io::Error) -> io::Error {
        let text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        let start = &self.records.head[..self.records.head_seen];
        let words = match start {
            _ if why.kind() != io::ErrorKind::InvalidData => return why,
            [b'H', b'T', b'T', b'P', ..] => {
                "it answers in plain HTTP: begin base_url with http://, or check the port"
            }
            [b'S', b'S', b'H', ..] => "it speaks SSH; check the port",
            [_, ..] if start.iter().all(text) => "it answers in plain text; check the port",
            _ => return why,
        };
        Cause::NotTls(words).into()
    }
}

fn invalid(why: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// How far the records have come. rustls does not tell that one has come in part.
#[derive(Debug, Default)]
struct Records {
    /// What has come of the head of a record: its type, version and length.
    head: [u8; 5],
    head_seen: usize,
    /// How many bytes of the record are still to come behind its head.
    missing: usize,
    /// The record that is coming began before the request was sent: it is no answer to it.
    begun_early: bool,
}

impl Records {
    fn incomplete(&self) -> bool {
        self.head_seen > 0
    }

    /// How many bytes are still to come of the head, or else of the record.
    fn rest(&self) -> usize {
        match self.head.len() - self.head_seen {
            0 => self.missing,
            rest => rest,
        }
    }

    fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(self.rest()));
            if self.head_seen < self.head.len() {
                self.head[self.head_seen..][..part.len()].copy_from_slice(part);
                self.head_seen += part.len();
                self.missing = u16::from_be_bytes([self.head[3], self.head[4]]).into();
            } else {
                self.missing -= part.len();
            }
            if self.rest() == 0 {
                self.head_seen = 0;
                self.begun_early = false;
            }
            bytes = rest;
        }
    }
}

/// A record that began too early is read, and judged, by itself.
struct Incoming<'a>(&'a mut Records, &'a mut Socket);

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Incoming(records, socket) = self;
        let most = if records.begun_early { records.rest() } else { buffer.len() };
        let readable = buffer.len().min(most);
        let amount = socket.read(&mut buffer[..readable])?;
        records.follow(&buffer[..amount]);
        Ok(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::thread;

    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use crate::address::Address;
    use crate::net::deadline::Deadline;
    use crate::{ClientOptions, Trust};

    /// What a gateway makes of a connection whose request ran out of time before a byte of it left.
    #[test]
    fn no_goodbye_follows_a_record_that_was_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("bound");
        let gateway = thread::spawn(move || {
            let own = rcgen::generate_simple_self_signed(["gw".to_owned()]).expect("made");
            let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
            let config = ServerConfig::builder().with_no_client_auth();
            let config = config.with_single_cert(vec![own.cert.into()], key).expect("they fit");
            let connection = ServerConnection::new(Arc::new(config)).expect("a connection");
            let (socket, _) = listener.accept().expect("accepted");
            StreamOwned::new(connection, socket).read(&mut [0]).expect_err("no request comes")
        });
        let mut options = ClientOptions::new("https://gw");
        options.trust = Trust::DangerAny;
        let peer = TlsPeer::new(&options, &Address::new("gw", 443).expect("a name")).expect("TLS");
        let socket = TcpStream::connect(address).expect("connected");
        let socket = Socket::new(socket, Deadline::after(Duration::from_secs(30)));
        let mut stream = Stream::secured(socket, &peer).expect("secured");
        stream.socket.set_deadline(Deadline::after(Duration::ZERO));
        stream.write_all(b"request").expect_err("its time is up");
        drop(stream);
        let met = gateway.join().expect("no panic");
        assert_eq!(met.kind(), io::ErrorKind::UnexpectedEof, "{met}");
    }

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
