//! TLS on the gateway's side: what it presents, what it demands, and what it speaks.

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};

use crate::certs::{Identity, Leaf, ip};
use crate::gateway::{Config, Gateway};

/// Waits until something of the client's is there to be read, and leaves it there. It may have come
/// with the end of the handshake.
pub fn await_bytes(stream: &TcpStream, tls: Option<&mut ServerConnection>) -> io::Result<()> {
    if let Some(tls) = tls {
        let state = tls.process_new_packets().map_err(io::Error::other)?;
        if state.plaintext_bytes_to_read() > 0 {
            return Ok(());
        }
    }
    stream.peek(&mut [0]).map(drop)
}

/// Each TLS version that the library speaks.
pub const VERSIONS: [&SupportedProtocolVersion; 2] =
    [&rustls::version::TLS12, &rustls::version::TLS13];

/// What the gateway of a row of the fault table speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Plain,
    Tls12,
    Tls13,
}

impl Over {
    /// As the table shows it.
    pub fn name(self) -> &'static str {
        match self {
            Over::Plain => "plain",
            Over::Tls12 => "TLS 1.2",
            Over::Tls13 => "TLS 1.3",
        }
    }

    pub fn scheme(self) -> &'static str {
        if self == Over::Plain { "http" } else { "https" }
    }

    /// A configuration with a session store of its own: a gateway that starts knows nobody.
    pub fn config(self, client_certificate: bool) -> Config {
        let version = match self {
            Over::Plain => return None,
            Over::Tls12 => &rustls::version::TLS12,
            Over::Tls13 => &rustls::version::TLS13,
        };
        let mut plan = Plan::new(&IDENTITY).only(version);
        if client_certificate {
            plan = plan.demanding(IDENTITY.chain[0].clone());
        }
        Some(Arc::new(plan.config()))
    }
}

/// One certificate for all rows.
static IDENTITY: LazyLock<Identity> =
    LazyLock::new(|| Leaf::server(vec![ip("127.0.0.1")]).self_signed());

/// What a client has to trust, in PEM.
pub fn certificate_pem() -> String {
    IDENTITY.pem()
}

/// What a gateway is to be like.
pub struct Plan<'a> {
    identity: &'a Identity,
    signer: &'a Identity,
    versions: Vec<&'static SupportedProtocolVersion>,
    clients: Option<CertificateDer<'static>>,
    ip: IpAddr,
}

impl<'a> Plan<'a> {
    /// On IPv4, both TLS versions, no client certificates.
    pub fn new(identity: &'a Identity) -> Self {
        Plan {
            identity,
            signer: identity,
            versions: VERSIONS.to_vec(),
            clients: None,
            ip: Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// Presents its certificate, but signs with the key of another.
    pub fn signed_by(self, signer: &'a Identity) -> Self {
        Plan { signer, ..self }
    }

    pub fn only(self, version: &'static SupportedProtocolVersion) -> Self {
        Plan { versions: vec![version], ..self }
    }

    /// Demands client certificates that this one has signed.
    pub fn demanding(self, authority: CertificateDer<'static>) -> Self {
        Plan { clients: Some(authority), ..self }
    }

    pub fn at(self, ip: IpAddr) -> Self {
        Plan { ip, ..self }
    }

    /// A gateway that accepts every request.
    pub fn start(self) -> Gateway {
        Gateway::accepting_at(self.ip, Some(Arc::new(self.config())))
    }

    pub fn config(&self) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&self.versions)
            .expect("versions of the provider");
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.clone()).expect("a certificate");
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
                builder.with_client_cert_verifier(verifier.build().expect("roots"))
            }
        };
        builder.with_cert_resolver(self.presented(&provider))
    }

    /// Not looked at: a gateway may well present what no client should take.
    fn presented(&self, provider: &CryptoProvider) -> Arc<dyn ResolvesServerCert> {
        let key = provider.key_provider.load_private_key(self.signer.key()).expect("a key");
        let certified = CertifiedKey::new(self.identity.chain.clone(), key);
        Arc::new(SingleCertAndKey::from(certified))
    }
}
