//! The calls as a C program makes them.

use std::ffi::{CStr, c_char, c_void};
use std::fs;
use std::ops::RangeInclusive;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use agw::ffi::{
    AGW_ALLOW_HTTP, AGW_LOG_DEBUG, AGW_SIGN_IN_FORCE, AGW_TRUST_CA, AGW_TRUST_SYSTEM, agw_result,
    agw_status,
};

use super::elsewhere::{Elsewhere, word};
use super::library::{LINKED, Log, Ticket, rubbish};
use super::row::{Asked, Between};
use crate::{GUID, c_text};

/// The number of every call, in `tests/windows/caller.c`, too.
pub const CALL_ID: u32 = 0x7F7F_0001;

/// The agent of every call.
const AGENT: &CStr = c"154";

/// What the agent signs in with.
pub const PASSWORD: &str = "s3cr3t-word";

/// What a row sets; zero is the library's default.
#[derive(Clone, Default)]
pub struct Options {
    pub base_url: String,
    pub flags: u32,
    pub timeout_ms: u32,
    pub connect_timeout_ms: u32,
    pub ca: Option<String>,
    pub proxy: Option<String>,
    pub between: Option<Between>,
}

impl Options {
    pub fn flags(&self) -> u32 {
        self.flags | AGW_ALLOW_HTTP
    }

    pub fn trust(&self) -> i32 {
        if self.ca.is_some() { AGW_TRUST_CA } else { AGW_TRUST_SYSTEM }
    }
}

/// A handle, freed when dropped.
pub enum Client {
    Here(Ticket, Box<Hook>),
    Elsewhere(Option<Elsewhere>),
}

/// What the log callback has to do once the connection stands.
pub struct Hook {
    between: Option<Between>,
    /// Its handle.
    client: AtomicUsize,
    /// The forked process: 0 in itself.
    child: AtomicI32,
    /// How it ended.
    child_ended: AtomicI32,
}

const NEVER: i32 = -1;

unsafe extern "C" fn hooked(_: i32, message: *const c_char, hook: *mut c_void) {
    // SAFETY: the library hands over a text, and the hook that the client was made with.
    let (message, hook) = unsafe { (CStr::from_ptr(message), &*hook.cast::<Hook>()) };
    // The gateway's URL stands before it.
    if message.to_str().is_ok_and(|line| line.contains(": connected to ")) {
        hook.go();
    }
}

impl Hook {
    fn go(&self) {
        match self.between {
            Some(Between::Pause(time)) => thread::sleep(time),
            Some(Between::Cancel) => self.cancel(|client| LINKED.cancel(client)),
            Some(Between::CancelCall(id)) => {
                self.cancel(move |client| LINKED.cancel_call(client, id));
            }
            Some(Between::Fork) => self.fork(),
            None => {}
        }
    }

    fn cancel(&self, cancel: impl FnOnce(Ticket) -> agw_status + Send + 'static) {
        let client = Ticket(self.client.load(Ordering::SeqCst));
        assert_eq!(thread::spawn(move || cancel(client)).join().expect("no panic"), 0);
    }

    /// The parent goes on when the child's call is over.
    fn fork(&self) {
        // SAFETY: the child does no more than to return from the call, and then ends.
        let child = unsafe { libc::fork() };
        self.child.store(child, Ordering::SeqCst);
        let mut status = NEVER;
        if child > 0 {
            // SAFETY: a child of this process, and a place for its status.
            unsafe { libc::waitpid(child, &mut status, 0) };
            self.child_ended.store(status, Ordering::SeqCst);
        }
    }

    fn end_if_child(&self, result: &agw_result) {
        if self.child.load(Ordering::SeqCst) == 0 {
            let clean = result.status == agw::Status::Io.number() && result.flags == 0;
            // SAFETY: nothing of the parent's is to be cleaned up here.
            unsafe { libc::_exit(i32::from(!clean)) }
        }
    }
}

/// What a call returned and wrote, and how long the caller waited for it.
pub struct Outcome {
    pub returned: agw_status,
    pub result: agw_result,
    pub time: Duration,
    pub system: System,
    /// The type of the event, or the session's Guid, that the call brought; else "".
    pub brought: String,
}

