//! The steps of pipeline executions: what each waits for, its times, its job, and why it failed.

use std::fmt::Write as _;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use sagewright_engine::cloud::{Call, Cloud as _};
use sagewright_engine::{CloudError, Object};
use sagewright_kinds::Kind;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Table;
use crate::{details, resource};

/// Names looked up at the same time.
const AT_ONCE: usize = 8;

/// A step of the definition, with what is known of its execution.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    name: String,
    kind: String,
    /// Steps that it waits for; of a branch, with the outcome.
    after: Vec<String>,
    /// What `ListPipelineExecutionSteps` tells; nothing for a step that has not begun.
    told: Option<Value>,
    /// What it made or ran: its kind, and its name as a description gives it.
    made: Option<(&'static Kind, String)>,
}

impl Step {
    /// Its name in the definition.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What it made or ran, where names were looked up.
    pub(crate) fn made(&self) -> Option<&(&'static Kind, String)> {
        self.made.as_ref()
    }

    /// Where it stands; nothing before it begins.
    pub(crate) fn status(&self) -> Option<&str> {
        self.told.as_ref()?["StepStatus"].as_str()
    }

    /// Whether it failed.
    pub(crate) fn failed(&self) -> bool {
        self.status() == Some("Failed")
    }

    /// What it came to, in a line: `Succeeded after 2.4s`.
    pub(crate) fn news(&self) -> Option<String> {
        let told = self.told.as_ref()?;
        let mut text = format!("{} {}", self.name, self.status()?);
        if let Some(took) = instant(&told["StartTime"]).zip(instant(&told["EndTime"])).map(took) {
            let _ = write!(text, " after {took}");
        }
        if self.failed() || !told["CacheHitResult"].is_null() {
            let _ = write!(text, ": {}", self.result());
        }
        Some(text)
    }

    /// The job that failed and its reason; else where its result comes from, and what it is.
    fn result(&self) -> String {
        let Some(told) = &self.told else { return String::new() };
        let mut out = String::new();
        let attempts = told["AttemptCount"].as_u64().unwrap_or(1);
        if attempts > 1 {
            let _ = write!(out, "attempt {attempts}: ");
        }
        for (member, words) in [("CacheHitResult", "cached from"), ("SelectiveExecutionResult", "taken from")] {
            if let Some(arn) = told[member]["SourcePipelineExecutionArn"].as_str() {
                let _ = write!(out, "{words} {}: ", arn.rsplit('/').next().unwrap_or_default());
            }
        }
        match &self.made {
            Some((kind, name)) => {
                let _ = write!(out, "{}/{name}", kind.name());
            }
            None => out.push_str(plain(told)),
        }
        if let Some(reason) = told["FailureReason"].as_str() {
            // A step that fails on purpose has its message as both.
            let before = out.trim_end_matches([':', ' ']).to_owned();
            out = if before.is_empty() || before == reason { reason.to_owned() } else { format!("{before}: {reason}") };
        }
        out
    }
}

/// The steps of an execution in the order of its definition.
///
/// # Errors
/// It cannot be read.
pub(crate) async fn of(context: &Context, execution: &Object) -> anyhow::Result<Vec<Step>> {
    let arn = execution
        .arn()
        .ok_or_else(|| Failure::new(Exit::Failed, format!("{} has no ARN yet", execution.metadata.name)))?;
    let definition = call(context, arn, "DescribePipelineDefinitionForExecution", json!({})).await?;
    let definition = definition["PipelineDefinition"].as_str().unwrap_or_default();
    let definition: Value = serde_json::from_str(definition)
        .map_err(|error| Failure::new(Exit::Failed, format!("the definition of {arn} is not valid JSON: {error}")))?;
    let told = listed(context, arn).await?;
    let mut steps = graph(&definition);
    for step in &mut steps {
        step.told = told.iter().find(|told| told["StepName"] == json!(step.name)).cloned();
    }
    Ok(steps)
}

