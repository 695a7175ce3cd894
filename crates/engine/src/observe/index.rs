//! Marks in the tag index of Resource Groups Tagging: one call shows the tags of 100 resources.
//!
//! The index lags behind tags by seconds, and may show resources for hours after they are gone: what it shows is looked
//! at before it counts, and what is new is looked for in the kind's own listing.

use std::collections::BTreeMap;

use sagewright_decide::error::{Failure, Retryable};
use sagewright_port::cloud::Class;
use sagewright_port::retry;
use serde_json::{Value, json};

use super::calls::Calls;

const SERVICE: &str = "resourcegroupstaggingapi";
/// Times a page is asked for by who waits.
const ATTEMPTS: u32 = 4;
/// Resources on a page, the most that AWS gives.
const PAGE: usize = 100;
/// Pages that are followed at most.
const MOST_PAGES: usize = 10_000;

/// The values of a mark and the ARNs of the resources of a type that bear it, with some values or, without any, with all.
/// `None` where access is denied, or the service is not there.
pub(crate) async fn indexed(
    calls: &Calls,
    kind: &str,
    key: &str,
    values: &[String],
) -> Result<Option<Vec<(String, String)>>, Failure> {
    let mut filter = json!({"Key": key});
    if !values.is_empty() {
        filter["Values"] = json!(values);
    }
    let mut input = json!({"ResourceTypeFilters": [kind], "TagFilters": [filter], "ResourcesPerPage": PAGE});
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let Some(output) = page(calls, &input).await? else { return Ok(None) };
        found.extend(resources(&output).filter_map(|(arn, tags)| Some((tags.get(key)?.clone(), arn))));
        match output.get("PaginationToken").and_then(Value::as_str).filter(|token| !token.is_empty()) {
            Some(token) if input.get("PaginationToken").and_then(Value::as_str) != Some(token) => {
                input["PaginationToken"] = json!(token);
            }
            Some(_) => return Ok(None),
            None => return Ok(Some(found)),
        }
    }
    Ok(None)
}

/// The tags of those resources that the index has: it lags behind, and resources without tags are not in it. `None` where it
/// cannot be read.
pub(crate) async fn tags_of(
    calls: &Calls,
    arns: &[String],
) -> Result<Option<Vec<(String, BTreeMap<String, String>)>>, Failure> {
    let mut found = Vec::new();
    for arns in arns.chunks(PAGE) {
        let Some(output) = page(calls, &json!({"ResourceARNList": arns})).await? else { return Ok(None) };
        found.extend(resources(&output));
    }
    Ok(Some(found))
}

/// The resources of a page, with their tags.
fn resources(output: &Value) -> impl Iterator<Item = (String, BTreeMap<String, String>)> {
    let items = output.get("ResourceTagMappingList").and_then(Value::as_array);
    items.into_iter().flatten().filter_map(|item| {
        let arn = item.get("ResourceARN")?.as_str()?;
        Some((arn.to_owned(), sagewright_decide::read_tags(item.get("Tags")?)))
    })
}

/// One page; nothing where it is refused.
async fn page(calls: &Calls, input: &Value) -> Result<Option<Value>, Failure> {
    let mut attempt = 1;
    loop {
        let error = match calls.other(SERVICE, "GetResources", input.clone()).await {
            Ok(output) => return Ok(Some(output)),
            Err(error) if matches!(error.class(), Class::Throttle | Class::Transient) => error,
            Err(_) => return Ok(None),
        };
        let pause = retry::next(error.class(), attempt, error.retry_after, None);
        match pause.filter(|_| calls.patient && attempt < ATTEMPTS) {
            Some(pause) => calls.clock.sleep(pause).await,
            None => {
                return Err(Failure::Retryable(Retryable {
                    what: "look up tags".to_owned(),
                    why: error.message.clone(),
                    after: error.retry_after.map(|after| after.min(retry::LONGEST_AFTER)),
                    cause: Some(Box::new(error)),
                }));
            }
        }
        attempt += 1;
    }
}
