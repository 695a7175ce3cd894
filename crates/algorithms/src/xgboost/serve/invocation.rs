//! From a request to an answer.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use super::super::data::{self, ContentType, Matrix};
use super::model::Model;
use super::response::{self, Accept};
use super::selection;
use super::settings::Settings;
use crate::log;

/// An answer: status, content type and body.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) mime: &'static str,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn text(status: StatusCode, text: String) -> Self {
        Self { status, mime: "text/html; charset=utf-8", body: text.into() }
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self::text(status, String::new())
    }
}

/// The model with the settings of the server.
pub(super) struct Service {
    model: Model,
    pub(super) settings: Settings,
}

impl Service {
    pub(super) fn new(model: Model, settings: Settings) -> Self {
        Self { model, settings }
    }

    /// What a batch transform asks for before it starts.
    pub(super) fn execution_parameters(&self) -> Answer {
        let body = format!(
            r#"{{"MaxConcurrentTransforms": {}, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": {}}}"#,
            self.settings.workers,
            self.settings.max_content / (1024 * 1024)
        );
        Answer { status: StatusCode::OK, mime: "application/json", body: body.into() }
    }

    /// Answers `POST /invocations`.
    pub(super) fn invoke(&self, headers: &HeaderMap, body: &[u8]) -> Answer {
        if body.is_empty() {
            return Answer::empty(StatusCode::NO_CONTENT);
        }
        self.try_invoke(headers, body).unwrap_or_else(|(status, reason)| {
            log::error(&reason);
            Answer::text(status, reason)
        })
    }

    fn try_invoke(&self, headers: &HeaderMap, body: &[u8]) -> Result<Answer, (StatusCode, String)> {
        let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let unsupported = |reason: String| (StatusCode::UNSUPPORTED_MEDIA_TYPE, reason);
        let content = ContentType::parse(text(header::CONTENT_TYPE)).map_err(unsupported)?;
        let mut matrix = parse(content, body).map_err(unsupported)?;
        let bad = |reason: String| (StatusCode::BAD_REQUEST, format!("Unable to evaluate payload provided: {reason}"));
        self.check_features(content, &matrix).map_err(bad)?;
        // Columns that the rows do not reach are missing values; XGBoost wants to see all of them.
        matrix.widen(self.model.features);
        let prediction = self.model.predict(&matrix).map_err(|error| {
            let reason = error.to_string();
            bad(reason.split("\nStack trace:").next().unwrap_or_default().to_owned())
        })?;
        let accept = Accept::parse(text(header::ACCEPT), &self.settings.accept)
            .map_err(|reason| (StatusCode::NOT_ACCEPTABLE, reason))?;
        let batch = self.settings.batch;
        let body = match &self.settings.selection {
            None => response::scores(&prediction, accept, batch),
            Some(selected) => {
                let Model { objective, classes, .. } = &self.model;
                selection::body(&prediction, selected, objective, *classes, accept, batch)
                    .map_err(|reason| (StatusCode::INTERNAL_SERVER_ERROR, reason))?
            }
        };
        Ok(Answer { status: StatusCode::OK, mime: accept.mime(), body: body.into() })
    }

    /// The image's rule: CSV has the model's features, or one less; LIBSVM has no index beyond them.
    fn check_features(&self, content: ContentType, matrix: &Matrix) -> Result<(), String> {
        let (model, found) = (self.model.features, matrix.columns());
        match content {
            ContentType::Csv if found != model && found + 1 != model => Err(format!(
                "Feature size of csv inference data {found} is not consistent with feature size of trained model {model}."
            )),
            ContentType::Libsvm if found > model => Err(format!(
                "Feature size of libsvm inference data {found} is larger than feature size of trained model {model}."
            )),
            _ => Ok(()),
        }
    }
}

fn parse(content: ContentType, body: &[u8]) -> Result<Matrix, String> {
    let (name, parsed) = match content {
        ContentType::Csv => ("csv", data::request_csv(body)),
        ContentType::Libsvm => ("libsvm", data::request_libsvm(body)),
    };
    let refused = |reason: String| {
        format!("Loading {name} data failed with Exception, please ensure data is in {name} format:\n {reason}")
    };
    let matrix = parsed.map_err(|error| refused(error.to_string()))?;
    if matrix.rows() == 0 {
        return Err(refused("expected at least one row, found only blank lines".to_owned()));
    }
    if matrix.has_infinite() {
        // The library checks this in training only, the image in requests too.
        return Err(refused(
            "Input data contains `inf` or a value too large, while `missing` is not set to `inf`".to_owned(),
        ));
    }
    Ok(matrix)
}
