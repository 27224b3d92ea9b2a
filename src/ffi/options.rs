//! `agw_client_options`: checked, and translated into the client's own.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

use super::strings::{borrowed, invalid, optional};
use super::structs::StructSize;
use super::types::{
    AGW_ALLOW_HTTP, AGW_LOG_DEBUG, AGW_LOG_ERROR, AGW_LOG_INFO, AGW_LOG_WARN, AGW_NO_KEEP_ALIVE,
    AGW_SIGN_IN_FORCE, AGW_TRUST_CA, AGW_TRUST_DANGER_ANY, AGW_TRUST_PIN, AGW_TRUST_SYSTEM,
    agw_client_options, agw_sign_in_options,
};
use crate::{ClientOptions, Error, Level, SignIn, Sink, Trust};

/// # Safety
/// `options` is NULL or points to a struct of its `struct_size`, with strings that are NULL or
/// NUL-terminated.
pub(super) unsafe fn read_options(
    options: *const agw_client_options,
) -> Result<ClientOptions, Error> {
    // SAFETY: as this function's own contract; any bytes are a value of every field: integers,
    // pointers, and an Option of a function.
    let known = unsafe { read_struct("options", options) }?;
    // SAFETY: the strings are the caller's, as this function's own contract says.
    unsafe { translate(&known) }
}

/// # Safety
/// As [`read_options`]; the strings are there for as long as what is returned.
pub(super) unsafe fn read_sign_in<'a>(
    options: *const agw_sign_in_options,
) -> Result<SignIn<'a>, Error> {
    // SAFETY: as this function's own contract; any bytes are integers and pointers.
    let known = unsafe { read_struct("options", options) }?;
    if known.flags & !AGW_SIGN_IN_FORCE != 0 {
        return Err(invalid("flags: holds a bit that is not known"));
    }
    // SAFETY: as this function's own contract, also for the rest of the strings below.
    let text = |name, pointer| unsafe { borrowed(name, pointer) };
    let mut sign_in =
        SignIn::new(text("agent_id", known.agent_id)?.ok_or_else(|| invalid("agent_id: NULL"))?);
    sign_in.force = known.flags & AGW_SIGN_IN_FORCE != 0;
    sign_in.password = text("password", known.password)?.unwrap_or_default();
    sign_in.phone = text("phone", known.phone)?;
    sign_in.fields = text("fields", known.fields)?;
    Ok(sign_in)
}

/// Copies a struct of the caller's, as far as it goes.
///
/// # Safety
/// `from` is NULL or points to a struct of its `struct_size`, which comes first in it; any bytes are
/// a value of `T`.
unsafe fn read_struct<T>(name: &str, from: *const T) -> Result<T, Error> {
    // SAFETY: as this function's own contract.
    unsafe { StructSize::required(name, from) }?;
    // SAFETY: all of it is there; a host may have packed it, so not aligned.
    Ok(unsafe { from.read_unaligned() })
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
