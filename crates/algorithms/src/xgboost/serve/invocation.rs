//! From a request to an answer.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::super::data::{self, ContentType, Matrix};
use super::answer::Answer;
use super::model::Model;
use super::response::{self, Accept};
use super::selection;
use super::settings::Settings;
use crate::log;

/// A body beyond this size may take long, so other requests of the thread are moved away first.
const LARGE: usize = 64 * 1024;

/// Why the body of a request was not read to its end.
pub(super) enum Unread {
    TooLarge,
    BrokenOff(String),
}

/// Reads the body of a request, of at most `limit` bytes.
pub(super) async fn read(body: Incoming, limit: usize) -> Result<Bytes, Unread> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Err(error) => Err(Unread::BrokenOff(format!("The request broke off: {error}"))),
    }
}

/// A model with the settings of the server, for one request.
pub(super) struct Predictor<'a> {
    pub(super) model: &'a Model,
    pub(super) settings: &'a Settings,
    /// The name that the log gives the model, when there are several.
    pub(super) name: Option<&'a str>,
}

impl Predictor<'_> {
    /// Answers a request for predictions.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let limit = self.settings.max_content;
        let body = match read(body, limit).await {
            Ok(body) => body,
            Err(Unread::TooLarge) => {
                return Answer::text(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!(
                        "The request is larger than {limit} bytes; send less, or set MAX_CONTENT_LENGTH (at most \
                         20971520)"
                    ),
                );
            }
            Err(Unread::BrokenOff(reason)) => return Answer::text(StatusCode::BAD_REQUEST, reason),
        };
        if body.len() > LARGE {
            tokio::task::block_in_place(|| self.predict(&head.headers, &body))
        } else {
            self.predict(&head.headers, &body)
        }
    }

    fn predict(&self, headers: &HeaderMap, body: &[u8]) -> Answer {
        if body.is_empty() {
            return Answer::empty(StatusCode::NO_CONTENT);
        }
        self.try_predict(headers, body).unwrap_or_else(|(status, reason)| {
            match self.name {
                None => log::error(&reason),
                Some(name) => log::error(&format!("{name}: {reason}")),
            }
            Answer::text(status, reason)
        })
    }

    fn try_predict(&self, headers: &HeaderMap, body: &[u8]) -> Result<Answer, (StatusCode, String)> {
        let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let unsupported = |reason: String| (StatusCode::UNSUPPORTED_MEDIA_TYPE, reason);
        let image = self.settings.image;
        let default = if image.csv_by_default { ContentType::Csv } else { ContentType::Libsvm };
        let content = ContentType::of_request(text(header::CONTENT_TYPE), default).map_err(unsupported)?;
        let mut matrix = parse(content, body).map_err(unsupported)?;
        let bad = |reason: String| (StatusCode::BAD_REQUEST, format!("Unable to evaluate payload provided: {reason}"));
        self.check_features(content, &matrix).map_err(bad)?;
        // Columns that the rows do not reach are missing values; XGBoost wants to see all of them.
        matrix.widen(self.model.features);
        let prediction = self.model.predict(&matrix).map_err(|error| {
            let reason = error.to_string();
            bad(reason.split("\nStack trace:").next().unwrap_or_default().to_owned())
        })?;
        let accept = if image.heeds_accept || self.settings.selection.is_some() {
            Accept::parse(text(header::ACCEPT), &self.settings.accept)
                .map_err(|reason| (StatusCode::NOT_ACCEPTABLE, reason))?
        } else {
            Accept::Csv
        };
        let batch = self.settings.batch;
        let body = match &self.settings.selection {
            None => response::scores(&prediction, accept, image.rows, batch),
            Some(selected) => {
                let Model { objective, classes, .. } = self.model;
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
