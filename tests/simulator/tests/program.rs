//! The program: its options, and what it says when it is ready.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use support::Running;
use support::files::Folder;

/// Built with the tests.
fn program() -> Command {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.ancestors().nth(2).expect("it is in target/debug/deps");
    let name = format!("simulator{}", std::env::consts::EXE_SUFFIX);
    Command::new(folder.join("examples").join(name))
}

/// Starts it, and gives the words of the line that says ready.
fn start(options: &[&str]) -> (Running, HashMap<String, String>) {
    start_by(program(), options)
}

fn start_by(mut command: Command, options: &[&str]) -> (Running, HashMap<String, String>) {
    command.args(["--port", "0"]).args(options).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running(command.spawn().expect("cargo has built the example"));
    let lines = BufReader::new(running.0.stdout.take().expect("piped")).lines();
    let ready = lines.map_while(Result::ok).find(|line| line.starts_with("ready "));
    let ready = ready.expect("it gets ready");
    let words = ready.split(' ').filter_map(|word| word.split_once('='));
    (running, words.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn refused(options: &[&str]) -> String {
    let output = program().args(["--port", "0"]).args(options).output().expect("it runs");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{options:?}: {said}");
    assert!(output.stdout.is_empty(), "{options:?}");
    said
}

#[test]
fn ready_says_what_a_client_needs() {
    let (_running, ready) = start(&["--auth", "static", "--ring", "154", "--ring-time", "0.01"]);
    assert_eq!(ready["guid-dies"], "never");
    let bytes: Vec<_> = ready["pin"].split(':').collect();
    assert_eq!(bytes.len(), 32);
    let mut options = agw::ClientOptions::new(ready["url"].as_str());
    options.trust = agw::Trust::Pin;
    options.pin_sha256 = Some(ready["pin"].clone());
    let client = agw::Client::new(&options).expect("the pin is as it should be");
    client.reject_agent_conf("154", ready["guid"].as_str()).expect("it rings");
    let (_running, ready) = start(&["--expire-after", "90.5"]);
    assert_eq!(ready["guid-dies"], "90.5s");
    let (_running, ready) = start(&["--http"]);
    assert_eq!((&*ready["ca"], &*ready["pin"], &*ready["guid-dies"]), ("-", "-", "120s"));
}

#[test]
fn a_ca_that_is_kept_is_the_same_at_the_next_start() {
    let folder = Folder::create();
    let place = folder.path("ca");
    let read = |name: &str| std::fs::read_to_string(folder.path(&format!("ca/{name}")));
    let (running, ready) = start(&["--ca-dir", &place]);
    let (ca, key) = (read("ca.pem").expect("written"), read("ca-key.pem").expect("written"));
    drop(running);
    let (_running, again) = start(&["--ca-dir", &place]);
    assert_eq!(read("ca.pem").expect("is there"), ca);
    assert_ne!(ready["pin"], again["pin"]);
    let mut options = agw::ClientOptions::new(again["url"].as_str());
    options.trust = agw::Trust::Ca;
    options.ca = Some(ca.clone());
    agw::Client::new(&options).expect("client").connect().expect("the CA of then is trusted");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| {
            let file = std::fs::metadata(folder.path(name)).expect("is there");
            file.permissions().mode()
        };
        assert_eq!(mode("ca/ca-key.pem") & 0o077, 0);
        assert_eq!(mode("ca/ca.pem") & 0o044, 0o044, "other users' clients read it");
    }

    let other = Folder::create();
    drop(start(&["--ca-dir", &other.path("ca")]));
    let foreign = std::fs::read_to_string(other.path("ca/ca-key.pem")).expect("written");
    for broken in [foreign, key[..key.len() / 2].to_owned()] {
        folder.write("ca/ca-key.pem", &broken);
        assert!(refused(&["--ca-dir", &place]).contains("are no pair"));
    }
    std::fs::remove_file(folder.path("ca/ca-key.pem")).expect("is there");
    let said = refused(&["--ca-dir", &place]);
    assert!(said.contains("ca-key.pem is not: bring it, or remove both"), "{said}");
    #[cfg(unix)]
    {
        std::fs::remove_file(folder.path("ca/ca.pem")).expect("is there");
        std::os::unix::fs::symlink("nowhere", folder.path("ca/ca-key.pem")).expect("made");
        let mut simulator = program();
        let ended = simulator.args(["--port", "0", "--ca-dir", &place]).output().expect("it runs");
        assert!(String::from_utf8_lossy(&ended.stderr).contains("ca-key.pem: File exists"));
    }
}

#[test]
fn starts_at_once_share_a_ca_that_is_kept() {
    let folder = Folder::create();
    for place in ["a", "b", "c", "d"] {
        let place = folder.path(place);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| start(&["--ca-dir", &place]));
            }
        });
    }
}

