//! Sequences of calls on handles, from several threads: new, reject, connect, cancel, cancel by
//! number, free, stale, forged, and all of them from inside the log callback. No call may end
//! cancelled that nobody cancelled.
#![no_main]

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString, c_char, c_void};
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::{mem, ptr, thread};

use agw::ffi::{
    AGW_ALLOW_HTTP, AGW_LOG_DEBUG, AGW_NO_KEEP_ALIVE, AGW_TRUST_DANGER_ANY, agw_cancel,
    agw_cancel_call, agw_client, agw_client_new, agw_client_options, agw_connect, agw_free,
    agw_reject_agent_conf, agw_result,
};
use agw::status::{
    AGW_E_CANCELLED, AGW_E_INVALID_ARGUMENT, AGW_E_INVALID_HANDLE, AGW_E_REENTRANT, AGW_OK,
};
use agw_fuzz::block::{Block, RESULT_SIZES, check_result};
use agw_fuzz::peer::{ACCEPTED, listen, lock, read_head};
use agw_fuzz::{GUID, assert_no_guid, planted};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

/// How many handles the threads share.
const PLACES: usize = 4;

/// No sequence is longer.
const STEPS: usize = 24;

#[derive(Arbitrary, Debug)]
struct Input {
    threads: [Vec<Step>; 3],
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    New { place: u8, options: u8 },
    Reject { place: u8, agent: Agent, id: Id },
    Connect { place: u8, id: Id },
    Cancel { place: u8 },
    CancelCall { place: u8, id: Id },
    // The handle stays where it is: from then on it is stale.
    Free { place: u8 },
    Forged { handle: u64, call: Call },
    // One beside one that was issued.
    Near { place: u8, distance: i8, call: Call },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Call {
    Reject(Agent, Id),
    Connect(Id),
    Cancel,
    CancelCall(Id),
    Free,
}

/// The number of a call, often the same.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Id {
    None,
    Few(bool),
    Any(u32),
}

impl Id {
    fn number(self) -> u32 {
        match self {
            Id::None => 0,
            Id::Few(second) => 1 + u32::from(second),
            Id::Any(number) => number,
        }
    }
}

/// What the gateway does; it tells by the agent ID.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Agent {
    Accepted,
    Refused,
    /// Closes the connection instead of an answer.
    Gone,
    /// Closes the connection in the middle of the answer.
    Half,
    /// Accepts, then closes the connection.
    Last,
    /// Says nothing.
    Silent,
}

impl Agent {
    fn id(self) -> &'static CStr {
        match self {
            Agent::Accepted => c"101",
            Agent::Refused => c"102",
            Agent::Gone => c"103",
            Agent::Half => c"104",
            Agent::Last => c"105",
            Agent::Silent => c"106",
        }
    }
}

static ADDRESS: LazyLock<String> = LazyLock::new(|| listen(32, serve));

fn serve(mut stream: TcpStream) {
    const REFUSED: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"retcode\":\"101-001\"}";
    while let Some(head) = read_head(&mut stream) {
        let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let agent = path.split(|byte| *byte == b'/').nth(4).unwrap_or_default();
        let (answer, more) = match agent {
            b"101" => (ACCEPTED, true),
            b"102" => (REFUSED, true),
            b"103" => (&b""[..], false),
            b"104" => (&ACCEPTED[..60], false),
            b"105" => (ACCEPTED, false),
            _ => (&b""[..], true),
        };
        if stream.write_all(answer).is_err() || !more {
            return;
        }
    }
}

/// What the threads share.
#[derive(Default)]
struct Handles {
    places: [AtomicUsize; PLACES],
    /// Each with what its log callback is handed, the handle: freed with the client, so that
    /// AddressSanitizer finds a callback after `agw_free`.
    alive: Mutex<HashMap<usize, Box<AtomicUsize>>>,
    /// Handles with the numbers that were, or are about to be, cancelled; 0: all calls were.
    cancelled: Mutex<HashSet<(usize, u32)>>,
}

