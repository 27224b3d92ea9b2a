//! What limits a handshake, for the code that rustls calls back.
//!
//! rustls resumes a session only with the same verifier and resolver *objects* as the session's, so
//! the limits of one call cannot live in them. It calls them in the thread that does the handshake:
//! hence a thread-local. Its content has no destructor, so that the place is there also for a call
//! from the destructor of an ending thread, in which it leaves nothing behind.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use crate::net::cancel::CancelHandle;
use crate::net::deadline::Deadline;

thread_local! {
    static CURRENT: Cell<Option<ManuallyDrop<Limits>>> = const { Cell::new(None) };
}

/// When a handshake must be over, and who can end it.
#[derive(Clone)]
pub(super) struct Limits {
    pub deadline: Deadline,
    pub cancel: Arc<CancelHandle>,
    client_auth_demanded: bool,
}

/// Limits the handshake in this thread for as long as it lives.
pub(crate) struct HandshakeLimits(());

impl HandshakeLimits {
    pub fn set(deadline: Deadline, cancel: &Arc<CancelHandle>) -> Self {
        let cancel = cancel.clone();
        let limits = Limits { deadline, cancel, client_auth_demanded: false };
        with_current(|current| *current = Some(limits));
        HandshakeLimits(())
    }
}

impl Drop for HandshakeLimits {
    fn drop(&mut self) {
        with_current(|current| *current = None);
    }
}

/// The limits of the handshake that goes on in this thread.
pub(super) fn current() -> Option<Limits> {
    with_current(|current| current.clone())
}

/// Whether the gateway has demanded a client certificate: with TLS 1.3 it says only after the
/// handshake whether it is content.
pub(crate) fn client_auth_demanded() -> bool {
    with_current(|current| current.as_ref().is_some_and(|limits| limits.client_auth_demanded))
}

pub(super) fn note_client_auth() {
    with_current(|current| {
        current.iter_mut().for_each(|limits| limits.client_auth_demanded = true)
    });
}

fn with_current<T>(act: impl FnOnce(&mut Option<Limits>) -> T) -> T {
    let mut limits = CURRENT.take().map(ManuallyDrop::into_inner);
    let outcome = act(&mut limits);
    CURRENT.set(limits.map(ManuallyDrop::new));
    outcome
}
