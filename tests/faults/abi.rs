//! The calls as a C program makes them.

#![allow(dead_code, reason = "no one user of this module uses all of it")]

use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;
use std::ops::RangeInclusive;
use std::ptr;
use std::time::{Duration, Instant};

use agw::ffi::{
    AGW_ALLOW_HTTP, AGW_TRUST_CA, AGW_TRUST_SYSTEM, agw_client, agw_client_new, agw_client_options,
    agw_connect, agw_free, agw_reject_agent_conf, agw_result, agw_status,
};

use crate::elsewhere::{Elsewhere, word};

/// A Guid in the documented form.
pub const GUID: &str = "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1";

/// What a row sets; zero is the library's default.
#[derive(Clone, Default)]
pub struct Options {
    pub base_url: String,
    pub flags: u32,
    pub timeout_ms: u32,
    pub connect_timeout_ms: u32,
    pub ca: Option<String>,
    pub proxy: Option<String>,
}

impl Options {
    fn flags(&self) -> u32 {
        self.flags | AGW_ALLOW_HTTP
    }

    fn trust(&self) -> i32 {
        if self.ca.is_some() { AGW_TRUST_CA } else { AGW_TRUST_SYSTEM }
    }
}

/// A handle, freed when dropped.
pub enum Client {
    Here(*mut agw_client),
    Elsewhere(Option<Elsewhere>),
}

/// What a call returned and wrote, and how long the caller waited for it.
pub struct Outcome {
    pub returned: agw_status,
    pub result: agw_result,
    pub time: Duration,
    pub system: System,
}

/// Where the call was made.
pub struct System {
    /// Its numbers for what may happen to a socket.
    pub os_errors: RangeInclusive<i32>,
    pub shows_resets: bool,
    /// How much longer than on Linux a call may take.
    pub slack: Duration,
}

const LINUX: System = System { os_errors: 1..=133, shows_resets: true, slack: Duration::ZERO };

impl Client {
    pub fn new(options: &Options) -> Self {
        let (client, made) = match Elsewhere::take() {
            Some(caller) => Self::elsewhere(caller, options),
            None => Self::here(options),
        };
        assert_eq!(made.returned, 0, "{:?}", made.detail());
        client
    }

    fn elsewhere(mut caller: Elsewhere, options: &Options) -> (Self, Outcome) {
        let made = caller.call(&format!(
            "new {} {} {} {} {} {} {}",
            options.flags(),
            options.timeout_ms,
            options.connect_timeout_ms,
            options.trust(),
            word(Some(&options.base_url)),
            word(options.ca.as_deref()),
            word(options.proxy.as_deref())
        ));
        (Client::Elsewhere(Some(caller)), made)
    }

    fn here(options: &Options) -> (Self, Outcome) {
        let text = |text: &str| CString::new(text).expect("no NUL in an option");
        let base_url = text(&options.base_url);
        let ca = options.ca.as_deref().map(text);
        let proxy = options.proxy.as_deref().map(text);
        let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |t| t.as_ptr());
        // SAFETY: zero is a value of every field: integers, pointers, and an Option of a function.
        let zeroed: agw_client_options = unsafe { MaybeUninit::zeroed().assume_init() };
        let given = agw_client_options {
            struct_size: size_of::<agw_client_options>() as u32,
            flags: options.flags(),
            timeout_ms: options.timeout_ms,
            connect_timeout_ms: options.connect_timeout_ms,
            tls_trust: options.trust(),
            base_url: base_url.as_ptr(),
            ca: pointer(&ca),
            proxy: pointer(&proxy),
            ..zeroed
        };
        let mut client = ptr::null_mut();
        let made = outcome_of(|result| {
            // SAFETY: the options' strings outlive the call, and all three pointers are to locals.
            unsafe { agw_client_new(&given, &mut client, result) }
        });
        (Client::Here(client), made)
    }

    pub fn reject(&mut self) -> Outcome {
        let (agent, guid) = (c"154", CString::new(GUID).expect("no NUL in it"));
        match self {
            Client::Here(client) => outcome_of(|result| {
                // SAFETY: the handle is not freed yet, the strings and the result outlive the call.
                unsafe { agw_reject_agent_conf(*client, agent.as_ptr(), guid.as_ptr(), result) }
            }),
            Client::Elsewhere(caller) => {
                let order = format!("reject {} {}", word(Some("154")), word(Some(GUID)));
                caller.as_mut().expect("not dropped").call(&order)
            }
        }
    }

    pub fn connect(&mut self) -> Outcome {
        match self {
            // SAFETY: the handle is not freed yet, and the result outlives the call.
            Client::Here(client) => outcome_of(|result| unsafe { agw_connect(*client, result) }),
            Client::Elsewhere(caller) => caller.as_mut().expect("not dropped").call("connect"),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let status = match self {
            // SAFETY: any value may be given; this one is freed nowhere else.
            Client::Here(client) => unsafe { agw_free(*client) },
            Client::Elsewhere(caller) => {
                let mut caller = caller.take().expect("dropped once");
                let status = caller.call("free").returned;
                caller.give_back();
                status
            }
        };
        assert_eq!(status, 0);
    }
}

/// Every byte of the result but its size is rubbish before the call: what is right afterwards was
/// written by the library.
pub fn outcome_of(call: impl FnOnce(*mut agw_result) -> agw_status) -> Outcome {
    let mut result = MaybeUninit::<agw_result>::uninit();
    // SAFETY: the pointer is to that many bytes.
    unsafe { ptr::write_bytes(result.as_mut_ptr(), 0x7F, 1) };
    // SAFETY: it is a struct of integers, all of whose bytes are set.
    let mut result = unsafe { result.assume_init() };
    result.struct_size = size_of::<agw_result>() as u32;
    let started = Instant::now();
    let returned = call(&mut result);
    Outcome { returned, time: started.elapsed(), result, system: LINUX }
}

impl Outcome {
    pub fn retcode(&self) -> Result<&str, String> {
        text("retcode", &self.result.retcode)
    }

    pub fn message(&self) -> Result<&str, String> {
        text("message", &self.result.message)
    }

    pub fn detail(&self) -> Result<&str, String> {
        text("detail", &self.result.detail)
    }
}

fn text<'a>(name: &str, field: &'a [c_char]) -> Result<&'a str, String> {
    if !field.contains(&0) {
        return Err(format!("{name} has no NUL"));
    }
    // SAFETY: there is a NUL within the field.
    let text = unsafe { CStr::from_ptr(field.as_ptr()) };
    text.to_str().map_err(|why| format!("{name}: {why}"))
}
