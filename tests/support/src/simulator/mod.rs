//! A simulated agent gateway on a loopback port, for tests and for trying things out: real state
//! per agent, real HTTPS with a private CA. tests/simulator has the program around it.

mod balancer;
pub mod caller;
mod certificates;
pub mod codes;
pub mod console;
mod control;
pub mod faults;
pub mod gateway;
pub mod guid;
mod interfaces;
mod journal;
mod polls;
mod reject;
mod reply;
mod session;
mod start;
pub mod state;
mod wire;

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum_server::Handle;
use serde_json::{Value, json};
use tokio::runtime::Builder;

use certificates::Certificates;
use console::Console;
use faults::FaultOrder;
use gateway::{Gateway, Log};
use start::Start;
use state::{ControlError, RequestRecord, Script, Settings};
use wire::Acceptor;

pub use certificates::CaFile;

/// Requests that are under way when the simulator stops may take so much longer.
const GRACE: Duration = Duration::from_millis(500);

pub struct SimulatorOptions {
    pub address: IpAddr,
    /// The address need not be a loopback one: others may then call.
    pub allow_remote: bool,
    /// The port; 0 for any that is free.
    pub port: u16,
    pub tls: bool,
    /// The names and IP addresses in the server's certificate.
    pub names: Vec<String>,
    pub ca_file: CaFile,
    pub agents: Vec<u32>,
    /// The agents at which a conference of the others rings at start.
    pub ring: Vec<u32>,
    pub settings: Settings,
    /// Two nodes behind a load balancer, each of which knows its own Guids only.
    pub sticky: bool,
    pub poll_wait: Duration,
    /// The port of the console, a page for people; 0 for any that is free. Without one, no console.
    pub console: Option<u16>,
    pub log: Option<Log>,
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            allow_remote: false,
            port: 0,
            tls: true,
            names: ["localhost", "127.0.0.1", "::1"].map(String::from).into(),
            ca_file: CaFile::None,
            agents: vec![154, 155],
            ring: Vec::new(),
            settings: Settings::default(),
            sticky: false,
            poll_wait: Duration::from_secs(10),
            console: None,
            log: None,
        }
    }
}

/// A running simulator. It stops when it is dropped.
pub struct Simulator {
    address: SocketAddr,
    certificates: Option<Arc<Certificates>>,
    ca_path: Option<PathBuf>,
    remove_ca: bool,
    console_url: Option<String>,
    gateway: Arc<Gateway>,
    handle: Handle<SocketAddr>,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts a simulator on a thread of its own. Connections are taken as soon as this returns.
    pub fn start(options: SimulatorOptions) -> io::Result<Self> {
        let listener = listen(options.address, options.allow_remote, options.port)?;
        let address = listener.local_addr()?;
        let console = options.console.map(Console::listen).transpose()?;
        let console_url = console.as_ref().map(Console::url);
        let guids = options.settings.guids.to_string();
        let certificates = options.tls.then(|| Certificates::new(&options.names, &options.ca_file));
        let certificates = certificates.transpose()?.map(Arc::new);
        let start = Start::new(options.settings, &options.agents, options.ring);
        let gateway = Gateway::new(start, options.tls, options.poll_wait, options.log)
            .map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why.1))?;
        let gateway = Arc::new(gateway);
        let ca_path = match &certificates {
            Some(certificates) => certificates.write_ca(&options.ca_file)?,
            None => None,
        };
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let remove_ca = options.ca_file == CaFile::Temporary;
        let handle = Handle::new();
        let acceptor = Acceptor { gateway: gateway.clone(), certificates: certificates.clone() };
        let app = interfaces::router(gateway.clone(), options.sticky);
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        let mut simulator = Self {
            address,
            certificates,
            ca_path,
            remove_ca,
            console_url,
            gateway,
            handle,
            thread: None,
        };
        if let Some(console) = console {
            let (gateway, about) = (simulator.gateway.clone(), simulator.about(&guids));
            runtime.spawn(async move {
                console.serve(gateway, about).await.expect("the listener was bound before");
            });
        }
        let (gateway, handle) = (simulator.gateway.clone(), simulator.handle.clone());
        runtime.spawn(async move { gateway.keep_time().await });
        let serve = async move {
            let server = axum_server::from_tcp(listener)?.acceptor(acceptor);
            server.http1_only().handle(handle).serve(service).await
        };
        simulator.thread = Some(thread::spawn(move || {
            runtime.block_on(serve).expect("the listener was bound before");
            // A log that nobody reads may hold a worker up.
            runtime.shutdown_timeout(GRACE);
        }));
        Ok(simulator)
    }

    /// What the console tells of this gateway; `guids` says when they change.
    fn about(&self, guids: &str) -> Value {
        // The page's reader may be in another folder.
        let ca = self.ca_path().and_then(|path| Some(absolute(path).ok()?.display().to_string()));
        json!({ "url": self.url(), "ca": ca, "pin": self.pin(), "guids": guids })
    }

    /// The base of every address here, without a slash at the end: `https://127.0.0.1:8043`.
    pub fn url(&self) -> String {
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address())
    }

    pub fn console_url(&self) -> Option<&str> {
        self.console_url.as_deref()
    }

    /// Where it listens, as clients on this machine see it.
    pub fn address(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            other => other,
        };
        SocketAddr::new(ip, self.address.port())
    }

    /// The CA's certificate in PEM: what a client has to trust; empty without TLS.
    pub fn ca_pem(&self) -> &str {
        self.certificates.as_ref().map_or("", |certificates| &certificates.ca_pem)
    }

    /// The file with the CA's certificate, if one was written.
    pub fn ca_path(&self) -> Option<&Path> {
        self.ca_path.as_deref()
    }

    /// The fingerprint of the server's certificate, as `pin_sha256` takes it.
    pub fn pin(&self) -> Option<&str> {
        self.certificates.as_ref().map(|certificates| &*certificates.pin)
    }

    pub fn guid(&self, agent: u32) -> Option<String> {
        self.gateway.with(|state, _| state.current_guid(agent))
    }

    pub fn ring(&self, agent: u32, members: &[u32]) -> Result<u64, ControlError> {
        self.gateway.change(|state, now| state.ring(agent, members, now))
    }

    pub fn cancel(&self, conf_id: u64) -> Result<(), ControlError> {
        self.gateway.change(|state, now| state.cancel(conf_id, now))
    }

    /// The next rejects of `agent` are answered as `script` says.
    pub fn answer_with(&self, agent: u32, script: Script) {
        self.gateway.with(|state, _| state.answer_with(agent, script));
    }

    pub fn expire(&self, agent: u32) -> Result<(), ControlError> {
        self.gateway.change(|state, now| state.expire(agent, now))
    }

    /// What goes wrong with the next requests or handshakes.
    pub fn fault(&self, order: FaultOrder) -> Result<(), ControlError> {
        self.gateway.order(order)
    }

    pub fn reset(&self) {
        self.gateway.reset();
    }

    pub fn requests(&self) -> Vec<RequestRecord> {
        self.gateway.with(|state, _| state.records())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.gateway.wires.end_handed_over();
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

fn listen(address: IpAddr, allow_remote: bool, port: u16) -> io::Result<TcpListener> {
    if !address.is_loopback() && !allow_remote {
        let text = format!(
            "--address {address} is not of the loopback: others could steer the simulator; if that \
             is meant, add --allow-remote"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let address = SocketAddr::new(address, port);
    let listener = TcpListener::bind(address)
        .map_err(|why| io::Error::new(why.kind(), format!("cannot listen on {address}: {why}")))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
