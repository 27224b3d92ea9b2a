//! The gateway's HTTP interfaces ("Around the call") and what they answer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodFilter, delete, get, on, post, put};
use axum::{Extension, Router, middleware};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::balancer::{self, Balancer};
use super::codes::Refusal;
use super::control;
use super::guid::Node;
use super::state::{Event, Poll, PollEnd, RejectAnswer, RejectRequest, State};

const BASE: &str = "/agentgateway/resource";
const TICK: Duration = Duration::from_millis(50);

/// One answered request, for the log. It never holds a Guid.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Time since the start.
    pub at: Duration,
    /// The "Method Name in Logs", or the name of a control request.
    pub method: &'static str,
    /// The agent id as it was sent; `-` if there is none, `?` if it is not printable.
    pub agent: String,
    /// The `retcode`, or the HTTP status of an answer without one.
    pub outcome: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.as_secs_f64();
        let (method, agent, outcome) = (self.method, &self.agent, &self.outcome);
        write!(f, "{seconds:10.3} {method} agent={agent} {outcome}")
    }
}

/// Takes the log lines.
pub type Log = Box<dyn Fn(&LogLine) + Send + Sync>;

/// The gateway as its request handlers share it.
pub struct Gateway {
    state: Mutex<State>,
    changed: watch::Sender<()>,
    started: Instant,
    poll_wait: Duration,
    log: Option<Log>,
}

impl Gateway {
    /// A gateway whose polls wait for `poll_wait` if there is no event.
    pub fn new(state: State, started: Instant, poll_wait: Duration, log: Option<Log>) -> Self {
        Self { state: Mutex::new(state), changed: watch::Sender::new(()), started, poll_wait, log }
    }

    /// Does something to the state that is nothing to wake a waiting poll for.
    pub fn with<T>(&self, action: impl FnOnce(&mut State, Instant) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        action(&mut state, Instant::now())
    }

    /// Does something to the state, after all that is due, and wakes the waiting polls.
    pub fn change<T>(&self, action: impl FnOnce(&mut State, Instant) -> T) -> T {
        let result = self.with(|state, now| {
            state.tick(now);
            action(state, now)
        });
        self.changed.send_replace(());
        result
    }

    /// Lets things fall due, for ever.
    pub async fn keep_time(&self) {
        loop {
            tokio::time::sleep(TICK).await;
            if self.with(State::tick) {
                self.changed.send_replace(());
            }
        }
    }

    /// Writes a log line.
    pub fn log(&self, method: &'static str, agent: &str, outcome: String) {
        if let Some(log) = &self.log {
            log(&LogLine { at: self.started.elapsed(), method, agent: printable(agent), outcome });
        }
    }

    fn respond(&self, method: &'static str, agent: &str, reply: Reply) -> Response {
        self.log(method, agent, format!("retcode={}", reply.retcode));
        reply.into_response()
    }
}

