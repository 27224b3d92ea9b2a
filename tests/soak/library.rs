//! The shared library as a host has it: loaded by its path, reached by the names it exports.

use std::ffi::{CStr, CString, c_char};
use std::mem::{MaybeUninit, transmute_copy};
use std::path::Path;
use std::ptr;

use agw::ffi::{
    AGW_ALLOW_HTTP, AGW_LOG_DEBUG, AGW_LOG_WARN, AGW_TRUST_CA, AGW_TRUST_SYSTEM, agw_client,
    agw_client_options, agw_result, agw_status,
};
use support::faults::abi::{Options, Outcome, outcome_of};

use crate::texts;

type New = unsafe extern "C" fn(
    *const agw_client_options,
    *mut *mut agw_client,
    *mut agw_result,
) -> agw_status;
type Reject = unsafe extern "C" fn(
    *mut agw_client,
    *const c_char,
    *const c_char,
    *mut agw_result,
) -> agw_status;
type Connect = unsafe extern "C" fn(*mut agw_client, *mut agw_result) -> agw_status;
type OfClient = unsafe extern "C" fn(*mut agw_client) -> agw_status;
type CancelCall = unsafe extern "C" fn(*mut agw_client, u32) -> agw_status;
type Version = unsafe extern "C" fn() -> *const c_char;

/// The functions, for as long as the process lives: the library stays loaded.
pub struct Library {
    new: New,
    reject: Reject,
    connect: Connect,
    cancel: OfClient,
    cancel_call: CancelCall,
    free: OfClient,
    pub version: String,
}

/// A handle: a number that may be used from any thread, freed or not.
#[derive(Clone, Copy, PartialEq)]
pub struct Ticket(pub usize);

impl Ticket {
    fn pointer(self) -> *mut agw_client {
        ptr::without_provenance_mut(self.0)
    }
}

impl Library {
    pub fn load(path: &Path) -> Result<Self, String> {
        let name = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| "a NUL in it")?;
        // SAFETY: the name is a string; what the library does when it is loaded is its own.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        let symbol = |name: &CStr| {
            // SAFETY: a handle or NULL, and a string.
            let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
            let missing = || format!("{}: no {}", path.display(), name.to_string_lossy());
            if handle.is_null() || found.is_null() { Err(missing()) } else { Ok(found) }
        };
        let version = symbol(c"agw_version")?;
        // SAFETY: the header declares the function so, and its text is static.
        let version = unsafe { CStr::from_ptr(transmute_copy::<_, Version>(&version)()) };
        let (new, reject) = (symbol(c"agw_client_new")?, symbol(c"agw_reject_agent_conf")?);
        let (connect, cancel) = (symbol(c"agw_connect")?, symbol(c"agw_cancel")?);
        let (cancel_call, free) = (symbol(c"agw_cancel_call")?, symbol(c"agw_free")?);
        // SAFETY: these are the functions of those names, and the header declares them so.
        let (new, reject, connect, cancel, cancel_call, free) = unsafe {
            (
                transmute_copy(&new),
                transmute_copy(&reject),
                transmute_copy(&connect),
                transmute_copy(&cancel),
                transmute_copy(&cancel_call),
                transmute_copy(&free),
            )
        };
        let version = version.to_string_lossy().into_owned();
        Ok(Library { new, reject, connect, cancel, cancel_call, free, version })
    }

    /// A client that logs everything, or warnings only.
    pub fn client(&self, options: &Options, chatty: bool) -> Result<Ticket, String> {
        let text = |text: &str| CString::new(text).expect("no NUL in an option");
        let (base_url, ca) = (text(&options.base_url), options.ca.as_deref().map(text));
        // SAFETY: zero is a value of every field: integers, pointers, and an Option of a function.
        let zeroed: agw_client_options = unsafe { MaybeUninit::zeroed().assume_init() };
        let given = agw_client_options {
            struct_size: size_of::<agw_client_options>() as u32,
            flags: options.flags | AGW_ALLOW_HTTP,
            timeout_ms: options.timeout_ms,
            tls_trust: if ca.is_some() { AGW_TRUST_CA } else { AGW_TRUST_SYSTEM },
            base_url: base_url.as_ptr(),
            ca: ca.as_ref().map_or(ptr::null(), |ca| ca.as_ptr()),
            log: Some(texts::take_line),
            log_level: if chatty { AGW_LOG_DEBUG } else { AGW_LOG_WARN },
            ..zeroed
        };
        let mut client = ptr::null_mut();
        let made = outcome_of(0, |result| {
            // SAFETY: the options' strings outlive the call, and all pointers are to locals.
            unsafe { (self.new)(&raw const given, &raw mut client, result) }
        });
        match made.returned {
            0 => Ok(Ticket(client.addr())),
            status => Err(format!("no client: {status} {:?}", made.detail())),
        }
    }

    pub fn reject(&self, client: Ticket, agent: u32, guid: &str, id: u32) -> Outcome {
        let agent = CString::new(agent.to_string()).expect("digits");
        let guid = CString::new(guid).expect("no NUL in it");
        outcome_of(id, |result| {
            // SAFETY: a handle may be anything, the strings and the result outlive the call.
            unsafe { (self.reject)(client.pointer(), agent.as_ptr(), guid.as_ptr(), result) }
        })
    }

    pub fn connect(&self, client: Ticket) -> Outcome {
        // SAFETY: a handle may be anything, and the result outlives the call.
        outcome_of(0, |result| unsafe { (self.connect)(client.pointer(), result) })
    }

    pub fn cancel(&self, client: Ticket) -> agw_status {
        // SAFETY: a handle may be anything.
        unsafe { (self.cancel)(client.pointer()) }
    }

    pub fn cancel_call(&self, client: Ticket, id: u32) -> agw_status {
        // SAFETY: a handle may be anything.
        unsafe { (self.cancel_call)(client.pointer(), id) }
    }

    pub fn free(&self, client: Ticket) -> agw_status {
        // SAFETY: a handle may be anything.
        unsafe { (self.free)(client.pointer()) }
    }
}
