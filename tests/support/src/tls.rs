//! TLS on the gateway's side: one self-signed certificate for all rows, and the ways of asking.

use std::sync::{Arc, LazyLock};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// What the gateway speaks.
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
    pub fn config(self, client_certificate: bool) -> Option<Arc<ServerConfig>> {
        let version = match self {
            Over::Plain => return None,
            Over::Tls12 => &rustls::version::TLS12,
            Over::Tls13 => &rustls::version::TLS13,
        };
        Some(Arc::new(config(version, client_certificate)))
    }
}

static IDENTITY: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(|| {
    generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("rcgen makes certificates")
});

/// What a client has to trust, in PEM.
pub fn certificate_pem() -> String {
    IDENTITY.cert.pem()
}

fn certificate() -> CertificateDer<'static> {
    IDENTITY.cert.der().clone()
}

fn config(version: &'static SupportedProtocolVersion, client_certificate: bool) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .expect("ring knows both versions");
    let builder = if client_certificate {
        let mut roots = RootCertStore::empty();
        roots.add(certificate()).expect("a certificate of rcgen's");
        let verifier = WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::new(default_provider()),
        );
        builder.with_client_cert_verifier(verifier.build().expect("it has a root"))
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivatePkcs8KeyDer::from(IDENTITY.signing_key.serialize_der());
    builder.with_single_cert(vec![certificate()], key.into()).expect("key and certificate fit")
}
