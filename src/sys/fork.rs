//! Notices `fork()`: who holds sockets or locks of another process must be able to tell.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{RwLock, RwLockReadGuard, TryLockError};
use std::thread;
use std::time::Duration;

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Nothing about it is made at its first use: a fork just then would leave the child a lock that is
/// for ever being made.
static GATE: RwLock<()> = RwLock::new(());

/// A number that a child process does not share with its parent. Costs no system call, but within a
/// fork.
pub(crate) fn generation() -> u32 {
    #[cfg(unix)]
    handlers::notice_child();
    GENERATION.load(Ordering::Relaxed)
}

/// Whether another process may hold copies of this one's sockets.
pub(crate) fn has_happened() -> bool {
    #[cfg(unix)]
    return handlers::has_happened();
    #[cfg(not(unix))]
    true
}

/// For as long as it lives, the process is not copied: whoever changes what a child is to find whole
/// holds one. Not for longer than a moment, and never two in one thread.
///
/// None in a thread that is forking, where a handler of the host's, older than ours, calls: it holds
/// the others off.
pub(crate) fn held_off() -> Hold {
    HOLDS.set(HOLDS.get() + 1);
    #[cfg(unix)]
    if handlers::is_forking() {
        return Hold(None);
    }
    // Not for ever: the host may have a lock that a handler of its own waits for, older than ours.
    for _ in 0..1_000 {
        match GATE.try_read() {
            Ok(guard) => return Hold(Some(guard)),
            Err(TryLockError::Poisoned(guard)) => return Hold(Some(guard.into_inner())),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
        }
    }
    Hold(None)
}

/// See [`held_off`].
pub(crate) struct Hold(Option<RwLockReadGuard<'static, ()>>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0 = None;
        HOLDS.set(HOLDS.get() - 1);
    }
}

thread_local! {
    /// How many this thread has: a signal handler of the host's may fork in the middle of one.
    static HOLDS: Cell<u32> = const { Cell::new(0) };
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
    use std::process;
    use std::sync::RwLockWriteGuard;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::{GATE, GENERATION, HOLDS};
    use crate::sys::lock::unpoisoned;

    thread_local! {
        // In the thread that forks, which is the only one that the child has. Without a destructor,
        // so that it is there also in a thread that is ending.
        static HELD: Cell<Option<ManuallyDrop<RwLockWriteGuard<'static, ()>>>> =
            const { Cell::new(None) };
    }

    /// The process that is being forked, as of the last look; else 0.
    static FORKED: AtomicU32 = AtomicU32::new(0);

    /// Whether this process, or one that it is a copy of, has forked.
    static HAPPENED: AtomicBool = AtomicBool::new(false);

    pub fn has_happened() -> bool {
        HAPPENED.load(Ordering::Relaxed)
    }

    /// Whether this thread does it.
    pub fn is_forking() -> bool {
        if FORKED.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let held = HELD.take();
        let is_forking = held.is_some();
        HELD.set(held);
        is_forking
    }

    /// Handlers of the host's may run in the child before ours.
    pub fn notice_child() {
        let forked = FORKED.load(Ordering::Relaxed);
        if forked != 0 && forked != process::id() {
            FORKED.store(process::id(), Ordering::Relaxed);
            GENERATION.fetch_add(1, Ordering::Relaxed);
        }
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
        // A thread that has a hold would wait for itself.
        let hold = || (HOLDS.get() == 0).then(|| ManuallyDrop::new(unpoisoned(GATE.write())));
        HELD.set(HELD.take().or_else(hold));
        FORKED.store(process::id(), Ordering::Relaxed);
        HAPPENED.store(true, Ordering::Relaxed);
    }

    extern "C" fn release() {
        FORKED.store(0, Ordering::Relaxed);
        drop(HELD.take().map(ManuallyDrop::into_inner));
    }

    extern "C" fn release_in_child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
        release();
    }
}

#[cfg(all(test, target_os = "linux"))]
pub(crate) mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    #[test]
    fn nobody_waits_for_ever() {
        // As in a signal handler, in the middle of a call.
        let hold = super::held_off();
        happens();
        drop(hold);
        // As where a handler of the host's waits for a lock that this thread has.
        let fork = super::GATE.write();
        assert!(super::held_off().0.is_none());
        drop(fork);
    }

    /// With an owner to set std forks, and has no other way.
    pub fn happens() {
        super::watch();
        let owner = fs::metadata("/proc/self").expect("of this process").uid();
        assert!(Command::new("true").uid(owner).status().expect("run").success());
        assert!(super::has_happened());
    }
}
