//! The C ABI: translates between C and the client, and holds all that is unsafe.
//!
//! Every function has the same rhythm: the guard, the arguments, the client's own method, the
//! result. The texts here are those of the header.
#![allow(unsafe_code)]

mod guard;
mod handles;
mod types;

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use crate::sys::module;
use crate::{Client, ClientOptions, Error, Level, Sink, Status, Trust};
use guard::{Entry, Outcome, StructSize, contained, enter};
pub use types::*;

// The calling convention gets into the header's prototypes by the names of the return types.
type StatusCall = agw_status;
type TextCall = *const c_char;
type NumberCall = u32;

/// Makes a client of one gateway.
///
/// Opens no connection, but reads and checks every option there and then: URLs, certificates,
/// keys, fingerprints. One client serves any number of agents and threads; make one for each
/// gateway and share it.
///
/// @param options  What to make it from; see agw_client_options. Needed, borrowed for the call.
/// @param client   Receives the handle, to be freed with agw_free(); NULL on failure. Needed.
/// @param result   Receives what went wrong; or NULL.
/// @return AGW_OK; AGW_E_INVALID_ARGUMENT, AGW_E_STRUCT_SIZE, AGW_E_INVALID_URL,
///         AGW_E_TLS_CONFIG: `detail` names the option; AGW_E_RESOURCES: more than 65536 clients.
/// @note Any thread, also from inside the log callback.
/// @since 1.0
///
/// # Safety
/// `options` and `result` are NULL or point to structs of their `struct_size`, with strings that
/// are NULL or NUL-terminated; `client` is NULL or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_client_new(
    options: *const agw_client_options,
    client: *mut *mut agw_client,
    result: *mut agw_result,
) -> StatusCall {
    // SAFETY: as this function's own contract: `client` is NULL or can be written.
    let give = |handle: usize| unsafe {
        if !client.is_null() {
            client.write_unaligned(ptr::without_provenance_mut(handle));
        }
    };
    give(0);
    let call = || {
        module::keep_loaded();
        handles::hold_over_forks();
        if client.is_null() {
            return Err(invalid("client: NULL"));
        }
        // SAFETY: as this function's own contract.
        let options = unsafe { read_options(options) }?;
        let Some(handle) = handles::issue(Client::new(&options)?) else {
            return Err(Error::new(Status::Resources, "too many clients; agw_free some"));
        };
        give(handle);
        Ok(None)
    };
    // SAFETY: as this function's own contract.
    unsafe { enter(Entry::ClientNew, result, call) }
}

/// Rejects the conference call that rings at an agent (`rejectAgentConf`).
///
/// Blocks until the gateway's answer, the time-out, or a cancel. AGW_OK means that the gateway
/// accepted; the outcome shows as the events AgentOther_PhoneRelease and AgentState_Ready. The
/// request carries no conference: the gateway takes whatever rings at the agent just then, so
/// nothing is sent again after a time-out.
///
/// @param client    The client.
/// @param agent_id  Agent ID in decimal digits, from 101 to max_agent_id. Needed, borrowed.
/// @param guid      The agent's Guid, bare or as the whole value of a Set-GUID header; visible
///                  ASCII, 256 bytes at most. Needed, borrowed, and never shown in any text.
/// @param result    Receives the answer or what went wrong; or NULL.
/// @return AGW_OK or any AGW_E_*. AGW_E_NO_CONFERENCE: too late, nothing is ringing.
///         AGW_E_SESSION: take the newest Guid or sign in again. A failure with
///         AGW_RESULT_MAYBE_SENT in `flags` may have been acted upon.
/// @note Any thread, also many at once on one client; not from inside the log callback.
/// @since 1.0
///
/// # Safety
/// The strings are NULL or NUL-terminated; `result` is NULL or points to a struct of its
/// `struct_size`. `client` may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_reject_agent_conf(
    client: *mut agw_client,
    agent_id: *const c_char,
    guid: *const c_char,
    result: *mut agw_result,
) -> StatusCall {
    let call = |client: &Client| {
        // SAFETY: as this function's own contract.
        let (agent_id, guid) = unsafe { (needed("agent_id", agent_id)?, needed("guid", guid)?) };
        client.reject_agent_conf(agent_id, guid).map(Some)
    };
    // SAFETY: as this function's own contract.
    unsafe { with_client(Entry::RejectAgentConf, client, result, call) }
}

