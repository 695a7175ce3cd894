use serde_json::{Value, json};

use super::super::{Iam, name, refuse_members};
use super::to_output;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::unique_id;

pub(in super::super) async fn create(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    refuse_members(call, &["PermissionsBoundary"])?;
    let body = json!({"Path": call.text("Path").unwrap_or("/"), "UserId": unique_id("AIDA")});
    let (record, tags) = iam.insert(call, "user", name(call, "UserName"), body).await?;
    let mut user = to_output(call, &record);
    user["Tags"] = tags;
    Ok(json!({"User": user}))
}
