//! `ListMonitoringExecutions`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Filter;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::listing::{self, Listing, millis};
use serde_json::{Map, Value};

use super::{KIND, summary};

/// Filters of the request, and the member of an execution that each compares.
const EQUAL: [(&str, &str); 3] = [
    ("EndpointName", "EndpointName"),
    ("MonitoringJobDefinitionName", "MonitoringJobDefinitionName"),
    ("MonitoringTypeEquals", "MonitoringType"),
];

pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let mut filters = Vec::new();
    if let Some(name) = call.text("MonitoringScheduleName") {
        filters.push(Filter::NameStarts(format!("{}/", name.to_ascii_lowercase())));
    }
    for (filter, member) in EQUAL {
        if let Some(text) = call.text(filter) {
            filters.push(Filter::Member(member.to_owned(), text.to_owned()));
        }
    }
    let bound = |member: &str| {
        call.input.get(member).filter(|value| !value.is_null()).map(|value| millis(member, value)).transpose()
    };
    let (after, before) = (bound("ScheduledTimeAfter")?, bound("ScheduledTimeBefore")?);
    let listing = Listing { kind: KIND, result: "", summary: &[], descending: true, filters };
    let (records, next) = listing::page(sm, call, &listing).await?;
    let within = |shown: &Value| {
        let at = shown["ScheduledTime"].as_f64().unwrap_or_default() * 1000.0;
        after.is_none_or(|after| at > after) && before.is_none_or(|before| at < before)
    };
    let items: Vec<Value> = records.into_iter().map(summary).filter(within).collect();
    let mut out = Map::from_iter([("MonitoringExecutionSummaries".to_owned(), Value::Array(items))]);
    if let Some(token) = next {
        out.insert("NextToken".to_owned(), Value::String(token));
    }
    Ok(Value::Object(out))
}
