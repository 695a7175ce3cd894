//! What both kinds of alarms share when they are put.

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Record, Versioned, Write};

use super::{ACTIONS, COMPOSITE, Composite, config, configured, fresh, history, own, still, type_of};
use crate::input::list;
use crate::watch::{Held, Kept, Work};
use crate::{CloudWatch, committed, validation};

/// Services whose actions only metric alarms have: EC2's, and scaling.
const METRIC_ONLY: [&str; 3] = ["automate", "autoscaling", "swf"];

/// Adds an alarm, or replaces the configuration of one that keeps its state.
pub(super) async fn put(cloudwatch: &CloudWatch, call: &Call, kind: &str, asked: Value) -> Result<(), ApiError> {
    let name = call.text("AlarmName").unwrap_or_default();
    if name.chars().any(char::is_control) {
        return Err(validation("AlarmName must not contain control characters."));
    }
    for (_, member) in ACTIONS {
        for action in list(&asked, member).iter().filter_map(Value::as_str) {
            if !action.starts_with("arn:") || action.split(':').count() < 6 {
                return Err(validation(format!("Invalid arn syntax: {action}")));
            }
            if kind == COMPOSITE && action.split(':').nth(2).is_some_and(|service| METRIC_ONLY.contains(&service)) {
                return Err(validation(format!("The action {action} is not supported for composite alarms.")));
            }
        }
    }
    let watch = &cloudwatch.watch;
    let mut held = watch.hold(&call.caller.account, &call.region).await?;
    let now = call.now.as_millisecond();
    let found = watch.store.get(&own(call, name)).await?;
    let mut work = Work::default();
    let (record, kept, verb, done) = match found {
        Some(Versioned { record, .. }) if type_of(&record) != kind => {
            let known = type_of(&record);
            return Err(validation(format!(
                "There is a {known} with the name {name}: alarms of both types share their names."
            )));
        }
        Some(Versioned { record, version }) => {
            (configured(record, asked, now), Kept::Replaced(version), "Update", "updated")
        }
        None => {
            let record = fresh(call, kind, name, asked);
            let tags = super::tags::given(call)?;
            if !tags.is_empty() {
                work.batch.push(Write::PutTags { arn: record.arn.clone(), tags });
            }
            (record, Kept::Inserted, "Create", "created")
        }
    };
    if kind == COMPOSITE {
        check(&held, &record)?;
    }
    work.history.push(history::of_configuration(&record, verb, now));
    watch.place(&mut held, &record, now);
    // A metric alarm is evaluated at the next turn, and a composite one now.
    let turned = if kind == COMPOSITE { watch.compose(&held, &record, done, now) } else { still(&record, now) };
    watch.follow(&mut held, &turned);
    work.add(watch, kept, turned);
    watch.cascade(&mut held, now, &mut work).await?;
    let batch = watch.written(work).await?;
    watch.commit(&mut held, batch).await.map_err(committed)
}

/// What a composite alarm depends on has to be there, and must not depend on it.
fn check(held: &Held, record: &Record) -> Result<(), ApiError> {
    let (account, region) = (&held.account, &held.region);
    let composite = Composite::read(config(record), account, region)?;
    let needs = composite.needs(account, region);
    let own = &record.key.name;
    let round = |name: &&String| *name == own || held.board.depends(name, own, account, region);
    if let Some(name) = needs.iter().find(round) {
        return Err(validation(format!(
            "Could not save the composite alarm as it would depend on itself, through {name}."
        )));
    }
    let absent = |names: Vec<String>| -> Vec<String> {
        names.into_iter().filter(|name| !held.board.alarms.contains_key(name)).collect()
    };
    let children = absent(composite.children(account, region));
    if !children.is_empty() {
        return Err(validation(format!(
            "Could not save the composite alarm as alarms [{}] in the alarm rule do not exist",
            children.join(", ")
        )));
    }
    match absent(needs).first() {
        Some(name) => {
            Err(validation(format!("Could not save the composite alarm as its suppressor {name} does not exist")))
        }
        None => Ok(()),
    }
}
