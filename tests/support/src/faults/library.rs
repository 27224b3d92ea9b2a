//! The library's functions, linked in or of a shared library, called as a C program calls them.

use std::ffi::{CStr, CString, c_char, c_void};
use std::mem::{MaybeUninit, transmute_copy};
use std::path::Path;
use std::ptr;

use agw::ffi::{
    agw_cancel, agw_cancel_call, agw_client, agw_client_new, agw_client_options, agw_connect,
    agw_event, agw_free, agw_get_session, agw_log_fn, agw_next_event, agw_reject_agent_conf,
    agw_result, agw_session, agw_set_session, agw_sign_in, agw_sign_in_options, agw_sign_out,
    agw_status,
};

use super::abi::{Options, Outcome, outcome_of};
use crate::c_text;

type Client = *mut agw_client;
type Text = *const c_char;
type Result = *mut agw_result;

/// As the header declares them.
pub struct Library {
    client_new: unsafe extern "C" fn(*const agw_client_options, *mut Client, Result) -> agw_status,
    reject: unsafe extern "C" fn(Client, Text, Text, Result) -> agw_status,
    connect: unsafe extern "C" fn(Client, Result) -> agw_status,
    sign_in: unsafe extern "C" fn(Client, *const agw_sign_in_options, Result) -> agw_status,
    next_event: unsafe extern "C" fn(Client, Text, *mut agw_event, Result) -> agw_status,
    sign_out: unsafe extern "C" fn(Client, Text, Result) -> agw_status,
    set_session: unsafe extern "C" fn(Client, Text, Text, Text, Result) -> agw_status,
    get_session: unsafe extern "C" fn(Client, Text, *mut agw_session, Result) -> agw_status,
    cancel: unsafe extern "C" fn(Client) -> agw_status,
    cancel_call: unsafe extern "C" fn(Client, u32) -> agw_status,
    free: unsafe extern "C" fn(Client) -> agw_status,
}

pub static LINKED: Library = Library {
    client_new: agw_client_new,
    reject: agw_reject_agent_conf,
    connect: agw_connect,
    sign_in: agw_sign_in,
    next_event: agw_next_event,
    sign_out: agw_sign_out,
    set_session: agw_set_session,
    get_session: agw_get_session,
    cancel: agw_cancel,
    cancel_call: agw_cancel_call,
    free: agw_free,
};

/// A handle: a number that may be used from any thread, freed or not.
#[derive(Clone, Copy, PartialEq)]
pub struct Ticket(pub usize);

impl Ticket {
    fn client(self) -> Client {
        ptr::without_provenance_mut(self.0)
    }
}

/// The log callback, what it is given, and the level.
pub struct Log(pub agw_log_fn, pub *mut c_void, pub i32);

/// The function of that name. A library that is not there, NULL, has none.
///
/// # Safety
///
/// `T` is the type that the header declares for it.
unsafe fn symbol<T>(handle: *mut c_void, name: &CStr) -> std::result::Result<T, String> {
    // SAFETY: a handle or NULL, and a string.
    let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
    if handle.is_null() || found.is_null() {
        return Err(format!("the library has no {}", name.to_string_lossy()));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { transmute_copy(&found) })
}

fn pointer(text: Option<&CStr>) -> Text {
    text.map_or(ptr::null(), CStr::as_ptr)
}

