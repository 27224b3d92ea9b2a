//! The command line.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use support::simulator::codes::Refusal;
use support::simulator::gateway::Log;
use support::simulator::guid::GuidRules;
use support::simulator::state::{MAX_AGENT_ID, MIN_AGENT_ID, Settings};
use support::simulator::{CaFile, SimulatorOptions};

const ABOUT: &str = "\
A simulated agent gateway on this machine: agents sign in, poll for events, and reject
conference calls, over HTTPS with a private CA, with the answers, codes and events of
the real one.

A TIME is a number of seconds: 90, 0.5, 2s, 500ms.";

/// The command line.
#[derive(Parser)]
#[command(name = "agw-simulator", version, about = ABOUT, after_help = include_str!("help.txt"))]
pub struct Cli {
    /// Port to listen on; 0 takes any that is free
    #[arg(long, default_value_t = 8043)]
    port: u16,

    /// Address to listen on, of the loopback unless --allow-remote is there
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,

    /// Serve other machines, too: whoever can reach the port can steer the simulator
    #[arg(long)]
    pub allow_remote: bool,

    /// Plain HTTP instead of HTTPS, for debugging
    #[arg(long)]
    http: bool,

    /// File for the CA's certificate, PEM [default: a temporary one]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ca_dir", "http"])]
    ca_out: Option<PathBuf>,

    /// Folder that keeps the CA, its certificate and its key, for the next start
    #[arg(long, value_name = "DIR", conflicts_with = "http")]
    ca_dir: Option<PathBuf>,

    /// Name or IP in the server's certificate; repeatable [default: localhost, 127.0.0.1, ::1, and
    /// --address]
    #[arg(long, value_name = "NAME", conflicts_with = "http")]
    cert_name: Vec<String>,

    /// Agent to sign in at start; repeatable
    #[arg(long, value_name = "ID", default_values_t = [154, 155])]
    pub agent: Vec<u32>,

    /// Agent at which a conference of the others rings at start, without an end; repeatable
    #[arg(long, value_name = "ID")]
    ring: Vec<u32>,

    /// AUTHMODE 1 (static) or 2 (dynamic)
    #[arg(long, value_name = "MODE", value_parser = ["static", "dynamic"], default_value = "dynamic")]
    auth: String,

    /// Time after which a poll brings a new Guid (dynamic) [default: 60]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    renew_after: Option<Duration>,

    /// Time after which a Guid dies (dynamic) [default: 120]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expire_after: Option<Duration>,

    /// Code that answers a wrong or stale Guid
    #[arg(long, value_name = "CODE", value_parser = ["100-006", "000-003"], default_value = "100-006")]
    stale_code: String,

    /// Largest agent id, up to 999999 as gateways since late 2025
    #[arg(long, value_name = "ID", default_value_t = MAX_AGENT_ID, value_parser = max_agent_id())]
    max_agent_id: u32,

    /// Two nodes behind a load balancer that keeps an agent at one of them by a cookie
    #[arg(long)]
    sticky: bool,

    /// Time that a poll waits for an event
    #[arg(long, value_name = "TIME", default_value = "10", value_parser = duration)]
    poll_wait: Duration,

    /// Time without a poll after which an agent is signed out
    #[arg(long, value_name = "TIME", default_value = "120", value_parser = duration)]
    idle_sign_out: Duration,

    /// Time that a conference rings, but for those of --ring
    #[arg(long, value_name = "TIME", default_value = "60", value_parser = duration)]
    ring_time: Duration,

    /// Port of the console, a page for browsers on this machine; 0 takes any that is free
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    console_port: u16,

    /// No console
    #[arg(long, conflicts_with = "console_port")]
    no_console: bool,

    /// No line per request
    #[arg(long)]
    quiet: bool,

    /// Ends when its standard input does, so that it does not outlive the program that started it
    #[arg(long)]
    pub with_stdin: bool,
}

