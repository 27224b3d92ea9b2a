//! Strings from C: NULL or NUL-terminated, checked to be UTF-8.

use std::ffi::{CStr, c_char};

use crate::{Error, Status};

/// The refusal of an argument, which the detail names.
pub(super) fn invalid(detail: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, detail)
}

/// # Safety
/// `pointer` is NULL or points to a NUL-terminated string that outlives the text.
pub(super) unsafe fn borrowed<'a>(
    name: &str,
    pointer: *const c_char,
) -> Result<Option<&'a str>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so NUL-terminated.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|_| invalid(format!("{name}: not UTF-8")))
}

/// # Safety
/// As [`borrowed`].
pub(super) unsafe fn required<'a>(name: &str, pointer: *const c_char) -> Result<&'a str, Error> {
    // SAFETY: as this function's own contract.
    unsafe { borrowed(name, pointer) }?.ok_or_else(|| invalid(format!("{name}: NULL")))
}
