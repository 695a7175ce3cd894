//! `GetResources`

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::owner::{Owner, scopes};
use crate::{Tagging, arns, invalid, page, texts};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{TagFilter, TagPage, Tags};

/// Resources on a page where the request names no number.
const PAGE: usize = 50;
/// Types that a request may name (the service model's text on `ResourceTypeFilters`).
const TYPES: usize = 100;

/// Members that cannot stand beside `ResourceARNList`.
const APART: [&str; 5] = ["ResourceTypeFilters", "TagFilters", "ResourcesPerPage", "TagsPerPage", "PaginationToken"];

pub(crate) async fn get(tagging: &Tagging, call: &Call) -> Result<Value, ApiError> {
    for member in ["IncludeComplianceDetails", "ExcludeCompliantResources"] {
        if call.input.get(member).and_then(Value::as_bool) == Some(true) {
            return Err(ApiError::new(
                "NotImplemented",
                501,
                format!("{member} of GetResources is not supported by the embedded cloud; leave it out"),
            ));
        }
    }
    if call.input.get("ResourceARNList").is_some_and(|list| !list.is_null()) {
        named(tagging, call).await
    } else {
        found(tagging, call).await
    }
}

/// The resources that the request names. One that is not there or has no tags is left out.
async fn named(tagging: &Tagging, call: &Call) -> Result<Value, ApiError> {
    let given = |member: &&&str| match call.input.get(**member) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    };
    if let Some(member) = APART.iter().find(given) {
        return Err(invalid(format!(
            "You can't specify both ResourceARNList and {member} in the same request. Leave one of them out."
        )));
    }
    let arns = arns(call)?.into_iter().filter(|(_, arn)| Owner::of(arn).is_some_and(|o| o.found && o.meets(call, arn)));
    let arns: Vec<String> = arns.map(|(text, _)| text.to_owned()).collect();
    let mut tags = tagging.store.tags(arns.clone()).await?;
    let list: Vec<Value> = arns.into_iter().filter_map(|arn| mapping(&mut tags, arn)).collect();
    Ok(json!({"PaginationToken": "", "ResourceTagMappingList": list}))
}

/// The resources that fit the filters, a page of them.
async fn found(tagging: &Tagging, call: &Call) -> Result<Value, ApiError> {
    let most = number(call, "ResourcesPerPage", 1..=100)?.unwrap_or(PAGE);
    let most_tags = number(call, "TagsPerPage", 100..=500)?.unwrap_or(usize::MAX);
    let query = TagPage { scopes: scopes(call, &types(call)?), after: page::after(call)?, limit: most + 1 };
    let mut arns = tagging.store.tagged(query, filters(call)?).await?;
    let mut token = page::cut(call, &mut arns, most);
    let mut tags = tagging.store.tags(arns.clone()).await?;
    let (mut list, mut count) = (Vec::with_capacity(arns.len()), 0);
    let mut last: Option<String> = None;
    for arn in arns {
        // A page takes two reads: what lost its tags in between is not shown.
        count += tags.get(&arn).map_or(0, Vec::len);
        if count > most_tags && last.is_some() {
            token = page::token(call, last.as_deref());
            break;
        }
        last = Some(arn.clone());
        list.extend(mapping(&mut tags, arn));
    }
    Ok(json!({"PaginationToken": token, "ResourceTagMappingList": list}))
}

fn mapping(tags: &mut Tags, arn: String) -> Option<Value> {
    let tags = tags.remove(&arn)?;
    let tags: Vec<Value> = tags.into_iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Some(json!({"ResourceARN": arn, "Tags": tags}))
}

fn number(call: &Call, member: &str, range: RangeInclusive<usize>) -> Result<Option<usize>, ApiError> {
    let Some(value) = call.input.get(member).filter(|value| !value.is_null()) else { return Ok(None) };
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
    number.filter(|number| range.contains(number)).map(Some).ok_or_else(|| {
        invalid(format!("{member} must be a number from {} to {}, and is {value}.", range.start(), range.end()))
    })
}

fn types(call: &Call) -> Result<Vec<&str>, ApiError> {
    let types = texts(call, "ResourceTypeFilters");
    if types.len() > TYPES {
        return Err(invalid(format!("ResourceTypeFilters names {} types, and can name {TYPES}.", types.len())));
    }
    let wrong = |text: &&&str| text.is_empty() || text.split(':').any(str::is_empty);
    match types.iter().find(wrong) {
        Some(text) => Err(invalid(format!(
            "ResourceTypeFilters has '{text}'; expected service[:resourceType], as sagemaker or sagemaker:model."
        ))),
        None => Ok(types),
    }
}

fn filters(call: &Call) -> Result<Vec<TagFilter>, ApiError> {
    let filters = call.input.get("TagFilters").and_then(Value::as_array).into_iter().flatten();
    filters
        .map(|filter| {
            let key = filter.get("Key").and_then(Value::as_str);
            let key = key.ok_or_else(|| invalid("A filter of TagFilters has no Key. Each must have one."))?;
            let values = filter.get("Values").and_then(Value::as_array).into_iter().flatten();
            let values = values.filter_map(|value| Some(value.as_str()?.to_owned())).collect();
            Ok(TagFilter { key: key.to_owned(), values })
        })
        .collect()
}
