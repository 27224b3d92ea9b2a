//! TLS: the configuration, built once from checked options.

pub(crate) mod explain;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring as provider};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier as PlatformVerifier;

use crate::net::blocking::Aside;
use crate::net::cancel::Control;
use crate::net::socket::Deadline;
use crate::options::{Address, ClientOptions, Host, Trust};
use crate::{Error, Status};
use explain::{Fingerprint, fingerprint_of};

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
    let identity = Identity { key: client_key(options, &provider)? };
    let verifier = Verifier {
        basis: basis(options, &provider)?,
        algorithms: provider.signature_verification_algorithms,
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| unusable("TLS", why))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(identity)))
}

/// Where no TLS is spoken, what it would go by is a misunderstanding, too.
pub(crate) fn refuse_without_tls(options: &ClientOptions) -> Result<(), Error> {
    let ClientOptions { ca, pin_sha256, client_cert, client_key, trust, .. } = options;
    let given = [
        ("ca", ca.is_some()),
        ("pin_sha256", pin_sha256.is_some()),
        ("client_cert", client_cert.is_some()),
        ("client_key", client_key.is_some()),
        ("tls_trust", matches!(trust, Trust::Ca | Trust::Pin)),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(misfit(format!("{name}: has no effect with a base_url of http://"))),
        None => Ok(()),
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

/// Apple's and Microsoft's verifiers may ask the network about the certificate.
const MAY_BLOCK: bool = cfg!(any(windows, target_vendor = "apple"));

fn system_basis(options: &ClientOptions, provider: &Arc<CryptoProvider>) -> Result<Basis, Error> {
    let extra = match &options.ca {
        Some(ca) => certificates("ca", ca)?,
        None => Vec::new(),
    };
    PlatformVerifier::new_with_extra_roots(extra, provider.clone())
        .map(|verifier| match MAY_BLOCK {
            true => Basis::Aside(Arc::new(verifier), Aside::default()),
            false => Basis::Chain(Arc::new(verifier)),
        })
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

fn client_key(
    options: &ClientOptions,
    provider: &CryptoProvider,
) -> Result<Option<Arc<CertifiedKey>>, Error> {
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
    match CertifiedKey::from_der(chain, key, provider) {
        Ok(key) => Ok(Some(Arc::new(key))),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(misfit("client_key: not the key of client_cert"))
        }
        Err(why) => Err(unusable("client_cert and client_key: cannot be used", why)),
    }
}

/// The client's certificate, if it has one. Notes that the gateway demanded one: with TLS 1.3 it
/// says only after the handshake whether it is content.
#[derive(Debug)]
struct Identity {
    key: Option<Arc<CertifiedKey>>,
}

thread_local! {
    static DEMANDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a gateway has demanded a client certificate in this thread since the last question.
pub(crate) fn client_certificate_demanded() -> bool {
    DEMANDED.take()
}

/// What limits a handshake in this thread while it lives, also where rustls calls back.
pub(crate) struct Bounds;

// Apart: where a thread is ending, and calls from a destructor, what needs a destructor is gone.
// Such a call cannot be cancelled, but ends at its deadline.
thread_local! {
    static DEADLINE: Cell<Option<Deadline>> = const { Cell::new(None) };
    static CONTROL: RefCell<Option<Arc<Control>>> = const { RefCell::new(None) };
}

impl Bounds {
    pub fn set(deadline: Deadline, control: &Arc<Control>) -> Self {
        DEADLINE.set(Some(deadline));
        // Not where it is not needed: glibc would remember the destructor of an ending thread for good.
        if MAY_BLOCK || cfg!(test) {
            let _ = CONTROL.try_with(|place| place.replace(Some(control.clone())));
        }
        Bounds
    }
}

impl Drop for Bounds {
    fn drop(&mut self) {
        DEADLINE.set(None);
        if MAY_BLOCK || cfg!(test) {
            let _ = CONTROL.try_with(|place| place.take());
        }
    }
}

fn within_bounds<T: Send + 'static>(
    aside: &Aside,
    verify: impl FnOnce() -> T + Send + 'static,
) -> Result<T, rustls::Error> {
    let deadline = DEADLINE.get().ok_or(rustls::Error::HandshakeNotComplete)?;
    let control = CONTROL.try_with(|place| place.borrow().clone()).ok().flatten();
    aside.run("agw verify", verify, deadline, &control.unwrap_or_default()).map_err(|why| {
        explain::of_this_library(
            why.while_doing("asking the system about the gateway's certificate"),
        )
    })
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        DEMANDED.set(true);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
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
            let bytes = without_marks(value.as_bytes());
            return Ok(Pem { bytes, source: format!("{name}: the text") });
        }
        let source = match looks_like_a_path(value) {
            true => format!("{name}: file '{value}'"),
            false => format!("{name}: the file"),
        };
        match std::fs::read(value) {
            Ok(bytes) => Ok(Pem { bytes: without_marks(&bytes), source }),
            Err(why) => {
                Err(misfit(format!("{source} cannot be read: {why}"))
                    .with_os_error(why.raw_os_error()))
            }
        }
    }

    fn refuse(&self, what: &str, why: &pem::Error) -> Error {
        // Never `why` itself: it holds what was read, a key's bytes included.
        let why = match why {
            pem::Error::MissingSectionEnd { .. } => "an END line is missing",
            pem::Error::IllegalSectionStart { .. } => "a BEGIN line is not alone on its line",
            pem::Error::Base64Decode(_) => "not base64",
            pem::Error::NoItemsFound => "none found",
            _ => "not PEM",
        };
        misfit(format!("{} {what} ({why})", self.source))
    }
}

