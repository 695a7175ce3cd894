//! `DescribeAlarmHistory`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Found, Order, Query, Record};
use sagewright_cloud_core::token;

use super::describe::limit;
use super::history::{KEPT, KIND};
use super::{METRIC, TYPE, seconds};
use crate::input::{millis, texts};
use crate::{CloudWatch, unsupported};

/// Items on a page.
const PAGE: usize = 100;
/// Items that are looked at together.
const TOGETHER: usize = 500;

pub(crate) async fn describe(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    if call.text("AlarmContributorId").is_some() {
        return Err(unsupported("AlarmContributorId of DescribeAlarmHistory", "ask for the alarm's history"));
    }
    let most = limit(call, PAGE);
    let mut query = Query {
        filters: filters(call),
        order: Order::Created,
        descending: call.text("ScanBy") != Some("TimestampAscending"),
        after: after(call)?,
        limit: TOGETHER,
        ..Query::all(&call.caller.account, &call.region, KIND)
    };
    let types = texts(&call.input, "AlarmTypes");
    // As in AWS, those of composite alarms are shown to those who ask for them.
    let types = if types.is_empty() { vec![METRIC] } else { types };
    let kind = call.text("HistoryItemType");
    let fits = |record: &Record| {
        let text = |member: &str| record.body[member].as_str().unwrap_or_default();
        types.contains(&text(TYPE)) && kind.is_none_or(|kind| text("kind") == kind)
    };
    let mut found: Vec<Found> = Vec::new();
    loop {
        let some = cloudwatch.watch.store.find(query.clone()).await?;
        let last = some.last().map(|last| (last.position.clone(), last.tie.clone()));
        let whole = some.len() < TOGETHER;
        found.extend(some.into_iter().filter(|hit| fits(&hit.record)));
        if whole || found.len() > most {
            break;
        }
        query.after = last;
    }
    let more = found.len() > most;
    found.truncate(most);
    let mut out = json!({"AlarmHistoryItems": found.iter().map(|hit| shown(&hit.record)).collect::<Vec<_>>()});
    if let Some(last) = found.last().filter(|_| more) {
        out["NextToken"] = token::seal(call, &last.position, &last.tie).into();
    }
    Ok(out)
}

#[allow(clippy::cast_precision_loss)]
fn filters(call: &Call) -> Vec<Filter> {
    let oldest = call.now.as_millisecond() - KEPT;
    let start = call.input.get("StartDate").and_then(millis).map_or(oldest, |start| start.max(oldest));
    let mut out = vec![Filter::CreatedAfter(start as f64 - 1.0)];
    out.extend(call.input.get("EndDate").and_then(millis).map(|end| Filter::CreatedBefore(end as f64 + 1.0)));
    out.extend(call.text("AlarmName").map(|name| Filter::NameStarts(format!("{name}\n"))));
    out
}

fn after(call: &Call) -> Result<Option<(Value, String)>, ApiError> {
    let Some(given) = call.text("NextToken") else { return Ok(None) };
    let place = token::open(call, given);
    place.map(Some).ok_or_else(|| ApiError::new("InvalidNextToken", 400, "The parameter NextToken is invalid."))
}

fn shown(record: &Record) -> Value {
    json!({
        "AlarmName": record.body["alarm"],
        "AlarmType": record.body[TYPE],
        "Timestamp": seconds(record.created),
        "HistoryItemType": record.body["kind"],
        "HistorySummary": record.body["summary"],
        "HistoryData": record.body["data"].to_string(),
    })
}
