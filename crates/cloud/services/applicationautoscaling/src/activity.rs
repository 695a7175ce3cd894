//! A scaling activity: what it says, and what comes next of it.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use sagewright_cloud_core::records::{Batch, Filter, Key, Order, Query, StoreError, Write};
use sagewright_cloud_core::scaling::{Capacity, Scalable};

use crate::decide::Bounds;
use crate::kept::{ACTIVITY, Held, Kept, Target, fresh, part_key};
use crate::resource::{NAMESPACE, noun};
use crate::{AutoScaling, seconds};

/// Activities are kept for six weeks, in milliseconds of AWS's time.
const KEPT: i64 = 42 * 86_400_000;
/// Activities of a target that are kept, whatever their age.
const MOST: usize = 1000;
/// How often their number is looked at, and how many that are too old are removed with a new one.
const TOGETHER: usize = 50;
/// How long a change waits for a resource that takes none, in milliseconds of AWS's time.
const PATIENCE: i64 = 3_600_000;

/// An activity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Activity {
    pub id: String,
    pub resource: String,
    pub dimension: String,
    pub description: String,
    pub cause: String,
    /// Milliseconds since 1970.
    pub started: i64,
    pub ended: Option<i64>,
    pub status: Status,
    pub message: Option<String>,
    /// `NotScaledReason`
    pub reason: Option<Value>,
    /// The capacity that is to be set, where it is one.
    pub goal: Option<u32>,
    /// Whether it is scaling: the other ones say why nothing was scaled.
    pub scales: bool,
}

impl Kept for Activity {
    const KIND: &'static str = ACTIVITY;
}

/// `StatusCode`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Pending,
    InProgress,
    Successful,
    Overridden,
    Unfulfilled,
    Failed,
}

/// What comes next of an activity that sets a capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The resource takes no change, or the change is under way.
    Wait,
    /// Set the capacity.
    Set,
    /// It is at its end.
    End(Status),
}

impl Activity {
    fn new(of: &Scalable, description: String, cause: String, started: i64) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            resource: of.resource.clone(),
            dimension: of.dimension.clone(),
            description,
            cause,
            started,
            ended: None,
            status: Status::Pending,
            message: None,
            reason: None,
            goal: None,
            scales: true,
        }
    }

    /// One that sets a capacity.
    pub fn setting(of: &Scalable, goal: u32, cause: String, started: i64) -> Self {
        let description = format!("Setting desired {} to {goal}.", noun(&of.dimension));
        Self { goal: Some(goal), ..Self::new(of, description, cause, started) }
    }

    /// One that was not scaled.
    pub fn not_scaled(of: &Scalable, reason: Value, cause: String, started: i64) -> Self {
        let description = "Attempting to scale due to alarm triggered".to_owned();
        Self {
            status: Status::Failed,
            reason: Some(reason),
            scales: false,
            ..Self::new(of, description, cause, started)
        }
    }

    /// One that set bounds, or was to: `change` is as in `min capacity to 5 and max capacity to 10`.
    pub fn of_bounds(of: &Scalable, change: &str, cause: String, at: i64, refused: Option<&str>) -> Self {
        let (status, message) = match refused {
            None => (Status::Successful, format!("Successfully set {change}")),
            Some(why) => (Status::Failed, format!("Failed to set {change}. Reason: {why}")),
        };
        Self {
            status,
            message: Some(message),
            ended: Some(at),
            ..Self::new(of, format!("Setting {change}"), cause, at)
        }
    }

    /// What comes next, by what there is of the resource.
    pub fn next(&self, capacity: Capacity, bounds: Bounds, now: i64) -> Next {
        let Some(goal) = self.goal else { return Next::End(self.status) };
        match self.status {
            // Others decide anew, by what the bounds are now.
            Status::Pending if bounds.pull(goal) != goal => Next::End(Status::Overridden),
            // It was set before the process ended that was to say so.
            Status::Pending if capacity.desired == goal && !capacity.busy => Next::End(Status::Successful),
            Status::Pending if capacity.busy && now.saturating_sub(self.started) > PATIENCE => {
                Next::End(Status::Failed)
            }
            Status::Pending if capacity.busy => Next::Wait,
            Status::Pending => Next::Set,
            Status::InProgress if capacity.busy => Next::Wait,
            Status::InProgress if capacity.desired == goal => Next::End(Status::Successful),
            // The service could not do it, and has what it had before.
            Status::InProgress => Next::End(Status::Unfulfilled),
            ended => Next::End(ended),
        }
    }

    /// The capacity was asked for.
    pub fn set(&mut self) {
        self.status = Status::InProgress;
        self.message =
            Some(format!("Successfully set desired {}. Waiting for change to be fulfilled by {NAMESPACE}.", self.to()));
    }

    /// It came to an end.
    pub fn end(&mut self, status: Status, why: Option<&str>, now: i64) {
        self.status = status;
        self.ended = Some(now.max(self.started));
        let (to, why) = (self.to(), why.map(|why| format!(" Reason: {why}")).unwrap_or_default());
        self.message = Some(match status {
            Status::Successful => {
                format!("Successfully set desired {to}. Change successfully fulfilled by {NAMESPACE}.")
            }
            Status::Unfulfilled => format!("Successfully set desired {to}. Change was not fulfilled by {NAMESPACE}."),
            Status::Overridden => format!("The change of desired {to} was overridden by a change of the bounds."),
            _ => format!("Failed to set desired {to}.{why}"),
        });
    }

    fn to(&self) -> String {
        format!("{} to {}", noun(&self.dimension), self.goal.unwrap_or_default())
    }

    /// As the API shows it.
    pub fn shown(&self, with_reasons: bool) -> Value {
        let mut out = Map::new();
        for (member, value) in [
            ("ActivityId", self.id.as_str()),
            ("ServiceNamespace", NAMESPACE),
            ("ResourceId", &self.resource),
            ("ScalableDimension", &self.dimension),
            ("Description", &self.description),
            ("Cause", &self.cause),
        ] {
            out.insert(member.to_owned(), value.into());
        }
        out.insert("StartTime".to_owned(), seconds(self.started));
        out.insert("StatusCode".to_owned(), json!(self.status));
        if let Some(ended) = self.ended {
            out.insert("EndTime".to_owned(), seconds(ended));
        }
        if let Some(message) = &self.message {
            out.insert("StatusMessage".to_owned(), message.as_str().into());
        }
        if let Some(reason) = self.reason.as_ref().filter(|_| with_reasons) {
            out.insert("NotScaledReasons".to_owned(), json!([reason]));
        }
        out.into()
    }
}

