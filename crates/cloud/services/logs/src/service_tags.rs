//! Tags of log groups.

use serde_json::{Map, Value, json};

use super::service::{Request, group_arn, group_of_arn, invalid};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Write;

impl Request {
    /// The ARN that tags are kept under, of a group that exists in the caller's account and region.
    async fn tagged(&self) -> Result<String, ApiError> {
        let tagged = self.files(|streams, call| {
            let given = call.text("resourceArn").unwrap_or_default();
            let group =
                group_of_arn(given).ok_or_else(|| invalid(format!("{given} is not the ARN of a log group.")))?;
            let arn = group_arn(call, group);
            let missing = || ApiError::new("ResourceNotFoundException", 400, "The specified resource does not exist.");
            let own = given == arn || given.strip_suffix(":*") == Some(&arn);
            if own && streams.has_group(&call.caller.account, &call.region, group) { Ok(arn) } else { Err(missing()) }
        });
        tagged.await
    }

    pub(super) async fn tag(&self, call: &Call) -> Result<Value, ApiError> {
        let arn = self.tagged().await?;
        let tags = call.input.get("tags").and_then(Value::as_object).into_iter().flatten();
        let tags: Vec<_> = tags.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect();
        self.store().write(Write::PutTags { arn, tags }).await?;
        Ok(Value::Null)
    }

    pub(super) async fn untag(&self, call: &Call) -> Result<Value, ApiError> {
        let arn = self.tagged().await?;
        let keys = call.input.get("tagKeys").and_then(Value::as_array).into_iter().flatten();
        let keys: Vec<String> = keys.filter_map(|k| Some(k.as_str()?.to_owned())).collect();
        self.store().write(Write::DeleteTags { arn, keys }).await?;
        Ok(Value::Null)
    }

    pub(super) async fn list_tags(&self, _: &Call) -> Result<Value, ApiError> {
        let tags = self.store().tags_of(&self.tagged().await?).await?;
        let tags: Map<String, Value> = tags.into_iter().map(|(key, value)| (key, Value::String(value))).collect();
        Ok(json!({"tags": tags}))
    }
}
