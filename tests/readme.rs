//! The README: its examples are extracted and run, its table is compared with the library's.

#[path = "support/c.rs"]
mod c;
#[path = "simulator/mod.rs"]
mod simulator;

use std::path::{Path, PathBuf};
use std::process::Command;

use simulator::{CaFile, Simulator, SimulatorOptions};

const README: &str = include_str!("../README.md");

/// The code block of a language, in a file that a compiler or interpreter can take.
fn example(language: &str) -> PathBuf {
    let fence = format!("```{language}\n");
    let (_, rest) = README.split_once(&fence).expect("the README has an example");
    let (code, _) = rest.split_once("```").expect("the example has an end");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("readme.{language}"));
    std::fs::write(&file, code).expect("written");
    file
}

/// Runs the example against a gateway at which a conference rings, then once more: too late.
fn reject_twice(program: &mut Command) {
    let options = SimulatorOptions { ca_file: CaFile::Temporary, ..SimulatorOptions::default() };
    let simulator = Simulator::start(options).expect("a port is free");
    simulator.ring(154, &[155]).expect("rings");
    program.arg(simulator.url()).arg(simulator.ca_path().expect("written")).arg("154");
    program.env("AGW_GUID", simulator.guid(154).expect("signed in"));
    let accepted = program.output().expect("the example runs");
    let late = program.output().expect("the example runs");
    let printed = [accepted.stdout, late.stdout].concat();
    let printed = String::from_utf8(printed).expect("UTF-8");
    let mut lines = printed.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("0 ")), "{printed}");
    assert!(lines.next().is_some_and(|line| line.starts_with("302 ")), "{printed}");
    assert!(printed.contains("101-001"), "{printed}");
}

#[test]
fn the_example_in_c_rejects() {
    let source = example("c");
    let program = c::compile(source.to_str().expect("UTF-8"), "readme-c", c::C89);
    reject_twice(&mut Command::new(program));
}

#[test]
fn the_example_in_cxx_rejects() {
    let source = example("cpp");
    let program = c::compile(source.to_str().expect("UTF-8"), "readme-cpp", c::CXX11);
    reject_twice(&mut Command::new(program));
}

#[test]
fn the_example_in_python_rejects() {
    let library = c::library_folder().join("libagw.so.1");
    reject_twice(Command::new("python3").arg(example("python")).env("AGW_LIBRARY", library));
}

#[test]
fn the_table_of_statuses_is_the_librarys() {
    let rows: Vec<(i32, &str)> = README
        .lines()
        .filter(|line| line.contains("| `AGW_"))
        .map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let number = cells.next().and_then(|cell| cell.parse().ok()).expect("a number");
            (number, cells.next().expect("a name").trim_matches('`'))
        })
        .collect();
    for (number, name) in &rows {
        let status = agw::Status::from_number(*number);
        assert_eq!(status.map(agw::Status::name), Some(*name), "{number}");
    }
    let known = (0..=1000).filter(|number| agw::Status::from_number(*number).is_some()).count();
    assert_eq!(rows.len(), known, "a status is missing from the README");
}
