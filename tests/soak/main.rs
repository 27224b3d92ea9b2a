//! The soak: for some time, calls through the shared library with a fault every third; then every
//! call is looked up in the gateway's log, and the process must hold no more than before.
//!
//! `make soak TIME=600` runs it. The gateway is a second process of this program.

mod accounting;
mod events;
mod faults;
mod host;
mod ledger;
mod report;
mod rest;
mod seats;
mod server;
mod shift;
mod shift_gateway;
mod tag;
mod texts;

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use clap::Parser;
use support::faults::library::Library;

use host::Host;
use report::Report;
use rest::Rest;
use server::{Done, Ready};

/// Calls through the shared library for some time, then balances the books.
#[derive(Parser)]
#[command(name = "soak")]
struct Cli {
    /// The shared library
    #[arg(long, required_unless_present = "gateway")]
    library: Option<PathBuf>,

    /// How long, warming up included
    #[arg(long, default_value_t = 600)]
    seconds: u64,

    /// Where the logs of both sides are kept
    #[arg(long)]
    folder: PathBuf,

    /// The gateway's side, until the standard input ends
    #[arg(long, hide = true)]
    gateway: bool,
}

/// After its time the soak may take so much longer for the last calls and the books.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.library {
        Some(library) if !cli.gateway => soak(library, cli.seconds, &cli.folder),
        _ => server::serve(&cli.folder).map(|()| true).map_err(Into::into),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            // Without a standard error there is no one to tell.
            let _ = writeln!(io::stderr(), "soak: {why}");
            ExitCode::FAILURE
        }
    }
}

fn soak(library: &Path, seconds: u64, folder: &Path) -> Result<bool, Box<dyn Error>> {
    let time = Duration::from_secs(seconds.max(20));
    let warm_up = (time / 10).max(Duration::from_secs(5));
    support::end_after(time + PATIENCE);
    fs::create_dir_all(folder)?;
    let (library, version) = Library::load(library)?;
    let mut gateway = start_gateway(folder)?;
    let mut lines = BufReader::new(gateway.stdout.take().ok_or("no output of the gateway")?);
    let mut ready = String::new();
    lines.read_line(&mut ready)?;
    let host = Host::new(library, serde_json::from_str::<Ready>(&ready)?, folder)?;
    host.call_for(warm_up)?;
    let before = Rest::settled(None);
    host.call_for(time - warm_up)?;
    let after = Rest::settled(Some(&before));
    let leaks_found = Rest::leaks_found(&before);
    drop(gateway.stdin.take());
    let mut done = String::new();
    lines.read_line(&mut done)?;
    if !gateway.wait()?.success() {
        return Err("the gateway did not end as it should".into());
    }
    let done = serde_json::from_str::<Done>(&done)?;
    Ok(Report { host: &host, version, folder, done, before, after, leaks_found, time, warm_up }
        .print()?)
}

fn start_gateway(folder: &Path) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--gateway").arg("--folder").arg(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
}
