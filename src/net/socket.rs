//! A TCP socket that never blocks past its call's deadline.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;

use super::cancel::CANCEL_CHECK;
use super::cause::Cause;
use super::deadline::Deadline;
use super::rules::Waiting;
use crate::sys::clock::Moment;
use crate::sys::fork;
use crate::sys::socket::{unacknowledged, wait_readable};

#[derive(Debug)]
pub(crate) struct Socket {
    pub stream: Arc<TcpStream>,
    pub deadline: Deadline,
    receive_wait: Duration,
    send_wait: Duration,
    /// The operating system's number of the last failure, also where a layer above hides it.
    pub os_error: Option<i32>,
    /// How many bytes were given to the socket since they were last counted anew.
    pub sent: usize,
    /// Since when the bytes that were sent wait to be acknowledged, on a connection that has waited
    /// for its call: where the other side does not even do that, the path has died without a word.
    pub doubted_from: Option<Moment>,
    /// Something has come since the last bytes were sent.
    heard: bool,
    generation: u32,
}

impl Socket {
    pub fn new(stream: impl Into<Arc<TcpStream>>, deadline: Deadline) -> Self {
        Socket {
            stream: stream.into(),
            deadline,
            receive_wait: Duration::ZERO,
            send_wait: Duration::ZERO,
            os_error: None,
            sent: 0,
            doubted_from: None,
            heard: false,
            generation: fork::generation(),
        }
    }

    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
        self.os_error = None;
    }

    /// Acknowledges what has come, and the next bytes, at once. A gateway under Nagle's rule holds the
    /// rest of its answer back until what it sent before is acknowledged, which would otherwise take us
    /// 40 ms. The system forgets it after the next bytes.
    pub fn acknowledge_at_once(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = SockRef::from(&*self.stream).set_tcp_quickack(true);
    }

    /// Looks without taking anything and without waiting.
    pub fn waiting(&mut self) -> io::Result<Waiting> {
        self.check_process()?;
        match peek(&self.stream) {
            Ok(0) => Ok(Waiting::End),
            Ok(_) => Ok(Waiting::Data),
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => Ok(Waiting::Nothing),
            outcome => self.note(outcome.map(|_| Waiting::End)),
        }
    }

    /// Waits until the other side says something, closes or has said nothing for so long. Not by a
    /// time-out of the socket: after one Windows leaves it in no defined state.
    pub fn speaks_within(&mut self, patience: Duration) -> io::Result<bool> {
        let patience = self.deadline.capped(patience, "wait");
        while self.waiting()? == Waiting::Nothing {
            match patience.remaining() {
                Ok(remaining) => wait_readable(&self.stream, remaining.min(CANCEL_CHECK)),
                Err(_) => return self.deadline.remaining().map(|_| false),
            };
        }
        Ok(true)
    }

    /// Waits for bytes and leaves them where they are.
    pub fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(|stream| stream.peek(buffer))
    }

    /// Sends what can be sent without waiting; whether that is all of it does not matter.
    pub fn send_at_once(&self, bytes: &[u8]) {
        if self.check_process().is_ok() {
            let _ = send_at_once(&self.stream, bytes);
        }
    }

    fn receive(
        &mut self,
        mut receive: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.check_process()?;
        if cfg!(windows) {
            self.wait_while_doubted()?;
        }
        loop {
            let wait = wait(self.receive_wait, self.deadline.remaining()?);
            if wait != self.receive_wait {
                self.stream.set_read_timeout(Some(wait))?;
                self.receive_wait = wait;
            }
            match receive(&self.stream) {
                Err(why) if try_again(&why) => self.check_acknowledged()?,
                outcome => return self.note(outcome),
            }
        }
    }

    /// Waits until there is something to receive or the doubt is over, without a time-out of the
    /// socket.
    fn wait_while_doubted(&mut self) -> io::Result<()> {
        while let Some(since) = self.doubted_from {
            let pause = pause(since.elapsed(), self.deadline.remaining()?);
            if wait_readable(&self.stream, pause) || self.waiting()? != Waiting::Nothing {
                break;
            }
            self.check_acknowledged()?;
        }
        Ok(())
    }

    fn check_acknowledged(&mut self) -> io::Result<()> {
        let late = |since: Moment| since.elapsed() >= ACKNOWLEDGED_WITHIN;
        if !self.doubted_from.is_some_and(late) {
            return Ok(());
        }
        // What is acknowledged now has arrived: from here on the answer may take its time.
        self.doubted_from = None;
        match unacknowledged(&self.stream) {
            Some(true) => Err(Cause::Unacknowledged.into()),
            Some(false) | None => Ok(()),
        }
    }

    /// A process that was forked in the middle of a call has a copy of the socket: two would speak
    /// on one connection.
    fn check_process(&self) -> io::Result<()> {
        if self.generation == fork::generation() {
            return Ok(());
        }
        Err(io::Error::other(FORKED))
    }

    fn note<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        if let Err(why) = &outcome {
            self.os_error = why.raw_os_error();
        }
        outcome
    }
}

