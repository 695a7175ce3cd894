//! Executions: one for each run of a schedule, by the time that it was scheduled for.

mod data;
mod driver;
pub(crate) mod list;
mod request;
mod window;

pub(crate) use window::of as window;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Filter, Key, Order, Query, Record, StoreError};
use sagewright_cloud_sagemaker_base::kind::{Kind, LIFE, Life, Naming, ROW, Row};
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, cut, describe, fields, hidden, pick, seconds};
use sagewright_cloud_sagemaker_base::{ResumeError, SageMaker};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::plan::Plan;
use crate::schedule::expression::stamp;

/// Executions have no ARN and no operations but their list: only their records have a kind.
pub(crate) const KIND: Kind = Kind(&Row {
    noun: "MonitoringExecution",
    arn_type: "monitoring-execution",
    naming: Naming::Members(&["MonitoringScheduleName"]),
    status: Some(&Life { member: "MonitoringExecutionStatus", ..LIFE }),
    ..ROW
});

/// Statuses of executions that go on.
const ALIVE: [&str; 3] = ["Pending", "InProgress", "Stopping"];

/// Members of a summary.
const SUMMARY: &[&str] = &[
    "MonitoringScheduleName",
    "ScheduledTime",
    "CreationTime",
    "LastModifiedTime",
    "MonitoringExecutionStatus",
    "ProcessingJobArn",
    "EndpointName",
    "FailureReason",
    "MonitoringJobDefinitionName",
    "MonitoringType",
];

/// What drives an execution; kept in its record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub plan: Plan,
    /// Spelled as it was created.
    pub schedule: String,
    /// When it was scheduled, milliseconds since 1970.
    pub scheduled: i64,
    /// The data that is analysed, from and until.
    pub window: (i64, i64),
    /// What the names of its jobs end with.
    pub suffix: String,
    /// Jobs that have completed.
    pub done: usize,
    /// Whether the next one was created.
    pub created: bool,
}

/// Whether a status is an end.
pub(crate) fn ended(status: &str) -> bool {
    !ALIVE.contains(&status)
}

/// Tells a schedule from others that had its name.
fn id(schedule: &Record) -> &str {
    schedule.body[HIDDEN]["id"].as_str().unwrap_or_default()
}

/// How the names of a schedule's executions begin.
fn prefix(schedule: &Record) -> String {
    format!("{}/{}/", schedule.key.name, id(schedule))
}

/// The key of an execution: a schedule has one at a time.
fn key(schedule: &Record, scheduled: i64) -> Key {
    let Key { account, region, .. } = &schedule.key;
    Key::new(account, region, KIND.as_str(), &format!("{}{scheduled:015}", prefix(schedule)))
}

/// A new execution of a schedule. One whose plan cannot be made has failed.
pub(crate) fn begin(schedule: &Record, scheduled: i64, now: i64, plan: Result<Plan, String>) -> Record {
    let config = &schedule.body["MonitoringScheduleConfig"];
    let name = schedule.body["MonitoringScheduleName"].as_str().unwrap_or_default();
    let mut body = Map::new();
    body.insert("MonitoringScheduleName".to_owned(), json!(name));
    body.insert("ScheduledTime".to_owned(), seconds(scheduled));
    body.insert("MonitoringType".to_owned(), config["MonitoringType"].clone());
    body.insert("MonitoringJobDefinitionName".to_owned(), config["MonitoringJobDefinitionName"].clone());
    body.insert("EndpointName".to_owned(), schedule.body["EndpointName"].clone());
    body.retain(|_, value| !value.is_null());
    let mut status = "Pending";
    match plan.and_then(|plan| Ok((window::of(config, &plan, scheduled)?, plan))) {
        Ok((window, plan)) => {
            body.entry("MonitoringType").or_insert_with(|| json!(plan.monitoring.name()));
            let suffix = request::suffix(&schedule.arn, id(schedule), scheduled);
            let schedule = name.to_owned();
            let state = State { plan, schedule, scheduled, window, suffix, done: 0, created: false };
            body.insert(HIDDEN.to_owned(), json!({ "state": state }));
        }
        Err(reason) => {
            status = "Failed";
            body.insert("FailureReason".to_owned(), json!(cut(&reason)));
        }
    }
    let key = key(schedule, scheduled);
    Record {
        arn: format!("{}/execution/{}/{scheduled}", schedule.arn, id(schedule)),
        key,
        status: status.to_owned(),
        created: now,
        modified: now,
        body: Value::Object(body),
    }
}

fn state(record: &Record) -> Option<State> {
    State::deserialize(&record.body[HIDDEN]["state"]).ok()
}

fn set_state(record: &mut Record, state: &State) -> Result<(), ApiError> {
    hidden(fields(record)?).insert("state".to_owned(), json!(state));
    Ok(())
}

/// The last execution of a schedule, among those that fit.
async fn of_schedule(sm: &SageMaker, schedule: &Record, fits: Option<Filter>) -> Result<Option<Record>, StoreError> {
    let mut filters = vec![Filter::NameStarts(prefix(schedule))];
    filters.extend(fits);
    let query = Query {
        filters,
        order: Order::Name,
        descending: true,
        limit: 1,
        ..Query::all(&schedule.key.account, &schedule.key.region, KIND.as_str())
    };
    Ok(sm.env().store.find(query).await?.pop().map(|found| found.record))
}

/// The last execution of a schedule.
///
/// # Errors
/// The store failed.
pub(crate) async fn last(sm: &SageMaker, schedule: &Record) -> Result<Option<Record>, StoreError> {
    of_schedule(sm, schedule, None).await
}

/// An execution of a schedule that goes on.
///
/// # Errors
/// The store failed.
pub(crate) async fn running(sm: &SageMaker, schedule: &Record) -> Result<Option<Record>, StoreError> {
    for status in ALIVE {
        let found = of_schedule(sm, schedule, Some(Filter::Status(status.to_owned()))).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// `MonitoringExecutionSummary`
pub(crate) fn summary(record: Record) -> Value {
    let times = [("CreationTime", record.created), ("LastModifiedTime", record.modified)];
    let mut shown = describe(KIND, record);
    shown.extend(times.map(|(member, time)| (member.to_owned(), seconds(time))));
    pick(shown, SUMMARY)
}

/// When an execution was scheduled, for messages.
pub(crate) fn scheduled(record: &Record) -> String {
    state(record).map_or_else(String::new, |state| stamp(state.scheduled))
}

/// The name of the processing job that runs, for messages.
pub(crate) fn job(record: &Record) -> Option<String> {
    let state = state(record).filter(|state| state.created)?;
    state.job().map(|job| state.name(job))
}

/// Drives an execution to its end, in a task of its own.
pub(crate) fn drive(sm: &SageMaker, key: Key) {
    let sm = sm.clone();
    tokio::spawn(async move { driver::drive(&sm, &key).await });
}

/// Takes up the executions of the last process.
///
/// # Errors
/// The records could not be read.
pub(crate) async fn resume(sm: &SageMaker) -> Result<(), ResumeError> {
    // All are found before the first is driven: one that moves on at once must not be found again.
    let mut found = Vec::new();
    for status in ALIVE {
        found.extend(sm.env().store.with_status(KIND.as_str(), status).await?);
    }
    found.into_iter().for_each(|record| drive(sm, record.key));
    Ok(())
}
