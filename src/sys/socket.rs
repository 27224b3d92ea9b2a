//! What a TCP socket knows and std does not ask.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

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

/// Windows 10 tells from its version 1703 on, while the connection lasts.
#[cfg(windows)]
pub(crate) fn unacknowledged(stream: &TcpStream) -> Option<bool> {
    use std::os::windows::io::AsRawSocket;
    use std::ptr;

    use windows_sys::Win32::Networking::WinSock::{SIO_TCP_INFO, SOCKET, TCP_INFO_v0, WSAIoctl};

    let version: u32 = 0;
    let mut info = TCP_INFO_v0::default();
    let mut written = 0;
    // SAFETY: the socket is open as long as `stream` lives, the pointers are to locals of the sizes
    // that are given, and nothing goes on after the call.
    let outcome = unsafe {
        WSAIoctl(
            stream.as_raw_socket() as SOCKET,
            SIO_TCP_INFO,
            (&raw const version).cast(),
            size_of_val(&version) as u32,
            (&raw mut info).cast(),
            size_of_val(&info) as u32,
            &mut written,
            ptr::null_mut(),
            None,
        )
    };
    let told = outcome == 0 && written as usize == size_of_val(&info);
    told.then_some(info.BytesInFlight > 0)
}

#[cfg(not(any(target_os = "linux", windows)))]
pub(crate) fn unacknowledged(_: &TcpStream) -> Option<bool> {
    None
}

/// Waits until there is something to read, an end included, or until the time is up; whether it is the
/// former. An end that comes from this side may show to a look alone.
pub(crate) fn wait_readable(socket: &TcpStream, time: Duration) -> bool {
    #[cfg(unix)]
    return poll([socket].into_iter(), libc::POLLIN, time).iter().any(|seen| *seen != 0);
    #[cfg(windows)]
    {
        use std::os::windows::io::AsRawSocket;
        use windows_sys::Win32::Networking::WinSock::{POLLRDNORM, SOCKET, WSAPOLLFD, WSAPoll};

        let fd = socket.as_raw_socket() as SOCKET;
        let mut polled = WSAPOLLFD { fd, events: POLLRDNORM, revents: 0 };
        // SAFETY: the pointer is to one struct.
        unsafe { WSAPoll(&mut polled, 1, milliseconds(time)) > 0 }
    }
}

/// What has come of a socket that is being connected; `None`: nothing yet.
pub(crate) type Outcome = Option<io::Result<()>>;

/// Waits until one of the sockets, which are all being connected, is connected or has failed, or until
/// the time is up; gives what has come of each.
#[cfg(unix)]
pub(crate) fn wait_connected<'a>(
    sockets: impl Iterator<Item = &'a TcpStream> + Clone,
    time: Duration,
) -> Vec<Outcome> {
    let outcome = |(socket, seen): (&TcpStream, libc::c_short)| match seen {
        0 => None,
        libc::POLLOUT => Some(Ok(())),
        _ => outcome(socket),
    };
    let seen = poll(sockets.clone(), libc::POLLOUT, time);
    sockets.zip(seen).map(outcome).collect()
}

/// What there is to see at each of the sockets. Where it fails, by a signal for example, that is nothing.
#[cfg(unix)]
fn poll<'a>(
    sockets: impl Iterator<Item = &'a TcpStream>,
    events: libc::c_short,
    time: Duration,
) -> Vec<libc::c_short> {
    use std::os::fd::AsRawFd;

    let mut polled: Vec<_> =
        sockets.map(|socket| libc::pollfd { fd: socket.as_raw_fd(), events, revents: 0 }).collect();
    let count = polled.len() as libc::nfds_t;
    // SAFETY: the pointer is to as many structs as it says.
    unsafe { libc::poll(polled.as_mut_ptr(), count, milliseconds(time)) };
    polled.iter().map(|polled| polled.revents).collect()
}

fn outcome(socket: &TcpStream) -> Outcome {
    match socket.take_error() {
        Ok(Some(why)) | Err(why) => Some(Err(why)),
        Ok(None) => socket.peer_addr().is_ok().then_some(Ok(())),
    }
}

/// Not less than asked for: a poll that ends too early would go round and round.
fn milliseconds(time: Duration) -> i32 {
    time.as_micros().div_ceil(1_000).try_into().unwrap_or(i32::MAX)
}

/// Before Windows 10 a poll there does not tell that a connection has failed.
#[cfg(not(unix))]
pub(crate) fn wait_connected<'a>(
    sockets: impl Iterator<Item = &'a TcpStream>,
    time: Duration,
) -> Vec<Outcome> {
    std::thread::sleep(time.min(Duration::from_millis(5)));
    sockets.map(outcome).collect()
}

/// A TCP socket that does not block, from its birth on where the system has that.
pub(crate) fn nonblocking(domain: Domain) -> io::Result<Socket> {
    let kind = Type::STREAM;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let kind = kind.nonblocking();
    let socket = Socket::new(domain, kind, Some(Protocol::TCP))?;
    #[cfg(unix)]
    let socket = above_standard(socket)?;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The same socket, not in the place of standard input, output or error: a host that has closed one
/// of them may still write there, and what it writes would go to the gateway.
#[cfg(unix)]
fn above_standard(socket: Socket) -> io::Result<Socket> {
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

#[cfg(all(test, target_os = "linux"))]
pub(crate) mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::time::Instant;

    use super::*;

    /// Both ends of a connection.
    pub fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        (near, listener.accept().expect("accepted").0)
    }

    /// Sends more than the other side takes without reading.
    pub fn stuff(mut near: &TcpStream) {
        near.set_nonblocking(true).expect("set");
        while near.write(&[0; 65_536]).is_ok() {}
        near.set_nonblocking(false).expect("set");
    }

    #[test]
    fn a_wait_is_never_early_and_an_end_leaves_nothing_unacknowledged() {
        const LONG: Duration = Duration::from_secs(60);
        const SHORT: Duration = Duration::from_micros(2_500);
        let (near, far) = pair();
        let begun = Instant::now();
        assert!(!wait_readable(&near, SHORT));
        assert!(begun.elapsed() >= SHORT);
        drop(far);
        assert!(wait_readable(&near, LONG) && begun.elapsed() < LONG);
        assert_eq!(unacknowledged(&near), Some(false));
    }
}
