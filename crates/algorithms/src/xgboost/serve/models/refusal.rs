//! Why a request about models is refused, in the form of awslabs' multi-model-server.

use http::{Method, StatusCode};
use serde_json::json;

use super::super::answer::Answer;
use crate::log;

/// A refused request: the status, the multi-model-server's name for the class, and a sentence.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    status: StatusCode,
    class: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, class: &'static str, message: impl Into<String>) -> Self {
        Self { status, class, message: message.into() }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequestException", message)
    }

    pub(super) fn no_model(name: &str) -> Self {
        let message = format!("Model {name:?} is not loaded; POST /models loads it");
        Self::new(StatusCode::NOT_FOUND, "ModelNotFoundException", message)
    }

    pub(super) fn no_resource(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
    }

    pub(super) fn method(method: &Method, path: &str) -> Self {
        let message = format!("{path} does not answer {method}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowedException", message)
    }

    pub(super) fn conflict(message: String) -> Self {
        Self::new(StatusCode::CONFLICT, "ConflictStatusException", message)
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("A request to load a model has at most {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", message)
    }

    pub(super) fn failed(message: String) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException", message)
    }

    /// Logs the refusal, and makes it an answer.
    pub(super) fn into_answer(self) -> Answer {
        if self.status.is_server_error() {
            log::error(&self.message);
        } else {
            log::warning(&self.message);
        }
        let body = json!({"code": self.status.as_u16(), "type": self.class, "message": self.message});
        Answer::json(self.status, &body)
    }
}
