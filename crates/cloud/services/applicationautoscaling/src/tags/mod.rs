//! Tags of scalable targets.

pub(super) mod list;
pub(super) mod tag;
pub(super) mod untag;

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};

use crate::kept::TARGET;
use crate::{AutoScaling, validation};

/// AWS's limit.
const MOST: usize = 50;

/// The `Tags` of an input.
pub(crate) fn given(call: &Call) -> Result<Vec<(String, String)>, ApiError> {
    let tags = call.input.get("Tags").and_then(Value::as_object);
    let tags: Vec<(String, String)> = tags
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    if tags.iter().any(|(key, _)| key.to_lowercase().starts_with("aws:")) {
        return Err(validation("Tag keys that begin with aws: are reserved."));
    }
    if tags.len() > MOST {
        return Err(too_many(""));
    }
    Ok(tags)
}

fn too_many(arn: &str) -> ApiError {
    of(arn, "TooManyTagsException", format!("A scalable target can have at most {MOST} tags."))
}

fn of(arn: &str, code: &'static str, message: String) -> ApiError {
    let mut error = ApiError::new(code, 400, message);
    error.members.insert("ResourceName".to_owned(), arn.into());
    error
}

/// The ARN of the target that a request names.
async fn named(autoscaling: &AutoScaling, call: &Call) -> Result<String, ApiError> {
    let arn = call.text("ResourceARN").unwrap_or_default();
    let known = autoscaling.store().list(&call.caller.account, &call.region, TARGET).await?;
    match known.into_iter().find(|record| record.arn == arn) {
        Some(record) => Ok(record.arn),
        None => Err(of(arn, "ResourceNotFoundException", format!("There is no scalable target {arn}."))),
    }
}
