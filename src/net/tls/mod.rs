//! TLS: the configuration, built once from checked options.

mod der;
pub(crate) mod describe;
pub(crate) mod explain;
mod forms;
mod keys;
pub(crate) mod limits;
mod pem;
mod verify;
mod words;

use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier as PlatformVerifier;

use super::blocking::Blocking;
use crate::options::{ClientOptions, Trust};
use crate::route::{Address, Host};
#[cfg(all(unix, not(target_vendor = "apple")))]
use crate::sys::process::is_privileged;
use crate::{Error, Status};
use der::Certificate;
use explain::{Fingerprint, WeakIssuer};
use pem::{Certificates, KeyFile, bad_option, private_key};
use verify::{TrustSource, Verifier};
pub(crate) use words::NEEDS;

/// TLS towards the gateway: the configuration and the name its certificate must be for.
#[derive(Clone)]
pub(crate) struct TlsPeer {
    pub config: Arc<ClientConfig>,
    pub name: ServerName<'static>,
    /// What the certificate is checked against, in words.
    pub checked: &'static str,
}

impl TlsPeer {
    /// Reads and checks every TLS option.
    pub fn new(options: &ClientOptions, gateway: &Address) -> Result<Self, Error> {
        Ok(TlsPeer {
            name: server_name(gateway)?,
            config: with_own_sessions(&config(options)?),
            checked: match (options.trust, &options.ca) {
                (Trust::System, None) => "checked against the system's store",
                (Trust::System, Some(_)) => "checked against the system's store and ca",
                (Trust::Ca, _) => "checked against ca",
                (Trust::Pin, _) => "checked against pin_sha256",
                (Trust::DangerAny, _) => "nothing was checked",
            },
        })
    }

    /// For a forked child: a session cache that is shared might have been copied in the middle of a
    /// change.
    pub fn for_child(&self) -> Self {
        TlsPeer { config: with_own_sessions(&self.config), ..self.clone() }
    }
}

/// Where no TLS is spoken, what it would go by is a misunderstanding, too.
pub(crate) fn refuse_without_tls(options: &ClientOptions) -> Result<(), Error> {
    let ClientOptions { ca, pin_sha256, client_cert, client_key, trust, .. } = options;
    let given = [
        ("ca", ca.is_some()),
        ("pin_sha256", pin_sha256.is_some()),
        ("client_cert", client_cert.is_some()),
        ("client_key", client_key.is_some()),
        ("trust", matches!(trust, Trust::Ca | Trust::Pin)),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => {
            Err(bad_option(format!("{name}: has no effect with a base_url of http://")))
        }
        None => Ok(()),
    }
}

fn server_name(address: &Address) -> Result<ServerName<'static>, Error> {
    match &address.host {
        Host::Ip(ip) => Ok(ServerName::from(*ip)),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| {
            Error::new(Status::InvalidUrl, format!("base_url: '{name}' is not a host name"))
        }),
    }
}

fn config(options: &ClientOptions) -> Result<ClientConfig, Error> {
    let provider = Arc::new(provider::default_provider());
    let identity = ClientIdentity { key: client_key(options, &provider)? };
    refuse_idle_options(options)?;
    let ca = options.ca.as_deref().map_or_else(|| Ok(Vec::new()), authorities)?;
    let verifier = Verifier {
        weak: ca.iter().filter_map(WeakIssuer::of).collect(),
        source: trust_source(options, ca, &provider)?,
        algorithms: provider.signature_verification_algorithms,
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| unusable("TLS", &why))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(identity)))
}

fn with_own_sessions(config: &ClientConfig) -> Arc<ClientConfig> {
    const SESSIONS: usize = 8;
    let mut config = config.clone();
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Arc::new(config)
}

