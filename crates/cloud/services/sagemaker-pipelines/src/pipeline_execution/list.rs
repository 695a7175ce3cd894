//! `ListPipelineExecutions`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Order, Record};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{Kind, locate, required, seconds};
use serde_json::{Value, json};

use crate::page;

pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (pipeline, arn) = locate(call, Kind::PIPELINE, required(call, "PipelineName")?)?;
    if sm.env().store.shared(&pipeline).await?.is_none() {
        return Err(Kind::PIPELINE.missing(&arn));
    }
    let order = if call.text("SortBy") == Some("PipelineExecutionArn") { Order::Name } else { Order::Created };
    let start = format!("{}/", pipeline.name);
    let (records, next) = page::records(sm, call, Kind::PIPELINE_EXECUTION.as_str(), &start, order).await?;
    Ok(page::output("PipelineExecutionSummaries", records.iter().map(summary).collect(), next))
}

fn summary(record: &Record) -> Value {
    let mut out = json!({
        "PipelineExecutionArn": record.arn,
        "StartTime": seconds(record.created),
        "PipelineExecutionStatus": record.status,
    });
    if let Value::Object(map) = &mut out {
        for (shown, member) in [
            ("PipelineExecutionDescription", "PipelineExecutionDescription"),
            ("PipelineExecutionDisplayName", "PipelineExecutionDisplayName"),
            ("PipelineExecutionFailureReason", "FailureReason"),
        ] {
            map.extend(record.body.get(member).map(|value| (shown.to_owned(), value.clone())));
        }
    }
    out
}
