//! Opens a connection: name look-up, TCP, proxy, TLS; each failure with the status of its phase.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket as RawSocket, Type};

use super::cancel::{CANCEL_CHECK, CancelHandle, cancelled};
use super::deadline::{Deadline, deadline_passed};
use super::failure::{failure, or_resources, words};
use super::proxy::ask_for_tunnel;
use super::resolve::Resolver;
use super::socket::Socket;
use super::stream::Stream;
use super::tls::TlsPeer;
use super::tls::limits::HandshakeLimits;
use crate::route::{Address, Host, Proxy, Route};
use crate::sys::socket::above_standard;
use crate::{Error, Status};

/// The two deadlines of opening a connection.
#[derive(Clone, Copy)]
pub(crate) struct Deadlines {
    /// Of the whole call.
    pub call: Deadline,
    /// Of TCP and TLS set-up, counted from the end of the look-up.
    pub connect_timeout: Duration,
}

/// Opens a connection to the gateway, ready for a request.
pub(crate) fn connect(
    route: &Route,
    tls_peer: Option<&TlsPeer>,
    resolver: &Resolver,
    deadlines: Deadlines,
    cancel: &Arc<CancelHandle>,
) -> Result<Stream, Error> {
    let outcome = match &route.proxy {
        None => open(&route.dial, resolver, deadlines, cancel),
        Some(proxy) => tunnel(proxy, &route.dial, resolver, deadlines, cancel),
    };
    let stream = outcome.and_then(|socket| match tls_peer {
        Some(peer) => handshake(socket, peer, cancel),
        None => Ok(Stream::plain(socket)),
    });
    stream.map_err(|error| if cancel.is_cancelled() { cancelled() } else { error })
}

fn handshake(socket: Socket, peer: &TlsPeer, cancel: &Arc<CancelHandle>) -> Result<Stream, Error> {
    let limits = HandshakeLimits::set(socket.deadline(), cancel);
    Stream::secured(socket, peer, &limits).map_err(|why| {
        let mut error = failure(&why, "in the TLS handshake");
        // A close or reset in the handshake is the other side's way of refusing it.
        if error.status() == Status::Io {
            error.details_mut().status = Status::Tls;
        }
        error
    })
}

fn open(
    to: &Address,
    resolver: &Resolver,
    deadlines: Deadlines,
    cancel: &CancelHandle,
) -> Result<Socket, Error> {
    let addresses = match &to.host {
        Host::Ip(ip) => vec![SocketAddr::new(*ip, to.port)],
        Host::Name(name) => resolver.find(name, to.port, deadlines.call, cancel)?,
    };
    let deadline = deadlines.call.capped(deadlines.connect_timeout);
    let stream = connect_any(&addresses, deadline, cancel).map_err(|why| {
        if deadline_passed(&why) {
            Error::new(Status::Timeout, format!("the time-out passed while connecting to {to}"))
        } else {
            let detail = format!("no connection to {to}: {}", words(&why));
            let error = Error::new(Status::Connect, detail).with_os_error(why.raw_os_error());
            or_resources(error, &why)
        }
    })?;
    let socket = Socket::new(stream, deadline);
    cancel.attach(socket.stream().clone());
    Ok(socket)
}

/// Opens a connection to the gateway through a proxy. A failure on the way names the proxy.
fn tunnel(
    proxy: &Proxy,
    to: &Address,
    resolver: &Resolver,
    deadlines: Deadlines,
    cancel: &CancelHandle,
) -> Result<Socket, Error> {
    let of_proxy = |mut error: Error| {
        if !matches!(error.status(), Status::Timeout | Status::Resources) {
            error.details_mut().status = Status::Proxy;
        }
        let detail = format!("proxy {}: {}", proxy.address, error.detail());
        error.details_mut().detail = detail;
        error
    };
    let mut socket = open(&proxy.address, resolver, deadlines, cancel).map_err(of_proxy)?;
    ask_for_tunnel(&mut socket, proxy, to).map_err(of_proxy)?;
    Ok(socket)
}

/// Tries one address after the other; the time left is shared among those not yet tried.
fn connect_any(
    addresses: &[SocketAddr],
    deadline: Deadline,
    cancel: &CancelHandle,
) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (tried, address) in addresses.iter().enumerate() {
        let share = deadline.remaining()? / (addresses.len() - tried) as u32;
        match connect_tcp(address, deadline.capped(share), cancel) {
            Ok(stream) => return Ok(stream),
            Err(why) => last = why,
        }
        if cancel.is_cancelled() {
            break;
        }
    }
    Err(last)
}

fn connect_tcp(
    address: &SocketAddr,
    deadline: Deadline,
    cancel: &CancelHandle,
) -> io::Result<TcpStream> {
    let domain = Domain::for_address(*address);
    let socket = RawSocket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    let socket = above_standard(socket)?;
    let first_look = deadline.remaining()?.min(CANCEL_CHECK);
    match socket.connect_timeout(&SockAddr::from(*address), first_look) {
        Ok(()) => {}
        Err(why) if why.kind() == io::ErrorKind::TimedOut && why.raw_os_error().is_none() => {
            wait_connected(&socket, deadline, cancel)?;
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
fn wait_connected(socket: &RawSocket, deadline: Deadline, cancel: &CancelHandle) -> io::Result<()> {
    const LOOK: Duration = Duration::from_millis(5);
    loop {
        if let Some(why) = socket.take_error()? {
            return Err(why);
        }
        if socket.peer_addr().is_ok() {
            return Ok(());
        }
        if cancel.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        thread::sleep(deadline.remaining()?.min(LOOK));
    }
}