fn printable(agent: &str) -> String {
    let plain = agent.len() <= 20 && agent.bytes().all(is_plain);
    if plain { agent } else { "?" }.to_owned()
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// The interfaces that are accepted and logged, and do nothing more: path, name in logs, method.
const ACCEPTED: [(&str, &str, MethodFilter); 8] = [
    ("/onlineagent/{agentid}/resetskill/{autoflag}", "resetSkill", MethodFilter::POST),
    ("/onlineagent/{agentid}/updateGuid", "updateGuid", MethodFilter::PUT),
    ("/onlineagent/{agentid}/handshake", "handShake", MethodFilter::POST),
    ("/onlineagent/{agentid}/agentstatus", "getAgentStatus", MethodFilter::GET),
    ("/onlineagent/{agentid}/saybusy", "sayBusy", MethodFilter::POST),
    ("/onlineagent/{agentid}/sayfree", "sayFree", MethodFilter::POST),
    ("/onlineagent/{agentid}/work", "work", MethodFilter::POST),
    ("/onlineagent/{agentid}/cancelwork", "cancelWork", MethodFilter::POST),
];

/// The routes of the gateway and of the control path; the gateway's behind a load balancer, if
/// `sticky` says so.
pub fn router(gateway: Arc<Gateway>, sticky: bool) -> Router {
    let mut interfaces = Router::new()
        .route("/onlineagent/{agentid}", put(sign_in))
        .route("/onlineagent/{agentid}/forcelogin", put(force_sign_in))
        .route("/onlineagent/{agentid}/logout", delete(sign_out))
        .route("/agentevent/{agentid}", get(agent_event))
        .route("/agentconf/{agentid}/rejectagentconf", post(reject))
        .fallback(unknown_interface)
        .method_not_allowed_fallback(wrong_method);
    for (path, method, filter) in ACCEPTED {
        let accept = move |gateway: Shared<Arc<Gateway>>,
                           agent: Path<Agent>,
                           headers: HeaderMap| async move {
            accept(&gateway, method, &agent.agentid, &headers)
        };
        interfaces = interfaces.route(path, on(filter, accept));
    }
    if sticky {
        let balancer = Arc::new(Balancer::new(gateway.clone()));
        interfaces = interfaces.layer(middleware::from_fn_with_state(balancer, balancer::pass));
    }
    Router::new()
        .nest(BASE, interfaces)
        .nest("/simulator", control::router())
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(gateway)
}

/// A JSON answer of the gateway: HTTP 200, also for failures.
struct Reply {
    retcode: String,
    message: String,
    /// `event` or `result`.
    extra: Option<(&'static str, Value)>,
    guid: Option<String>,
}

impl Reply {
    fn success(message: &str) -> Self {
        Self { retcode: "0".to_owned(), message: message.to_owned(), extra: None, guid: None }
    }

    fn refusal(refusal: Refusal) -> Self {
        Self { retcode: refusal.code().to_owned(), ..Self::success(refusal.message()) }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        body.insert("message".to_owned(), self.message.into());
        body.insert("retcode".to_owned(), self.retcode.into());
        if let Some((name, value)) = self.extra {
            body.insert(name.to_owned(), value);
        }
        let guid = self.guid.map(|guid| [("Set-GUID", format!("JSESSIONID={guid}"))]);
        (guid, json_response(StatusCode::OK, &Value::Object(body))).into_response()
    }
}

/// An answer in JSON, typed as the gateway does.
pub fn json_response(status: StatusCode, body: &Value) -> Response {
    let headers = [(CONTENT_TYPE, "application/json;charset=UTF-8")];
    (status, headers, body.to_string()).into_response()
}

/// A page as a servlet container sends it.
fn html_page(status: StatusCode) -> Response {
    let reason = status.canonical_reason().unwrap_or("Unknown");
    let title = format!("HTTP Status {} \u{2013} {reason}", status.as_u16());
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><title>{title}</title></head>\
         <body><h1>{title}</h1><hr class=\"line\" /><h3>Apache Tomcat</h3></body></html>"
    );
    (status, Html(page)).into_response()
}

fn log_page(gateway: &Gateway, method: &'static str, agent: &str, status: StatusCode) -> Response {
    gateway.log(method, agent, format!("http={}", status.as_u16()));
    html_page(status)
}

async fn unknown_path(Shared(gateway): Shared<Arc<Gateway>>, uri: Uri) -> Response {
    if uri.path().starts_with("/simulator") {
        return control::unknown_path(&gateway);
    }
    log_page(&gateway, "unknownPath", "-", StatusCode::NOT_FOUND)
}

async fn wrong_method(Shared(gateway): Shared<Arc<Gateway>>) -> Response {
    log_page(&gateway, "wrongMethod", "-", StatusCode::METHOD_NOT_ALLOWED)
}

/// An interface that is not simulated: a client is told so as a gateway does, not by a page.
async fn unknown_interface(
    Shared(gateway): Shared<Arc<Gateway>>,
    method: Method,
    uri: Uri,
) -> Response {
    let reply = Reply::refusal(Refusal::BadParameter);
    let outcome = format!("retcode={} {method} {}", reply.retcode, plain_path(uri.path()));
    gateway.log("unknownInterface", "-", outcome);
    reply.into_response()
}

/// A path for a log line; `?` if it is long or not printable.
fn plain_path(path: &str) -> &str {
    let plain = path.len() <= 100 && path.bytes().all(|byte| is_plain(byte) || byte == b'/');
    if plain { path } else { "?" }
}

/// The header `Guid` of a request.
pub fn guid_of(headers: &HeaderMap) -> Option<&str> {
    headers.get("Guid")?.to_str().ok()
}

/// Whether `Content-Type` is `application/json`, in UTF-8 if it names a charset.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else {
        return false;
    };
    let mut parts = value.split(';').map(|part| part.trim().to_lowercase());
    parts.next().as_deref() == Some("application/json")
        && parts.all(|part| match part.strip_prefix("charset=") {
            Some(charset) => charset.trim_matches('"') == "utf-8",
            None => true,
        })
}

