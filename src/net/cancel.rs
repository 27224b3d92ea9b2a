//! How another thread ends a call: by its number, a flag, and the call's socket to shut down.

use std::net::{Shutdown, TcpStream};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::sys::lock::lock;
use crate::{Error, Status};

/// How often a wait that cannot be interrupted looks whether the call was cancelled.
pub(crate) const CANCEL_CHECK: Duration = Duration::from_millis(20);

pub(crate) fn cancelled() -> Error {
    Error::new(Status::Cancelled, "cancelled, or the client was freed")
}

/// A number for a call, by which another thread can end it: see
/// [`Client::cancel_call`](crate::Client::cancel_call).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(NonZeroU32);

impl CallId {
    /// The next number of this process, counted upward.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            if let Some(id) = Self::from_number(number) {
                return id;
            }
        }
    }

    /// A number of the caller's own; `None` for 0.
    pub fn from_number(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(CallId)
    }

    /// The number, never 0.
    pub fn number(self) -> u32 {
        self.0.get()
    }
}

/// One for each call in progress.
#[derive(Debug, Default)]
pub(crate) struct CancelHandle {
    cancelled: AtomicBool,
    /// What the call waits on. A socket that is shut down ends the wait, also while it is being
    /// connected.
    sockets: Mutex<Vec<Arc<TcpStream>>>,
    /// Wakes what waits for nothing but the time.
    woken: Condvar,
}

impl CancelHandle {
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// One more socket that the call waits on.
    pub fn attach(&self, socket: Arc<TcpStream>) {
        let mut sockets = lock(&self.sockets);
        if self.is_cancelled() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        sockets.push(socket);
    }

    /// The sockets are no longer this call's to shut down.
    pub fn detach(&self) {
        lock(&self.sockets).clear();
    }

    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        for socket in &*lock(&self.sockets) {
            let _ = socket.shutdown(Shutdown::Both);
        }
        self.woken.notify_all();
    }

    /// Lets so much time go by; whether no cancel came meanwhile.
    pub fn sleep(&self, time: Duration) -> bool {
        if !time.is_zero() {
            let awake = lock(&self.sockets);
            drop(self.woken.wait_timeout_while(awake, time, |_| !self.is_cancelled()));
        }
        !self.is_cancelled()
    }
}
