//! Opens a connection: name look-up, TCP, proxy, TLS; each failure with the status of its phase.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{Domain, Protocol, SockAddr, Socket as RawSocket, Type};

use crate::net::blocking::Aside;
use crate::net::cancel::{CANCEL_CHECK, Control, cancelled};
use crate::net::http::classify_io;
use crate::net::socket::{Deadline, Socket, deadline_passed};
use crate::net::stream::Wire;
use crate::net::tls;
use crate::options::{Address, Host, Proxy, Route};
use crate::{Error, Status};

/// The two deadlines of opening a connection.
#[derive(Clone, Copy)]
pub(crate) struct Deadlines {
    /// Of the whole call.
    pub call: Deadline,
    /// Of TCP and TLS set-up, counted from the end of the look-up.
    pub connect_timeout: Duration,
}

/// TLS towards the gateway: the configuration and the name its certificate must be for.
#[derive(Clone)]
pub(crate) struct Secure {
    pub config: Arc<ClientConfig>,
    pub name: ServerName<'static>,
}

/// Opens a connection to the gateway, ready for a request.
pub(crate) fn dial(
    route: &Route,
    secure: Option<&Secure>,
    look_ups: &LookUps,
    deadlines: Deadlines,
    control: &Arc<Control>,
) -> Result<Wire, Error> {
    let outcome = match &route.proxy {
        None => open(&route.dial, look_ups, deadlines, control),
        Some(proxy) => tunnel(proxy, &route.dial, look_ups, deadlines, control),
    };
    let wire = outcome.and_then(|socket| handshake(socket, secure, control));
    wire.map_err(|error| if control.is_cancelled() { cancelled() } else { error })
}

fn handshake(
    socket: Socket,
    secure: Option<&Secure>,
    control: &Arc<Control>,
) -> Result<Wire, Error> {
    let Some(secure) = secure else {
        return Ok(Wire::plain(socket));
    };
    let _bounds = tls::Bounds::set(socket.deadline(), control);
    Wire::secured(socket, secure.config.clone(), secure.name.clone()).map_err(|why| {
        let (status, detail) = classify_io(&why, "in the TLS handshake");
        // A close or reset in the handshake is the other side's way of refusing it.
        let status = if status == Status::Io { Status::Tls } else { status };
        Error::new(status, detail).with_os_error(why.raw_os_error())
    })
}

fn open(
    to: &Address,
    look_ups: &LookUps,
    deadlines: Deadlines,
    control: &Control,
) -> Result<Socket, Error> {
    let addresses = match &to.host {
        Host::Ip(ip) => vec![SocketAddr::new(*ip, to.port)],
        Host::Name(name) => look_ups.find(name, to.port, deadlines.call, control)?,
    };
    let deadline = deadlines.call.sooner(deadlines.connect_timeout);
    let stream = connect_any(&addresses, deadline, control).map_err(|why| {
        if deadline_passed(&why) {
            Error::new(Status::Timeout, format!("the time-out passed while connecting to {to}"))
        } else {
            Error::new(Status::Connect, format!("no connection to {to}: {why}"))
                .with_os_error(why.raw_os_error())
        }
    })?;
    let socket = Socket::new(stream, deadline);
    control.attach(socket.stream());
    Ok(socket)
}

/// Tries one address after the other; the time left is shared among those not yet tried.
fn connect_any(
    addresses: &[SocketAddr],
    deadline: Deadline,
    control: &Control,
) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (tried, address) in addresses.iter().enumerate() {
        let share = deadline.left()? / (addresses.len() - tried) as u32;
        match connect(address, deadline.sooner(share), control) {
            Ok(stream) => return Ok(stream),
            Err(why) => last = why,
        }
        if control.is_cancelled() {
            break;
        }
    }
    Err(last)
}

