//! Panics of ours: caught, named by their place, and kept off the host's standard error.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// File name and line of this thread's last panic.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What the call gives, or the place of its panic. Never the panic's text: it may hold anything.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    install_hook();
    let before = QUIET.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(call));
    QUIET.set(before);
    outcome.map_err(|payload| {
        // The payload of a plain panic is freed; dropping any other might panic in its turn.
        if !payload.is::<&str>() && !payload.is::<String>() {
            std::mem::forget(payload);
        }
        PLACE.try_with(|place| place.borrow().clone()).unwrap_or_default()
    })
}

/// In a thread of the library's own.
pub(crate) fn keep_quiet() {
    QUIET.set(true);
}

/// Keeps our own panics off the host's standard error, and leaves everybody else's alone. Does not
/// wait for a thread that is at it just now, which a forked child would not have.
pub(crate) fn install_hook() {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if INSTALLED.swap(true, Ordering::AcqRel) {
        return;
    }
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if QUIET.get() {
            // It may be gone in a thread that is ending; a panic in here would end the process.
            let _ = PLACE.try_with(|place| place.replace(place_of(info)));
        } else {
            previous(info);
        }
    }));
}

/// The folders are left out: they are those of the machine that built the library.
fn place_of(info: &PanicHookInfo) -> String {
    let Some(location) = info.location() else {
        return "an unknown place".to_owned();
    };
    let file = location.file().rsplit(['/', '\\']).next().unwrap_or_default();
    format!("{file}:{}", location.line())
}
