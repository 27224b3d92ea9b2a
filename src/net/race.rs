//! Several addresses of one service, tried as RFC 8305, section 5, says: the next one after a quarter
//! of a second, or at once when one fails; the first TCP connection is taken.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockAddr};

use super::cancel::{CANCEL_CHECK, CancelHandle};
use super::deadline::Deadline;
use super::failure::{NO_FAMILY, exhausted};
use super::socket::Socket;
use crate::sys::clock::Moment;
use crate::sys::socket::{Outcome, nonblocking, wait_connected};

/// The "Connection Attempt Delay".
const HEAD_START: Duration = Duration::from_millis(250);

/// Those not yet tried, and those under way.
pub(crate) struct Race<'a> {
    waiting: VecDeque<SocketAddr>,
    running: Vec<Attempt>,
    last_start: Option<Moment>,
    last_failure: Option<io::Error>,
    deadline: Deadline,
    cancel: &'a CancelHandle,
}

/// One of the addresses, and since when it is tried.
pub(crate) struct Attempt {
    pub address: SocketAddr,
    pub socket: Socket,
    pub since: Moment,
}

impl<'a> Race<'a> {
    pub fn new(addresses: Vec<SocketAddr>, deadline: Deadline, cancel: &'a CancelHandle) -> Self {
        Race {
            waiting: addresses.into(),
            running: Vec::new(),
            last_start: None,
            last_failure: None,
            deadline,
            cancel,
        }
    }

    /// How many are left besides those that were given out.
    pub fn left(&self) -> usize {
        self.waiting.len() + self.running.len()
    }

    /// The next one to be connected. May be asked again where that came to nothing.
    pub fn next(&mut self) -> io::Result<Attempt> {
        loop {
            // What has failed, or was given out before, is not waited on any more.
            self.cancel.detach();
            for attempt in &self.running {
                self.cancel.attach(attempt.socket.stream.clone());
            }
            // A cancel shuts the sockets down, which looks like a failure of theirs.
            if self.cancel.is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.start_due();
            if self.running.is_empty() && self.waiting.is_empty() {
                let none = || io::ErrorKind::AddrNotAvailable.into();
                return Err(self.last_failure.take().unwrap_or_else(none));
            }
            let time = self.deadline.remaining()?.min(self.until_next_start());
            let running = self.running.iter().map(|attempt| &*attempt.socket.stream);
            let outcomes = wait_connected(running, time);
            if let Some(connected) = self.take_decided(outcomes) {
                self.cancel.detach();
                let socket = &connected.socket.stream;
                self.cancel.attach(socket.clone());
                socket.set_nonblocking(false)?;
                socket.set_nodelay(true)?;
                return Ok(connected);
            }
        }
    }

    fn start_due(&mut self) {
        while self.running.is_empty() || self.until_next_start().is_zero() {
            let Some(address) = self.waiting.pop_front() else { break };
            let since = Moment::now();
            self.last_start = Some(since);
            match start(&address, self.deadline, self.cancel) {
                Ok(socket) => self.running.push(Attempt { address, socket, since }),
                Err(why) => self.fail(why),
            }
        }
    }

    fn until_next_start(&self) -> Duration {
        // Where a cancel cannot end the wait, it is looked for.
        let longest = if cfg!(target_os = "linux") { Duration::MAX } else { CANCEL_CHECK };
        match self.last_start {
            _ if self.waiting.is_empty() => longest,
            Some(start) => HEAD_START.saturating_sub(start.elapsed()).min(longest),
            None => Duration::ZERO,
        }
    }

    /// One that is connected; those that have failed are taken out.
    fn take_decided(&mut self, outcomes: Vec<Outcome>) -> Option<Attempt> {
        let mut connected = None;
        for (attempt, outcome) in std::mem::take(&mut self.running).into_iter().zip(outcomes) {
            match (outcome, &connected) {
                (Some(Ok(())), None) => connected = Some(attempt),
                (Some(Err(why)), None) => self.fail(why),
                _ => self.running.push(attempt),
            }
        }
        connected
    }

    /// The next one need not wait. What tells most is told, whatever the others fail with.
    fn fail(&mut self, why: io::Error) {
        let before = self.last_failure.take().filter(|before| weight(before) > weight(&why));
        self.last_failure = Some(before.unwrap_or(why));
        self.last_start = None;
    }
}

/// That the host has run out of something tells most; least, that it has no way to an address of the
/// kind, as one without IPv6.
fn weight(why: &io::Error) -> u8 {
    use io::ErrorKind::{AddrNotAvailable, InvalidInput, NetworkUnreachable};
    match why.kind() {
        _ if exhausted(why).is_some() => 2,
        _ if why.raw_os_error() == Some(NO_FAMILY) => 0,
        AddrNotAvailable | InvalidInput | NetworkUnreachable => 0,
        _ => 1,
    }
}

