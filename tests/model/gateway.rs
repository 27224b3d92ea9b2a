//! A gateway that goes wrong at random, and writes down what it did and when.

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::{Condvar, MutexGuard};

use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use socket2::SockRef;
use support::tls::await_bytes;

use crate::*;

/// A request that was read to its end: as good as acted upon.
pub struct Request {
    pub serial: u32,
    pub agent: u32,
    pub read: Instant,
    pub polls: bool,
    signs_in: bool,
    /// As they came; "" for none.
    pub guid: String,
    pub cookies: String,
}

impl Request {
    /// Read from its head and body; without the time.
    fn of(head: &str, body: &str) -> Option<Self> {
        let line = |name| {
            let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
            lines.find(|(found, _)| *found == name).map_or("", |(_, value)| value).to_owned()
        };
        let (guid, cookies) = (line("Guid"), line("Cookie"));
        let mut words = head.split(' ');
        let method = words.next()?;
        let agent = words.next()?.split('/').nth(4)?.parse().ok()?;
        let phone = body.split_once(r#""phonenum":""#).and_then(|(_, phone)| phone.split_once('"'));
        let serial = match read_guid(&guid) {
            None => phone?.0.parse().ok()?,
            Some((Named::Given, _, serial)) => serial,
            Some(_) => read_cookies(&cookies).1?,
        };
        let (polls, signs_in) = (method == "GET", method == "PUT");
        Some(Request { serial, agent, read: Instant::now(), polls, signs_in, guid, cookies })
    }

    /// What the answer to it brings: a sign-in always a Guid, the others by their numbers.
    fn whose(&self) -> Whose {
        let brings_guid = self.signs_in || self.serial % 2 == 0;
        let brings_event = self.serial % 3 > 0;
        Whose { agent: self.agent, serial: self.serial, brings_guid, brings_event }
    }
}

/// More than there are calls in a world. Each connection has a number of its own for its answer to
/// nobody.
const NOBODY: u32 = 1_000_000;

/// An answer of which at least a byte was sent.
pub struct Sent {
    /// The request that it is for; [`NOBODY`] and more: for none.
    pub serial: u32,
    pub form: &'static Form,
    /// Nobody asked for it, or it was given already.
    pub unasked: bool,
    /// How many requests had been read when its first byte went out.
    pub requests: usize,
    pub begun: Instant,
    /// It began in one write with the end of what came before.
    pub glued: bool,
    /// From then on its first byte is known to have arrived.
    pub arrived: Option<Instant>,
    pub whole: Option<Instant>,
}

impl Sent {
    /// The library could see its first byte when the call began. `read`: whoever called before has
    /// read what it is glued to.
    pub fn waited_for(&self, call: Instant, read: bool) -> bool {
        (self.glued && read) || self.arrived.is_some_and(|arrived| arrived <= call)
    }
}

/// What happened on a connection.
pub struct Connection {
    pub accepted: Instant,
    pub requests: Vec<Request>,
    pub sent: Vec<Sent>,
    /// When the last byte of an answer was about to be written.
    pub wrote: Option<Instant>,
    /// When it was about to be closed by the gateway.
    pub closed: Option<Instant>,
    pub reset: bool,
    /// All that the client ever sent was read.
    read_out: bool,
    /// From then on the client knows that the gateway has closed it.
    gone: Option<Instant>,
}

impl Connection {
    fn new() -> Self {
        let (accepted, requests, sent) = (Instant::now(), Vec::new(), Vec::new());
        let (wrote, closed, reset, read_out, gone) = (None, None, false, false, None);
        Connection { accepted, requests, sent, wrote, closed, reset, read_out, gone }
    }

    /// Not a byte of the request was written to it.
    pub fn is_not_for(&self, serial: u32, over: Over, began: Instant, ended: Instant) -> bool {
        // Behind a handshake nothing is written before the gateway has accepted.
        (over != Over::Plain && self.accepted > ended)
            || self.gone.is_some_and(|gone| gone <= began)
            || (self.read_out && self.requests.iter().all(|request| request.serial != serial))
    }

