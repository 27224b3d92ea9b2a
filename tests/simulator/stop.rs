//! When the program ends.

use std::future::poll_fn;
use std::io::{self, Read};
use std::task::Poll;
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Ctrl-C, SIGTERM, and, if it is wanted, the end of standard input.
pub struct Stop {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
    input: UnboundedReceiver<()>,
    /// Without it the input would have ended.
    _no_input: Option<UnboundedSender<()>>,
}

impl Stop {
    pub fn listen(with_stdin: bool) -> io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        let (open, input) = unbounded_channel();
        Ok(Self {
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
            #[cfg(windows)]
            interrupt: tokio::signal::windows::ctrl_c()?,
            input,
            _no_input: if with_stdin { read_input(open) } else { Some(open) },
        })
    }

    pub async fn wait(mut self) {
        poll_fn(|context| {
            let interrupted = self.interrupt.poll_recv(context).is_ready();
            #[cfg(unix)]
            let interrupted = self.terminate.poll_recv(context).is_ready() || interrupted;
            let ended = self.input.poll_recv(context).is_ready();
            if interrupted || ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// In a thread, which nothing waits for: it drops its end when there is no more to read.
fn read_input(open: UnboundedSender<()>) -> Option<UnboundedSender<()>> {
    thread::spawn(move || {
        let mut ignored = [0; 256];
        while matches!(io::stdin().read(&mut ignored), Ok(1..)) {}
        drop(open);
    });
    None
}
