//! What follows when an alarm enters a state: pure.

use serde_json::{Map, Value, json};

use sagewright_cloud_core::alarms::{AlarmNews, AlarmState};
use sagewright_cloud_core::records::{Event, Record};

use super::history::{self, Item};
use super::{COMPOSITE, REASON, REASON_DATA, SINCE, UPDATED, actions_of, acts, config, state, type_of};
use crate::evaluation::stamp;

/// EventBridge's name for the event.
const EVENT: &str = "CloudWatch Alarm State Change";

/// Why an alarm enters a state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cause {
    pub state: AlarmState,
    pub reason: String,
    /// JSON.
    pub data: Option<String>,
    /// Milliseconds since 1970.
    pub at: i64,
    /// The newest data point and the threshold.
    pub value: Option<f64>,
    pub threshold: Option<f64>,
}

/// An alarm that has entered a state.
#[derive(Debug, Clone)]
pub(crate) struct Turned {
    pub record: Record,
    pub history: Vec<Item>,
    /// `None` where it was in that state before.
    pub event: Option<Event>,
    /// Actions that are to be done.
    pub actions: Vec<String>,
    pub news: AlarmNews,
}

/// Enters a state. Actions follow where it is another one than before.
pub(crate) fn turn(before: &Record, cause: &Cause) -> Turned {
    let old = state(before);
    let changed = old != cause.state;
    let mut record = before.clone();
    cause.state.name().clone_into(&mut record.status);
    record.modified = cause.at;
    record.body[REASON] = cause.reason.clone().into();
    record.body[REASON_DATA] = cause.data.clone().into();
    record.body[UPDATED] = cause.at.into();
    if changed {
        record.body[SINCE] = cause.at.into();
    }
    let mut turned =
        Turned { history: Vec::new(), event: None, actions: Vec::new(), news: news(&record, cause, false), record };
    if changed {
        let record = &turned.record;
        turned.history.push(history::of_state(before, record, cause.at));
        turned.event = Some(event(before, record, cause.at));
        if acts(record) {
            turned.actions = actions_of(record, cause.state).map(str::to_owned).collect();
        }
    }
    turned
}

/// An alarm that stays as it is.
pub(crate) fn still(record: &Record, at: i64) -> Turned {
    let reason = record.body[REASON].as_str().unwrap_or_default().to_owned();
    let cause = Cause { state: state(record), reason, data: None, at, value: None, threshold: None };
    Turned {
        history: Vec::new(),
        event: None,
        actions: Vec::new(),
        news: news(record, &cause, false),
        record: record.clone(),
    }
}

/// What actions are told.
pub(crate) fn news(record: &Record, cause: &Cause, repeated: bool) -> AlarmNews {
    AlarmNews {
        account: record.key.account.clone(),
        region: record.key.region.clone(),
        name: record.key.name.clone(),
        arn: record.arn.clone(),
        state: cause.state,
        reason: cause.reason.clone(),
        at: cause.at,
        value: cause.value,
        threshold: cause.threshold,
        repeated,
    }
}

fn event(before: &Record, record: &Record, at: i64) -> Event {
    let state = |record: &Record| {
        let mut out = json!({"value": record.status, "reason": record.body[REASON]});
        if record.body[REASON_DATA].is_string() {
            out["reasonData"] = record.body[REASON_DATA].clone();
        }
        out["timestamp"] = stamp(record.body[UPDATED].as_i64().unwrap_or(record.created)).into();
        out
    };
    let detail = json!({
        "alarmName": record.key.name,
        "configuration": configuration(record),
        "previousState": state(before),
        "state": state(record),
    });
    Event {
        account: record.key.account.clone(),
        region: record.key.region.clone(),
        kind: EVENT.to_owned(),
        at,
        body: json!({"source": "aws.cloudwatch", "arn": record.arn, "status": record.status, "detail": detail}),
    }
}

/// `configuration` of an event.
fn configuration(record: &Record) -> Value {
    let config = config(record);
    let mut out = Map::new();
    if let Some(text) = config.get("AlarmDescription") {
        out.insert("description".to_owned(), text.clone());
    }
    if type_of(record) == COMPOSITE {
        for (member, name) in [
            ("AlarmRule", "alarmRule"),
            ("ActionsSuppressor", "actionsSuppressor"),
            ("ActionsSuppressorWaitPeriod", "actionsSuppressorWaitPeriod"),
            ("ActionsSuppressorExtensionPeriod", "actionsSuppressorExtensionPeriod"),
        ] {
            out.extend(config.get(member).map(|value| (name.to_owned(), value.clone())));
        }
        return out.into();
    }
    let metrics = match config.get("Metrics").and_then(Value::as_array) {
        Some(queries) => queries.iter().map(query).collect(),
        None => vec![query(&single(config))],
    };
    out.insert("metrics".to_owned(), metrics.into());
    out.into()
}

/// An alarm of one metric as a query. AWS makes up an id for each event.
fn single(config: &Value) -> Value {
    let statistic = config.get("Statistic").or_else(|| config.get("ExtendedStatistic"));
    json!({"Id": "m1", "ReturnData": true, "MetricStat": {
        "Metric": {"Namespace": config["Namespace"], "MetricName": config["MetricName"], "Dimensions": config["Dimensions"]},
        "Period": config["Period"], "Stat": statistic, "Unit": config.get("Unit"),
    }})
}

fn query(query: &Value) -> Value {
    let mut out = Map::new();
    let members = [("Id", "id"), ("Expression", "expression"), ("Label", "label"), ("Period", "period")];
    out.extend(members.into_iter().filter_map(|(member, name)| Some((name.to_owned(), query.get(member)?.clone()))));
    if let Some(stat) = query.get("MetricStat").filter(|stat| !stat.is_null()) {
        let metric = &stat["Metric"];
        let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
        let dimensions: Map<String, Value> =
            dimensions.filter_map(|d| Some((d["Name"].as_str()?.to_owned(), d["Value"].clone()))).collect();
        let metric = json!({"dimensions": dimensions, "name": metric["MetricName"], "namespace": metric["Namespace"]});
        let mut shown = json!({"metric": metric, "period": stat["Period"], "stat": stat["Stat"]});
        if let Some(unit) = stat.get("Unit").filter(|unit| !unit.is_null()) {
            shown["unit"] = unit.clone();
        }
        out.insert("metricStat".to_owned(), shown);
    }
    out.insert("returnData".to_owned(), query.get("ReturnData").and_then(Value::as_bool).unwrap_or(true).into());
    out.into()
}
