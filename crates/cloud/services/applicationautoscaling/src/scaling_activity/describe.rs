//! `DescribeScalingActivities`

use serde_json::{Map, Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Order, Query};
use sagewright_cloud_core::token;

use crate::activity::{Activity, shown_since};
use crate::kept::{ACTIVITY, name, read};
use crate::listing::{after, page_size};
use crate::resource::check_namespace;
use crate::{AutoScaling, validation};

/// Newest first.
pub(crate) async fn describe(autoscaling: &AutoScaling, call: &Call) -> Result<Value, ApiError> {
    check_namespace(call)?;
    let size = page_size(call)?;
    let (resource, dimension) = (call.text("ResourceId"), call.text("ScalableDimension"));
    let all = call.input.get("IncludeNotScaledActivities").and_then(Value::as_bool) == Some(true);
    #[allow(clippy::cast_precision_loss)] // far below 2^52
    let mut filters = vec![Filter::CreatedAfter(shown_since(call.now.as_millisecond()) as f64)];
    match (resource, dimension) {
        (Some(resource), Some(dimension)) => {
            filters.push(Filter::NameStarts(format!("{}|", name(resource, dimension))))
        }
        (Some(resource), None) => filters.push(Filter::NameStarts(format!("{resource}|"))),
        (None, Some(_)) => return Err(validation("ResourceId is required where ScalableDimension is specified.")),
        (None, None) => {}
    }
    if !all {
        // As SQLite has what is true.
        filters.push(Filter::Member("scales".to_owned(), "1".to_owned()));
    }
    let query = Query {
        filters,
        order: Order::Created,
        descending: true,
        after: after(call)?,
        limit: size + 1,
        ..Query::all(&call.caller.account, &call.region, ACTIVITY)
    };
    let mut found = autoscaling.store().find(query).await?;
    let more = found.len() > size;
    found.truncate(size);
    let mut activities = Vec::with_capacity(found.len());
    for found in &found {
        activities.push(read::<Activity>(&found.record)?.shown(all));
    }
    let mut out = Map::new();
    out.insert("ScalingActivities".to_owned(), json!(activities));
    if let Some(last) = found.last().filter(|_| more) {
        out.insert("NextToken".to_owned(), token::seal(call, &last.position, &last.tie).into());
    }
    Ok(out.into())
}