/// What `ca` holds. Each must be good: who names a certificate means it.
fn authorities(ca: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = Certificates::load("ca", ca)?;
    for (number, one) in certificates.found.iter().enumerate() {
        if let Err(why) = webpki::anchor_from_trusted_cert(one) {
            return Err(certificates.refuse(number, &words::AUTHORITY.say(&why)));
        }
    }
    Ok(certificates.found)
}

fn trust_source(
    options: &ClientOptions,
    ca: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<TrustSource, Error> {
    match options.trust {
        Trust::System => system_source(ca, provider),
        Trust::Ca if ca.is_empty() => Err(bad_option("ca: required where trust is CA")),
        Trust::Ca => chain_source(store_of(ca)?, provider),
        Trust::Pin => fingerprints(options.pin_sha256.as_deref()).map(TrustSource::Pins),
        Trust::DangerAny => Ok(TrustSource::Nothing),
    }
}

/// An option that would have no effect is a misunderstanding about what is checked: say so.
fn refuse_idle_options(options: &ClientOptions) -> Result<(), Error> {
    let takes_ca = matches!(options.trust, Trust::System | Trust::Ca);
    if options.ca.is_some() && !takes_ca {
        return Err(bad_option("ca: has no effect with this trust"));
    }
    if options.pin_sha256.is_some() && options.trust != Trust::Pin {
        return Err(bad_option("pin_sha256: has an effect only where trust is PIN"));
    }
    Ok(())
}

/// Apple's and Microsoft's verifiers may ask the network about the certificate.
const MAY_BLOCK: bool = cfg!(any(windows, target_vendor = "apple"));

fn system_source(
    extra: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<TrustSource, Error> {
    #[cfg(all(unix, not(target_vendor = "apple")))]
    if is_privileged() {
        return chain_source(fixed_store(extra)?, provider);
    }
    PlatformVerifier::new_with_extra_roots(extra, provider.clone())
        .map(|verifier| match MAY_BLOCK {
            true => TrustSource::BlockingChain(Arc::new(verifier), Blocking::default()),
            false => TrustSource::Chain(Arc::new(verifier)),
        })
        .map_err(|_| bad_option(NO_STORE))
}

const NO_STORE: &str = "the system's certificate store has no certificate that can be used; install \
    it (ca-certificates), or give ca";

/// The system's store where the system keeps it. In a program with more rights than its caller the
/// caller's environment (SSL_CERT_FILE, SSL_CERT_DIR) must not say whom it trusts.
#[cfg(all(unix, not(target_vendor = "apple")))]
fn fixed_store(extra: Vec<CertificateDer<'static>>) -> Result<RootCertStore, Error> {
    let mut roots = store_of(extra)?;
    for folder in openssl_probe::candidate_cert_dirs() {
        let found = rustls_native_certs::load_certs_from_paths(None, Some(folder));
        roots.add_parsable_certificates(found.certs);
    }
    if roots.is_empty() { Err(bad_option(NO_STORE)) } else { Ok(roots) }
}

fn store_of(certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|why| unusable("ca", &why))?;
    }
    Ok(roots)
}

fn chain_source(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<TrustSource, Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map(|verifier| TrustSource::Chain(verifier))
        .map_err(|why| bad_option(format!("ca: {}", words::VERIFIER.say(&why))))
}

/// Fingerprints as tools print them: hex digits, colons or blanks between, commas between several.
fn fingerprints(text: Option<&str>) -> Result<Vec<Fingerprint>, Error> {
    let Some(text) = text else {
        return Err(bad_option("pin_sha256: required where trust is PIN"));
    };
    text.split(',')
        .map(|one| fingerprint(without_label(one)).ok_or_else(|| no_fingerprint(one)))
        .collect()
}

/// `openssl x509 -fingerprint -sha256` puts `sha256 Fingerprint=` before it.
fn without_label(text: &str) -> &str {
    match text.split_once('=') {
        Some((label, digits)) if label.trim().eq_ignore_ascii_case("sha256 fingerprint") => digits,
        _ => text,
    }
}

