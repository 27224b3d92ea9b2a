//! The process that the library is in.

/// Whether the program has more rights than whoever started it (setuid, file capabilities): then its
/// environment is not to be trusted.
pub(crate) fn is_privileged() -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: it reads a number that the kernel gave at the program's start.
    return unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    #[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
    // SAFETY: these four read numbers and cannot fail.
    return unsafe { libc::getuid() != libc::geteuid() || libc::getgid() != libc::getegid() };
    #[cfg(not(unix))]
    false
}

/// Keeps the library in the process from now on: threads and thread-locals of ours outlive
/// `FreeLibrary`. Linux has a mark in the file for that; see build.rs.
pub(crate) fn keep_loaded() {
    #[cfg(windows)]
    {
        use windows_sys::Win32::System::LibraryLoader::{
            GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN,
            GetModuleHandleExW,
        };

        let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
        let mut module = std::ptr::null_mut();
        // SAFETY: with that flag the address of something in the module stands for its name, and the
        // handle is to a local. It cannot fail: the module is loaded. Once more does no harm.
        unsafe { GetModuleHandleExW(flags, keep_loaded as fn() as *const u16, &mut module) };
    }
}
