//! Faults that tests plant through the environment variable `AGW_FAULT`, to prove what cannot be
//! provoked from outside. Release builds do not have this file.

use std::env;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

fn planted(fault: &str) -> bool {
    env::var_os("AGW_FAULT").is_some_and(|planted| planted == fault)
}

/// `AGW_FAULT=panic`: a bug in the middle of a call.
pub(crate) fn planted_panic() {
    assert!(!planted("panic"), "planted fault");
}

/// `AGW_FAULT=look-up-fails` and `AGW_FAULT=look-up-hangs` (for two seconds).
pub(crate) fn planted_look_up() -> Option<io::Result<Vec<SocketAddr>>> {
    if planted("look-up-hangs") {
        thread::sleep(Duration::from_secs(2));
    } else if !planted("look-up-fails") {
        return None;
    }
    Some(Err(io::Error::other("planted fault")))
}
