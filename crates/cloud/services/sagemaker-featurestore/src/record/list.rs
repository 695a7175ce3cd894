//! `ListRecords`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Query};
use sagewright_cloud_core::token;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::required;
use serde_json::{Value, json};

use super::Stored;
use crate::error::validation;
use crate::group::Group;
use crate::state::ONLINE;

/// Most identifiers of a page, and how many it has where the request names no number.
const PAGE: u64 = 100;

/// Identifiers in the order of their bytes. Records that are deleted or expired make a page shorter.
pub async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let group = Group::of(sm, call, required(call, "FeatureGroupName")?).await?;
    group.online()?;
    let after = match call.text("NextToken") {
        None => None,
        Some(given) => Some(token::open(call, given).ok_or_else(|| {
            validation("Invalid NextToken: it was not returned by an earlier request for the same records. Start again without it.")
        })?),
    };
    let limit = call.input["MaxResults"].as_u64().unwrap_or(PAGE).min(PAGE);
    let limit = usize::try_from(limit).unwrap_or(1);
    let start = format!("{}/", group.id);
    let query = Query {
        filters: vec![Filter::NameStarts(start.clone())],
        after,
        limit: limit + 1,
        ..Query::all(&group.key.account, &group.key.region, ONLINE)
    };
    let mut found = sm.env().store.find(query).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| token::seal(call, &last.position, &last.tie));
    let (now, deleted) = (call.now.as_millisecond(), call.input["IncludeSoftDeletedRecords"] == true);
    let shown = found.iter().filter(|found| {
        Stored::read(&found.record).is_some_and(|stored| stored.lives(now) && (deleted || !stored.deleted))
    });
    let identifiers: Vec<&str> = shown.filter_map(|found| found.record.key.name.strip_prefix(&start)).collect();
    let mut out = json!({ "RecordIdentifiers": identifiers });
    if let Some(next) = next {
        out["NextToken"] = json!(next);
    }
    Ok(out)
}
