//! Structs that begin with `struct_size`.

use std::cell::Cell;
use std::{mem, ptr, slice};

use super::strings::invalid;
use crate::{Error, Status};

/// Whether the part of the caller's struct that this library does not know is zero: one from a newer
/// header asks for nothing then.
///
/// # Safety
/// `target` points to a struct that begins with `struct_size`, a true one if it is plausible.
pub(super) unsafe fn rest_is_zero<T>(target: *const T) -> Result<bool, Status> {
    /// No header will ever have a struct larger than this: a garbage size must not be believed.
    const MAX: usize = 8 * 1024;
    // SAFETY: as this function's own contract.
    let (size, known) = (unsafe { size_given(target) } as usize, size_of::<T>());
    if size < known || size > MAX {
        return Err(Status::StructSize);
    }
    // SAFETY: the caller's struct has `size` bytes, of which the first are known here.
    let rest = unsafe { slice::from_raw_parts(target.cast::<u8>().add(known), size - known) };
    Ok(rest.iter().all(|byte| *byte == 0))
}

/// # Safety
/// `target` points to a struct that begins with `struct_size`.
unsafe fn size_given<T>(target: *const T) -> u32 {
    // SAFETY: the struct begins with it; a host may have packed it, so not aligned.
    unsafe { target.cast::<u32>().read_unaligned() }
}

/// The same of an argument that must be there; the detail of an error names it.
///
/// # Safety
/// `target` is NULL or points to a struct of its `struct_size`, which comes first in it.
unsafe fn check<T>(name: &str, target: *const T) -> Result<(), Error> {
    if target.is_null() {
        return Err(invalid(format!("{name}: NULL")));
    }
    // SAFETY: not NULL, so a struct that begins with struct_size.
    let why = match unsafe { rest_is_zero(target) } {
        Ok(true) => return Ok(()),
        Ok(false) => "made for a newer library, and not zero in a part that is new".to_owned(),
        Err(_) => {
            let kind = std::any::type_name::<T>().rsplit(':').next().unwrap_or_default();
            format!("struct_size is not sizeof({kind})")
        }
    };
    Err(Error::new(Status::StructSize, format!("{name}: {why}")))
}

/// Copies a struct of the caller's, as far as this library knows it.
///
/// # Safety
/// `from` is NULL or points to a struct of its `struct_size`, which comes first in it; any bytes are
/// a value of `T`.
pub(super) unsafe fn read_struct<T>(name: &str, from: *const T) -> Result<T, Error> {
    // SAFETY: as this function's own contract.
    unsafe { check(name, from) }?;
    // SAFETY: all of it is there; a host may have packed it, so not aligned.
    Ok(unsafe { from.read_unaligned() })
}

/// A struct of the caller's that is filled in, as far as this library knows it; else it is empty in
/// the end. Until then it is left alone: a text that the call was given may lie in it.
pub(super) struct Output<T> {
    target: *mut T,
    struct_size: u32,
    filled: Cell<bool>,
}

impl<T> Output<T> {
    /// # Safety
    /// `target` is NULL or as in [`Output::new`].
    pub unsafe fn open(name: &str, target: *mut T) -> Result<Self, Error> {
        // SAFETY: as this function's own contract; what is taken is not NULL, and of that size.
        unsafe { check(name, target).map(|()| Output::new(target)) }
    }

    /// # Safety
    /// `target` points to a struct of its `struct_size`, which comes first in it, is no less than that
    /// of `T`, and which the caller lets us write; any bytes are a value of `T`.
    pub unsafe fn new(target: *mut T) -> Self {
        // SAFETY: as this function's own contract.
        Output { target, struct_size: unsafe { size_given(target) }, filled: Cell::new(false) }
    }

    /// Nothing but its size.
    pub fn blank(&self) -> T {
        // SAFETY: any bytes are a value of it, and the size comes first.
        unsafe {
            let mut blank: T = mem::zeroed();
            ptr::from_mut(&mut blank).cast::<u32>().write(self.struct_size);
            blank
        }
    }

    pub fn write(&self, filled: &T) {
        self.filled.set(true);
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

impl<T> Drop for Output<T> {
    /// Never a part of its caller: see `fill`.
    #[inline(never)]
    fn drop(&mut self) {
        if !self.filled.get() {
            self.write(&self.blank());
        }
    }
}
