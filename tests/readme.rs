//! The README and those of the bindings: their examples are extracted and run. The README's table
//! is compared with the library's.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::c;
use support::client::simulator as start;
use support::simulator::Simulator;
use support::wait_until;

const README: &str = include_str!("../README.md");

const OF_CXX: &str = include_str!("../bindings/cpp/README.md");
const OF_PYTHON: &str = include_str!("../bindings/python/README.md");
const OF_CSHARP: &str = include_str!("../bindings/csharp/README.md");

/// The code blocks of a language, each in a file that a compiler or interpreter can take.
fn examples(language: &str) -> Vec<PathBuf> {
    let fence = format!("```{language}\n");
    let documents = [README, OF_CXX, OF_PYTHON, OF_CSHARP];
    let blocks = documents.iter().flat_map(|document| document.split(&fence).skip(1));
    let files = blocks.enumerate().map(|(number, rest)| {
        let (code, _) = rest.split_once("```").expect("the example has an end");
        let file = temporary(&format!("readme-{number}.{language}"));
        // Another test may be reading it.
        let fresh = temporary(&format!("readme-{number}-{:?}", thread::current().id()));
        std::fs::write(&fresh, code).expect("written");
        std::fs::rename(&fresh, &file).expect("renamed");
        file
    });
    files.collect()
}

fn temporary(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Runs the example of a call against a gateway at which a conference rings, then once more: too late.
fn reject_twice(program: &mut Command) {
    let simulator = start(vec![154, 155]);
    simulator.ring(154, &[155]).expect("rings");
    program.arg(simulator.url()).arg(simulator.ca_path().expect("written")).arg("154");
    program.env("AGW_GUID", simulator.guid(154).expect("signed in"));
    let accepted = program.output().expect("the example runs");
    let late = program.output().expect("the example runs");
    let printed = [accepted.stdout, late.stdout].concat();
    let printed = String::from_utf8(printed).expect("UTF-8");
    let shown = format!("{program:?}: {printed}{}", String::from_utf8_lossy(&late.stderr));
    let mut lines = printed.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("0 ")), "{shown}");
    assert!(lines.next().is_some_and(|line| line.starts_with("302 ")), "{shown}");
    assert!(printed.contains("101-001"), "{shown}");
}

fn compiled(language: &str, dialect: c::Dialect, number: usize) {
    let sources = examples(language);
    assert_eq!(sources.len(), number);
    let name = format!("readme-{language}");
    let program = c::compile(sources[0].to_str().expect("UTF-8"), &name, dialect);
    reject_twice(&mut Command::new(program));
}

#[test]
fn the_example_in_c_rejects() {
    compiled("c", c::C99, 2);
}

/// The second example is a function; here is what calls it.
const SHIFT: &str = r#"
#include <stdio.h>

int main(int argc, char **argv)
{
    agw_client_options options = {.struct_size = sizeof options, .tls_trust = AGW_TRUST_CA};
    agw_client *client;

    options.base_url = argv[1];
    options.ca = argv[argc - 1];
    if (agw_client_new(&options, &client, NULL) != AGW_OK)
        return 1;
    printf("%d\n", (int)shift(client, "154", "40038"));
    return agw_free(client) != AGW_OK;
}
"#;

#[test]
fn the_shift_in_c_rejects_what_rings_until_the_session_is_over() {
    let code = std::fs::read_to_string(&examples("c")[1]).expect("readable");
    let source = temporary("readme-shift.c");
    std::fs::write(&source, code + SHIFT).expect("written");
    let program = c::compile(source.to_str().expect("UTF-8"), "readme-shift", c::C99);

    let (simulator, running) = amid_a_shift(&mut Command::new(program), &[]);
    simulator.expire(154).expect("expires");
    let output = running.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "301\n");
}

/// Starts a program that signs in agent 154, and lets it reject a conference.
fn amid_a_shift(program: &mut Command, more: &[&str]) -> (Simulator, Child) {
    let simulator = start(Vec::new());
    program.arg(simulator.url()).arg(simulator.ca_path().expect("written")).args(more);
    let running = program.stdout(Stdio::piped()).spawn().expect("it starts");
    wait_until(|| simulator.guid(154).is_some());
    simulator.ring(154, &[]).expect("rings");
    wait_until(|| !simulator.requests().is_empty());
    assert_eq!(simulator.requests()[0].retcode.as_deref(), Some("0"));
    (simulator, running)
}

#[test]
fn the_example_in_cxx_rejects() {
    compiled("cpp", c::CXX11, 1);
}

#[test]
fn the_examples_in_python_reject() {
    let (shifts, calls) = python_examples();
    assert_eq!((shifts.len(), calls.len()), (3, 3));
    calls.iter().for_each(|source| reject_twice(&mut python(source)));
}