    /// A call that came to nothing may have met what the gateway did wrong here.
    pub fn excuses(&self, began: Instant, ended: Instant) -> bool {
        let wrong = self.closed.is_some() || self.sent.iter().any(|sent| sent.unasked);
        wrong && self.accepted <= ended && self.gone.is_none_or(|gone| gone > began)
    }

    /// What happened, in milliseconds from then.
    pub fn tell(&self, then: Instant) -> String {
        let read = self.requests.iter().map(|request| (request.read, "read", request.serial));
        let begun = self.sent.iter().map(|sent| {
            let what = if sent.unasked { "unasked answer to" } else { "answer to" };
            (sent.begun, what, sent.serial)
        });
        let arrived =
            self.sent.iter().filter_map(|sent| Some((sent.arrived?, "came to", sent.serial)));
        let closed = self.closed.map(|closed| (closed, "closed after", self.requests.len() as u32));
        let mut events: Vec<_> = read.chain(begun).chain(arrived).chain(closed).collect();
        events.sort();
        let ms = |at: Instant| (at - then).as_secs_f64() * 1e3 - (then - at).as_secs_f64() * 1e3;
        events.iter().map(|(at, what, whose)| format!("; {:.2} {what} {whose}", ms(*at))).collect()
    }
}

#[derive(Default)]
struct State {
    connections: Vec<Connection>,
    /// Threads that do something, and those that there are.
    busy: usize,
    open: usize,
    /// Connections are made ahead of calls just now.
    ahead: bool,
    /// No connection is served.
    refuses: bool,
    over: bool,
    port_open: bool,
}

struct Shared {
    plan: Arc<Plan>,
    tls: Option<Arc<ServerConfig>>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn wait_until(&self, done: impl Fn(&State) -> bool) {
        const PATIENCE: Duration = Duration::from_secs(60);
        let waiting = |state: &mut State| !done(state);
        let waited = self.changed.wait_timeout_while(self.state(), PATIENCE, waiting);
        let waited = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.1.timed_out(), "a connection does not come to its end");
    }
}

pub struct Gateway {
    pub port: u16,
    shared: Arc<Shared>,
}

impl Gateway {
    pub fn start(plan: &Arc<Plan>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let port = listener.local_addr().expect("bound").port();
        let tls = plan.over.config(false).map(|config| {
            let mut config = Arc::unwrap_or_clone(config);
            config.send_half_rtt_data = true;
            Arc::new(config)
        });
        let (plan, state, changed) = (plan.clone(), Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { plan, tls, state, changed });
        let gateway = Gateway { port, shared: shared.clone() };
        shared.state().port_open = true;
        thread::spawn(move || accept(&listener, &shared));
        gateway
    }

    /// Waits until all has been done that is done between calls.
    pub fn settle(&self) {
        self.shared.wait_until(|state| state.busy == 0);
    }

    /// No connection gets so far that a request can be read; over TLS, that one can be sent.
    pub fn refuse(&self, refuses: bool) {
        self.shared.state().refuses = refuses;
    }

    pub fn expect_no_request(&self, ahead: bool) {
        self.shared.state().ahead = ahead;
    }

    /// Once the clients have gone.
    pub fn stop(self) -> Vec<Connection> {
        self.shared.state().over = true;
        // The acceptor looks when somebody comes.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        self.shared.wait_until(|state| !state.port_open && state.open == 0);
        std::mem::take(&mut self.shared.state().connections)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        let mut state = shared.state();
        // Those that wait already are still taken.
        listener.set_nonblocking(state.over).expect("a socket");
        let id = state.connections.len();
        state.connections.push(Connection::new());
        state.busy += 1;
        state.open += 1;
        let (refused, ahead) = (state.refuses, state.ahead);
        drop(state);
        let dice = Dice::new(shared.plan.seed, 1 + id as u64);
        let (tls, inbox, held, shared) = (None, Vec::new(), Held::default(), shared.clone());
        thread::spawn(move || {
            let mut peer = Peer { stream, tls, inbox, held, id, dice, rests: false, shared };
            // What fails met a client that went away, as clients may.
            let _ = peer.serve(refused, ahead);
        });
    }
    shared.state().port_open = false;
    shared.changed.notify_all();
}

