//! Tests of the simulator: its state, told the time, round trips over HTTPS, faults, and the program.

mod console;
mod control;
mod faults;
mod program;
mod state;
mod trips;

// For the modules, too: they take all of it.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::simulator::caller::{Answer, JSON, connect, send};
use support::simulator::{CaFile, Simulator, SimulatorOptions};
use support::wait_until;

const REJECT: &str = "/agentgateway/resource/agentconf/154/rejectagentconf";
const POLL: &str = "/agentgateway/resource/agentevent/154";

fn start(change: impl FnOnce(&mut SimulatorOptions)) -> Simulator {
    let mut options = SimulatorOptions::default();
    change(&mut options);
    Simulator::start(options).expect("a port is free")
}

/// A simulator, and the Guid of agent 154.
fn signed_in(change: impl FnOnce(&mut SimulatorOptions)) -> (Simulator, String) {
    let simulator = start(change);
    let guid = simulator.guid(154).expect("is signed in at start");
    (simulator, guid)
}

fn reject(simulator: &Simulator, guid: &str) -> Answer {
    let headers = format!("{JSON}Guid: {guid}\r\n");
    send(simulator, "POST", REJECT, &headers, "")
}

fn poll(simulator: &Simulator, guid: &str) -> Answer {
    send(simulator, "GET", POLL, &format!("Guid: {guid}\r\n"), "")
}

fn control(simulator: &Simulator, path: &str, body: &Value) -> Answer {
    let path = format!("/simulator/{path}");
    send(simulator, "POST", &path, "", &body.to_string())
}

fn agent_154(simulator: &Simulator) -> Value {
    send(simulator, "GET", "/simulator/agents", "", "").json()[0].clone()
}

/// A simulator, and the lines of its log.
fn start_logged(change: impl FnOnce(&mut SimulatorOptions)) -> (Simulator, Receiver<String>) {
    let (log, lines) = channel();
    let simulator = start(|options| {
        change(options);
        options.log = Some(Box::new(move |line| {
            let _ = log.send(line.to_owned());
        }));
    });
    (simulator, lines)
}