#[cfg(target_os = "linux")] // elsewhere it cannot know whether nohup has started it
#[test]
fn a_signal_leaves_no_file_behind_and_nohup_holds() {
    fn signal(process: &Child, signal: &str) {
        let id = process.id().to_string();
        Command::new("kill").args(["-s", signal, &id]).status().expect("there is a kill");
    }
    let folder = Folder::create();
    let files = || std::fs::read_dir(folder.path("")).expect("it is there").count();
    let start_in_it = |mut command: Command| {
        command.env("TMPDIR", folder.path(""));
        start_by(command, &[]).0
    };
    for name in ["INT", "TERM", "HUP"] {
        // These tests may be run under nohup themselves.
        let mut default = Command::new("env");
        default.args(["--default-signal".as_ref(), program().get_program()]);
        let mut running = start_in_it(default);
        assert_eq!(files(), 1);
        signal(&running.0, name);
        assert!(running.0.wait().expect("it ends").success(), "{name}");
        assert_eq!(files(), 0, "{name}");
    }
    let mut nohup = Command::new("nohup");
    nohup.arg(program().get_program());
    let mut running = start_in_it(nohup);
    signal(&running.0, "HUP");
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(running.0.try_wait().expect("it can be asked").is_none());
}

#[cfg(target_os = "linux")] // elsewhere the loopback has no second address
#[test]
fn the_address_of_ready_is_in_the_certificate() {
    let (_running, ready) = start(&["--address", "127.0.0.5"]);
    let mut options = agw::ClientOptions::new(ready["url"].as_str());
    options.trust = agw::Trust::Ca;
    options.ca = Some(ready["ca"].clone());
    agw::Client::new(&options).expect("client").connect().expect("url and ca belong together");
}

#[test]
fn other_machines_are_served_only_if_that_is_asked_for() {
    let said = refused(&["--address", "0.0.0.0"]);
    assert!(said.contains("if that is meant, add --allow-remote"), "{said}");
    let said = refused(&["--allow-remote"]);
    assert!(said.contains("--allow-remote does nothing at 127.0.0.1"), "{said}");
    // 127.0.0.1 written as IPv6 does: it is not of the loopback by its form.
    let remote = ["--address", "::ffff:127.0.0.1", "--allow-remote", "--port", "0"];
    let mut command = program();
    command.args(remote).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running(command.spawn().expect("cargo has built the example"));
    let mut warning = String::new();
    let mut said = BufReader::new(running.0.stderr.take().expect("piped"));
    said.read_line(&mut warning).expect("it says something");
    assert!(warning.starts_with("WARNING: --allow-remote: whoever can reach"), "{warning}");
}

#[test]
fn options_that_do_not_go_together_are_refused_in_words() {
    let cases: [(&[&str], &str); 14] = [
        (&["--ring", "156"], "--ring 156: that agent is not signed in; add --agent 156"),
        (&["--agent", "154", "--agent", "154"], "--agent 154 is there twice"),
        (&["--ring", "154", "--ring", "154"], "--ring 154 is there twice"),
        (&["--agent", "100"], "agent 100 is not within 101..=59999"),
        (&["--auth", "static", "--expire-after", "9"], "no Guid is renewed or dies"),
        (&["--http", "--ca-dir", "x"], "cannot be used with"),
        (&["--ca-out", "x", "--ca-dir", "x"], "cannot be used with"),
        (&["--cert-name", "a b\u{e4}"], "a b\u{e4}"),
        (&["--cert-name", ""], "\"\" is neither a host name nor an IP address"),
        (&["--cert-name", "x..y"], "\"x..y\" is neither"),
        (&["--cert-name", "gateway."], "\"gateway.\" is neither"),
        (&["--cert-name", "[::1]"], "\"[::1]\" is neither"),
        (&["--cert-name", "gateway:8043"], "\"gateway:8043\" is neither"),
        (&["--auth", "x"], "invalid value 'x'"),
    ];
    for (options, words) in cases {
        let said = refused(options);
        assert!(said.contains(words), "{options:?}: {said}");
    }
}
