//! Connections that end: each has its time, and there are only so many at once. A peer whose site lost power never says
//! goodbye, and strangers may hold a connection open for ever.

use axum::serve::Listener;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a connection lives, its question, the handler's work and its answer included.
pub(crate) const LIFE: Duration = Duration::from_secs(60);

/// How many connections there are at once; others wait to be accepted. Far fewer than the files that a process may open.
const CONNECTIONS_MAX: usize = 256;

/// A listener whose connections end.
pub(crate) struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl Door {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }
}

impl Listener for Door {
    type Io = Connection<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // `None` only from a closed semaphore, and nothing closes this one.
        let place = self.places.clone().acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        (Connection::new(stream, LIFE, place), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A stream that fails once its time is over.
pub(crate) struct Connection<S> {
    stream: S,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_over: bool,
    _place: Option<OwnedSemaphorePermit>,
}

impl<S> Connection<S> {
    pub(crate) fn new(stream: S, life: Duration, place: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            stream,
            end: Box::pin(ambient::sleep(life)),
            is_over: false,
            _place: place,
        }
    }

    /// What the stream has to say, or that the time is over when it has nothing to say.
    fn within<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            return poll;
        }
        // A future that is done must not be polled again.
        self.is_over = self.is_over || self.end.as_mut().poll(cx).is_ready();
        match self.is_over {
            true => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            false => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.within(cx, poll)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.within(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(cx);
        self.within(cx, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.within(cx, poll)
    }
}