fn connect(address: &SocketAddr, deadline: Deadline, control: &Control) -> io::Result<TcpStream> {
    let socket = RawSocket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP))?;
    let first_look = deadline.left()?.min(CANCEL_CHECK);
    match socket.connect_timeout(&SockAddr::from(*address), first_look) {
        Ok(()) => {}
        Err(why) if why.kind() == io::ErrorKind::TimedOut && why.raw_os_error().is_none() => {
            wait_connected(&socket, deadline, control)?;
        }
        // A peer that ends the connection at once is told as a hang-up without an error.
        Err(why) if why.raw_os_error().is_none() && socket.peer_addr().is_ok() => {}
        Err(why) => return Err(why),
    }
    socket.set_nonblocking(false)?;
    socket.set_tcp_nodelay(true)?;
    // A gateway under Nagle's rule holds its first answer back until its session tickets are
    // acknowledged, which would otherwise take us 40 ms.
    #[cfg(target_os = "linux")]
    socket.set_tcp_quickack(true)?;
    Ok(socket.into())
}

/// A connection that takes longer goes on by itself; a cancel must not have to wait for it.
fn wait_connected(socket: &RawSocket, deadline: Deadline, control: &Control) -> io::Result<()> {
    const LOOK: Duration = Duration::from_millis(5);
    loop {
        if let Some(why) = socket.take_error()? {
            return Err(why);
        }
        if socket.peer_addr().is_ok() {
            return Ok(());
        }
        if control.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        thread::sleep(deadline.left()?.min(LOOK));
    }
}

/// Asks an HTTP proxy for a connection to the gateway.
fn tunnel(
    proxy: &Proxy,
    to: &Address,
    look_ups: &LookUps,
    deadlines: Deadlines,
    control: &Control,
) -> Result<Socket, Error> {
    let at = &proxy.address;
    let refused = |mut error: Error| {
        if !matches!(error.status(), Status::Timeout | Status::Resources) {
            error.details_mut().status = Status::Proxy;
        }
        let detail = format!("proxy {at}: {}", error.detail());
        error.details_mut().detail = detail;
        error
    };
    let mut socket = open(at, look_ups, deadlines, control).map_err(refused)?;
    ask_for_tunnel(&mut socket, proxy, to).map_err(refused)?;
    Ok(socket)
}

fn ask_for_tunnel(socket: &mut Socket, proxy: &Proxy, to: &Address) -> Result<(), Error> {
    let failed = |why: io::Error| {
        let (status, detail) = classify_io(&why, "while asking for the tunnel");
        Error::new(status, detail).with_os_error(why.raw_os_error())
    };
    let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
    if let Some(credentials) = &proxy.credentials {
        let credentials = BASE64.encode(credentials);
        request += &format!("Proxy-Authorization: Basic {credentials}\r\n");
    }
    request += "\r\n";
    socket.write_all(request.as_bytes()).map_err(failed)?;
    match read_proxy_status(socket).map_err(failed)? {
        Some(200..=299) => Ok(()),
        Some(407) => Err(Error::new(Status::Proxy, "it wants a user name and password (HTTP 407)")),
        Some(code) => Err(Error::new(Status::Proxy, format!("it answered HTTP status {code}"))),
        None => Err(Error::new(Status::Proxy, "its answer is not HTTP")),
    }
}

