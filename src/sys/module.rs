//! Keeps the library in the process: threads and thread-locals of ours outlive `FreeLibrary`.
//!
//! Linux has a mark in the file for that; see build.rs.

/// From now on until the process ends, if it runs on Windows.
pub(crate) fn keep_loaded() {
    #[cfg(windows)]
    windows::pin();
}

#[cfg(windows)]
mod windows {
    use std::ptr;
    use std::sync::Once;

    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    };

    static PINNED: Once = Once::new();

    pub fn pin() {
        PINNED.call_once(|| {
            let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
            let mut module = ptr::null_mut();
            // SAFETY: with that flag the address of something in the module stands for its name,
            // and the handle is to a local. It cannot fail: the module is loaded.
            unsafe { GetModuleHandleExW(flags, ptr::from_ref(&PINNED).cast(), &mut module) };
        });
    }
}
