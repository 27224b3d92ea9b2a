//! TLS: the configuration, built once from checked options.

mod der;
pub(crate) mod describe;
pub(crate) mod explain;
mod forms;
mod keys;
pub(crate) mod limits;
mod names;
mod pem;
#[cfg(all(unix, not(target_vendor = "apple")))]
mod store;
mod verify;
mod words;

use std::array;
use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{ClientConfig, RootCertStore, SignatureScheme};

#[cfg(any(windows, target_vendor = "apple"))]
use super::blocking::Blocking;
use crate::address::{Address, Host};
use crate::options::{ClientOptions, Trust};
use crate::text::starts_with;
use crate::{Error, Status};
use der::Certificate;
use explain::{Fingerprint, WeakIssuer};
use forms::KEY;
use pem::{Given, bad_option};
#[cfg(all(unix, not(target_vendor = "apple")))]
use store::system_source;
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
    let provider =
        CryptoProvider { secure_random: &limits::HelloRandom, ..provider::default_provider() };
    let provider = Arc::new(provider);
    let identity = ClientIdentity(client_key(options, &provider)?);
    refuse_idle_options(options)?;
    let ca = options.ca.as_deref().map_or(Ok(Vec::new()), authorities)?;
    let verifier = Verifier {
        weak: ca.iter().filter_map(WeakIssuer::of).collect(),
        source: trust_source(options, ca, &provider)?,
        algorithms: provider.signature_verification_algorithms,
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| bad_option(format!("TLS: {}", explain::told(&why).1)))?
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
    let given = Given::load("ca", ca)?;
    let found = given.certificates()?;
    for (number, one) in found.iter().enumerate() {
        if let Err(why) = webpki::anchor_from_trusted_cert(one) {
            let why = words::say(words::AUTHORITY, &why);
            return Err(refused(&given, number, found.len(), &why));
        }
    }
    Ok(found)
}

/// The error for one of several certificates; `number` counts from 0.
fn refused(given: &Given, number: usize, all: usize, why: &str) -> Error {
    match all {
        1 => given.refuse(format!(": {why}")),
        _ => given.refuse(format!(", certificate {} of {all}: {why}", number + 1)),
    }
}

