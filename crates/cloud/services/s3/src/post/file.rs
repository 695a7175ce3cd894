//! The file of a form as a stream, held to the sizes that the policy allows.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::Stream;
use http_body::Body as _;
use s3s::stream::ByteStream;
use s3s::{S3Error, S3ErrorCode, StdError};

use super::super::body::Incoming;
use super::super::error::{Detail as _, plain};
use super::super::object::MAX_UPLOAD;
use super::fields::{Rest, find};
use super::policy::Policy;

/// The sizes that a file may have, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    min: u64,
    max: u64,
}

impl Limits {
    pub(crate) fn of(policy: &Policy) -> Self {
        let (min, max) = policy.length().unwrap_or((0, u64::MAX));
        Self { min, max: max.min(MAX_UPLOAD.cast_unsigned()) }
    }
}

enum State {
    File,
    /// What follows the file is read and ignored, so that the connection goes on.
    After,
    Ended,
}

/// The content of the file.
pub(crate) struct FileStream {
    body: Incoming,
    buffer: BytesMut,
    delimiter: Vec<u8>,
    limits: Limits,
    size: u64,
    state: State,
}

impl FileStream {
    pub(crate) fn new(rest: Rest, limits: Limits) -> Self {
        let Rest { body, begun, delimiter } = rest;
        Self { body, buffer: begun, delimiter, limits, size: 0, state: State::File }
    }

    /// What is sure to be the file's in the buffer.
    fn take(&mut self) -> Option<Bytes> {
        let length = match find(&self.buffer, &self.delimiter) {
            Some(length) => {
                self.state = State::After;
                length
            }
            // The delimiter may have begun.
            None => self.buffer.len().saturating_sub(self.delimiter.len() - 1),
        };
        let content = self.buffer.split_to(length).freeze();
        if matches!(self.state, State::After) {
            self.buffer.advance(self.buffer.len());
        }
        self.size += content.len() as u64;
        Some(content).filter(|content| !content.is_empty())
    }

    fn check(&self, ended: bool) -> Result<(), S3Error> {
        let Limits { min, max } = self.limits;
        if self.size > max {
            let error = plain(S3ErrorCode::EntityTooLarge).detail("ProposedSize", self.size);
            return Err(error.detail("MaxSizeAllowed", max));
        }
        if ended && self.size < min {
            let error = plain(S3ErrorCode::EntityTooSmall).detail("ProposedSize", self.size);
            return Err(error.detail("MinSizeAllowed", min));
        }
        Ok(())
    }
}

impl Stream for FileStream {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let fail = |this: &mut Self, error: S3Error| {
            this.state = State::Ended;
            Poll::Ready(Some(Err(StdError::from(error))))
        };
        loop {
            if matches!(this.state, State::File) {
                let content = this.take();
                if let Err(error) = this.check(matches!(this.state, State::After)) {
                    return fail(this, error);
                }
                if let Some(content) = content {
                    return Poll::Ready(Some(Ok(content)));
                }
            }
            if matches!(this.state, State::Ended) {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let (State::File, Some(data)) = (&this.state, frame.data_ref()) {
                        this.buffer.extend_from_slice(data);
                    }
                }
                None if matches!(this.state, State::After) => this.state = State::Ended,
                Some(Err(_)) | None => return fail(this, plain(S3ErrorCode::IncompleteBody)),
            }
        }
    }
}

impl ByteStream for FileStream {}
