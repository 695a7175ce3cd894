//! `ListPipelineExecutions`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Order, Record};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{Kind, locate, required, seconds};
use serde_json::{Value, json};

use crate::execution::machine::Facts;
use crate::page;
use crate::pipeline::alias;

pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::PIPELINE, required(call, "PipelineName")?)?;
    let pipeline = sm.env().store.shared(&key).await?.ok_or_else(|| Kind::PIPELINE.missing(&arn))?;
    let order = if call.text("SortBy") == Some("PipelineExecutionArn") { Order::Name } else { Order::Created };
    let mut filters = vec![Filter::NameStarts(format!("{}/", key.name))];
    if let Some(number) = alias::named(call, &pipeline.record)? {
        filters.push(Filter::Member("_.version".to_owned(), number.to_string()));
    }
    let (records, next) = page::records(sm, call, Kind::PIPELINE_EXECUTION.as_str(), filters, order).await?;
    let summaries = records.iter().map(|record| summary(&pipeline.record, record)).collect();
    Ok(page::output("PipelineExecutionSummaries", summaries, next))
}

fn summary(pipeline: &Record, record: &Record) -> Value {
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
        map.extend(alias::shown(pipeline, Facts::of(record).version));
    }
    out
}
