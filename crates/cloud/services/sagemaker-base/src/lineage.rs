//! What the crates of SageMaker share of lineage: when it is recorded, and how its records are named.
//!
//! A resource whose lineage is recorded enters a status in a commit that also sets a timer ([`timer`]). Whoever does the
//! timer writes artifacts, actions, contexts, trial components and associations under names that follow from the timer
//! alone, so that a kill between the two commits loses nothing and a timer that is done twice writes nothing twice.

use sagewright_cloud_core::records::{Key, Record, Timer, Write};
use serde_json::{Value, json};

use crate::kind::Kind;

/// Whose timers record lineage.
pub const OWNER: &str = "lineage";

/// Records of associations are named by source and destination.
pub const ASSOCIATION: &str = "lineage-association";

/// The same records, named by destination and source.
pub const ASSOCIATION_IN: &str = "lineage-association-in";

/// Records of trial components in trials are named by trial and component.
pub const TRIAL_PART: &str = "experiment-trial-part";
/// The same records, named by component and trial.
pub const TRIAL_PART_IN: &str = "experiment-trial-part-in";

/// The timer by which the lineage of a resource is recorded that enters a status. It holds the resource as it is then: the
/// resource may be gone when the timer is done.
#[must_use]
pub fn timer(kind: Kind, record: &Record, status: &str, now: i64) -> Option<Write> {
    // A job's code looks for its trial component as soon as it runs; that of a job outside experiments appears at its end.
    let begins = kind.0.traced.contains(&"Stopped") && status == "InProgress";
    let known = begins && record.body.get("ExperimentConfig").is_some();
    if !(known || kind.0.traced.contains(&status)) {
        return None;
    }
    let Key { account, region, name, .. } = &record.key;
    let body = json!({
        "noun": kind.0.noun, "event": status, "account": account, "region": region, "name": name, "arn": record.arn,
        "status": record.status, "created": record.created, "modified": record.modified, "body": record.body,
    });
    Some(Write::SetTimer(Timer { id: format!("{OWNER}:{status}:{}:{}", record.modified, record.arn), due: now, body }))
}

/// The resource of a timer as it was, and the status that it entered.
#[must_use]
pub fn traced(timer: &Timer) -> Option<(Kind, Record, String)> {
    let text = |member: &str| timer.body[member].as_str();
    let time = |member: &str| timer.body[member].as_i64();
    let kind = Kind::all().find(|kind| Some(kind.0.noun) == text("noun"))?;
    let record = Record {
        key: Key::new(text("account")?, text("region")?, kind.as_str(), text("name")?),
        arn: text("arn")?.to_owned(),
        status: text("status")?.to_owned(),
        created: time("created")?,
        modified: time("modified")?,
        body: timer.body.get("body").cloned().unwrap_or(Value::Null),
    };
    Some((kind, record, text("event")?.to_owned()))
}
