//! Tags of alarms.

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Record, Write};

use super::own;
use crate::input::{list, texts};
use crate::{CloudWatch, invalid, unsupported, validation};

/// AWS's limit.
const MOST: usize = 50;

/// `TagResource`
pub(crate) async fn tag(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    let record = named(cloudwatch, call).await?;
    let new = given(call)?;
    let mut all = cloudwatch.watch.store.tags_of(&record.arn).await?;
    all.retain(|(key, _)| new.iter().all(|(known, _)| known != key));
    if all.len() + new.len() > MOST {
        return Err(too_many());
    }
    cloudwatch.watch.store.write(Write::PutTags { arn: record.arn, tags: new }).await?;
    Ok(json!({}))
}

/// `UntagResource`
pub(crate) async fn untag(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    let record = named(cloudwatch, call).await?;
    let keys = texts(&call.input, "TagKeys").into_iter().map(str::to_owned).collect();
    cloudwatch.watch.store.write(Write::DeleteTags { arn: record.arn, keys }).await?;
    Ok(json!({}))
}

/// `ListTagsForResource`
pub(crate) async fn list_of(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    let record = named(cloudwatch, call).await?;
    let tags = cloudwatch.watch.store.tags_of(&record.arn).await?.into_iter();
    Ok(json!({"Tags": tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect::<Vec<_>>()}))
}

/// The `Tags` of an input.
pub(super) fn given(call: &Call) -> Result<Vec<(String, String)>, ApiError> {
    let text = |tag: &Value, member: &str| tag[member].as_str().unwrap_or_default().to_owned();
    let tags: Vec<_> = list(&call.input, "Tags").iter().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect();
    let mut keys: Vec<&String> = tags.iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(invalid("The parameter Tags must not have the same key twice."));
    }
    if keys.iter().any(|key| key.to_lowercase().starts_with("aws:")) {
        return Err(validation("Tag keys that begin with aws: are reserved."));
    }
    if tags.len() > MOST {
        return Err(too_many());
    }
    Ok(tags)
}

fn too_many() -> ApiError {
    invalid(format!("A resource has at most {MOST} tags."))
}

/// The alarm that a request names by its ARN.
async fn named(cloudwatch: &CloudWatch, call: &Call) -> Result<Record, ApiError> {
    let arn = call.text("ResourceARN").unwrap_or_default();
    let of = ["insight-rule/", "metric-stream/", "dashboard/", "slo/", "alarm-mute-rule:"];
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    if of.iter().any(|kind| resource.starts_with(kind)) {
        return Err(unsupported(&format!("A tag of {resource}"), "tag alarms"));
    }
    let Some(name) = resource.strip_prefix("alarm:") else {
        return Err(invalid(format!("The value {arn} for parameter ResourceARN is not the ARN of an alarm.")));
    };
    let found = cloudwatch.watch.store.record(&own(call, name)).await?;
    found.filter(|record| record.arn == arn).ok_or_else(|| {
        let mut error = ApiError::new("ResourceNotFoundException", 404, format!("There is no resource {arn}."));
        error.members.insert("ResourceType".to_owned(), "alarm".into());
        error.members.insert("ResourceId".to_owned(), name.into());
        error
    })
}