async fn call(context: &Context, arn: &str, operation: &str, more: Value) -> Result<Value, CloudError> {
    let mut input = Map::from_iter([("PipelineExecutionArn".to_owned(), json!(arn))]);
    input.extend(more.as_object().cloned().unwrap_or_default());
    context.aws.call(Call::new(&context.target, "sagemaker", operation, Value::Object(input))).await
}

async fn listed(context: &Context, arn: &str) -> anyhow::Result<Vec<Value>> {
    let mut told: Vec<Value> = Vec::new();
    let mut token = json!({});
    loop {
        let page = call(context, arn, "ListPipelineExecutionSteps", token).await?;
        told.extend(page["PipelineExecutionSteps"].as_array().cloned().unwrap_or_default());
        match page.get("NextToken").filter(|next| next.is_string()) {
            Some(next) => token = json!({ "NextToken": next }),
            None => return Ok(told),
        }
    }
}

/// The jobs of an execution's steps: each step's name, and the ARN of its job.
pub(crate) async fn jobs(context: &Context, execution: &str) -> anyhow::Result<Vec<(Option<String>, String)>> {
    let told = listed(context, execution).await?;
    let job = |told: &Value| Some((told["StepName"].as_str().map(str::to_owned), arn_in(told)?.to_owned()));
    Ok(told.iter().filter_map(job).collect())
}

/// As [`of`], with the names of what steps made: the ARNs that AWS tells of them are in lower case, and the streams of logs
/// are not.
pub(crate) async fn named(context: &Context, execution: &Object) -> anyhow::Result<Vec<Step>> {
    let steps = of(context, execution).await?;
    let named = stream::iter(steps).map(|mut step| async move {
        if let Some(arn) = step.told.as_ref().and_then(arn_in) {
            step.made = details::name_of(context, arn).await;
        }
        step
    });
    Ok(named.buffered(AT_ONCE).collect().await)
}

/// The ARN of what a step made or ran.
fn arn_in(told: &Value) -> Option<&str> {
    let of = told["Metadata"].as_object()?.values();
    let mut arns = of.filter_map(|of| ["Arn", "CheckJobArn"].iter().find_map(|member| of[*member].as_str()));
    arns.find(|arn| resource::kind_in_arn(arn).is_some())
}

/// The outcome of a step that made nothing.
fn plain(told: &Value) -> &str {
    let of = told["Metadata"].as_object().into_iter().flat_map(Map::values);
    let mut shown = of.filter_map(|of| {
        ["Arn", "CheckJobArn", "Outcome", "ErrorMessage", "CallbackToken"].iter().find_map(|m| of[*m].as_str())
    });
    let shown = shown.next().unwrap_or_default();
    shown.splitn(6, ':').nth(5).filter(|_| shown.starts_with("arn:")).unwrap_or(shown)
}

/// How many steps are over, of those that there are: `3 of 7`. Steps of a branch that is not taken are never run.
pub(crate) fn count(steps: &[Step]) -> String {
    let over = steps.iter().filter(|step| matches!(step.status(), Some("Succeeded" | "Failed" | "Stopped"))).count();
    let failed: Vec<&str> = steps.iter().filter(|step| step.failed()).map(Step::name).collect();
    let failed = if failed.is_empty() { String::new() } else { format!(", failed: {}", failed.join(", ")) };
    format!("{over} of {}{failed}", steps.len())
}

/// All steps of a definition, those of branches behind their condition.
fn graph(definition: &Value) -> Vec<Step> {
    let mut steps = Vec::new();
    add(&definition["Steps"], None, &mut steps);
    let names: Vec<String> = steps.iter().map(|step| step.name.clone()).collect();
    for step in &mut steps {
        step.after.retain(|after| names.iter().any(|name| after == name || after.starts_with(&format!("{name}="))));
    }
    steps
}

