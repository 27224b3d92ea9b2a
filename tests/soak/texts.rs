//! Every text that the library hands out is looked through for a Guid.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use support::faults::abi::Outcome;
use support::{c_text, lock};

use crate::tag::{Tag, shows_guid};

static LINES: AtomicU64 = AtomicU64::new(0);
static RESULTS: AtomicU64 = AtomicU64::new(0);
static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// More findings say no more.
const ENOUGH: usize = 20;

/// The log callback.
pub unsafe extern "C" fn take_line(_: i32, message: *const c_char, _: *mut c_void) {
    LINES.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the library hands over a string that is valid during the callback.
    match unsafe { CStr::from_ptr(message) }.to_str() {
        Ok(line) => look_through("log line", line),
        Err(why) => find(format!("log line: {why}")),
    }
}

/// The three texts of a result.
pub fn take_result(outcome: &Outcome) {
    RESULTS.fetch_add(1, Ordering::Relaxed);
    for text in [outcome.retcode(), outcome.message(), outcome.detail()] {
        match text {
            Ok(text) => look_through("result", text),
            Err(why) => find(why),
        }
    }
}

fn look_through(what: &str, text: &str) {
    if shows_guid(text) {
        find(format!("{what} with a Guid: {text}"));
    }
}

/// Keeps a finding; enough is enough.
pub fn find(text: String) {
    let mut found = lock(&FOUND);
    if found.len() < ENOUGH {
        found.push(text);
    }
}

/// Whether a log line with a Guid would be found: one is planted, and taken away again.
pub fn planted_found() -> usize {
    let before = lock(&FOUND).len().min(ENOUGH - 1);
    lock(&FOUND).truncate(before);
    let line = c_text(&Tag { number: 1, fault: 0 }.guid());
    // SAFETY: it is a string.
    unsafe { take_line(0, line.as_ptr(), ptr::null_mut()) };
    let found = lock(&FOUND).len() - before;
    lock(&FOUND).truncate(before);
    found
}

/// How many log lines and results were looked through, and what was found.
pub fn summary() -> (u64, u64, Vec<String>) {
    let found = lock(&FOUND).clone();
    (LINES.load(Ordering::Relaxed), RESULTS.load(Ordering::Relaxed), found)
}
