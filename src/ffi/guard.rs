//! The guard that every call from C passes: the result struct, re-entry, panics.

use std::time::Instant;

use super::result::{Outcome, ResultSlot};
use super::types::{agw_result, agw_status};
use crate::sys::panics;
use crate::sys::threads::Uncancellable;
use crate::{CallId, Error, Status, log};

/// What is particular about each function: the one table of it.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    ClientNew,
    RejectAgentConf,
    SignIn,
    NextEvent,
    SignOut,
    SetSession,
    GetSession,
    Connect,
    Cancel,
    CancelCall,
    Free,
}

impl Entry {
    const fn in_log_callback(self) -> bool {
        matches!(self, Entry::ClientNew)
    }

    /// Whether a panic may have come after a request was sent.
    const fn sends(self) -> bool {
        match self {
            Entry::RejectAgentConf | Entry::SignIn | Entry::NextEvent | Entry::SignOut => true,
            Entry::ClientNew
            | Entry::SetSession
            | Entry::GetSession
            | Entry::Connect
            | Entry::Cancel
            | Entry::CancelCall
            | Entry::Free => false,
        }
    }
}

/// Runs a call from C, which is handed the number that the caller gave it, and writes its result.
///
/// # Safety
/// `result` is NULL or points to `struct_size` bytes that the caller lets us write.
pub(super) unsafe fn enter(
    entry: Entry,
    result: *mut agw_result,
    call: impl FnOnce(Option<CallId>) -> Outcome,
) -> agw_status {
    let _uncancellable = Uncancellable::enter();
    let started = Instant::now();
    // SAFETY: as this function's own contract.
    let slot = match unsafe { ResultSlot::open(result) } {
        Ok(slot) => slot,
        Err(refused) => return refused.number(),
    };
    let outcome = if slot.misfit {
        let detail = "result: the part of the struct that this library does not know is not zero";
        Err(Error::new(Status::StructSize, detail))
    } else if log::in_sink() && !entry.in_log_callback() {
        Err(Error::new(Status::Reentrant, "called from inside the log callback"))
    } else {
        contained(entry, || call(slot.call_id))
    };
    slot.write(&outcome, started);
    outcome.map_or_else(|error| error.status(), |_| Status::Ok).number()
}

/// Turns a panic into an error that names its place.
fn contained(entry: Entry, call: impl FnOnce() -> Outcome) -> Outcome {
    panics::caught(call).unwrap_or_else(|place| {
        let detail = format!("panic at {place}; please report it");
        let mut error = Error::new(Status::Internal, detail);
        error.details_mut().maybe_sent = entry.sends();
        Err(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_the_place_only() {
        for (entry, maybe_sent) in [(Entry::RejectAgentConf, true), (Entry::Connect, false)] {
            let error = contained(entry, || panic!("secret text")).unwrap_err();
            assert_eq!((error.status(), error.maybe_sent()), (Status::Internal, maybe_sent));
            assert!(error.detail().contains("guard.rs:"), "{}", error.detail());
            assert!(!error.detail().contains("secret"));
        }
    }
}
