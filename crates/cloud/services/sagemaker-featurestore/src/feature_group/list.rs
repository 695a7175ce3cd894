//! `ListFeatureGroups`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::features::offline_status;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::listing::{self, Listing};
use sagewright_cloud_sagemaker_base::resource::seconds;
use serde_json::{Value, json};

/// A page of groups; a filter by a status makes it shorter, as SageMaker's listings do.
pub async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let listing =
        Listing { kind: Kind::FEATURE_GROUP, result: "", summary: &[], descending: true, filters: Vec::new() };
    let (records, next) = listing::page(sm, call, &listing).await?;
    let (status, offline) = (call.text("FeatureGroupStatusEquals"), call.text("OfflineStoreStatusEquals"));
    let mut summaries = Vec::new();
    for record in records {
        let store = offline_status(&record);
        let fits = status.is_none_or(|wanted| wanted == record.status)
            && offline.is_none_or(|wanted| store.as_ref().is_some_and(|store| store["Status"] == wanted));
        if !fits {
            continue;
        }
        let mut summary = json!({
            "FeatureGroupName": record.body["FeatureGroupName"],
            "FeatureGroupArn": record.arn,
            "CreationTime": seconds(record.created),
            "FeatureGroupStatus": record.status,
        });
        if let Some(store) = store {
            summary["OfflineStoreStatus"] = store;
        }
        summaries.push(summary);
    }
    let mut out = json!({ "FeatureGroupSummaries": summaries });
    if let Some(next) = next {
        out["NextToken"] = json!(next);
    }
    Ok(out)
}
