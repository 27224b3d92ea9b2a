//! The simulated agent gateway as a program: `cargo run --example simulator -- --help`.

mod options;
mod stop;

use std::io::{self, Write};
use std::process::ExitCode;

use options::Cli;
use stop::Stop;
use support::simulator::Simulator;

const WARNING: &str = "WARNING: --allow-remote: whoever can reach this port can steer the simulator \
                       and see its agents; it is no place for anything real";

fn run(cli: &Cli) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = Stop::listen(cli.with_stdin)?;
        let log = Box::new(print);
        let simulator = Simulator::start(cli.options(log))?;
        if cli.allow_remote {
            complain(WARNING);
        }
        say_ready(cli, &simulator);
        stop.wait().await;
        Ok(())
    })
}

/// The first agent's line comes last: whoever has read it knows everything.
fn say_ready(cli: &Cli, simulator: &Simulator) {
    if let Some(console) = simulator.console_url() {
        print(&format!("console={console}"));
    }
    for (index, agent) in cli.agent.iter().enumerate().rev() {
        let guid = simulator.guid(*agent).unwrap_or_default();
        let agent = format!("agent={agent} guid={guid}");
        if index > 0 {
            print(&agent);
            continue;
        }
        let ca = simulator.ca_path().map(|path| path.display().to_string());
        let ca = ca.unwrap_or_else(|| "-".to_owned());
        let (url, pin, dies) = (simulator.url(), simulator.pin().unwrap_or("-"), cli.guid_dies());
        print(&format!("ready url={url} ca={ca} pin={pin} guid-dies={dies} {agent}"));
    }
}

/// A whole line, at once; a reader that has gone away is no reason to stop.
fn print(line: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Without a standard error there is no one to tell.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn main() -> ExitCode {
    let Err(why) = run(&Cli::read()) else { return ExitCode::SUCCESS };
    complain(&format!("error: {why}"));
    match why.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}
