//! Trust: which certificates are taken in which mode, what is said about those that are not, and
//! what of it shows. Against a TLS gateway with certificates made for the purpose.

mod addresses;
mod certificates;
mod clients;
mod corpus;
mod pins;
mod renegotiation;
mod secrets;
mod servers;
mod sessions;
mod system;
mod through_c;
mod unreadable;

// For the modules, too: they take all of it.
use agw::{Answer, Client, ClientOptions, Error, Status, Trust};
use support::certs::{Authority, Identity, Leaf, dns};
use support::files::Folder;
use support::gateway::{Gateway, Script, Step};
use support::tls::{Plan, VERSIONS};
use support::{GUID, HOST};

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
