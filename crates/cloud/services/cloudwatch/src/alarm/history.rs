//! The history of alarms: it is kept for two weeks, also of alarms that are gone.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};

use sagewright_cloud_core::records::{Batch, Filter, Key, Order, Query, Record, SharedRecords, StoreError, Write};

use super::{CONFIG, REASON, REASON_DATA, TYPE, type_of};
use crate::evaluation::stamp;

/// Kind of the records of history.
pub(crate) const KIND: &str = "cloudwatch-alarm-history";
/// How long an item is kept, in milliseconds.
pub(crate) const KEPT: i64 = 14 * 86_400_000;
/// Items that are too old and removed when one is added.
const SWEPT: usize = 50;

/// Items that this process has made.
static MADE: AtomicU64 = AtomicU64::new(0);

/// Something that happened to an alarm.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub account: String,
    pub region: String,
    pub alarm: String,
    pub alarm_type: String,
    pub kind: &'static str,
    pub summary: String,
    pub data: Value,
    /// Milliseconds since 1970.
    pub at: i64,
}

impl Item {
    fn of(record: &Record, kind: &'static str, at: i64, summary: String, data: Value) -> Self {
        Self {
            account: record.key.account.clone(),
            region: record.key.region.clone(),
            alarm: record.key.name.clone(),
            alarm_type: type_of(record).to_owned(),
            kind,
            summary,
            data,
            at,
        }
    }
}

/// `StateUpdate`
pub(crate) fn of_state(before: &Record, record: &Record, at: i64) -> Item {
    let state = |record: &Record| {
        let mut out = json!({"stateValue": record.status, "stateReason": record.body[REASON]});
        if let Some(data) = record.body[REASON_DATA].as_str() {
            out["stateReasonData"] = serde_json::from_str(data).unwrap_or_else(|_| data.into());
        }
        out
    };
    let data = json!({"version": "1.0", "oldState": state(before), "newState": state(record)});
    let summary = format!("Alarm updated from {} to {}", before.status, record.status);
    Item::of(record, "StateUpdate", at, summary, data)
}

/// `ConfigurationUpdate`: `Create`, `Update` or `Delete`.
pub(crate) fn of_configuration(record: &Record, verb: &str, at: i64) -> Item {
    let (member, done) = match verb {
        "Create" => ("createdAlarm", "created"),
        "Delete" => ("deletedAlarm", "deleted"),
        _ => ("updatedAlarm", "updated"),
    };
    let mut alarm = Map::new();
    alarm.insert("alarmName".to_owned(), record.key.name.clone().into());
    alarm.insert("alarmArn".to_owned(), record.arn.clone().into());
    let config = record.body[CONFIG].as_object().into_iter().flatten();
    alarm.extend(config.map(|(name, value)| (written(name), value.clone())));
    alarm.insert("stateValue".to_owned(), record.status.clone().into());
    alarm.insert("alarmConfigurationUpdatedTimestamp".to_owned(), stamp(at).into());
    let data = json!({"version": "1.0", "type": verb, member: alarm});
    Item::of(record, "ConfigurationUpdate", at, format!("Alarm \"{}\" {done}", record.key.name), data)
}

/// `Action`: it was done, or why not.
pub(crate) fn of_action(record: &Record, action: &str, outcome: Result<(), &str>, at: i64) -> Item {
    let state = if outcome.is_ok() { "Succeeded" } else { "Failed" };
    let mut data = json!({
        "actionState": state,
        "notificationResource": action,
        "stateUpdateTimestamp": record.body[super::UPDATED],
    });
    let summary = match outcome {
        Ok(()) => format!("Successfully executed action {action}"),
        Err(error) => {
            data["error"] = error.into();
            format!("Failed to execute action {action}. Received error: \"{error}\"")
        }
    };
    Item::of(record, "Action", at, summary, data)
}

/// A member's name as the data have it: `AlarmName` is `alarmName`, and `OKActions` is `okactions`.
fn written(member: &str) -> String {
    if member == "OKActions" {
        return member.to_lowercase();
    }
    let mut letters = member.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// The writes that add items, and remove some that are too old.
pub(crate) async fn writes(store: &SharedRecords, items: Vec<Item>) -> Result<Batch, StoreError> {
    let Some(last) = items.iter().max_by_key(|item| item.at) else { return Ok(Batch::new()) };
    #[allow(clippy::cast_precision_loss)]
    let old = Query {
        filters: vec![Filter::CreatedBefore((last.at - KEPT) as f64)],
        order: Order::Created,
        limit: SWEPT,
        ..Query::all(&last.account, &last.region, KIND)
    };
    let old = store.find(old).await?.into_iter();
    let removed = old.map(|found| Write::Delete { key: found.record.key, version: None });
    let added = items.into_iter().map(|item| Write::Insert(record(item)));
    Ok(removed.chain(added).collect())
}

fn record(item: Item) -> Record {
    // Items of one time stand in the order in which they were made.
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}\n{:015}\n{number:010}", item.alarm, item.at);
    Record {
        key: Key::new(&item.account, &item.region, KIND, &name),
        arn: String::new(),
        status: String::new(),
        created: item.at,
        modified: item.at,
        body: json!({
            "alarm": item.alarm, TYPE: item.alarm_type, "kind": item.kind, "summary": item.summary, "data": item.data,
        }),
    }
}
