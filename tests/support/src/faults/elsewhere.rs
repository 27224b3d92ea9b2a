//! The same calls, made by a program of another system: `AGW_CALLER` runs tests/windows/caller.c.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::mem::MaybeUninit;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use agw::ffi::agw_result;

use super::abi::{Outcome, System};
use crate::{caller, lock};

/// A process that has one client at a time, and makes a call for every line that it is given. It
/// ends when nothing more can come.
pub struct Elsewhere {
    #[expect(dead_code, reason = "it ends with the process that started it")]
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Wine shows a RST as if it were a FIN, and takes its time on a busy machine.
const WINDOWS: System =
    System { os_errors: 10_000..=11_999, shows_resets: false, slack: Duration::from_secs(1) };

/// Processes that have no client just now.
static IDLE: Mutex<Vec<Elsewhere>> = Mutex::new(Vec::new());

/// A planted fault is in the environment, which a process has from its start.
fn reusable() -> bool {
    env::var_os("AGW_FAULT").is_none()
}

impl Elsewhere {
    /// `None` if the calls are to be made here.
    pub fn take() -> Option<Self> {
        let program = caller()?;
        let idle = reusable().then(|| lock(&IDLE).pop());
        if let Some(idle) = idle.flatten() {
            return Some(idle);
        }
        let mut command = Command::new(program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}"));
        let orders = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        Some(Elsewhere { process, orders, answers })
    }

    pub fn give_back(self) {
        if reusable() {
            lock(&IDLE).push(self);
        }
    }

    pub fn call(&mut self, order: &str) -> Outcome {
        writeln!(self.orders, "{order}").expect("the caller reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the caller answers");
        let words: Vec<&str> = answer.split_whitespace().collect();
        let [returned, time, result, brought] = words[..] else {
            panic!("the caller says {answer:?}")
        };
        Outcome {
            returned: returned.parse().expect("a status"),
            result: result_of(&from_hex(result)),
            time: Duration::from_micros(time.parse().expect("microseconds")),
            system: WINDOWS,
            brought: String::from_utf8(from_hex(brought.trim_matches('-'))).expect("UTF-8"),
        }
    }
}

/// A text as a word of a line.
pub fn word(text: Option<&str>) -> String {
    text.map_or("-".into(), |text| text.bytes().map(|byte| format!("{byte:02x}")).collect())
}

fn from_hex(word: &str) -> Vec<u8> {
    let pairs = word.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16).expect("hex")).collect()
}

/// The struct is the same on every system.
fn result_of(bytes: &[u8]) -> agw_result {
    assert_eq!(bytes.len(), size_of::<agw_result>());
    let mut result = MaybeUninit::<agw_result>::uninit();
    // SAFETY: that many bytes, into a struct of integers, all of whose bytes are set by it.
    unsafe {
        result.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        result.assume_init()
    }
}
