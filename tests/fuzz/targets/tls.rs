//! Bytes instead of a TLS handshake, from a gateway on loopback.
//!
//! Input: a byte whose lowest bit turns the certificate's check off, a byte that says how many
//! bytes go out at a time (0: all), the bytes.
#![no_main]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{LazyLock, Mutex};

use agw::{Client, Status, Trust};
use agw_fuzz::GUID;
use agw_fuzz::peer::{listen, lock};
use libfuzzer_sys::fuzz_target;

const UNCHECKED: u8 = 1;

static ANSWER: Mutex<(Vec<u8>, usize)> = Mutex::new((Vec::new(), 0));

static ADDRESS: LazyLock<String> = LazyLock::new(|| listen(1, serve));

fn serve(mut stream: TcpStream) {
    let mut hello = [0; 4096];
    let _ = stream.read(&mut hello);
    let (answer, step) = lock(&ANSWER).clone();
    // A client that goes away early is as good as any.
    let _ = answer.chunks(step).try_for_each(|piece| stream.write_all(piece));
    let _ = stream.shutdown(Shutdown::Write);
}

fn client(mode: u8) -> Client {
    let mut options = agw_fuzz::options(&format!("https://{}", *ADDRESS));
    options.trust = if mode & UNCHECKED == 0 { Trust::Ca } else { Trust::DangerAny };
    options.ca = (mode & UNCHECKED == 0).then(|| include_str!("../root.pem").into());
    Client::new(&options).expect("the options are right")
}

// Nobody gets a handshake done without its keys; a request must not leave before.
fuzz_target!(|input: &[u8]| {
    let [mode, step, answer @ ..] = input else { return };
    let step = if *step == 0 { answer.len().max(1) } else { usize::from(*step) };
    *lock(&ANSWER) = (answer.to_vec(), step);
    let error = client(*mode).reject_agent_conf("154", GUID).expect_err("no handshake");
    assert_eq!(error.status(), Status::Tls, "{error}");
    assert!(!error.maybe_sent(), "{error:?}");
    assert!(!error.detail().contains(char::is_control), "one line stays one line: {error:?}");
});
