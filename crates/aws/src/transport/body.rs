//! Bodies of answers with bounds: how long they are, and how slowly they come.
//!
//! The runtime's own stall protection is content with one byte a second.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_async::rt::sleep::{AsyncSleep as _, SharedAsyncSleep, Sleep};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

/// Longest answer that is read into memory. SageMaker's runtime answers with 25 MiB at most; the largest pages of listings and
/// logs have a few.
pub(crate) const LONGEST: u64 = 32 << 20;

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Halt {
    #[error("it is longer than {} MiB", .0 >> 20)]
    TooLong(u64),
    #[error("fewer than {least} bytes arrived within {} s", .within.as_secs_f64())]
    TooSlow { least: u64, within: Duration },
}

impl Halt {
    /// The halt among the causes of an error.
    pub(crate) fn of(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(halt) = error.downcast_ref::<Self>() {
                return Some(*halt);
            }
            next = error.source();
        }
        None
    }
}

/// What is asked of a body.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// Most bytes; any number without.
    pub most: Option<u64>,
    /// Bytes that have to come in each span of time before the end.
    pub least: u64,
    /// That span.
    pub within: Duration,
    pub sleep: SharedAsyncSleep,
}

impl Bounds {
    /// The body, which fails where it does not keep to the bounds.
    pub(crate) fn hold(&self, body: SdkBody) -> SdkBody {
        SdkBody::from_body_1_x(Bounded { body, bounds: self.clone(), length: 0, lately: 0, span: None })
    }
}

struct Bounded {
    body: SdkBody,
    bounds: Bounds,
    length: u64,
    /// Bytes of this span.
    lately: u64,
    /// The end of this span. The first begins when there is something to wait for.
    span: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(next) = Pin::new(&mut this.body).poll_frame(cx) {
            let arrived = match &next {
                Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
                _ => return Poll::Ready(next),
            };
            this.length += arrived;
            this.lately += arrived;
            return Poll::Ready(match this.bounds.most {
                Some(most) if this.length > most => Some(Err(Halt::TooLong(most).into())),
                _ => next,
            });
        }
        let Bounds { least, within, sleep, .. } = &this.bounds;
        loop {
            let span = this.span.get_or_insert_with(|| Box::pin(sleep.sleep(*within)));
            if span.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if this.lately < *least {
                return Poll::Ready(Some(Err(Halt::TooSlow { least: *least, within: *within }.into())));
            }
            (this.lately, this.span) = (0, None);
        }
    }
}
