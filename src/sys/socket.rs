//! What a TCP socket knows and std does not ask.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use socket2::Socket;

/// Whether the other side has yet to acknowledge a part of what was sent; `None` where the system
/// does not tell. It is known also after the connection has ended.
#[cfg(target_os = "linux")]
pub(crate) fn unacknowledged(stream: &TcpStream) -> Option<bool> {
    use std::os::fd::AsRawFd;

    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open as long as `stream` lives, and this request (SIOCOUTQ by its
    // other name) writes one int.
    let outcome = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &mut bytes) };
    (outcome == 0).then_some(bytes > 0)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn unacknowledged(_: &TcpStream) -> Option<bool> {
    None
}

/// Waits until one of the sockets, which are all being connected, is connected or has failed, or until
/// the time is up.
#[cfg(unix)]
pub(crate) fn wait_connected<'a>(sockets: impl Iterator<Item = &'a TcpStream>, time: Duration) {
    use std::os::fd::AsRawFd;

    let mut polled: Vec<_> = sockets
        .map(|socket| libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 })
        .collect();
    // Not less than asked for: a poll that ends too early would go round and round.
    let time = time.as_micros().div_ceil(1_000).try_into().unwrap_or(libc::c_int::MAX);
    // SAFETY: the pointer is to as many structs as it says. Where it fails, by a signal for example,
    // the caller looks at its sockets earlier than it had to.
    unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, time) };
}

/// Before Windows 10 a poll there does not tell that a connection has failed.
#[cfg(not(unix))]
pub(crate) fn wait_connected<'a>(_: impl Iterator<Item = &'a TcpStream>, time: Duration) {
    std::thread::sleep(time.min(Duration::from_millis(5)));
}

/// The same socket, not in the place of standard input, output or error: a host that has closed one
/// of them may still write there, and what it writes would go to the gateway.
#[cfg(unix)]
pub(crate) fn above_standard(socket: Socket) -> io::Result<Socket> {
    use std::os::fd::{AsRawFd, FromRawFd};

    const FIRST: libc::c_int = 3;
    if socket.as_raw_fd() >= FIRST {
        return Ok(socket);
    }
    // SAFETY: the descriptor is open as long as `socket` lives.
    let moved = unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_DUPFD_CLOEXEC, FIRST) };
    if moved < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that was just made, and that nobody else has.
    Ok(unsafe { Socket::from_raw_fd(moved) })
}

#[cfg(not(unix))]
pub(crate) fn above_standard(socket: Socket) -> io::Result<Socket> {
    Ok(socket)
}

#[cfg(all(test, target_os = "linux"))]
pub(crate) mod tests {
    use super::*;

    /// A backlog of one, which is full after two connections.
    pub fn shrink_backlog(listener: &TcpListener) -> i32 {
        use std::os::fd::AsRawFd;
        // SAFETY: the descriptor is open as long as `listener` lives.
        unsafe { libc::listen(listener.as_raw_fd(), 0) }
    }

    use std::io::{Read, Write};
    use std::net::TcpListener;

    #[test]
    fn what_the_other_side_does_not_read_stays_unacknowledged() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let mut near =
            TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (mut far, _) = listener.accept().expect("accepted");
        assert_eq!(unacknowledged(&near), Some(false));
        near.set_nonblocking(true).expect("set");
        let mut sent = 0;
        while let Ok(amount) = near.write(&[0; 65_536]) {
            sent += amount;
        }
        assert_eq!(unacknowledged(&near), Some(true));
        while sent > 0 {
            sent -= far.read(&mut [0; 65_536]).expect("read");
        }
        while unacknowledged(&near) == Some(true) {
            std::thread::yield_now();
        }
        drop(far);
        assert_eq!(near.read(&mut [0]).expect("the end"), 0);
        assert_eq!(unacknowledged(&near), Some(false));
    }
}