/// Begins to connect; a connection that stands at once is met by the next wait.
fn start(address: &SocketAddr, deadline: Deadline, cancel: &CancelHandle) -> io::Result<Socket> {
    let socket = nonblocking(Domain::for_address(*address))?;
    match socket.connect(&SockAddr::from(*address)) {
        Err(why) if !is_in_progress(&why) => return Err(why),
        _ => {}
    }
    let socket = Socket::new(TcpStream::from(socket), deadline);
    cancel.attach(socket.stream.clone());
    Ok(socket)
}

fn is_in_progress(why: &io::Error) -> bool {
    #[cfg(unix)]
    let in_progress = why.raw_os_error() == Some(libc::EINPROGRESS);
    #[cfg(not(unix))]
    let in_progress = false;
    in_progress || why.kind() == io::ErrorKind::WouldBlock
}

/// The families by turns, beginning with that of the first.
pub(crate) fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let (preferred, others): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let mut ranked: Vec<_> = preferred.into_iter().enumerate().collect();
    ranked.extend(others.into_iter().enumerate());
    // Stable: the preferred one is the first of two.
    ranked.sort_by_key(|(place, _)| *place);
    ranked.into_iter().map(|(_, address)| address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;
    use std::time::Instant;

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("bound");
        (listener, address)
    }

    fn race(addresses: Vec<SocketAddr>, cancel: &CancelHandle) -> Race<'_> {
        Race::new(addresses, Deadline::after(Duration::from_secs(30)), cancel)
    }

    /// What the next one fails with.
    fn error_of(mut race: Race) -> io::ErrorKind {
        race.next().map(drop).expect_err("none is left").kind()
    }

    #[test]
    fn families_take_turns() {
        let parse = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().expect("an address")).collect()
        };
        let (a, b, c, x, y) = ("[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1");
        for (given, expected) in [
            (vec![a, b, c, x, y], vec![a, x, b, y, c]),
            (vec![x, a, b], vec![x, a, b]),
            (vec![x, y], vec![x, y]),
            (vec![], vec![]),
        ] {
            assert_eq!(interleaved(parse(&given)), parse(&expected));
        }
    }

    #[test]
    fn one_that_fails_gives_way_at_once() {
        let (_listener, good) = listener();
        let refused = || listener().1;
        let cancel = CancelHandle::default();
        let begun = Instant::now();
        let mut race = race(vec![refused(), refused(), good], &cancel);
        assert_eq!(race.next().expect("connected").address, good);
        assert_eq!(race.left(), 0);
        assert!(begun.elapsed() < HEAD_START);
        assert_eq!(error_of(race), io::ErrorKind::ConnectionRefused);
        cancel.cancel();
        assert_eq!(error_of(self::race(vec![good], &cancel)), io::ErrorKind::Interrupted);
    }

    #[cfg(unix)]
    #[test]
    fn what_tells_most_is_told_whatever_the_others_fail_with() {
        use libc::{EADDRNOTAVAIL, EAFNOSUPPORT, ECONNREFUSED, EHOSTUNREACH, EMFILE, ENETUNREACH};
        for (failures, expected) in [
            ([ECONNREFUSED, EMFILE, ECONNREFUSED], EMFILE),
            ([ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL], ECONNREFUSED),
            ([EAFNOSUPPORT, EHOSTUNREACH, EAFNOSUPPORT], EHOSTUNREACH),
            ([libc::EINVAL, ECONNREFUSED, libc::EINVAL], ECONNREFUSED),
            ([EADDRNOTAVAIL, EADDRNOTAVAIL, ENETUNREACH], ENETUNREACH),
        ] {
            let cancel = CancelHandle::default();
            let mut race = race(Vec::new(), &cancel);
            for number in failures {
                race.fail(io::Error::from_raw_os_error(number));
            }
            let told = race.next().map(drop).expect_err("none is left");
            assert_eq!(told.raw_os_error(), Some(expected), "{failures:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn one_that_is_overtaken_ends_though_a_child_holds_a_copy() {
        crate::sys::fork::tests::happens();
        let (listener, address) = listener();
        let cancel = CancelHandle::default();
        let mut race = race(vec![address], &cancel);
        race.start_due();
        let _copy = race.running[0].socket.stream.try_clone().expect("cloned");
        let (mut far, _) = listener.accept().expect("accepted");
        far.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        drop(race);
        assert_eq!(far.read(&mut [0]).expect("an end"), 0);
    }
}
