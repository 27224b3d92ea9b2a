//! The answer reader, built from the library's own source file.
//!
//! Input: a byte that picks the HTTP status, one that picks the Content-Type (and above 127 a
//! Content-Encoding), the body.
#![no_main]
#![allow(dead_code, reason = "the library's modules, of which this uses one function")]

#[path = "../../../src/answer.rs"]
mod answer;
#[path = "../../../src/error.rs"]
mod error;
#[path = "../../../src/json.rs"]
mod json;
#[path = "../../../src/retcode.rs"]
mod retcode;
#[path = "../../../src/status.rs"]
mod status;
#[path = "../../../src/text.rs"]
mod text;

use agw_fuzz::{GUID, assert_no_guid, gbk, planted};
use libfuzzer_sys::fuzz_target;

use error::{Answer, Error};
use status::Status;

const HTTP_STATUSES: [u16; 8] = [200, 204, 302, 400, 404, 500, 503, 999];

const CONTENT_TYPES: [Option<&str>; 8] = [
    None,
    Some("application/json;charset=UTF-8"),
    Some("application/json; charset=GBK"),
    Some("text/html; charset=\"gb2312\""),
    Some("text/plain;charset=gb18030;x"),
    Some("charset="),
    Some("text/html;charset=ISO-8859-1"),
    Some("text/html; Charset = 'x-gbk'"),
];

const CODINGS: [&str; 3] = ["gzip", "identity", GUID];

fuzz_target!(|input: &[u8]| {
    let [http_status, headers, body @ ..] = input else { return };
    let http_status = HTTP_STATUSES[usize::from(*http_status) % HTTP_STATUSES.len()];
    let header = |name: &'static str| match name {
        "content-type" => CONTENT_TYPES[usize::from(*headers) % CONTENT_TYPES.len()],
        "content-encoding" if *headers > 127 => {
            Some(CODINGS[usize::from(*headers) % CODINGS.len()])
        }
        _ => None,
    };
    let secrets = answer::Secrets { guid: GUID, ..answer::Secrets::default() };
    match answer::read(http_status, header, body, &secrets).1 {
        Ok(answer) => {
            assert_eq!((answer.http_status, answer.retcode), (http_status, "0"));
            assert!(!answer.resent);
            assert_no_guid(&answer.message);
        }
        Err(error) => check(&error, http_status),
    }
});

fn check(error: &Error, http_status: u16) {
    assert_no_guid(&error.to_string());
    assert_no_guid(error.message());
    assert_eq!(error.http_status(), Some(http_status));
    // Whether the gateway may have acted is judged by whoever knows what was sent.
    assert!(!error.resent() && !error.maybe_sent());
    let success = (200..300).contains(&http_status);
    match error.retcode() {
        Some(retcode) => {
            assert!(!retcode.is_empty() && retcode.trim() == retcode);
            assert!(error.status().number() >= Status::Gateway.number());
            assert!(!(planted("panic") && retcode.len() > 8), "planted fault");
        }
        None => {
            let expected = if success { Status::Protocol } else { Status::Http };
            assert_eq!(error.status(), expected);
            assert_eq!(error.message(), "");
        }
    }
}
