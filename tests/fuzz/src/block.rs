//! The structs of a C caller: on the heap, to the byte, and at any address, so that
//! AddressSanitizer sees every step beyond `struct_size`.

use std::str;

use agw::ffi::{agw_client_options, agw_result};
use agw::status::{AGW_E_INTERNAL, AGW_E_STRUCT_SIZE};

/// `struct_size` of `agw_client_options` in the released versions, on 64 bit.
pub const OPTIONS_SIZES: [u32; 1] = [104];

/// The same of `agw_result`.
pub const RESULT_SIZES: [u32; 1] = [1088];

/// No header will ever have a larger struct.
const LARGEST: u32 = 8 * 1024;

/// What is to become of a struct of this size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// Nothing but `struct_size` itself may be read, and nothing written.
    Garbage,
    /// Of a released version.
    Known,
    /// From a newer header.
    Newer,
}

impl Size {
    pub fn of(size: u32, known: &[u32]) -> Self {
        let full = known[known.len() - 1];
        if known.contains(&size) {
            Size::Known
        } else if size > full && size <= LARGEST {
            Size::Newer
        } else {
            Size::Garbage
        }
    }
}

/// Memory with a struct at its end.
pub struct Block {
    memory: Box<[u8]>,
    shift: usize,
}

impl Block {
    /// `shift`: how far from an aligned address. Garbage sizes get no more room than the field
    /// itself takes.
    pub fn new(struct_size: u32, known: &[u32], shift: u8, fill: u8) -> Self {
        let shift = usize::from(shift % 8);
        let garbage = Size::of(struct_size, known) == Size::Garbage;
        let room = if garbage { 4 } else { struct_size as usize };
        let mut memory = vec![fill; shift + room].into_boxed_slice();
        memory[shift..shift + 4].copy_from_slice(&struct_size.to_ne_bytes());
        Block { memory, shift }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.shift..]
    }

    /// Sets what lies within the struct, as far as it goes.
    pub fn put(&mut self, offset: usize, bytes: &[u8]) {
        let room = &mut self.memory[self.shift..];
        for (place, byte) in room.iter_mut().skip(offset).zip(bytes) {
            *place = *byte;
        }
    }

    pub fn as_options(&self) -> *const agw_client_options {
        self.bytes().as_ptr().cast()
    }

    pub fn as_result(&mut self) -> *mut agw_result {
        self.memory[self.shift..].as_mut_ptr().cast()
    }
}

/// What a call left in the result, against what the contract says. `before` is a copy of it.
pub fn check_result(returned: i32, before: &[u8], after: &[u8]) {
    assert_ne!(returned, AGW_E_INTERNAL, "{}", field(after, 576, 1088).unwrap_or_default());
    let struct_size = number(before, 0).expect("it is there") as u32;
    let size = Size::of(struct_size, &RESULT_SIZES);
    if size == Size::Garbage {
        assert_eq!(returned, AGW_E_STRUCT_SIZE);
        assert_eq!(before, after, "written although the size is garbage");
        return;
    }
    let known = before.len().min(1088);
    assert_eq!(before[known..], after[known..], "written beyond what both sides know");
    if before[known..].iter().any(|byte| *byte != 0) {
        assert_eq!(returned, AGW_E_STRUCT_SIZE);
    }
    assert_eq!(before[..4], after[..4], "struct_size changed");
    assert_eq!(number(after, 4), Some(returned), "status");
    assert!(number(after, 16).is_none_or(|flags| flags & !7 == 0), "unknown flags");
    assert_eq!(number(before, 28), number(after, 28), "call_id changed");
    for (start, end) in [(32, 64), (64, 576), (576, 1088)] {
        if let Some(text) = field(after, start, end) {
            crate::assert_no_guid(text);
        }
    }
}

fn number(bytes: &[u8], offset: usize) -> Option<i32> {
    let field = bytes.get(offset..offset + 4)?;
    Some(i32::from_ne_bytes(field.try_into().expect("four")))
}

/// A text of the result, if the struct reaches that far.
fn field(bytes: &[u8], start: usize, end: usize) -> Option<&str> {
    let field = bytes.get(start..end)?;
    let length = field.iter().position(|byte| *byte == 0).expect("NUL-terminated");
    assert!(field[length..].iter().all(|byte| *byte == 0), "rubbish behind the text");
    Some(str::from_utf8(&field[..length]).expect("valid UTF-8"))
}
