//! `List…` of a recorded kind: result, summaries and filters as the service model has them.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_model::Shape;
use serde_json::{Map, Value};

use super::{describe, known};
use crate::kind::{Kind, Naming};
use crate::listing::{self, Listing};
use crate::resource::seconds;
use crate::{SageMaker, refuse};

/// Members of list requests that all listings heed.
const COMMON: &[&str] = &[
    "NextToken",
    "MaxResults",
    "SortBy",
    "SortOrder",
    "NameContains",
    "StatusEquals",
    "CreationTimeAfter",
    "CreationTimeBefore",
    "CreatedAfter",
    "CreatedBefore",
    "LastModifiedTimeAfter",
    "LastModifiedTimeBefore",
    "ModifiedTimeAfter",
    "ModifiedTimeBefore",
];

/// Member of listings that the record itself knows.
const MODIFIED: &str = "LastModifiedTime";

/// Lists resources. Only members that the listing has are in the answer.
///
/// # Errors
/// A filter that is not heeded here, or a token of another listing.
pub async fn list(sm: &SageMaker, call: &Call, kind: Kind) -> Result<Value, ApiError> {
    let output = call.service.output(&call.operation.name);
    let (member, item) = output
        .and_then(|o| result(call, o))
        .ok_or_else(|| ApiError::internal(format!("{} has no list of {}", call.operation.name, kind.0.noun)))?;
    let mut after = Vec::new();
    for (name, value) in call.input.as_object().into_iter().flatten() {
        if value.is_null() || COMMON.contains(&name.as_str()) {
            continue;
        }
        let field = name.strip_suffix("Contains").or_else(|| name.strip_suffix("Equals")).unwrap_or(name);
        if !is_name(kind, field) && !shows(call, kind, field) {
            return Err(refuse::unsupported(name));
        }
        let part = name.ends_with("Contains");
        // `UserProfileNameContains` is about the member, whatever other names are beside it.
        after.push((field.to_owned(), value.clone(), part));
    }
    let listing = Listing { kind, result: "", summary: &[], descending: !kind.0.listed_ascending, filters: Vec::new() };
    let (records, next) = listing::page(sm, call, &listing).await?;
    let items: Vec<Value> = records
        .into_iter()
        .map(|record| {
            let modified = record.modified;
            let mut shown = describe::shown(kind, record);
            // Some kinds tell it in their listing alone.
            shown.entry(MODIFIED).or_insert_with(|| seconds(modified));
            shown
        })
        .filter(|shown| after.iter().all(|(field, value, part)| fits(shown, field, value, *part)))
        .map(|shown| known(call.service, item, shown))
        .collect();
    let mut out = Map::from_iter([(member.to_owned(), Value::Array(items))]);
    if let Some(token) = next {
        out.insert("NextToken".to_owned(), Value::String(token));
    }
    Ok(Value::Object(out))
}

/// The member of a list's output that holds the summaries, and their shape.
pub(super) fn result<'a>(call: &Call, output: &'a Shape) -> Option<(&'a str, &'static Shape)> {
    output.members.iter().find_map(|(name, member)| {
        let list = call.service.target(member)?.member.as_ref()?;
        Some((*name, call.service.target(list)?))
    })
}

/// Whether answers can show a member.
fn shows(call: &Call, kind: Kind, field: &str) -> bool {
    let output = call.service.output(&format!("Describe{}", kind.0.noun));
    output.is_some_and(|o| o.members.contains_key(field)) || kind.0.aliases.iter().any(|(member, _)| *member == field)
}

fn is_name(kind: Kind, field: &str) -> bool {
    match kind.0.naming {
        Naming::Members(names) => names.last().is_some_and(|last| *last == field || last.ends_with(field)),
        Naming::Id { .. } => field == "Name",
    }
}

/// Whether a member equals a value, or contains it.
fn fits(shown: &Map<String, Value>, field: &str, value: &Value, part: bool) -> bool {
    match (shown.get(field), part) {
        (Some(found), false) => found == value,
        (Some(found), true) => match (found.as_str(), value.as_str()) {
            (Some(found), Some(value)) => found.contains(value),
            _ => false,
        },
        (None, _) => false,
    }
}
