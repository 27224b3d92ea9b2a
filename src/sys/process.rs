//! What kind of process the host is.

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
