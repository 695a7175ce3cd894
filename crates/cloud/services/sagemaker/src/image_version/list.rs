//! `ListImageVersions` and `ListAliases`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Filter;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::listing::{self, Listing};
use sagewright_cloud_sagemaker_base::token;
use serde_json::{Value, json};

use super::{image, kind, versions};

pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let image = image(sm, call).await?;
    let listing = Listing {
        kind: kind("ImageVersion")?,
        result: "ImageVersions",
        summary: &[
            "CreationTime",
            "FailureReason",
            "ImageArn",
            "ImageVersionArn",
            "ImageVersionStatus",
            "LastModifiedTime",
            "Version",
        ],
        descending: true,
        filters: vec![Filter::NameStarts(format!("{}/", image.key.name))],
    };
    listing::list(sm, call, &listing).await
}

/// The aliases of an image's versions, in the order of their letters.
pub(crate) async fn aliases(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    /// SageMaker's page size where the request names none.
    const PAGE: u64 = 10;
    let image = image(sm, call).await?;
    let version = call.input.get("Version").filter(|v| !v.is_null());
    let versions = versions(sm, &image.key).await?;
    let found = versions.iter().filter(|v| version.is_none_or(|number| v.body["Version"] == *number));
    let mut aliases: Vec<&str> = found.flat_map(super::aliases).collect();
    aliases.retain(|alias| call.text("Alias").is_none_or(|wanted| wanted == *alias));
    aliases.sort_unstable();
    if let Some(given) = call.text("NextToken").filter(|token| !token.is_empty()) {
        let (_, last) = token::open(call, given)?;
        aliases.retain(|alias| *alias > last.as_str());
    }
    let most = call.input.get("MaxResults").and_then(Value::as_u64).unwrap_or(PAGE);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let more = aliases.len() > most;
    aliases.truncate(most);
    let mut out = json!({ "SageMakerImageVersionAliases": aliases });
    if let Some(last) = aliases.last().filter(|_| more) {
        out["NextToken"] = json!(token::seal(call, &Value::Null, last));
    }
    Ok(out)
}
