//! What goes wrong on demand, and when. The acts below HTTP are those of the fault gateway.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::header::{CONTENT_LENGTH, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::balancer::agent_of;
use super::gateway::SharedGateway;
use super::guid::STRUCK;
use crate::gateway::Step;

/// A fault, by the word that asks for it. help.txt of the program says what each does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    Late,
    Stall,
    Half,
    Reset,
    CloseAfter,
    CloseNext,
    DeadGuid,
    ExpiredCertificate,
    ForeignCertificate,
    Tls12,
}

impl Fault {
    /// Whether it strikes handshakes, and not requests.
    pub fn is_of_tls(self) -> bool {
        matches!(self, Self::ExpiredCertificate | Self::ForeignCertificate | Self::Tls12)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A fault that is asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultOrder {
    pub fault: Fault,
    /// Only requests with this in their path below `/agentgateway/resource`; all if it is empty.
    pub path: String,
    /// For so many requests or handshakes; none: until the faults are cleared.
    pub count: Option<u32>,
    /// What is answered is held back for so long.
    pub delay_ms: u64,
}

/// The faults that are still to come. Of several that fit, the one asked for first strikes.
#[derive(Default)]
pub struct Faults(pub Vec<FaultOrder>);

impl Faults {
    fn for_request(&mut self, path: &str) -> Option<FaultOrder> {
        self.take(|order| !order.fault.is_of_tls() && path.contains(&order.path))
    }

    pub fn for_handshake(&mut self) -> Option<Fault> {
        self.take(|order| order.fault.is_of_tls()).map(|order| order.fault)
    }

    fn take(&mut self, fits: impl Fn(&FaultOrder) -> bool) -> Option<FaultOrder> {
        let place = self.0.iter().position(fits)?;
        let order = &mut self.0[place];
        order.count = order.count.map(|count| count - 1);
        Some(if order.count == Some(0) { self.0.remove(place) } else { order.clone() })
    }
}

/// Brings a request to its handler, and has its answer go wrong if that was asked for. What the
/// request does is done all the same, but with a dead Guid.
pub async fn pass(Shared(gateway): SharedGateway, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let Some(order) = gateway.with(|state, _| state.faults.for_request(&path)) else {
        return next.run(request).await;
    };
    gateway.log("fault", agent_of(&path), order.fault.to_string(), None);
    if order.fault == Fault::DeadGuid {
        request.headers_mut().insert("Guid", HeaderValue::from_static(STRUCK));
    }
    let peer = request.extensions().get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| *peer);
    let response = next.run(request).await;
    tokio::time::sleep(Duration::from_millis(order.delay_ms)).await;
    if let Fault::Late | Fault::DeadGuid = order.fault {
        return response;
    }
    let steps = steps(order.fault, response).await;
    if let Some(peer) = peer {
        gateway.wires.hand_over(peer, steps);
    }
    // It goes nowhere: the connection is no longer this server's.
    ().into_response()
}

async fn steps(fault: Fault, response: Response) -> Vec<Step> {
    let (head, body) = as_sent(response).await;
    let whole = || Step::Send([&head, &body[..]].concat());
    let half = || Step::Send([&head, &body[..body.len() / 2]].concat());
    match fault {
        Fault::Stall => vec![half(), Step::Hang],
        Fault::Half => vec![half()],
        Fault::Reset => vec![Step::Reset],
        Fault::CloseNext => vec![whole(), Step::Await],
        _ => vec![whole()],
    }
}

async fn as_sent(response: Response) -> (Vec<u8>, Vec<u8>) {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.unwrap_or_default();
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    let mut head = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    (head, body.into())
}
