//! A clock that goes on while the machine sleeps: a laptop that wakes has not stood still.

use std::time::Duration;

/// A moment on that clock.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Moment(Reading);

#[cfg(unix)]
type Reading = Duration;
// QueryPerformanceCounter, which goes on in sleep.
#[cfg(not(unix))]
type Reading = std::time::Instant;

impl Moment {
    pub fn now() -> Self {
        Moment(read())
    }

    /// How long it is from `earlier` to this moment; zero if it is not earlier.
    pub fn since(self, earlier: Moment) -> Duration {
        #[cfg(unix)]
        return self.0.saturating_sub(earlier.0);
        #[cfg(not(unix))]
        return self.0.saturating_duration_since(earlier.0);
    }

    pub fn elapsed(self) -> Duration {
        Moment::now().since(self)
    }

    /// The moment so long after this one, which the clock has to reach.
    pub fn plus(self, time: Duration) -> Moment {
        Moment(self.0 + time)
    }

    #[cfg(test)]
    pub fn checked_sub(self, time: Duration) -> Option<Moment> {
        self.0.checked_sub(time).map(Moment)
    }
}

#[cfg(not(unix))]
fn read() -> Reading {
    Reading::now()
}

#[cfg(unix)]
fn read() -> Reading {
    // std's clock on Linux is CLOCK_MONOTONIC, which stands still in a suspend.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
    #[cfg(target_vendor = "apple")]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_RAW;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local. It cannot fail with a clock that the system has; if it
    // did, the clock would stand still.
    unsafe { libc::clock_gettime(CLOCK, &mut time) };
    // On some systems the fields are narrower.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
