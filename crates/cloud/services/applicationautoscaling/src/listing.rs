//! Listings: pages of at most 50, in the order of names.

use serde_json::{Map, Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_core::token;

use crate::kept::{Kept, read};
use crate::{AutoScaling, validation};

/// Items of a page, as in AWS.
pub(crate) const PAGE: usize = 50;

/// `MaxResults`
pub(crate) fn page_size(call: &Call) -> Result<usize, ApiError> {
    let Some(given) = call.input.get("MaxResults").and_then(Value::as_i64) else { return Ok(PAGE) };
    usize::try_from(given)
        .ok()
        .filter(|size| (1..=PAGE).contains(size))
        .ok_or_else(|| validation(format!("MaxResults must be between 1 and {PAGE}, and is {given}.")))
}

/// `NextToken`: where the page before ended.
pub(crate) fn after(call: &Call) -> Result<Option<(Value, String)>, ApiError> {
    let Some(given) = call.text("NextToken") else { return Ok(None) };
    let wrong =
        || ApiError::new("InvalidNextTokenException", 400, "The NextToken is not valid: it is of another request.");
    token::open(call, given).map(Some).ok_or_else(wrong)
}

/// The texts of a list of the input; `None` where it has none.
pub(crate) fn texts<'c>(call: &'c Call, member: &str) -> Option<Vec<&'c str>> {
    let list = call.input.get(member)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).collect()).filter(|list: &Vec<_>| !list.is_empty())
}

/// Answers a listing of one kind under a member: what fits, as it is shown.
pub(crate) async fn answer<T: Kept>(
    autoscaling: &AutoScaling,
    call: &Call,
    member: &str,
    fits: impl Fn(&T) -> bool + Send,
    show: impl Fn(&Record, &T) -> Value + Send,
) -> Result<Value, ApiError> {
    let (size, after) = (page_size(call)?, after(call)?);
    let mut items = Vec::new();
    let mut last: Option<String> = None;
    let mut out = Map::new();
    for record in autoscaling.store().list(&call.caller.account, &call.region, T::KIND).await? {
        if after.as_ref().is_some_and(|(_, after)| record.key.name <= *after) {
            continue;
        }
        let value: T = read(&record)?;
        if !fits(&value) {
            continue;
        }
        if items.len() == size {
            let token = token::seal(call, &Value::Null, last.as_deref().unwrap_or_default());
            out.insert("NextToken".to_owned(), token.into());
            break;
        }
        items.push(show(&record, &value));
        last = Some(record.key.name);
    }
    out.insert(member.to_owned(), json!(items));
    Ok(out.into())
}
