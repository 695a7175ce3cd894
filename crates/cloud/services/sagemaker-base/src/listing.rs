//! Listings: filters, order and pages, the same for all kinds.
//!
//! A page ends at an item, and its token says which: what is added or removed meanwhile moves nothing.

use jiff::Timestamp;
use rusqlite::types::Value as Sql;
use serde_json::{Map, Value};

use super::resource::{self, Kind, pick};
use super::{SageMaker, token};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::store::{Key, Record, StoreError};

/// SageMaker's page size where the request names none.
const PAGE: i64 = 10;

/// Orders versions by number: `group/000000010` comes after `group/000000009`.
const BY_NAME: &str = "CASE WHEN instr(name, '/') > 0 \
    THEN substr(name, 1, instr(name, '/')) || printf('%09d', substr(name, instr(name, '/') + 1)) ELSE name END";

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
    pub filters: Vec<(&'static str, Sql)>,
}

/// Answers a list operation.
pub fn list(sm: &SageMaker, call: &Call, listing: &Listing) -> Result<Value, ApiError> {
    let (records, next) = page(sm, call, listing)?;
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
pub fn page(sm: &SageMaker, call: &Call, listing: &Listing) -> Result<(Vec<Record>, Option<String>), ApiError> {
    let input = |member: &str| call.input.get(member).filter(|v| !v.is_null());
    // Kinds spell it in their own ways: `CREATION_TIME`, `CreateDate`, `HubName`.
    let sort = match call.text("SortBy").map(|by| by.replace('_', "").to_ascii_lowercase()).as_deref() {
        Some(by) if by.contains("modified") => "modified",
        Some(by) if by.ends_with("name") => BY_NAME,
        Some(by) if by.ends_with("status") => "status",
        _ => "created",
    };
    let descending = call.text("SortOrder").map_or(listing.descending, |order| order == "Descending");
    // SageMaker takes a page and filters that: with these two a page can be short or empty and still have a successor
    // (the service model's text on `MaxResults` of ListTrainingJobs).
    let part = call.text("NameContains").map(str::to_ascii_lowercase);
    let status = call.text("StatusEquals");
    let limit = input("MaxResults").and_then(Value::as_i64).unwrap_or(PAGE);

    let mut sql = format!(
        "SELECT name, arn, status, created, modified, body, {sort} AS position, {BY_NAME} AS tie \
         FROM record WHERE account = ? AND region = ? AND kind = ?"
    );
    let mut values: Vec<Sql> =
        [&*call.caller.account, &*call.region, listing.kind.as_str()].map(|text| Sql::Text(text.to_owned())).into();
    for (member, condition) in [
        ("CreationTimeAfter", "created > ?"),
        ("CreationTimeBefore", "created < ?"),
        ("CreatedAfter", "created > ?"),
        ("CreatedBefore", "created < ?"),
        ("ModifiedTimeAfter", "modified > ?"),
        ("ModifiedTimeBefore", "modified < ?"),
        ("LastModifiedTimeAfter", "modified > ?"),
        ("LastModifiedTimeBefore", "modified < ?"),
    ] {
        if let Some(time) = input(member) {
            condition_on(&mut sql, &mut values, condition, Sql::Real(millis(member, time)?));
        }
    }
    for (condition, value) in &listing.filters {
        condition_on(&mut sql, &mut values, condition, value.clone());
    }
    if let Some(token) = call.text("NextToken").filter(|t| !t.is_empty()) {
        let (position, tie) = token::open(call, token)?;
        let position =
            position.as_i64().map_or_else(|| Sql::Text(position.as_str().unwrap_or_default().to_owned()), Sql::Integer);
        sql.push_str(&format!(" AND (position, tie) {} (?, ?)", if descending { "<" } else { ">" }));
        values.extend([position, Sql::Text(tie)]);
    }
    let order = if descending { "DESC" } else { "ASC" };
    sql.push_str(&format!(" ORDER BY position {order}, tie {order} LIMIT ?"));
    values.push(Sql::Integer(limit + 1));

    let mut rows = fetch(sm, call, listing.kind, &sql, values)?;
    let more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = rows.last().filter(|_| more).map(|(_, position, tie)| token::seal(call, position, tie));
    let records = rows.into_iter().map(|(record, ..)| record).filter(|record| {
        part.as_deref().is_none_or(|part| record.key.name.contains(part)) && status.is_none_or(|s| record.status == s)
    });
    Ok((records.collect(), next))
}

fn condition_on(sql: &mut String, values: &mut Vec<Sql>, condition: &str, value: Sql) {
    sql.push_str(" AND ");
    sql.push_str(condition);
    if condition.contains('?') {
        values.push(value);
    }
}

/// A record with its place in the order.
type Row = (Record, Value, String);

fn fetch(sm: &SageMaker, call: &Call, kind: Kind, sql: &str, values: Vec<Sql>) -> Result<Vec<Row>, ApiError> {
    let failed = |source| StoreError::Database { verb: "read", source };
    let connection = sm.env().store.connection();
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| {
        let name: String = row.get(0)?;
        let record = Record {
            key: Key::new(&call.caller.account, &call.region, kind.as_str(), &name),
            arn: row.get(1)?,
            status: row.get(2)?,
            created: row.get(3)?,
            modified: row.get(4)?,
            body: Value::Null,
        };
        let position = match row.get(6)? {
            Sql::Integer(n) => Value::from(n),
            Sql::Text(text) => Value::String(text),
            _ => Value::Null,
        };
        Ok((record, row.get::<_, String>(5)?, position, row.get(7)?))
    });
    let mut out = Vec::new();
    for row in rows.map_err(failed)? {
        let (mut record, body, position, tie) = row.map_err(failed)?;
        record.body = serde_json::from_str(&body).map_err(|source| StoreError::Damaged {
            kind: kind.as_str().to_owned(),
            name: record.key.name.clone(),
            source,
        })?;
        out.push((record, position, tie));
    }
    Ok(out)
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
