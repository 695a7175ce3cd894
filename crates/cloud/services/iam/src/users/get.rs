use serde_json::{Value, json};

use super::super::{Iam, tags};
use super::{to_output, user_name};
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) fn get(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let record = iam.find(call, "user", &user_name(call)?)?;
    let mut user = to_output(call, &record);
    user["Tags"] = tags::to_output(iam.store.tags(&record.arn)?);
    Ok(json!({"User": user}))
}
