//! Warm pools: the instances of a job that has ended, kept for the next one that is like it.
//!
//! A pool is part of its job's state. While it is available, a record of its own lets the next job find it, and a timer ends
//! it; both are written and removed in the commits in which the job's state changes.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/train-warm-pools.html>

use std::time::Duration;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Key, Record, Timer, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Kind of the records by which pools are found.
pub(super) const KIND: &str = "warm-pool";
/// Whose timers end pools.
pub(super) const OWNER: &str = "warm-pool";
/// A pool moves from job to job for so long: 28 days.
const LONGEST: i64 = 28 * 24 * 3600 * 1000;

/// In which two jobs have to be the same for one to use the other's instances.
const LIKE: &[&str] = &[
    "/RoleArn",
    "/ResourceConfig/InstanceCount",
    "/ResourceConfig/InstanceType",
    "/ResourceConfig/VolumeKmsKeyId",
    "/ResourceConfig/VolumeSizeInGB",
    "/VpcConfig/SecurityGroupIds",
    "/VpcConfig/Subnets",
    "/EnableInterContainerTrafficEncryption",
    "/EnableNetworkIsolation",
];

/// AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Status {
    InUse,
    Available,
    Reused,
    Terminated,
}

/// The pool that a job uses and may leave. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// The same for all jobs that may use each other's instances.
    pub(super) likeness: String,
    /// How long it is kept when the job has ended, in seconds.
    keep: u64,
    /// `None` until the instances are there, and for a job that neither found a pool nor keeps one.
    status: Option<Status>,
    /// When the instances were launched, for an earlier job perhaps.
    born: i64,
    /// Since when it is available.
    since: i64,
    /// Seconds for which it was available.
    retained: Option<i64>,
    by: Option<String>,
}

/// What a change of a pool means for the record by which it is found, and for its timer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Jobs find it until then.
    Offered { likeness: String, due: i64 },
    /// It is kept until another time.
    Kept { likeness: String, due: i64 },
    /// No job finds it any more.
    Gone { likeness: String, due: i64 },
}

/// The refusal of a change of a pool that there is not.
pub(super) fn none() -> ApiError {
    rejected("training job has no warm pool")
}

fn rejected(why: &str) -> ApiError {
    ApiError::validation(format!(
        "The request was rejected because the {why}. KeepAlivePeriodInSeconds can be changed while the warm pool status is Available."
    ))
}

