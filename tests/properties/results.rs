//! `agw_result`: what the texts in it are, and that nothing is written beyond it.

use std::ffi::CString;
use std::ptr;

use agw::ffi::{
    AGW_ALLOW_HTTP, AGW_NO_KEEP_ALIVE, AGW_RESULT_TRUNCATED, agw_client, agw_client_new,
    agw_client_options, agw_connect, agw_free, agw_reject_agent_conf, agw_result,
};
use agw::{Client, Status};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use support::http;

use crate::cases;
use crate::gateway::Gateway;

/// The sizes of the released versions.
const SIZES: [usize; 1] = [1088];

const FULL: usize = 1088;

/// No header will ever have a larger struct.
const LARGEST: usize = 8 * 1024;

/// Where the texts are.
const TEXTS: [(usize, usize); 3] = [(32, 64), (64, 576), (576, 1088)];

const GUARD: u8 = 0xA5;

/// A caller's memory: the struct as it was given, and guard bytes behind it.
struct Memory {
    bytes: Vec<u8>,
    size: usize,
}

impl Memory {
    fn new(size: usize, fill: u8) -> Self {
        let mut bytes = vec![fill; size];
        bytes.resize(size + FULL + 64, GUARD);
        bytes[..4].copy_from_slice(&(size as u32).to_ne_bytes());
        Memory { bytes, size }
    }

    fn pointer(&mut self) -> *mut agw_result {
        self.bytes.as_mut_ptr().cast()
    }

    fn number(&self, offset: usize) -> i32 {
        i32::from_ne_bytes(self.bytes[offset..offset + 4].try_into().expect("four bytes"))
    }

    fn guard_is_whole(&self) -> bool {
        self.bytes[self.size.max(4)..].iter().all(|byte| *byte == GUARD)
    }
}

#[test]
fn nothing_is_written_beyond_struct_size_whatever_it_is() {
    let sizes = prop_oneof![select(&SIZES[..]), 4..1200_usize, 1088..=LARGEST + 8];
    proptest!(cases(1000), |(size in sizes, fill in prop_oneof![Just(0), any::<u8>()])| {
        let mut memory = Memory::new(size, fill);
        let before = memory.bytes.clone();
        // SAFETY: any handle may be given, and the struct has the bytes that it says.
        let returned = unsafe { agw_connect(ptr::null_mut(), memory.pointer()) };
        prop_assert!(memory.guard_is_whole());
        if !SIZES.contains(&size) && !(FULL..=LARGEST).contains(&size) {
            prop_assert_eq!(returned, Status::StructSize.number());
            prop_assert_eq!(memory.bytes, before, "written into a struct of garbage");
            return Ok(());
        }
        let known = size.min(FULL);
        let newer = before[known..size].iter().any(|byte| *byte != 0);
        let expected = if newer { Status::StructSize } else { Status::InvalidHandle };
        prop_assert_eq!(returned, expected.number());
        prop_assert_eq!(memory.number(0), size as i32);
        prop_assert_eq!(memory.number(4), returned);
        prop_assert_eq!(&memory.bytes[known..size], &before[known..size]);
    });
}

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
    let sizes = prop_oneof![Just(FULL), FULL..FULL + 100];
    proptest!(cases(250), |(message in text(600), retcode in text(40), size in sizes)| {
        let [message, retcode] = [message, retcode].map(|text| text.into_iter().collect::<String>());
        let body = json!({ "message": message, "retcode": format!("x{retcode}") }).to_string();
        gateway.give(vec![http("200 OK", &body).into()]);
        let error = client.reject_agent_conf("154", "guid").expect_err("no such retcode");
        let mut memory = Memory::new(size, 0);
        // SAFETY: the texts are static, the struct has the bytes that it says.
        let returned = unsafe {
            agw_reject_agent_conf(handle, c"154".as_ptr(), c"guid".as_ptr(), memory.pointer())
        };
        prop_assert_eq!(returned, error.status().number());
        prop_assert!(memory.guard_is_whole());
        let whole = [error.retcode().unwrap_or_default(), error.message(), error.detail()];
        let mut all_fit = true;
        for ((start, end), text) in TEXTS.into_iter().zip(whole) {
            let (expected, fits) = cut(text, end - start);
            all_fit &= fits;
            let field = &memory.bytes[start..end];
            prop_assert_eq!(&field[..expected.len()], expected.as_bytes());
            prop_assert!(field[expected.len()..].iter().all(|byte| *byte == 0));
        }
        let cut = memory.number(16) as u32 & AGW_RESULT_TRUNCATED != 0;
        prop_assert_eq!(cut, !all_fit, "{:?}", whole);
    });
    // SAFETY: any handle may be given.
    assert_eq!(unsafe { agw_free(handle) }, 0);
}
