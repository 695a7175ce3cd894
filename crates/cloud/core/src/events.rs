//! An answer that is a stream of events, such as a model's answer piece by piece.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde_json::Value;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// A member of the stream whose payload is these bytes.
    Bytes {
        /// Name of the member.
        name: &'static str,
        /// Its payload.
        payload: Bytes,
    },
    /// An error. Nothing comes behind it.
    Error {
        /// Name of the member.
        name: &'static str,
        /// Its members.
        body: Value,
    },
}

/// Events on their way. They come as they are asked for, and once.
#[derive(Clone)]
pub struct EventStream(Arc<Mutex<Option<BoxStream<'static, StreamEvent>>>>);

impl EventStream {
    /// A stream of these events.
    #[must_use]
    pub fn new(events: BoxStream<'static, StreamEvent>) -> Self {
        Self(Arc::new(Mutex::new(Some(events))))
    }

    /// The events; `None` where they were taken before.
    #[must_use]
    pub fn take(&self) -> Option<BoxStream<'static, StreamEvent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream")
    }
}

impl PartialEq for EventStream {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
