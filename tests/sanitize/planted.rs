//! Planted faults in Rust code, each of which a sanitizer must find: overflow, freed, leak, race;
//! and nothing, which uses std's own means to hand over memory and must be found clean.

use std::cell::UnsafeCell;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

const ROUNDS: usize = 1000;

fn main() -> ExitCode {
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        "overflow" => overflow(),
        "freed" => freed(),
        "leak" => leak(),
        "race" => race(),
        "nothing" => nothing(),
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

fn overflow() {
    let block = black_box(vec![1_u8; 10]).into_boxed_slice();
    // SAFETY: none; a byte behind the block is read, which is the fault.
    black_box(unsafe { block.as_ptr().add(10).read_volatile() });
}

fn freed() {
    let block = black_box(Box::new(1_u64));
    let address = &raw const *block;
    drop(block);
    // SAFETY: none; the block is freed, which is the fault.
    black_box(unsafe { address.read_volatile() });
}

fn leak() {
    // Also from the registers and the stack, where the main thread might still have the address.
    thread::spawn(|| std::mem::forget(black_box(Box::new([1_u8; 77])))).join().expect("no panic");
}

/// What two threads count in, although it has no lock.
struct Unlocked(UnsafeCell<usize>);

// SAFETY: none; this lie is the fault.
unsafe impl Sync for Unlocked {}

impl Unlocked {
    fn count(&self) {
        let count = black_box(self).0.get();
        // SAFETY: none; the other thread does the same.
        unsafe { count.write_volatile(count.read_volatile() + 1) };
    }
}

// One after the other, so that no chance of timing hides the race; nor does what tells them when, as
// an order of two relaxed accesses is none. The first lives on until the other has counted, as of a
// thread that has ended ThreadSanitizer may know no more.
fn race() {
    let unlocked = Unlocked(UnsafeCell::new(0));
    let turn = AtomicUsize::new(0);
    let wait_for = |wanted| {
        while turn.load(Ordering::Relaxed) != wanted {
            thread::sleep(Duration::from_millis(1));
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            unlocked.count();
            turn.store(1, Ordering::Relaxed);
            wait_for(2);
        });
        wait_for(1);
        unlocked.count();
        turn.store(2, Ordering::Relaxed);
    });
}

fn nothing() {
    let count = Arc::new(Mutex::new(0));
    let (sender, receiver) = mpsc::channel();
    for _ in 0..2 {
        let (count, sender) = (count.clone(), sender.clone());
        thread::spawn(move || {
            for round in 0..ROUNDS {
                *count.lock().expect("no panic") += 1;
                sender.send(Box::new(round)).expect("somebody listens");
            }
        });
    }
    drop(sender);
    let sum: usize = receiver.iter().map(|round| *round).sum();
    assert_eq!(sum, ROUNDS * (ROUNDS - 1));
    assert_eq!(*count.lock().expect("no panic"), 2 * ROUNDS);
}
