//! Bodies of requests: a client that stalls is told so, and one that was refused is heard out.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::poll_fn;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::limits::Limits;
use super::record::Tap;

/// The most that is read of a body that nobody wants.
const DRAIN_BYTES: usize = 32 << 20;

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client went away, or sent what is no HTTP.
    #[error(transparent)]
    Cut(#[from] hyper::Error),
    /// The client sends too slowly.
    #[error("the request body stalled: fewer than {least} bytes came in {} seconds", within.as_secs_f32())]
    Stalled {
        /// Bytes that had to come.
        least: u64,
        /// In this time.
        within: Duration,
    },
}

/// The body of a request. Ends with an error when the client stalls; the time that its reader takes does not count.
pub struct RequestBody {
    inner: Incoming,
    /// What came when nobody had asked yet.
    early: Option<Option<Result<Frame<Bytes>, hyper::Error>>>,
    pace: Pace,
    refused_within: Duration,
    tap: Option<Tap>,
}

impl RequestBody {
    pub(super) fn new(inner: Incoming, limits: &Limits) -> Self {
        let pace = Pace { window: limits.body_window, least: limits.body_least, ..Pace::default() };
        Self { inner, early: None, pace, refused_within: limits.refused_within, tap: None }
    }

    /// Has the request log see what goes by.
    pub(super) fn seen_by(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    /// Has hyper send its `100 Continue`, whatever becomes of the request.
    pub(super) async fn begin(&mut self) {
        let mut asked = false;
        poll_fn(|context| {
            if !std::mem::replace(&mut asked, true) {
                if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
                    self.early = Some(frame);
                    return Poll::Ready(());
                }
                // hyper looks at what is wanted of a body before it asks for the answer again.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Reads what is left of the body of a refused request, within limits; whether that was all of it.
    ///
    /// A server that answers and closes while the client still sends makes the client's system drop the answer, and the user
    /// sees a broken pipe in place of the error.
    pub(super) async fn drain(&mut self) -> bool {
        let within = self.refused_within;
        let read = async {
            let mut seen = 0;
            while seen < DRAIN_BYTES {
                match self.frame().await {
                    Some(Ok(frame)) => seen += frame.data_ref().map_or(0, Bytes::len),
                    Some(Err(_)) => return false,
                    None => return true,
                }
            }
            false
        };
        tokio::time::timeout(within, read).await.unwrap_or(false)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let polled = match this.early.take() {
            Some(early) => Poll::Ready(early),
            None => Pin::new(&mut this.inner).poll_frame(context),
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.pace.came(frame.data_ref().map_or(0, Bytes::len));
                if let (Some(tap), Some(data)) = (&this.tap, frame.data_ref()) {
                    tap.see(data);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(other) => Poll::Ready(other.map(|ended| ended.map_err(BodyError::from))),
            Poll::Pending if this.pace.stalls(context) => {
                Poll::Ready(Some(Err(BodyError::Stalled { least: this.pace.least, within: this.pace.window })))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.early.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// How fast a body comes, while it is waited for.
#[derive(Default)]
struct Pace {
    window: Duration,
    least: u64,
    /// Bytes of this window.
    came: u64,
    /// How long this window's bytes were waited for.
    waited: Duration,
    waits_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    fn came(&mut self, bytes: usize) {
        self.came += bytes as u64;
        if let Some(since) = self.waits_since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Notes that nothing is there; whether too little has come for a whole window.
    fn stalls(&mut self, context: &mut Context<'_>) -> bool {
        loop {
            let now = Instant::now();
            let since = *self.waits_since.get_or_insert(now);
            let deadline = since + self.window.saturating_sub(self.waited);
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(context).is_pending() {
                return false;
            }
            if self.came < self.least {
                return true;
            }
            (self.came, self.waited, self.waits_since) = (0, Duration::ZERO, Some(now));
        }
    }
}
