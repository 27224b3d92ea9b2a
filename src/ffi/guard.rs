//! The guard that every call from C passes: the result struct, re-entry, panics, the handle.

use std::time::Instant;

use super::handles;
use super::outputs::{Outcome, ResultSlot};
use super::types::{agw_client, agw_result, agw_status};
use crate::sys::panics;
use crate::sys::threads::uncancellable;
use crate::{CallId, Error, Level, NumberedCall, Status, log};

/// What is particular about a function.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Entry {
    /// It may be called from inside the log callback, too.
    ClientNew,
    /// It sends: a panic may have come after that.
    Request,
    Other,
}

/// Runs a call on the client that a handle stands for.
///
/// # Safety
/// As [`enter`].
pub(super) unsafe fn with_client(
    entry: Entry,
    handle: *mut agw_client,
    result: *mut agw_result,
    call: impl FnOnce(NumberedCall) -> Outcome,
) -> agw_status {
    let call = |id| call(handles::find(handle)?.with_id(id));
    // SAFETY: as this function's own contract.
    unsafe { enter(entry, handle, result, call) }
}

/// Runs a call from C, which is handed the number that the caller gave it, and writes its result.
///
/// # Safety
/// `result` is NULL or points to `struct_size` bytes that the caller lets us write.
pub(super) unsafe fn enter(
    entry: Entry,
    handle: *mut agw_client,
    result: *mut agw_result,
    call: impl FnOnce(Option<CallId>) -> Outcome,
) -> agw_status {
    uncancellable(|| {
        let started = Instant::now();
        // SAFETY: as this function's own contract.
        let slot = match unsafe { ResultSlot::open(result) } {
            Ok(slot) => slot,
            Err(refused) => return refused.number(),
        };
        let outcome = if slot.misfit {
            let detail =
                "result: the part of the struct that this library does not know is not zero";
            Err(Error::new(Status::StructSize, detail))
        } else if log::in_sink() && entry != Entry::ClientNew {
            Err(Error::new(Status::Reentrant, "called from inside the log callback"))
        } else {
            let outcome = panics::caught(|| call(slot.call_id));
            outcome.unwrap_or_else(|place| Err(panicked(entry, handle, &place)))
        };
        slot.write(&outcome, started);
        outcome.map_or_else(|error| error.status(), |_| Status::Ok).number()
    })
}

/// Tells the client's log of a panic, and makes an error of it, which names its place.
fn panicked(entry: Entry, handle: *mut agw_client, place: &str) -> Error {
    let (status, detail) = (Status::Internal, format!("panic at {place}; please report it"));
    if let Ok(client) = handles::find(handle) {
        client.carrier.log(Level::Error, format_args!("{status}: {detail}"));
    }
    let mut error = Error::new(status, detail);
    error.details_mut().maybe_sent = entry == Entry::Request;
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    #[test]
    fn only_a_request_may_have_been_sent_before_a_panic() {
        for (entry, maybe_sent) in [(Entry::Request, true), (Entry::Other, false)] {
            assert_eq!(panicked(entry, ptr::null_mut(), "x.rs:1").maybe_sent(), maybe_sent);
        }
    }
}