fn max_agent_id() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(u64::from(MIN_AGENT_ID)..=999_999)
}

/// Reads `90`, `0.5`, `2s` or `500ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let number: f64 = number.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(number * unit).map_err(|error| error.to_string())
}

impl Cli {
    /// The command line, or the end of the program with code 2.
    pub fn read() -> Self {
        let cli = Self::parse();
        if let Err(text) = cli.check() {
            Self::command().error(ErrorKind::ArgumentConflict, text).exit();
        }
        cli
    }

    fn check(&self) -> Result<(), String> {
        let range = MIN_AGENT_ID..=self.max_agent_id;
        no_repeats("--agent", &self.agent)?;
        no_repeats("--ring", &self.ring)?;
        if let Some(agent) = self.agent.iter().find(|agent| !range.contains(agent)) {
            return Err(format!("agent {agent} is not within {range:?}"));
        }
        if let Some(agent) = self.ring.iter().find(|agent| !self.agent.contains(agent)) {
            return Err(format!(
                "--ring {agent}: that agent is not signed in; add --agent {agent}"
            ));
        }
        if self.auth == "static" && self.renew_after.or(self.expire_after).is_some() {
            return Err("with --auth static no Guid is renewed or dies: leave --renew-after and \
                        --expire-after out"
                .to_owned());
        }
        if self.allow_remote && self.address.is_loopback() {
            return Err(format!(
                "--allow-remote does nothing at {}: add an --address such as 0.0.0.0",
                self.address
            ));
        }
        Ok(())
    }

    /// When a Guid of the start dies, for the line that says ready.
    pub fn guid_dies(&self) -> String {
        if self.auth == "static" {
            return "never".to_owned();
        }
        format!("{}s", self.guids().expire_after.as_secs_f64())
    }

    fn guids(&self) -> GuidRules {
        if self.auth == "static" {
            return GuidRules::STATIC;
        }
        let usual = GuidRules::default();
        GuidRules {
            renew_after: self.renew_after.unwrap_or(usual.renew_after),
            expire_after: self.expire_after.unwrap_or(usual.expire_after),
        }
    }

    /// Without --cert-name those by which a client on this machine asks.
    fn names(&self) -> Vec<String> {
        if !self.cert_name.is_empty() {
            return self.cert_name.clone();
        }
        let usual = SimulatorOptions::default().names;
        let address = self.address.to_string();
        let more = !self.address.is_unspecified() && !usual.contains(&address);
        usual.into_iter().chain(more.then_some(address)).collect()
    }

    /// What is to be started; a line of its log goes to `log`.
    pub fn options(&self, log: Log) -> SimulatorOptions {
        let ca_file = match (&self.ca_out, &self.ca_dir) {
            (Some(file), _) => CaFile::At(file.clone()),
            (None, Some(folder)) => CaFile::Kept(folder.clone()),
            (None, None) => CaFile::Temporary,
        };
        let refused = self.stale_code == Refusal::GuidRefused.answer().0;
        let settings = Settings {
            guids: self.guids(),
            stale: if refused { Refusal::GuidRefused } else { Refusal::NotSignedIn },
            max_agent_id: self.max_agent_id,
            idle_sign_out: self.idle_sign_out,
            ring_time: self.ring_time,
        };
        SimulatorOptions {
            address: self.address,
            allow_remote: self.allow_remote,
            port: self.port,
            tls: !self.http,
            names: self.names(),
            ca_file,
            agents: self.agent.clone(),
            ring: self.ring.clone(),
            settings,
            sticky: self.sticky,
            poll_wait: self.poll_wait,
            console: (!self.no_console).then_some(self.console_port),
            log: (!self.quiet).then_some(log),
        }
    }
}

fn no_repeats(option: &str, agents: &[u32]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match agents.iter().find(|agent| !seen.insert(**agent)) {
        Some(agent) => Err(format!("{option} {agent} is there twice")),
        None => Ok(()),
    }
}
