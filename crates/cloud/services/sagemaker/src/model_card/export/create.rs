//! `CreateModelCardExportJob`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::objects::parse_s3_uri;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::required;
use serde_json::{Value, json};

use super::STEP;
use crate::model_card::{card, numbered, part, timer};

const KIND: Kind = Kind::MODEL_CARD_EXPORT_JOB;
const STATUS: &str = "InProgress";

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let card = card(sm, call).await?;
    let version = numbered(sm, &card, &call.input["ModelCardVersion"]).await?;
    let name = required(call, "ModelCardExportJobName")?;
    let path = call.input["OutputConfig"]["S3OutputPath"].as_str().unwrap_or_default();
    if parse_s3_uri(path).is_none() {
        return Err(ApiError::validation(format!("S3OutputPath {path} must have the form s3://bucket/prefix.")));
    }
    let now = call.now.as_millisecond();
    let arn = format!("{}/export-job/{}", card.arn, name.to_ascii_lowercase());
    let job = Record {
        key: part(&card, KIND, &name.to_ascii_lowercase()),
        arn: arn.clone(),
        status: STATUS.to_owned(),
        created: now,
        modified: now,
        body: json!({
            "ModelCardExportJobName": name,
            "ModelCardName": card.body["ModelCardName"],
            "ModelCardVersion": version.body["ModelCardVersion"],
            "OutputConfig": { "S3OutputPath": path },
        }),
    };
    let mut more = sm.news(KIND, &job, STATUS);
    more.push(timer(&card, "export", Some(&name.to_ascii_lowercase()), now + STEP));
    if !sm.env().store.insert(job, Vec::new(), more).await? {
        return Err(KIND.taken(&arn));
    }
    sm.committed(true);
    Ok(json!({ "ModelCardExportJobArn": arn }))
}