pub(super) const FORKED: &str =
    "this process was forked during the call, which goes on in the parent";

/// A round trip and some retransmissions on any path that a phone rings at the end of.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(1_500);

#[cfg(unix)]
fn peek(stream: &TcpStream) -> io::Result<usize> {
    let mut byte = [std::mem::MaybeUninit::uninit()];
    SockRef::from(stream).recv_with_flags(&mut byte, libc::MSG_PEEK | libc::MSG_DONTWAIT)
}

#[cfg(not(unix))]
fn peek(stream: &TcpStream) -> io::Result<usize> {
    let mut byte = [std::mem::MaybeUninit::uninit()];
    stream.set_nonblocking(true)?;
    let seen = SockRef::from(stream).peek(&mut byte);
    stream.set_nonblocking(false)?;
    seen
}

#[cfg(unix)]
fn send_at_once(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    // On Apple's systems an option of the socket stands for it, which std sets.
    #[cfg(target_vendor = "apple")]
    const NO_SIGNAL: i32 = 0;
    #[cfg(not(target_vendor = "apple"))]
    const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
    SockRef::from(stream).send_with_flags(bytes, libc::MSG_DONTWAIT | NO_SIGNAL)
}

#[cfg(not(unix))]
fn send_at_once(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    stream.set_nonblocking(true)?;
    let mut stream = stream;
    stream.write(bytes)
}

/// How long one system call may block. A wait that is set already is kept while it fits, as each
/// change costs a system call; near the end it is exact.
fn wait(set: Duration, remaining: Duration) -> Duration {
    // After a time-out Windows leaves the socket in no defined state: one exact wait there, behind
    // those of `wait_while_doubted`.
    if cfg!(windows) || remaining <= Duration::from_millis(100) {
        remaining
    } else if remaining > ACKNOWLEDGED_WITHIN {
        // Not longer: then there is something to look at, and a machine that sleeps meanwhile makes
        // no wait longer than this.
        ACKNOWLEDGED_WITHIN
    } else if set <= remaining && set >= remaining / 4 {
        set
    } else {
        remaining / 4 * 3
    }
}

/// How long a wait may take that ends with the doubt and with the deadline, and that a cancel does not
/// interrupt everywhere.
fn pause(doubted: Duration, remaining: Duration) -> Duration {
    ACKNOWLEDGED_WITHIN.saturating_sub(doubted).min(remaining).min(CANCEL_CHECK)
}

/// Worth another round, which ends at the deadline.
fn try_again(why: &io::Error) -> bool {
    match why.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => true,
        // SO_RCVTIMEO's error there; elsewhere it is TCP that gave up.
        io::ErrorKind::TimedOut => cfg!(windows),
        _ => false,
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.heard {
            // What came was not all.
            self.acknowledge_at_once();
        }
        let outcome = self.receive(|mut stream| stream.read(buffer));
        self.heard |= outcome.is_ok();
        outcome
    }
}

