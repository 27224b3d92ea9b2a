//! A load balancer in front of two nodes of the gateway (`--sticky`): a cookie keeps an agent at the
//! node that has issued its Guids, for the other node does not know them.

use std::collections::BTreeSet;

use axum::extract::{Request, State as Shared};
use axum::http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use axum::middleware::Next;
use axum::response::Response;

use super::gateway::SharedGateway;
use super::guid::Node;
use super::interfaces::guid_of;

const COOKIE_NAME: &str = "NSLB";

#[derive(Default)]
pub struct Memory {
    /// The agents whose clients have been given a cookie.
    given: BTreeSet<String>,
    /// The node of the last request that could go to either.
    last: Node,
}

impl Memory {
    /// The node of a request without a cookie. Once the agent's client has been given one, it is the
    /// wrong node, so that a client that drops the cookie fails at once and not now and then.
    fn choose(&mut self, agent: &str, issuer: Option<Node>) -> Node {
        let given = !self.given.insert(agent.to_owned());
        match issuer {
            Some(node) if given => node.other(),
            Some(node) => node,
            None => {
                self.last = self.last.other();
                self.last
            }
        }
    }
}

/// Brings a request to a node. A Guid that the node has not issued is taken out: to the node it is as
/// good as none.
pub async fn pass(Shared(gateway): SharedGateway, mut request: Request, next: Next) -> Response {
    let agent = agent_of(request.uri().path()).to_owned();
    let issuer = guid_of(request.headers()).and_then(Node::of_guid);
    let kept = cookie_of(request.headers());
    let node =
        kept.unwrap_or_else(|| gateway.with(|state, _| state.balancer.choose(&agent, issuer)));
    if issuer.is_some_and(|issuer| issuer != node) {
        let why = "the Guid is the other node's".to_owned();
        gateway.log("balancer", &agent, format!("node={node}"), Some(why));
        request.headers_mut().remove("Guid");
    }
    request.extensions_mut().insert(node);
    let mut response = next.run(request).await;
    if kept.is_none() {
        let cookie = format!("{COOKIE_NAME}={node}; Path=/agentgateway; HttpOnly");
        let cookie = HeaderValue::try_from(cookie).expect("is ASCII");
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// The agent id in a path below the resource path: its only number.
pub fn agent_of(path: &str) -> &str {
    let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    path.split('/').find(number).unwrap_or("-")
}

fn cookie_of(headers: &HeaderMap) -> Option<Node> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim() == COOKIE_NAME)?;
    Node::of_number(value.trim())
}
