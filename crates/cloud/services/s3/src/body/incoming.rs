//! A request body that can still be read after whoever had it has given up on it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use super::super::service::BoxError;

/// The most that is read of a refused upload.
const DRAIN_BYTES: usize = 32 << 20;
/// The longest time spent on it.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// A handle on a request body; clones share it.
#[derive(Clone)]
pub(crate) struct Incoming(Arc<Shared>);

struct Shared {
    body: Mutex<UnsyncBoxBody<Bytes, BoxError>>,
}

impl Incoming {
    pub(crate) fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Arc::new(Shared { body: Mutex::new(body.map_err(Into::into).boxed_unsync()) }))
    }

    fn with<T>(&self, work: impl FnOnce(Pin<&mut UnsyncBoxBody<Bytes, BoxError>>) -> T) -> T {
        let mut body = self.0.body.lock().unwrap_or_else(PoisonError::into_inner);
        work(Pin::new(&mut *body))
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.with(|body| body.poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|body| body.size_hint())
    }
}

/// Reads what is left of a refused upload, within limits.
///
/// A server that answers and closes while the client still sends makes the client's system drop
/// the answer, and the user sees a broken pipe in place of the error.
pub(crate) async fn drain(body: &mut Incoming) {
    let read = async {
        let mut seen = 0;
        while seen < DRAIN_BYTES {
            match body.frame().await {
                Some(Ok(frame)) => seen += frame.data_ref().map_or(0, Bytes::len),
                Some(Err(_)) | None => break,
            }
        }
    };
    // Out of time is as good as done: the connection is closed.
    let _ = tokio::time::timeout(DRAIN_TIME, read).await;
}
