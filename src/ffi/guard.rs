//! The guard that every call from C passes: the result struct, re-entry, panics.

use std::ffi::c_char;
use std::ptr;
use std::time::Instant;

use super::types::{
    AGW_RESULT_MAYBE_SENT, AGW_RESULT_RESENT, AGW_RESULT_TRUNCATED, RESULT_SIZES, agw_result,
    agw_status,
};
use crate::sys::panics;
use crate::{Answer, Error, Status, log};

/// What a guarded call comes to: an answer where there is one.
pub(super) type Outcome = Result<Option<Answer>, Error>;

/// What is particular about each function: the one table of it.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    ClientNew,
    RejectAgentConf,
    Connect,
    Cancel,
    Free,
}

impl Entry {
    const fn in_log_callback(self) -> bool {
        match self {
            Entry::ClientNew => true,
            Entry::RejectAgentConf | Entry::Connect | Entry::Cancel | Entry::Free => false,
        }
    }

    /// Whether a panic may have come after a request was sent.
    const fn sends(self) -> bool {
        match self {
            Entry::RejectAgentConf => true,
            Entry::ClientNew | Entry::Connect | Entry::Cancel | Entry::Free => false,
        }
    }
}

/// Runs a call from C and writes its result.
///
/// # Safety
/// `result` is NULL or points to `struct_size` bytes that the caller lets us write.
pub(super) unsafe fn enter(
    entry: Entry,
    result: *mut agw_result,
    call: impl FnOnce() -> Outcome,
) -> agw_status {
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
        contained(entry, call)
    };
    slot.write(&outcome, started);
    outcome.map_or_else(|error| error.status(), |_| Status::Ok).number()
}

/// Turns a panic into an error that names its place.
pub(super) fn contained(entry: Entry, call: impl FnOnce() -> Outcome) -> Outcome {
    panics::caught(call).unwrap_or_else(|place| {
        let detail = format!("panic at {place}; please report it");
        let mut error = Error::new(Status::Internal, detail);
        error.details_mut().maybe_sent = entry.sends();
        Err(error)
    })
}

/// The caller's result struct, as far as it goes.
struct ResultSlot {
    target: *mut agw_result,
    struct_size: u32,
    usable: usize,
    misfit: bool,
}

impl ResultSlot {
    /// # Safety
    /// As [`enter`].
    unsafe fn open(target: *mut agw_result) -> Result<Self, Status> {
        if target.is_null() {
            return Ok(ResultSlot { target, struct_size: 0, usable: 0, misfit: false });
        }
        // SAFETY: not NULL, so at least struct_size is there.
        let size = unsafe { StructSize::read(target.cast(), RESULT_SIZES) }?;
        Ok(ResultSlot {
            target,
            struct_size: size.given,
            usable: size.usable,
            misfit: !size.rest_is_zero,
        })
    }

    fn write(&self, outcome: &Outcome, started: Instant) {
        if self.usable == 0 {
            return;
        }
        let mut filled = agw_result {
            struct_size: self.struct_size,
            elapsed_us: u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX),
            ..EMPTY_RESULT
        };
        let whole = match outcome {
            Ok(None) => true,
            Ok(Some(answer)) => fill_answer(&mut filled, answer),
            Err(error) => fill_error(&mut filled, error),
        };
        if !whole {
            filled.flags |= AGW_RESULT_TRUNCATED;
        }
        // SAFETY: the caller's struct has `usable` bytes (its own struct_size says so), ours as
        // many or more, and the two do not overlap.
        unsafe {
            ptr::copy_nonoverlapping(
                ptr::from_ref(&filled).cast(),
                self.target.cast::<u8>(),
                self.usable,
            );
        }
    }
}

const EMPTY_RESULT: agw_result = agw_result {
    struct_size: 0,
    status: 0,
    http_status: 0,
    os_error: 0,
    flags: 0,
    elapsed_us: 0,
    cti_code: 0,
    reserved: 0,
    retcode: [0; 32],
    message: [0; 512],
    detail: [0; 512],
};

/// Whether every text fitted.
fn fill_answer(result: &mut agw_result, answer: &Answer) -> bool {
    result.status = Status::Ok.number();
    result.http_status = answer.http_status.into();
    result.flags = if answer.resent { AGW_RESULT_RESENT } else { 0 };
    let retcode = put(&mut result.retcode, answer.retcode);
    let message = put(&mut result.message, &answer.message);
    retcode && message
}

