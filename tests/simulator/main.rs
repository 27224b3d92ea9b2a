//! The simulated agent gateway as a program: `cargo run --example simulator -- --help`.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Parser, ValueEnum};
use support::simulator::codes::Refusal;
use support::simulator::gateway::Log;
use support::simulator::guid::{AuthMode, GuidRules};
use support::simulator::state::{ControlError, MAX_AGENT_ID, MIN_AGENT_ID, Settings};
use support::simulator::{CaFile, Simulator, SimulatorOptions};

const ABOUT: &str = "\
A simulated agent gateway on this machine: agents sign in, poll for events, and reject
conference calls, over HTTPS with a private CA, with the answers, codes and events of
the real one.

A TIME is a number of seconds: 90, 0.5, 2s, 500ms.";

const SESSION: &str = r#"AN EXAMPLE SESSION

  Start it in one terminal. Its last line before it waits is `ready`, with what a client needs:

    cargo run --example simulator -- --ca-out ca.pem --ring 154
    agent=155 guid=...
    ready url=https://127.0.0.1:8043 ca=ca.pem agent=154 guid=...

  Reject the conference that rings at agent 154, in another terminal:

    curl --cacert ca.pem -X POST -H 'Content-Type: application/json; charset=UTF-8' \
         -H 'Guid: ...' \
         https://127.0.0.1:8043/agentgateway/resource/agentconf/154/rejectagentconf
    {"message":"success","result":{},"retcode":"0"}

  Fetch what happened, event by event (the first one is the ringing):

    curl --cacert ca.pem -i -H 'Guid: ...' \
         https://127.0.0.1:8043/agentgateway/resource/agentevent/154

  Sign in another agent; the Guid is in the answer's header Set-GUID:

    curl --cacert ca.pem -i -X PUT -H 'Content-Type: application/json; charset=UTF-8' \
         -d '{"password":"","phonenum":"40038"}' \
         https://127.0.0.1:8043/agentgateway/resource/onlineagent/156

THE CONTROL PATH

  What the platform would do by itself, a test or a demonstration asks for, as in
  curl --cacert ca.pem -d '{"agentId":"154"}' https://127.0.0.1:8043/simulator/ring

    POST /simulator/ring         {"agentId":"154","members":["155"]}
                                 a conference rings; the answer is {"confId":1031168}
    POST /simulator/cancel       {"confId":1031168}
                                 it is cancelled before the agent answers
    POST /simulator/answer-with  {"agentId":"154","retcode":"100-007",
                                  "message":"Unknown ERROR._40302","httpStatus":200,
                                  "count":1,"delayMs":0}
                                 the next `count` rejects of the agent get this answer, and
                                 nothing happens to the conference; without retcode and
                                 httpStatus: the usual answer, late; with another httpStatus
                                 and no retcode: an HTML page
    POST /simulator/expire       {"agentId":"154"}
                                 all Guids of the agent die
    GET  /simulator/agents       every agent: signed in, polling, ringing
    GET  /simulator/requests     every rejectAgentConf request seen

  Errors there are 4xx with {"error":"..."}.

A LOAD BALANCER

  With --sticky there are two nodes, and each knows the Guids that it has issued itself. An agent's
  first answer sets a cookie, NSLB=1 or NSLB=2. A request with the other one, or without one once
  it was set, goes to the node that does not know the Guid, and is answered with --stale-code.

OTHER INTERFACES

  resetskill, updateGuid, handshake, agentstatus, saybusy, sayfree, work and cancelwork of
  onlineagent are accepted with a good Guid, and change nothing. Any other interface below
  /agentgateway/resource is answered with 000-002, and a line says so.

GUIDS AND IDLE AGENTS

  With dynamic authentication a Guid dies after --expire-after, whatever happens: poll for
  events to get the next one, or start with --auth static. The agents of --agent are spared by
  --idle-sign-out until they have polled once.

  Stop it with Ctrl-C or SIGTERM."#;

/// The command line.
#[derive(Parser)]
#[command(name = "simulator", about = ABOUT, after_help = SESSION)]
struct Cli {
    /// Port to listen on; 0 takes any that is free
    #[arg(long, default_value_t = 8043)]
    port: u16,

    /// Loopback address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,

    /// Plain HTTP instead of HTTPS, for debugging
    #[arg(long)]
    http: bool,

    /// File for the CA's certificate, PEM [default: a temporary one]
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,

    /// Name or IP in the server's certificate; repeatable
    #[arg(long, value_name = "NAME", default_values = ["localhost", "127.0.0.1", "::1"])]
    cert_name: Vec<String>,

    /// Agent to sign in at start; repeatable
    #[arg(long, value_name = "ID", default_values_t = [154, 155])]
    agent: Vec<u32>,

    /// Agent at which a conference of the others rings at start; repeatable
    #[arg(long, value_name = "ID")]
    ring: Vec<u32>,

