//! Structs that begin with `struct_size`.

use super::strings::invalid;
use crate::{Error, Status};

/// A struct's size as its caller gives it, checked against that of the released version.
pub(super) struct StructSize {
    pub given: u32,
    /// The bytes that both sides know.
    pub usable: usize,
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
    pub unsafe fn required<T>(name: &str, target: *const T) -> Result<StructSize, Error> {
        if target.is_null() {
            return Err(invalid(format!("{name}: NULL")));
        }
        // SAFETY: not NULL, so a struct that begins with struct_size.
        let size = unsafe { StructSize::read(target.cast(), size_of::<T>()) };
        let size = size.map_err(|status| {
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
    pub unsafe fn read(target: *const u8, full: usize) -> Result<StructSize, Status> {
        // SAFETY: the struct begins with it; a host may have packed it, so not aligned.
        let given = unsafe { target.cast::<u32>().read_unaligned() };
        let size = given as usize;
        if size < full || size > Self::MAX {
            return Err(Status::StructSize);
        }
        // SAFETY: the caller's struct has `size` bytes, of which `full` are known here.
        let rest = unsafe { std::slice::from_raw_parts(target.add(full), size - full) };
        Ok(StructSize { given, usable: full, rest_is_zero: rest.iter().all(|byte| *byte == 0) })
    }
}
