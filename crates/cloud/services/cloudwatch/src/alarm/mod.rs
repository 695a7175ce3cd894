//! Alarms as they are kept: what was asked for, and the state that they are in.

pub(crate) mod actions;
mod compose;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod describe_for_metric;
pub(crate) mod describe_history;
pub(crate) mod history;
mod put;
pub(crate) mod put_composite;
pub(crate) mod put_metric;
mod read;
pub(crate) mod set_state;
pub(crate) mod tags;
mod turn;

use serde_json::{Map, Value, json};

use sagewright_cloud_core::alarms::AlarmState;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Key, Record};

pub(crate) use compose::{Child, Composite, by_child, by_put, suppress, until};
pub(crate) use read::{Measured, Source, Wanted, measured};
pub(crate) use turn::{Cause, Turned, news, still, turn};

/// Kind of alarms' records: metric and composite alarms have their names from one space.
pub(crate) const KIND: &str = "cloudwatch-alarm";

/// The type of a metric alarm.
pub(crate) const METRIC: &str = "MetricAlarm";
/// The type of a composite alarm.
pub(crate) const COMPOSITE: &str = "CompositeAlarm";

/// Members of a record's body.
const TYPE: &str = "type";
const CONFIG: &str = "config";
const CONFIGURED: &str = "configured";
const REASON: &str = "reason";
const REASON_DATA: &str = "reasonData";
const SINCE: &str = "since";
const UPDATED: &str = "updated";

/// Members for actions by the state that they are done in.
pub(crate) const ACTIONS: [(AlarmState, &str); 3] = [
    (AlarmState::Ok, "OKActions"),
    (AlarmState::Alarm, "AlarmActions"),
    (AlarmState::InsufficientData, "InsufficientDataActions"),
];

/// The key of an alarm.
pub(crate) fn key(account: &str, region: &str, name: &str) -> Key {
    Key::new(account, region, KIND, name)
}

/// The key of an alarm of the caller's.
pub(crate) fn own(call: &Call, name: &str) -> Key {
    key(&call.caller.account, &call.region, name)
}

/// A new alarm.
pub(crate) fn fresh(call: &Call, kind: &str, name: &str, config: Value) -> Record {
    let now = call.now.as_millisecond();
    Record {
        key: own(call, name),
        arn: call.arn(&format!("alarm:{name}")),
        status: AlarmState::InsufficientData.name().to_owned(),
        created: now,
        modified: now,
        body: json!({
            TYPE: kind,
            CONFIG: config,
            CONFIGURED: now,
            REASON: "Unchecked: Initial alarm creation",
            SINCE: now,
            UPDATED: now,
        }),
    }
}

/// The same alarm with another configuration; its state stays.
pub(crate) fn configured(mut record: Record, config: Value, now: i64) -> Record {
    record.modified = now;
    record.body[CONFIG] = config;
    record.body[CONFIGURED] = now.into();
    record
}

pub(crate) fn type_of(record: &Record) -> &str {
    record.body[TYPE].as_str().unwrap_or(METRIC)
}

/// What the caller has asked for, under the API's names.
pub(crate) fn config(record: &Record) -> &Value {
    &record.body[CONFIG]
}

pub(crate) fn state(record: &Record) -> AlarmState {
    AlarmState::parse(&record.status).unwrap_or(AlarmState::InsufficientData)
}

/// Since when it is in its state, in milliseconds since 1970.
pub(crate) fn since(record: &Record) -> i64 {
    record.body[SINCE].as_i64().unwrap_or(record.created)
}

/// `ActionsEnabled`
pub(crate) fn acts(record: &Record) -> bool {
    config(record)["ActionsEnabled"].as_bool().unwrap_or(true)
}

/// The actions of a state.
pub(crate) fn actions_of(record: &Record, state: AlarmState) -> impl Iterator<Item = &str> {
    let member = ACTIONS.iter().find(|(of, _)| *of == state).map_or("", |(_, member)| member);
    config(record).get(member).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// What a request asks for that the alarm is to be like, without its tags.
pub(crate) fn asked(call: &Call) -> Value {
    let mut config = call.input.as_object().cloned().unwrap_or_default();
    config.retain(|member, value| !value.is_null() && member != "Tags");
    config.entry("ActionsEnabled").or_insert(Value::Bool(true));
    for (_, member) in ACTIONS {
        config.entry(member).or_insert_with(|| json!([]));
    }
    config.into()
}

/// An alarm as `DescribeAlarms` shows it.
pub(crate) fn shown(record: &Record) -> Value {
    let mut out: Map<String, Value> = config(record).as_object().cloned().unwrap_or_default();
    let time = |member: &str| seconds(record.body[member].as_i64().unwrap_or(record.created));
    out.insert("AlarmName".to_owned(), record.key.name.clone().into());
    out.insert("AlarmArn".to_owned(), record.arn.clone().into());
    out.insert("AlarmConfigurationUpdatedTimestamp".to_owned(), time(CONFIGURED));
    out.insert("StateValue".to_owned(), record.status.clone().into());
    out.insert("StateReason".to_owned(), record.body[REASON].clone());
    out.insert("StateReasonData".to_owned(), record.body[REASON_DATA].clone());
    out.insert("StateUpdatedTimestamp".to_owned(), time(UPDATED));
    out.insert("StateTransitionedTimestamp".to_owned(), time(SINCE));
    if let Some((by, reason)) = compose::suppressed(record) {
        out.insert("ActionsSuppressedBy".to_owned(), by.into());
        out.insert("ActionsSuppressedReason".to_owned(), reason.into());
    }
    if type_of(record) == METRIC && !out.contains_key("Metrics") {
        out.entry("Dimensions").or_insert_with(|| json!([]));
    }
    out.into()
}

/// Milliseconds since 1970 as an answer has them.
pub(crate) fn seconds(at: i64) -> Value {
    // Far inside what a number holds exactly.
    #[allow(clippy::cast_precision_loss)]
    Value::from(at as f64 / 1000.0)
}

/// There is no such alarm.
pub(crate) fn missing(name: &str) -> ApiError {
    ApiError::new("ResourceNotFound", 404, format!("There is no alarm with the name {name}."))
}
