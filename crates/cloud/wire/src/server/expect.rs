//! `100 Continue`: always sent to a client that asks for it, before anything is read or refused.
//!
//! hyper sends it when a body is first read, so never for an empty one. botocore before 1.43.117 then takes the final answer of
//! an empty upload for a refusal, keeps it for the next upload on that connection, and waits for one more until its time-out.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::future::poll_fn;
use futures_util::task::AtomicWaker;
use http::Version;
use http::header::EXPECT;
use http::request::Parts;
use hyper::body::Body as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::body::RequestBody;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

const IDLE: u8 = 0;
const WANTED: u8 = 1;
const SENT: u8 = 2;

/// Sends what the client waits for, where it does.
pub(super) async fn go_ahead(request: &Parts, body: &mut RequestBody, interim: &Interim) {
    let expects = request.headers.get(EXPECT).is_some_and(|e| e.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if !expects || request.version < Version::HTTP_11 {
        return;
    }
    if body.is_end_stream() {
        interim.send().await;
    } else {
        body.begin().await;
    }
}

/// The side of a connection's service: asks its [`Socket`] for the interim answer.
#[derive(Clone, Default)]
pub(super) struct Interim(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: AtomicU8,
    sent: AtomicWaker,
}

impl Interim {
    /// Returns when the interim answer is on its way.
    async fn send(&self) {
        self.0.state.store(WANTED, Ordering::Release);
        poll_fn(|context| {
            self.0.sent.register(context.waker());
            if self.0.state.load(Ordering::Acquire) == SENT { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.0.state.store(IDLE, Ordering::Release);
    }
}

/// A connection's socket. hyper flushes it when all that hyper holds is written, so that the interim answer comes after
/// the answers to earlier requests; the one that it precedes is not made yet.
pub(super) struct Socket<S> {
    inner: S,
    interim: Interim,
    /// What is still to be written of the interim answer.
    left: &'static [u8],
}

impl<S: AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(inner: S, interim: Interim) -> Self {
        Self { inner, interim, left: &[] }
    }

    fn poll_interim(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Shared { state, sent } = &*self.interim.0;
        if state.load(Ordering::Acquire) != WANTED {
            return Poll::Ready(Ok(()));
        }
        if self.left.is_empty() {
            self.left = CONTINUE;
        }
        while !self.left.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(context, self.left))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.left = self.left.get(written..).unwrap_or_default();
        }
        state.store(SENT, Ordering::Release);
        sent.wake();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_interim(context))?;
        Pin::new(&mut this.inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}
