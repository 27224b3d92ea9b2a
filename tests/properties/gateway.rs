//! A gateway that answers the next request with the bytes it was given, piece by piece.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agw::{Client, ClientOptions};
use support::gateway::Step::{Send, Wait};
use support::gateway::{self, Order};
use support::{client, lock};

/// Long enough for the client to take a piece before the next one is there.
const BETWEEN_PIECES: Duration = Duration::from_micros(300);

/// One answer on each connection.
pub struct Gateway {
    inner: gateway::Gateway,
    pieces: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Gateway {
    /// With a client of it.
    pub fn start() -> (Self, Client) {
        let pieces = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let given = pieces.clone();
        let orders = move |_: &str| {
            let pieces = lock(&given).clone();
            let steps = pieces.into_iter().flat_map(|piece| [Wait(BETWEEN_PIECES), Send(piece)]);
            Order { steps: steps.skip(1).collect(), stays: false }
        };
        let gateway = Gateway { inner: gateway::Gateway::obeying(orders, None), pieces };
        let client = Client::new(&gateway.options()).expect("a client");
        (gateway, client)
    }

    /// What the answer to the next request consists of.
    pub fn give(&self, pieces: Vec<Vec<u8>>) {
        *lock(&self.pieces) = pieces;
    }

    /// Options of a client that makes a connection for each call.
    pub fn options(&self) -> ClientOptions {
        let mut options = client::options(&self.inner.url());
        options.keep_alive = false;
        options
    }
}
