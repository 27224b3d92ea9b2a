//! A gateway of raw sockets that goes wrong as told, step by step, and remembers what it met.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::{HandshakeKind, ServerConfig, ServerConnection};
use socket2::SockRef;

use crate::{ACCEPTED, http};

/// What the gateway does on one connection, from its first step to its last, then closes.
#[derive(Clone)]
pub enum Script {
    /// After the handshake, if the row has one.
    Http(Vec<Step>),
    /// As `Http`, with the handshake's session tickets held back for `SendSome` and `SendRest`.
    HoldsTickets(Vec<Step>),
    /// Below TLS: instead of the handshake.
    Tcp(Vec<Step>),
}

/// One thing that the gateway does on a connection.
#[derive(Clone)]
pub enum Step {
    /// Reads a whole request, and counts it.
    Read,
    /// Waits for the other side's bytes and leaves them where they are.
    Await,
    /// Reads what there is, and counts nothing.
    Take,
    Wait(Duration),
    Send(Vec<u8>),
    /// Over TLS, so many bytes of the record that the bytes make; the rest is held back.
    SendPart(Vec<u8>, usize),
    /// So many bytes of what is held back.
    SendSome(usize),
    /// What is still held back.
    SendRest,
    /// The bytes so many times, one after the other.
    Repeat(Vec<u8>, usize),
    /// The bytes one by one, each after a pause.
    Drip(Vec<u8>, Duration),
    /// The bytes over and over, each time after a pause, until the other side goes.
    Beat(Vec<u8>, Duration),
    /// Reads requests and gives each this answer, until the other side goes.
    Serve(Vec<u8>),
    /// Tells somebody that it has come so far.
    Tell(Arc<dyn Fn() + Send + Sync>),
    /// Reads a request and goes on as it is told for this one.
    Obey(Orders),
    /// As an HTTP proxy: connects to whom the request named, and passes everything on from then.
    Tunnel,
    /// As `Tunnel`, and says this in place of the usual answer.
    TunnelSaying(Vec<u8>),
    /// Says nothing until the other side goes.
    Hang,
    /// As `Hang`, and listens for TLS's goodbye.
    AwaitEnd,
    /// Ends the connection without TLS's own goodbye.
    Cut,
    /// Ends the connection with a RST.
    Reset,
}

/// What to do with a request, told by its text.
pub type Orders = Arc<dyn Fn(&str) -> Order + Send + Sync>;

/// What the gateway does with one request.
pub struct Order {
    pub steps: Vec<Step>,
    /// The next request on the connection is obeyed, too; else the script goes on behind it.
    pub stays: bool,
}

/// What a gateway has met.
#[derive(Clone, Default)]
pub struct Seen {
    pub connections: usize,
    /// Connections that are over.
    pub ended: usize,
    /// Those of them to which the other side said TLS's goodbye.
    pub goodbyes: usize,
    /// The clients that got through the handshake, in order.
    pub clients: Vec<Met>,
    /// The requests that were read to their end.
    pub requests: Vec<String>,
    /// What a proxy passed on towards the gateway, as it came.
    pub passed_on: Vec<u8>,
}

/// A client that got through the handshake.
#[derive(Clone, Debug)]
pub struct Met {
    pub handshake: Option<HandshakeKind>,
    /// The name it asked for.
    pub asked_for: Option<String>,
    /// Its certificate.
    pub certificate: Option<CertificateDer<'static>>,
}

impl Met {
    fn of(tls: &ServerConnection) -> Self {
        Met {
            handshake: tls.handshake_kind(),
            asked_for: tls.server_name().map(str::to_owned),
            certificate: tls.peer_certificates().map(|chain| chain[0].clone().into_owned()),
        }
    }
}

impl Seen {
    /// Connections that are not over.
    pub fn open(&self) -> usize {
        self.connections - self.ended
    }
}

