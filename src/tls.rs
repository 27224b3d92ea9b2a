//! TLS: the configuration, built once from checked options, and what a refused certificate says.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring as provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_platform_verifier::Verifier as PlatformVerifier;

use crate::options::{Address, ClientOptions, Host, Trust};
use crate::{Error, Status};

/// SHA-256 of a certificate's DER bytes.
type Fingerprint = [u8; 32];

/// Whom a handshake is with: the name that the certificate must be for.
pub(crate) fn server_name(address: &Address) -> Result<ServerName<'static>, Error> {
    match &address.host {
        Host::Ip(ip) => Ok(ServerName::from(*ip)),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| {
            Error::new(Status::InvalidUrl, format!("base_url: '{name}' is not a host name"))
        }),
    }
}

/// Reads and checks every TLS option.
pub(crate) fn config(options: &ClientOptions) -> Result<ClientConfig, Error> {
    let provider = Arc::new(provider::default_provider());
    let verifier = Verifier {
        basis: basis(options, &provider)?,
        algorithms: provider.signature_verification_algorithms,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| unusable("TLS", why))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match client_identity(options)? {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|why| unusable("client_cert and client_key do not fit each other", why)),
    }
}

/// The same configuration with a session cache of its own: none is shared with a forked process,
/// which might have copied it in the middle of a change.
pub(crate) fn with_own_sessions(config: &ClientConfig) -> Arc<ClientConfig> {
    const SESSIONS: usize = 8;
    let mut config = config.clone();
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Arc::new(config)
}

fn basis(options: &ClientOptions, provider: &Arc<CryptoProvider>) -> Result<Basis, Error> {
    refuse_idle_options(options)?;
    match options.trust {
        Trust::System => system_basis(options, provider),
        Trust::Ca => ca_basis(options, provider),
        Trust::Pin => fingerprints(options.pin_sha256.as_deref()).map(Basis::Pins),
        Trust::DangerAny => Ok(Basis::Nothing),
    }
}

/// An option that would have no effect is a misunderstanding about what is checked: say so.
fn refuse_idle_options(options: &ClientOptions) -> Result<(), Error> {
    let takes_ca = matches!(options.trust, Trust::System | Trust::Ca);
    if options.ca.is_some() && !takes_ca {
        return Err(misfit("ca: has no effect with this tls_trust"));
    }
    if options.pin_sha256.is_some() && options.trust != Trust::Pin {
        return Err(misfit("pin_sha256: has an effect with AGW_TRUST_PIN only"));
    }
    Ok(())
}

fn system_basis(options: &ClientOptions, provider: &Arc<CryptoProvider>) -> Result<Basis, Error> {
    let extra = match &options.ca {
        Some(ca) => certificates("ca", ca)?,
        None => Vec::new(),
    };
    PlatformVerifier::new_with_extra_roots(extra, provider.clone())
        .map(|verifier| Basis::Chain(Arc::new(verifier)))
        .map_err(|why| unusable("the system's certificate store or ca cannot be used", why))
}