impl Write for Socket {
    /// `send` with MSG_NOSIGNAL underneath, never `writev`: a dead peer must not raise SIGPIPE.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check_process()?;
        self.deadline.remaining()?;
        // There is room for most, and then no time-out of the socket has to be set.
        let mut outcome = match cfg!(unix) {
            true => send_at_once(&self.stream, bytes),
            false => Err(io::ErrorKind::WouldBlock.into()),
        };
        while outcome.as_ref().is_err_and(try_again) {
            let wait = wait(self.send_wait, self.deadline.remaining()?);
            if wait != self.send_wait {
                self.stream.set_write_timeout(Some(wait))?;
                self.send_wait = wait;
            }
            outcome = (&*self.stream).write(bytes);
        }
        self.sent += *outcome.as_ref().unwrap_or(&0);
        self.heard = false;
        self.note(outcome)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Socket {
    /// Ends the connection even where a forked child holds a copy of the socket, which closing it would
    /// not, and leaves it alone in that child.
    fn drop(&mut self) {
        if fork::has_happened() && self.generation == fork::generation() {
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_kept_while_it_fits_and_exact_at_the_end() {
        let ms = Duration::from_millis;
        assert_eq!(wait(Duration::ZERO, ms(50)), ms(50));
        if cfg!(unix) {
            assert_eq!(wait(Duration::ZERO, ms(10_000)), ms(1_500));
            assert_eq!(wait(ms(1_500), ms(9_999)), ms(1_500));
            assert_eq!(wait(ms(1_500), ms(1_000)), ms(750));
            assert_eq!(wait(ms(750), ms(900)), ms(750));
            assert_eq!(wait(ms(750), ms(400)), ms(300));
        }
    }

    #[test]
    fn a_pause_ends_with_the_doubt_and_with_the_deadline() {
        let ms = Duration::from_millis;
        for (doubted, remaining, expected) in [
            (0, 10_000, 20),
            (1_490, 10_000, 10),
            (1_500, 10_000, 0),
            (9_000, 10_000, 0),
            (0, 7, 7),
        ] {
            assert_eq!(pause(ms(doubted), ms(remaining)), ms(expected), "{doubted} {remaining}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_is_doubted_until_something_comes_or_what_was_sent_has_arrived() {
        use crate::net::failure::connection_died;
        use crate::sys::socket::tests::{pair, stuff};

        const LONG: Duration = Duration::from_secs(60);
        let [silent, also_silent, taken, answered, shut] = [(); 5].map(|()| pair());
        stuff(&silent.0);
        stuff(&also_silent.0);
        (&taken.0).write_all(b"request").expect("sent");
        (&answered.1).write_all(b"answer").expect("sent");
        shut.0.shutdown(Shutdown::Both).expect("shut down");
        // Whether the doubt goes on, or what the error says and whether the connection died.
        let dead = Err(("what was sent has not been acknowledged".to_owned(), true));
        let late = Err(("the time-out of 40 ms passed".to_owned(), false));
        let nearly = ACKNOWLEDGED_WITHIN - 3 * CANCEL_CHECK;
        // TCP may acknowledge 200 ms late.
        let earlier = ACKNOWLEDGED_WITHIN - 25 * CANCEL_CHECK;
        for (near, sent_ago, deadline, expected) in [
            (&silent.0, nearly, LONG, dead),
            (&also_silent.0, Duration::ZERO, 2 * CANCEL_CHECK, late),
            (&taken.0, earlier, LONG, Ok(false)),
            (&answered.0, Duration::ZERO, LONG, Ok(true)),
            (&shut.0, Duration::ZERO, LONG, Ok(true)),
        ] {
            let near = near.try_clone().expect("cloned");
            let mut socket = Socket::new(near, Deadline::after(deadline));
            socket.doubted_from = Moment::now().checked_sub(sent_ago);
            let outcome = socket.wait_while_doubted();
            let told = outcome.map_err(|why| (why.to_string(), connection_died(&why)));
            assert_eq!(told.map(|()| socket.doubted_from.is_some()), expected);
        }
    }
}
