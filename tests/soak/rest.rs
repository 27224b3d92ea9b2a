//! What the process holds while nothing goes on.

use std::fs::File;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use support::held::Held;

/// What is held, and how much more of it there may be in the end: the allocator and the kernel
/// keep pages and stacks, more so on a busy machine; a leak of a byte a call is more than the heap
/// may have after ten minutes.
pub const KINDS: [(&str, usize); 4] = [
    ("memory (RSS), KiB", 16 * 1024),
    ("heap in use, KiB", 512),
    ("threads", 0),
    ("descriptors", 0),
];

/// How much of each of the [`KINDS`].
pub struct Rest(pub [usize; 4]);

impl Rest {
    /// Gives what ends by itself, as a look-up in a thread does, the time to.
    pub fn settled(before: Option<&Self>) -> Self {
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            thread::sleep(Duration::from_secs(1));
            let now = Self::now();
            if before.is_none_or(|before| now.leaks(before).is_empty()) || Instant::now() > end {
                return now;
            }
        }
    }

    fn now() -> Self {
        // SAFETY: both only look after the heap, in any thread.
        let heap = unsafe {
            libc::malloc_trim(0);
            libc::mallinfo2()
        };
        let held = Held::now();
        let heap_kib = (heap.uordblks + heap.hblkhd) / 1024;
        Rest([held.memory_kib, heap_kib, held.threads, held.descriptors])
    }

    /// What there is too much of.
    pub fn leaks(&self, before: &Self) -> Vec<&'static str> {
        let kinds = KINDS.iter().zip(before.0).zip(self.0);
        kinds.filter(|((kind, before), now)| *now > before + kind.1).map(|it| it.0.0.0).collect()
    }

    /// How many of the kinds a leak would show in: one of each is planted, and taken away again.
    pub fn leaks_found(before: &Self) -> usize {
        let memory = vec![1_u8; 32 * 1024 * 1024];
        let file = File::open("/proc/self/status");
        let (sender, receiver) = channel::<()>();
        let thread = thread::spawn(move || receiver.recv());
        let found = Self::now().leaks(before).len();
        drop((std::hint::black_box(memory), file, sender));
        let _ = thread.join();
        found
    }
}
