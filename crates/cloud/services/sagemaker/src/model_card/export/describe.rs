//! `DescribeModelCardExportJob`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{describe as described, required};
use serde_json::Value;

use crate::model_card::key_within;

pub(crate) async fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let arn = required(call, "ModelCardExportJobArn")?;
    let missing = || Kind::MODEL_CARD_EXPORT_JOB.missing(arn);
    let (card, job) = arn.rsplit_once("/export-job/").ok_or_else(missing)?;
    let card = sm.find(call, Kind::MODEL_CARD, card).await;
    let card = card.map_err(|error| if error.status < 500 { missing() } else { error })?;
    let key = key_within(&card, Kind::MODEL_CARD_EXPORT_JOB, &job.to_ascii_lowercase());
    let record = sm.env().store.record(&key).await?.ok_or_else(missing)?;
    Ok(Value::Object(described(Kind::MODEL_CARD_EXPORT_JOB, record)))
}
