//! Locks that a panic does not close.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is behind a lock of ours is whole at any time, so a panic of a thread that had it does not
/// matter to the next one.
pub(crate) fn unpoisoned<G>(outcome: Result<G, PoisonError<G>>) -> G {
    outcome.unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    unpoisoned(mutex.lock())
}
