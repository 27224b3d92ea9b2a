//! A load balancer in front of two nodes of the gateway (`--sticky`): a cookie keeps an agent at the
//! node that has issued its Guids, for the other node does not know them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State as Shared};
use axum::http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use axum::middleware::Next;
use axum::response::Response;

use super::gateway::{Gateway, guid_of};
use super::guid::Node;

const COOKIE_NAME: &str = "NSLB";

/// What the balancer remembers.
#[derive(Default)]
struct Memory {
    /// The agents whose clients have been given a cookie.
    given: BTreeSet<String>,
    /// The node of the last request that could go to either.
    last: Node,
}

/// The balancer, as the requests share it.
pub struct Balancer {
    gateway: Arc<Gateway>,
    memory: Mutex<Memory>,
}

impl Balancer {
    /// A balancer in front of `gateway`, which stands for both nodes.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway, memory: Mutex::default() }
    }

    /// The node of a request without a cookie. Once the agent's client has been given one, it is the
    /// wrong node, so that a client that drops the cookie fails at once and not now and then.
    fn choose(&self, agent: &str, issuer: Option<Node>) -> Node {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let given = !memory.given.insert(agent.to_owned());
        match issuer {
            Some(node) if given => node.other(),
            Some(node) => node,
            None => {
                memory.last = memory.last.other();
                memory.last
            }
        }
    }
}

/// Brings a request to a node. A Guid that the node has not issued is taken out: to the node it is as
/// good as none.
pub async fn pass(
    Shared(balancer): Shared<Arc<Balancer>>,
    mut request: Request,
    next: Next,
) -> Response {
    let agent = agent_of(request.uri().path()).to_owned();
    let issuer = guid_of(request.headers()).and_then(Node::of_guid);
    let kept = cookie_of(request.headers());
    let node = kept.unwrap_or_else(|| balancer.choose(&agent, issuer));
    if issuer.is_some_and(|issuer| issuer != node) {
        let outcome = format!("node={node} the Guid is the other node's");
        balancer.gateway.log("balancer", &agent, outcome);
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
fn agent_of(path: &str) -> &str {
    let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    path.split('/').find(number).unwrap_or("-")
}

fn cookie_of(headers: &HeaderMap) -> Option<Node> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim() == COOKIE_NAME)?;
    Node::of_number(value.trim())
}