fn add(list: &Value, branch: Option<&str>, steps: &mut Vec<Step>) {
    for step in list.as_array().into_iter().flatten() {
        let text = |member: &str| step[member].as_str().unwrap_or_default().to_owned();
        let (name, mut own) = (text("Name"), step.clone());
        let mut branches = Vec::new();
        if let Some(arguments) = own["Arguments"].as_object_mut() {
            for (member, outcome) in [("IfSteps", "true"), ("ElseSteps", "false")] {
                branches.extend(arguments.remove(member).map(|inner| (inner, format!("{name}={outcome}"))));
            }
        }
        let mut after: Vec<String> = branch.map(str::to_owned).into_iter().collect();
        references(&own, &mut after);
        let more = own["DependsOn"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for need in more {
            if !after.iter().any(|known| known == need) {
                after.push(need.to_owned());
            }
        }
        steps.push(Step { name, kind: text("Type"), after, told: None, made: None });
        for (inner, outcome) in branches {
            add(&inner, Some(&outcome), steps);
        }
    }
}

/// Names of the steps that a value refers to.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            let get = map.get("Get").and_then(Value::as_str).and_then(|text| text.strip_prefix("Steps."));
            if let Some(name) = get.and_then(|rest| rest.split(['.', '[']).next())
                && !found.iter().any(|known| known == name)
            {
                found.push(name.to_owned());
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// Steps as rows.
pub(crate) fn table(steps: &[Step], started: Option<Timestamp>, ended: bool, now: Timestamp) -> Table {
    let mut table = Table::new(["STEP", "TYPE", "STATUS", "START", "TOOK", "AFTER", "RESULT"]);
    for step in steps {
        let time = |member: &str| step.told.as_ref().and_then(|told| instant(&told[member]));
        let (begun, end) = (time("StartTime"), time("EndTime"));
        let status = match &step.told {
            Some(told) => told["StepStatus"].as_str().unwrap_or_default(),
            None if ended => "not run",
            None => "waits",
        };
        let start = begun
            .zip(started)
            .map(|(begun, started)| format!("+{}", seconds(begun.duration_since(started).as_secs_f64())));
        let lasted = begun.map(|begun| took((begun, end.unwrap_or(now))));
        let dash = || "-".to_owned();
        table.row([
            step.name.clone(),
            step.kind.clone(),
            status.to_owned(),
            start.unwrap_or_else(dash),
            lasted.unwrap_or_else(dash),
            if step.after.is_empty() { dash() } else { step.after.join(", ") },
            step.result(),
        ]);
    }
    table
}

/// A time as AWS or a document has it.
pub(crate) fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        #[allow(clippy::cast_possible_truncation)] // milliseconds since 1970
        Value::Number(seconds) => Timestamp::from_millisecond((seconds.as_f64()? * 1000.0).round() as i64).ok(),
        _ => None,
    }
}

fn took((begun, end): (Timestamp, Timestamp)) -> String {
    seconds(end.duration_since(begun).as_secs_f64())
}

fn seconds(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 100.0 { format!("{seconds:.1}s") } else { format!("{seconds:.0}s") }
}