/// An answer: to which request, and in which form.
type Answer = (Whose, &'static Form);

/// What goes out once the next request was read.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    /// The answer that nobody asked for whose rest it is, and its place in the log if it has begun.
    twin: Option<(Answer, Option<usize>)>,
}

/// A connection as the gateway has it.
struct Peer {
    stream: TcpStream,
    tls: Option<ServerConnection>,
    inbox: Vec<u8>,
    held: Held,
    id: usize,
    dice: Dice,
    rests: bool,
    shared: Arc<Shared>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.set_resting(true);
        // Long enough for a RST to arrive.
        let gone = Instant::now() + Duration::from_secs(1);
        self.log(|log| _ = log.gone.get_or_insert(gone));
        self.shared.state().open -= 1;
        self.shared.changed.notify_all();
    }
}

impl Peer {
    fn serve(&mut self, refused: bool, ahead: bool) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        if self.dice.chance(2) || (refused && self.shared.tls.is_none()) {
            return self.end_somehow();
        }
        if let Some(config) = self.shared.tls.clone() {
            self.secure(config, refused)?;
        }
        if ahead && self.held.bytes.is_empty() && self.dice.chance(25) {
            let wire = self.seal(&FORMS[0].text(self.nobody().0))?;
            let (_, before) = cuts(&mut self.dice, wire.len());
            self.put_twin(None, &[], &wire, self.nobody(), (0, before))?;
        }
        if self.dice.chance(2) {
            return self.end_somehow();
        }
        loop {
            if self.dice.chance(2) {
                self.set_resting(true);
                await_bytes(&self.stream, self.tls.as_mut())?;
                return self.end(End::Reset);
            }
            let (whose, polls) = self.read_request()?;
            let doubtful = self.send_held()?;
            match Fate::drawn(&mut self.dice, &self.shared.plan, polls) {
                Fate::Answered { form, pieces, twin, end } => {
                    self.answer((whose, form), pieces, twin)?;
                    if doubtful {
                        self.await_arrival();
                    }
                    if end != End::Stays {
                        thread::sleep(self.dice.pause(2));
                        return self.end(end);
                    }
                }
                Fate::Late => {
                    thread::sleep(self.shared.plan.timeout + Duration::from_millis(10));
                    self.answer((whose, &FORMS[0]), 1, false)?;
                }
                Fate::Broken { end } => {
                    let wire = self.seal(&FORMS[0].text(whose))?;
                    self.begin((whose, &FORMS[0]), false, false);
                    let amount = 1 + self.dice.below(wire.len() - 1);
                    self.put(&wire[..amount])?;
                    thread::sleep(self.dice.pause(2));
                    return self.end(end);
                }
                Fate::Silence => return self.end(End::Stays),
                Fate::Death { after, end } => {
                    thread::sleep(after);
                    return self.end(end);
                }
            }
        }
    }

    /// The handshake, at times with an answer right behind it, or with but a part of the tickets.
    fn secure(&mut self, config: Arc<ServerConfig>, refused: bool) -> io::Result<()> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut early = self.dice.chance(6);
        if early {
            tls.writer().write_all(&FORMS[0].text(self.nobody().0))?;
        }
        while tls.is_handshaking() {
            if tls.read_tls(&mut self.stream)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            tls.process_new_packets().map_err(io::Error::other)?;
            if refused {
                return self.end(End::Cut).and(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            let batch = records(&mut tls)?;
            let last = last_record(&batch);
            let over = !tls.is_handshaking();
            let tickets = over && tls.protocol_version() == Some(ProtocolVersion::TLSv1_3);
            if early && batch.get(last) == Some(&APPLICATION_DATA) {
                early = false;
                let (finished, answer) = batch.split_at(last);
                let part = 1 + self.dice.below(answer.len() - 1);
                let glued = if last == 0 { 0 } else { self.dice.one(&[part, answer.len()]) };
                self.put_twin(None, finished, answer, self.nobody(), (glued, glued))?;
            } else if !self.held.bytes.is_empty() {
                self.held.bytes.extend(batch);
            } else if tickets && !batch.is_empty() && self.dice.chance(50) {
                let amount = self.dice.below(batch.len());
                self.held.bytes = batch[amount..].to_vec();
                self.stream.write_all(&batch[..amount])?;
            } else {
                self.stream.write_all(&batch)?;
            }
        }
        self.tls = Some(tls);
        Ok(())
    }

    /// Whose it is, and whether it polls.
    fn read_request(&mut self) -> io::Result<(Whose, bool)> {
        self.set_resting(true);
        let end = loop {
            if let Some(at) = self.inbox.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.set_resting(false);
        };
        let head = String::from_utf8_lossy(&self.inbox[..end]).into_owned();
        let length =
            head.split_once("Content-Length: ").and_then(|(_, rest)| rest.split_once('\r'));
        let whole = end + length.map_or(0, |(length, _)| length.parse().expect("a length"));
        // Until it is whole it stays: of one that is cut off in its body the head had come.
        while self.inbox.len() < whole {
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let body = String::from_utf8_lossy(&self.inbox[end..whole]).into_owned();
        self.inbox.drain(..whole);
        let request = Request::of(&head, &body).unwrap_or_else(|| panic!("{head}{body}"));
        let whose = (request.whose(), request.polls);
        self.log(|log| log.requests.push(request));
        Ok(whose)
    }

    /// Takes in what has come, or waits for it.
    fn fill(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 4096];
        let amount = loop {
            let Some(tls) = &mut self.tls else { break self.stream.read(&mut bytes)? };
            match tls.reader().read(&mut bytes) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                outcome => break outcome?,
            }
            if tls.read_tls(&mut self.stream)? == 0 {
                break 0;
            }
            tls.process_new_packets().map_err(io::Error::other)?;
        };
        self.inbox.extend(&bytes[..amount]);
        let read_out = amount == 0 && self.inbox.is_empty();
        self.log(|log| log.read_out |= read_out);
        Ok(amount)
    }

    fn answer(&mut self, answer: Answer, pieces: usize, twin: bool) -> io::Result<()> {
        let text = answer.1.text(answer.0);
        let one_record = twin && self.tls.is_some() && self.dice.chance(20);
        let wire = self.seal(&text.repeat(if one_record { 2 } else { 1 }))?;
        let own = self.begin(answer, false, false);
        let mut rest = wire.as_slice();
        for _ in 1..pieces {
            let (piece, behind) = rest.split_at(self.dice.below(rest.len()));
            self.put(piece)?;
            thread::sleep(self.dice.pause(2));
            rest = behind;
        }
        if one_record {
            let twin = self.begin(answer, true, true);
            self.put(rest)?;
            self.is_whole(own);
            self.is_whole(twin);
        } else if twin {
            let wire = self.seal(&text)?;
            let cuts = cuts(&mut self.dice, wire.len());
            self.put_twin(Some(own), rest, &wire, answer, cuts)?;
        } else {
            self.put(rest)?;
            self.is_whole(own);
        }
        Ok(())
    }

    /// The end of what has to be said, and an answer that nobody asked for: up to the first cut in
    /// the same write, up to the second before the next request, the rest after it.
    fn put_twin(
        &mut self,
        own: Option<usize>,
        end: &[u8],
        wire: &[u8],
        twin: Answer,
        (glued, before): (usize, usize),
    ) -> io::Result<()> {
        let mut begun = (glued > 0).then(|| self.begin(twin, true, !end.is_empty()));
        self.put(&[end, &wire[..glued]].concat())?;
        own.into_iter().for_each(|own| self.is_whole(own));
        if before > glued {
            thread::sleep(self.dice.pause(3));
            begun = begun.or_else(|| Some(self.begin(twin, true, false)));
            self.put(&wire[glued..before])?;
            self.await_arrival();
        }
        if before == wire.len() {
            begun.into_iter().for_each(|twin| self.is_whole(twin));
        } else {
            self.held = Held { bytes: wire[before..].to_vec(), twin: Some((twin, begun)) };
        }
        Ok(())
    }

    /// Whether it was an answer that may be taken for the one to come.
    fn send_held(&mut self) -> io::Result<bool> {
        let held = std::mem::take(&mut self.held);
        let Some((twin, begun)) = held.twin else {
            return self.stream.write_all(&held.bytes).and(Ok(false));
        };
        let begun = begun.unwrap_or_else(|| self.begin(twin, true, false));
        self.put(&held.bytes)?;
        self.is_whole(begun);
        Ok(true)
    }

    fn end_somehow(&mut self) -> io::Result<()> {
        let end = End::drawn(&mut self.dice);
        self.end(end)
    }

    fn end(&mut self, how: End) -> io::Result<()> {
        if how == End::Stays {
            return self.wait_for_the_end();
        }
        self.log(|log| {
            log.closed = Some(Instant::now());
            log.reset = how == End::Reset;
        });
        if how == End::Reset {
            return SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
        // Behind half a record there is no room for a goodbye.
        let tls = self.tls.as_mut().filter(|_| self.held.bytes.is_empty() && how != End::Cut);
        if let Some(tls) = tls {
            tls.send_close_notify();
            self.stream.write_all(&records(tls)?)?;
            if how == End::Goodbye {
                return self.wait_for_the_end();
            }
        }
        self.stream.shutdown(Shutdown::Write)?;
        if self.await_arrival() {
            self.log(|log| log.gone = Some(Instant::now()));
        }
        Ok(())
    }

    fn wait_for_the_end(&mut self) -> io::Result<()> {
        self.set_resting(true);
        while self.fill()? > 0 {}
        Ok(())
    }

    fn seal(&mut self, text: &[u8]) -> io::Result<Vec<u8>> {
        let Some(tls) = &mut self.tls else { return Ok(text.to_vec()) };
        tls.writer().write_all(text)?;
        records(tls)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.log(|log| log.wrote = Some(Instant::now()));
        self.stream.write_all(bytes)
    }

    /// Waits until the client's machine has acknowledged everything, which is true, or until the
    /// client goes on first.
    fn await_arrival(&self) -> bool {
        let socket = SockRef::from(&self.stream);
        let looks = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        for _ in 0..1000 {
            if unacknowledged(&self.stream) == 0 {
                let now = Instant::now();
                self.log(|log| {
                    log.sent.iter_mut().for_each(|sent| _ = sent.arrived.get_or_insert(now));
                });
                return true;
            }
            match socket.recv_with_flags(&mut [MaybeUninit::uninit()], looks) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                _ => return false,
            }
            thread::sleep(Duration::from_millis(1));
        }
        false
    }

    fn log<T>(&self, write: impl FnOnce(&mut Connection) -> T) -> T {
        write(&mut self.shared.state().connections[self.id])
    }

    fn begin(&self, (Whose { serial, .. }, form): Answer, unasked: bool, glued: bool) -> usize {
        self.log(|log| {
            let requests = log.requests.len();
            let (begun, arrived, whole) = (Instant::now(), None, None);
            log.sent.push(Sent { serial, form, unasked, requests, begun, glued, arrived, whole });
            log.sent.len() - 1
        })
    }

    fn is_whole(&self, sent: usize) {
        self.log(|log| log.sent[sent].whole = Some(Instant::now()));
    }

    fn nobody(&self) -> Answer {
        let serial = NOBODY + self.id as u32;
        (Whose { agent: 0, serial, brings_guid: true, brings_event: true }, &FORMS[0])
    }

    fn set_resting(&mut self, rests: bool) {
        if self.rests != rests {
            self.rests = rests;
            let mut state = self.shared.state();
            state.busy = if rests { state.busy - 1 } else { state.busy + 1 };
            self.shared.changed.notify_all();
        }
    }
}

/// A record's type that tells of data once the handshake is over.
const APPLICATION_DATA: u8 = 0x17;

fn records(tls: &mut ServerConnection) -> io::Result<Vec<u8>> {
    let mut records = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut records)?;
    }
    Ok(records)
}

/// Where the last record begins.
fn last_record(records: &[u8]) -> usize {
    let (mut last, mut next) = (0, 0);
    while let Some(length) = records.get(next + 3..next + 5) {
        last = next;
        next += 5 + usize::from(u16::from_be_bytes([length[0], length[1]]));
    }
    last
}

fn unacknowledged(stream: &TcpStream) -> libc::c_int {
    let mut bytes = 0;
    // SAFETY: the descriptor is open, and the number that is written to is an int.
    let outcome = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if outcome == 0 { bytes } else { libc::c_int::MAX }
}