/// Makes sure that a verified connection to the gateway stands ready, without sending a request.
///
/// At sign-in it finds a wrong address or certificate before a phone rings. When AgentConf_Ringing
/// arrives it makes the reject that follows within 15 seconds one round trip instead of three.
///
/// @param client  The client.
/// @param result  Receives what went wrong; or NULL.
/// @return AGW_OK, or what a call would fail with: AGW_E_RESOLVE, AGW_E_CONNECT, AGW_E_TLS,
///         AGW_E_TIMEOUT, AGW_E_IO (closed at once), AGW_E_CANCELLED, AGW_E_PROXY, AGW_E_RESOURCES.
/// @note Any thread; not from inside the log callback.
/// @since 1.0
///
/// # Safety
/// `result` is NULL or points to a struct of its `struct_size`. `client` may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_connect(
    client: *mut agw_client,
    result: *mut agw_result,
) -> StatusCall {
    // SAFETY: as this function's own contract.
    unsafe { with_client(Entry::Connect, client, result, |client| client.connect().map(|()| None)) }
}

/// Makes the calls now in progress on a client end soon with AGW_E_CANCELLED.
///
/// Calls that begin afterwards are not touched; the client stays usable.
///
/// @param client  The client.
/// @return AGW_OK, AGW_E_INVALID_HANDLE, AGW_E_REENTRANT.
/// @note Any thread; not from inside the log callback.
/// @since 1.0
///
/// # Safety
/// None needed: `client` may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_cancel(client: *mut agw_client) -> StatusCall {
    let call = |client: &Client| {
        client.cancel();
        Ok(None)
    };
    // SAFETY: there is no result to write.
    unsafe { with_client(Entry::Cancel, client, ptr::null_mut(), call) }
}

/// Frees a client. Calls in progress on it end soon with AGW_E_CANCELLED.
///
/// Once it has returned, the log callback is not called again for that client; it waits for a
/// callback that is under way in another thread. The handle is not issued again, so a second
/// agw_free() is harmless.
///
/// @param client  The client; NULL is AGW_OK.
/// @return AGW_OK, AGW_E_INVALID_HANDLE, AGW_E_REENTRANT.
/// @note Any thread; not from inside the log callback.
/// @since 1.0
///
/// # Safety
/// None needed: `client` may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_free(client: *mut agw_client) -> StatusCall {
    let call = || {
        if !client.is_null() {
            handles::remove(client.addr()).ok_or_else(no_such_handle)?.close();
        }
        Ok(None)
    };
    // SAFETY: there is no result to write.
    unsafe { enter(Entry::Free, ptr::null_mut(), call) }
}

/// Says in an English sentence what a status means and what to do.
///
/// @param status  Any number, known or not.
/// @return A text in static storage, never NULL, never to be freed.
/// @note Any thread, also from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub extern "C" fn agw_strerror(status: agw_status) -> TextCall {
    let known = Status::from_number(status).map(Status::c_sentence);
    known.unwrap_or(c"A status that this version of agw does not know.").as_ptr()
}

/// The version of the library that is running, such as "1.0.0".
///
/// @return A text in static storage, never NULL, never to be freed.
/// @note Any thread, also from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub extern "C" fn agw_version() -> TextCall {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the library that is running as a number: 0x010203 is 1.2.3.
///
/// @return At least AGW_VERSION_NUM of the header, if the library is not older than it.
/// @note Any thread, also from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub extern "C" fn agw_version_num() -> NumberCall {
    AGW_VERSION_NUM
}

/// Runs a call on the client that a handle stands for. A panic is told to its log, too.
///
/// # Safety
/// As [`enter`].
unsafe fn with_client(
    entry: Entry,
    handle: *mut agw_client,
    result: *mut agw_result,
    call: impl FnOnce(&Client) -> Outcome,
) -> agw_status {
    let call = || {
        let client = handles::find(handle.addr()).ok_or_else(no_such_handle)?;
        let outcome = contained(entry, || call(&client));
        if let Err(error) = &outcome {
            if error.status() == Status::Internal {
                let detail = error.detail();
                client.log(Level::Error, format_args!("{}: {detail}", Status::Internal));
            }
        }
        outcome
    };
    // SAFETY: as this function's own contract.
    unsafe { enter(entry, result, call) }
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, detail)
}

fn no_such_handle() -> Error {
    Error::new(Status::InvalidHandle, "client: NULL, freed, or never issued")
}

/// # Safety
/// `options` is NULL or points to a struct of its `struct_size`, with strings that are NULL or
/// NUL-terminated.
unsafe fn read_options(options: *const agw_client_options) -> Result<ClientOptions, Error> {
    if options.is_null() {
        return Err(invalid("options: NULL"));
    }
    // SAFETY: not NULL, so a struct that begins with struct_size.
    let size = unsafe { StructSize::read(options.cast(), OPTIONS_SIZES) };
    let size = size.map_err(|status| {
        Error::new(status, "options: struct_size is not sizeof(agw_client_options)")
    })?;
    if !size.rest_is_zero {
        let detail = "options: made for a newer library, and not zero in a part that is new";
        return Err(Error::new(Status::StructSize, detail));
    }
    // SAFETY: zero is a value of every field: integers, pointers, and an Option of a function.
    let mut known: agw_client_options = unsafe { std::mem::zeroed() };
    // SAFETY: both sides have `usable` bytes, which end at the end of a field.
    unsafe {
        ptr::copy_nonoverlapping(
            options.cast::<u8>(),
            ptr::from_mut(&mut known).cast(),
            size.usable,
        );
    }
    // SAFETY: the strings are the caller's, as this function's own contract says.
    unsafe { translate(&known) }
}

