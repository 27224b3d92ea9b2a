//! What several tests need. tests/README.md says which folder proves what. The tests themselves run
//! on Linux; the simulator runs on Windows, too.

#[cfg(unix)]
pub mod c;
pub mod certs;
pub mod client;
pub mod dice;
#[cfg(unix)]
pub mod faults;
pub mod files;
pub mod gateway;
pub mod held;
pub mod openssl;
pub mod simulator;
pub mod tls;

use std::env;
use std::ffi::{CString, OsString};
use std::fmt;
use std::io::{self, Write};
use std::process::{self, Child};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use agw::ffi::agw_client_options;

/// Whoever had it may have panicked: a test that fails is not to hold up others.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The program of another system that makes the fault table's calls.
pub fn caller() -> Option<OsString> {
    env::var_os("AGW_CALLER")
}

/// Prints a line. If nobody reads on, the exit code still says it.
pub fn line(text: fmt::Arguments) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Whatever hangs, the program stops.
pub fn end_after(time: Duration) {
    thread::spawn(move || {
        thread::sleep(time);
        line(format_args!("it does not end"));
        process::exit(1);
    });
}

/// A program that runs until this is dropped.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Fails where it takes longer than anything here should.
pub fn wait_until(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain");
        thread::sleep(Duration::from_millis(5));
    }
}

/// As a C program hands it over.
pub fn c_text(text: &str) -> CString {
    CString::new(text).expect("no NUL in it")
}

/// As a C program has them before it sets anything but the size.
pub fn options_in_c() -> agw_client_options {
    // SAFETY: zero is a value of every field: integers, pointers, and an Option of a function.
    let zeroed: agw_client_options = unsafe { std::mem::zeroed() };
    agw_client_options { struct_size: size_of::<agw_client_options>() as u32, ..zeroed }
}

/// The documented answer of a gateway that accepts.
pub const ACCEPTED: &str = r#"{"result":{},"message":"success","retcode":"0"}"#;

/// A Guid in the documented form.
pub const GUID: &str = "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1";

/// A name that cannot be looked up; certificates are for it, and clients dial `connect_to`.
pub const HOST: &str = "gateway.test";

/// A complete HTTP/1.1 answer with this status line and body.
pub fn http(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json;charset=UTF-8\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}
