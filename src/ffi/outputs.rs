//! What a call writes into the caller's structs: its result, an event, a session.

use std::ffi::c_char;
use std::time::Instant;

use zeroize::Zeroize;

use super::structs::{Output, rest_is_zero};
use super::types::{
    AGW_EVENT_TRUNCATED, AGW_RESULT_MAYBE_SENT, AGW_RESULT_RESENT, AGW_RESULT_TRUNCATED, agw_event,
    agw_result, agw_session,
};
use crate::{Answer, CallId, Error, Event, Session, Status};

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

/// The caller's result struct.
#[derive(Default)]
pub(super) struct ResultSlot {
    output: Option<Output<agw_result>>,
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
            return Ok(ResultSlot::default());
        }
        // SAFETY: not NULL, so at least struct_size is there.
        let misfit = !unsafe { rest_is_zero(target) }?;
        // SAFETY: the struct is there as a whole, all of it numbers; a host may have packed it, so not
        // aligned.
        let (output, call_id) =
            unsafe { (Output::new(target), (&raw const (*target).call_id).read_unaligned()) };
        Ok(ResultSlot { output: Some(output), call_id: CallId::from_number(call_id), misfit })
    }

    pub fn write(&self, outcome: &Outcome, started: Instant) {
        let Some(output) = &self.output else { return };
        let mut filled = output.blank();
        filled.call_id = self.call_id.map_or(0, CallId::number);
        filled.elapsed_us = u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX);
        let (retcode, message, detail) = match outcome {
            Ok(Success::Nothing) => ("", "", ""),
            Ok(Success::Answer(answer)) => {
                filled.http_status = answer.http_status.into();
                filled.flags = flag(answer.resent, AGW_RESULT_RESENT);
                (answer.retcode, answer.message.as_str(), "")
            }
            Ok(Success::Detail(words)) => ("", "", words.as_str()),
            Err(error) => {
                fill_numbers(&mut filled, error);
                (error.retcode().unwrap_or_default(), error.message(), error.detail())
            }
        };
        let whole = [
            put(&mut filled.retcode, retcode),
            put(&mut filled.message, message),
            put(&mut filled.detail, detail),
        ];
        filled.flags |= flag(whole.contains(&false), AGW_RESULT_TRUNCATED);
        output.write(&filled);
    }
}

fn fill_numbers(result: &mut agw_result, error: &Error) {
    result.status = error.status().number();
    result.http_status = error.http_status().unwrap_or_default().into();
    result.os_error = error.os_error().unwrap_or_default();
    result.cti_code = error.cti_code().unwrap_or_default();
    result.flags =
        flag(error.maybe_sent(), AGW_RESULT_MAYBE_SENT) | flag(error.resent(), AGW_RESULT_RESENT);
}

fn flag(set: bool, bit: u32) -> u32 {
    if set { bit } else { 0 }
}

impl Output<agw_event> {
    /// Never a part of its caller, whose stack would hold the 4 KiB for as long as a poll waits.
    #[inline(never)]
    pub fn fill(&self, event: &Event) {
        let mut filled = self.blank();
        filled.conf_id = event.conf_id.unwrap_or_default();
        filled.generated_ms = event.generated_ms.unwrap_or_default();
        let whole = [
            put(&mut filled.r#type, &event.event_type),
            put(&mut filled.work_no, &event.work_no),
            put(&mut filled.content, &event.content),
        ];
        filled.flags = flag(whole.contains(&false), AGW_EVENT_TRUNCATED);
        self.write(&filled);
    }
}

impl Output<agw_session> {
    pub fn fill(&self, session: &Session) {
        let mut filled = self.blank();
        put(&mut filled.guid, session.guid());
        put(&mut filled.cookie, session.cookie());
        self.write(&filled);
        filled.guid.zeroize();
        filled.cookie.zeroize();
    }
}

/// Copies as many whole characters as fit, NUL-terminated. A NUL inside would hide what follows,
/// so it shows as U+FFFD. Returns whether all of it fitted.
fn put(target: &mut [c_char], text: &str) -> bool {
    let visible;
    let text = if text.contains('\0') {
        visible = text.replace('\0', "\u{FFFD}");
        &visible
    } else {
        text
    };
    let mut end = text.len().min(target.len() - 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    for (place, byte) in target.iter_mut().zip(text[..end].bytes()) {
        *place = byte as c_char;
    }
    end == text.len()
}
