//! Plays a row and compares.

use std::env;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

use agw::Status;
use socket2::{Domain, SockAddr, Socket, Type};

use super::abi::{CALL_ID, Client, Options, Outcome, PASSWORD};
use super::row::{Act, Expect, Row, Site};
use super::standstill;
use crate::gateway::{Gateway, Seen};
use crate::tls::{Over, certificate_pem};
use crate::{GUID, HOST, caller};

/// How much later than its deadline a call may return.
const TOLERANCE: Duration = Duration::from_millis(100);

/// What counts as at once, handshakes of a debug build on a busy machine included.
const AT_ONCE: Duration = Duration::from_millis(300);

/// `user:pass word` as a proxy is told it.
const BASIC: &str = "dXNlcjpwYXNzIHdvcmQ=";

/// How often a row is played when others keep the machine from being in time.
const ATTEMPTS: usize = 3;

/// What playing a row came to.
#[derive(Default)]
pub struct Report {
    /// What was not as the row says.
    pub complaints: Vec<String>,
    /// What was, but came too late.
    pub late: Vec<String>,
    pub calls: usize,
    /// Status and flags of the last call that failed, or else of the last.
    pub told: Option<(Status, u32)>,
    pub longest: Duration,
    pub connections: usize,
    pub requests: usize,
    /// What was not as the row says in attempts before this one, a line for each.
    pub earlier: Vec<String>,
}

impl Report {
    pub fn is_green(&self) -> bool {
        self.complaints.is_empty() && self.late.is_empty()
    }
}

/// Plays the row, again if nothing but the time was wrong, or if the machine stood still meanwhile:
/// a time-out may be over then before anybody got to anything, as it may under Wine at any time.
pub fn play(row: &Row, over: Over) -> Report {
    let mut earlier = Vec::new();
    loop {
        let begun = Instant::now();
        let mut report = play_caught(row, over);
        let late = !report.late.is_empty() && report.complaints.is_empty();
        let again = late || caller().is_some() || standstill::stood_still_since(begun);
        if report.is_green() || !again || earlier.len() + 1 == ATTEMPTS {
            report.earlier = earlier;
            return report;
        }
        earlier
            .push(report.complaints.iter().chain(&report.late).next().cloned().unwrap_or_default());
    }
}

/// A panic is one more thing that is not as the row says.
fn play_caught(row: &Row, over: Over) -> Report {
    let played = panic::catch_unwind(AssertUnwindSafe(|| play_once(row, over)));
    played.unwrap_or_else(|_| Report { complaints: vec!["panicked".into()], ..Report::default() })
}

fn play_once(row: &Row, over: Over) -> Report {
    let _planted = row.planted.map(Planted::new);
    let mut place = Place::open(&row.site, over, row.client_certificate);
    let proxy = row.proxy.as_ref().map(|site| Place::open(site, Over::Plain, false));
    let mut client = Client::new(&options(row, over, &place, proxy.as_ref()));
    let mut report = Report::default();
    for act in &row.acts {
        match act {
            Act::Reject(expect) => report.compare(&client.reject(), expect),
            Act::Connect(expect) => report.compare(&client.connect(), expect),
            Act::Ask(asked, expect) => report.compare(&client.ask(*asked), expect),
            Act::SetSession => client.set_session(),
            Act::Kept(guid) => report.expect("the kept Guid", client.session().as_deref(), *guid),
            Act::AwaitEnded(count) => place.await_seen(|seen| seen.ended >= *count),
            Act::Pause(time) => thread::sleep(*time),
            Act::CancelCall(id, after) => client.cancel_call(*id, *after),
            Act::ClosePort => place.gateway(Gateway::close_port),
            Act::Stop => place.gateway(Gateway::stop),
            Act::Restart => {
                place.gateway(|gateway| gateway.restart(over.config(row.client_certificate)));
            }
        }
    }
    report.expect("child ended well", client.child_ended_well(), true);
    drop(client);
    place.await_seen(|seen| {
        seen.connections >= row.connections
            && seen.requests.len() >= row.requests
            && seen.goodbyes >= row.goodbyes.unwrap_or_default()
    });
    report.compare_seen(row, &place.seen());
    if let Some(proxy) = &proxy {
        report.compare_proxy(row, over, &proxy.seen(), place.port());
    }
    report
}

