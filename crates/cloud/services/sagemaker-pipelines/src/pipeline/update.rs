//! `UpdatePipeline`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{Kind, body, fields, hidden, user};
use serde_json::{Value, json};

use super::create::ELSEWHERE;
use super::version;

/// A new definition is a new version.
pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = version::named(call)?;
    if sm.env().store.shared(&key).await?.is_none() {
        return Err(Kind::PIPELINE.missing(&arn));
    }
    let definition = super::given(sm, call).await?;
    sm.check_role(call, call.text("RoleArn"), &arn).await?;
    let given = body(call, &[ELSEWHERE, &["PipelineName"]].concat());
    let now = call.now.as_millisecond();
    let changed = sm
        .change_with(Kind::PIPELINE, &key, |record, batch| {
            let mut number = version::latest(record);
            if let Some(definition) = &definition {
                number += 1;
                batch.push(version::insert(&key, number, definition, now));
            }
            record.modified = now;
            let stored = fields(record)?;
            stored.extend(given.clone());
            stored.insert("LastModifiedBy".to_owned(), user(call));
            hidden(stored).insert("version".to_owned(), json!(number));
            Ok(number)
        })
        .await?;
    let number = changed.ok_or_else(|| Kind::PIPELINE.missing(&arn))?;
    Ok(json!({ "PipelineArn": arn, "PipelineVersionId": number }))
}
