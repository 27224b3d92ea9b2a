//! A client as the tests have it, and the simulator that it calls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agw::{Client, ClientOptions, Level, Trust};

use crate::lock;
use crate::simulator::{CaFile, Simulator, SimulatorOptions};

/// Of a gateway that is not checked. Nothing here takes as long as the time-outs.
pub fn options(url: &str) -> ClientOptions {
    let mut options = ClientOptions::new(url);
    options.allow_http = true;
    options.trust = Trust::DangerAny;
    options.timeout = Duration::from_secs(30);
    options.connect_timeout = Duration::from_secs(30);
    options
}

pub fn client(url: &str) -> Client {
    Client::new(&options(url)).expect("client")
}

/// With these agents signed in, and its CA in a file.
pub fn simulator(agents: Vec<u32>) -> Simulator {
    let options =
        SimulatorOptions { ca_file: CaFile::Temporary, agents, ..SimulatorOptions::default() };
    Simulator::start(options).expect("a port is free")
}

/// Of a simulator whose CA is trusted.
pub fn options_of(simulator: &Simulator) -> ClientOptions {
    let mut options = ClientOptions::new(simulator.url());
    options.trust = Trust::Ca;
    options.ca = Some(simulator.ca_pem().to_owned());
    options
}

/// Log lines of a client, with their levels.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Lines {
    /// Takes every line of clients that are made of these options.
    pub fn of(options: &mut ClientOptions) -> Lines {
        let lines = Lines::default();
        let taken = lines.clone();
        options.log_level = Level::Debug;
        options.log = Some(Arc::new(move |level, line: &str| {
            lock(&taken.0).push((level, line.to_owned()));
        }));
        lines
    }

    /// Those since this was last asked.
    pub fn take(&self) -> Vec<(Level, String)> {
        std::mem::take(&mut lock(&self.0))
    }

    /// The lines that matter at least as much as this.
    pub fn up_to(&self, level: Level) -> Vec<String> {
        let lines = lock(&self.0);
        lines.iter().filter(|line| line.0 <= level).map(|line| line.1.clone()).collect()
    }

    pub fn text(&self) -> String {
        self.up_to(Level::Debug).join("\n")
    }
}