/// Whether every text fitted.
fn fill_error(result: &mut agw_result, error: &Error) -> bool {
    result.status = error.status().number();
    result.http_status = error.http_status().unwrap_or_default().into();
    result.os_error = error.os_error().unwrap_or_default();
    result.cti_code = error.cti_code().unwrap_or_default();
    if error.maybe_sent() {
        result.flags |= AGW_RESULT_MAYBE_SENT;
    }
    if error.resent() {
        result.flags |= AGW_RESULT_RESENT;
    }
    let retcode = put(&mut result.retcode, error.retcode().unwrap_or_default());
    let message = put(&mut result.message, error.message());
    let detail = put(&mut result.detail, error.detail());
    retcode && message && detail
}

/// Copies as many whole characters as fit, NUL-terminated. A NUL inside would hide what follows,
/// so it shows as U+FFFD. Returns whether all of it fitted.
fn put(target: &mut [c_char], text: &str) -> bool {
    let room = target.len() - 1;
    if text.len() <= room && !text.contains('\0') {
        for (place, byte) in target.iter_mut().zip(text.bytes()) {
            *place = byte as c_char;
        }
        return true;
    }
    let mut used = 0;
    for character in text.chars().map(|c| if c == '\0' { '\u{FFFD}' } else { c }) {
        let mut buffer = [0; 4];
        let bytes = character.encode_utf8(&mut buffer).as_bytes();
        if used + bytes.len() > room {
            return false;
        }
        for byte in bytes {
            target[used] = *byte as c_char;
            used += 1;
        }
    }
    true
}

/// A struct's size as its caller gives it, checked against the sizes that there are.
pub(super) struct StructSize {
    given: u32,
    /// The bytes that both sides know.
    pub usable: usize,
    /// A struct from a newer header asks for nothing that this library does not know.
    pub rest_is_zero: bool,
}

impl StructSize {
    /// No header will ever have a struct larger than this: a garbage size must not be believed.
    const MAX: usize = 8 * 1024;

    /// # Safety
    /// `target` points to a struct that begins with `struct_size`, a true one if it is plausible.
    pub unsafe fn read(target: *const u8, sizes: &[usize]) -> Result<StructSize, Status> {
        // SAFETY: the struct begins with it; a host may have packed it, so not aligned.
        let given = unsafe { target.cast::<u32>().read_unaligned() };
        let size = given as usize;
        let full = sizes.last().copied().unwrap_or_default();
        if sizes.contains(&size) {
            return Ok(StructSize { given, usable: size, rest_is_zero: true });
        }
        if size < full || size > Self::MAX {
            return Err(Status::StructSize);
        }
        // SAFETY: the caller's struct has `size` bytes, of which `full` are known here.
        let rest = unsafe { std::slice::from_raw_parts(target.add(full), size - full) };
        Ok(StructSize { given, usable: full, rest_is_zero: rest.iter().all(|byte| *byte == 0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn shown(text: &str) -> (String, bool) {
        let mut zeroed = [0; 8];
        let whole = put(&mut zeroed, text);
        // SAFETY: put leaves the last byte alone, which is zero.
        let shown = unsafe { CStr::from_ptr(zeroed.as_ptr()) };
        (shown.to_str().expect("UTF-8").to_owned(), whole)
    }

    #[test]
    fn texts_are_cut_at_a_characters_edge() {
        assert_eq!(shown(""), (String::new(), true));
        assert_eq!(shown("1234567"), ("1234567".into(), true));
        assert_eq!(shown("12345678"), ("1234567".into(), false));
        assert_eq!(shown("座席座"), ("座席".into(), false));
        assert_eq!(shown("12345座"), ("12345".into(), false));
        assert_eq!(shown("a\0b"), ("a\u{FFFD}b".into(), true));
    }

    #[test]
    fn a_panic_becomes_an_error_with_the_place_only() {
        for (entry, maybe_sent) in [(Entry::RejectAgentConf, true), (Entry::Connect, false)] {
            let error = contained(entry, || panic!("secret text")).unwrap_err();
            assert_eq!(error.maybe_sent(), maybe_sent);
        }
        let error = contained(Entry::Free, || panic!("secret text")).unwrap_err();
        assert_eq!(error.status(), Status::Internal);
        assert!(error.detail().contains("guard.rs:"), "{}", error.detail());
        assert!(!error.detail().contains("secret"));
    }
}
