//! What is kept: targets, policies, scheduled actions and activities, each a record.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use sagewright_cloud_core::records::{Filter, Key, Query, Record, StoreError, Timer, Versioned, Write};
use sagewright_cloud_core::scaling::Scalable;

use crate::decide::{Bounds, Last, Suspended};
use crate::{AutoScaling, OWNER};

pub(crate) const TARGET: &str = "application-autoscaling-target";
pub(crate) const POLICY: &str = "application-autoscaling-policy";
pub(crate) const ACTION: &str = "application-autoscaling-action";
pub(crate) const ACTIVITY: &str = "application-autoscaling-activity";

/// What is kept as one kind of record.
pub(crate) trait Kept: Serialize + DeserializeOwned {
    /// The kind.
    const KIND: &'static str;
}

/// A scalable target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub resource: String,
    pub dimension: String,
    pub bounds: Bounds,
    pub suspended: Suspended,
    /// What a policy did last, where it did not fail.
    pub last: Option<Last>,
    /// Name of the activity that is not at its end.
    pub pending: Option<String>,
    /// Cause and reason of the last activity that was not scaled, while nothing else happened.
    pub said: Option<Value>,
    /// Activities that were begun.
    pub begun: u64,
}

impl Kept for Target {
    const KIND: &'static str = TARGET;
}

/// A scaling policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub resource: String,
    pub dimension: String,
    pub name: String,
    pub id: String,
    /// `PolicyType`
    pub kind: PolicyKind,
    /// `…PolicyConfiguration`
    pub config: Value,
    /// The names of the alarms of a target tracking policy: above and below its target.
    pub alarms: Option<(String, String)>,
    /// The alarms by which it scaled, and when they last did, in milliseconds since 1970.
    pub heard: Vec<(String, i64)>,
}

impl Kept for Policy {
    const KIND: &'static str = POLICY;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PolicyKind {
    #[serde(rename = "StepScaling")]
    Step,
    #[serde(rename = "TargetTrackingScaling")]
    Tracking,
}

/// A scheduled action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Action {
    pub resource: String,
    pub dimension: String,
    pub name: String,
    pub schedule: String,
    pub timezone: Option<String>,
    /// `StartTime` and `EndTime`, milliseconds since 1970.
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub min: Option<u32>,
    pub max: Option<u32>,
    /// Since when a rate counts.
    pub begun: i64,
    /// When it runs next.
    pub next: Option<i64>,
}

impl Kept for Action {
    const KIND: &'static str = ACTION;
}

/// The name of the record of a target, with which those of what belongs to it begin.
pub(crate) fn name(resource: &str, dimension: &str) -> String {
    format!("{resource}|{dimension}")
}

/// The key of a target.
pub(crate) fn target_key(of: &Scalable) -> Key {
    Key::new(&of.account, &of.region, TARGET, &name(&of.resource, &of.dimension))
}

/// The key of what belongs to a target.
pub(crate) fn part_key(of: &Scalable, kind: &str, part: &str) -> Key {
    Key::new(&of.account, &of.region, kind, &format!("{}|{part}", name(&of.resource, &of.dimension)))
}

/// What a target's key stands for.
pub(crate) fn scalable(key: &Key, target: &Target) -> Scalable {
    Scalable {
        account: key.account.clone(),
        region: key.region.clone(),
        resource: target.resource.clone(),
        dimension: target.dimension.clone(),
    }
}

/// A record as it was read, with what its body says.
#[derive(Debug, Clone)]
pub(crate) struct Held<T> {
    found: Versioned,
    pub value: T,
}

impl<T: Kept> Held<T> {
    pub fn record(&self) -> &Record {
        &self.found.record
    }

    /// The write that keeps the value as it is now.
    pub fn replace(&self, now: i64) -> Write {
        let mut found = self.found.clone();
        found.record.body = json!(self.value);
        found.record.modified = now;
        Write::Replace(found)
    }

    /// The write that removes it.
    pub fn delete(&self) -> Write {
        Write::Delete { key: self.found.record.key.clone(), version: Some(self.found.version) }
    }
}

/// What the body of a record says.
pub(crate) fn read<T: Kept>(record: &Record) -> Result<T, StoreError> {
    T::deserialize(&record.body).map_err(|source| StoreError::Damaged {
        kind: record.key.kind.clone(),
        name: record.key.name.clone(),
        source,
    })
}

/// A new record.
pub(crate) fn fresh<T: Kept>(key: Key, arn: String, value: &T, now: i64) -> Record {
    Record { key, arn, status: String::new(), created: now, modified: now, body: json!(value) }
}

/// A timer of a record.
pub(crate) fn timer(what: &str, key: &Key, due: i64) -> Timer {
    Timer {
        id: format!("{OWNER}:{what}:{}:{}:{}", key.account, key.region, key.name),
        due,
        body: json!({"what": what, "account": key.account, "region": key.region, "name": key.name}),
    }
}

/// The key of the record that a timer is of.
pub(crate) fn key_of(timer: &Timer, kind: &str) -> Key {
    let text = |member: &str| timer.body[member].as_str().unwrap_or_default();
    Key::new(text("account"), text("region"), kind, text("name"))
}

impl AutoScaling {
    pub(crate) async fn held<T: Kept>(&self, key: &Key) -> Result<Option<Held<T>>, StoreError> {
        let Some(found) = self.store().get(key).await? else { return Ok(None) };
        Ok(Some(Held { value: read(&found.record)?, found }))
    }

    /// All of a kind that belong to a target.
    pub(crate) async fn parts<T: Kept>(&self, of: &Key) -> Result<Vec<Held<T>>, StoreError> {
        let filters = vec![Filter::NameStarts(format!("{}|", of.name))];
        let query = Query { filters, ..Query::all(&of.account, &of.region, T::KIND) };
        let mut out = Vec::new();
        for found in self.store().find(query).await? {
            out.extend(self.held(&found.record.key).await?);
        }
        Ok(out)
    }
}
