//! The same calls, made by a program of another system: `AGW_CALLER` runs tests/windows/caller.c.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::mem::MaybeUninit;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use agw::ffi::agw_result;

use crate::abi::Outcome;

/// A process that has one client, and makes a call for every line that it is given.
pub struct Elsewhere {
    process: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Elsewhere {
    pub fn start(program: &OsStr) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}"));
        let orders = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        Elsewhere { process, orders, answers }
    }

    pub fn call(&mut self, order: &str) -> Outcome {
        let orders = self.orders.as_mut().expect("open until the end");
        writeln!(orders, "{order}").expect("the caller reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the caller answers");
        let words: Vec<&str> = answer.split_whitespace().collect();
        let [returned, time, result] = words[..] else { panic!("the caller says {answer:?}") };
        Outcome {
            returned: returned.parse().expect("a status"),
            result: result_of(&from_hex(result)),
            time: Duration::from_micros(time.parse().expect("microseconds")),
            os_errors: 10_000..=11_999,
        }
    }
}

impl Drop for Elsewhere {
    /// It ends when nothing more can come.
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.process.wait();
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