/// A gateway that runs until it is stopped or dropped.
pub struct Gateway {
    address: SocketAddr,
    scripts: Arc<[Script]>,
    tls: Option<Arc<ServerConfig>>,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    open: Mutex<BTreeMap<usize, TcpStream>>,
    closed: AtomicBool,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<usize, TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gateway {
    /// The n-th connection follows the n-th script, further ones the last.
    pub fn start(scripts: Vec<Script>, tls: Option<Arc<ServerConfig>>) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), scripts, tls)
    }

    fn start_at(ip: IpAddr, scripts: Vec<Script>, tls: Option<Arc<ServerConfig>>) -> Self {
        let mut gateway = Gateway {
            address: (ip, 0).into(),
            scripts: scripts.into(),
            tls,
            shared: Arc::default(),
            acceptor: None,
        };
        gateway.open();
        gateway
    }

    /// Accepts every request.
    pub fn accepting() -> Self {
        Self::accepting_at(Ipv4Addr::LOCALHOST.into(), None)
    }

    pub fn accepting_at(ip: IpAddr, tls: Option<Arc<ServerConfig>>) -> Self {
        let answer = http("200 OK", ACCEPTED).into();
        Self::start_at(ip, vec![Script::Http(vec![Step::Serve(answer)])], tls)
    }

    /// Gives every request this answer.
    pub fn serving(answer: &str) -> Self {
        Self::start(vec![Script::Http(vec![Step::Serve(answer.into())])], None)
    }

    /// Gives each request the answer that is made for it, over what `tls` says.
    pub fn serving_each(
        answer: impl Fn(&str) -> String + Send + Sync + 'static,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let orders = move |request: &str| {
            let answer = answer(request).into_bytes();
            Order { steps: vec![Step::Send(answer)], stays: true }
        };
        Self::start(vec![Script::Http(vec![Step::Obey(Arc::new(orders))])], tls)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of every address here.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme(), self.address)
    }

    /// The same under this host name or literal.
    pub fn url_as(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme(), self.port())
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Waits until every connection has ended.
    pub fn wait_until_idle(&self) {
        let patience = Instant::now();
        while self.shared.seen().open() > 0 {
            assert!(patience.elapsed() < Duration::from_secs(20), "a connection stays open");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn seen(&self) -> Seen {
        self.shared.seen().clone()
    }

    /// The requests since this was last asked for; they are forgotten here.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.seen().requests)
    }

    /// Stops, then starts anew on the same port, with these keys for TLS sessions.
    pub fn restart(&mut self, tls: Option<Arc<ServerConfig>>) {
        self.stop();
        self.tls = tls;
        self.shared.closed.store(false, Ordering::SeqCst);
        self.open();
    }

    /// Closes the port and every connection.
    pub fn stop(&mut self) {
        self.close_port();
        for stream in self.shared.open().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Takes no more connections; those that there are go on.
    pub fn close_port(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.shared.closed.store(true, Ordering::SeqCst);
        // The acceptor looks at the flag when somebody comes.
        let _ = TcpStream::connect(self.address);
        acceptor.join().expect("the acceptor does not panic");
    }

    fn open(&mut self) {
        let listener = TcpListener::bind(self.address)
            .unwrap_or_else(|why| panic!("the tests need {} here: {why}", self.address));
        self.address = listener.local_addr().expect("it is bound");
        let (scripts, tls) = (self.scripts.clone(), self.tls.clone());
        let shared = self.shared.clone();
        self.acceptor = Some(thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.closed.load(Ordering::SeqCst) {
                    return;
                }
                accept(stream, &scripts, tls.clone(), shared.clone());
            }
        }));
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept(
    stream: TcpStream,
    scripts: &[Script],
    tls: Option<Arc<ServerConfig>>,
    shared: Arc<Shared>,
) {
    let turn = {
        let mut seen = shared.seen();
        seen.connections += 1;
        seen.connections - 1
    };
    shared.open().extend(stream.try_clone().map(|stream| (turn, stream)));
    let script = scripts.get(turn).or(scripts.last()).cloned();
    thread::spawn(move || {
        if let Some(script) = script {
            let held = Vec::new();
            let connection = Connection { stream, tls: None, held, turn, shared: &shared };
            // A step that fails met a client that went away, as clients may.
            let _ = connection.follow(script, tls);
        }
        shared.seen().ended += 1;
    });
}

/// A connection as the gateway has it.
struct Connection<'a> {
    stream: TcpStream,
    tls: Option<ServerConnection>,
    /// Bytes that are ready for the socket, and wait for a step.
    held: Vec<u8>,
    turn: usize,
    shared: &'a Shared,
}

impl Drop for Connection<'_> {
    /// The copy that a stop would shut down keeps the socket open otherwise.
    fn drop(&mut self) {
        self.shared.open().remove(&self.turn);
    }
}