// --- Signing in and out ---

async fn sign_in(
    Shared(gateway): Shared<Arc<Gateway>>,
    Path(agent): Path<String>,
    node: Option<Extension<Node>>,
    body: Bytes,
) -> Response {
    let reply = sign_in_reply(&gateway, &agent, &body, node, false);
    gateway.respond("login", &agent, reply)
}

async fn force_sign_in(
    Shared(gateway): Shared<Arc<Gateway>>,
    Path(agent): Path<String>,
    node: Option<Extension<Node>>,
    body: Bytes,
) -> Response {
    let reply = sign_in_reply(&gateway, &agent, &body, node, true);
    gateway.respond("forceLogin", &agent, reply)
}

fn sign_in_reply(
    gateway: &Gateway,
    agent: &str,
    body: &[u8],
    node: Option<Extension<Node>>,
    force: bool,
) -> Reply {
    let Extension(node) = node.unwrap_or_default();
    let guid = gateway.change(|state, now| {
        let id = state.agent_id(agent)?;
        check_sign_in(body)?;
        state.sign_in(id, force, node, now)
    });
    match guid {
        Ok(guid) => Reply {
            extra: Some(("result", signed_in(agent))),
            guid: Some(guid),
            ..Reply::success("success")
        },
        Err(refusal) => Reply::refusal(refusal),
    }
}

/// The body is `{"password":"","phonenum":"40038",...}`; any password is right.
fn check_sign_in(body: &[u8]) -> Result<(), Refusal> {
    let body: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| Refusal::BadParameter)?;
    let phone = body.get("phonenum").and_then(Value::as_str);
    match phone {
        Some(phone) if !phone.is_empty() => Ok(()),
        _ => Err(Refusal::SignInParameters),
    }
}

fn signed_in(agent: &str) -> Value {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since_1970.unwrap_or_default().as_millis();
    json!({
        "vdnid": 1,
        "workno": agent,
        "mediatype": "TTF",
        "loginTime": u64::try_from(millis).unwrap_or(u64::MAX),
    })
}

async fn sign_out(
    Shared(gateway): Shared<Arc<Gateway>>,
    Path(agent): Path<String>,
    headers: HeaderMap,
) -> Response {
    let outcome = gateway.change(|state, now| {
        let id = state.agent_id(&agent)?;
        state.sign_out(id, guid_of(&headers), now)
    });
    let reply = match outcome {
        Ok(()) => Reply::success(""),
        Err(refusal) => Reply::refusal(refusal),
    };
    gateway.respond("logout", &agent, reply)
}

// --- Polling for events ---

async fn agent_event(
    Shared(gateway): Shared<Arc<Gateway>>,
    Path(agent): Path<String>,
    headers: HeaderMap,
) -> Response {
    let poll = gateway.change(|state, now| {
        let id = state.agent_id(&agent)?;
        state.begin_poll(id, guid_of(&headers), now)
    });
    let reply = match poll {
        Ok(poll) => PendingPoll::new(&gateway, poll).reply(&agent).await,
        Err(refusal) => Reply::refusal(refusal),
    };
    gateway.respond("getAgentEvent", &agent, reply)
}