fn trust_source(
    options: &ClientOptions,
    ca: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<TrustSource, Error> {
    match options.trust {
        Trust::System => system_source(ca, provider),
        Trust::Ca if ca.is_empty() => Err(bad_option("ca: required where trust is CA")),
        Trust::Ca => chain_source(ca, provider),
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
#[cfg(any(windows, target_vendor = "apple"))]
fn system_source(
    extra: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<TrustSource, Error> {
    rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider.clone())
        .map(|verifier| TrustSource::Chain(Arc::new(verifier), Some(Blocking::default())))
        .map_err(|_| bad_option(NO_STORE))
}

const NO_STORE: &str = "the system's certificate store has no certificate that can be used; install \
    it (ca-certificates), see whether SSL_CERT_FILE or SSL_CERT_DIR names another, or give ca";

fn chain_source(
    trusted: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<TrustSource, Error> {
    let mut roots = RootCertStore::empty();
    // What is in `ca` can be parsed; among the system's there may be what nobody can read.
    roots.add_parsable_certificates(trusted);
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map(|verifier| TrustSource::Chain(verifier, None))
        // It has no revocation lists, so what it lacks are roots.
        .map_err(|_| bad_option(NO_STORE))
}

/// Fingerprints as tools print them: hex digits, colons, dashes or blanks between, commas between
/// several.
fn fingerprints(text: Option<&str>) -> Result<Vec<Fingerprint>, Error> {
    let Some(text) = text else {
        return Err(bad_option("pin_sha256: required where trust is PIN"));
    };
    text.split(',')
        .map(|one| fingerprint(without_label(one)).ok_or_else(|| no_fingerprint(one)))
        .collect()
}

/// `openssl x509 -fingerprint -sha256` puts `sha256 Fingerprint=` before it, keytool `SHA256:`.
fn without_label(text: &str) -> &str {
    let behind = |text: &str, word| starts_with(text.as_bytes(), word).then_some(word.len());
    let start = text.trim_start();
    let Some(label) = ["sha256", "sha-256"].iter().find_map(|word| behind(start, word)) else {
        return text;
    };
    let rest = start[label..].trim_start();
    rest[behind(rest, "fingerprint").unwrap_or(0)..].trim_start().trim_start_matches([':', '='])
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
    // Windows' dialogue puts a mark of the direction before what is copied from it.
    let between = |c: char| c.is_whitespace() || [':', '-', '\u{200e}', '\u{feff}'].contains(&c);
    let digits = text.chars().filter(|c| !between(*c)).map(|c| c.to_digit(16));
    let digits: [u32; 64] = digits.collect::<Option<Vec<_>>>()?.try_into().ok()?;
    Some(array::from_fn(|place| (digits[2 * place] << 4 | digits[2 * place + 1]) as u8))
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
    let given = Given::load("client_cert", cert)?;
    let chain = given.certificates()?;
    let given_key = options.client_key.as_ref().map(|key| Given::load("client_key", key));
    let key_file = given_key.transpose()?;
    let key_file = key_file.as_ref().unwrap_or(&given);
    // Of several keys the certificate's own; if there is none, the first says why.
    let mut refused = None;
    for der in key_file.private_keys() {
        let key = der.and_then(|der| signing_key(key_file, &der, provider));
        let checked = key.and_then(|key| {
            check_chain(&given, &chain, key.public_key().as_deref())?;
            Ok(key)
        });
        match checked {
            // The certificate itself is the gateway's to judge, also one of version 1.
            Ok(key) => return Ok(Some(Arc::new(CertifiedKey::new(chain, key)))),
            Err(why) => refused = refused.or(Some(why)),
        }
    }
    Err(refused.unwrap_or_else(|| key_file.complain(KEY)))
}

#[inline(never)]
fn signing_key(
    given: &Given,
    der: &[u8],
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, Error> {
    let key = PrivateKeyDer::try_from(der.to_owned())
        .map_err(|_| given.refuse(": what is called a private key is none"))?;
    let key = provider.key_provider.load_private_key(key);
    key.map_err(|_| given.refuse(no_key(der, &given.file)))
}

fn no_key(der: &[u8], file: &str) -> String {
    let taken = keys::TAKEN_FOR_CLIENTS;
    match keys::private_key(der) {
        Some(key) if key.words == keys::UNNAMED_CURVE => format!(
            ": the private key has its curve in numbers, not by name (agw takes {taken}); openssl \
             pkey -in {file} -ec_param_enc named_curve -out key.pem names it"
        ),
        Some(key) if !key.taken => {
            format!(": the private key is {}; agw takes {taken}", key.words)
        }
        Some(key) if key.is_elliptic() => format!(
            ": the private key lacks its public half, as a Java keystore's does, or that does not fit; \
             openssl ec -in {file} -conv_form uncompressed -out key.pem makes it anew"
        ),
        _ => format!(
            ": the private key cannot be used (agw takes {taken}); openssl pkey -in {file} -out \
             key.pem may write it so that it can"
        ),
    }
}

/// That each can be read, and that the first is the key's.
fn check_chain(given: &Given, chain: &[CertificateDer], key: Option<&[u8]>) -> Result<(), Error> {
    let refused = |number, why| Err(refused(given, number, chain.len(), why));
    let certificates: Vec<_> = chain.iter().map(|one| Certificate::read(one)).collect();
    if let Some(number) = certificates.iter().position(Option::is_none) {
        return refused(number, "it cannot be read as a certificate, or bytes follow it");
    }
    let is_own = |one: &Certificate| key.is_none_or(|key| key == one.public_key);
    match certificates.iter().flatten().position(is_own) {
        Some(0) => Ok(()),
        Some(number) => refused(
            number,
            "this is the client's own and has to come first, then the one of its issuer, and so on: \
             the order is wrong",
        ),
        None => Err(bad_option("client_key: not the key of client_cert")),
    }
}

/// The client's certificate, if it has one.
#[derive(Debug)]
struct ClientIdentity(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for ClientIdentity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        limits::note_client_auth();
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_do_not_fit_are_named() {
        type Change = fn(&mut ClientOptions);
        const WITHOUT_TLS: &str = "has no effect with a base_url of http://";
        let table: &[(&str, &str, Change)] = &[
            ("ca", WITHOUT_TLS, |o| o.ca = Some("no-such.pem".into())),
            ("pin_sha256", WITHOUT_TLS, |o| o.pin_sha256 = Some("no pin".into())),
            ("client_cert", WITHOUT_TLS, |o| o.client_cert = Some("no-such.pem".into())),
            ("client_key", WITHOUT_TLS, |o| o.client_key = Some("no-such.pem".into())),
            ("trust", WITHOUT_TLS, |o| o.trust = Trust::Ca),
            ("trust", WITHOUT_TLS, |o| o.trust = Trust::Pin),
            ("ca", "required where trust is CA", |o| o.trust = Trust::Ca),
            ("pin_sha256", "required where trust is PIN", |o| o.trust = Trust::Pin),
            ("pin_sha256", "has an effect only where trust is PIN", |o| {
                o.pin_sha256 = Some("no pin".into());
            }),
            ("ca", "has no effect with this trust", |o| {
                (o.trust, o.ca) = (Trust::DangerAny, Some("x".into()));
            }),
            ("client_key", "given without client_cert", |o| o.client_key = Some("x".into())),
            ("client_cert", "the file cannot be read: entity not found", |o| {
                o.client_cert = Some("MC4CAQAwBQYDK2VwBCIEIA==".into());
            }),
            ("ca", "empty; give PEM text or the path of a file", |o| o.ca = Some(String::new())),
        ];
        for (option, why, change) in table {
            let mut options = ClientOptions::new("");
            change(&mut options);
            let outcome = match *why {
                WITHOUT_TLS => refuse_without_tls(&options),
                _ => config(&options).map(drop),
            };
            let error = outcome.expect_err(why);
            assert_eq!(error.status(), Status::TlsConfig, "{option}: {why}");
            assert_eq!(error.detail(), format!("{option}: {why}"));
        }
    }
}