/// Steps for programs.
pub(crate) fn document(steps: &[Step]) -> Value {
    let model = sagewright_model::service("sagemaker");
    let shape = model.and_then(|service| Some((service, service.shape("PipelineExecutionStep")?)));
    let item = |step: &Step| {
        let mut out = json!({ "name": step.name, "type": step.kind, "after": step.after });
        if let (Some(told), Some((service, shape)), Value::Object(map)) = (&step.told, shape, &mut out) {
            let told = sagewright_model::crd::from_aws(service, shape, told);
            let told = told.as_object().into_iter().flatten().filter(|(name, _)| *name != "stepName");
            map.extend(told.map(|(name, value)| (name.clone(), value.clone())));
            if let Some((kind, name)) = &step.made {
                map.insert("resource".to_owned(), json!(format!("{}/{name}", kind.name())));
            }
        }
        out
    };
    steps.iter().map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> Value {
        json!({"Steps": [
            {"Name": "A", "Type": "Processing", "Arguments": {}},
            {"Name": "If", "Type": "Condition", "Arguments": {
                "Conditions": [{"LeftValue": {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.A.PropertyFiles.f"}}}}],
                "IfSteps": [{"Name": "B", "Type": "Training", "Arguments": {"x": {"Get": "Steps.A.ProcessingJobName"}}}],
                "ElseSteps": [{"Name": "C", "Type": "Fail", "Arguments": {}}],
            }},
            {"Name": "D", "Type": "Lambda", "DependsOn": ["A", "B"], "Arguments": {"x": {"Get": "Steps.B.OutputParameters['n']"}}},
        ]})
    }

    #[test]
    fn steps_tell_what_they_wait_for() {
        let steps = graph(&definition());
        let told: Vec<(&str, Vec<&str>)> =
            steps.iter().map(|s| (s.name.as_str(), s.after.iter().map(String::as_str).collect())).collect();
        let wanted = [
            ("A", vec![]),
            ("If", vec!["A"]),
            ("B", vec!["If=true", "A"]),
            ("C", vec!["If=false"]),
            ("D", vec!["B", "A"]),
        ];
        assert_eq!(told, wanted);
    }

    #[test]
    fn rows_have_times_and_reasons() {
        let mut steps = graph(&definition());
        let arn = "arn:aws:sagemaker:us-east-1:000000000000:processing-job/pipelines-x-A-1";
        steps[0].told = Some(json!({
            "StepStatus": "Succeeded", "StartTime": 10.0, "EndTime": 11.25, "AttemptCount": 2,
            "Metadata": {"ProcessingJob": {"Arn": arn}},
            "CacheHitResult": {"SourcePipelineExecutionArn": "arn:aws:sagemaker:r:1:pipeline/p/execution/e"},
        }));
        steps[0].made = sagewright_kinds::find("ProcessingJob").map(|kind| (kind, "pipelines-x-A-1".to_owned()));
        steps[1].told = Some(
            json!({"StepStatus": "Succeeded", "StartTime": "1970-01-01T00:00:12Z", "EndTime": 12, "Metadata": {"Condition": {"Outcome": "True"}}}),
        );
        steps[2].told = Some(
            json!({"StepStatus": "Failed", "StartTime": 12, "EndTime": 140, "FailureReason": "ClientError: no\nmore"}),
        );
        steps[2].made = sagewright_kinds::find("TrainingJob").map(|kind| (kind, "pipelines-x-B-2".to_owned()));
        let now = Timestamp::from_second(200).unwrap();
        let shown = table(&steps, Timestamp::from_second(10).ok(), true, now).render();
        let wanted = concat!(
            "STEP  TYPE        STATUS     START  TOOK  AFTER       RESULT\n",
            "A     Processing  Succeeded  +0.0s  1.2s  -           attempt 2: cached from e: ProcessingJob/pipelines-x-A-1\n",
            "If    Condition   Succeeded  +2.0s  0.0s  A           True\n",
            "B     Training    Failed     +2.0s  128s  If=true, A  TrainingJob/pipelines-x-B-2: ClientError: no more\n",
            "C     Fail        not run    -      -     If=false\n",
            "D     Lambda      not run    -      -     B, A\n",
        );
        assert_eq!(shown, wanted);
        assert_eq!(count(&steps), "3 of 5, failed: B");
        let news: Vec<_> = steps.iter().filter_map(Step::news).collect();
        let wanted = [
            "A Succeeded after 1.2s: attempt 2: cached from e: ProcessingJob/pipelines-x-A-1",
            "If Succeeded after 0.0s",
            "B Failed after 128s: TrainingJob/pipelines-x-B-2: ClientError: no\nmore",
        ];
        assert_eq!(news, wanted);
        assert_eq!(document(&steps)[0]["resource"], "ProcessingJob/pipelines-x-A-1");
        assert_eq!(document(&steps)[2]["failureReason"], "ClientError: no\nmore");
        assert_eq!(document(&steps)[3], json!({"name": "C", "type": "Fail", "after": ["If=false"]}));
    }
}
