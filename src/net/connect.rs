//! Opens a connection: name look-up, TCP, proxy, TLS; each failure with the status of its phase.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::Error as TlsError;

use super::blocking::Blocking;
use super::cancel::{CancelHandle, cancelled};
use super::cause::Cause;
use super::deadline::Deadline;
use super::failure::{CLIENT_AUTH, caused_by, failure, through, words};
use super::proxy::{NoTunnel, ask_for_tunnel};
use super::race::{Attempt, Race, interleaved};
use super::resolve;
use super::socket::Socket;
use super::stream::Stream;
use super::tls::limits::{HandshakeLimits, client_auth_demanded};
use super::tls::{NEEDS, TlsPeer};
use crate::address::{Address, Host};
use crate::route::{Proxy, Route, Target};
use crate::sys::clock::Moment;
use crate::sys::lock::lock;
use crate::{Error, Status};

/// What opening a connection goes by.
pub(crate) struct Connector<'a> {
    pub route: &'a Route,
    pub tls_peer: Option<&'a TlsPeer>,
    pub look_ups: &'a Blocking,
    pub last_good: &'a LastGood,
    /// The same of the proxy's addresses.
    pub last_proxy: &'a LastGood,
    /// Of the whole call.
    pub deadline: Deadline,
    /// Of TCP and TLS set-up, counted from the end of the look-up.
    pub connect_timeout: Duration,
    pub cancel: &'a Arc<CancelHandle>,
}

/// The address that worked last: it is tried first.
#[derive(Default)]
pub(crate) struct LastGood(Mutex<Option<(SocketAddr, Moment)>>);

impl LastGood {
    /// After this time the first of `connect_to` is preferred again.
    const PREFERENCE_RETURNS: Duration = Duration::from_secs(300);

    fn note(&self, address: SocketAddr) {
        let mut last = lock(&self.0);
        if last.is_none_or(|(known, _)| known != address) {
            *last = Some((address, Moment::now()));
        }
    }

    fn first(&self, mut addresses: Vec<SocketAddr>, by_preference: bool) -> Vec<SocketAddr> {
        let Some((good, since)) = *lock(&self.0) else { return addresses };
        if by_preference && since.elapsed() >= Self::PREFERENCE_RETURNS {
            return addresses;
        }
        if let Some(place) = addresses.iter().position(|address| *address == good) {
            addresses[..=place].rotate_right(1);
        }
        addresses
    }
}

/// How long the TLS set-up with one address may take while others are left.
const LONGEST_SHARE: Duration = Duration::from_millis(1_500);

/// What is left of that at the least where TCP took long.
const SHORTEST_SHARE: Duration = Duration::from_millis(500);

