//! Whether the machine stood still: a thread that naps, and notices when it is woken late.

use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::lock;

const NAP: Duration = Duration::from_millis(5);

/// What the rows' times leave room for.
const LATE: Duration = Duration::from_millis(50);

static WOKEN_LATE: LazyLock<Mutex<Option<Instant>>> = LazyLock::new(|| {
    thread::spawn(nap);
    Mutex::default()
});

/// From here on it is noticed.
pub fn watch() {
    LazyLock::force(&WOKEN_LATE);
}

pub fn stood_still_since(begun: Instant) -> bool {
    // Whoever asks may have been woken before the one who knows.
    thread::sleep(2 * NAP);
    let woken_late = lock(&WOKEN_LATE);
    woken_late.is_some_and(|when| when >= begun)
}

fn nap() {
    loop {
        let begun = Instant::now();
        thread::sleep(NAP);
        if begun.elapsed() >= LATE {
            *lock(&WOKEN_LATE) = Some(Instant::now());
        }
    }
}
