//! When the program ends.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Ctrl-C, SIGTERM, SIGHUP, and, if it is wanted, the end of standard input.
pub struct Stop {
    #[cfg(unix)]
    signals: Vec<tokio::signal::unix::Signal>,
    #[cfg(windows)]
    signals: [tokio::signal::windows::CtrlC; 1],
    input: Option<UnboundedReceiver<()>>,
}

impl Stop {
    pub fn listen(with_stdin: bool) -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signals: signals()?,
            #[cfg(windows)]
            signals: [tokio::signal::windows::ctrl_c()?],
            input: with_stdin.then(input),
        })
    }

    pub async fn wait(mut self) {
        poll_fn(|context| {
            let signalled = self.signals.iter_mut().any(|one| one.poll_recv(context).is_ready());
            let ended = self.input.as_mut().is_some_and(|it| it.poll_recv(context).is_ready());
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

/// Read in a thread, which nothing waits for: it drops its end when there is no more to read.
fn input() -> UnboundedReceiver<()> {
    let (open, input) = unbounded_channel();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        drop(open);
    });
    input
}
