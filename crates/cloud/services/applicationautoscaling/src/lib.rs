//! Application Auto Scaling: scalable targets, scaling policies, scheduled actions and what comes of them.
//!
//! What is decided is pure: how much there is to be (`decide`), when a scheduled action runs (`schedule`), what comes next of an
//! activity (`activity::step`). Around it: alarms, which tell policies (`alarmed`), timers, which run scheduled actions
//! (`scheduled_action::due`), and the one way in which a capacity is set (`carry`).

mod activity;
mod alarmed;
mod carry;
mod decide;
mod kept;
mod listing;
mod resource;
mod scalable_target;
mod scaling_activity;
mod scaling_policy;
mod schedule;
mod scheduled_action;
mod tags;
mod targets;
mod watch;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;

use sagewright_cloud_core::api::{ApiError, Call, Handler, Operation, Output, answer};
use sagewright_cloud_core::clock::SimClock;
use sagewright_cloud_core::operations;
use sagewright_cloud_core::records::{CommitError, Key, SharedRecords};
use sagewright_cloud_core::scaling::Scalables;
use sagewright_cloud_core::timers::{Due, Waker};
use serde_json::Value;

/// What Application Auto Scaling answers here.
pub const OPERATIONS: &[(&str, Operation<AutoScaling>)] = operations! { AutoScaling:
    "DeleteScalingPolicy" => scaling_policy::delete::delete,
    "DeleteScheduledAction" => scheduled_action::delete::delete,
    "DeregisterScalableTarget" => scalable_target::deregister::deregister,
    "DescribeScalableTargets" => scalable_target::describe::describe,
    "DescribeScalingActivities" => scaling_activity::describe::describe,
    "DescribeScalingPolicies" => scaling_policy::describe::describe,
    "DescribeScheduledActions" => scheduled_action::describe::describe,
    "ListTagsForResource" => tags::list::list,
    "PutScalingPolicy" => scaling_policy::put::put,
    "PutScheduledAction" => scheduled_action::put::put,
    "RegisterScalableTarget" => scalable_target::register::register,
    "TagResource" => tags::tag::tag,
    "UntagResource" => tags::untag::untag,
};

pub use targets::Known;

/// Whose timers these are.
pub const OWNER: &str = "application-autoscaling";

/// So many places to wait at that two targets seldom share one.
const TURNS: usize = 256;

/// The Application Auto Scaling of the embedded cloud; cheap to clone.
#[derive(Clone)]
pub struct AutoScaling(Arc<Inner>);

struct Inner {
    store: SharedRecords,
    clock: SimClock,
    /// CloudWatch, which has the alarms of target tracking.
    cloudwatch: Arc<dyn Handler>,
    scalables: OnceLock<Arc<dyn Scalables>>,
    waker: OnceLock<Waker>,
    turns: Vec<tokio::sync::Mutex<()>>,
    /// Targets whose resources are waited for.
    followed: Mutex<HashSet<Key>>,
}

impl AutoScaling {
    /// Application Auto Scaling over the cloud's state and its CloudWatch.
    #[must_use]
    pub fn new(store: SharedRecords, clock: SimClock, cloudwatch: Arc<dyn Handler>) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            cloudwatch,
            scalables: OnceLock::new(),
            waker: OnceLock::new(),
            turns: (0..TURNS).map(|_| tokio::sync::Mutex::default()).collect(),
            followed: Mutex::default(),
        }))
    }

    /// Names who has what scales; the first stays. Until then nothing can be registered.
    pub fn scales(&self, scalables: Arc<dyn Scalables>) {
        let _ = self.0.scalables.set(scalables);
    }

    /// Names the scheduler that runs the timers; the first stays.
    pub fn wakes(&self, waker: Waker) {
        let _ = self.0.waker.set(waker);
    }

    /// Does what is due.
    #[must_use]
    pub fn due(&self) -> Due {
        let autoscaling = self.clone();
        Arc::new(move |timer| {
            let autoscaling = autoscaling.clone();
            Box::pin(async move { autoscaling.timer(timer).await })
        })
    }

    fn store(&self) -> &SharedRecords {
        &self.0.store
    }

    /// Now, in milliseconds since 1970.
    fn now(&self) -> i64 {
        self.0.clock.now().as_millisecond()
    }

    fn scalables(&self) -> Result<&Arc<dyn Scalables>, ApiError> {
        self.0
            .scalables
            .get()
            .ok_or_else(|| ApiError::internal("nothing that scales is wired to Application Auto Scaling"))
    }

    /// A timer was set.
    fn wake(&self) {
        if let Some(waker) = self.0.waker.get() {
            waker.wake();
        }
    }
}

#[async_trait]
impl Handler for AutoScaling {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        answer(OPERATIONS, self, &call).await
    }
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::validation(message)
}

/// `ObjectNotFoundException`, 400.
fn missing(message: impl Into<String>) -> ApiError {
    ApiError::new("ObjectNotFoundException", 400, message)
}

/// `LimitExceededException`, 400.
fn limit(message: impl Into<String>) -> ApiError {
    ApiError::new("LimitExceededException", 400, message)
}

/// What would change the outcome and is not built.
fn unsupported(what: &str) -> ApiError {
    validation(format!(
        "{what} is not supported by the embedded cloud; use a real AWS account for it (unset AWS_ENDPOINT_URL)."
    ))
}

fn committed(error: CommitError) -> ApiError {
    match error {
        CommitError::Conflict(_) => ApiError::new(
            "ConcurrentUpdateException",
            500,
            "The scalable target is changed by another request; try again.",
        ),
        CommitError::Store(error) => error.into(),
    }
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// A time in milliseconds since 1970 as answers have it.
#[allow(clippy::cast_precision_loss)] // far below 2^52
fn seconds(at: i64) -> Value {
    (at as f64 / 1000.0).into()
}