impl Connection<'_> {
    fn follow(mut self, script: Script, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let steps = match (script, tls) {
            (Script::Http(steps), Some(config)) => {
                self.secure(config)?;
                steps
            }
            (Script::HoldsTickets(steps), Some(config)) => {
                self.secure_but_for_tickets(config)?;
                steps
            }
            (Script::Http(steps) | Script::HoldsTickets(steps) | Script::Tcp(steps), _) => steps,
        };
        let mut steps = VecDeque::from(steps);
        while let Some(step) = steps.pop_front() {
            match step {
                Step::Cut => return self.stream.shutdown(Shutdown::Write),
                Step::Reset => {
                    return SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
                }
                Step::Obey(orders) => {
                    let order = orders(&self.read_request()?);
                    if order.stays {
                        steps.push_front(Step::Obey(orders));
                    }
                    order.steps.into_iter().rev().for_each(|step| steps.push_front(step));
                }
                step => self.go(step)?,
            }
        }
        self.close()
    }

    /// Does the whole handshake. A refusal goes out before the connection is closed, and not with
    /// a RST that might overtake it.
    fn secure(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            if let Err(why) = tls.complete_io(&mut self.stream) {
                let _ = self.stream.shutdown(Shutdown::Write);
                let _ = io::copy(&mut self.stream, &mut io::sink());
                return Err(why);
            }
        }
        self.shared.seen().clients.push(Met::of(&tls));
        self.tls = Some(tls);
        Ok(())
    }

    fn secure_but_for_tickets(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            while tls.wants_write() {
                tls.write_tls(&mut self.stream)?;
            }
            tls.read_tls(&mut self.stream)?;
            tls.process_new_packets().map_err(io::Error::other)?;
        }
        while tls.wants_write() {
            tls.write_tls(&mut self.held)?;
        }
        self.tls = Some(tls);
        Ok(())
    }

    fn go(&mut self, step: Step) -> io::Result<()> {
        match step {
            Step::Read => self.read_request().map(drop),
            Step::Await => self.await_bytes(),
            Step::Tell(tell) => {
                tell();
                Ok(())
            }
            Step::Wait(time) => {
                thread::sleep(time);
                Ok(())
            }
            Step::Take => self.read(&mut [0; 4096]).map(drop),
            Step::Send(bytes) => self.write_all(&bytes),
            Step::SendPart(bytes, amount) => self.write_part(&bytes, amount),
            Step::SendSome(amount) => self.write_held(amount),
            Step::SendRest => self.write_held(self.held.len()),
            Step::Repeat(bytes, times) => (0..times).try_for_each(|_| self.write_all(&bytes)),
            Step::Drip(bytes, pause) => bytes.chunks(1).try_for_each(|byte| {
                thread::sleep(pause);
                self.write_all(byte)
            }),
            Step::Beat(bytes, pause) => loop {
                thread::sleep(pause);
                self.write_all(&bytes)?;
            },
            Step::Serve(answer) => loop {
                self.read_request()?;
                self.write_all(&answer)?;
            },
            Step::Tunnel => self.tunnel(b"HTTP/1.1 200 Connection established\r\n\r\n"),
            Step::TunnelSaying(answer) => self.tunnel(&answer),
            Step::Hang => io::copy(&mut self.stream, &mut io::sink()).map(drop),
            Step::AwaitEnd => loop {
                if self.read(&mut [0; 4096])? == 0 {
                    return Ok(());
                }
            },
            Step::Cut | Step::Reset | Step::Obey(_) => unreachable!("they steer the script"),
        }
    }

    /// With TLS 1.3 they may have come with the end of the handshake.
    fn await_bytes(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            let state = tls.process_new_packets().map_err(io::Error::other)?;
            if state.plaintext_bytes_to_read() > 0 {
                return Ok(());
            }
        }
        self.stream.peek(&mut [0]).map(drop)
    }

    fn read_request(&mut self) -> io::Result<String> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let mut request = String::from_utf8(head).map_err(|_| ErrorKind::InvalidData)?;
        let length = request.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.read_exact(&mut body)?;
        request += std::str::from_utf8(&body).map_err(|_| ErrorKind::InvalidData)?;
        self.shared.seen().requests.push(request.clone());
        Ok(request)
    }

    fn write_part(&mut self, bytes: &[u8], amount: usize) -> io::Result<()> {
        let tls = self.tls.as_mut().ok_or(ErrorKind::Unsupported)?;
        tls.writer().write_all(bytes)?;
        while tls.wants_write() {
            tls.write_tls(&mut self.held)?;
        }
        assert!(amount < self.held.len(), "a part of {} bytes", self.held.len());
        self.write_held(amount)
    }

    fn write_held(&mut self, amount: usize) -> io::Result<()> {
        let rest = self.held.split_off(amount);
        self.stream.write_all(&std::mem::replace(&mut self.held, rest))
    }

    /// Until one side goes.
    fn tunnel(&mut self, answer: &[u8]) -> io::Result<()> {
        let request = self.shared.seen().requests.last().cloned().unwrap_or_default();
        let gateway = TcpStream::connect(request.split(' ').nth(1).unwrap_or_default())?;
        self.write_all(answer)?;
        let (mut answers, mut client) = (gateway.try_clone()?, self.stream.try_clone()?);
        let back = thread::spawn(move || {
            let _ = io::copy(&mut answers, &mut client);
            let _ = client.shutdown(Shutdown::Both);
        });
        let outcome = self.pass_on(&gateway);
        let _ = gateway.shutdown(Shutdown::Both);
        back.join().expect("the way back does not panic");
        outcome
    }

    fn pass_on(&mut self, mut gateway: &TcpStream) -> io::Result<()> {
        let mut bytes = [0; 4096];
        loop {
            let amount = self.read(&mut bytes)?;
            if amount == 0 {
                return Ok(());
            }
            self.shared.seen().passed_on.extend(&bytes[..amount]);
            gateway.write_all(&bytes[..amount])?;
        }
    }

    /// Says goodbye in TLS, then in TCP.
    fn close(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            tls.complete_io(&mut self.stream)?;
        }
        self.stream.shutdown(Shutdown::Write)
    }
}

impl Read for Connection<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => {
                let amount = rustls::Stream::new(tls, &mut self.stream).read(buffer)?;
                // Without a goodbye it is an error.
                self.shared.seen().goodbyes += usize::from(amount == 0);
                Ok(amount)
            }
            None => self.stream.read(buffer),
        }
    }
}

impl Write for Connection<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls, &mut self.stream).write(bytes),
            None => self.stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls, &mut self.stream).flush(),
            None => self.stream.flush(),
        }
    }
}
