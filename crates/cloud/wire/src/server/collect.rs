//! Bodies that are read whole: how long they may be, how long they may take, and how much of them is held unbelieved.

use std::sync::Arc;

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::body::{BodyError, RequestBody};
use super::limits::Limits;
use crate::protocol::Wire;
use sagewright_cloud_core::api::ApiError;

/// Longest body of a request that comes unsigned.
pub(super) const MAX_UNSIGNED: usize = 256 * 1024;
/// Bodies up to this length are not counted: the number of connections bounds them.
const SMALL: usize = 16 * 1024;
/// The most that S3 keeps of a form.
const FORM: usize = 64 << 20;

/// Holds room for a body whose signature is not checked yet.
pub(super) type Room = Option<OwnedSemaphorePermit>;

/// Reads bodies whole, within bounds.
pub struct Collector {
    limits: Limits,
    longest: usize,
    room: Arc<Semaphore>,
}

impl Collector {
    /// With the longest body, in bytes, of services that have no limit of their own.
    #[must_use]
    pub fn new(limits: Limits, longest: usize) -> Self {
        let room = Arc::new(Semaphore::new(limits.unverified_bytes as usize));
        Self { limits, longest, room }
    }

    /// The longest body, in bytes, of services that have no limit of their own.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The body of a request to a service, and the room that it takes until it is believed.
    pub(super) async fn collect(
        &self,
        id: &str,
        wire: Wire,
        body: &mut RequestBody,
    ) -> Result<(Bytes, Room), ApiError> {
        // SageMaker's own limit for an invocation, 25 MiB, is checked against the model.
        let limit = if id == "sagemaker-runtime" { self.longest.max(26 * 1024 * 1024) } else { self.longest };
        self.collect_at_most(limit, wire, body).await
    }

    /// The same with a limit of its own.
    pub(super) async fn collect_at_most(
        &self,
        limit: usize,
        wire: Wire,
        body: &mut RequestBody,
    ) -> Result<(Bytes, Room), ApiError> {
        let announced = body.size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if announced.is_some_and(|length| length > limit) {
            return Err(too_long(limit));
        }
        let room = self.room(announced.unwrap_or(limit)).await?;
        match timeout(self.limits.body_within, Limited::new(body, limit).collect()).await {
            Ok(Ok(collected)) => Ok((collected.to_bytes(), room)),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long(limit)),
            Ok(Err(error)) => match error.downcast_ref::<BodyError>() {
                Some(stalled @ BodyError::Stalled { .. }) => Err(too_slow(wire, &stalled.to_string())),
                _ => {
                    tracing::debug!(%error, "a request body was cut short");
                    let message =
                        "The request body ended before the length that Content-Length names; nothing was done";
                    Err(ApiError::new("IncompleteBody", 400, message))
                }
            },
            Err(_) => {
                let seconds = self.limits.body_within.as_secs();
                Err(too_slow(wire, &format!("the request body was not there within {seconds} seconds")))
            }
        }
    }

    /// Room for a form upload, which S3 reads whole.
    pub(super) async fn room_for_form(&self, body: &RequestBody) -> Result<Room, ApiError> {
        let announced = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
        self.room(announced.unwrap_or(FORM).min(FORM)).await
    }

    async fn room(&self, bytes: usize) -> Result<Room, ApiError> {
        if bytes <= SMALL {
            return Ok(None);
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.limits.unverified_bytes);
        match timeout(self.limits.room_within, Arc::clone(&self.room).acquire_many_owned(bytes)).await {
            Ok(Ok(room)) => Ok(Some(room)),
            Ok(Err(_)) | Err(_) => {
                let message = format!(
                    "The bodies of other requests, whose signatures are not checked yet, take all of the {} bytes that there are \
                     for them; try again",
                    self.limits.unverified_bytes
                );
                Err(ApiError::new("ServiceUnavailable", 503, message))
            }
        }
    }
}

fn too_long(limit: usize) -> ApiError {
    let message = format!("The request body is longer than {limit} bytes");
    ApiError::new("RequestEntityTooLargeException", 413, message)
}

fn too_slow(wire: Wire, why: &str) -> ApiError {
    let code = if wire.is_xml() { "RequestTimeout" } else { "RequestTimeoutException" };
    ApiError::new(code, 408, format!("{why}; nothing was done"))
}
