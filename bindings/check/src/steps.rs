//! Connects as a program would; then to each address by itself.

use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use agw::{Client, ClientOptions, Error, Status, Trust};

use crate::options::Options;
use crate::report::{Certificate, LookUp, Report, Try};
use crate::told::{Told, proxy};

const MOST_ADDRESSES: usize = 16;

/// For what has no time left.
const SHORTEST: Duration = Duration::from_millis(10);

/// How a connection ended.
pub struct Outcome {
    pub status: Status,
    pub detail: String,
    pub elapsed: Duration,
}

impl Outcome {
    fn of(why: &Error, elapsed: Duration) -> Self {
        Outcome { status: why.status(), detail: why.detail().to_owned(), elapsed }
    }
}

/// Half of the time is for a connection as a program makes it.
pub fn checked(options: &Options) -> Report {
    let options = &options.client;
    let begin = Instant::now();
    let end = begin + options.timeout;
    if let Err(why) = Client::new(options) {
        return Report::new(options, &Outcome::of(&why, Duration::ZERO), None, None, Vec::new());
    }
    let outcome = connected(options, begin + options.timeout / 2);
    if let Some(proxy) = proxy(&outcome.detail) {
        let only = try_of(options, &outcome, end, None, None);
        return Report::new(options, &outcome, Some(proxy), None, vec![only]);
    }
    let (look_up, addresses) = addresses(options, end);
    let tries = thread::scope(|scope| {
        let threads: Vec<_> = addresses
            .iter()
            .take(MOST_ADDRESSES)
            .map(|address| scope.spawn(move || try_address(options, *address, end)))
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    Report::new(options, &outcome, None, look_up, tries)
}

fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now()).max(SHORTEST)
}

fn connected(options: &ClientOptions, end: Instant) -> Outcome {
    let mut options = options.clone();
    options.timeout = left(end);
    options.connect_timeout = options.connect_timeout.min(options.timeout);
    let client = match Client::new(&options) {
        Ok(client) => client,
        Err(why) => return Outcome::of(&why, Duration::ZERO),
    };
    let begin = Instant::now();
    match client.connect() {
        Ok(detail) => Outcome { status: Status::Ok, detail, elapsed: begin.elapsed() },
        Err(why) => Outcome::of(&why, begin.elapsed()),
    }
}

/// The client has refused what cannot be read here.
fn addresses(options: &ClientOptions, end: Instant) -> (Option<LookUp>, Vec<SocketAddr>) {
    if let Some(list) = &options.connect_to {
        return (None, list.split(',').filter_map(|one| one.trim().parse().ok()).collect());
    }
    let (host, port) = host_and_port(&options.base_url);
    if let Ok(ip) = host.parse::<IpAddr>() {
        return (None, vec![SocketAddr::new(ip, port)]);
    }
    let (addresses, elapsed) = looked_up(host.clone(), port, end);
    let shown = addresses.iter().map(|one| one.ip().to_string()).collect();
    (Some(LookUp { name: host, addresses: shown, elapsed: elapsed.as_secs_f64() }), addresses)
}

fn host_and_port(url: &str) -> (String, u16) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let authority = rest.split('/').next().unwrap_or_default();
    let own = if scheme.eq_ignore_ascii_case("http") { 80 } else { 443 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().unwrap_or(own)),
        _ => (authority, own),
    };
    (host.trim_matches(['[', ']']).to_ascii_lowercase(), port)
}

/// In a thread, as nothing can end a look-up. The client has said why one fails.
fn looked_up(host: String, port: u16, end: Instant) -> (Vec<SocketAddr>, Duration) {
    let begin = Instant::now();
    let (found, wanted) = mpsc::channel();
    thread::spawn(move || {
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for one in (host.as_str(), port).to_socket_addrs().into_iter().flatten() {
            if !addresses.contains(&one) {
                addresses.push(one);
            }
        }
        let _ = found.send(addresses);
    });
    let addresses = wanted.recv_timeout(left(end)).unwrap_or_default();
    (addresses, begin.elapsed())
}

fn try_address(options: &ClientOptions, address: SocketAddr, end: Instant) -> Try {
    let most = options.connect_timeout.min(left(end) / 2);
    let begin = Instant::now();
    let tcp = TcpStream::connect_timeout(&address, most).ok().map(|_| begin.elapsed());
    let mut options = options.clone();
    options.connect_to = Some(address.to_string());
    let outcome = connected(&options, end);
    try_of(&options, &outcome, end, Some(address), tcp)
}

fn try_of(
    options: &ClientOptions,
    outcome: &Outcome,
    end: Instant,
    address: Option<SocketAddr>,
    tcp: Option<Duration>,
) -> Try {
    let Told { tls, checked, mut certificate } = Told::read(&outcome.detail);
    if outcome.status == Status::Tls {
        certificate = refused(options, &outcome.detail, end);
    }
    Try {
        address: address.map(|address| address.to_string()),
        status: outcome.status.number(),
        name: outcome.status.name(),
        detail: outcome.detail.clone(),
        verified: is_verified(options, outcome),
        tcp: tcp.map(|time| time.as_secs_f64()),
        elapsed: outcome.elapsed.as_secs_f64(),
        tls,
        checked,
        certificate,
    }
}

/// The certificate that was refused, which a client that checks nothing gets to see. It sends no
/// request, and shows no certificate of its own.
fn refused(options: &ClientOptions, detail: &str, end: Instant) -> Option<Certificate> {
    let mut options = options.clone();
    options.trust = Trust::DangerAny;
    (options.ca, options.pin_sha256) = (None, None);
    (options.client_cert, options.client_key) = (None, None);
    let certificate = Told::read(&connected(&options, end).detail).certificate;
    certificate.filter(|certificate| detail.contains(&certificate.fingerprint))
}

pub fn is_verified(options: &ClientOptions, outcome: &Outcome) -> bool {
    let secure = options.base_url.to_ascii_lowercase().starts_with("https:");
    secure && options.trust != Trust::DangerAny && outcome.status == Status::Ok
}
