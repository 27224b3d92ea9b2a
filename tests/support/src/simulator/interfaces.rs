//! The gateway's HTTP interfaces ("Around the call") and what they answer.

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{MethodFilter, delete, get, on, post, put};
use axum::{Extension, Router, middleware};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::codes::{Allowed, Refusal, Refused};
use super::gateway::{Gateway, SharedGateway, is_plain};
use super::guid::Node;
use super::reply::{Reply, html_page};
use super::state::{Event, Poll, PollEnd, RejectAnswer, RejectRequest};
use super::{balancer, control, faults};

const BASE: &str = "/agentgateway/resource";

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
        .route("/onlineagent/{agentid}", put(sign_in::<false>))
        .route("/onlineagent/{agentid}/forcelogin", put(sign_in::<true>))
        .route("/onlineagent/{agentid}/logout", delete(sign_out))
        .route("/agentevent/{agentid}", get(agent_event))
        .route("/agentconf/{agentid}/rejectagentconf", post(reject))
        .fallback(unknown_interface)
        .method_not_allowed_fallback(wrong_method);
    for (path, method, filter) in ACCEPTED {
        let accept = move |gateway: SharedGateway, agent: Path<Agent>, headers: HeaderMap| async move {
            accept(&gateway, method, &agent.agentid, &headers)
        };
        interfaces = interfaces.route(path, on(filter, accept));
    }
    if sticky {
        let pass = middleware::from_fn_with_state(gateway.clone(), balancer::pass);
        interfaces = interfaces.layer(pass);
    }
    interfaces = interfaces.layer(middleware::from_fn_with_state(gateway.clone(), faults::pass));
    Router::new()
        .nest(BASE, interfaces)
        .nest("/simulator", control::router(&gateway))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(gateway)
}

fn log_page(
    gateway: &Gateway,
    method: &'static str,
    agent: &str,
    status: StatusCode,
    why: Option<String>,
) -> Response {
    gateway.log(method, agent, format!("http={}", status.as_u16()), why);
    html_page(status)
}

async fn unknown_path(Shared(gateway): SharedGateway, uri: Uri) -> Response {
    if uri.path().starts_with("/simulator") {
        return control::unknown_path(&gateway);
    }
    let why = format!("no interface at {}", plain_path(uri.path()));
    log_page(&gateway, "unknownPath", "-", StatusCode::NOT_FOUND, Some(why))
}

async fn wrong_method(Shared(gateway): SharedGateway, method: Method, uri: Uri) -> Response {
    let why = format!("no {method} at {}", plain_path(uri.path()));
    log_page(&gateway, "wrongMethod", "-", StatusCode::METHOD_NOT_ALLOWED, Some(why))
}

/// An interface that is not simulated: a client is told so as a gateway does, not by a page.
async fn unknown_interface(Shared(gateway): SharedGateway, method: Method, uri: Uri) -> Response {
    let why = format!("not simulated: {method} {}", plain_path(uri.path()));
    let reply = Reply::refusal(Refused::new(Refusal::BadParameter, why));
    gateway.respond("unknownInterface", "-", reply)
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

// --- Signing in and out ---

async fn sign_in<const FORCE: bool>(
    Shared(gateway): SharedGateway,
    Path(agent): Path<String>,
    node: Option<Extension<Node>>,
    body: Bytes,
) -> Response {
    let Extension(node) = node.unwrap_or_default();
    let guid = gateway.change(|state, now| {
        let id = state.agent_id(&agent)?;
        check_sign_in(&body)?;
        state.sign_in(id, FORCE, node, now)
    });
    let extra = Some(("result", signed_in(&agent)));
    let reply = guid.map(|guid| Reply { extra, guid: Some(guid), ..Reply::success("success") });
    let method = if FORCE { "forceLogin" } else { "login" };
    gateway.respond(method, &agent, reply.unwrap_or_else(Reply::refusal))
}

/// The body is `{"password":"","phonenum":"40038",...}`; any password is right.
fn check_sign_in(body: &[u8]) -> Allowed<()> {
    let body: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|_| Refused::new(Refusal::BadParameter, "the body is no JSON object"))?;
    let phone = body.get("phonenum").and_then(Value::as_str);
    match phone {
        Some(phone) if !phone.is_empty() => Ok(()),
        _ => Err(Refused::new(Refusal::SignInParameters, "no phonenum in the body")),
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
    Shared(gateway): SharedGateway,
    Path(agent): Path<String>,
    headers: HeaderMap,
) -> Response {
    let outcome = gateway.change(|state, now| {
        let id = state.agent_id(&agent)?;
        state.sign_out(id, guid_of(&headers), now)
    });
    let reply = outcome.map(|()| Reply::success(""));
    gateway.respond("logout", &agent, reply.unwrap_or_else(Reply::refusal))
}

// --- Polling for events ---

async fn agent_event(
    Shared(gateway): SharedGateway,
    Path(agent): Path<String>,
    headers: HeaderMap,
) -> Response {
    let poll = gateway.change(|state, now| {
        let id = state.agent_id(&agent)?;
        state.begin_poll(id, guid_of(&headers), now)
    });
    let reply = match poll {
        Ok(poll) => PendingPoll::new(&gateway, poll).reply(&agent).await,
        Err(refused) => Reply::refusal(refused),
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
            Ok(PollEnd::Refused(refused)) => return Reply::refusal(refused),
            Ok(PollEnd::Superseded) => return no_event,
            Ok(PollEnd::Event(Event { kind, content })) => {
                let event = json!({ "eventType": kind, "workNo": agent, "content": content });
                Reply { extra: Some(("event", event)), ..no_event }
            }
            Err(_) => no_event,
        };
        let guid = self.gateway.with(|state, now| state.guid_for_answer(&self.poll, now));
        Reply { guid, ..reply }
    }

    async fn end(&mut self) -> PollEnd {
        loop {
            if let Some(end) = self.gateway.with(|state, now| state.poll_end(&self.poll, now)) {
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

// --- rejectAgentConf ---

async fn reject(
    Shared(gateway): SharedGateway,
    Path(agent): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = RejectRequest {
        agent: &agent,
        guid: guid_of(&headers),
        content_type: headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default()),
        body: body.len(),
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
        return log_page(gateway, "rejectAgentConf", agent, status, answer.why);
    };
    let extra = (retcode == "0").then(|| ("result", json!({})));
    let reply = Reply { retcode, extra, why: answer.why, ..Reply::success(&answer.message) };
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
    let result = checked.map(|guid| Some(("result", result_of(method, guid))));
    let reply = result.map(|extra| Reply { extra, ..Reply::success("success") });
    gateway.respond(method, agent, reply.unwrap_or_else(Reply::refusal))
}

fn result_of(method: &str, guid: String) -> Value {
    match method {
        "updateGuid" => json!({ "guid": guid }),
        "getAgentStatus" => json!({ "agentState": 4, "isWorking": false }),
        _ => json!({}),
    }
}
