//! `DescribePipeline`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{self, HIDDEN, Kind, required, seconds};
use serde_json::Value;

use super::{alias, version};

pub(crate) async fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = sm.find(call, Kind::PIPELINE, required(call, "PipelineName")?).await?;
    let number = alias::named(call, &record)?;
    let version = version::find(sm, &record, number).await?;
    let ran = last_run(&record);
    let aliases = alias::shown(&record, version::number(&version));
    let mut out = resource::describe(Kind::PIPELINE, record);
    out.extend(version::shown(&version));
    out.extend(aliases);
    out.extend(ran.map(|time| ("LastRunTime".to_owned(), time)));
    Ok(Value::Object(out))
}

/// When the pipeline was last run.
pub(super) fn last_run(record: &Record) -> Option<Value> {
    record.body[HIDDEN]["ran"].as_i64().map(seconds)
}
