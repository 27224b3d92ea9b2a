//! Notices `fork()`: who holds sockets or locks of another process must be able to tell.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);
static WATCHING: Once = Once::new();

/// A number that a child process does not share with its parent. Costs no system call.
pub(crate) fn generation() -> u32 {
    watch();
    GENERATION.load(Ordering::Relaxed)
}

#[cfg(unix)]
fn watch() {
    WATCHING.call_once(|| {
        // SAFETY: the three functions are async-signal-safe enough for a fork handler (a lock and
        // an atomic, no allocation) and live as long as the process: the library is never unloaded.
        let refused = unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
        debug_assert_eq!(refused, 0);
    });
}

#[cfg(not(unix))]
fn watch() {
    WATCHING.call_once(|| {});
}

/// Holds the handle table while the process is copied, so that the child's copy is whole.
#[cfg(unix)]
unsafe extern "C" fn prepare() {
    super::handles::hold();
}

#[cfg(unix)]
unsafe extern "C" fn parent() {
    super::handles::let_go();
}

#[cfg(unix)]
unsafe extern "C" fn child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    super::handles::let_go();
}
