//! Trust: which certificates are taken in which mode, what is said about those that are not, and
//! what of it shows. Against a TLS gateway with certificates made for the purpose.

#[path = "trust/addresses.rs"]
mod addresses;
#[path = "trust/certificates.rs"]
mod certificates;
#[path = "trust/certs.rs"]
mod certs;
#[path = "trust/clients.rs"]
mod clients;
#[path = "trust/danger.rs"]
mod danger;
#[path = "trust/files.rs"]
mod files;
#[path = "trust/gateway.rs"]
mod gateway;
#[path = "trust/pins.rs"]
mod pins;
#[path = "trust/secrets.rs"]
mod secrets;
#[path = "trust/sessions.rs"]
mod sessions;
mod support;
#[path = "trust/system.rs"]
mod system;
#[path = "trust/through_c.rs"]
mod through_c;
#[path = "trust/unreadable.rs"]
mod unreadable;
#[path = "trust/version_one.rs"]
mod version_one;

use std::sync::{Arc, Mutex};

use agw::{Answer, Client, ClientOptions, Error, Level, Trust};
use gateway::Gateway;
use support::GUID;

/// The name that clients know the gateway by. It cannot be looked up: they dial `connect_to`.
const HOST: &str = "gateway.test";

/// What reaches the gateway under [`HOST`], with the rest as the caller changes it.
fn options(
    gateway: &Gateway,
    trust: Trust,
    change: impl FnOnce(&mut ClientOptions),
) -> ClientOptions {
    let mut options = ClientOptions::new(gateway.url_as(HOST));
    options.connect_to = Some(gateway.address().to_string());
    options.trust = trust;
    change(&mut options);
    options
}

/// One call of a client made for it.
fn reject(options: &ClientOptions) -> Result<Answer, Error> {
    Client::new(options)?.reject_agent_conf("154", GUID)
}

/// One call of a client that trusts this authority alone.
fn reject_trusting(gateway: &Gateway, ca: &str) -> Result<Answer, Error> {
    reject(&options(gateway, Trust::Ca, |options| options.ca = Some(ca.into())))
}

/// One call of a client that knows the gateway by fingerprint.
fn reject_pinned(gateway: &Gateway, pins: &str) -> Result<Answer, Error> {
    reject(&options(gateway, Trust::Pin, |options| options.pin_sha256 = Some(pins.into())))
}

/// Log lines of a client, with their levels.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Lines {
    /// Takes every line of clients that are made of these options.
    fn of(options: &mut ClientOptions) -> Lines {
        let lines = Lines::default();
        let taken = lines.clone();
        options.log_level = Level::Debug;
        options.log = Some(Arc::new(move |level, line: &str| {
            taken.0.lock().expect("lines").push((level, line.to_owned()));
        }));
        lines
    }

    /// The lines that matter at least as much as this.
    fn up_to(&self, level: Level) -> Vec<String> {
        let lines = self.0.lock().expect("lines");
        lines.iter().filter(|line| line.0 <= level).map(|line| line.1.clone()).collect()
    }

    fn text(&self) -> String {
        self.up_to(Level::Debug).join("\n")
    }
}