// The calls. A handle may be anything, and what else is pointed to outlives the call.
impl Library {
    /// That of a path, with its version. It stays loaded for as long as the process lives.
    pub fn load(path: &Path) -> std::result::Result<(Self, String), String> {
        let name = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| "a NUL in it")?;
        // SAFETY: the name is a string; what the library does when it is loaded is its own.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        // SAFETY: the header declares these functions so, and agw_version's text is static.
        unsafe {
            let version: unsafe extern "C" fn() -> Text = symbol(handle, c"agw_version")?;
            let version = CStr::from_ptr(version()).to_string_lossy().into_owned();
            let library = Library {
                client_new: symbol(handle, c"agw_client_new")?,
                reject: symbol(handle, c"agw_reject_agent_conf")?,
                connect: symbol(handle, c"agw_connect")?,
                sign_in: symbol(handle, c"agw_sign_in")?,
                next_event: symbol(handle, c"agw_next_event")?,
                sign_out: symbol(handle, c"agw_sign_out")?,
                set_session: symbol(handle, c"agw_set_session")?,
                get_session: symbol(handle, c"agw_get_session")?,
                cancel: symbol(handle, c"agw_cancel")?,
                cancel_call: symbol(handle, c"agw_cancel_call")?,
                free: symbol(handle, c"agw_free")?,
            };
            Ok((library, version))
        }
    }

    pub fn client(&self, options: &Options, log: &Log, id: u32) -> (Ticket, Outcome) {
        let base_url = c_text(&options.base_url);
        let [ca, proxy] = [&options.ca, &options.proxy].map(|it| it.as_deref().map(c_text));
        let given = agw_client_options {
            flags: options.flags(),
            timeout_ms: options.timeout_ms,
            connect_timeout_ms: options.connect_timeout_ms,
            tls_trust: options.trust(),
            base_url: base_url.as_ptr(),
            ca: pointer(ca.as_deref()),
            proxy: pointer(proxy.as_deref()),
            log: log.0,
            log_user_data: log.1,
            log_level: log.2,
            ..crate::options_in_c()
        };
        let mut client = ptr::null_mut();
        let made = outcome_of(id, |result| {
            // SAFETY: as above.
            unsafe { (self.client_new)(&given, &mut client, result) }
        });
        (Ticket(client.addr()), made)
    }

    /// Without a Guid: the one that is kept.
    pub fn reject(&self, client: Ticket, agent: &CStr, guid: Option<&CStr>, id: u32) -> Outcome {
        outcome_of(id, |result| {
            // SAFETY: as above.
            unsafe { (self.reject)(client.client(), agent.as_ptr(), pointer(guid), result) }
        })
    }

    pub fn connect(&self, client: Ticket, id: u32) -> Outcome {
        // SAFETY: as above.
        outcome_of(id, |result| unsafe { (self.connect)(client.client(), result) })
    }

    pub fn sign_in(
        &self,
        client: Ticket,
        agent: &CStr,
        password: Option<&CStr>,
        flags: u32,
        id: u32,
    ) -> Outcome {
        let options = agw_sign_in_options {
            struct_size: size_of::<agw_sign_in_options>() as u32,
            flags,
            agent_id: agent.as_ptr(),
            password: pointer(password),
            phone: ptr::null(),
            fields: ptr::null(),
        };
        // SAFETY: as above.
        outcome_of(id, |result| unsafe { (self.sign_in)(client.client(), &options, result) })
    }

    pub fn next_event(&self, client: Ticket, agent: &CStr, id: u32) -> (Outcome, agw_event) {
        let mut event = rubbish::<agw_event>();
        event.struct_size = size_of::<agw_event>() as u32;
        let outcome = outcome_of(id, |result| {
            // SAFETY: as above.
            unsafe { (self.next_event)(client.client(), agent.as_ptr(), &mut event, result) }
        });
        (outcome, event)
    }

    pub fn sign_out(&self, client: Ticket, agent: &CStr, id: u32) -> Outcome {
        // SAFETY: as above.
        outcome_of(id, |result| unsafe { (self.sign_out)(client.client(), agent.as_ptr(), result) })
    }

    pub fn set_session(&self, client: Ticket, agent: &CStr, guid: &CStr, id: u32) -> Outcome {
        let (agent, guid) = (agent.as_ptr(), guid.as_ptr());
        outcome_of(id, |result| {
            // SAFETY: as above.
            unsafe { (self.set_session)(client.client(), agent, guid, ptr::null(), result) }
        })
    }

    pub fn get_session(&self, client: Ticket, agent: &CStr, id: u32) -> (Outcome, agw_session) {
        let mut session = rubbish::<agw_session>();
        session.struct_size = size_of::<agw_session>() as u32;
        session.reserved = 0;
        let outcome = outcome_of(id, |result| {
            // SAFETY: as above.
            unsafe { (self.get_session)(client.client(), agent.as_ptr(), &mut session, result) }
        });
        (outcome, session)
    }

    pub fn cancel(&self, client: Ticket) -> agw_status {
        // SAFETY: as above.
        unsafe { (self.cancel)(client.client()) }
    }

    pub fn cancel_call(&self, client: Ticket, id: u32) -> agw_status {
        // SAFETY: as above.
        unsafe { (self.cancel_call)(client.client(), id) }
    }

    pub fn free(&self, client: Ticket) -> agw_status {
        // SAFETY: as above.
        unsafe { (self.free)(client.client()) }
    }
}

/// Structs of integers that the library fills in.
pub trait Filled {}

impl Filled for agw_result {}
impl Filled for agw_event {}
impl Filled for agw_session {}

/// What is right afterwards was written by the library.
pub fn rubbish<T: Filled>() -> T {
    let mut filled = MaybeUninit::<T>::uninit();
    // SAFETY: the pointer is to that many bytes.
    unsafe { ptr::write_bytes(filled.as_mut_ptr(), 0x7F, 1) };
    // SAFETY: it is a struct of integers, all of whose bytes are set.
    unsafe { filled.assume_init() }
}
