use serde_json::{Value, json};

use super::super::{Iam, tags};
use super::{to_output, user_name};
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) async fn get(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let record = iam.find(call, "user", &user_name(call)?).await?;
    let mut user = to_output(call, &record);
    user["Tags"] = tags::to_output(iam.store.tags_of(&record.arn).await?);
    Ok(json!({"User": user}))
}