/// What is the same for all jobs that may use each other's instances.
fn likeness(request: &Map<String, Value>) -> String {
    let request = Value::Object(request.clone());
    let mut like: Vec<Value> = LIKE.iter().map(|at| request.pointer(at).cloned().unwrap_or(Value::Null)).collect();
    for list in like.iter_mut().filter_map(Value::as_array_mut) {
        list.sort_by_key(Value::to_string);
    }
    Sha256::digest(json!(like).to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Pool {
    /// Of a job that has no instances yet.
    pub fn new(request: &Map<String, Value>, keep_alive: Duration) -> Self {
        let (likeness, keep) = (likeness(request), keep_alive.as_secs());
        Self { likeness, keep, status: None, born: 0, since: 0, retained: None, by: None }
    }

    /// Whether the job is yet to look for instances that are there.
    pub fn looks(&self) -> bool {
        self.status.is_none()
    }

    /// Whether the job shows a pool even where it has found none.
    pub fn keeps(&self) -> bool {
        self.keep > 0
    }

    /// Whether this job has it.
    pub fn is_used_by(&self, job: &str) -> bool {
        self.by.as_deref() == Some(job)
    }

    /// When it ends.
    fn due(&self) -> i64 {
        self.since.saturating_add(i64::try_from(self.keep).unwrap_or(i64::MAX).saturating_mul(1000))
    }

    /// The job has its instances: those of a pool that was launched at a time, or new ones.
    pub(super) fn launch(&mut self, pooled: Option<i64>, now: i64) {
        if self.status.is_none() && (self.keep > 0 || pooled.is_some()) {
            self.status = Some(Status::InUse);
            self.born = pooled.unwrap_or(now);
        }
    }

    /// When the instances were launched.
    pub fn born(&self) -> i64 {
        self.born
    }

    /// The job has ended.
    pub(super) fn leave(&mut self, healthy: bool, now: i64) -> Option<Change> {
        if self.status != Some(Status::InUse) {
            return None;
        }
        if self.keep == 0 || !healthy || now - self.born >= LONGEST {
            self.status = Some(Status::Terminated);
            return None;
        }
        self.status = Some(Status::Available);
        self.since = now;
        self.retained = Some(0);
        Some(Change::Offered { likeness: self.likeness.clone(), due: self.due() })
    }

    /// A caller says how long it is kept from the job's end on.
    pub(super) fn keep(&mut self, seconds: u64, now: i64) -> Result<Vec<Change>, ApiError> {
        match self.status {
            Some(Status::Available) => {}
            Some(status) => return Err(rejected(&format!("warm pool of the training job is in status {status:?}"))),
            None => return Err(none()),
        }
        let before = self.due();
        self.keep = seconds;
        let due = self.due();
        if due <= now {
            // What was to be kept until `before` is found by that timer.
            let gone = self.gone(Status::Terminated, now, before);
            return Ok(vec![gone]);
        }
        Ok(vec![Change::Kept { likeness: self.likeness.clone(), due }])
    }

    /// Another job takes it over, if it is still there.
    pub(super) fn reuse(&mut self, by: &str, now: i64) -> Option<Change> {
        if self.status != Some(Status::Available) {
            return None;
        }
        self.by = Some(by.to_owned());
        Some(self.gone(Status::Reused, now, self.due()))
    }

    /// Its time is over, if it is still kept until then.
    pub(super) fn expire(&mut self, due: i64) -> Option<Change> {
        (self.status == Some(Status::Available) && self.due() == due).then(|| self.gone(Status::Terminated, due, due))
    }

    fn gone(&mut self, status: Status, now: i64, due: i64) -> Change {
        self.status = Some(status);
        self.retained = Some(self.retained_at(now.min(due)));
        Change::Gone { likeness: self.likeness.clone(), due }
    }

    fn retained_at(&self, now: i64) -> i64 {
        (now - self.since).max(0) / 1000
    }

    /// `WarmPoolStatus`, and how long the job's request says that the pool is kept.
    pub(super) fn show(&self, stored: &mut Map<String, Value>) -> Result<(), ApiError> {
        let Some(status) = self.status else { return Ok(()) };
        let mut shown = Map::from_iter([("Status".to_owned(), json!(status))]);
        shown.extend(self.retained.map(|s| ("ResourceRetainedBillableTimeInSeconds".to_owned(), json!(s))));
        shown.extend(self.by.as_ref().map(|by| ("ReusedByJob".to_owned(), json!(by))));
        stored.insert(MEMBER.to_owned(), Value::Object(shown));
        if let Some(keep) = stored.get_mut("ResourceConfig").and_then(|r| r.get_mut("KeepAlivePeriodInSeconds")) {
            *keep = json!(self.keep);
        }
        Ok(())
    }

    /// What an available pool has cost until now.
    pub(super) fn bill(&self, described: &mut Value, now: i64) {
        if self.status == Some(Status::Available) {
            described[MEMBER]["ResourceRetainedBillableTimeInSeconds"] = json!(self.retained_at(now.min(self.due())));
        }
    }

    /// Whether it waits for another job.
    pub(super) fn is_available(&self) -> bool {
        self.status == Some(Status::Available)
    }
}

/// Member of descriptions.
pub(super) const MEMBER: &str = "WarmPoolStatus";

/// The key of the record by which the pool of a job is found.
fn key(job: &Key, likeness: &str) -> Key {
    Key::new(&job.account, &job.region, KIND, &format!("{likeness}/{}", job.name))
}

impl Change {
    /// The writes that go with it, for the job of a record; `id` tells the job from others of its name.
    pub(super) fn writes(&self, job: &Record, id: &str) -> Vec<Write> {
        let Key { account, region, name, .. } = &job.key;
        let timer = format!("{OWNER}:{account}:{region}:{name}");
        let set = |due| {
            let body = json!({"account": account, "region": region, "name": name, "job": id});
            Write::SetTimer(Timer { id: timer.clone(), due, body })
        };
        match self {
            Self::Offered { likeness, due } => {
                let record = Record {
                    key: key(&job.key, likeness),
                    // Not the job's own, whose tags would go with this record.
                    arn: format!("{}#warm-pool", job.arn),
                    status: String::new(),
                    created: job.modified,
                    modified: job.modified,
                    body: json!({"name": name, "job": id}),
                };
                vec![Write::Insert(record), set(*due)]
            }
            Self::Kept { due, .. } => vec![set(*due)],
            Self::Gone { likeness, due } => vec![
                Write::Delete { key: key(&job.key, likeness), version: None },
                Write::CancelTimer { id: timer.clone(), due: *due },
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Value {
        json!({
            "TrainingJobName": "j",
            "RoleArn": "r",
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "t", "VolumeKmsKeyId": "k", "VolumeSizeInGB": 1},
            "VpcConfig": {"SecurityGroupIds": ["sg-1", "sg-2"], "Subnets": ["s-1", "s-2"]},
            "EnableInterContainerTrafficEncryption": false,
            "EnableNetworkIsolation": false,
        })
    }

    #[test]
    fn jobs_are_alike_in_what_instances_depend_on() {
        let of = |request: &Value| likeness(request.as_object().unwrap());
        let changed = |at: &str, value: Value| {
            let mut other = request();
            *other.pointer_mut(at).unwrap() = value;
            of(&other)
        };
        let usual = of(&request());
        for at in LIKE {
            assert_ne!(changed(at, json!("other")), usual, "{at}");
        }
        for (at, value) in [
            ("/TrainingJobName", json!("other")),
            ("/VpcConfig/SecurityGroupIds", json!(["sg-2", "sg-1"])),
            ("/VpcConfig/Subnets", json!(["s-2", "s-1"])),
        ] {
            assert_eq!(changed(at, value), usual, "{at}");
        }
    }
}