fn options(row: &Row, over: Over, place: &Place, proxy: Option<&Place>) -> Options {
    let host = if row.planted.is_some() { HOST } else { "127.0.0.1" };
    let user = if row.credentials { "user:pass%20word@" } else { "" };
    Options {
        base_url: format!("{}://{host}:{}", over.scheme(), place.port()),
        flags: row.flags,
        timeout_ms: row.timeout_ms,
        connect_timeout_ms: row.connect_timeout_ms,
        ca: (over != Over::Plain).then(certificate_pem),
        proxy: proxy.map(|proxy| format!("http://{user}127.0.0.1:{}", proxy.port())),
        between: row.between,
    }
}

impl Report {
    fn expect<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, is: T, should: T) {
        if is != should {
            let call = self.calls;
            self.complaints.push(format!("call {call}: {what} is {is:?}, not {should:?}"));
        }
    }

    fn compare(&mut self, outcome: &Outcome, expect: &Expect) {
        self.calls += 1;
        let result = &outcome.result;
        self.expect("status", outcome.returned, expect.status.number());
        self.expect("result.status", result.status, outcome.returned);
        self.expect("struct_size", result.struct_size as usize, size_of_val(result));
        self.expect("call_id", result.call_id, CALL_ID);
        let flags = result.flags | (expect.flags & expect.doubtful);
        self.expect("flags", flag_names(flags), flag_names(expect.flags));
        self.expect("http_status", result.http_status, expect.http_status);
        self.expect("cti_code", result.cti_code, expect.cti_code);
        let system = &outcome.system;
        if system.shows_resets || expect.status == Status::Connect {
            self.expect("os_error is set", result.os_error != 0, expect.os_error);
        }
        let known = result.os_error == 0 || system.os_errors.contains(&result.os_error);
        self.expect("os_error is of this system", known, true);
        self.expect("retcode", outcome.retcode(), Ok(expect.retcode.as_str()));
        if let Some(message) = &expect.message {
            self.expect("message", outcome.message(), Ok(message.as_str()));
        }
        self.expect("the event", outcome.brought.as_str(), expect.event);
        self.compare_texts(outcome, expect);
        self.compare_time(outcome, expect);
        let status = Status::from_number(outcome.returned).unwrap_or(Status::Internal);
        if status != Status::Ok || self.told.is_none_or(|told| told.0 == Status::Ok) {
            self.told = Some((status, result.flags));
        }
    }

    fn compare_texts(&mut self, outcome: &Outcome, expect: &Expect) {
        for text in [outcome.retcode(), outcome.message(), outcome.detail()] {
            match text {
                Ok(text) => {
                    let secrets = [&GUID[..12], PASSWORD, "pass word", "pass%20word", BASIC];
                    let secret = secrets.iter().any(|secret| text.contains(secret));
                    self.expect("a text with a secret", secret, false);
                }
                Err(why) => self.complaints.push(why),
            }
        }
        let detail = outcome.detail().unwrap_or_default();
        if !detail.contains(expect.word) {
            self.complaints.push(format!("no {:?} in the detail {detail:?}", expect.word));
        }
        let wordless = expect.status == Status::Ok && expect.word.is_empty();
        self.expect("detail", detail.is_empty(), wordless);
    }

    fn compare_time(&mut self, outcome: &Outcome, expect: &Expect) {
        let time = outcome.time;
        self.longest = self.longest.max(time);
        let told = Duration::from_micros(outcome.result.elapsed_us.into());
        self.expect("elapsed_us beyond the time", told > time, false);
        let tolerance = TOLERANCE + outcome.system.slack;
        if time >= told + tolerance {
            self.late.push(format!("call {}: took {time:.0?}, says {told:.0?}", self.calls));
        }
        let at_once = AT_ONCE + outcome.system.slack;
        let end = expect.deadline.map_or(at_once, |deadline| deadline + tolerance);
        if time >= end {
            self.late.push(format!("call {}: {time:.0?}, not before {end:?}", self.calls));
        }
        if expect.deadline.is_some_and(|deadline| time < deadline) {
            self.complaints.push(format!("call {}: too early, after {time:.1?}", self.calls));
        }
    }

    fn compare_seen(&mut self, row: &Row, seen: &Seen) {
        (self.connections, self.requests) = (seen.connections, seen.requests.len());
        self.expect("connections", seen.connections, row.connections);
        self.expect("requests", seen.requests.len(), row.requests);
        for (place, request) in seen.requests.iter().enumerate() {
            let found = request.split("\r\n").find_map(|line| line.strip_prefix("Guid: "));
            self.expect("the request's Guid", found.unwrap_or(""), row.guid_of(place));
        }
        if let Some(goodbyes) = row.goodbyes {
            self.expect("goodbyes", seen.goodbyes, goodbyes);
        }
        if let Some(forbidden) = &row.forbidden {
            self.expect("connections elsewhere", forbidden.seen().connections, 0);
        }
    }

    fn compare_proxy(&mut self, row: &Row, over: Over, seen: &Seen, port: u16) {
        for request in &seen.requests {
            let asked = request.starts_with(&format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n"));
            self.expect("a CONNECT to the gateway", asked, true);
            let credentials = format!("\r\nProxy-Authorization: Basic {BASIC}\r\n");
            self.expect("credentials", request.contains(&credentials), row.credentials);
            self.expect("User-Agent", request.contains("\r\nUser-Agent: agw/"), true);
            let secret = request.contains(GUID) || request.contains(PASSWORD);
            self.expect("a secret for the proxy", secret, false);
        }
        if !seen.passed_on.is_empty() {
            let passed_on = String::from_utf8_lossy(&seen.passed_on);
            let readable = passed_on.contains(GUID) || passed_on.contains(PASSWORD);
            self.expect("a secret that the proxy can read", readable, over == Over::Plain);
        }
    }
}

