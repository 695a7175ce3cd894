//! Listings: filters, order and pages, the same for all kinds.
//!
//! A page ends at an item, and its token says which: what is added or removed meanwhile moves nothing.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::kind::Naming;
use super::resource::{self, Kind, pick};
use super::{SageMaker, token};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Order, Query, Record};

/// SageMaker's page size where the request names none.
pub const PAGE: usize = 10;

/// `MaxResults`, or what counts where the request names none.
#[must_use]
pub fn limit(call: &Call, usual: usize) -> usize {
    let given = call.input.get("MaxResults").and_then(Value::as_u64);
    given.map_or(usual, |n| usize::try_from(n).unwrap_or(usual))
}

/// What a kind's listing adds to what all listings do.
pub struct Listing {
    /// The kind that is listed.
    pub kind: Kind,
    /// Member of the output that holds the summaries.
    pub result: &'static str,
    /// Members of a summary, taken from the described resource.
    pub summary: &'static [&'static str],
    /// AWS's default order differs between kinds.
    pub descending: bool,
    /// Further conditions.
    pub filters: Vec<Filter>,
}

/// Answers a list operation.
pub async fn list(sm: &SageMaker, call: &Call, listing: &Listing) -> Result<Value, ApiError> {
    let (records, next) = page(sm, call, listing).await?;
    let items: Vec<Value> =
        records.into_iter().map(|r| pick(resource::describe(listing.kind, r), listing.summary)).collect();
    let mut out = Map::new();
    out.insert(listing.result.to_owned(), Value::Array(items));
    if let Some(token) = next {
        out.insert("NextToken".to_owned(), Value::String(token));
    }
    Ok(Value::Object(out))
}

/// A page of records, and the token of the next one.
///
/// # Errors
/// A filter cannot be read, or the token is not of this listing.
pub async fn page(sm: &SageMaker, call: &Call, listing: &Listing) -> Result<(Vec<Record>, Option<String>), ApiError> {
    let input = |member: &str| call.input.get(member).filter(|v| !v.is_null());
    // Kinds spell it in their own ways: `CREATION_TIME`, `CreateDate`, `HubName`.
    let order = match call.text("SortBy").map(|by| by.replace('_', "").to_ascii_lowercase()).as_deref() {
        Some(by) if by.contains("modified") => Order::Modified,
        Some(by) if by.ends_with("name") || by == "version" => Order::Name,
        Some(by) if by.ends_with("status") => Order::Status,
        _ => Order::Created,
    };
    let descending =
        call.text("SortOrder").map_or(listing.descending, |order| order.eq_ignore_ascii_case("Descending"));
    // SageMaker takes a page and filters that: with these two a page can be short or empty and still have a successor
    // (the service model's text on `MaxResults` of ListTrainingJobs).
    let part = call.text("NameContains").map(str::to_ascii_lowercase);
    let status = call.text("StatusEquals");

    let mut filters = listing.filters.clone();
    for (member, filter) in [
        ("CreationTimeAfter", Filter::CreatedAfter as fn(f64) -> Filter),
        ("CreationTimeBefore", Filter::CreatedBefore),
        ("CreatedAfter", Filter::CreatedAfter),
        ("CreatedBefore", Filter::CreatedBefore),
        ("LastModifiedTimeAfter", Filter::ModifiedAfter),
        ("LastModifiedTimeBefore", Filter::ModifiedBefore),
        ("ModifiedTimeAfter", Filter::ModifiedAfter),
        ("ModifiedTimeBefore", Filter::ModifiedBefore),
    ] {
        if let Some(time) = input(member) {
            filters.push(filter(millis(member, time)?));
        }
    }
    let query = Query {
        filters,
        order,
        numbered: listing.kind == Kind::MODEL_PACKAGE || matches!(listing.kind.0.naming, Naming::Members([_, _, ..])),
        descending,
        ..Query::all(&call.caller.account, &call.region, listing.kind.as_str())
    };
    let (found, next) = page_of(sm, call, query).await?;
    let records = found.into_iter().filter(|record| {
        part.as_deref().is_none_or(|part| name(listing.kind, record).contains(part))
            && status.is_none_or(|s| record.status == s)
    });
    Ok((records.collect(), next))
}

/// The page of a query that a request asks for with `MaxResults` and `NextToken`, and the token of the next one.
///
/// # Errors
/// The token is not of this listing, or the store failed.
pub async fn page_of(sm: &SageMaker, call: &Call, query: Query) -> Result<(Vec<Record>, Option<String>), ApiError> {
    let after = match call.text("NextToken").filter(|token| !token.is_empty()) {
        Some(token) => Some(token::open(call, token)?),
        None => None,
    };
    let limit = limit(call, PAGE);
    let mut hits = sm.env().store.find(Query { after, limit: limit + 1, ..query }).await?;
    let more = hits.len() > limit;
    hits.truncate(limit);
    let next = hits.last().filter(|_| more).map(|hit| token::seal(call, &hit.position, &hit.tie));
    Ok((hits.into_iter().map(|hit| hit.record).collect(), next))
}

/// What a filter by name looks at, in lower case: a resource with an id has its name elsewhere, and the last of several
/// names is its own.
fn name(kind: Kind, record: &Record) -> String {
    match kind.0.naming {
        Naming::Id { .. } => record.body["Name"].as_str().unwrap_or(&record.key.name).to_ascii_lowercase(),
        Naming::Members([_, _, ..]) => record.key.name.rsplit('/').next().unwrap_or_default().to_owned(),
        Naming::Members(_) => record.key.name.clone(),
    }
}

/// Milliseconds since 1970 of a timestamp as the wire gave it.
pub fn millis(member: &str, value: &Value) -> Result<f64, ApiError> {
    #[allow(clippy::cast_precision_loss)] // microseconds since 1970 are below 2^53
    let time = match value {
        Value::Number(n) => n.as_f64().map(|s| s * 1000.0),
        Value::String(text) => text
            .parse::<Timestamp>()
            .ok()
            .map(|t| t.as_microsecond() as f64 / 1000.0)
            .or_else(|| text.parse::<f64>().ok().map(|s| s * 1000.0)),
        _ => None,
    };
    time.filter(|t| t.is_finite()).ok_or_else(|| {
        ApiError::validation(format!(
            "Invalid value for {member}: expected a timestamp in epoch seconds or ISO 8601, for example 2026-01-31T12:00:00Z"
        ))
    })
}

/// The same of a member that may be left out.
///
/// # Errors
/// As [`millis`].
pub fn optional_millis(name: &str, value: &Value) -> Result<Option<f64>, ApiError> {
    if value.is_null() { Ok(None) } else { millis(name, value).map(Some) }
}
