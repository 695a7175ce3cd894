use serde_json::{Value, json};

use super::super::page::page;
use super::super::users::user_name;
use super::super::{Iam, seconds};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::KeyStatus;

pub(in super::super) async fn list(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let user = user_name(call)?;
    iam.find(call, "user", &user).await?;
    let keys = iam.identity.keys(&call.caller.account, &user).await?.into_iter().map(|key| {
        let status = if key.status == KeyStatus::Active { "Active" } else { "Inactive" };
        let created = seconds(key.created);
        let value = json!({"UserName": user, "AccessKeyId": key.id, "Status": status, "CreateDate": created});
        (key.id, value)
    });
    let mut items: Vec<(String, Value)> = keys.collect();
    items.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    page(call, "AccessKeyMetadata", items)
}
