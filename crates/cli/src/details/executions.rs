//! The executions of monitoring schedules: their jobs, and the violations that they found.

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use sagewright_engine::Object;
use sagewright_engine::cloud::{Call, Cloud as _};
use sagewright_kinds::Kind;
use serde_json::{Value, json};

use super::{AT_ONCE, text};
use crate::context::Context;
use crate::output::{Table, amount};
use crate::steps::instant;

/// The file in which a job of SageMaker's monitors tells what it found.
const VIOLATIONS: &str = "constraint_violations.json";
/// Executions that are shown, the latest.
const MOST: usize = 20;

/// One execution.
pub(crate) struct Execution {
    /// As the listing has it.
    told: Value,
    /// Its processing job, as it is described.
    job: Option<(&'static Kind, String, Object)>,
}

/// The latest executions of a schedule, the last first; and whether there are earlier ones.
///
/// # Errors
/// They cannot be listed.
pub(crate) async fn of(context: &Context, schedule: &Object) -> anyhow::Result<(Vec<Execution>, bool)> {
    let name = text(&schedule.spec, "/monitoringScheduleName").unwrap_or_else(|| schedule.metadata.name.clone());
    let input = json!({
        "MonitoringScheduleName": name, "SortBy": "ScheduledTime", "SortOrder": "Descending", "MaxResults": MOST,
    });
    let page = context.aws.call(Call::new(&context.target, "sagemaker", "ListMonitoringExecutions", input)).await?;
    let told = page["MonitoringExecutionSummaries"].as_array().cloned().unwrap_or_default();
    let executions = stream::iter(told).map(|told| async move {
        let job = match told["ProcessingJobArn"].as_str() {
            Some(arn) => job(context, arn).await,
            None => None,
        };
        Execution { told, job }
    });
    Ok((executions.buffered(AT_ONCE).collect().await, page["NextToken"].is_string()))
}

async fn job(context: &Context, arn: &str) -> Option<(&'static Kind, String, Object)> {
    let kind = sagewright_kinds::find("ProcessingJob")?;
    let found = context.engine.describe(kind, arn).await.ok()?;
    Some((kind, found.resource, found.object))
}

impl Execution {
    fn status(&self) -> &str {
        self.told["MonitoringExecutionStatus"].as_str().unwrap_or("-")
    }

    /// Its job, as other commands take it.
    pub(crate) fn job(&self) -> Option<(&'static Kind, &str)> {
        self.job.as_ref().map(|(kind, name, _)| (*kind, name.as_str()))
    }

    /// What its job said at its end, or why it failed.
    fn result(&self) -> Option<String> {
        let said = |(.., job): &(_, _, Object)| text(&job.status, "/exitMessage");
        let failed = self.told["FailureReason"].as_str().map(str::to_owned);
        self.job.as_ref().and_then(said).filter(|text| !text.is_empty()).or(failed)
    }

    /// Where the violations are that it found.
    pub(crate) fn violations(&self) -> Option<String> {
        let (.., job) = self.job.as_ref().filter(|_| self.status() == "CompletedWithViolations")?;
        let output = text(&job.spec, "/processingOutputConfig/outputs/0/s3Output/s3URI")?;
        Some(format!("{}/{VIOLATIONS}", output.trim_end_matches('/')))
    }
}

/// Executions as rows.
pub(crate) fn table(executions: &[Execution]) -> Table {
    let mut table = Table::new(["SCHEDULED", "STATUS", "JOB", "RESULT"]);
    for execution in executions {
        let dash = || "-".to_owned();
        table.row([
            instant(&execution.told["ScheduledTime"]).map_or_else(dash, |time| time.to_string()),
            execution.status().to_owned(),
            execution.job().map_or_else(dash, |(kind, name)| format!("{}/{name}", kind.name())),
            execution.result().unwrap_or_else(dash),
        ]);
    }
    table
}

/// Executions for programs.
pub(crate) fn document(executions: &[Execution]) -> Value {
    let model = sagewright_model::service("sagemaker");
    let shape = model.and_then(|service| Some((service, service.shape("MonitoringExecutionSummary")?)));
    let item = |execution: &Execution| {
        let told = shape.map(|(service, shape)| sagewright_model::crd::from_aws(service, shape, &execution.told));
        let mut out = told.unwrap_or_else(|| json!({}));
        out["resource"] = json!(execution.job().map(|(kind, name)| format!("{}/{name}", kind.name())));
        out["result"] = json!(execution.result());
        out["violations"] = json!(execution.violations());
        out
    };
    executions.iter().map(item).collect()
}

/// `CompletedWithViolations, 12m ago`.
pub(super) fn last_run(schedule: &Object, now: Timestamp) -> Option<String> {
    let last = schedule.status.get("lastMonitoringExecutionSummary")?;
    let status = text(last, "/monitoringExecutionStatus")?;
    let ended = text(last, "/lastModifiedTime").and_then(|time| time.parse::<Timestamp>().ok());
    Some(ended.map_or_else(|| status.clone(), |ended| format!("{status}, {} ago", amount::age(ended, now))))
}

/// The last run of a schedule in a line, with where its violations are.
pub(super) async fn last_outcome(context: &Context, schedule: &Object) -> Option<String> {
    let last = schedule.status.get("lastMonitoringExecutionSummary")?;
    let status = text(last, "/monitoringExecutionStatus")?;
    let (executions, _) = of(context, schedule).await.ok()?;
    let result = executions.first().and_then(Execution::result);
    // What the job said may begin with the status.
    Some(match result {
        Some(said) if said.starts_with(&status) => format!("last run {said}"),
        Some(said) => format!("last run {status}: {said}"),
        None => format!("last run {status}"),
    })
}
