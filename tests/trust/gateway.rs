//! A TLS gateway on loopback that accepts every request, and what it learns of its clients.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
};

use support::certs::{Authority, Identity};
use support::{ACCEPTED, http};

/// Each TLS version that the library speaks.
pub const VERSIONS: [&SupportedProtocolVersion; 2] =
    [&rustls::version::TLS12, &rustls::version::TLS13];

/// A client that got through the handshake.
#[derive(Clone, Debug)]
pub struct Met {
    pub handshake: Option<HandshakeKind>,
    /// The name it asked for.
    pub asked_for: Option<String>,
    /// Its certificate.
    pub certificate: Option<CertificateDer<'static>>,
}

/// What a gateway is to be like.
pub struct Plan<'a> {
    identity: &'a Identity,
    signer: &'a Identity,
    versions: Vec<&'static SupportedProtocolVersion>,
    clients: Option<&'a Authority>,
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

    /// Demands client certificates of this authority.
    pub fn demanding(self, clients: &'a Authority) -> Self {
        Plan { clients: Some(clients), ..self }
    }

    pub fn at(self, ip: IpAddr) -> Self {
        Plan { ip, ..self }
    }

    pub fn start(self) -> Gateway {
        let listener = TcpListener::bind((self.ip, 0))
            .unwrap_or_else(|why| panic!("the tests need {} on this machine: {why}", self.ip));
        Gateway::start(listener, Arc::new(self.config()))
    }

    fn config(&self) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&self.versions)
            .expect("versions of the provider");
        let builder = match self.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.der()).expect("an authority's certificate");
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

/// A gateway that runs until the tests end.
pub struct Gateway {
    address: SocketAddr,
    met: Arc<Mutex<Vec<Met>>>,
}

impl Gateway {
    /// A gateway with this certificate and nothing special.
    pub fn with(identity: &Identity) -> Gateway {
        Plan::new(identity).start()
    }

    fn start(listener: TcpListener, config: Arc<ServerConfig>) -> Gateway {
        let address = listener.local_addr().expect("bound");
        let met = Arc::<Mutex<Vec<Met>>>::default();
        let shared = met.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, met) = (config.clone(), shared.clone());
                // An error is the client's to judge.
                thread::spawn(move || serve(stream, config, &met));
            }
        });
        Gateway { address, met }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL under this host name or literal.
    pub fn url_as(&self, host: &str) -> String {
        format!("https://{host}:{}", self.address.port())
    }

    /// The clients that got through, in order.
    pub fn met(&self) -> Vec<Met> {
        self.met.lock().expect("met").clone()
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, met: &Mutex<Vec<Met>>) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut tls = StreamOwned::new(connection, stream);
    let outcome = converse(&mut tls, met);
    // Closed with bytes unread, the connection would be reset, and the alert might be lost.
    tls.sock.shutdown(Shutdown::Write)?;
    io::copy(&mut tls.sock, &mut io::sink())?;
    outcome
}

fn converse(
    tls: &mut StreamOwned<ServerConnection, TcpStream>,
    met: &Mutex<Vec<Met>>,
) -> io::Result<()> {
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    met.lock().expect("met").push(Met {
        handshake: tls.conn.handshake_kind(),
        asked_for: tls.conn.server_name().map(str::to_owned),
        certificate: tls.conn.peer_certificates().map(|chain| chain[0].clone().into_owned()),
    });
    let answer = http("200 OK", ACCEPTED);
    loop {
        skip_head(tls)?;
        tls.write_all(answer.as_bytes())?;
    }
}

/// Reads up to the empty line.
fn skip_head(stream: &mut impl Read) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(())
}
