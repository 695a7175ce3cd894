//! `ListModelCardExportJobs`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Filter;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::listing::{self, Listing};
use sagewright_cloud_sagemaker_base::resource::{describe, pick};
use serde_json::{Value, json};

use crate::model_card::{card, id};

const SUMMARY: &[&str] = &[
    "ModelCardExportJobName",
    "ModelCardExportJobArn",
    "Status",
    "ModelCardName",
    "ModelCardVersion",
    "CreatedAt",
    "LastModifiedAt",
];

/// A page of a card's jobs; filters by name and version make it shorter.
pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let kind = Kind::MODEL_CARD_EXPORT_JOB;
    // No error is declared for a card that is not there: it has no jobs.
    let card = match card(sm, call).await {
        Err(error) if error.status < 500 => return Ok(json!({ "ModelCardExportJobSummaries": [] })),
        found => found?,
    };
    let filters = vec![Filter::NameStarts(format!("{}/", id(&card)))];
    let listing = Listing { kind, result: "", summary: &[], descending: true, filters };
    let (records, next) = listing::page(sm, call, &listing).await?;
    let part = call.text("ModelCardExportJobNameContains").map(str::to_ascii_lowercase);
    let version = &call.input["ModelCardVersion"];
    let found = records.into_iter().filter(|record| {
        let name = record.key.name.rsplit('/').next().unwrap_or_default();
        part.as_deref().is_none_or(|part| name.contains(part))
            && (version.is_null() || record.body["ModelCardVersion"] == *version)
    });
    let mut out =
        json!({ "ModelCardExportJobSummaries": found.map(|r| pick(describe(kind, r), SUMMARY)).collect::<Vec<_>>() });
    if let Some(next) = next {
        out["NextToken"] = json!(next);
    }
    Ok(out)
}
