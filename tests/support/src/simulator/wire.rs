//! The connections below HTTP: each can be closed at leisure, or taken away in the middle.

use std::collections::HashMap;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};

use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::certificates::Certificates;
use super::gateway::Gateway;
use crate::gateway::{HandedOver, Step};
use crate::lock;

/// The connections that are open, by the address of the client.
#[derive(Default)]
pub struct Wires {
    open: Mutex<Open>,
    handed_over: HandedOver,
}

#[derive(Default)]
struct Open {
    wires: HashMap<SocketAddr, Arc<Mutex<Inner>>>,
    /// How often all were closed: a handshake that has begun before that is late.
    closed: u64,
}

struct Inner {
    /// Gone once it was handed over.
    live: Option<Live>,
    /// A request has come, and no byte of its answer has gone.
    busy: bool,
    /// It has served the control path, and is spared.
    spared: bool,
    /// It ends as soon as it is not busy.
    closing: bool,
    reader: Option<Waker>,
}

enum Live {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

impl Inner {
    fn stream(&mut self) -> io::Result<Pin<&mut dyn Stream>> {
        match &mut self.live {
            Some(Live::Plain(stream)) => Ok(Pin::new(stream)),
            Some(Live::Tls(stream)) => Ok(Pin::new(stream.as_mut())),
            None => Err(ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Wires {
    /// Has a connection go through these steps, and takes it from whoever served it.
    pub fn hand_over(&self, client: SocketAddr, steps: Vec<Step>) {
        let live = self.open().wires.get(&client).and_then(|inner| lock(inner).live.take());
        let (stream, tls) = match live {
            None => return,
            Some(Live::Plain(stream)) => (stream, None),
            Some(Live::Tls(stream)) => {
                let (stream, tls) = stream.into_inner();
                (stream, Some(tls))
            }
        };
        let stream = stream.into_std().and_then(|stream| {
            stream.set_nonblocking(false)?;
            Ok(stream)
        });
        if let Ok(stream) = stream {
            self.handed_over.take(stream, tls, steps);
        }
    }

    pub fn end_handed_over(&self) {
        self.handed_over.end();
    }

    /// Closes the kept connections, and the others behind their answers, so that the next request
    /// begins with a handshake. Those of the control path stay: who asks for a certificate that no
    /// client takes could not take it back otherwise.
    pub fn close_kept(&self) {
        let mut open = self.open();
        open.closed += 1;
        for inner in open.wires.values() {
            let mut inner = lock(inner);
            inner.closing = !inner.spared;
            if let Some(reader) = inner.reader.take() {
                reader.wake();
            }
        }
    }

    /// A request to the control path came over this connection.
    pub fn spare(&self, client: SocketAddr) {
        if let Some(inner) = self.open().wires.get(&client) {
            lock(inner).spared = true;
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        lock(&self.open)
    }
}

/// Takes connections, with the handshake that is due.
#[derive(Clone)]
pub struct Acceptor {
    pub gateway: Arc<Gateway>,
    /// None: plain HTTP.
    pub certificates: Option<Arc<Certificates>>,
}

impl<S: Send + 'static> Accept<TcpStream, S> for Acceptor {
    type Stream = Wire;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Wire, S)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok((this.wire(stream).await?, service)) })
    }
}

impl Acceptor {
    async fn wire(self, stream: TcpStream) -> io::Result<Wire> {
        stream.set_nodelay(true)?;
        let client = stream.peer_addr()?;
        let closed = self.gateway.wires.open().closed;
        let fault = self.gateway.with(|state, _| state.faults.for_handshake());
        if let Some(fault) = fault {
            self.gateway.log("fault", "-", fault.to_string(), None);
        }
        let live = match &self.certificates {
            None => Live::Plain(stream),
            Some(certificates) => {
                let config = RustlsConfig::from_config(certificates.config(fault));
                let accepted = RustlsAcceptor::new(config).accept(stream, ()).await;
                let (stream, ()) = accepted.inspect_err(|why| {
                    self.gateway.log("handshake", "-", "failed".to_owned(), Some(why.to_string()));
                })?;
                Live::Tls(Box::new(stream))
            }
        };
        let mut open = self.gateway.wires.open();
        let closing = fault.is_none() && closed < open.closed;
        let inner = Inner { live: Some(live), busy: false, spared: false, closing, reader: None };
        let inner = Arc::new(Mutex::new(inner));
        open.wires.insert(client, inner.clone());
        drop(open);
        Ok(Wire { inner, client, gateway: self.gateway })
    }
}

/// A connection as the HTTP server has it.
pub struct Wire {
    inner: Arc<Mutex<Inner>>,
    client: SocketAddr,
    gateway: Arc<Gateway>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        let mut open = self.gateway.wires.open();
        // The address may be another connection's by now.
        let own = |inner: &Arc<_>| Arc::ptr_eq(inner, &self.inner);
        if open.wires.get(&self.client).is_some_and(own) {
            open.wires.remove(&self.client);
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inner = lock(&self.inner);
        if inner.closing && !inner.busy {
            return Poll::Ready(Ok(()));
        }
        inner.reader = Some(context.waker().clone());
        let before = buffer.filled().len();
        ready!(inner.stream()?.poll_read(context, buffer))?;
        inner.busy |= buffer.filled().len() > before;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut inner = lock(&self.inner);
        inner.busy = false;
        inner.stream()?.poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.inner).stream()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.inner).stream()?.poll_shutdown(context)
    }
}