/// A poll that waits. It is over when it is dropped, as happens when its caller hangs up.
struct PendingPoll<'a> {
    gateway: &'a Gateway,
    changed: watch::Receiver<()>,
    poll: Poll,
}

impl<'a> PendingPoll<'a> {
    fn new(gateway: &'a Gateway, poll: Poll) -> Self {
        Self { gateway, changed: gateway.changed.subscribe(), poll }
    }

    async fn reply(mut self, agent: &str) -> Reply {
        let wait = self.gateway.poll_wait;
        let no_event = Reply::success("");
        let reply = match tokio::time::timeout(wait, self.end()).await {
            Ok(PollEnd::Refused(refusal)) => return Reply::refusal(refusal),
            Ok(PollEnd::Superseded) => return no_event,
            Ok(PollEnd::Event(event)) => {
                Reply { extra: Some(("event", event_json(agent, event))), ..no_event }
            }
            Err(_) => no_event,
        };
        let guid = self.gateway.with(|state, now| state.guid_for_answer(&self.poll, now));
        Reply { guid, ..reply }
    }

    async fn end(&mut self) -> PollEnd {
        loop {
            if let Some(end) = self.gateway.with(|state, _| state.poll_end(&self.poll)) {
                return end;
            }
            // An error would say that the gateway is gone, but `self` borrows it.
            let _ = self.changed.changed().await;
        }
    }
}

impl Drop for PendingPoll<'_> {
    fn drop(&mut self) {
        self.gateway.with(|state, now| state.finish_poll(&self.poll, now));
    }
}

fn event_json(agent: &str, event: Event) -> Value {
    json!({
        "eventType": event.kind,
        "workNo": agent,
        "content": event.content,
    })
}

// --- rejectAgentConf ---

async fn reject(
    Shared(gateway): Shared<Arc<Gateway>>,
    Path(agent): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = RejectRequest {
        agent: &agent,
        guid: guid_of(&headers),
        json: is_json(&headers),
        empty_body: body.is_empty(),
    };
    let answer = gateway.change(|state, now| state.reject(&request, now));
    let delay = answer.delay;
    // The log line comes before the delay, since the caller may give up meanwhile.
    let response = reject_response(&gateway, &agent, answer);
    tokio::time::sleep(delay).await;
    response
}

fn reject_response(gateway: &Gateway, agent: &str, answer: RejectAnswer) -> Response {
    let status = StatusCode::from_u16(answer.http_status).unwrap_or(StatusCode::OK);
    let Some(retcode) = answer.retcode else {
        return log_page(gateway, "rejectAgentConf", agent, status);
    };
    let extra = (retcode == "0").then(|| ("result", json!({})));
    let reply = Reply { retcode, message: answer.message, extra, guid: None };
    let mut response = gateway.respond("rejectAgentConf", agent, reply);
    *response.status_mut() = status;
    response
}

// --- What is accepted, and does nothing more ---

/// The agent of a path with other parameters, too.
#[derive(Deserialize)]
struct Agent {
    agentid: String,
}

fn accept(gateway: &Gateway, method: &'static str, agent: &str, headers: &HeaderMap) -> Response {
    let checked = gateway.change(|state, now| state.check(agent, guid_of(headers), now));
    let reply = match checked {
        Ok(guid) => {
            Reply { extra: Some(("result", result_of(method, guid))), ..Reply::success("success") }
        }
        Err(refusal) => Reply::refusal(refusal),
    };
    gateway.respond(method, agent, reply)
}

fn result_of(method: &str, guid: String) -> Value {
    match method {
        "updateGuid" => json!({ "guid": guid }),
        "getAgentStatus" => json!({ "agentState": 4, "isWorking": false }),
        _ => json!({}),
    }
}
