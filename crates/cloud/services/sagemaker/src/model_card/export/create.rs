//! `CreateModelCardExportJob`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::objects::{LONGEST_KEY, parse_s3_uri};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::required;
use serde_json::{Value, json};

use super::{STEP, run};
use crate::model_card::{card, key_within, numbered, timer};

const KIND: Kind = Kind::MODEL_CARD_EXPORT_JOB;
const STATUS: &str = "InProgress";

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // Cards are deleted under the same lock, so that no job is left of a card that is gone.
    let _guard = sm.exclusive().await;
    let card = card(sm, call).await?;
    let version = numbered(sm, &card, &call.input["ModelCardVersion"]).await?;
    let name = required(call, "ModelCardExportJobName")?;
    let path = call.input["OutputConfig"]["S3OutputPath"].as_str().unwrap_or_default();
    if parse_s3_uri(path).is_none() {
        return Err(ApiError::validation(format!("S3OutputPath {path} must have the form s3://bucket/prefix.")));
    }
    let now = call.now.as_millisecond();
    let uri = run::uri(path, &version, now);
    let length = parse_s3_uri(&uri).map_or(0, |(_, key)| key.len());
    if length > LONGEST_KEY {
        return Err(ApiError::validation(format!(
            "S3OutputPath is too long: the key of the PDF would have {length} bytes, and a key has at most {LONGEST_KEY}."
        )));
    }
    let arn = format!("{}/export-job/{}", card.arn, name.to_ascii_lowercase());
    let job = Record {
        key: key_within(&card, KIND, &name.to_ascii_lowercase()),
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
    sm.committed(Some(now + STEP));
    Ok(json!({ "ModelCardExportJobArn": arn }))
}
