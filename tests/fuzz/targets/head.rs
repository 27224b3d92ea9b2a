//! Heads of answers as they are mended for ureq, built from the library's own source file. What ureq
//! reads with, httparse, is asked beside it, both as ureq asks it and at its most lenient.
//!
//! Input: the bytes of an answer.
#![no_main]
#![allow(dead_code, reason = "the library's module, of which this uses a part")]

#[path = "../../../src/net/head.rs"]
mod head;

use agw_fuzz::planted;
use head::{Scan, mend, scan, status};
use httparse::{EMPTY_HEADER, ParserConfig, Response, Status};
use libfuzzer_sys::fuzz_target;

/// A head of this length is tried at every length before.
const SHORT: usize = 300;

fuzz_target!(|bytes: &[u8]| {
    let whole = scan(bytes);
    let Some(end) = whole.end else { return };
    let mut mended = bytes.to_vec();
    let two_ways = mend(&mut mended[..end]);
    assert!(!(planted("framing") && two_ways), "planted fault");
    assert_eq!(mended.len(), bytes.len());
    assert_eq!(mended[end..], bytes[end..], "the body was touched");
    assert_eq!(scan(&mended).end, Some(end), "the end has moved");
    assert!(whole.odd || mended == bytes, "an ordinary head was touched");
    if !two_ways {
        lines_that_say_the_end_are_unchanged(&bytes[..end], &mended[..end]);
    }
    let strictly = parse(&ParserConfig::default(), &mended);
    if let Ok(read) = &strictly {
        let (found, _) = read.as_ref().expect("the end is there");
        assert_eq!(*found, end, "ureq finds another end");
        assert!(!scan(&mended).odd, "mended, and still odd");
        // A folded first line becomes a part of the reason.
        let number = |head| status(head).map(|(number, _)| number);
        assert_eq!(number(&mended), number(bytes));
    }
    if let Ok(Some((found, headers))) = parse(&lenient(), bytes) {
        assert_eq!(found, end, "a lenient reader finds another end");
        assert_eq!(strictly.expect("mended").map(|(_, headers)| headers), Some(headers));
    }
    // What comes in parts is kept back where ureq would refuse a part of what it will take.
    let taken = parse(&ParserConfig::default(), &mended).is_ok();
    for length in 0..end.min(SHORT) {
        let part = &bytes[..length];
        let Scan { end: early, odd } = scan(part);
        assert_eq!(early, None, "an end after {length} bytes");
        let refused = parse(&ParserConfig::default(), part).is_err();
        assert!(!taken || odd || !refused, "ureq is shown {length} bytes too early");
    }
});

type Headers = Vec<(String, Vec<u8>)>;

fn lenient() -> ParserConfig {
    let mut config = ParserConfig::default();
    config.allow_spaces_after_header_name_in_responses(true);
    config.allow_obsolete_multiline_headers_in_responses(true);
    config
}

/// Where the head ends, and its headers; blanks and line ends in a value are one blank.
fn parse(config: &ParserConfig, bytes: &[u8]) -> Result<Option<(usize, Headers)>, httparse::Error> {
    let mut headers = vec![EMPTY_HEADER; bytes.len() / 2 + 1];
    let mut response = Response::new(&mut headers);
    let Status::Complete(end) = config.parse_response(&mut response, bytes)? else {
        return Ok(None);
    };
    let value = |value: &[u8]| {
        let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(&b' ')
    };
    let headers = response.headers.iter();
    Ok(Some((end, headers.map(|header| (header.name.to_owned(), value(header.value))).collect())))
}

fn lines_that_say_the_end_are_unchanged(bytes: &[u8], mended: &[u8]) {
    let lines = |head: &[u8]| {
        let says = |line: &&[u8]| {
            let line = String::from_utf8_lossy(line).to_ascii_lowercase();
            line.starts_with("content-length") || line.starts_with("transfer-encoding")
        };
        let lines = head.split(|byte| *byte == b'\n').skip(1);
        lines.filter(says).map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    assert_eq!(lines(bytes), lines(mended), "a mended line says where the answer ends");
}
