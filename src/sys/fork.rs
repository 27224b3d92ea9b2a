//! Notices `fork()`: who holds sockets or locks of another process must be able to tell.

use std::sync::atomic::{AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// A number that a child process does not share with its parent. Costs no system call.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// From its return on, every fork makes a new generation. Does not wait for other threads: a fork
/// in the middle of their first call must not leave the child a lock that nobody opens.
pub(crate) fn watch() {
    #[cfg(unix)]
    {
        use std::sync::atomic::AtomicBool;

        extern "C" fn nothing() {}
        extern "C" fn count() {
            GENERATION.fetch_add(1, Ordering::Relaxed);
        }
        static WATCHED: AtomicBool = AtomicBool::new(false);
        // Two threads may both come here: a generation more does no harm.
        if !WATCHED.load(Ordering::Acquire) {
            around(nothing, nothing, count);
            WATCHED.store(true, Ordering::Release);
        }
    }
}

/// Runs the first before each fork, in the thread that forks, and then the second in the parent,
/// the third in the child.
#[cfg(unix)]
pub(crate) fn around(before: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) {
    let [before, parent, child] = [before, parent, child].map(|handler| {
        let handler: unsafe extern "C" fn() = handler;
        Some(handler)
    });
    // SAFETY: the handlers are safe functions, and they are there as long as the process: the
    // library is never unloaded.
    unsafe { libc::pthread_atfork(before, parent, child) };
}
