//! `agw_client_options` and `agw_result` of any size and content, through the C ABI.
//!
//! Clients of a fuzzed URL are never let onto the network: what is called on them ends before.
#![no_main]

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;
use std::sync::LazyLock;

use agw::ffi::{
    agw_cancel, agw_cancel_call, agw_client, agw_client_new, agw_client_options, agw_connect,
    agw_free, agw_reject_agent_conf, agw_result, agw_strerror,
};
use agw_fuzz::block::{Block, OPTIONS_SIZES, RESULT_SIZES, Size, check_result};
use agw_fuzz::peer::Accepting;
use agw_fuzz::{GUID, TIMEOUT, planted};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

static GATEWAY: LazyLock<Accepting> = LazyLock::new(Accepting::start);

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    options: Options<'a>,
    results: [ResultShape; 3],
    agent_id: Text<'a>,
    guid: Text<'a>,
}

#[derive(Arbitrary, Debug)]
struct Options<'a> {
    size: AnySize,
    shift: u8,
    /// What the memory holds beyond the fields.
    fill: Fill,
    flags: Flags,
    timeout_ms: u32,
    connect_timeout_ms: u32,
    max_agent_id: u32,
    tls_trust: i8,
    base_url: Text<'a>,
    /// connect_to, ca, pin_sha256, client_cert, client_key, proxy.
    texts: [Text<'a>; 6],
    log: bool,
    log_level: i8,
    reserved: bool,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct ResultShape {
    size: AnySize,
    shift: u8,
    fill: Fill,
    null: bool,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum AnySize {
    Known(u8),
    Raw(u16),
    Wild(u32),
}

impl AnySize {
    fn of(self, known: &[u32]) -> u32 {
        match self {
            AnySize::Known(which) => known[usize::from(which) % known.len()],
            AnySize::Raw(size) => size.into(),
            AnySize::Wild(size) => size,
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Fill {
    Zero,
    Rubbish(u8),
}

impl Fill {
    fn byte(self) -> u8 {
        match self {
            Fill::Zero => 0,
            Fill::Rubbish(byte) => byte,
        }
    }
}

#[derive(Arbitrary, Debug)]
enum Flags {
    Known(u8),
    Raw(u32),
}

#[derive(Arbitrary, Debug)]
enum Text<'a> {
    Null,
    Right,
    Raw(&'a [u8]),
}

impl Text<'_> {
    /// A copy that is exactly as long as the text, or NULL.
    fn to_c(&self, right: &str) -> Option<CString> {
        let bytes = match self {
            Text::Null => return None,
            Text::Right => right.as_bytes(),
            Text::Raw(bytes) => bytes,
        };
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        // A path that is absolute may be a device that never ends.
        let end = if bytes.starts_with(b"/") { 0 } else { end };
        Some(CString::new(&bytes[..end]).expect("cut at the first NUL"))
    }
}

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(ptr::null(), |text| text.as_ptr())
}

unsafe extern "C" fn log(level: i32, message: *const c_char, user_data: *mut c_void) {
    assert!((1..=4).contains(&level) && !message.is_null());
    assert!(matches!(user_data.addr(), 0 | 0x5A));
}

fuzz_target!(|input: Input| {
    let [new, wrong, right] = input.results;
    make(&input.options, new, wrong);
    call(&input, right);
});

/// Runs a call with the result that is wanted, and checks what it left there.
fn with_result(shape: ResultShape, call: impl FnOnce(*mut agw_result) -> i32) -> i32 {
    if shape.null {
        return call(ptr::null_mut());
    }
    let size = shape.size.of(&RESULT_SIZES);
    let mut block = Block::new(size, &RESULT_SIZES, shape.shift, shape.fill.byte());
    let before = block.bytes().to_vec();
    let returned = call(block.as_result());
    if planted("overrun") && size == 1088 && returned == 6 {
        // SAFETY: none: this is the fault that AddressSanitizer must find.
        unsafe { block.as_result().cast::<u8>().add(1088).write(0) };
    }
    check_result(returned, &before, block.bytes());
    returned
}

fn make(options: &Options, result: ResultShape, again: ResultShape) {
    let rights = ["127.0.0.1:1", "ca.pem", "00", "cert.pem", "key.pem", "env"];
    let base_url = options.base_url.to_c("http://gateway:8043/prefix");
    let texts: Vec<_> =
        options.texts.iter().zip(rights).map(|(text, right)| text.to_c(right)).collect();
    let block = options_block(options, pointer(&base_url), &texts);
    let mut client = ptr::dangling_mut();
    // SAFETY: the options and the result have the bytes that they say, the texts outlive the call.
    let returned = with_result(result, |result| unsafe {
        agw_client_new(block.as_options(), &mut client, result)
    });
    let kind = Size::of(options.size.of(&OPTIONS_SIZES), &OPTIONS_SIZES);
    assert!(kind != Size::Garbage || returned == 2, "{returned} for a size of garbage");
    assert_eq!(client.is_null(), returned != 0, "a handle comes with AGW_OK, and only then");
    // SAFETY: the text is static and NUL-terminated.
    assert!(!unsafe { CStr::from_ptr(agw_strerror(returned)) }.is_empty());
    if !client.is_null() {
        leave(client, again);
    }
}

fn options_block(options: &Options, base_url: *const c_char, texts: &[Option<CString>]) -> Block {
    let size = options.size.of(&OPTIONS_SIZES);
    let mut block = Block::new(size, &OPTIONS_SIZES, options.shift, options.fill.byte());
    let flags = match options.flags {
        Flags::Known(bits) => u32::from(bits % 4),
        Flags::Raw(flags) => flags,
    };
    block.put(4, &flags.to_ne_bytes());
    block.put(8, &options.timeout_ms.to_ne_bytes());
    block.put(12, &options.connect_timeout_ms.to_ne_bytes());
    block.put(16, &options.max_agent_id.to_ne_bytes());
    block.put(20, &i32::from(options.tls_trust).to_ne_bytes());
    block.put(24, &base_url.addr().to_ne_bytes());
    for (place, text) in texts.iter().enumerate() {
        block.put(32 + 8 * place, &pointer(text).addr().to_ne_bytes());
    }
    let callback = if options.log { log as *const () as usize } else { 0 };
    block.put(80, &callback.to_ne_bytes());
    block.put(88, &0x5A_usize.to_ne_bytes());
    block.put(96, &i32::from(options.log_level).to_ne_bytes());
    block.put(100, &u32::from(options.reserved).to_ne_bytes());
    block
}

/// What can be done with a client without a network.
fn leave(client: *mut agw_client, result: ResultShape) {
    // SAFETY: the result has the bytes that it says.
    let returned = with_result(result, |result| unsafe {
        agw_reject_agent_conf(client, c"0".as_ptr(), c"guid".as_ptr(), result)
    });
    assert!(matches!(returned, 2 | 7), "{returned}");
    // SAFETY: any handle may be given.
    unsafe {
        assert_eq!(agw_cancel(client), 0);
        assert_eq!(agw_cancel_call(client, 0), 1);
        assert_eq!(agw_cancel_call(client, u32::MAX), 0);
        assert_eq!(agw_free(client), 0);
        assert_eq!(agw_cancel(client), 3);
        assert_eq!(agw_cancel_call(client, 0), 3);
        assert_eq!(agw_free(client), 3);
    }
}

/// A call that reaches a gateway, if its arguments let it.
fn call(input: &Input, result: ResultShape) {
    let client = good_client();
    let agent_id = input.agent_id.to_c("154");
    let guid = input.guid.to_c(GUID);
    // SAFETY: the texts outlive the call, the results have the bytes that they say.
    unsafe {
        let connected = with_result(result, |result| agw_connect(client, result));
        assert!(matches!(connected, 0 | 2), "{connected}");
        let returned = with_result(result, |result| {
            agw_reject_agent_conf(client, pointer(&agent_id), pointer(&guid), result)
        });
        // 301: without a Guid the client has none to send.
        assert!(matches!(returned, 0 | 1 | 2 | 7 | 8 | 301), "{returned}");
        assert_eq!(GATEWAY.take_requests().len(), usize::from(returned == 0));
    }
}

/// One for all inputs.
fn good_client() -> *mut agw_client {
    static HANDLE: LazyLock<usize> = LazyLock::new(|| {
        let url = CString::new(format!("http://{}", GATEWAY.address)).expect("no NUL");
        // SAFETY: zero is a value of every field: integers, pointers, an Option of a function.
        let mut options: agw_client_options = unsafe { std::mem::zeroed() };
        options.struct_size = size_of::<agw_client_options>() as u32;
        options.flags = 1;
        options.timeout_ms = TIMEOUT.as_millis() as u32;
        options.connect_timeout_ms = options.timeout_ms;
        options.base_url = url.as_ptr();
        let mut client = ptr::null_mut();
        // SAFETY: everything pointed to is a local.
        assert_eq!(unsafe { agw_client_new(&options, &mut client, ptr::null_mut()) }, 0);
        client.addr()
    });
    ptr::without_provenance_mut(*HANDLE)
}
