//! Structs that begin with `struct_size`.

use std::cell::Cell;
use std::{mem, ptr};

use super::strings::invalid;
use crate::{Error, Status};

/// A struct's size as its caller gives it, checked against that of the released version.
pub(super) struct StructSize {
    pub given: u32,
    /// A struct from a newer header asks for nothing that this library does not know.
    pub rest_is_zero: bool,
}

impl StructSize {
    /// No header will ever have a struct larger than this: a garbage size must not be believed.
    const MAX: usize = 8 * 1024;

    /// The same of an argument that must be there; the detail of an error names it.
    ///
    /// # Safety
    /// `target` is NULL or points to a struct of its `struct_size`, which comes first in it.
    unsafe fn required<T>(name: &str, target: *const T) -> Result<StructSize, Error> {
        if target.is_null() {
            return Err(invalid(format!("{name}: NULL")));
        }
        // SAFETY: not NULL, so a struct that begins with struct_size.
        let size = unsafe { StructSize::read(target) }.map_err(|status| {
            let kind = std::any::type_name::<T>().rsplit(':').next().unwrap_or_default();
            Error::new(status, format!("{name}: struct_size is not sizeof({kind})"))
        })?;
        if !size.rest_is_zero {
            let detail =
                format!("{name}: made for a newer library, and not zero in a part that is new");
            return Err(Error::new(Status::StructSize, detail));
        }
        Ok(size)
    }

    /// # Safety
    /// `target` points to a struct that begins with `struct_size`, a true one if it is plausible.
    pub unsafe fn read<T>(target: *const T) -> Result<StructSize, Status> {
        // SAFETY: the struct begins with it; a host may have packed it, so not aligned.
        let given = unsafe { target.cast::<u32>().read_unaligned() };
        let (size, known) = (given as usize, size_of::<T>());
        if size < known || size > Self::MAX {
            return Err(Status::StructSize);
        }
        // SAFETY: the caller's struct has `size` bytes, of which the first are known here.
        let rest =
            unsafe { std::slice::from_raw_parts(target.cast::<u8>().add(known), size - known) };
        Ok(StructSize { given, rest_is_zero: rest.iter().all(|byte| *byte == 0) })
    }
}

/// Copies a struct of the caller's, as far as this library knows it.
///
/// # Safety
/// `from` is NULL or points to a struct of its `struct_size`, which comes first in it; any bytes are
/// a value of `T`.
pub(super) unsafe fn read_struct<T>(name: &str, from: *const T) -> Result<T, Error> {
    // SAFETY: as this function's own contract.
    unsafe { StructSize::required(name, from) }?;
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
        unsafe { StructSize::required(name, target).map(|size| Output::new(target, &size)) }
    }

    /// # Safety
    /// `target` points to a struct of that size, which comes first in it, and which the caller lets us
    /// write; any bytes are a value of `T`.
    pub unsafe fn new(target: *mut T, size: &StructSize) -> Self {
        Output { target, struct_size: size.given, filled: Cell::new(false) }
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
    fn drop(&mut self) {
        if self.filled.get() {
            return;
        }
        // SAFETY: as in `write`; zeros are a value of it, and the size comes first.
        unsafe {
            ptr::write_bytes(self.target.cast::<u8>(), 0, size_of::<T>());
            self.target.cast::<u32>().write_unaligned(self.struct_size);
        }
    }
}
