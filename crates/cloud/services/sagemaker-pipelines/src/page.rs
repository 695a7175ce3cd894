//! Pages of records that belong to a pipeline.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Order, Query, Record};
pub(crate) use sagewright_cloud_sagemaker_base::listing::limit;
use sagewright_cloud_sagemaker_base::listing::{millis, page_of};
use sagewright_cloud_sagemaker_base::{SageMaker, token};
use serde_json::{Map, Value};

/// A page of the records of a kind that pass filters, and the token of the next one.
///
/// # Errors
/// A filter cannot be read, or the token is not of this listing.
pub(crate) async fn records(
    sm: &SageMaker,
    call: &Call,
    kind: &str,
    mut filters: Vec<Filter>,
    order: Order,
) -> Result<(Vec<Record>, Option<String>), ApiError> {
    for (member, filter) in
        [("CreatedAfter", Filter::CreatedAfter as fn(f64) -> Filter), ("CreatedBefore", Filter::CreatedBefore)]
    {
        if let Some(time) = call.input.get(member).filter(|time| !time.is_null()) {
            filters.push(filter(millis(member, time)?));
        }
    }
    let query = Query {
        filters,
        order,
        descending: call.text("SortOrder") != Some("Ascending"),
        ..Query::all(&call.caller.account, &call.region, kind)
    };
    page_of(sm, call, query).await
}

/// A page of what is in memory, by its place.
///
/// # Errors
/// The token is not of this listing.
pub(crate) fn items<T>(call: &Call, mut all: Vec<T>, usual: usize) -> Result<(Vec<T>, Option<String>), ApiError> {
    let from = match call.text("NextToken").filter(|token| !token.is_empty()) {
        Some(token) => token::open(call, token)?.0.as_u64().and_then(|at| usize::try_from(at).ok()).unwrap_or(0),
        None => 0,
    };
    all.drain(..from.min(all.len()));
    let limit = limit(call, usual);
    let more = all.len() > limit;
    all.truncate(limit);
    Ok((all, more.then(|| token::seal(call, &Value::from(from + limit), ""))))
}

/// The output of a listing.
pub(crate) fn output(member: &str, items: Vec<Value>, next: Option<String>) -> Value {
    let mut out = Map::from_iter([(member.to_owned(), Value::Array(items))]);
    out.extend(next.map(|token| ("NextToken".to_owned(), Value::String(token))));
    Value::Object(out)
}