impl Connector<'_> {
    /// Opens a connection to the gateway, ready for a request.
    pub fn connect(&self) -> Result<Stream, Error> {
        let outcome = match &self.route.proxy {
            None => self.direct(),
            Some(proxy) => self.through(proxy),
        };
        let cancelled = |error| if self.cancel.is_cancelled() { cancelled() } else { error };
        let mut stream = outcome.map_err(cancelled)?;
        stream.socket.set_deadline(self.deadline);
        Ok(stream)
    }

    fn direct(&self) -> Result<Stream, Error> {
        let target = &self.route.target;
        let addresses = match target {
            Target::Gateway(address) => self.last_good.first(self.addresses_of(address)?, false),
            Target::Addresses(addresses) => self.last_good.first(addresses.clone(), true),
        };
        let deadline = self.deadline.capped(self.connect_timeout, "connect time-out");
        let mut race = Race::new(addresses, deadline, self.cancel);
        let mut before = None;
        loop {
            let Attempt { address, mut socket, since } = match race.next() {
                Ok(connected) => connected,
                Err(why) => {
                    let last = not_connected(&why, target);
                    return Err(before.filter(|_| !is_exhausted(&last)).unwrap_or(last));
                }
            };
            socket.set_deadline(share(deadline, race.left(), since)?);
            match self.secure(socket, None)? {
                Ok(stream) => {
                    self.last_good.note(address);
                    return Ok(stream);
                }
                Err(error) => before = Some(error),
            }
        }
    }

    /// Through the proxy to one address after the other. A failure on the way names the proxy.
    fn through(&self, proxy: &Proxy) -> Result<Stream, Error> {
        let targets = match &self.route.target {
            Target::Gateway(address) => vec![address.to_string()],
            Target::Addresses(addresses) => self
                .last_good
                .first(addresses.clone(), true)
                .iter()
                .map(ToString::to_string)
                .collect(),
        };
        let addresses =
            self.addresses_of(&proxy.address).map_err(|error| of_proxy(error, proxy))?;
        let addresses = self.last_proxy.first(addresses, false);
        let deadline = self.deadline.capped(self.connect_timeout, "connect time-out");
        let name = proxy.address.to_string();
        let mut before = None;
        for (left, target) in (0..targets.len()).rev().zip(&targets) {
            let outcome = match self.tunnel(proxy, addresses.clone(), target, deadline, left) {
                Ok(socket) => self.secure(socket, Some(&name))?,
                Err(NoTunnel { error, at_proxy: true }) => return Err(of_proxy(error, proxy)),
                Err(NoTunnel { error, .. }) => Err(of_proxy(error, proxy)),
            };
            match outcome {
                Ok(mut stream) => {
                    stream.proxy = Some(name.into());
                    target.parse().map(|address| self.last_good.note(address)).unwrap_or_default();
                    return Ok(stream);
                }
                Err(error) => before = before.filter(is_exhausted).or(Some(error)),
            }
        }
        Err(before.unwrap_or_else(cancelled))
    }

    fn tunnel(
        &self,
        proxy: &Proxy,
        addresses: Vec<SocketAddr>,
        target: &str,
        deadline: Deadline,
        left: usize,
    ) -> Result<Socket, NoTunnel> {
        let connected = Race::new(addresses, deadline, self.cancel).next();
        let Attempt { address, mut socket, since } = connected.map_err(|why| NoTunnel {
            error: not_connected(&why, &proxy.address),
            at_proxy: true,
        })?;
        self.last_proxy.note(address);
        socket.set_deadline(share(deadline, left, since)?);
        let listens = self.tls_peer.is_none();
        ask_for_tunnel(&mut socket, proxy, target, listens)?;
        Ok(socket)
    }

    fn addresses_of(&self, address: &Address) -> Result<Vec<SocketAddr>, Error> {
        match &address.host {
            Host::Ip(ip) => Ok(vec![SocketAddr::new(*ip, address.port)]),
            Host::Name(name) => {
                let port = address.port;
                let found = resolve::find(name, port, self.look_ups, self.deadline, self.cancel);
                found.map(interleaved)
            }
        }
    }

    /// The inner error may be one of this address alone; with the outer one another would not help.
    fn secure(&self, socket: Socket, proxy: Option<&str>) -> Result<Result<Stream, Error>, Error> {
        let Some(peer) = self.tls_peer else { return Ok(Ok(Stream::plain(socket))) };
        // They outlive the handshake: what an alert means is said by what the gateway had asked for.
        let _limits = HandshakeLimits::set(socket.deadline, self.cancel);
        let why = match Stream::secured(socket, peer) {
            Ok(stream) => return Ok(Ok(stream)),
            Err(why) => why,
        };
        let mut error = failure(&why, "in the TLS handshake");
        // A close or reset in the handshake is the other side's way of refusing it.
        if error.status() == Status::Io {
            let details = error.details_mut();
            details.status = Status::Tls;
            details.detail += &match client_auth_demanded() {
                true => CLIENT_AUTH.to_owned(),
                false => format!(
                    "; perhaps it serves no host of this name (see base_url), or its TLS and agw's have \
                     nothing in common: {NEEDS}"
                ),
            };
        }
        let error = through(error, proxy);
        if is_refusal(&why) { Err(error) } else { Ok(Err(error)) }
    }
}

