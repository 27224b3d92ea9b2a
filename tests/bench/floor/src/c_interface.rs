//! `client_api` of `client.h`, for the driver.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use crate::Client;

#[repr(C)]
pub struct ClientApi {
    serves_threads: c_int,
    open: unsafe extern "C" fn(*const c_char, *const c_char, c_int) -> *mut Client,
    connect: unsafe extern "C" fn(*mut Client) -> c_int,
    call: unsafe extern "C" fn(*mut Client, *const c_char, *const c_char) -> c_int,
    close: unsafe extern "C" fn(*mut Client),
}

#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the name that client.h gives it")]
pub static client_api: ClientApi = ClientApi { serves_threads: 0, open, connect, call, close };

unsafe extern "C" fn open(url: *const c_char, ca: *const c_char, fresh: c_int) -> *mut Client {
    // SAFETY: the driver passes texts that end with a NUL.
    let (url, ca) = unsafe { (text(url), text(ca)) };
    match Client::open(url, ca, fresh != 0) {
        Some(client) => Box::into_raw(Box::new(client)),
        None => ptr::null_mut(),
    }
}

unsafe extern "C" fn connect(client: *mut Client) -> c_int {
    // SAFETY: the driver passes what `open` gave, in one thread at a time.
    unsafe { &mut *client }.connect().is_err().into()
}

unsafe extern "C" fn call(client: *mut Client, agent: *const c_char, guid: *const c_char) -> c_int {
    // SAFETY: as in `open` and `connect`.
    let (client, agent, guid) = unsafe { (&mut *client, text(agent), text(guid)) };
    client.call(agent, guid).is_err().into()
}

unsafe extern "C" fn close(client: *mut Client) {
    // SAFETY: the driver closes each client once.
    drop(unsafe { Box::from_raw(client) });
}

unsafe fn text<'a>(text: *const c_char) -> &'a str {
    // SAFETY: the caller's contract.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or_default()
}