/// Takes the head of the answer and not a byte more: what follows belongs to the gateway.
fn read_proxy_status(socket: &mut Socket) -> io::Result<Option<u16>> {
    const MAX_HEAD: usize = 8 * 1024;
    const END: &[u8] = b"\r\n\r\n";
    let mut head = Vec::new();
    let mut ahead = [0; 1024];
    while !head.ends_with(END) && head.len() < MAX_HEAD {
        let seen = socket.peek(&mut ahead)?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let taken = head.len();
        head.extend(&ahead[..seen]);
        // The end may have begun with the bytes before.
        let from = taken.saturating_sub(END.len() - 1);
        if let Some(end) = head[from..].windows(END.len()).position(|bytes| bytes == END) {
            head.truncate(from + end + END.len());
        }
        socket.read_exact(&mut head[taken..])?;
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(&head);
    Ok(if parsed.is_ok_and(|status| status.is_complete()) { response.code } else { None })
}

/// Turns a name and a port into addresses; may block for as long as it likes.
pub(crate) type Resolver = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Name look-ups, by the operating system.
#[derive(Clone)]
pub(crate) struct LookUps {
    resolver: Arc<Resolver>,
    aside: Aside,
}

impl LookUps {
    pub fn new(resolver: Arc<Resolver>) -> Self {
        LookUps { resolver, aside: Aside::default() }
    }

    pub fn system() -> Self {
        LookUps::new(Arc::new(|name: &str, port| {
            #[cfg(debug_assertions)]
            if let Some(planted) = crate::sys::fault::planted_look_up() {
                return planted;
            }
            Ok((name, port).to_socket_addrs()?.collect())
        }))
    }

    /// For a forked child: none of the parent's threads are there.
    pub fn afresh(&self) -> Self {
        LookUps::new(self.resolver.clone())
    }

    fn find(
        &self,
        name: &str,
        port: u16,
        deadline: Deadline,
        control: &Control,
    ) -> Result<Vec<SocketAddr>, Error> {
        let resolver = self.resolver.clone();
        let owned = name.to_owned();
        let look_up = move || resolver(&owned, port);
        match self.aside.run("agw look-up", look_up, deadline, control) {
            Ok(Ok(addresses)) if addresses.is_empty() => Err(not_found(name, "no address")),
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(why)) => {
                Err(not_found(name, &why.to_string()).with_os_error(why.raw_os_error()))
            }
            Err(why) => Err(why.while_doing(&format!("looking up {name}"))),
        }
    }
}

fn not_found(name: &str, why: &str) -> Error {
    Error::new(Status::Resolve, format!("cannot look up {name}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};
    use std::time::Instant;

    fn find(look_ups: &LookUps, timeout: u64) -> Result<Vec<SocketAddr>, Error> {
        let deadline = Deadline::after(Duration::from_millis(timeout));
        look_ups.find("gateway.test", 8043, deadline, &Control::default())
    }

    #[test]
    fn a_look_up_that_hangs_ends_with_the_call() {
        let look_ups = LookUps::new(Arc::new(|_: &str, _| {
            thread::sleep(Duration::from_secs(60));
            Ok(Vec::new())
        }));
        let started = Instant::now();
        let error = find(&look_ups, 50).unwrap_err();
        assert_eq!(error.status(), Status::Timeout);
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_look_up_that_fails_says_so() {
        let look_ups = LookUps::new(Arc::new(|_: &str, _| Err(io::Error::from_raw_os_error(2))));
        let error = find(&look_ups, 5_000).unwrap_err();
        assert_eq!((error.status(), error.os_error()), (Status::Resolve, Some(2)));
        let look_ups = LookUps::new(Arc::new(|_: &str, _| Ok(Vec::new())));
        assert_eq!(find(&look_ups, 5_000).unwrap_err().status(), Status::Resolve);
        let look_ups = LookUps::new(Arc::new(|_: &str, _| panic!("a resolver's bug")));
        assert_eq!(find(&look_ups, 5_000).unwrap_err().status(), Status::Internal);
    }

    /// Wherever the packets begin, and with the gateway's first bytes in the last of them.
    #[test]
    fn the_proxy_s_answer_ends_where_the_gateway_s_bytes_begin() {
        const HEAD: &str = "HTTP/1.1 200 OK\r\nVia: a proxy\r\n\r\n";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
        for split in 1..HEAD.len() {
            let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("client");
            let (mut proxy, _) = listener.accept().expect("accepted");
            proxy.set_nodelay(true).expect("at once");
            let mut socket = Socket::new(client, Deadline::after(Duration::from_secs(30)));
            let (first, rest) = HEAD.split_at(split);
            proxy.write_all(first.as_bytes()).expect("sent");
            let later = thread::spawn(move || {
                thread::sleep(Duration::from_millis(3));
                proxy.write_all(format!("{rest}gateway").as_bytes()).expect("sent");
            });
            assert_eq!(read_proxy_status(&mut socket).expect("read"), Some(200));
            let mut bytes = [0; 7];
            socket.read_exact(&mut bytes).expect("the gateway's");
            assert_eq!(&bytes, b"gateway", "split at {split}");
            later.join().expect("sent");
        }
    }
}
