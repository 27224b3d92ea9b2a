//! One connection of the fault gateway: reads, writes, and goes wrong step by step.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection};
use socket2::SockRef;

use super::{Config, Met, Script, Shared, Step};
use crate::tls::await_bytes;
use crate::{caller, lock, wait_until};

/// A connection as the gateway has it.
pub struct Connection<'a> {
    stream: TcpStream,
    tls: Option<ServerConnection>,
    /// Bytes that are ready for the socket, and wait for a step.
    held: Vec<u8>,
    /// Something was sent since the other side's last bytes.
    answered: bool,
    turn: usize,
    shared: &'a Shared,
}

impl Drop for Connection<'_> {
    /// The copy that a stop would shut down keeps the socket open otherwise.
    fn drop(&mut self) {
        lock(&self.shared.open).remove(&self.turn);
    }
}

impl<'a> Connection<'a> {
    pub fn new(
        stream: TcpStream,
        tls: Option<ServerConnection>,
        turn: usize,
        shared: &'a Shared,
    ) -> Self {
        Connection { stream, tls, held: Vec::new(), answered: false, turn, shared }
    }

    /// A whole script, with what `tls` says for the handshake.
    pub fn follow(mut self, script: Script, tls: Config) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        match (&script, tls) {
            (Script::Http(_), Some(config)) => self.secure(config)?,
            (Script::HoldsTickets(_), Some(config)) => self.secure_but_for_tickets(config)?,
            _ => {}
        }
        let (Script::Http(steps) | Script::HoldsTickets(steps) | Script::Tcp(steps)) = script;
        self.go_through(steps)
    }

    /// The steps, then the end.
    pub fn go_through(mut self, steps: Vec<Step>) -> io::Result<()> {
        let mut steps = VecDeque::from(steps);
        while let Some(step) = steps.pop_front() {
            match step {
                Step::Cut => return self.stream.shutdown(Shutdown::Write),
                Step::Reset => {
                    self.await_read()?;
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
        lock(&self.shared.seen).clients.push(Met {
            handshake: tls.handshake_kind(),
            asked_for: tls.server_name().map(str::to_owned),
            certificate: tls.peer_certificates().map(|chain| chain[0].clone().into_owned()),
        });
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
            Step::Read | Step::Await | Step::Take => self.answered = false,
            Step::Wait(_) | Step::Tell(_) => {}
            _ => self.answered = true,
        }
        match step {
            Step::Read => self.read_request().map(drop),
            Step::Await => await_bytes(&self.stream, self.tls.as_mut()),
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
            Step::SendAndBare(bytes, bare) => self.write_and_bare(&bytes, bare),
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
            Step::AwaitEnd => io::copy(self, &mut io::sink()).map(drop),
            Step::Cut | Step::Reset | Step::Obey(_) => unreachable!("they steer the script"),
        }
    }

    /// With a RST Windows, and so Wine, drops what it has received and nobody has read yet.
    fn await_read(&self) -> io::Result<()> {
        if self.answered && caller().is_some() {
            let ports = (self.stream.local_addr()?.port(), self.stream.peer_addr()?.port());
            wait_until(|| !waits(ports.0, ports.1));
        }
        Ok(())
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
        lock(&self.shared.seen).requests.push(request.clone());
        Ok(request)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls, &mut self.stream).write_all(bytes),
            None => self.stream.write_all(bytes),
        }
    }

    fn hold(&mut self, bytes: &[u8]) -> io::Result<()> {
        let tls = self.tls.as_mut().ok_or(ErrorKind::Unsupported)?;
        tls.writer().write_all(bytes)?;
        while tls.wants_write() {
            tls.write_tls(&mut self.held)?;
        }
        Ok(())
    }

    fn write_and_bare(&mut self, bytes: &[u8], bare: &[u8]) -> io::Result<()> {
        self.hold(bytes)?;
        self.held.extend(bare);
        self.write_held(self.held.len())
    }

    fn write_part(&mut self, bytes: &[u8], amount: usize) -> io::Result<()> {
        self.hold(bytes)?;
        assert!(amount < self.held.len(), "a part of {} bytes", self.held.len());
        self.write_held(amount)
    }

    fn write_held(&mut self, amount: usize) -> io::Result<()> {
        let rest = self.held.split_off(amount);
        self.stream.write_all(&std::mem::replace(&mut self.held, rest))
    }

    /// Until one side goes.
    fn tunnel(&mut self, answer: &[u8]) -> io::Result<()> {
        let request = lock(&self.shared.seen).requests.last().cloned().unwrap_or_default();
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
            lock(&self.shared.seen).passed_on.extend(&bytes[..amount]);
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
                lock(&self.shared.seen).goodbyes += usize::from(amount == 0);
                Ok(amount)
            }
            None => self.stream.read(buffer),
        }
    }
}

/// Whether anything from one port to the other has not arrived, or is not read, as Linux has it.
fn waits(from: u16, to: u16) -> bool {
    const EMPTY: &str = "00000000";
    let table = fs::read_to_string("/proc/self/net/tcp").expect("Linux's table of connections");
    let [from, to] = [from, to].map(|port| format!(":{port:04X}"));
    table.lines().any(|line| {
        let words: Vec<_> = line.split_whitespace().take(5).collect();
        let [_, local, remote, _, queues] = words[..] else { return false };
        let ends = |one: &str, other: &str| local.ends_with(one) && remote.ends_with(other);
        let (sent, received) = queues.split_once(':').expect("both queues");
        (ends(&from, &to) && sent != EMPTY) || (ends(&to, &from) && received != EMPTY)
    })
}
