//! The control path under `/simulator`: what a test or a demonstration has the platform do.
//! No real gateway has it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::header::{self, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodFilter, get, on};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::faults::{Fault, FaultOrder};
use super::gateway::{Gateway, SharedGateway};
use super::reply::json_response;
use super::state::{ControlError, Script, State};

const MAX_DELAY_MS: u64 = 600_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RingRequest {
    agent_id: String,
    #[serde(default)]
    members: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CancelRequest {
    conf_id: Option<u64>,
    agent_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AnswerWithRequest {
    agent_id: String,
    retcode: Option<String>,
    #[serde(default)]
    message: String,
    #[serde(default = "ok")]
    http_status: u16,
    #[serde(default = "once")]
    count: u32,
    #[serde(default)]
    delay_ms: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExpireRequest {
    agent_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FaultRequest {
    fault: Value,
    #[serde(default)]
    path: String,
    #[serde(default = "first")]
    count: Option<u32>,
    #[serde(default)]
    delay_ms: u64,
}

fn first() -> Option<u32> {
    Some(1)
}

fn ok() -> u16 {
    200
}

fn once() -> u32 {
    1
}

/// An error where it is too large.
type Body = Result<Bytes, BytesRejection>;
type Outcome = Result<Value, ControlError>;
type Deed = fn(&Gateway, &[u8]) -> Outcome;

/// Path, name in logs, method, and what is done.
const DEEDS: [(&str, &str, MethodFilter, Deed); 9] = [
    ("/ring", "simulator.ring", MethodFilter::POST, ring),
    ("/cancel", "simulator.cancel", MethodFilter::POST, cancel),
    ("/answer-with", "simulator.answerWith", MethodFilter::POST, answer_with),
    ("/expire", "simulator.expire", MethodFilter::POST, expire),
    ("/fault", "simulator.fault", MethodFilter::POST, fault),
    ("/reset", "simulator.reset", MethodFilter::POST, reset),
    ("/state", "simulator.state", MethodFilter::GET, state),
    ("/agents", "simulator.agents", MethodFilter::GET, agents),
    ("/requests", "simulator.requests", MethodFilter::GET, requests),
];

/// The routes below `/simulator`.
pub fn router(gateway: &Arc<Gateway>) -> Router<Arc<Gateway>> {
    let mut router = Router::new().route("/journal", get(journal));
    for (path, method, filter, deed) in DEEDS {
        // A body that is not read would end a kept connection.
        let answered = move |Shared(gateway): SharedGateway, body: Body| async move {
            match body {
                Ok(body) => respond(&gateway, method, &body, deed(&gateway, &body)),
                Err(why) => error(&gateway, method, "-", why.status(), &why.body_text()),
            }
        };
        router = router.route(path, on(filter, answered));
    }
    router
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(gateway.clone(), spare))
}

/// A connection that steers the simulator outlives faults. Pages from elsewhere, which a browser names
/// in `Origin`, steer nothing.
async fn spare(Shared(gateway): SharedGateway, request: Request, next: Next) -> Response {
    let [origin, host] = [header::ORIGIN, header::HOST].map(|name| request.headers().get(name));
    let is_own = |origin: &HeaderValue| {
        let (_, place) = origin.to_str().ok()?.split_once("://")?;
        host.map(|host| host == place)
    };
    if origin.is_some_and(|origin| is_own(origin) != Some(true)) {
        let why = "the simulator does nothing for pages from elsewhere";
        return error(&gateway, "simulator", "-", StatusCode::FORBIDDEN, why);
    }
    if let Some(ConnectInfo(client)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        gateway.wires.spare(*client);
    }
    next.run(request).await
}

/// The answer to a path below `/simulator` that there is not.
pub fn unknown_path(gateway: &Gateway) -> Response {
    error(gateway, "simulator", "-", StatusCode::NOT_FOUND, "no such path")
}

async fn wrong_method(Shared(gateway): SharedGateway) -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    error(&gateway, "simulator", "-", status, "no such method here")
}

fn ring(gateway: &Gateway, body: &[u8]) -> Outcome {
    let request: RingRequest = parse(body)?;
    gateway.change(|state, now| {
        let id = agent_id(state, &request.agent_id)?;
        let members = request.members.iter().map(|member| agent_id(state, member));
        let conf_id = state.ring(id, &members.collect::<Result<Vec<_>, _>>()?, now)?;
        Ok(json!({ "confId": conf_id }))
    })
}

fn cancel(gateway: &Gateway, body: &[u8]) -> Outcome {
    let request: CancelRequest = parse(body)?;
    let conf_id = gateway.change(|state, now| match (request.conf_id, request.agent_id) {
        (Some(conf_id), None) => state.cancel(conf_id, now).map(|()| conf_id),
        (None, Some(id)) => state.cancel_at(agent_id(state, &id)?, now),
        _ => Err(bad("one of confId and agentId is wanted")),
    })?;
    Ok(json!({ "confId": conf_id }))
}

fn answer_with(gateway: &Gateway, body: &[u8]) -> Outcome {
    let request: AnswerWithRequest = parse(body)?;
    if !(200..=599).contains(&request.http_status) {
        return Err(bad("httpStatus is not within 200 to 599"));
    }
    check(Some(request.count), request.delay_ms)?;
    let script = Script {
        retcode: request.retcode,
        message: request.message,
        http_status: request.http_status,
        count: request.count,
        delay: Duration::from_millis(request.delay_ms),
    };
    gateway.with(|state, _| {
        state.answer_with(agent_id(state, &request.agent_id)?, script);
        Ok(json!({}))
    })
}

fn check(count: Option<u32>, delay_ms: u64) -> Result<(), ControlError> {
    match (count, delay_ms) {
        (Some(0), _) => Err(bad("count is 0")),
        (_, 0..=MAX_DELAY_MS) => Ok(()),
        _ => Err(bad(format!("delayMs is above {MAX_DELAY_MS}"))),
    }
}

fn expire(gateway: &Gateway, body: &[u8]) -> Outcome {
    let request: ExpireRequest = parse(body)?;
    gateway.change(|state, now| {
        let id = agent_id(state, &request.agent_id)?;
        state.expire(id, now)
    })?;
    Ok(json!({}))
}

fn fault(gateway: &Gateway, body: &[u8]) -> Outcome {
    let FaultRequest { fault, path, count, delay_ms } = parse(body)?;
    if fault == "none" {
        gateway.with(|state, _| state.faults.0.clear());
        return Ok(json!({}));
    }
    let known = Fault::deserialize(&fault);
    let fault = known.map_err(|_| bad(format!("there is no fault {fault}")))?;
    check(count, delay_ms)?;
    if fault.is_of_tls() && !path.is_empty() {
        return Err(bad("a handshake has no path"));
    }
    gateway.order(FaultOrder { fault, path, count, delay_ms })?;
    Ok(json!({}))
}

fn reset(gateway: &Gateway, _: &[u8]) -> Outcome {
    gateway.reset();
    Ok(json!({}))
}

fn state(gateway: &Gateway, _: &[u8]) -> Outcome {
    Ok(gateway.change(|state, _| state.told()))
}

fn agents(gateway: &Gateway, _: &[u8]) -> Outcome {
    Ok(json!(gateway.change(|state, _| state.agents())))
}

fn requests(gateway: &Gateway, _: &[u8]) -> Outcome {
    Ok(json!(gateway.with(|state, _| state.records())))
}

async fn journal(Shared(gateway): SharedGateway, uri: Uri) -> Response {
    let outcome = match uri.query().map_or(Some("0"), |query| query.strip_prefix("after=")) {
        Some(after) => after.parse().map_err(|_| bad("after is no number")),
        None => Err(bad("only after=NUMBER is understood")),
    };
    let outcome = outcome.map(|after| json!(gateway.journal.after(after)));
    respond(&gateway, "simulator.journal", &[], outcome)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ControlError> {
    serde_json::from_slice(body).map_err(bad)
}

fn bad(why: impl ToString) -> ControlError {
    ControlError(StatusCode::BAD_REQUEST, why.to_string())
}

fn agent_id(state: &State, text: &str) -> Result<u32, ControlError> {
    state.agent_id(text).map_err(|_| bad(format!("{text:?} is no agent id of this gateway")))
}

/// The agent whom a request names.
fn named_agent(asked: &[u8]) -> String {
    let body: Option<Value> = serde_json::from_slice(asked).ok();
    let agent = body.and_then(|body| body["agentId"].as_str().map(str::to_owned));
    agent.unwrap_or_else(|| "-".to_owned())
}

fn respond(gateway: &Gateway, method: &'static str, asked: &[u8], outcome: Outcome) -> Response {
    let agent = named_agent(asked);
    match outcome {
        Ok(body) => {
            gateway.log(method, &agent, "http=200".to_owned(), None);
            json_response(StatusCode::OK, &body)
        }
        Err(ControlError(status, text)) => error(gateway, method, &agent, status, &text),
    }
}

fn error(
    gateway: &Gateway,
    method: &'static str,
    agent: &str,
    status: StatusCode,
    text: &str,
) -> Response {
    gateway.log(method, agent, format!("http={}", status.as_u16()), Some(text.to_owned()));
    json_response(status, &json!({ "error": text }))
}
