//! Marks in the tag index of Resource Groups Tagging: one call shows the tags of 100 resources.
//!
//! The index lags behind tags by seconds, and may show resources for hours after they are gone: what it shows is looked
//! at before it counts, and what is new is looked for in the kind's own listing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::calls::Calls;
use crate::cloud::{Class, CloudError};
use crate::retry;

const SERVICE: &str = "resourcegroupstaggingapi";
/// Times a page is asked for when the service slows the caller down.
const ATTEMPTS: u32 = 4;
/// Resources on a page, the most that AWS gives.
const PAGE: usize = 100;
/// Pages that are followed at most.
const MOST_PAGES: usize = 10_000;

/// The values of a mark and the ARNs of the resources of a type that bear it, with some values or, without any, with all. `None` where there is no
/// whole answer: access is denied, or the service is not there.
pub(crate) async fn indexed(calls: &Calls, kind: &str, key: &str, values: &[String]) -> Option<Vec<(String, String)>> {
    let mut filter = json!({"Key": key});
    if !values.is_empty() {
        filter["Values"] = json!(values);
    }
    let mut input = json!({"ResourceTypeFilters": [kind], "TagFilters": [filter], "ResourcesPerPage": PAGE});
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let output = page(calls, &input).await.ok()?;
        found.extend(resources(&output).filter_map(|(arn, tags)| Some((tags.get(key)?.clone(), arn))));
        match output.get("PaginationToken").and_then(Value::as_str).filter(|token| !token.is_empty()) {
            Some(token) if input.get("PaginationToken").and_then(Value::as_str) != Some(token) => {
                input["PaginationToken"] = json!(token);
            }
            Some(_) => return None,
            None => return Some(found),
        }
    }
    None
}

/// The tags of those resources that the index has: it lags behind, and resources without tags are not in it. `None` where it
/// cannot be read.
pub(crate) async fn tags_of(calls: &Calls, arns: &[String]) -> Option<Vec<(String, BTreeMap<String, String>)>> {
    let mut found = Vec::new();
    for arns in arns.chunks(PAGE) {
        let output = page(calls, &json!({"ResourceARNList": arns})).await.ok()?;
        found.extend(resources(&output));
    }
    Some(found)
}

/// The resources of a page, with their tags.
fn resources(output: &Value) -> impl Iterator<Item = (String, BTreeMap<String, String>)> {
    let items = output.get("ResourceTagMappingList").and_then(Value::as_array);
    items.into_iter().flatten().filter_map(|item| {
        let arn = item.get("ResourceARN")?.as_str()?;
        Some((arn.to_owned(), crate::decide::read_tags(item.get("Tags")?)))
    })
}

/// One page. What passes is waited for a little: the way without the index costs a call for each resource.
async fn page(calls: &Calls, input: &Value) -> Result<Value, CloudError> {
    let mut attempt = 1;
    loop {
        let error = match calls.other(SERVICE, "GetResources", input.clone()).await {
            Err(error) if attempt < attempts(error.class()) => error,
            answer => return answer,
        };
        let Some(pause) = retry::next(error.class(), attempt, error.retry_after, None) else { return Err(error) };
        calls.clock.sleep(pause).await;
        attempt += 1;
    }
}

/// Times a page is asked for. Where no answer comes, there may be no way to the service at all.
fn attempts(class: Class) -> u32 {
    match class {
        Class::Throttle => ATTEMPTS,
        Class::Transient => 2,
        _ => 1,
    }
}