impl AutoScaling {
    /// The writes that keep a new activity of a target, and no more than may be kept. One that sets a capacity is the one that
    /// the target waits for from then on.
    pub(crate) async fn begin(
        &self,
        of: &Scalable,
        target: &mut Held<Target>,
        activity: &Activity,
    ) -> Result<Batch, StoreError> {
        target.value.begun += 1;
        // Activities of one moment are in the order in which they were begun.
        let place = format!("{:015}|{:09}|{}", activity.started, target.value.begun, activity.id);
        let key = part_key(of, ACTIVITY, &place);
        if activity.goal.is_some() {
            target.value.pending = Some(key.name.clone());
        }
        if activity.scales {
            target.value.said = None;
        }
        let mut batch = self.surplus(&target.record().key, target.value.begun, activity.started).await?;
        batch.push(Write::Insert(fresh(key, String::new(), activity, activity.started)));
        Ok(batch)
    }

    /// Removes activities of a target that are too old or too many.
    async fn surplus(&self, of: &Key, begun: u64, now: i64) -> Result<Batch, StoreError> {
        let start = Filter::NameStarts(format!("{}|", of.name));
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        let old = Filter::CreatedBefore((now - KEPT) as f64);
        let query = |filters: Vec<Filter>, limit: usize| Query {
            filters,
            order: Order::Created,
            limit,
            ..Query::all(&of.account, &of.region, ACTIVITY)
        };
        let mut found = self.store().find(query(vec![start.clone(), old], TOGETHER)).await?;
        if begun.is_multiple_of(TOGETHER as u64) {
            let newest = Query { descending: true, ..query(vec![start], MOST + 3 * TOGETHER) };
            let surplus = self.store().find(newest).await?.into_iter().skip(MOST);
            found.extend(surplus);
        }
        let mut keys: Vec<Key> = found.into_iter().map(|found| found.record.key).collect();
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        keys.dedup();
        Ok(keys.into_iter().map(|key| Write::Delete { key, version: None }).collect())
    }
}

/// Since when activities are shown at a time, in milliseconds since 1970.
pub(crate) fn shown_since(now: i64) -> i64 {
    now - KEPT
}
