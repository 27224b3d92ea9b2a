//! The whole story against the simulator, through the C ABI: ring, reject, too late, stale; a shift.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use agw::Status;
use support::c;
use support::client::simulator as start;
use support::simulator::Simulator;

/// The C program that does one thing and says whether it went as expected.
static STORY: LazyLock<PathBuf> =
    LazyLock::new(|| c::compile("tests/c/story.c", "story", c::GNU11));

/// Runs the C program with the simulator's address and CA.
fn story<S: AsRef<OsStr>>(simulator: &Simulator, rest: &[S]) -> String {
    let mut story = Command::new(&*STORY);
    story.arg(simulator.url()).arg(simulator.ca_path().expect("written")).args(rest);
    String::from_utf8(c::expect_success(&mut story).stdout).expect("UTF-8")
}

/// One call of agent 154, which ends so.
fn reject(simulator: &Simulator, guid: &str, status: Status) -> String {
    story(simulator, &["reject", &status.number().to_string(), "154", guid])
}

#[test]
fn from_too_early_to_too_late_and_stale() {
    let simulator = start(vec![154, 155]);
    let guid = simulator.guid(154).expect("signed in");
    reject(&simulator, &guid, Status::NoConference);
    simulator.ring(154, &[155]).expect("rings");
    reject(&simulator, &format!("JSESSIONID={guid}"), Status::Ok);
    reject(&simulator, &guid, Status::NoConference);
    simulator.ring(154, &[155]).expect("rings");
    simulator.expire(154).expect("expires");
    reject(&simulator, &guid, Status::Session);

    let outcomes: Vec<_> =
        simulator.requests().into_iter().filter_map(|request| request.retcode).collect();
    assert_eq!(outcomes, ["101-001", "0", "101-001", "100-006"], "one request a call");
}

#[test]
fn a_shift_on_one_client() {
    let simulator = start(vec![154]);
    let guid = simulator.guid(154).expect("signed in");
    simulator.ring(154, &[]).expect("rings");
    let printed = story(&simulator, &["shift", "154", &guid, "40038"]);
    assert!(printed.contains("shift: 20 checks, 0 failed"), "{printed}");
    assert_eq!(simulator.guid(154), None, "signed out");
    assert_eq!(simulator.requests().len(), 1, "without a session nothing is sent");
}

#[test]
fn sixteen_threads_share_one_client() {
    const THREADS: usize = 16;
    let agents: Vec<u32> = (200..200 + THREADS as u32).collect();
    let simulator = start(agents.clone());
    let mut arguments = vec!["threads".to_owned(), THREADS.to_string()];
    for agent in &agents {
        simulator.ring(*agent, &[]).expect("rings");
        arguments.extend([agent.to_string(), simulator.guid(*agent).expect("signed in")]);
    }
    let printed = story(&simulator, &arguments);

    let requests = simulator.requests();
    let ok = requests.iter().filter(|request| request.retcode.as_deref() == Some("0")).count();
    let late =
        requests.iter().filter(|request| request.retcode.as_deref() == Some("101-001")).count();
    assert_eq!(ok, THREADS, "each conference is rejected once");
    assert_eq!(ok + late, requests.len());
    for told in [format!("accepted={ok} "), format!("no_conference={late} ")] {
        assert!(printed.contains(&told), "the gateway saw {told}; the program says {printed}");
    }
}
