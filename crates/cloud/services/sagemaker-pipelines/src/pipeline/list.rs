//! `ListPipelines`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Order};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{self, Kind, pick};
use serde_json::Value;

use super::describe::last_run;
use crate::page;

const SUMMARY: &[&str] = &[
    "PipelineArn",
    "PipelineName",
    "PipelineDisplayName",
    "PipelineDescription",
    "RoleArn",
    "CreationTime",
    "LastModifiedTime",
    "LastExecutionTime",
];

pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // Pipelines that AWS manages are not here.
    if call.text("ManagedBy") == Some("AWS") {
        return Ok(page::output("PipelineSummaries", Vec::new(), None));
    }
    let prefix = call.text("PipelineNamePrefix").unwrap_or_default().to_ascii_lowercase();
    let order = if call.text("SortBy") == Some("Name") { Order::Name } else { Order::Created };
    let (records, next) =
        page::records(sm, call, Kind::PIPELINE.as_str(), vec![Filter::NameStarts(prefix)], order).await?;
    let summaries = records.into_iter().map(|record| {
        let ran = last_run(&record);
        let mut shown = resource::describe(Kind::PIPELINE, record);
        shown.extend(ran.map(|time| ("LastExecutionTime".to_owned(), time)));
        pick(shown, SUMMARY)
    });
    Ok(page::output("PipelineSummaries", summaries.collect(), next))
}