#[test]
fn the_shifts_in_python_reject_what_rings_until_ctrl_c() {
    // A program that is started in the background by a shell ignores Ctrl-C, and so would these.
    // SAFETY: no handler of this program's own is replaced.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    for source in python_examples().0 {
        let simulator = start(Vec::new());
        let mut command = python(&source);
        command.arg(simulator.url()).arg(simulator.ca_path().expect("written")).arg("154");
        command.env("AGW_PASSWORD", "secret").env("PYTHONUNBUFFERED", "1").stdout(Stdio::piped());
        let mut running = command.spawn().expect("it starts");
        let mut lines = BufReader::new(running.stdout.take().expect("piped")).lines();
        wait_until(|| simulator.guid(154).is_some());
        simulator.ring(154, &[]).expect("rings");
        for event in ["AgentConf_Ringing", "AgentOther_PhoneRelease", "AgentState_Ready"] {
            let line = lines.next().expect("a line").expect("read");
            assert!(line.starts_with(event), "{source:?}: {line}");
        }
        // Into the next poll, which would wait for 10 s.
        thread::sleep(Duration::from_millis(500));
        let begun = Instant::now();
        // SAFETY: a child of this process that was not waited for.
        unsafe { libc::kill(running.id() as i32, libc::SIGINT) };
        assert_eq!(lines.next().expect("a line").expect("read"), "going home");
        assert!(running.wait().expect("it ends").success(), "{source:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_eq!(simulator.guid(154), None, "signed out");
    }
}

/// The examples of a shift, and those of a call.
fn python_examples() -> (Vec<PathBuf>, Vec<PathBuf>) {
    let signs_in =
        |source: &PathBuf| std::fs::read_to_string(source).expect("readable").contains("sign_in");
    examples("python").into_iter().partition(signs_in)
}

/// With the package's sources; or, if `AGW_PYTHON` names an interpreter, with what it has installed.
fn python(source: &Path) -> Command {
    let installed = std::env::var_os("AGW_PYTHON");
    let mut python = Command::new(installed.as_deref().unwrap_or("python3".as_ref()));
    if installed.is_none() {
        python.env("PYTHONPATH", c::root().join("bindings/python/src"));
        python.env("AGW_LIBRARY", c::library_folder().join("libagw.so.1"));
    }
    python.arg(source);
    python
}

/// Programs of Mono: a call, and a whole shift.
fn compiled_by_mcs() -> Vec<PathBuf> {
    let mcs = |arguments: &[&str], output: &Path| {
        let mut command = Command::new("mcs");
        command.args(["-langversion:7", "-warnaserror+", "-warn:4"]).args(arguments);
        c::expect_success(command.arg(format!("-out:{}", output.display())));
    };
    let binding = temporary("Agw.Net.dll");
    let sources = c::root().join("bindings/csharp/src/*.cs").display().to_string();
    mcs(&["-unsafe", "-target:library", &sources], &binding);
    let reference = format!("-r:{}", binding.display());
    let programs = examples("csharp").into_iter().map(|source| {
        let program = source.with_extension("exe");
        mcs(&[&reference, source.to_str().expect("UTF-8")], &program);
        program
    });
    programs.collect()
}

fn mono(program: &Path) -> Command {
    let mut mono = Command::new("mono");
    mono.arg(program).env("LD_LIBRARY_PATH", c::library_folder());
    mono
}

#[test]
fn the_examples_in_csharp_reject_and_have_a_shift() {
    let [call, shift] = compiled_by_mcs().try_into().expect("two examples");
    reject_twice(&mut mono(&call));
    let amid = || amid_a_shift(mono(&shift).stdin(Stdio::piped()), &["154", "40038"]);
    // With the end of the session a program tells of it, and goes on until its input ends.
    let (simulator, mut running) = amid();
    simulator.expire(154).expect("expires");
    let lines = BufReader::new(running.stdout.take().expect("piped")).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.starts_with("301 ")));
    drop(running.stdin.take());
    assert!(running.wait().expect("it ends").success());

    let (simulator, running) = amid();
    let output = running.wait_with_output().expect("it ends, as it reads the end of its input");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    assert!(printed.starts_with("AgentConf_Ringing agent 154 {"), "{printed}");
    assert!(printed.contains("\n0 success\n"), "{printed}");
    assert!(simulator.guid(154).is_none(), "signed out: {printed}");
}

#[test]
fn the_table_of_statuses_is_the_librarys() {
    let rows: Vec<(i32, &str)> = README
        .lines()
        .filter(|line| line.contains(" `AGW_") && line.starts_with("| "))
        .filter_map(|line| line.split(' ').nth(1)?.parse().ok().zip(line.split('`').nth(1)))
        .collect();
    for (number, name) in &rows {
        let status = agw::Status::from_number(*number);
        assert_eq!(status.map(agw::Status::name), Some(*name), "{number}");
    }
    let known = (0..=1000).filter(|number| agw::Status::from_number(*number).is_some()).count();
    assert_eq!(rows.len(), known, "a status is missing from the README");
}