/// The flags as the header names them, without what all of them begin with.
pub fn flag_names(flags: u32) -> String {
    let names = ["MAYBE_SENT", "RESENT", "TRUNCATED"];
    let set = |bit: &usize| flags & (1 << bit) != 0;
    let mut names: Vec<_> = (0..3).filter(set).map(|bit| names[bit].to_owned()).collect();
    if flags > 7 {
        names.push(format!("{:#x}", flags & !7));
    }
    if names.is_empty() { "-".into() } else { names.join("|") }
}

/// What a row's address has behind it.
pub enum Place {
    Gateway(Box<Gateway>),
    /// Sockets that are only there, the one with the port first.
    Sockets(u16, Vec<Socket>),
}

impl Place {
    pub fn open(site: &Site, over: Over, client_certificate: bool) -> Self {
        let config = over.config(client_certificate);
        match site {
            Site::Follows(scripts) => {
                Place::Gateway(Box::new(Gateway::start(scripts.clone(), config)))
            }
            Site::Nobody => Self::sockets(bound).expect("a port that nobody listens on"),
            Site::Full => Self::sockets(full).expect("a listener with a full backlog"),
        }
    }

    fn sockets(make: fn() -> io::Result<Vec<Socket>>) -> io::Result<Self> {
        let sockets = make()?;
        let address = sockets[0].local_addr()?.as_socket();
        Ok(Place::Sockets(address.map_or(0, |address| address.port()), sockets))
    }

    pub fn port(&self) -> u16 {
        match self {
            Place::Gateway(gateway) => gateway.port(),
            Place::Sockets(port, _) => *port,
        }
    }

    fn gateway(&mut self, action: impl FnOnce(&mut Gateway)) {
        match self {
            Place::Gateway(gateway) => action(gateway),
            Place::Sockets(..) => unreachable!("only a gateway can be told something"),
        }
    }

    pub fn seen(&self) -> Seen {
        match self {
            Place::Gateway(gateway) => gateway.seen(),
            Place::Sockets(..) => Seen::default(),
        }
    }

    /// Gives the gateway's threads a second to get there; a comparison follows.
    fn await_seen(&self, there: impl Fn(&Seen) -> bool) {
        let end = Instant::now() + Duration::from_secs(1);
        while !there(&self.seen()) && Instant::now() < end {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

fn bound() -> io::Result<Vec<Socket>> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    Ok(vec![socket])
}

/// A listener that nobody accepts from, and connections to it until one does not come about.
fn full() -> io::Result<Vec<Socket>> {
    const MOST: usize = 32;
    const SWALLOWED: Duration = Duration::from_millis(150);
    let mut sockets = bound()?;
    sockets[0].listen(0)?;
    let address: SockAddr = sockets[0].local_addr()?;
    while sockets.len() < MOST {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        let outcome = socket.connect_timeout(&address, SWALLOWED);
        sockets.push(socket);
        match outcome {
            Err(why) if why.kind() == io::ErrorKind::TimedOut => return Ok(sockets),
            outcome => outcome?,
        }
    }
    Err(io::Error::other("the backlog has no end"))
}

/// `AGW_FAULT`, for as long as a row takes that is played alone.
struct Planted;

impl Planted {
    fn new(fault: &str) -> Self {
        // SAFETY: no other row runs, and the threads that there are read the environment through
        // std only, which has a lock for it.
        unsafe { env::set_var("AGW_FAULT", fault) };
        Planted
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { env::remove_var("AGW_FAULT") };
    }
}
