//! When the program ends.

use std::future::poll_fn;
use std::io::{self, Read};
use std::task::Poll;
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Ctrl-C, SIGTERM, SIGHUP, and, if it is wanted, the end of standard input.
pub struct Stop {
    #[cfg(unix)]
    signals: Vec<tokio::signal::unix::Signal>,
    #[cfg(windows)]
    signals: [tokio::signal::windows::CtrlC; 1],
    input: UnboundedReceiver<()>,
    /// Without it the input would have ended.
    _no_input: Option<UnboundedSender<()>>,
}

impl Stop {
    pub fn listen(with_stdin: bool) -> io::Result<Self> {
        let (open, input) = unbounded_channel();
        Ok(Self {
            #[cfg(unix)]
            signals: signals()?,
            #[cfg(windows)]
            signals: [tokio::signal::windows::ctrl_c()?],
            input,
            _no_input: if with_stdin { read_input(open) } else { Some(open) },
        })
    }

    pub async fn wait(mut self) {
        poll_fn(|context| {
            let signalled = self.signals.iter_mut().any(|one| one.poll_recv(context).is_ready());
            let ended = self.input.poll_recv(context).is_ready();
            if signalled || ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[cfg(unix)]
fn signals() -> io::Result<Vec<tokio::signal::unix::Signal>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
    if !ignores_hang_up() {
        kinds.push(SignalKind::hangup());
    }
    kinds.into_iter().map(signal).collect()
}

/// As under nohup, which a handler would undo; also where there is no way to know.
#[cfg(unix)]
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    ignored.is_none_or(|signals| signals & 1 == 1)
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
