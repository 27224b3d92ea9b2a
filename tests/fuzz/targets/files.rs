//! Files that options name: PEM in any charset, DER, and whatever else people have.
//!
//! Input: a letter that says which option it is for, the file.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::{env, fs, process};

use agw::{Client, ClientOptions, Status, Trust};
use libfuzzer_sys::{Corpus, fuzz_target};

/// One file for all inputs of the process.
static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| env::temp_dir().join(format!("agw-fuzz-{}.pem", process::id())));

const CERTIFICATE: &str = include_str!("../root.pem");

fn options(kind: u8) -> Option<ClientOptions> {
    let mut options = ClientOptions::new("https://gateway:8043");
    options.trust = Trust::DangerAny;
    let path = FILE.to_str().map(str::to_owned);
    match kind {
        b'c' => (options.trust, options.ca) = (Trust::Ca, path),
        b'i' => options.client_cert = path,
        b'k' => {
            options.client_cert = Some(CERTIFICATE.to_owned());
            options.client_key = path;
        }
        _ => return None,
    }
    Some(options)
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let [kind, file @ ..] = input else { return Corpus::Reject };
    let Some(options) = options(*kind) else { return Corpus::Reject };
    fs::write(&*FILE, file).expect("the file can be written");
    let Err(error) = Client::new(&options) else { return Corpus::Keep };
    assert_eq!(error.status(), Status::TlsConfig, "{error:?}");
    let shown = format!("{error:?} {error}");
    assert!(!error.detail().contains(['{', '}']), "{shown}");
    // Base64 of any length that could tell something, in any charset.
    let text: String = file.iter().filter(|byte| **byte != 0).map(|byte| *byte as char).collect();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c)) {
        let telling = word.len() >= 16 && word.bytes().any(|byte| byte.is_ascii_digit());
        assert!(!telling || !shown.contains(&word[..16]), "{shown} shows {word}");
    }
    Corpus::Keep
});
