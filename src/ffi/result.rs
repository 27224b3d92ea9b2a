//! The caller's `agw_result`: opened, checked, filled in.

use std::ffi::c_char;
use std::ptr;
use std::time::Instant;

use super::structs::StructSize;
use super::types::{AGW_RESULT_MAYBE_SENT, AGW_RESULT_RESENT, AGW_RESULT_TRUNCATED, agw_result};
use crate::{Answer, CallId, Error, Status};

/// What a guarded call comes to.
pub(super) type Outcome = Result<Success, Error>;

/// What there is to tell of a call that succeeded.
#[derive(Debug)]
pub(super) enum Success {
    Nothing,
    Answer(Answer),
    /// A sentence for `detail`.
    Detail(String),
}

/// The caller's result struct, as far as it goes.
pub(super) struct ResultSlot {
    target: *mut agw_result,
    struct_size: u32,
    usable: usize,
    /// The caller's number for this call.
    pub call_id: Option<CallId>,
    /// The part that this library does not know is not zero.
    pub misfit: bool,
}

impl ResultSlot {
    /// # Safety
    /// `target` is NULL or points to `struct_size` bytes that the caller lets us write.
    pub unsafe fn open(target: *mut agw_result) -> Result<Self, Status> {
        if target.is_null() {
            let (struct_size, usable, call_id, misfit) = (0, 0, None, false);
            return Ok(ResultSlot { target, struct_size, usable, call_id, misfit });
        }
        // SAFETY: not NULL, so at least struct_size is there.
        let size = unsafe { StructSize::read(target.cast(), size_of::<agw_result>()) }?;
        // SAFETY: the struct is there as a whole; a host may have packed it, so not aligned.
        let call_id = unsafe { (&raw const (*target).call_id).read_unaligned() };
        Ok(ResultSlot {
            target,
            struct_size: size.given,
            usable: size.usable,
            call_id: CallId::from_number(call_id),
            misfit: !size.rest_is_zero,
        })
    }

    pub fn write(&self, outcome: &Outcome, started: Instant) {
        if self.usable == 0 {
            return;
        }
        let mut filled = agw_result {
            struct_size: self.struct_size,
            call_id: self.call_id.map_or(0, CallId::number),
            elapsed_us: u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX),
            ..EMPTY_RESULT
        };
        let whole = match outcome {
            Ok(Success::Nothing) => true,
            Ok(Success::Answer(answer)) => fill_answer(&mut filled, answer),
            Ok(Success::Detail(words)) => put(&mut filled.detail, words),
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
    call_id: 0,
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
pub(super) fn put(target: &mut [c_char], text: &str) -> bool {
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
}
