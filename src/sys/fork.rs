//! Notices `fork()`: who holds sockets or locks of another process must be able to tell.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{RwLock, RwLockReadGuard};

use super::lock::unpoisoned;

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Nothing about it is made at its first use: a fork just then would leave the child a lock that is
/// for ever being made.
static GATE: RwLock<()> = RwLock::new(());

/// A number that a child process does not share with its parent. Costs no system call.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// For as long as it lives, the process is not copied: whoever changes what a child is to find whole
/// holds one. Not for longer than a moment, and never two in one thread.
pub(crate) fn held_off() -> RwLockReadGuard<'static, ()> {
    unpoisoned(GATE.read())
}

/// From its return on, every fork makes a new generation, and is held off where that is asked for.
/// Does not wait for other threads: a fork in the middle of their first call must not leave the child
/// a lock that nobody opens.
pub(crate) fn watch() {
    #[cfg(unix)]
    handlers::install();
}

#[cfg(unix)]
mod handlers {
    use std::cell::Cell;
    use std::mem::ManuallyDrop;
    use std::sync::RwLockWriteGuard;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::{GATE, GENERATION, unpoisoned};

    thread_local! {
        // In the thread that forks, which is the only one that the child has. Without a destructor,
        // so that it is there also in a thread that is ending.
        static HELD: Cell<Option<ManuallyDrop<RwLockWriteGuard<'static, ()>>>> =
            const { Cell::new(None) };
    }

    pub fn install() {
        static INSTALLED: AtomicBool = AtomicBool::new(false);
        // Two threads may both come here: a generation more does no harm, nor does a second hold.
        if !INSTALLED.load(Ordering::Acquire) {
            // SAFETY: the handlers are safe functions, and they are there as long as the process:
            // the library is never unloaded.
            unsafe { libc::pthread_atfork(Some(hold), Some(release), Some(release_in_child)) };
            INSTALLED.store(true, Ordering::Release);
        }
    }

    extern "C" fn hold() {
        let held = HELD.take().unwrap_or_else(|| ManuallyDrop::new(unpoisoned(GATE.write())));
        HELD.set(Some(held));
    }

    extern "C" fn release() {
        drop(HELD.take().map(ManuallyDrop::into_inner));
    }

    extern "C" fn release_in_child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
        release();
    }
}
