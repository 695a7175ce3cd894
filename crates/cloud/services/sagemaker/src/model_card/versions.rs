//! `ListModelCardVersions`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Filter;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::listing::{self, Listing};
use sagewright_cloud_sagemaker_base::resource::{pick, seconds};
use serde_json::{Map, Value, json};

use super::{VERSION, card, id};

/// A page of versions, the latest first; a filter by a status makes it shorter.
pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let card = card(sm, call).await?;
    let filters = vec![Filter::NameStarts(format!("{}/", id(&card)))];
    let listing = Listing { kind: VERSION, result: "", summary: &[], descending: true, filters };
    let (records, next) = listing::page(sm, call, &listing).await?;
    let status = call.text("ModelCardStatus");
    let found =
        records.into_iter().filter(|record| status.is_none_or(|wanted| record.body["ModelCardStatus"] == wanted));
    let summaries = found.map(|record| {
        let mut shown: Map<String, Value> = record.body.as_object().cloned().unwrap_or_default();
        shown.insert("CreationTime".to_owned(), seconds(record.created));
        shown.insert("LastModifiedTime".to_owned(), seconds(record.modified));
        let members = [
            "ModelCardName",
            "ModelCardArn",
            "ModelCardStatus",
            "ModelCardVersion",
            "CreationTime",
            "LastModifiedTime",
        ];
        pick(shown, &members)
    });
    let mut out = json!({ "ModelCardVersionSummaryList": summaries.collect::<Vec<_>>() });
    if let Some(next) = next {
        out["NextToken"] = json!(next);
    }
    Ok(out)
}
