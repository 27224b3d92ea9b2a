//! The console: a page that shows what the simulator does, live, and has the platform do things.
//!
//! It is served in plain HTTP on loopback, so that no browser needs to know the CA. Pages from
//! elsewhere, which share the browser, are kept out: their requests have another `Origin`, or, if
//! they point a name of theirs to this machine, another `Host`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum_server::accept::NoDelayAcceptor;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::stream::{self, Stream};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::{Value, json};

use super::control;
use super::gateway::Gateway;

const PAGE: &str = include_str!("console.html");

/// A page is told what is new as often as this, at most.
const PACE: Duration = Duration::from_millis(100);

pub struct Console {
    listener: TcpListener,
    address: SocketAddr,
}

impl Console {
    pub fn listen(port: u16) -> io::Result<Self> {
        let listener = super::listen(Ipv4Addr::LOCALHOST.into(), false, port)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// `about`: what a client has to know of the gateway, for the page to show.
    pub async fn serve(self, gateway: Arc<Gateway>, about: Value) -> io::Result<()> {
        let hosts = [self.address.to_string(), format!("localhost:{}", self.address.port())];
        // As browsers say it.
        let hosts = hosts.map(|host| host.strip_suffix(":80").unwrap_or(&host).to_owned());
        let door = Arc::new(Door { hosts, policy: policy(), gateway: gateway.clone() });
        let app = Router::new()
            .route("/", get(Html(PAGE)))
            .route("/stream", get(watch))
            .with_state(Watched::new(gateway.clone(), about))
            .nest("/simulator", control::router(&gateway).with_state(gateway))
            .layer(middleware::from_fn_with_state(door, pass));
        let server = axum_server::from_tcp(self.listener)?.acceptor(NoDelayAcceptor);
        server.http1_only().serve(app.into_make_service()).await
    }
}

// --- Who may come in ---

/// Lets in who asks for this machine by an address or name of its own, and of pages only the one
/// that is served here.
struct Door {
    hosts: [String; 2],
    policy: HeaderValue,
    gateway: Arc<Gateway>,
}

impl Door {
    /// Why a request is refused, if it is. A browser sends `Origin` with every POST.
    fn refusal(&self, method: &Method, headers: &HeaderMap) -> Option<&'static str> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let Some(host) = host.filter(|host| self.hosts.iter().any(|own| own == host)) else {
            return Some("the console is not known by this Host");
        };
        let own = format!("http://{host}");
        let changes = *method != Method::GET && *method != Method::HEAD;
        let foreign = headers.get(header::ORIGIN).is_none_or(|origin| origin != own.as_str());
        (changes && foreign).then_some("the console does this for its own page only")
    }
}

async fn pass(Shared(door): Shared<Arc<Door>>, request: Request, next: Next) -> Response {
    let mut response = match door.refusal(request.method(), request.headers()) {
        None => next.run(request).await,
        Some(why) => {
            door.gateway.log("simulator.console", "-", "http=403".to_owned(), Some(why.to_owned()));
            (StatusCode::FORBIDDEN, why).into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, door.policy.clone());
    for (name, value) in GUARDS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// No other page shows this one in a frame, or reads from here.
const GUARDS: [(HeaderName, &str); 5] = [
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The page's own script and style, by their hashes, and nothing from anywhere else.
fn policy() -> HeaderValue {
    let hash = |tag: &str| {
        let (_, rest) = PAGE.split_once(&format!("<{tag}>")).expect("the page has one");
        let (content, _) = rest.split_once(&format!("</{tag}>")).expect("it ends");
        BASE64_STANDARD.encode(digest(&SHA256, content.as_bytes()))
    };
    let (script, style) = (hash("script"), hash("style"));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    HeaderValue::try_from(policy).expect("is ASCII")
}

// --- What the page is told ---

/// What every open page watches.
#[derive(Clone)]
struct Watched {
    gateway: Arc<Gateway>,
    about: Value,
    /// When the simulator was started, in milliseconds since 1970: tells it from an earlier one.
    started_at: u64,
}

impl Watched {
    fn new(gateway: Arc<Gateway>, about: Value) -> Self {
        let started = SystemTime::now().checked_sub(gateway.started.elapsed());
        let since = started.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let started_at = u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or_default();
        Self { gateway, about, started_at }
    }
}

/// What has happened, from the first entry that is kept, or from where a page was cut off.
async fn watch(
    Shared(watched): Shared<Watched>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last = headers.get("Last-Event-ID").and_then(|id| id.to_str().ok());
    let resumed = last
        .and_then(|id| id.split_once('-'))
        .filter(|(started_at, _)| started_at.parse() == Ok(watched.started_at));
    let seen = resumed.and_then(|(_, sequence)| sequence.parse().ok()).unwrap_or_default();
    let watcher = Watcher::new(watched, seen);
    let stream = stream::unfold(watcher, |mut watcher| async {
        let event = watcher.next().await;
        Some((Ok(event), watcher))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

/// One open page. It looks for what is new only once it has taken what was found before.
struct Watcher {
    watched: Watched,
    seen: u64,
    told: Value,
    found: VecDeque<Event>,
}

impl Watcher {
    fn new(watched: Watched, seen: u64) -> Self {
        let about = json!({ "gateway": watched.about, "startedAt": watched.started_at });
        let found = [told(Event::default(), "about", &about)].into();
        let mut watcher = Self { watched, seen, told: Value::Null, found };
        watcher.look();
        watcher
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.found.pop_front() {
                return event;
            }
            tokio::time::sleep(PACE).await;
            self.look();
        }
    }

    fn look(&mut self) {
        let now = self.watched.gateway.with(|state, _| state.told());
        if self.told != now {
            self.found.push_back(told(Event::default(), "state", &now));
            self.told = now;
        }
        let entries = self.watched.gateway.journal.after(self.seen);
        if let Some(newest) = entries.last() {
            self.seen = newest.sequence;
            let id = format!("{}-{}", self.watched.started_at, self.seen);
            self.found.push_back(told(Event::default().id(id), "entries", &entries));
        }
    }
}

fn told(event: Event, name: &str, data: &impl Serialize) -> Event {
    event.event(name).json_data(data).expect("is JSON")
}
