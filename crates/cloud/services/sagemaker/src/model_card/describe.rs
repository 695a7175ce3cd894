//! `DescribeModelCard`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{describe as described, seconds};
use serde_json::{Value, json};

use super::{card, content, numbered};

pub(crate) async fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let card = card(sm, call).await?;
    let version = numbered(sm, &card, &call.input["ModelCardVersion"]).await?;
    let mut out = described(Kind::MODEL_CARD, card);
    for member in ["ModelCardVersion", "ModelCardStatus", "Content", "LastModifiedBy"] {
        out.insert(member.to_owned(), version.body[member].clone());
    }
    out.insert("LastModifiedTime".to_owned(), seconds(version.modified));
    if call.text("IncludedData") == Some("MetadataOnly") {
        let sanitized = content::metadata(version.body["Content"].as_str().unwrap_or_default());
        out.insert("Content".to_owned(), json!(sanitized));
    }
    Ok(Value::Object(out))
}
