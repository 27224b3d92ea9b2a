//! A simulated agent gateway on a loopback port, for tests and for trying things out: real state
//! per agent, real HTTPS with a private CA. tests/simulator has the program around it.

mod balancer;
pub mod caller;
pub mod codes;
mod control;
pub mod gateway;
pub mod guid;
pub mod state;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::RustlsConfig;
use rcgen::CertificateParams;
use rustls::ServerConfig;
use tokio::runtime::{Builder, Runtime};

use crate::certs::{Authority, Leaf};
use crate::tls::Plan;

use gateway::{Gateway, Log};
use state::{ControlError, RequestRecord, Script, Settings, State};

/// Requests that are under way when the simulator stops may take so much longer.
const GRACE: Duration = Duration::from_millis(500);

/// Whether and where the CA's certificate is written for clients to read.
#[derive(Clone, Debug, PartialEq)]
pub enum CaFile {
    /// Nowhere: [`Simulator::ca_pem`] has it.
    None,
    /// To a new file in the system's directory for temporary files, removed at the stop.
    Temporary,
    /// To this file, which stays.
    At(PathBuf),
}

/// How a [`Simulator`] is started.
pub struct SimulatorOptions {
    /// The loopback address to listen on.
    pub address: IpAddr,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// HTTPS, or else plain HTTP.
    pub tls: bool,
    /// The names and IP addresses in the server's certificate.
    pub names: Vec<String>,
    /// Where the CA's certificate goes.
    pub ca_file: CaFile,
    /// The agents that are signed in at start.
    pub agents: Vec<u32>,
    /// How the gateway behaves.
    pub settings: Settings,
    /// Two nodes behind a load balancer, each of which knows its own Guids only.
    pub sticky: bool,
    /// How long a poll waits for an event.
    pub poll_wait: Duration,
    /// Takes a line per request.
    pub log: Option<Log>,
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            tls: true,
            names: ["localhost", "127.0.0.1", "::1"].map(String::from).into(),
            ca_file: CaFile::None,
            agents: vec![154, 155],
            settings: Settings::default(),
            sticky: false,
            poll_wait: Duration::from_secs(10),
            log: None,
        }
    }
}

/// A running simulator. It stops when it is dropped.
pub struct Simulator {
    address: SocketAddr,
    /// The CA's certificate in PEM: what a client has to trust.
    ca_pem: Option<String>,
    ca_path: Option<PathBuf>,
    remove_ca: bool,
    gateway: Arc<Gateway>,
    handle: Handle<SocketAddr>,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts a simulator on a thread of its own. Connections are taken as soon as this returns.
    pub fn start(options: SimulatorOptions) -> io::Result<Self> {
        let listener = listen(options.address, options.port)?;
        let address = listener.local_addr()?;
        let tls = options.tls.then(|| new_certificates(&options.names)).transpose()?;
        let (ca_pem, tls) = tls.unzip();
        let ca_path = match &ca_pem {
            Some(pem) => write_ca(&options.ca_file, pem)?,
            None => None,
        };
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let remove_ca = options.ca_file == CaFile::Temporary;
        let sticky = options.sticky;
        let gateway = Arc::new(new_gateway(options));
        let handle = Handle::new();
        let server =
            Server { listener, tls, gateway: gateway.clone(), sticky, handle: handle.clone() };
        let thread = thread::spawn(move || server.run(&runtime));
        Ok(Self { address, ca_pem, ca_path, remove_ca, gateway, handle, thread: Some(thread) })
    }

