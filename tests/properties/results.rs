//! What the texts in `agw_result` are.

use std::ffi::CString;
use std::ptr;

use agw::Client;
use agw::ffi::{
    AGW_ALLOW_HTTP, AGW_NO_KEEP_ALIVE, AGW_RESULT_TRUNCATED, agw_client, agw_client_new,
    agw_client_options, agw_free, agw_reject_agent_conf,
};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use support::faults::abi::outcome_of;
use support::http;

use crate::cases;
use crate::gateway::Gateway;

/// The longest beginning that fits with its NUL, and whether it is all. A NUL inside shows as
/// U+FFFD.
fn cut(text: &str, room: usize) -> (String, bool) {
    let text = text.replace('\0', "\u{FFFD}");
    let ends = text.char_indices().map(|(start, c)| start + c.len_utf8());
    let end = ends.take_while(|end| *end < room).last().unwrap_or(0);
    (text[..end].to_owned(), end == text.len())
}

/// The handle of a client of this gateway.
fn handle(gateway: &Gateway) -> *mut agw_client {
    let url = CString::new(gateway.url()).expect("no NUL");
    let options = agw_client_options {
        flags: AGW_ALLOW_HTTP | AGW_NO_KEEP_ALIVE,
        timeout_ms: 60_000,
        base_url: url.as_ptr(),
        ..support::options_in_c()
    };
    let mut client = ptr::null_mut();
    // SAFETY: everything pointed to is a local.
    assert_eq!(unsafe { agw_client_new(&options, &mut client, ptr::null_mut()) }, 0);
    client
}

#[test]
fn texts_are_utf_8_terminated_and_cut_at_a_characters_edge() {
    let gateway = Gateway::start();
    let client = Client::new(&gateway.options()).expect("a client");
    let handle = handle(&gateway);
    let chars = prop_oneof![any::<char>(), select(vec!['a', 'é', '座', '😀', '\0'])];
    let text = |most| prop::collection::vec(chars.clone(), 0..most);
    proptest!(cases(250), |(message in text(600), retcode in text(40))| {
        let [message, retcode] = [message, retcode].map(|text| text.into_iter().collect::<String>());
        let body = json!({ "message": message, "retcode": format!("x{retcode}") }).to_string();
        gateway.give(vec![http("200 OK", &body).into()]);
        let error = client.reject_agent_conf("154", "guid").expect_err("no such retcode");
        let outcome = outcome_of(0, |result| {
            // SAFETY: the handle is not freed yet, the texts are static, the result outlives the call.
            unsafe { agw_reject_agent_conf(handle, c"154".as_ptr(), c"guid".as_ptr(), result) }
        });
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
    // SAFETY: any handle may be given.
    assert_eq!(unsafe { agw_free(handle) }, 0);
}