/// # Safety
/// The strings are NULL or NUL-terminated.
unsafe fn translate(from: &agw_client_options) -> Result<ClientOptions, Error> {
    if from.flags & !(AGW_ALLOW_HTTP | AGW_NO_KEEP_ALIVE) != 0 {
        return Err(invalid("flags: holds a bit that is not known"));
    }
    if from.reserved != 0 {
        return Err(invalid("reserved: not 0"));
    }
    // SAFETY: as this function's own contract, also for the rest of the strings below.
    let text = |name, pointer| unsafe { optional(name, pointer) };
    let Some(base_url) = text("base_url", from.base_url)? else {
        return Err(invalid("base_url: NULL"));
    };
    let mut options = ClientOptions::new(base_url);
    options.allow_http = from.flags & AGW_ALLOW_HTTP != 0;
    options.keep_alive = from.flags & AGW_NO_KEEP_ALIVE == 0;
    if from.timeout_ms != 0 {
        options.timeout = Duration::from_millis(from.timeout_ms.into());
    }
    if from.connect_timeout_ms != 0 {
        options.connect_timeout = Duration::from_millis(from.connect_timeout_ms.into());
    }
    if from.max_agent_id != 0 {
        options.max_agent_id = from.max_agent_id;
    }
    options.trust = trust(from.tls_trust)?;
    options.connect_to = text("connect_to", from.connect_to)?;
    options.ca = text("ca", from.ca)?;
    options.pin_sha256 = text("pin_sha256", from.pin_sha256)?;
    options.client_cert = text("client_cert", from.client_cert)?;
    options.client_key = text("client_key", from.client_key)?;
    options.proxy = text("proxy", from.proxy)?;
    options.log = from.log.map(|log| sink(log, from.log_user_data));
    options.log_level = level(from.log_level)?;
    Ok(options)
}

fn trust(number: i32) -> Result<Trust, Error> {
    match number {
        AGW_TRUST_SYSTEM => Ok(Trust::System),
        AGW_TRUST_CA => Ok(Trust::Ca),
        AGW_TRUST_PIN => Ok(Trust::Pin),
        AGW_TRUST_DANGER_ANY => Ok(Trust::DangerAny),
        _ => Err(invalid("tls_trust: none of AGW_TRUST_*")),
    }
}

fn level(number: i32) -> Result<Level, Error> {
    match number {
        AGW_LOG_ERROR => Ok(Level::Error),
        0 | AGW_LOG_WARN => Ok(Level::Warn),
        AGW_LOG_INFO => Ok(Level::Info),
        AGW_LOG_DEBUG => Ok(Level::Debug),
        _ => Err(invalid("log_level: neither 0 nor one of AGW_LOG_*")),
    }
}

/// # Safety
/// `pointer` is NULL or points to a NUL-terminated string that outlives the text.
unsafe fn needed<'a>(name: &str, pointer: *const c_char) -> Result<&'a str, Error> {
    if pointer.is_null() {
        return Err(invalid(format!("{name}: NULL")));
    }
    // SAFETY: not NULL, so NUL-terminated.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map_err(|_| invalid(format!("{name}: not UTF-8")))
}

/// # Safety
/// `pointer` is NULL or points to a NUL-terminated string.
unsafe fn optional(name: &str, pointer: *const c_char) -> Result<Option<String>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so NUL-terminated.
    unsafe { needed(name, pointer) }.map(|text| Some(text.to_owned()))
}

/// The caller's log callback and what it wants handed back.
struct Callback {
    log: unsafe extern "C" fn(i32, *const c_char, *mut c_void),
    user_data: *mut c_void,
}

// SAFETY: the header demands a callback, and user data, that any thread may use at any time.
unsafe impl Send for Callback {}
// SAFETY: as above.
unsafe impl Sync for Callback {}

impl Callback {
    fn call(&self, level: Level, line: &str) {
        // Log lines hold no control character, so no NUL.
        let Ok(line) = CString::new(line) else { return };
        // SAFETY: a function of this type, which the header lets us call until agw_free returns.
        unsafe { (self.log)(level as i32, line.as_ptr(), self.user_data) }
    }
}

fn sink(
    log: unsafe extern "C" fn(i32, *const c_char, *mut c_void),
    user_data: *mut c_void,
) -> Sink {
    let callback = Callback { log, user_data };
    Arc::new(move |level, line| callback.call(level, line))
}