    /// The base of every address here, without a slash at the end: `https://127.0.0.1:8043`.
    pub fn url(&self) -> String {
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The CA's certificate in PEM; empty without TLS.
    pub fn ca_pem(&self) -> &str {
        self.ca_pem.as_deref().unwrap_or_default()
    }

    /// The file with the CA's certificate, if one was written.
    pub fn ca_path(&self) -> Option<&Path> {
        self.ca_path.as_deref()
    }

    /// The newest Guid of a signed-in agent.
    pub fn guid(&self, agent: u32) -> Option<String> {
        self.gateway.with(|state, _| state.current_guid(agent))
    }

    /// A conference of `members` begins to ring at `agent`; gives the conference's id.
    pub fn ring(&self, agent: u32, members: &[u32]) -> Result<u64, ControlError> {
        self.gateway.change(|state, now| state.ring(agent, members, now))
    }

    /// A ringing conference is cancelled.
    pub fn cancel(&self, conf_id: u64) -> Result<(), ControlError> {
        self.gateway.change(|state, _| state.cancel(conf_id))
    }

    /// The next rejects of `agent` are answered as `script` says.
    pub fn answer_with(&self, agent: u32, script: Script) {
        self.gateway.with(|state, _| state.answer_with(agent, script));
    }

    /// All Guids of `agent` die at once.
    pub fn expire(&self, agent: u32) -> Result<(), ControlError> {
        self.gateway.change(|state, _| state.expire(agent))
    }

    /// The `rejectAgentConf` requests seen, oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.gateway.with(|state, _| state.records())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.handle.graceful_shutdown(Some(GRACE));
        if let Some(thread) = self.thread.take() {
            // It can only fail by a panic, which the panic hook has reported.
            let _ = thread.join();
        }
        if let Some(path) = self.ca_path.take().filter(|_| self.remove_ca) {
            // Whoever has removed the file before did no harm.
            let _ = fs::remove_file(path);
        }
    }
}

struct Server {
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    gateway: Arc<Gateway>,
    sticky: bool,
    handle: Handle<SocketAddr>,
}

impl Server {
    fn run(self, runtime: &Runtime) {
        let gateway = self.gateway.clone();
        runtime.spawn(async move { gateway.keep_time().await });
        runtime.block_on(self.serve()).expect("the listener was bound before");
    }

    async fn serve(self) -> io::Result<()> {
        let app: Router = gateway::router(self.gateway, self.sticky);
        let service = app.into_make_service();
        match self.tls {
            Some(config) => {
                let config = RustlsConfig::from_config(config);
                let server = axum_server::from_tcp_rustls(self.listener, config)?;
                let server = server.map(|tls| tls.acceptor(NoDelayAcceptor));
                server.http1_only().handle(self.handle).serve(service).await
            }
            None => {
                let server = axum_server::from_tcp(self.listener)?.acceptor(NoDelayAcceptor);
                server.http1_only().handle(self.handle).serve(service).await
            }
        }
    }
}

fn listen(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    if !address.is_loopback() {
        let text = "the simulator listens on loopback addresses only";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let address = SocketAddr::new(address, port);
    let listener = TcpListener::bind(address)
        .map_err(|error| explained(&error, &format!("cannot listen on {address}")))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn new_gateway(options: SimulatorOptions) -> Gateway {
    let started = Instant::now();
    let mut state = State::new(options.settings, started);
    for agent in options.agents {
        state.sign_in_at_start(agent, started);
    }
    Gateway::new(state, started, options.poll_wait, options.log)
}

/// A private CA's certificate and the TLS of a server that it vouches for, made anew at every start,
/// as gateways have them as a rule. The CA's key is forgotten as soon as it has signed.
fn new_certificates(names: &[String]) -> io::Result<(String, Arc<ServerConfig>)> {
    let params = CertificateParams::new(names).map_err(io::Error::other)?;
    let ca = Authority::new("Agent gateway simulator CA");
    let server = ca.issue(&Leaf {
        common_name: "Agent gateway simulator",
        valid: (-1, 365),
        ..Leaf::server(params.subject_alt_names)
    });
    let mut config = Plan::new(&server).config();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((ca.pem(), Arc::new(config)))
}

fn write_ca(target: &CaFile, pem: &str) -> io::Result<Option<PathBuf>> {
    let (path, written) = match target {
        CaFile::None => return Ok(None),
        CaFile::At(path) => (path.clone(), fs::write(path, pem)),
        CaFile::Temporary => {
            let name = format!("agent-gateway-simulator-{}.pem", guid::random_name());
            let path = std::env::temp_dir().join(name);
            let written = write_new(&path, pem);
            (path, written)
        }
    };
    match written {
        Ok(()) => Ok(Some(path)),
        Err(error) => {
            let what = format!("cannot write {}", path.display());
            Err(explained(&error, &what))
        }
    }
}

fn write_new(path: &Path, pem: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(pem.as_bytes())
}

fn explained(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
