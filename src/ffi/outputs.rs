//! The structs that a call fills in beside its result: an event, a session.

use std::ptr;

use zeroize::Zeroize;

use super::result::put;
use super::structs::StructSize;
use super::types::{AGW_EVENT_TRUNCATED, agw_event, agw_session};
use crate::{Error, Event, Session};

/// The caller's struct, as far as this library knows it.
pub(super) struct Output<T> {
    target: *mut T,
    struct_size: u32,
}

impl<T> Output<T> {
    /// # Safety
    /// `target` is NULL or points to `struct_size` bytes, which come first in it, that the caller
    /// lets us write.
    pub unsafe fn open(name: &str, target: *mut T) -> Result<Self, Error> {
        // SAFETY: as this function's own contract.
        let size = unsafe { StructSize::required(name, target) }?;
        Ok(Output { target, struct_size: size.given })
    }

    fn write(&self, filled: &T) {
        // SAFETY: the caller's struct has as many bytes (its own struct_size says so), and does not
        // overlap with ours; a host may have packed it, so not aligned.
        unsafe {
            ptr::copy_nonoverlapping(
                ptr::from_ref(filled).cast::<u8>(),
                self.target.cast::<u8>(),
                size_of::<T>(),
            );
        }
    }
}

impl Output<agw_event> {
    pub fn fill(&self, event: Option<&Event>) {
        let mut filled = agw_event {
            struct_size: self.struct_size,
            flags: 0,
            conf_id: 0,
            generated_ms: 0,
            r#type: [0; 64],
            work_no: [0; 32],
            content: [0; 3976],
        };
        if let Some(event) = event {
            filled.conf_id = event.conf_id.unwrap_or_default();
            filled.generated_ms = event.generated_ms.unwrap_or_default();
            let whole = [
                put(&mut filled.r#type, &event.event_type),
                put(&mut filled.work_no, &event.work_no),
                put(&mut filled.content, &event.content),
            ];
            filled.flags = if whole.contains(&false) { AGW_EVENT_TRUNCATED } else { 0 };
        }
        self.write(&filled);
    }
}

impl Output<agw_session> {
    pub fn fill(&self, session: Option<&Session>) {
        let mut filled = agw_session {
            struct_size: self.struct_size,
            reserved: 0,
            guid: [0; 264],
            cookie: [0; 1776],
        };
        if let Some(session) = session {
            put(&mut filled.guid, session.guid());
            put(&mut filled.cookie, session.cookie());
        }
        self.write(&filled);
        filled.guid.zeroize();
        filled.cookie.zeroize();
    }
}
