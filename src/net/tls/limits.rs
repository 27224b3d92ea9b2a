//! What a handshake goes by, for the code that rustls calls back: its limits, and random bytes.
//!
//! rustls resumes a session only with the same verifier and resolver *objects* as the session's, so
//! the limits of one call cannot live in them. It calls them in the thread that does the handshake:
//! hence a thread-local. Its content has no destructor, so that the place is there also for a call
//! from the destructor of an ending thread, in which it leaves nothing behind.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use once_cell::race::OnceBox;
use rustls::crypto::{GetRandomFailed, SecureRandom, ring};

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
    random: [u8; HELLO],
    /// How many of them are left.
    unused: usize,
}

/// Its random, its session ID, and the order of its extensions.
const HELLO: usize = 32 + 32 + 2;

/// Limits the handshake in this thread for as long as it lives.
pub(crate) struct HandshakeLimits(());

impl HandshakeLimits {
    pub fn set(deadline: Deadline, cancel: &Arc<CancelHandle>) -> Self {
        let cancel = cancel.clone();
        let random = [0; HELLO];
        let limits = Limits { deadline, cancel, client_auth_demanded: false, random, unused: 0 };
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

/// The random bytes of a ClientHello, which are no secret: rustls asks for each of them, and the system
/// is asked once.
#[derive(Debug)]
pub(super) struct HelloRandom;

impl SecureRandom for HelloRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        static SYSTEM: OnceBox<&dyn SecureRandom> = OnceBox::new();
        let system = SYSTEM.get_or_init(|| Box::new(ring::default_provider().secure_random));
        with_current(|current| match current {
            Some(Limits { random, unused, .. }) if bytes.len() <= HELLO => {
                if *unused < bytes.len() {
                    *unused = 0;
                    system.fill(random)?;
                    *unused = HELLO;
                }
                *unused -= bytes.len();
                bytes.copy_from_slice(&random[*unused..][..bytes.len()]);
                Ok(())
            }
            _ => system.fill(bytes),
        })
    }
}

fn with_current<T>(act: impl FnOnce(&mut Option<Limits>) -> T) -> T {
    let mut limits = CURRENT.take().map(ManuallyDrop::into_inner);
    let outcome = act(&mut limits);
    CURRENT.set(limits.map(ManuallyDrop::new));
    outcome
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_random_bytes_come_twice() {
        let portions = || {
            [16, 32, 32, 2 * HELLO, 16, 32].map(|length| {
                let mut bytes = vec![0; length];
                HelloRandom.fill(&mut bytes).expect("the system has some");
                bytes
            })
        };
        let mut seen: Vec<_> = portions().into();
        for _ in 0..2 {
            let deadline = Deadline::after(Duration::from_secs(30));
            let _limits = HandshakeLimits::set(deadline, &Arc::default());
            seen.extend(portions());
        }
        let parts: Vec<_> = seen.iter().flat_map(|bytes| bytes.chunks(16)).collect();
        let different: HashSet<_> = parts.iter().collect();
        assert_eq!(different.len(), parts.len());
    }
}
