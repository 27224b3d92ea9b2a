//! Threads: those of the library's own, and the host's while they are in a call.

use std::io;
use std::thread::Builder;
#[cfg(unix)]
use std::{mem::MaybeUninit, ptr};

use super::panics;

/// Enough for a name look-up with any of the C library's plug-ins. Stated, because std would
/// otherwise read the environment for it, which the host may be changing.
const STACK: usize = 1024 * 1024;

/// Starts a thread of the library's own: it receives none of the host's signals, its panics are not
/// printed, and the C library speaks English in it. Nobody waits for its end.
pub(crate) fn spawn(name: &str, work: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    let builder = Builder::new().name(name.into()).stack_size(STACK);
    let work = move || {
        panics::keep_quiet();
        speak_english();
        work();
    };
    // The thread has the mask of the one that starts it, from its first instruction on.
    without_signals(|| builder.spawn(work)).map(drop)
}

/// All signals are blocked in this thread meanwhile.
#[cfg(unix)]
fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    let mut all = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: both pointers are to locals; the first call fills its set in, the second one the other.
    // Neither can fail with these arguments.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
    }
    let outcome = work();
    // SAFETY: the set is the one that was in force before.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    outcome
}

#[cfg(not(unix))]
fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// LC_ALL_MASK, which the crate libc does not have for musl: what POSIX has. More need not be named,
/// for a locale that is made from nothing is "C" in the rest.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
const ALL: libc::c_int = libc::LC_COLLATE_MASK
    | libc::LC_CTYPE_MASK
    | libc::LC_MESSAGES_MASK
    | libc::LC_MONETARY_MASK
    | libc::LC_NUMERIC_MASK
    | libc::LC_TIME_MASK;

/// The resolver's texts would otherwise be in the language, and the charset, of the host.
fn speak_english() {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    // SAFETY: the name is a C string. The locale is this thread's only, and is not freed: a thread's
    // own must outlive it, and "C" takes no memory.
    unsafe {
        let english = libc::newlocale(ALL, c"C".as_ptr(), ptr::null_mut());
        if !english.is_null() {
            libc::uselocale(english);
        }
    }
}

/// Meanwhile `pthread_cancel` does not end this thread: a cancellation in the middle of a call would
/// unwind through Rust, which aborts the process.
pub(crate) fn uncancellable<T>(work: impl FnOnce() -> T) -> T {
    // PTHREAD_CANCEL_DISABLE, which the crate libc does not have.
    const DISABLE: i32 = if cfg!(target_vendor = "apple") { 0 } else { 1 };
    let before = set_cancel_state(DISABLE);
    let outcome = work();
    set_cancel_state(before);
    outcome
}

/// Gives the state that was in force before.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn set_cancel_state(state: libc::c_int) -> libc::c_int {
    unsafe extern "C" {
        fn pthread_setcancelstate(state: libc::c_int, before: *mut libc::c_int) -> libc::c_int;
    }
    let mut before = 0;
    // SAFETY: the pointer is to a local. It fails for a state that does not exist only.
    unsafe { pthread_setcancelstate(state, &mut before) };
    before
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn set_cancel_state(state: i32) -> i32 {
    state
}
