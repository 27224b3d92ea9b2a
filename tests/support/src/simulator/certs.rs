//! The private CA and the server certificate, made anew at every start, as gateways have them as a
//! rule. The CA's key is forgotten as soon as it has signed.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The certificates of a started simulator.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The CA's certificate in PEM: what a client has to trust.
    pub ca_pem: String,
    /// The server's certificate in DER.
    pub server_der: Vec<u8>,
    /// TLS 1.2 and 1.3 with the server's certificate.
    pub config: Arc<ServerConfig>,
}

impl Certificates {
    /// Makes a CA and a certificate for a server of these names and IP addresses.
    pub fn generate(names: &[String]) -> io::Result<Self> {
        Self::try_generate(names).map_err(io::Error::other)
    }

    fn try_generate(names: &[String]) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let ca = CertifiedIssuer::self_signed(ca_params(), KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let server = server_params(names)?.signed_by(&key, &ca)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok(Self {
            ca_pem: ca.pem(),
            server_der: server.der().to_vec(),
            config: Arc::new(server_config(server.der().clone(), key)?),
        })
    }
}

fn ca_params() -> CertificateParams {
    let mut params = common_params("Agent gateway simulator CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server_params(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = common_params("Agent gateway simulator");
    params.subject_alt_names = CertificateParams::new(names.to_vec())?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.is_ca = IsCa::ExplicitNoCa;
    Ok(params)
}

fn common_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = (SystemTime::now() - DAY).into();
    params.not_after = (SystemTime::now() + 365 * DAY).into();
    params
}

fn server_config(
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