fn no_fingerprint(text: &str) -> Error {
    const SHA1_DIGITS: usize = 40;
    let value = text.split_once('=').map_or(text, |(_, value)| value);
    let digits = value.chars().filter(char::is_ascii_hexdigit).count();
    let what = match digits {
        SHA1_DIGITS => "a fingerprint of 40 hex digits is one of SHA-1",
        _ => "not SHA-256 fingerprints of 64 hex digits, comma between",
    };
    let how = "openssl x509 -in gateway.pem -noout -fingerprint -sha256 prints one";
    bad_option(format!("pin_sha256: {what}; {how}"))
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
            Some(_) => Err(bad_option("client_key: given without client_cert")),
            None => Ok(None),
        };
    };
    let chain = Certificates::load("client_cert", cert)?;
    let (name, key) = match &options.client_key {
        Some(key) => ("client_key", key),
        None => ("client_cert", cert),
    };
    let file = private_key(name, key)?;
    let key = provider.key_provider.load_private_key(file.key()?);
    let key = key.map_err(|_| file.refuse(&no_key(&file)))?;
    let public = key.public_key();
    check_chain(&chain, public.as_ref().map(|public| public.as_ref()))?;
    // The certificate itself is the gateway's to judge, also one of version 1.
    Ok(Some(Arc::new(CertifiedKey::new(chain.found, key))))
}

fn no_key(file: &KeyFile) -> String {
    let taken = keys::TAKEN_FOR_CLIENTS;
    match keys::private_key(file.bytes()).filter(|key| !key.taken) {
        Some(key) => format!("the private key is {}; agw takes {taken}", key.words),
        None => format!(
            "the private key cannot be used (agw takes {taken}); openssl pkey -in {} -out key.pem may \
             write it so that it can",
            file.file()
        ),
    }
}

/// That each can be read, and that the first is the key's.
fn check_chain(chain: &Certificates, key: Option<&[u8]>) -> Result<(), Error> {
    let mut own = None;
    for (number, one) in chain.found.iter().enumerate() {
        let read = Certificate::read(one)
            .ok_or_else(|| chain.refuse(number, "it cannot be read as a certificate"))?;
        if own.is_none() && key.is_none_or(|key| key == read.public_key) {
            own = Some(number);
        }
    }
    match own {
        Some(0) => Ok(()),
        Some(number) => Err(chain.refuse(
            number,
            "this is the client's own and has to come first, then the one of its issuer, and so on: \
             the order is wrong",
        )),
        None => Err(bad_option("client_key: not the key of client_cert")),
    }
}

/// The client's certificate, if it has one.
#[derive(Debug)]
struct ClientIdentity {
    key: Option<Arc<CertifiedKey>>,
}

impl ResolvesClientCert for ClientIdentity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        limits::note_client_auth();
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

fn unusable(what: &str, why: &rustls::Error) -> Error {
    bad_option(format!("{what}: {}", explain::describe(why)))
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
    fn without_tls_its_options_are_refused() {
        type Change = fn(&mut ClientOptions);
        let changes: [(&str, Change); 6] = [
            ("ca", |o| o.ca = Some("no-such.pem".into())),
            ("pin_sha256", |o| o.pin_sha256 = Some(PIN.into())),
            ("client_cert", |o| o.client_cert = Some("no-such.pem".into())),
            ("client_key", |o| o.client_key = Some("no-such.pem".into())),
            ("trust", |o| o.trust = Trust::Ca),
            ("trust", |o| o.trust = Trust::Pin),
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

    #[test]
    fn options_that_do_not_fit_are_named() {
        type Change = fn(&mut ClientOptions);
        let table: &[(&str, Change)] = &[
            ("ca: required", |o| o.trust = Trust::Ca),
            ("pin_sha256: required", |o| o.trust = Trust::Pin),
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
            ("ca: file '/no/such/ca' cannot be read", |o| o.ca = Some("/no/such/ca".into())),
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
