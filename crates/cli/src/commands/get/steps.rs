//! The steps of pipeline executions: what each waits for, its times, and why it failed.

use std::fmt::Write as _;

use jiff::Timestamp;
use sagewright_engine::cloud::{Call, Cloud as _};
use sagewright_engine::{CloudError, Object};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Table;

/// A step of the definition, with what is known of its execution.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    name: String,
    kind: String,
    /// Steps that it waits for; of a branch, with the outcome.
    after: Vec<String>,
    /// What `ListPipelineExecutionSteps` tells; nothing for a step that has not begun.
    told: Option<Value>,
}

/// The steps of an execution in the order of its definition.
///
/// # Errors
/// It cannot be read.
pub(super) async fn of(context: &Context, execution: &Object) -> anyhow::Result<Vec<Step>> {
    let arn = execution
        .arn()
        .ok_or_else(|| Failure::new(Exit::Failed, format!("{} has no ARN yet", execution.metadata.name)))?;
    let call = async |operation: &str, more: Value| -> Result<Value, CloudError> {
        let mut input = Map::from_iter([("PipelineExecutionArn".to_owned(), json!(arn))]);
        input.extend(more.as_object().cloned().unwrap_or_default());
        context.aws.call(Call::new(&context.target, "sagemaker", operation, Value::Object(input))).await
    };
    let definition = call("DescribePipelineDefinitionForExecution", json!({})).await?;
    let definition = definition["PipelineDefinition"].as_str().unwrap_or_default();
    let definition: Value = serde_json::from_str(definition)
        .map_err(|error| Failure::new(Exit::Failed, format!("the definition of {arn} is not valid JSON: {error}")))?;
    let mut told: Vec<Value> = Vec::new();
    let mut token = json!({});
    loop {
        let page = call("ListPipelineExecutionSteps", token).await?;
        told.extend(page["PipelineExecutionSteps"].as_array().cloned().unwrap_or_default());
        match page.get("NextToken").filter(|next| next.is_string()) {
            Some(next) => token = json!({ "NextToken": next }),
            None => break,
        }
    }
    let mut steps = graph(&definition);
    for step in &mut steps {
        step.told = told.iter().find(|told| told["StepName"] == json!(step.name)).cloned();
    }
    Ok(steps)
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
        steps.push(Step { name, kind: text("Type"), after, told: None });
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
pub(super) fn table(steps: &[Step], started: Option<Timestamp>, ended: bool, now: Timestamp) -> Table {
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
        let took = begun.map(|begun| seconds(end.unwrap_or(now).duration_since(begun).as_secs_f64()));
        let dash = || "-".to_owned();
        table.row([
            step.name.clone(),
            step.kind.clone(),
            status.to_owned(),
            start.unwrap_or_else(dash),
            took.unwrap_or_else(dash),
            if step.after.is_empty() { dash() } else { step.after.join(", ") },
            step.told.as_ref().map(result).unwrap_or_default(),
        ]);
    }
    table
}

fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        #[allow(clippy::cast_possible_truncation)] // milliseconds since 1970
        Value::Number(seconds) => Timestamp::from_millisecond((seconds.as_f64()? * 1000.0).round() as i64).ok(),
        _ => None,
    }
}

fn seconds(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 100.0 { format!("{seconds:.1}s") } else { format!("{seconds:.0}s") }
}

/// Why a step failed; else where its result comes from, and what it is.
fn result(told: &Value) -> String {
    if let Some(reason) = told["FailureReason"].as_str() {
        return reason.to_owned();
    }
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
    for of in told["Metadata"].as_object().into_iter().flat_map(Map::values) {
        let shown = ["Arn", "Outcome", "ErrorMessage", "CallbackToken"].iter().find_map(|member| of[*member].as_str());
        let shown = shown.unwrap_or_default();
        out.push_str(shown.splitn(6, ':').nth(5).unwrap_or(shown));
    }
    out
}

/// Steps for programs.
pub(super) fn document(steps: &[Step]) -> Value {
    let model = sagewright_model::service("sagemaker");
    let shape = model.and_then(|service| Some((service, service.shape("PipelineExecutionStep")?)));
    let item = |step: &Step| {
        let mut out = json!({ "name": step.name, "type": step.kind, "after": step.after });
        if let (Some(told), Some((service, shape)), Value::Object(map)) = (&step.told, shape, &mut out) {
            let told = sagewright_model::crd::from_aws(service, shape, told);
            let told = told.as_object().into_iter().flatten().filter(|(name, _)| *name != "stepName");
            map.extend(told.map(|(name, value)| (name.clone(), value.clone())));
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
        steps[1].told = Some(
            json!({"StepStatus": "Succeeded", "StartTime": "1970-01-01T00:00:12Z", "EndTime": 12, "Metadata": {"Condition": {"Outcome": "True"}}}),
        );
        steps[2].told = Some(
            json!({"StepStatus": "Failed", "StartTime": 12, "EndTime": 140, "FailureReason": "ClientError: no\nmore"}),
        );
        let now = Timestamp::from_second(200).unwrap();
        let shown = table(&steps, Timestamp::from_second(10).ok(), true, now).render();
        let wanted = concat!(
            "STEP  TYPE        STATUS     START  TOOK  AFTER       RESULT\n",
            "A     Processing  Succeeded  +0.0s  1.2s  -           attempt 2: cached from e: processing-job/pipelines-x-A-1\n",
            "If    Condition   Succeeded  +2.0s  0.0s  A           True\n",
            "B     Training    Failed     +2.0s  128s  If=true, A  ClientError: no more\n",
            "C     Fail        not run    -      -     If=false\n",
            "D     Lambda      not run    -      -     B, A\n",
        );
        assert_eq!(shown, wanted);
        assert_eq!(document(&steps)[2]["failureReason"], "ClientError: no\nmore");
        assert_eq!(document(&steps)[3], json!({"name": "C", "type": "Fail", "after": ["If=false"]}));
    }
}