    /// AUTHMODE 1 (static) or 2 (dynamic)
    #[arg(long, value_name = "MODE", value_enum, default_value = "dynamic")]
    auth: Auth,

    /// Time after which a poll brings a new Guid (dynamic)
    #[arg(long, value_name = "TIME", default_value = "60", value_parser = duration)]
    renew_after: Duration,

    /// Time after which a Guid dies (dynamic)
    #[arg(long, value_name = "TIME", default_value = "120", value_parser = duration)]
    expire_after: Duration,

    /// Code that answers a wrong or stale Guid
    #[arg(long, value_name = "CODE", value_enum, default_value = "100-006")]
    stale_code: StaleCode,

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

    /// Time that a conference rings
    #[arg(long, value_name = "TIME", default_value = "60", value_parser = duration)]
    ring_time: Duration,

    /// No line per request
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Auth {
    Static,
    Dynamic,
}

#[derive(Clone, Copy, ValueEnum)]
enum StaleCode {
    #[value(name = "100-006")]
    NotSignedIn,
    #[value(name = "000-003")]
    GuidRefused,
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
    fn check(&self) -> Result<(), String> {
        let range = MIN_AGENT_ID..=self.max_agent_id;
        let mut seen = BTreeSet::new();
        for agent in &self.agent {
            if !range.contains(agent) {
                return Err(format!("agent {agent} is not within {range:?}"));
            }
            if !seen.insert(agent) {
                return Err(format!("agent {agent} is named twice"));
            }
        }
        Ok(())
    }

    fn settings(&self) -> Settings {
        Settings {
            guids: GuidRules {
                auth: match self.auth {
                    Auth::Static => AuthMode::Static,
                    Auth::Dynamic => AuthMode::Dynamic,
                },
                renew_after: self.renew_after,
                expire_after: self.expire_after,
            },
            stale: match self.stale_code {
                StaleCode::NotSignedIn => Refusal::NotSignedIn,
                StaleCode::GuidRefused => Refusal::GuidRefused,
            },
            max_agent_id: self.max_agent_id,
            idle_sign_out: self.idle_sign_out,
            ring_time: self.ring_time,
        }
    }

    fn options(&self) -> SimulatorOptions {
        let ca_file = self.ca_out.clone().map_or(CaFile::Temporary, CaFile::At);
        SimulatorOptions {
            address: self.address,
            port: self.port,
            tls: !self.http,
            names: self.cert_name.clone(),
            ca_file,
            agents: self.agent.clone(),
            settings: self.settings(),
            sticky: self.sticky,
            poll_wait: self.poll_wait,
            log: (!self.quiet).then(|| -> Log { Box::new(|line| print(&line.to_string())) }),
        }
    }

    fn run(&self) -> Result<(), String> {
        self.check()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let stop = Stop::listen().map_err(|error| error.to_string())?;
            let simulator = Simulator::start(self.options()).map_err(|error| error.to_string())?;
            self.ring(&simulator)?;
            self.say_ready(&simulator);
            stop.wait().await;
            Ok(())
        })
    }

    fn ring(&self, simulator: &Simulator) -> Result<(), String> {
        for agent in &self.ring {
            let members: Vec<u32> = self.agent.iter().copied().filter(|it| it != agent).collect();
            simulator.ring(*agent, &members).map_err(control_text)?;
        }
        Ok(())
    }

    /// The first agent's line comes last: whoever has read it knows everything.
    fn say_ready(&self, simulator: &Simulator) {
        for (index, agent) in self.agent.iter().enumerate().rev() {
            let guid = simulator.guid(*agent).unwrap_or_default();
            let agent = format!("agent={agent} guid={guid}");
            if index > 0 {
                print(&agent);
                continue;
            }
            let ca = simulator.ca_path().map(|path| path.display().to_string());
            let ca = ca.unwrap_or_else(|| "-".to_owned());
            print(&format!("ready url={} ca={ca} {agent}", simulator.url()));
        }
    }
}

fn control_text(error: ControlError) -> String {
    match error {
        ControlError::BadRequest(text)
        | ControlError::NotFound(text)
        | ControlError::Conflict(text) => text,
    }
}

/// A whole line, at once; a reader that has gone away is no reason to stop.
fn print(line: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Ctrl-C and SIGTERM.
struct Stop {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

#[cfg(unix)]
impl Stop {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn wait(mut self) {
        std::future::poll_fn(|context| {
            let interrupt = self.interrupt.poll_recv(context);
            let terminate = self.terminate.poll_recv(context);
            if interrupt.is_ready() || terminate.is_ready() {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }
}

#[cfg(windows)]
impl Stop {
    fn listen() -> io::Result<Self> {
        let interrupt = tokio::signal::windows::ctrl_c()?;
        Ok(Self { interrupt })
    }

    async fn wait(mut self) {
        self.interrupt.recv().await;
    }
}

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            // Without a standard error there is no one to tell.
            let _ = writeln!(io::stderr(), "error: {text}");
            ExitCode::FAILURE
        }
    }
}