fuzz_target!(|input: Input| {
    let handles = Handles::default();
    thread::scope(|scope| {
        let threads = input.threads.each_ref().map(|steps| scope.spawn(|| handles.follow(steps)));
        // Until they are over for the system, too.
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
    let left: Vec<_> = lock(&handles.alive).keys().copied().collect();
    for handle in left {
        assert_eq!(handles.free(handle), AGW_OK);
        assert_eq!(handles.free(handle), AGW_E_INVALID_HANDLE);
    }
});

impl Handles {
    fn follow(&self, steps: &[Step]) {
        steps.iter().take(STEPS).for_each(|step| self.go(*step));
    }

    fn go(&self, step: Step) {
        match step {
            Step::New { place, options } => {
                let handle = self.make(options);
                self.place(place).store(handle, Ordering::SeqCst);
            }
            Step::Reject { place, agent, id } => {
                self.call(self.at(place), Call::Reject(agent, id));
            }
            Step::Connect { place, id } => self.call(self.at(place), Call::Connect(id)),
            Step::Cancel { place } => self.call(self.at(place), Call::Cancel),
            Step::CancelCall { place, id } => self.call(self.at(place), Call::CancelCall(id)),
            Step::Free { place } => self.call(self.at(place), Call::Free),
            Step::Forged { handle, call } => self.call(handle as usize, call),
            Step::Near { place, distance, call } => {
                self.call(self.at(place).wrapping_add_signed(distance.into()), call);
            }
        }
    }

    fn place(&self, place: u8) -> &AtomicUsize {
        &self.places[usize::from(place) % PLACES]
    }

    fn at(&self, place: u8) -> usize {
        self.place(place).load(Ordering::SeqCst)
    }

    fn make(&self, bits: u8) -> usize {
        let url = match bits >> 2 & 3 {
            0 | 1 => format!("http://{}", *ADDRESS),
            2 => "http://127.0.0.1:1".to_owned(),
            _ => format!("https://{}", *ADDRESS),
        };
        let url = CString::new(url).expect("no NUL");
        let mut told = Box::new(AtomicUsize::new(0));
        // SAFETY: zero is a value of every field: integers, pointers, an Option of a function.
        let zeroed: agw_client_options = unsafe { mem::zeroed() };
        let options = agw_client_options {
            struct_size: size_of::<agw_client_options>() as u32,
            flags: AGW_ALLOW_HTTP | if bits & 1 == 0 { 0 } else { AGW_NO_KEEP_ALIVE },
            timeout_ms: 15,
            tls_trust: AGW_TRUST_DANGER_ANY,
            base_url: url.as_ptr(),
            log: (bits & 2 == 0).then_some(log),
            log_user_data: ptr::from_mut(&mut *told).cast(),
            log_level: AGW_LOG_DEBUG,
            ..zeroed
        };
        let mut client = ptr::null_mut();
        // SAFETY: everything pointed to is there until the call is over, `told` until agw_free.
        assert_eq!(unsafe { agw_client_new(&options, &mut client, ptr::null_mut()) }, AGW_OK);
        told.store(client.addr(), Ordering::SeqCst);
        let before = lock(&self.alive).insert(client.addr(), told);
        assert!(before.is_none(), "a handle was issued twice");
        client.addr()
    }

    fn call(&self, handle: usize, call: Call) {
        let dead = !lock(&self.alive).contains_key(&handle);
        let client = ptr::without_provenance_mut(handle);
        let returned = match call {
            Call::Free => self.free(handle),
            Call::Cancel => {
                lock(&self.cancelled).insert((handle, 0));
                // SAFETY: any handle may be given.
                unsafe { agw_cancel(client) }
            }
            Call::CancelCall(id) => self.cancel_call(handle, id.number()),
            // SAFETY: any handle may be given, and the result has its bytes.
            Call::Connect(id) => with_result(id, |result| unsafe { agw_connect(client, result) }),
            Call::Reject(agent, id) => with_result(id, |result| reject(client, agent, result)),
        };
        if let (AGW_E_CANCELLED, Call::Connect(id) | Call::Reject(_, id)) = (returned, call) {
            let cancelled = lock(&self.cancelled);
            let by = [0, id.number()].map(|number| cancelled.contains(&(handle, number)));
            assert!(by.contains(&true), "cancelled by nobody: {call:?}");
        }
        if handle == 0 && matches!(call, Call::Free) {
            assert_eq!(returned, AGW_OK);
        } else if dead {
            assert_eq!(returned, AGW_E_INVALID_HANDLE);
        } else if let Call::CancelCall(id) = call {
            let right = if id.number() == 0 { AGW_E_INVALID_ARGUMENT } else { AGW_OK };
            let fits = [right, AGW_E_INVALID_HANDLE].contains(&returned);
            assert!(fits, "{call:?} gave {returned}");
        } else {
            let ours = matches!(returned, AGW_OK | AGW_E_INVALID_HANDLE);
            assert!(ours || (100..400).contains(&returned), "{call:?} gave {returned}");
        }
    }

    fn cancel_call(&self, handle: usize, id: u32) -> i32 {
        if id > 0 {
            lock(&self.cancelled).insert((handle, id));
        }
        // Of the two numbers that are often drawn it is the other one.
        let id = if planted("stray") && matches!(id, 1 | 2) { 3 - id } else { id };
        // SAFETY: any handle may be given.
        unsafe { agw_cancel_call(ptr::without_provenance_mut(handle), id) }
    }

    fn free(&self, handle: usize) -> i32 {
        lock(&self.cancelled).insert((handle, 0));
        // SAFETY: any handle may be given.
        let returned = unsafe { agw_free(ptr::without_provenance_mut(handle)) };
        if returned == AGW_OK && handle != 0 {
            let told = lock(&self.alive).remove(&handle);
            assert!(told.is_some(), "freed what was not there");
        }
        returned
    }
}

fn reject(client: *mut agw_client, agent: Agent, result: *mut agw_result) -> i32 {
    let guid = CString::new(GUID).expect("no NUL");
    // SAFETY: any handle may be given, the texts outlive the call, the result has its bytes.
    unsafe { agw_reject_agent_conf(client, agent.id().as_ptr(), guid.as_ptr(), result) }
}

fn with_result(id: Id, call: impl FnOnce(*mut agw_result) -> i32) -> i32 {
    let full = size_of::<agw_result>() as u32;
    let mut block = Block::new(full, &RESULT_SIZES, 0, 0);
    block.put(28, &id.number().to_ne_bytes());
    let before = block.bytes().to_vec();
    let returned = call(block.as_result());
    check_result(returned, &before, block.bytes());
    returned
}

unsafe extern "C" fn log(_: i32, message: *const c_char, user_data: *mut c_void) {
    // SAFETY: the message is NUL-terminated, the rest is there until agw_free has returned.
    let (line, told) = unsafe { (CStr::from_ptr(message), &*user_data.cast::<AtomicUsize>()) };
    assert_no_guid(line.to_str().expect("UTF-8"));
    let client = ptr::without_provenance_mut(told.load(Ordering::SeqCst));
    // SAFETY: any handle may be given.
    unsafe {
        assert_eq!(agw_cancel(client), AGW_E_REENTRANT);
        assert_eq!(agw_cancel_call(client, 1), AGW_E_REENTRANT);
        assert_eq!(agw_free(client), AGW_E_REENTRANT);
        assert_eq!(agw_connect(client, ptr::null_mut()), AGW_E_REENTRANT);
    }
    assert_eq!(reject(client, Agent::Accepted, ptr::null_mut()), AGW_E_REENTRANT);
}
