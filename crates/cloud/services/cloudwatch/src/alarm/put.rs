//! What both kinds of alarms share when they are put.

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Versioned, Write};

use super::{ACTIONS, configured, fresh, history, own, type_of};
use crate::input::list;
use crate::{CloudWatch, committed, validation};

/// Adds an alarm, or replaces the configuration of one that keeps its state.
pub(super) async fn put(cloudwatch: &CloudWatch, call: &Call, kind: &str, config: Value) -> Result<(), ApiError> {
    let name = call.text("AlarmName").unwrap_or_default();
    if name.chars().any(char::is_control) {
        return Err(validation("AlarmName must not contain control characters."));
    }
    for (_, member) in ACTIONS {
        for action in list(&config, member).iter().filter_map(Value::as_str) {
            if !action.starts_with("arn:") || action.split(':').count() < 6 {
                return Err(validation(format!("Invalid arn syntax: {action}")));
            }
        }
    }
    let watch = &cloudwatch.watch;
    let mut held = watch.hold(&call.caller.account, &call.region).await?;
    let now = call.now.as_millisecond();
    let found = watch.store.get(&own(call, name)).await?;
    let (record, verb, mut batch) = match found {
        Some(Versioned { record, .. }) if type_of(&record) != kind => {
            let known = type_of(&record);
            return Err(validation(format!(
                "There is a {known} with the name {name}: alarms of both types share their names."
            )));
        }
        Some(Versioned { record, version }) => {
            let record = configured(record, config, now);
            let write = Write::Replace(Versioned { record: record.clone(), version });
            (record, "Update", vec![write])
        }
        None => {
            let record = fresh(call, kind, name, config);
            let mut batch = vec![Write::Insert(record.clone())];
            let tags = super::tags::given(call)?;
            if !tags.is_empty() {
                batch.push(Write::PutTags { arn: record.arn.clone(), tags });
            }
            (record, "Create", batch)
        }
    };
    let item = history::of_configuration(&record, verb, now);
    batch.extend(history::writes(&watch.store, vec![item]).await?);
    watch.place(&mut held, &record, now);
    watch.commit(&mut held, batch).await.map_err(committed)
}
