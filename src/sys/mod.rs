//! The operating system, where the standard library does not reach. Knows nothing of agw.
#![allow(unsafe_code)]

pub(crate) mod clock;
#[cfg(debug_assertions)]
pub(crate) mod fault;
pub(crate) mod files;
pub(crate) mod fork;
pub(crate) mod lock;
pub(crate) mod panics;
pub(crate) mod process;
pub(crate) mod socket;
pub(crate) mod threads;
