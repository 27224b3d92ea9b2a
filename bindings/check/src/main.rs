//! Why a gateway cannot be reached: `python -m agw check` for machines without Python. Words, JSON and
//! exit codes are the same; bindings/python/tests/test_check.py compares them.

mod options;
mod report;
mod steps;
mod told;
mod words;

use std::io::{self, Write};
use std::process::ExitCode;

use options::Wanted;

const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    match options::read(lexopt::Parser::from_env()) {
        Ok(Wanted::Check(options)) => {
            let report = steps::checked(&options);
            print(&if options.json { report.as_json() } else { report.as_text() });
            ExitCode::from(exit_code(report.status))
        }
        Ok(Wanted::Text(text)) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(why) => {
            let _ = writeln!(io::stderr(), "agw-check: {why}; see --help");
            ExitCode::from(WRONG_USAGE)
        }
    }
}

/// Those of `python -m agw`.
fn exit_code(status: i32) -> u8 {
    const NO_ANSWER: u8 = 6;
    match status {
        agw::status::AGW_OK => 0,
        status if status < agw::status::AGW_E_RESOLVE => WRONG_USAGE,
        _ => NO_ANSWER,
    }
}

/// A reader that has gone away is no reason to fail.
fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}
