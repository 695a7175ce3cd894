//! `ListMetrics`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::metrics::{Metric, Search};
use sagewright_cloud_core::token;

use crate::input::{list as items, metric};
use crate::{CloudWatch, invalid, stored};

/// Metrics on a page, as in AWS.
const PAGE: usize = 500;
/// Metrics that are looked at for a page: one that filters most of them out may be short.
const LOOKED_AT: usize = 20_000;
/// A metric without data for so long is not listed.
const ACTIVE: i64 = 14 * 86_400_000;
/// `RecentlyActive`
const LATELY: i64 = 3 * 3_600_000;

pub(crate) async fn list(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    let account = &call.caller.account;
    let linked = call.input.get("IncludeLinkedAccounts").and_then(Value::as_bool) == Some(true);
    if call.text("OwningAccount").is_some_and(|owner| owner != account) {
        return Ok(json!({"Metrics": []}));
    }
    let active = if call.text("RecentlyActive").is_some() { LATELY } else { ACTIVE };
    let mut search = Search {
        account: account.clone(),
        region: call.region.clone(),
        namespace: call.text("Namespace").map(str::to_owned),
        name: call.text("MetricName").map(str::to_owned),
        since: call.now.as_millisecond() - active,
        after: after(call)?,
        limit: PAGE + 1,
    };
    let filters: Vec<_> = items(&call.input, "Dimensions").iter().filter_map(filter).collect();
    let (mut found, mut looked_at) = (Vec::new(), 0);
    // The last metric that was looked at, where there may be more.
    let mut last = None;
    while found.len() <= PAGE {
        let some = cloudwatch.metrics.search(search.clone()).await.map_err(stored)?;
        let more = some.len() == search.limit;
        looked_at += some.len();
        last = some.last().cloned().filter(|_| more);
        found.extend(some.into_iter().filter(|metric| fits(metric, &filters)));
        search.after.clone_from(&last);
        if !more || looked_at >= LOOKED_AT {
            break;
        }
    }
    if found.len() > PAGE {
        found.truncate(PAGE);
        last = found.last().cloned();
    }
    let mut out = json!({"Metrics": found.iter().map(told).collect::<Vec<_>>()});
    if let Some(last) = last {
        out["NextToken"] = token::seal(call, &told(&last), "").into();
    }
    if linked {
        out["OwningAccounts"] = vec![account.as_str(); found.len()].into();
    }
    Ok(out)
}

fn after(call: &Call) -> Result<Option<Metric>, ApiError> {
    let Some(given) = call.text("NextToken") else { return Ok(None) };
    let (place, _) = token::open(call, given).ok_or_else(|| invalid("Request parameter NextToken is invalid"))?;
    Ok(Some(metric(call, place["Namespace"].as_str().unwrap_or_default(), &place)))
}

fn filter(filter: &Value) -> Option<(&str, Option<&str>)> {
    let text = |member: &str| filter.get(member).and_then(Value::as_str);
    Some((text("Name")?, text("Value")))
}

fn fits(metric: &Metric, filters: &[(&str, Option<&str>)]) -> bool {
    let has = |(wanted, value): &(&str, Option<&str>)| {
        metric.dimensions().iter().any(|(name, known)| name == wanted && value.is_none_or(|value| known == value))
    };
    filters.iter().all(has)
}

/// A metric as an answer tells it.
fn told(metric: &Metric) -> Value {
    let dimensions = metric.dimensions().iter().map(|(name, value)| json!({"Name": name, "Value": value}));
    json!({
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": dimensions.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_has_all_dimensions_that_are_asked_for() {
        let metric = Metric::new("1", "r", "n", "m").with("Host", "a").with("Job", "j");
        for (filters, expected) in [
            (&[][..], true),
            (&[("Host", None)], true),
            (&[("Host", Some("a")), ("Job", None)], true),
            (&[("Host", Some("j"))], false),
            (&[("Host", Some("a")), ("Disk", None)], false),
        ] {
            assert_eq!(fits(&metric, filters), expected, "{filters:?}");
        }
    }
}
