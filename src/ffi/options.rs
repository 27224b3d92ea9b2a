//! The options of a client and of a sign-in: checked, and translated into the client's own.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

use super::strings::{borrowed, invalid, required};
use super::structs::read_struct;
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
    let from = unsafe { read_struct("options", options) }?;
    check_flags(from.flags, AGW_ALLOW_HTTP | AGW_NO_KEEP_ALIVE)?;
    if from.reserved != 0 {
        return Err(invalid("reserved: not 0"));
    }
    // SAFETY: as this function's own contract.
    let mut options = ClientOptions::new(unsafe { required("base_url", from.base_url) }?);
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
    let text = |name, pointer| {
        // SAFETY: as this function's own contract.
        unsafe { borrowed(name, pointer) }.map(|text| text.map(str::to_owned))
    };
    options.connect_to = text("connect_to", from.connect_to)?;
    options.ca = text("ca", from.ca)?;
    options.pin_sha256 = text("pin_sha256", from.pin_sha256)?;
    options.client_cert = text("client_cert", from.client_cert)?;
    options.client_key = text("client_key", from.client_key)?;
    options.proxy = text("proxy", from.proxy)?;
    options.log = from.log.map(|log| Callback { log, user_data: from.log_user_data }.into_sink());
    options.log_level = level(from.log_level)?;
    Ok(options)
}

/// # Safety
/// As [`read_options`]; the strings are there for as long as what is returned.
pub(super) unsafe fn read_sign_in<'a>(
    options: *const agw_sign_in_options,
) -> Result<SignIn<'a>, Error> {
    // SAFETY: as this function's own contract; any bytes are integers and pointers.
    let from = unsafe { read_struct("options", options) }?;
    check_flags(from.flags, AGW_SIGN_IN_FORCE)?;
    // SAFETY: as this function's own contract, also for the strings below.
    let mut sign_in = SignIn::new(unsafe { required("agent_id", from.agent_id) }?);
    // SAFETY: as above.
    let text = |name, pointer| unsafe { borrowed(name, pointer) };
    sign_in.force = from.flags & AGW_SIGN_IN_FORCE != 0;
    sign_in.password = text("password", from.password)?.unwrap_or_default();
    sign_in.phone = text("phone", from.phone)?;
    sign_in.fields = text("fields", from.fields)?;
    Ok(sign_in)
}

fn check_flags(flags: u32, known: u32) -> Result<(), Error> {
    if flags & !known != 0 {
        return Err(invalid("flags: holds a bit that is not known"));
    }
    Ok(())
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
    fn into_sink(self) -> Sink {
        Arc::new(move |level, line| self.call(level, line))
    }

    fn call(&self, level: Level, line: &str) {
        // Log lines hold no control character, so no NUL.
        let Ok(line) = CString::new(line) else { return };
        // SAFETY: a function of this type, which the header lets us call until agw_free returns.
        unsafe { (self.log)(level as i32, line.as_ptr(), self.user_data) }
    }
}
