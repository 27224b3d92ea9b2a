//! Strings from C: NULL or NUL-terminated, checked to be UTF-8.

use std::ffi::{CStr, c_char};

use crate::{Error, Status};

/// The refusal of an argument, which the detail names.
pub(super) fn invalid(detail: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, detail)
}

/// # Safety
/// `pointer` is NULL or points to a NUL-terminated string that outlives the text.
pub(super) unsafe fn required<'a>(name: &str, pointer: *const c_char) -> Result<&'a str, Error> {
    if pointer.is_null() {
        return Err(invalid(format!("{name}: NULL")));
    }
    // SAFETY: not NULL, so NUL-terminated.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map_err(|_| invalid(format!("{name}: not UTF-8")))
}

/// # Safety
/// As [`required`].
pub(super) unsafe fn borrowed<'a>(
    name: &str,
    pointer: *const c_char,
) -> Result<Option<&'a str>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: as this function's own contract.
    unsafe { required(name, pointer) }.map(Some)
}

/// # Safety
/// `pointer` is NULL or points to a NUL-terminated string.
pub(super) unsafe fn optional(name: &str, pointer: *const c_char) -> Result<Option<String>, Error> {
    // SAFETY: the string is there for the moment.
    Ok(unsafe { borrowed(name, pointer) }?.map(str::to_owned))
}