fn ca_basis(options: &ClientOptions, provider: &Arc<CryptoProvider>) -> Result<Basis, Error> {
    let Some(ca) = &options.ca else {
        return Err(misfit("ca: needed with AGW_TRUST_CA"));
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca", ca)? {
        roots.add(certificate).map_err(|why| unusable("ca", why))?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map(|verifier| Basis::Chain(verifier))
        .map_err(|why| unusable("ca", why))
}

/// Fingerprints as tools print them: hex digits, colons or blanks between, commas between several.
fn fingerprints(text: Option<&str>) -> Result<Vec<Fingerprint>, Error> {
    let Some(text) = text else {
        return Err(misfit("pin_sha256: needed with AGW_TRUST_PIN"));
    };
    text.split(',')
        .map(|one| {
            fingerprint(one).ok_or_else(|| {
                misfit("pin_sha256: not SHA-256 fingerprints of 64 hex digits, comma between")
            })
        })
        .collect()
}

fn fingerprint(text: &str) -> Option<Fingerprint> {
    let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut fingerprint = [0; 32];
    for (place, byte) in fingerprint.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(fingerprint)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn client_identity(options: &ClientOptions) -> Result<Option<Identity>, Error> {
    let Some(cert) = &options.client_cert else {
        return match options.client_key {
            Some(_) => Err(misfit("client_key: given without client_cert")),
            None => Ok(None),
        };
    };
    let chain = certificates("client_cert", cert)?;
    let (name, key) = match &options.client_key {
        Some(key) => ("client_key", key),
        None => ("client_cert", cert),
    };
    let pem = Pem::load(name, key)?;
    let key = PrivateKeyDer::from_pem_slice(&pem.bytes)
        .map_err(|why| pem.refuse("holds no private key (encrypted ones are not taken)", &why))?;
    Ok(Some((chain, key)))
}

fn certificates(name: &'static str, value: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = Pem::load(name, value)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.bytes).collect();
    let certificates = found.map_err(|why| pem.refuse("cannot be read as PEM", &why))?;
    if certificates.is_empty() {
        return Err(misfit(format!("{} holds no PEM certificate", pem.source)));
    }
    Ok(certificates)
}

/// PEM from an option that holds the text itself or the path of a file.
struct Pem {
    bytes: Vec<u8>,
    source: String,
}

impl Pem {
    fn load(name: &'static str, value: &str) -> Result<Pem, Error> {
        if value.contains("-----BEGIN") {
            return Ok(Pem {
                bytes: value.as_bytes().to_vec(),
                source: format!("{name}: the text"),
            });
        }
        let source = match looks_like_a_path(value) {
            true => format!("{name}: file '{value}'"),
            false => format!("{name}: the file"),
        };
        match std::fs::read(value) {
            Ok(bytes) => Ok(Pem { bytes, source }),
            Err(why) => {
                Err(misfit(format!("{source} cannot be read: {why}"))
                    .with_os_error(why.raw_os_error()))
            }
        }
    }

    fn refuse(&self, what: &str, why: &dyn fmt::Debug) -> Error {
        misfit(format!("{} {what} ({why:?})", self.source))
    }
}

/// A key whose BEGIN line was lost is taken for a path, and must not be shown: base64 has no dot.
fn looks_like_a_path(value: &str) -> bool {
    value.contains('.') && !value.contains(['\n', '\r'])
}

fn misfit(detail: impl Into<String>) -> Error {
    Error::new(Status::TlsConfig, detail)
}

fn unusable(what: &str, why: impl fmt::Display) -> Error {
    misfit(format!("{what}: {why}"))
}

/// What a certificate is checked against.
#[derive(Debug)]
enum Basis {
    Chain(Arc<dyn ServerCertVerifier>),
    Pins(Vec<Fingerprint>),
    Nothing,
}

#[derive(Debug)]
struct Verifier {
    basis: Basis,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// Names the certificate in the error, since rustls does not show a refused one.
    fn explain<T>(
        &self,
        outcome: Result<T, rustls::Error>,
        certificate: &CertificateDer,
    ) -> Result<T, rustls::Error> {
        outcome.map_err(|why| match why {
            rustls::Error::InvalidCertificate(why) => {
                Refusal::new(certificate, &reason(&why, certificate)).into()
            }
            other => other,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.basis {
            Basis::Chain(verifier) => {
                let outcome = verifier.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                );
                self.explain(outcome, end_entity)
            }
            Basis::Pins(pins) if !pins.contains(&fingerprint_of(end_entity)) => {
                Err(Refusal::new(end_entity, "its fingerprint is not in pin_sha256").into())
            }
            Basis::Pins(_) | Basis::Nothing => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if let Basis::Nothing = self.basis {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let outcome =
            rustls::crypto::verify_tls12_signature(message, certificate, dss, &self.algorithms);
        self.explain(outcome, certificate)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if let Basis::Nothing = self.basis {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let outcome =
            rustls::crypto::verify_tls13_signature(message, certificate, dss, &self.algorithms);
        self.explain(outcome, certificate)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// A refused certificate, in words and with the fingerprint that `pin_sha256` takes.
#[derive(Debug)]
struct Refusal(String);

impl Refusal {
    fn new(certificate: &CertificateDer, reason: &str) -> Self {
        let fingerprint = printed(&fingerprint_of(certificate));
        Refusal(format!(
            "the gateway's certificate was refused: {reason}; its SHA-256 fingerprint is {fingerprint}"
        ))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for rustls::Error {
    fn from(refusal: Refusal) -> Self {
        let other = OtherError(Arc::new(refusal));
        rustls::Error::InvalidCertificate(CertificateError::Other(other))
    }
}

fn fingerprint_of(certificate: &CertificateDer) -> Fingerprint {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, certificate).as_ref());
    fingerprint
}

fn printed(fingerprint: &Fingerprint) -> String {
    let mut text = String::with_capacity(96);
    for byte in fingerprint {
        let separator = if text.is_empty() { "" } else { ":" };
        let _ = write!(text, "{separator}{byte:02X}");
    }
    text
}

/// Why a certificate was refused, for a person who has to mend it.
fn reason(why: &CertificateError, certificate: &CertificateDer) -> String {
    use CertificateError as Why;
    match why {
        Why::Expired => "it has expired".into(),
        Why::ExpiredContext { time, not_after } => {
            format!("it expired {} ago (by this machine's clock)", days(*not_after, *time))
        }
        Why::NotValidYet => "it is not valid yet".into(),
        Why::NotValidYetContext { time, not_before } => format!(
            "it is not valid for another {} (by this machine's clock)",
            days(*time, *not_before)
        ),
        Why::UnknownIssuer if is_self_signed(certificate) => {
            "it is self-signed and not among those trusted".into()
        }
        Why::UnknownIssuer => "its issuer is not among those trusted".into(),
        Why::BadSignature => {
            "none of those trusted has signed it (one of the same name has another key)".into()
        }
        Why::NotValidForName => "it is for another name".into(),
        Why::NotValidForNameContext { expected, presented } if presented.is_empty() => {
            format!("it names no host, so not {}", expected.to_str())
        }
        Why::NotValidForNameContext { expected, presented } => {
            format!("it is for {}, not for {}", presented.join(", "), expected.to_str())
        }
        Why::Other(other) => other_reason(other),
        other => format!("{other}"),
    }
}

fn other_reason(other: &OtherError) -> String {
    match other.0.downcast_ref::<webpki::Error>() {
        Some(webpki::Error::CaUsedAsEndEntity) => {
            "it is a CA's certificate used as a server's".into()
        }
        Some(webpki::Error::UnsupportedCertVersion) => {
            "it is of X.509 version 1, which cannot be used; issue one of version 3".into()
        }
        _ => format!("{}", other.0),
    }
}

fn is_self_signed(certificate: &CertificateDer) -> bool {
    webpki::EndEntityCert::try_from(certificate)
        .is_ok_and(|certificate| certificate.issuer() == certificate.subject())
}

fn days(from: UnixTime, to: UnixTime) -> String {
    let seconds = to.as_secs().saturating_sub(from.as_secs());
    match seconds / 86_400 {
        0 => "less than a day".into(),
        1 => "1 day".into(),
        days => format!("{days} days"),
    }
}

/// What a TLS failure says to the caller.
pub(crate) fn describe(error: &rustls::Error) -> String {
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(CertificateError::Other(other)) => format!("{}", other.0),
        Tls::InvalidMessage(_) => {
            format!("the other side does not speak TLS here ({error}); check the port")
        }
        Tls::AlertReceived(_) => format!("the gateway ended the handshake: {error}"),
        Tls::PeerIncompatible(_) => {
            format!("the gateway speaks no TLS that is safe (1.2 or 1.3 needed): {error}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN: &str = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:\
                       00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff";

    fn options(change: impl FnOnce(&mut ClientOptions)) -> ClientOptions {
        let mut options = ClientOptions::new("https://gw");
        change(&mut options);
        options
    }

    #[test]
    fn fingerprints_are_read_in_the_form_they_are_printed() {
        let pins = fingerprints(Some(&format!("{PIN} , {}", PIN.replace(':', "")))).expect("pins");
        assert_eq!(pins.len(), 2);
        assert_eq!(pins[0], pins[1]);
        assert_eq!(printed(&pins[0]), PIN.to_uppercase());
        let shorter = &PIN[3..];
        let longer = format!("{PIN}:00");
        let odd = PIN.replacen("00", "0", 1);
        let foreign = PIN.replacen("00", "é", 1);
        for bad in ["", ",", "xy", shorter, &longer, &odd, &foreign, &format!("{PIN},")] {
            assert!(fingerprints(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn options_that_do_not_fit_are_named() {
        type Change = fn(&mut ClientOptions);
        let table: &[(&str, Change)] = &[
            ("ca: needed", |o| o.trust = Trust::Ca),
            ("pin_sha256: needed", |o| o.trust = Trust::Pin),
            ("pin_sha256: has an effect", |o| o.pin_sha256 = Some(PIN.into())),
            ("ca: has no effect", |o| {
                o.trust = Trust::DangerAny;
                o.ca = Some("x".into());
            }),
            ("client_key: given without", |o| {
                o.trust = Trust::DangerAny;
                o.client_key = Some("x".into());
            }),
            ("client_cert: file 'no-such.pem' cannot be read", |o| {
                o.trust = Trust::DangerAny;
                o.client_cert = Some("no-such.pem".into());
            }),
            ("client_cert: the file cannot be read", |o| {
                o.trust = Trust::DangerAny;
                o.client_cert = Some("MC4CAQAwBQYDK2VwBCIEIA==".into());
            }),
            ("ca: the file cannot be read", |o| o.ca = Some(String::new())),
            ("ca: file 'Cargo.toml' holds no PEM certificate", |o| {
                o.ca = Some("Cargo.toml".into())
            }),
            ("ca: the text cannot be read", |o| {
                o.ca = Some("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".into());
            }),
        ];
        for (named, change) in table {
            let error = config(&options(change)).expect_err(named);
            assert_eq!(error.status(), Status::TlsConfig, "{named}");
            assert!(error.detail().contains(named), "{named}: {}", error.detail());
        }
    }
}
