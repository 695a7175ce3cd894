//! `CreateArtifact`. The other entities are created as all kinds are.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::resource::{body, user};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::{Value, json};

use super::{artifact_id, locate};

/// There can be one artifact of a source: where there is one already, its ARN is the answer, and it stays as it is.
pub async fn artifact(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let kind = Kind::ARTIFACT;
    let tags = tags(call)?;
    let arn = call.arn(&format!("{}/{}", kind.as_str(), artifact_id(&call.input["Source"])));
    let (_, key) = locate(call, &arn)?;
    if sm.env().store.shared(&key).await?.is_none() {
        let mut stored = body(call, &["Tags"]);
        stored.insert("CreatedBy".to_owned(), user(call));
        stored.insert("LastModifiedBy".to_owned(), user(call));
        let now = call.now.as_millisecond();
        let record = Record {
            key: key.clone(),
            arn: arn.clone(),
            status: String::new(),
            created: now,
            modified: now,
            body: Value::Object(stored),
        };
        let inserted = sm.insert_record(kind, record, tags).await;
        // Another request may have come first.
        if inserted.is_err() && sm.env().store.shared(&key).await?.is_none() {
            inserted?;
        }
    }
    Ok(json!({ "ArtifactArn": arn }))
}