/// It is we who refuse, not the path: the certificate is not trusted.
fn is_refusal(why: &io::Error) -> bool {
    let tls = why.get_ref().and_then(|why| why.downcast_ref::<TlsError>());
    matches!(tls, Some(TlsError::InvalidCertificate(_) | TlsError::Other(_)))
}

/// The time of one attempt while so many others are left, its TCP set-up included.
fn share(deadline: Deadline, left: usize, since: Moment) -> Result<Deadline, Error> {
    let phase = "in the TLS handshake";
    let remaining = deadline.remaining().map_err(|why| failure(&why, phase))?;
    // A third of the time at the least: of many addresses each would have too little for its handshake,
    // and none be reached that is well, but far away.
    let parts = 1 + left.min(2) as u32;
    let longest = LONGEST_SHARE.saturating_sub(since.elapsed()).max(SHORTEST_SHARE);
    Ok(if left == 0 {
        deadline
    } else {
        deadline.capped((remaining / parts).min(longest), "time for one address")
    })
}

/// That the host has run out of something is told, whatever else fails.
fn is_exhausted(error: &Error) -> bool {
    error.status() == Status::Resources
}

fn not_connected(why: &io::Error, to: &dyn fmt::Display) -> Error {
    if let Some(Cause::DeadlinePassed(..)) = Cause::of(why) {
        return Error::new(Status::Timeout, format!("{why} while connecting to {to}"));
    }
    let advice = match why.kind() {
        io::ErrorKind::InvalidInput => {
            "; one that begins with fe80 needs a zone, which agw does not take: give another address"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; this host has no address of its own for that, or no port of its own is left"
        }
        _ => "",
    };
    let detail = format!("no connection to {to}: {}{advice}", words(why));
    caused_by(why, Error::new(Status::Connect, detail))
}

fn of_proxy(mut error: Error, proxy: &Proxy) -> Error {
    let details = error.details_mut();
    if !matches!(details.status, Status::Timeout | Status::Resources) {
        details.status = Status::Proxy;
    }
    details.detail.insert_str(0, &format!("proxy {}: ", proxy.address));
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_worked_last_is_tried_first() {
        let [a, b, c] = [1, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let last_good = LastGood::default();
        assert_eq!(last_good.first(vec![a, b, c], false), [a, b, c]);
        last_good.note(c);
        assert_eq!(last_good.first(vec![a, b, c], false), [c, a, b]);
        assert_eq!(last_good.first(vec![a, b], false), [a, b], "it is not among them any more");
        assert_eq!(last_good.first(vec![a, b, c], true), [c, a, b]);
        let long_ago = Moment::now().checked_sub(LastGood::PREFERENCE_RETURNS);
        *lock(&last_good.0) = long_ago.map(|moment| (c, moment));
        last_good.note(c);
        assert_eq!(last_good.first(vec![a, b, c], true), [a, b, c], "the first is preferred again");
        assert_eq!(last_good.first(vec![a, b, c], false), [c, a, b]);
    }

    #[cfg(unix)]
    #[test]
    fn what_an_address_lacks_is_told() {
        for (number, expected) in [
            (libc::EINVAL, ": invalid input parameter; one that begins with fe80 needs a zone"),
            (libc::EADDRNOTAVAIL, ": address not available; this host has no address of its own"),
            (libc::ECONNREFUSED, ": connection refused"),
        ] {
            let error = not_connected(&io::Error::from_raw_os_error(number), &"gw:1");
            let expected = format!("no connection to gw:1{expected}");
            assert!(error.detail().starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn time_is_shared_while_others_are_left() {
        let deadline = Deadline::after(Duration::from_secs(5));
        let now = Moment::now();
        let shared =
            |left| share(deadline, left, now).expect("time is left").remaining().expect("some");
        assert!(shared(0) > Duration::from_secs(4));
        assert!(shared(1) <= LONGEST_SHARE && shared(1) > Duration::from_secs(1));
        assert!(shared(31) <= LONGEST_SHARE && shared(31) > Duration::from_secs(1));
    }
}
