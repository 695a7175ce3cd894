//! `DescribePipelineExecution`, `DescribePipelineDefinitionForExecution`, `ListPipelineParametersForExecution`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{self, Kind, seconds};
use serde_json::{Value, json};

use super::find;
use crate::execution::machine::Facts;
use crate::expression::text;
use crate::page;
use crate::pipeline::{alias, version};

/// Parameters of a page where the request says nothing.
const PAGE: usize = 100;

pub(crate) async fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = find(sm, call).await?;
    let pipeline = sm.env().store.shared(&version::pipeline(&record.key)).await?;
    let aliases = pipeline.and_then(|pipeline| alias::shown(&pipeline.record, Facts::of(&record).version));
    let mut out = resource::describe(Kind::PIPELINE_EXECUTION, record);
    out.extend(aliases);
    Ok(Value::Object(out))
}

pub(crate) async fn definition(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = find(sm, call).await?;
    let definition = version::definition(sm, &record.key, &Facts::of(&record)).await?;
    Ok(json!({ "PipelineDefinition": definition, "CreationTime": seconds(record.created) }))
}

pub(crate) async fn parameters(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = find(sm, call).await?;
    let all = Facts::of(&record).parameters;
    let all = all.iter().map(|(name, value)| json!({ "Name": name, "Value": text(value) })).collect();
    let (items, next) = page::items(call, all, PAGE)?;
    Ok(page::output("PipelineParameters", items, next))
}