/// Where the call was made.
pub struct System {
    /// Its numbers for what may happen to a socket.
    pub os_errors: RangeInclusive<i32>,
    pub shows_resets: bool,
    /// How much longer than on an idle Linux a call may take.
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
        let hook = Box::new(Hook {
            between: options.between,
            client: AtomicUsize::new(0),
            child: AtomicI32::new(NEVER),
            child_ended: AtomicI32::new(NEVER),
        });
        let log = match options.between {
            None => Log(None, ptr::null_mut(), 0),
            Some(_) => {
                Log(Some(hooked), ptr::from_ref::<Hook>(&hook).cast_mut().cast(), AGW_LOG_DEBUG)
            }
        };
        let (client, made) = LINKED.client(options, &log, CALL_ID);
        hook.client.store(client.0, Ordering::SeqCst);
        (Client::Here(client, hook), made)
    }

    /// Whether the forked child, if there is to be one, met what it should.
    pub fn child_ended_well(&self) -> bool {
        match self {
            Client::Here(_, hook) if hook.between == Some(Between::Fork) => {
                hook.child_ended.load(Ordering::SeqCst) == 0
            }
            _ => true,
        }
    }

    /// Made here, or asked for by this line where the library under test is.
    fn call(&mut self, order: &str, here: impl FnOnce(Ticket) -> Outcome) -> Outcome {
        match self {
            Client::Here(client, _) => here(*client),
            Client::Elsewhere(caller) => caller.as_mut().expect("not dropped").call(order),
        }
    }

    pub fn reject(&mut self) -> Outcome {
        self.reject_with(Some(GUID))
    }

    fn reject_with(&mut self, guid: Option<&str>) -> Outcome {
        let order = format!("reject {} {}", agent(), word(guid));
        let guid = guid.map(c_text);
        let outcome =
            self.call(&order, |client| LINKED.reject(client, AGENT, guid.as_deref(), CALL_ID));
        if let Client::Here(_, hook) = self {
            hook.end_if_child(&outcome.result);
        }
        outcome
    }

    pub fn ask(&mut self, asked: Asked) -> Outcome {
        match asked {
            Asked::SignIn => self.sign_in(0),
            Asked::ForcedSignIn => self.sign_in(AGW_SIGN_IN_FORCE),
            Asked::NextEvent => self.next_event(),
            Asked::Reject => self.reject_with(None),
            Asked::SignOut => self.call(&format!("sign-out {}", agent()), |client| {
                LINKED.sign_out(client, AGENT, CALL_ID)
            }),
        }
    }

    fn sign_in(&mut self, flags: u32) -> Outcome {
        let order = format!("sign-in {} {} {flags}", agent(), word(Some(PASSWORD)));
        let password = c_text(PASSWORD);
        self.call(&order, |client| LINKED.sign_in(client, AGENT, Some(&password), flags, CALL_ID))
    }

    fn next_event(&mut self) -> Outcome {
        self.call(&format!("next-event {}", agent()), |client| {
            let (outcome, event) = LINKED.next_event(client, AGENT, CALL_ID);
            outcome.with(&event.r#type)
        })
    }

    pub fn set_session(&mut self) {
        let guid = c_text(GUID);
        let order = format!("set-session {} {}", agent(), word(Some(GUID)));
        let outcome = self.call(&order, |client| LINKED.set_session(client, AGENT, &guid, CALL_ID));
        assert_eq!(outcome.returned, 0, "{:?}", outcome.detail());
    }

    /// The Guid that is kept.
    pub fn session(&mut self) -> Option<String> {
        let outcome = self.call(&format!("get-session {}", agent()), |client| {
            let (outcome, session) = LINKED.get_session(client, AGENT, CALL_ID);
            outcome.with(&session.guid)
        });
        let none = agw::Status::Session.number();
        assert!([0, none].contains(&outcome.returned), "{:?}", outcome.detail());
        (outcome.returned == 0).then_some(outcome.brought)
    }

    pub fn connect(&mut self) -> Outcome {
        self.call("connect", |client| LINKED.connect(client, CALL_ID))
    }

    /// `agw_cancel_call`, in another thread if it is not for now.
    pub fn cancel_call(&mut self, id: u32, after: Duration) {
        let order = format!("cancel {id} {}", after.as_millis());
        let outcome = self.call(&order, |client| {
            outcome_of(CALL_ID, |_| {
                let cancel = move || {
                    thread::sleep(after);
                    LINKED.cancel_call(client, id)
                };
                if after.is_zero() {
                    return cancel();
                }
                thread::spawn(cancel);
                0
            })
        });
        assert_eq!(outcome.returned, 0);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let status = match self {
            Client::Here(client, _) => LINKED.free(*client),
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

/// Every byte of the result but its size and the call's number is rubbish before the call: what is
/// right afterwards was written by the library.
pub fn outcome_of(id: u32, call: impl FnOnce(*mut agw_result) -> agw_status) -> Outcome {
    let mut result = rubbish::<agw_result>();
    result.struct_size = size_of::<agw_result>() as u32;
    result.call_id = id;
    let waited = time_without_a_processor();
    let started = Instant::now();
    let returned = call(&mut result);
    let time = started.elapsed();
    let slack = time_without_a_processor().saturating_sub(waited);
    let system = System { slack, ..LINUX };
    Outcome { returned, time, result, system, brought: String::new() }
}

/// How long this thread was ready to go on while the machine ran others, as Linux counts it.
fn time_without_a_processor() -> Duration {
    let counted = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let waited = counted.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    Duration::from_nanos(waited.unwrap_or_default())
}

fn agent() -> String {
    word(AGENT.to_str().ok())
}

impl Outcome {
    /// What the call wrote beside the result.
    fn with(mut self, brought: &[c_char]) -> Self {
        self.brought = text("what it brings", brought).map_or_else(|why| why, str::to_owned);
        self
    }

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

pub fn text<'a>(name: &str, field: &'a [c_char]) -> Result<&'a str, String> {
    if !field.contains(&0) {
        return Err(format!("{name} has no NUL"));
    }
    // SAFETY: there is a NUL within the field.
    let text = unsafe { CStr::from_ptr(field.as_ptr()) };
    text.to_str().map_err(|why| format!("{name}: {why}"))
}
