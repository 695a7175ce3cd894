//! `DeleteDataQualityJobDefinition` and the like. A definition that a schedule names stays, or the schedule's runs would fail.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Query};
use sagewright_cloud_sagemaker_base::resource::{locate, required};
use sagewright_cloud_sagemaker_base::{SageMaker, recorded};
use serde_json::Value;

use crate::plan::Type;
use crate::schedule;

pub(crate) async fn data_quality(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    delete(sm, call, Type::DataQuality).await
}

pub(crate) async fn model_quality(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    delete(sm, call, Type::ModelQuality).await
}

pub(crate) async fn model_bias(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    delete(sm, call, Type::ModelBias).await
}

pub(crate) async fn model_explainability(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    delete(sm, call, Type::ModelExplainability).await
}

async fn delete(sm: &SageMaker, call: &Call, monitoring: Type) -> Result<Value, ApiError> {
    let kind = monitoring.kind()?;
    let (key, arn) = locate(call, kind, required(call, "JobDefinitionName")?)?;
    let query = Query {
        filters: vec![Filter::Member(schedule::DEFINITION.to_owned(), schedule::definition(monitoring, &key.name)?)],
        limit: 1,
        ..Query::all(&key.account, &key.region, schedule::KIND.as_str())
    };
    match sm.env().store.find(query).await?.pop() {
        None => recorded::delete::delete(sm, call, kind).await,
        Some(found) => Err(ApiError::validation(format!(
            "The job definition {arn} cannot be deleted: the monitoring schedule {} runs it. Delete the schedule first, or update \
             it to another job definition.",
            found.record.body["MonitoringScheduleName"].as_str().unwrap_or(&found.record.key.name)
        ))),
    }
}
