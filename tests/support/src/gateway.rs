//! A gateway of raw sockets that goes wrong as told, step by step, and remembers what it met.

mod connection;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::{HandshakeKind, ServerConfig, ServerConnection};
#[cfg(target_os = "linux")]
use socket2::SockRef;

use crate::{ACCEPTED, http, lock, wait_until};
use connection::Connection;

/// What connections speak: TLS as this says, or none.
pub type Config = Option<Arc<ServerConfig>>;

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

/// Accepts every request.
pub fn serving() -> Script {
    Script::Http(vec![Step::Serve(http("200 OK", ACCEPTED).into())])
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
    /// Over TLS, the record that the bytes make, and behind it, in one piece, some that are not
    /// encrypted.
    SendAndBare(Vec<u8>, &'static [u8]),
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
    tls: Config,
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
    /// One more connection, by its number.
    fn begin(&self, stream: &TcpStream) -> usize {
        let turn = {
            let mut seen = lock(&self.seen);
            seen.connections += 1;
            seen.connections - 1
        };
        lock(&self.open).extend(stream.try_clone().map(|stream| (turn, stream)));
        turn
    }

    /// Ends every connection.
    fn end_all(&self) {
        for stream in lock(&self.open).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Gateway {
    /// The n-th connection follows the n-th script, further ones the last.
    pub fn start(scripts: Vec<Script>, tls: Config) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), scripts, tls)
    }

    fn start_at(ip: IpAddr, scripts: Vec<Script>, tls: Config) -> Self {
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

    pub fn accepting_at(ip: IpAddr, tls: Config) -> Self {
        Self::start_at(ip, vec![serving()], tls)
    }

    /// Gives every request this answer.
    pub fn serving(answer: &str) -> Self {
        Self::start(vec![Script::Http(vec![Step::Serve(answer.into())])], None)
    }

    /// Gives each request the answer that is made for it, over what `tls` says.
    pub fn serving_each(
        tls: Config,
        answer: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        let orders = move |request: &str| {
            let answer = answer(request).into_bytes();
            Order { steps: vec![Step::Send(answer)], stays: true }
        };
        Self::obeying(orders, tls)
    }

    /// Does with each request what it is told.
    pub fn obeying(orders: impl Fn(&str) -> Order + Send + Sync + 'static, tls: Config) -> Self {
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
        wait_until(|| lock(&self.shared.seen).open() == 0);
    }

    pub fn seen(&self) -> Seen {
        lock(&self.shared.seen).clone()
    }

    /// The requests since this was last asked for; they are forgotten here.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shared.seen).requests)
    }

    /// Stops, then starts anew on the same port, with these keys for TLS sessions.
    pub fn restart(&mut self, tls: Config) {
        self.stop();
        self.tls = tls;
        self.shared.closed.store(false, Ordering::SeqCst);
        self.open();
    }

    /// Closes the port and every connection.
    pub fn stop(&mut self) {
        self.close_port();
        self.shared.end_all();
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

fn accept(stream: TcpStream, scripts: &[Script], tls: Config, shared: Arc<Shared>) {
    // Where a client shuts its socket down while there is no room in it, reads what came and closes it,
    // Linux answers for a minute that there is no room, and whoever sends would wait for as long.
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(Duration::from_secs(5)));
    let turn = shared.begin(&stream);
    let script = scripts.get(turn).or(scripts.last()).cloned();
    thread::spawn(move || {
        if let Some(script) = script {
            // A step that fails met a client that went away, as clients may.
            let _ = Connection::new(stream, None, turn, &shared).follow(script, tls);
        }
        lock(&shared.seen).ended += 1;
    });
}

/// Connections that somebody else has accepted, and hands over to end as a script says.
#[derive(Default)]
pub struct HandedOver(Arc<Shared>);

impl HandedOver {
    /// Goes through the steps on a thread of its own, behind the handshake if there was one.
    pub fn take(&self, stream: TcpStream, tls: Option<ServerConnection>, steps: Vec<Step>) {
        let shared = self.0.clone();
        let turn = shared.begin(&stream);
        thread::spawn(move || Connection::new(stream, tls, turn, &shared).go_through(steps));
    }

    /// Ends them all.
    pub fn end(&self) {
        self.0.end_all();
    }
}

impl Drop for HandedOver {
    fn drop(&mut self) {
        self.end();
    }
}
