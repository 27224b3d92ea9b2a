//! The shared library as a host has it: loaded by its path, reached by the names it exports.

use std::ffi::{CStr, CString, c_char, c_void};
use std::mem::{MaybeUninit, transmute_copy};
use std::path::Path;
use std::ptr;

use agw::ffi::{
    AGW_ALLOW_HTTP, AGW_LOG_DEBUG, AGW_LOG_WARN, AGW_SIGN_IN_FORCE, AGW_TRUST_CA, AGW_TRUST_SYSTEM,
    agw_client, agw_client_options, agw_event, agw_result, agw_session, agw_sign_in_options,
    agw_status,
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
type SignIn = unsafe extern "C" fn(
    *mut agw_client,
    *const agw_sign_in_options,
    *mut agw_result,
) -> agw_status;
type NextEvent = unsafe extern "C" fn(
    *mut agw_client,
    *const c_char,
    *mut agw_event,
    *mut agw_result,
) -> agw_status;
type SignOut = unsafe extern "C" fn(*mut agw_client, *const c_char, *mut agw_result) -> agw_status;
type GetSession = unsafe extern "C" fn(
    *mut agw_client,
    *const c_char,
    *mut agw_session,
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
    sign_in: SignIn,
    next_event: NextEvent,
    sign_out: SignOut,
    get_session: GetSession,
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

/// The function of that name. A library that is not there, NULL, has none.
///
/// # Safety
///
/// `T` is the type that the header declares for it.
unsafe fn symbol<T>(handle: *mut c_void, name: &CStr) -> Result<T, String> {
    // SAFETY: a handle or NULL, and a string.
    let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
    if handle.is_null() || found.is_null() {
        return Err(format!("the library has no {}", name.to_string_lossy()));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { transmute_copy(&found) })
}

impl Library {
    pub fn load(path: &Path) -> Result<Self, String> {
        let name = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| "a NUL in it")?;
        // SAFETY: the name is a string; what the library does when it is loaded is its own.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        // SAFETY: the header declares these functions so, and agw_version's text is static.
        unsafe {
            let version = CStr::from_ptr(symbol::<Version>(handle, c"agw_version")?());
            Ok(Library {
                new: symbol(handle, c"agw_client_new")?,
                reject: symbol(handle, c"agw_reject_agent_conf")?,
                connect: symbol(handle, c"agw_connect")?,
                sign_in: symbol(handle, c"agw_sign_in")?,
                next_event: symbol(handle, c"agw_next_event")?,
                sign_out: symbol(handle, c"agw_sign_out")?,
                get_session: symbol(handle, c"agw_get_session")?,
                cancel: symbol(handle, c"agw_cancel")?,
                cancel_call: symbol(handle, c"agw_cancel_call")?,
                free: symbol(handle, c"agw_free")?,
                version: version.to_string_lossy().into_owned(),
            })
        }
    }

    /// A client that logs everything, or warnings only.
    pub fn client(&self, options: &Options, chatty: bool) -> Result<Ticket, String> {
        let text = |text: &str| CString::new(text).expect("no NUL in an option");
        let (base_url, ca) = (text(&options.base_url), options.ca.as_deref().map(text));
        let given = agw_client_options {
            flags: options.flags | AGW_ALLOW_HTTP,
            timeout_ms: options.timeout_ms,
            tls_trust: if ca.is_some() { AGW_TRUST_CA } else { AGW_TRUST_SYSTEM },
            base_url: base_url.as_ptr(),
            ca: ca.as_ref().map_or(ptr::null(), |ca| ca.as_ptr()),
            log: Some(texts::take_line),
            log_level: if chatty { AGW_LOG_DEBUG } else { AGW_LOG_WARN },
            ..support::options_in_c()
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

    /// With the Guid that is kept.
    pub fn reject_kept(&self, client: Ticket, agent: &CStr) -> Outcome {
        outcome_of(0, |result| {
            // SAFETY: a handle may be anything, the string and the result outlive the call.
            unsafe { (self.reject)(client.pointer(), agent.as_ptr(), ptr::null(), result) }
        })
    }

    pub fn sign_in(&self, client: Ticket, agent: &CStr) -> Outcome {
        let options = agw_sign_in_options {
            struct_size: size_of::<agw_sign_in_options>() as u32,
            flags: AGW_SIGN_IN_FORCE,
            agent_id: agent.as_ptr(),
            password: ptr::null(),
            phone: ptr::null(),
            fields: ptr::null(),
        };
        outcome_of(0, |result| {
            // SAFETY: a handle may be anything, and all pointers outlive the call.
            unsafe { (self.sign_in)(client.pointer(), &raw const options, result) }
        })
    }

    /// The conference of the event that comes, 0 for none.
    pub fn next_event(&self, client: Ticket, agent: &CStr) -> (Outcome, i64) {
        // SAFETY: a struct of integers.
        let mut event: agw_event = unsafe { MaybeUninit::zeroed().assume_init() };
        event.struct_size = size_of::<agw_event>() as u32;
        let outcome = outcome_of(0, |result| {
            let event = &raw mut event;
            // SAFETY: a handle may be anything, and all pointers outlive the call.
            unsafe { (self.next_event)(client.pointer(), agent.as_ptr(), event, result) }
        });
        (outcome, event.conf_id)
    }

    pub fn sign_out(&self, client: Ticket, agent: &CStr) -> Outcome {
        outcome_of(0, |result| {
            // SAFETY: a handle may be anything, the string and the result outlive the call.
            unsafe { (self.sign_out)(client.pointer(), agent.as_ptr(), result) }
        })
    }

    /// The Guid that is kept; "" for none.
    pub fn kept_guid(&self, client: Ticket, agent: &CStr) -> String {
        // SAFETY: a struct of integers.
        let mut session: agw_session = unsafe { MaybeUninit::zeroed().assume_init() };
        session.struct_size = size_of::<agw_session>() as u32;
        outcome_of(0, |result| {
            let session = &raw mut session;
            // SAFETY: a handle may be anything, and all pointers outlive the call.
            unsafe { (self.get_session)(client.pointer(), agent.as_ptr(), session, result) }
        });
        // SAFETY: the library has written a text, or the zeros are one.
        unsafe { CStr::from_ptr(session.guid.as_ptr()) }.to_string_lossy().into_owned()
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
