//! What the texts in `agw_result` are.

use std::ptr;

use agw::ffi::{AGW_NO_KEEP_ALIVE, AGW_RESULT_TRUNCATED};
use serde_json::json;
use support::faults::abi::Options;
use support::faults::library::{LINKED, Log};

use crate::*;

/// The longest beginning that fits with its NUL, and whether it is all. A NUL inside shows as
/// U+FFFD.
fn cut(text: &str, room: usize) -> (String, bool) {
    let text = text.replace('\0', "\u{FFFD}");
    let ends = text.char_indices().map(|(start, c)| start + c.len_utf8());
    let end = ends.take_while(|end| *end < room).last().unwrap_or(0);
    (text[..end].to_owned(), end == text.len())
}

#[test]
fn texts_are_utf_8_terminated_and_cut_at_a_characters_edge() {
    let (gateway, client) = Gateway::start();
    let options = Options {
        base_url: gateway.options().base_url,
        flags: AGW_NO_KEEP_ALIVE,
        timeout_ms: 60_000,
        ..Options::default()
    };
    let (handle, made) = LINKED.client(&options, &Log(None, ptr::null_mut(), 0), 0);
    assert_eq!(made.returned, 0);
    let chars = prop_oneof![any::<char>(), select(vec!['a', 'é', '座', '😀', '\0'])];
    let text = |most| prop::collection::vec(chars.clone(), 0..most);
    proptest!(cases(250), |(message in text(600), retcode in text(40))| {
        let [message, retcode] = [message, retcode].map(|text| text.into_iter().collect::<String>());
        let body = json!({ "message": message, "retcode": format!("x{retcode}") }).to_string();
        gateway.give(vec![http("200 OK", &body).into()]);
        let error = client.reject_agent_conf("154", "guid").expect_err("no such retcode");
        let outcome = LINKED.reject(handle, c"154", Some(c"guid"), 0);
        prop_assert_eq!(outcome.returned, error.status().number());
        let result = &outcome.result;
        let fields = [&result.retcode[..], &result.message, &result.detail];
        let whole = [error.retcode().unwrap_or_default(), error.message(), error.detail()];
        let mut all_fit = true;
        for (field, text) in fields.into_iter().zip(whole) {
            let field: Vec<u8> = field.iter().flat_map(|c| c.to_ne_bytes()).collect();
            let (expected, fits) = cut(text, field.len());
            all_fit &= fits;
            prop_assert_eq!(&field[..expected.len()], expected.as_bytes());
            prop_assert!(field[expected.len()..].iter().all(|byte| *byte == 0));
        }
        let cut = result.flags & AGW_RESULT_TRUNCATED != 0;
        prop_assert_eq!(cut, !all_fit, "{:?}", whole);
    });
    assert_eq!(LINKED.free(handle), 0);
}
