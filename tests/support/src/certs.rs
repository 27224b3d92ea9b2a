//! Certificates made anew for each run: by rcgen, and by the openssl program what that cannot make.

use std::net::IpAddr;
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use pem::{EncodeConfig, LineEnding, Pem};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use ring::digest::{SHA256, digest};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::HOST;
use crate::files::Folder;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What `openssl req -x509` makes if nothing else is asked for: RSA-2048, self-signed, CA:TRUE.
pub static OPENSSL_DEFAULT: LazyLock<Identity> = LazyLock::new(|| {
    let folder = Folder::create();
    let (key, certificate) = (folder.path("key.pem"), folder.path("certificate.pem"));
    let subject = format!("/CN={HOST}");
    let names = ["-subj", &subject, "-keyout", &key, "-out", &certificate];
    openssl(&[&["req", "-x509", "-newkey", "rsa:2048", "-nodes"], &names[..]].concat());
    let certificate = CertificateDer::from_pem_file(certificate).expect("a certificate in PEM");
    Identity::new(certificate, std::fs::read_to_string(key).expect("a key in PEM"))
});

/// A certificate with those above it, and its key.
#[derive(Clone)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    /// Not encrypted.
    pub key_pem: String,
}

impl Identity {
    pub fn new(certificate: CertificateDer<'static>, key_pem: String) -> Self {
        Identity { chain: vec![certificate], key_pem }
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).expect("a key in PEM")
    }

    /// The whole chain, the own certificate first.
    pub fn pem(&self) -> String {
        self.chain.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect()
    }

    /// SHA-256 of the certificate's DER, in the form that `pin_sha256` takes.
    pub fn fingerprint(&self) -> String {
        let digest = digest(&SHA256, &self.chain[0]);
        let bytes: Vec<_> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }
}

/// PEM as tools write it: lines of 64 characters.
pub fn pem(label: &str, der: &[u8]) -> String {
    let lines = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new(label, der), lines)
}

/// What a server's or client's certificate says.
pub struct Leaf {
    pub common_name: &'static str,
    pub names: Vec<SanType>,
    /// Days from now.
    pub valid: (i32, i32),
    pub purpose: ExtendedKeyUsagePurpose,
}

impl Leaf {
    /// A server's certificate for these names, valid today.
    pub fn server(names: Vec<SanType>) -> Self {
        let purpose = ExtendedKeyUsagePurpose::ServerAuth;
        Leaf { common_name: HOST, names, valid: (-10, 10), purpose }
    }

    /// A client's certificate, valid today.
    pub fn client() -> Self {
        Leaf { purpose: ExtendedKeyUsagePurpose::ClientAuth, ..Leaf::server(Vec::new()) }
    }

    fn params(&self) -> CertificateParams {
        let mut params = named(self.common_name);
        params.subject_alt_names.clone_from(&self.names);
        params.not_before = day(self.valid.0).into();
        params.not_after = day(self.valid.1).into();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![self.purpose.clone()];
        params.is_ca = IsCa::ExplicitNoCa;
        params
    }

    /// Signed by its own key.
    pub fn self_signed(&self) -> Identity {
        let key = KeyPair::generate().expect("a P-256 key");
        let certificate = self.params().self_signed(&key).expect("signs");
        Identity::new(certificate.der().clone(), key.serialize_pem())
    }
}

pub fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("ASCII"))
}

pub fn ip(address: &str) -> SanType {
    SanType::IpAddress(address.parse::<IpAddr>().expect("an address"))
}

/// A private authority, with those above it that servers have to send along.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    sent_along: Vec<CertificateDer<'static>>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let (params, key) = (authority(name), p256());
        let certificate = params.self_signed(&key).expect("signs").der().clone();
        Authority { certificate, issuer: Issuer::new(params, key), sent_along: Vec::new() }
    }

    /// One that `new` has made before, by its certificate and key. It is tried out: what it issues
    /// is to be good in the eyes of whoever trusts its certificate.
    pub fn kept(name: &str, pem: &str, key_pem: &str) -> Result<Self, String> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes());
        let certificate = certificate.map_err(|why| format!("the certificate: {why}"))?;
        let key = KeyPair::from_pem(key_pem).map_err(|why| format!("the key: {why}"))?;
        let issuer = Issuer::new(authority(name), key);
        let authority = Authority { certificate, issuer, sent_along: Vec::new() };
        let leaf = authority.issue(&Leaf::server(vec![dns(HOST)]));
        vouches_for(&authority.certificate, &leaf).map_err(|why| why.to_string())?;
        Ok(authority)
    }

    /// Not encrypted.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// An intermediate authority.
    pub fn below(&self, name: &str) -> Self {
        let (params, key) = (authority(name), p256());
        let certificate = params.signed_by(&key, &self.issuer).expect("signs").der().clone();
        let mut sent_along = vec![certificate.clone()];
        sent_along.extend(self.sent_along.iter().cloned());
        Authority { certificate, issuer: Issuer::new(params, key), sent_along }
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// A certificate with a P-256 key.
    pub fn issue(&self, leaf: &Leaf) -> Identity {
        self.issue_for(p256(), leaf)
    }

    /// A certificate for a key that is there already.
    pub fn issue_for(&self, key: KeyPair, leaf: &Leaf) -> Identity {
        let certificate = leaf.params().signed_by(&key, &self.issuer).expect("signs");
        let mut identity = Identity::new(certificate.der().clone(), key.serialize_pem());
        identity.chain.extend(self.sent_along.iter().cloned());
        identity
    }
}

/// Whether a client that trusts `authority` takes a server of the name `HOST` with this certificate.
fn vouches_for(authority: &CertificateDer<'_>, leaf: &Identity) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone().into_owned())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
    let verifier = verifier.map_err(|why| rustls::Error::General(why.to_string()))?;
    let name = ServerName::try_from(HOST).expect("a name");
    verifier
        .verify_server_cert(&leaf.chain[0], &leaf.chain[1..], &name, &[], UnixTime::now())
        .map(drop)
}

/// The key that no Rust crate here can make: of OpenSSL's default certificate.
pub fn rsa2048() -> KeyPair {
    KeyPair::from_pem(&OPENSSL_DEFAULT.key_pem).expect("RSA-2048")
}

fn p256() -> KeyPair {
    KeyPair::generate().expect("a P-256 key")
}

fn authority(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.not_before = day(-365).into();
    params.not_after = day(3650).into();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params
}

fn day(from_now: i32) -> SystemTime {
    let distance = DAY * from_now.unsigned_abs();
    let now = SystemTime::now();
    if from_now < 0 { now - distance } else { now + distance }
}

/// A key in PEM in another form, as openssl turns it.
pub fn openssl_key(key_pem: &str, arguments: &[&str]) -> String {
    let folder = Folder::create();
    let (from, to) = (folder.write("from.pem", key_pem), folder.path("to.pem"));
    openssl(&[arguments, &["-in", &from, "-out", &to]].concat());
    std::fs::read_to_string(to).expect("a key in PEM")
}

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output();
    let output = output.expect("the tests need the program openssl (Debian package openssl)");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
}
