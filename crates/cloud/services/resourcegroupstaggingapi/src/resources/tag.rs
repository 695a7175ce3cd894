//! `TagResources`

use serde_json::Value;

use crate::owner::Change;
use crate::{Tagging, invalid};
use sagewright_cloud_core::api::{ApiError, Call};

pub(crate) async fn tag(tagging: &Tagging, call: &Call) -> Result<Value, ApiError> {
    let tags = &call.input["Tags"];
    let reserved = |key: &String| key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    if tags.as_object().is_some_and(|tags| tags.keys().any(reserved)) {
        return Err(invalid("aws: prefixed tag key names are not allowed for external use."));
    }
    super::change(tagging, call, Change::Add(tags)).await
}
