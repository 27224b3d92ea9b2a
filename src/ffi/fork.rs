//! Notices `fork()`: who holds sockets or locks of another process must be able to tell.

use std::sync::atomic::{AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// A number that a child process does not share with its parent. Costs no system call.
pub(crate) fn generation() -> u32 {
    #[cfg(unix)]
    handlers::install();
    GENERATION.load(Ordering::Relaxed)
}

#[cfg(unix)]
mod handlers {
    use std::cell::RefCell;
    use std::sync::Once;
    use std::sync::atomic::Ordering;

    use super::GENERATION;
    use crate::ffi::handles::{self, Hold};

    static INSTALLED: Once = Once::new();

    thread_local! {
        /// In the thread that forks, which is the only one that the child has.
        static HELD: RefCell<Option<Hold>> = const { RefCell::new(None) };
    }

    pub fn install() {
        INSTALLED.call_once(|| {
            // SAFETY: the functions take a lock and change an atomic, which is fine in a fork
            // handler, and they are there as long as the process: the library is never unloaded.
            unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
        });
    }

    /// Holds the handle table while the process is copied, so that the child's copy is whole.
    unsafe extern "C" fn prepare() {
        // A thread that is ending has no such place any more; it forks without the lock.
        let _ = HELD.try_with(|held| held.replace(Some(handles::hold())));
    }

    unsafe extern "C" fn parent() {
        let _ = HELD.try_with(RefCell::take);
    }

    unsafe extern "C" fn child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
        let _ = HELD.try_with(RefCell::take);
    }
}
