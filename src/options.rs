//! What a caller may set.

use std::fmt;
use std::time::Duration;

use crate::log::{Level, Sink};

/// What the gateway's certificate is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Trust {
    /// The system's store, plus [`ClientOptions::ca`] if given.
    #[default]
    System,
    /// [`ClientOptions::ca`] alone.
    Ca,
    /// [`ClientOptions::pin_sha256`] alone: names, dates and chains are not looked at, the
    /// signature of the handshake is.
    Pin,
    /// Nothing: whoever is on the network path can read the Guid. For a laboratory.
    DangerAny,
}

/// How to reach a gateway. Only `base_url` has no default.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientOptions {
    /// `https://host:port`, and a path prefix if there is one; agw adds `/agentgateway`. Without a
    /// port: 443.
    pub base_url: String,
    /// Takes a `base_url` with plain http. Default: no.
    pub allow_http: bool,
    /// Keeps connections for the next call, 30 s at most. Default: yes.
    pub keep_alive: bool,
    /// The whole call, name look-up included. Default: 10 s.
    /// [`Client::next_event`](crate::Client::next_event) has 10 s more.
    pub timeout: Duration,
    /// TCP and TLS set-up. Default: 5 s.
    pub connect_timeout: Duration,
    /// Largest agent ID taken. Default: 59999; gateways documented since late 2025 go to 999999.
    pub max_agent_id: u32,
    /// What the gateway's certificate is checked against. Default: the system's store.
    pub trust: Trust,
    /// `ip:port` to connect to instead, or several of one service, comma between, in order of
    /// preference; the certificate must still be for the host of `base_url`.
    pub connect_to: Option<String>,
    /// Certificates to trust: PEM text, or the path of a file in PEM (UTF-8 or UTF-16) or DER. Each
    /// must be good. With [`Trust::Ca`] they alone are trusted, with [`Trust::System`] the system's,
    /// too.
    pub ca: Option<String>,
    /// SHA-256 fingerprints of the gateway's certificate: hex, colons allowed, as `openssl x509
    /// -fingerprint -sha256` prints them, comma between.
    pub pin_sha256: Option<String>,
    /// Client certificate chain, the client's own first: text or path as [`ClientOptions::ca`].
    pub client_cert: Option<String>,
    /// Private key of `client_cert`, not encrypted: text or path as [`ClientOptions::ca`]. Default:
    /// looked for in `client_cert`.
    pub client_key: Option<String>,
    /// `None`: no proxy; `"env"`: from the environment, as `agw.h` says; else `http://user:password@host:port`.
    pub proxy: Option<String>,
    /// Receives log lines, from any thread that calls. Default: nobody.
    pub log: Option<Sink>,
    /// The most verbose level wanted. Default: [`Level::Warn`].
    pub log_level: Level,
}

/// What the library calls itself, to gateways and to proxies.
pub(crate) const USER_AGENT: &str = concat!("agw/", env!("CARGO_PKG_VERSION"));

/// Smallest agent ID of the gateway.
pub(crate) const MIN_AGENT_ID: u32 = 101;

impl ClientOptions {
    /// The defaults for a gateway.
    pub fn new(base_url: impl Into<String>) -> Self {
        ClientOptions {
            base_url: base_url.into(),
            allow_http: false,
            keep_alive: true,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            max_agent_id: 59_999,
            trust: Trust::System,
            connect_to: None,
            ca: None,
            pin_sha256: None,
            client_cert: None,
            client_key: None,
            proxy: None,
            log: None,
            log_level: Level::Warn,
        }
    }
}

impl fmt::Debug for ClientOptions {
    /// Names the gateway only: the other fields may hold keys and passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}
