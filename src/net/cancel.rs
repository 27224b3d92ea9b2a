//! How another thread ends a call: a flag, and the call's socket to shut down.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::sys::lock::lock;
use crate::{Error, Status};

/// How often a wait that cannot be interrupted looks whether the call was cancelled.
pub(crate) const CANCEL_CHECK: Duration = Duration::from_millis(20);

pub(crate) fn cancelled() -> Error {
    Error::new(Status::Cancelled, "cancelled, or the client was freed")
}

/// One for each call in progress.
#[derive(Debug, Default)]
pub(crate) struct CancelHandle {
    cancelled: AtomicBool,
    socket: Mutex<Option<Arc<TcpStream>>>,
}

impl CancelHandle {
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// The socket that the call waits on from here on.
    pub fn attach(&self, stream: Arc<TcpStream>) {
        let mut socket = lock(&self.socket);
        if self.is_cancelled() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        *socket = Some(stream);
    }

    /// The call gave the connection back: it is no longer this call's to shut down.
    pub fn detach(&self) {
        *lock(&self.socket) = None;
    }

    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        if let Some(stream) = &*lock(&self.socket) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
