//! `UpdatePipelineExecution`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{Kind, body, fields, user};
use serde_json::{Value, json};

use super::{find, stop};
use crate::execution::step::Event;

pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = find(sm, call).await?;
    if let Some(limit) = stop::limit(call) {
        stop::tell_of(sm, &record, Event::Limit(limit)).await?;
    }
    let given = body(call, &["PipelineExecutionArn", "ParallelismConfiguration"]);
    let now = call.now.as_millisecond();
    let changed = sm.change(Kind::PIPELINE_EXECUTION, &record.key, |record| {
        record.modified = now;
        let stored = fields(record)?;
        stored.extend(given.clone());
        stored.insert("LastModifiedBy".to_owned(), user(call));
        Ok(())
    });
    changed.await?.ok_or_else(|| Kind::PIPELINE_EXECUTION.missing(&record.arn))?;
    Ok(json!({ "PipelineExecutionArn": record.arn }))
}
