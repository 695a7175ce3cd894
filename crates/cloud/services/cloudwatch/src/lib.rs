//! CloudWatch: metrics that callers put, and those of jobs and endpoints; their statistics and the arithmetic over them; alarms.

mod alarm;
mod evaluation;
mod input;
mod math;
mod metric_data;
mod metric_statistics;
mod metrics;
mod statistic;
mod watch;
mod windows;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use sagewright_cloud_core::alarms::{AlarmActions, AlarmState, Alarms};
use sagewright_cloud_core::api::{ApiError, Call, Handler, Operation, Output, answer};
use sagewright_cloud_core::clock::SimClock;
use sagewright_cloud_core::metrics::Metrics;
use sagewright_cloud_core::operations;
use sagewright_cloud_core::outbox::Outbox;
use sagewright_cloud_core::records::{CommitError, SharedRecords, StoreError};
use sagewright_cloud_core::timers::{Due, Timers, Waker};

use watch::Watch;

/// What CloudWatch answers here.
pub const OPERATIONS: &[(&str, Operation<CloudWatch>)] = operations! { CloudWatch:
    "DeleteAlarms" => alarm::delete::delete,
    "DescribeAlarmHistory" => alarm::describe_history::describe,
    "DescribeAlarms" => alarm::describe::describe,
    "DescribeAlarmsForMetric" => alarm::describe_for_metric::describe,
    "DisableAlarmActions" => alarm::actions::disable,
    "EnableAlarmActions" => alarm::actions::enable,
    "GetMetricData" => metric_data::get::get,
    "GetMetricStatistics" => metric_statistics::get::get,
    "ListMetrics" => metrics::list::list,
    "ListTagsForResource" => alarm::tags::list_of,
    "PutCompositeAlarm" => alarm::put_composite::put,
    "PutMetricAlarm" => alarm::put_metric::put,
    "PutMetricData" => metric_data::put::put,
    "SetAlarmState" => alarm::set_state::set,
    "TagResource" => alarm::tags::tag,
    "UntagResource" => alarm::tags::untag,
};

/// Runs the timers of alarms: they are evaluated by them, and their actions are done.
#[must_use]
pub fn timers(cloudwatch: &CloudWatch, timers: Timers) -> Timers {
    let (evaluates, acts) = (Arc::clone(&cloudwatch.watch), Arc::clone(&cloudwatch.watch));
    let evaluate: Due = Arc::new(move |timer| {
        let watch = Arc::clone(&evaluates);
        Box::pin(async move { watch.due(timer).await })
    });
    let act: Due = Arc::new(move |timer| {
        let watch = Arc::clone(&acts);
        Box::pin(async move { watch.act(timer).await })
    });
    timers.owner(watch::OWNER, evaluate).owner(watch::ACTIONS, act)
}

/// Requests that compute expressions at the same time: each may hold millions of data points.
const COMPUTING: usize = 2;

/// The CloudWatch of the embedded cloud; cheap to clone.
#[derive(Clone)]
pub struct CloudWatch {
    metrics: Metrics,
    /// Requests that may compute expressions at the same time.
    computing: Arc<Semaphore>,
    watch: Arc<Watch>,
}

impl CloudWatch {
    /// CloudWatch over the metrics of the cloud and its state. Alarms are evaluated by timers ([`timers`]).
    #[must_use]
    pub fn new(metrics: Metrics, store: SharedRecords, clock: SimClock, outbox: Outbox) -> Self {
        let watch = Arc::new(Watch::new(store, metrics.clone(), clock, outbox));
        Self { metrics, computing: Arc::new(Semaphore::new(COMPUTING)), watch }
    }

    /// Names the scheduler that runs the timers of alarms; the first stays.
    pub fn wakes(&self, waker: Waker) {
        self.watch.wakes(waker);
    }

    /// Names who does the actions of alarms; the first ones stay. All other actions fail, as the alarms' history tells.
    pub fn acts_by(&self, actions: Vec<Arc<dyn AlarmActions>>) {
        self.watch.acts_by(actions);
    }
}

#[async_trait]
impl Alarms for CloudWatch {
    async fn states(
        &self,
        account: &str,
        region: &str,
        names: &[String],
    ) -> Result<Vec<Option<AlarmState>>, StoreError> {
        let mut out = Vec::with_capacity(names.len());
        for name in names {
            let found = self.watch.store.shared(&alarm::key(account, region, name)).await?;
            out.push(found.map(|found| alarm::state(&found.record)));
        }
        Ok(out)
    }
}

#[async_trait]
impl Handler for CloudWatch {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        answer(OPERATIONS, self, &call).await
    }
}

/// `InvalidParameterValue`, 400.
fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValue", 400, message)
}

/// `InvalidParameterCombination`, 400.
fn combination(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterCombination", 400, message)
}

/// `ValidationError`, 400.
fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", 400, message)
}

/// What would change the outcome and is not built.
fn unsupported(what: &str, instead: &str) -> ApiError {
    let message = format!("{what} is not supported by the embedded cloud's CloudWatch; {instead}");
    ApiError::new("NotImplemented", 501, message)
}

fn committed(error: CommitError) -> ApiError {
    match error {
        CommitError::Conflict(_) => ApiError::internal("the alarm was changed by another process; try again"),
        CommitError::Store(error) => error.into(),
    }
}

fn stored(error: StoreError) -> ApiError {
    match error {
        StoreError::Refused(why) => ApiError::new("LimitExceeded", 400, why),
        other => other.into(),
    }
}
