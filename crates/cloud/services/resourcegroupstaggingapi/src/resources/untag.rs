//! `UntagResources`

use serde_json::Value;

use crate::Tagging;
use crate::owner::Change;
use sagewright_cloud_core::api::{ApiError, Call};

pub(crate) async fn untag(tagging: &Tagging, call: &Call) -> Result<Value, ApiError> {
    super::change(tagging, call, Change::Remove(&call.input["TagKeys"])).await
}