/// Windows editors put a byte-order mark first, which would hide the BEGIN line behind it, and files
/// that are joined have several.
fn without_marks(bytes: &[u8]) -> Vec<u8> {
    const MARK: &[u8] = b"\xEF\xBB\xBF";
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, others)) = rest.split_first() {
        match rest.strip_prefix(MARK) {
            Some(behind) => rest = behind,
            None => {
                plain.push(*first);
                rest = others;
            }
        }
    }
    plain
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
    /// The same, with a verifier that may block.
    Aside(Arc<dyn ServerCertVerifier>, Aside),
    Pins(Vec<Fingerprint>),
    Nothing,
}

#[derive(Debug)]
struct Verifier {
    basis: Basis,
    algorithms: WebPkiSupportedAlgorithms,
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
                outcome.map_err(|why| explain::of_certificate(why, end_entity))
            }
            Basis::Aside(verifier, aside) => {
                let verifier = verifier.clone();
                let certificate = end_entity.clone().into_owned();
                let intermediates: Vec<_> =
                    intermediates.iter().map(|one| one.clone().into_owned()).collect();
                let (name, ocsp) = (server_name.to_owned(), ocsp_response.to_vec());
                let verify = move || {
                    verifier.verify_server_cert(&certificate, &intermediates, &name, &ocsp, now)
                };
                within_bounds(aside, verify)?
                    .map_err(|why| explain::of_certificate(why, end_entity))
            }
            Basis::Pins(pins) if !pins.contains(&fingerprint_of(end_entity)) => {
                Err(explain::because(end_entity, "its fingerprint is not in pin_sha256"))
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
        outcome.map_err(|why| explain::of_signature(why, certificate))
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
        outcome.map_err(|why| explain::of_signature(why, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::time::{Duration, Instant};

    use rustls::CertificateError;

    use crate::net::http::classify_io;

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
        assert_eq!(explain::printed(&pins[0]), PIN.to_uppercase());
        let shorter = &PIN[3..];
        let longer = format!("{PIN}:00");
        let odd = PIN.replacen("00", "0", 1);
        let foreign = PIN.replacen("00", "é", 1);
        for bad in ["", ",", "xy", shorter, &longer, &odd, &foreign, &format!("{PIN},")] {
            assert!(fingerprints(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_byte_order_mark_hides_no_certificate() {
        let made = rcgen::generate_simple_self_signed(["gw".to_owned()]).expect("a certificate");
        let text = format!("\u{feff}{}", made.cert.pem());
        assert_eq!(certificates("ca", &text).expect("read").len(), 1);
        assert_eq!(certificates("ca", &text.repeat(2)).expect("read").len(), 2);
    }

    #[test]
    fn without_tls_its_options_are_refused() {
        type Change = fn(&mut ClientOptions);
        let changes: [(&str, Change); 6] = [
            ("ca", |o| o.ca = Some("no-such.pem".into())),
            ("pin_sha256", |o| o.pin_sha256 = Some(PIN.into())),
            ("client_cert", |o| o.client_cert = Some("no-such.pem".into())),
            ("client_key", |o| o.client_key = Some("no-such.pem".into())),
            ("tls_trust", |o| o.trust = Trust::Ca),
            ("tls_trust", |o| o.trust = Trust::Pin),
        ];
        for (name, change) in changes {
            let error = refuse_without_tls(&options(change)).expect_err(name);
            assert_eq!(error.status(), Status::TlsConfig);
            let told = format!("{name}: has no effect with a base_url of http://");
            assert_eq!(error.detail(), told);
        }
        assert!(refuse_without_tls(&options(|o| o.trust = Trust::DangerAny)).is_ok());
        assert!(refuse_without_tls(&options(|_| ())).is_ok());
    }

    /// What a verifier of the operating system's may be like.
    #[derive(Debug)]
    struct Slow(Duration);

    impl ServerCertVerifier for Slow {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            std::thread::sleep(self.0);
            Err(rustls::Error::InvalidCertificate(CertificateError::Revoked))
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            unreachable!()
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            unreachable!()
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            unreachable!()
        }
    }

    fn refusal_by(slow: Slow, timeout: u64, control: &Arc<Control>) -> (Status, String) {
        let verifier = Verifier {
            basis: Basis::Aside(Arc::new(slow), Aside::default()),
            algorithms: provider::default_provider().signature_verification_algorithms,
        };
        let name = ServerName::try_from("gateway.test").expect("a name");
        let certificate = CertificateDer::from(vec![0]);
        let _bounds = Bounds::set(Deadline::after(Duration::from_millis(timeout)), control);
        let why = verifier
            .verify_server_cert(&certificate, &[], &name, &[], UnixTime::now())
            .expect_err("never trusted");
        classify_io(&io::Error::new(io::ErrorKind::InvalidData, why), "in the TLS handshake")
    }

    #[test]
    fn a_system_that_takes_long_over_a_certificate_does_not_outlast_the_call() {
        let started = Instant::now();
        let control = Arc::<Control>::default();
        let (status, detail) = refusal_by(Slow(Duration::from_secs(60)), 50, &control);
        assert_eq!(status, Status::Timeout);
        assert_eq!(
            detail,
            "the time-out passed while asking the system about the gateway's certificate"
        );
        let (status, detail) = refusal_by(Slow(Duration::ZERO), 30_000, &control);
        assert_eq!(status, Status::Tls);
        assert!(detail.contains("was refused: "), "{detail}");
        control.cancel();
        let (status, _) = refusal_by(Slow(Duration::from_secs(60)), 30_000, &control);
        assert_eq!(status, Status::Cancelled);
        assert!(started.elapsed() < Duration::from_secs(30));
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
