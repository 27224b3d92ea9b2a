//! Another library in Rust, as a host may have one beside agw.

use std::panic;

/// 1 if a panic of its own was caught.
#[unsafe(no_mangle)]
pub extern "C" fn other_catches() -> i32 {
    panic::set_hook(Box::new(|_| {}));
    i32::from(panic::catch_unwind(|| panic!("the other library's")).is_err())
}
