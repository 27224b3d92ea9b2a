//! Log lines: to the caller's sink only, never from inside itself, never after the client closed.

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, RwLock};

use crate::sys::lock::unpoisoned;

/// How much a log line matters; the numbers are those of the C ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// A bug in the library.
    Error = 1,
    /// A failed call that somebody has to look at, an option that is dangerous, or (from
    /// [`Client::connect`](crate::Client::connect)) a certificate that ends within 14 days.
    Warn = 2,
    /// Each call, also one that came too late, but for polls without an event.
    Info = 3,
    /// Each step of a call, and polls without an event.
    Debug = 4,
}

/// Receives log lines, in any thread that calls the client. It must not call the client.
pub type Sink = Arc<dyn Fn(Level, &str) + Send + Sync>;

thread_local! {
    static IN_SINK: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a log sink just now.
pub(crate) fn in_sink() -> bool {
    IN_SINK.get()
}

/// The level wanted and the sink that takes the lines.
pub(crate) struct Log {
    pub level: Level,
    pub sink: Option<Sink>,
}

/// Once closed, no line passes, and none is under way.
#[derive(Default)]
pub(crate) struct Gate {
    closed: RwLock<bool>,
}

impl Gate {
    /// Waits for lines under way in other threads.
    pub fn close(&self) {
        *unpoisoned(self.closed.write()) = true;
    }

    /// Does not wait: while the gate is being closed, a line is as late as one after it.
    pub fn pass(&self, log: &Log, level: Level, line: fmt::Arguments) {
        let Some(sink) = log.sink.as_ref().filter(|_| level <= log.level) else {
            return;
        };
        if in_sink() {
            return;
        }
        // Closing is the only writer. To queue behind it would let a slow sink in one thread hold up
        // a call in another.
        let Ok(closed) = self.closed.try_read() else { return };
        if !*closed {
            IN_SINK.set(true);
            let _inside = Inside;
            // One line stays one line: a gateway's text may hold anything.
            sink(level, &line.to_string().replace(char::is_control, " "));
        }
    }
}

/// Marks the thread as inside the sink, also when the sink panics.
struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        IN_SINK.set(false);
    }
}
