//! Steps that create a resource: by the operations that users call, as the pipeline's role.

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::Key;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::calls::Principal;
use sagewright_cloud_sagemaker_base::resource::cut;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::begin::Begin;
use super::{Read, definition, failed, invoke, names, read};
use crate::definition::Step;
use crate::definition::retry::Exception;
use crate::execution::machine::Executions;
use crate::execution::state::{Attempt, Done, End};
use crate::execution::step::Event;
use crate::kinds::{COMPLETED, FAILED, Resource, Runs, STOPPED};

/// The name of what an attempt creates; empty where the service gives it.
pub(super) fn name(read: &Read, kind: &Resource, step: &Step, attempt: Attempt, given: Option<&str>) -> String {
    if kind.named_by.is_empty() {
        return String::new();
    }
    let id = read.record.arn.rsplit('/').next().unwrap_or_default();
    names::resource(kind, id, &step.name, given, &read.state.seed, attempt)
}

/// Creates the resource of an attempt. One that an earlier process created is found by its name or token.
pub(super) async fn create(begin: &Begin<'_>, kind: &'static Resource) -> Event {
    let (sm, read) = (&begin.executions.0, begin.read);
    let operation = format!("Create{}", kind.noun);
    let mut input = if let Value::Object(map) = &begin.arguments { map.clone() } else { Map::new() };
    let id = begin.name.clone();
    if kind.named_by.is_empty() {
        let token = names::client_token(&read.state.seed, begin.attempt);
        input.insert("ClientToken".to_owned(), json!(token));
        group(begin, &input).await;
    } else {
        input.insert(kind.named_by.to_owned(), json!(id));
    }
    experiment(begin, &operation, &mut input);
    let arn = match sm.invoke(&read.who, &operation, Value::Object(input)).await {
        Ok(created) => created.get(kind.arn).and_then(Value::as_str).unwrap_or_default().to_owned(),
        Err(error) => match existing(sm, &read.who, kind, &id).await {
            Some(arn) => arn,
            None => return refused(begin, &operation, &error),
        },
    };
    let resource = if id.is_empty() { arn.clone() } else { id };
    let done =
        Done { resource: Some(resource), arn: Some(arn), fingerprint: begin.fingerprint.clone(), ..Done::default() };
    begun(begin.attempt, kind, done)
}

/// The event of an attempt whose resource is there.
pub(super) fn begun(attempt: Attempt, kind: &Resource, done: Done) -> Event {
    // What is there at once has no end to wait for.
    if kind.status.is_empty() { Event::Ended(attempt, End::Succeeded(done)) } else { Event::Began(attempt, done) }
}

/// The ARN of the resource that an earlier process created for the same attempt.
pub(super) async fn existing(sm: &SageMaker, who: &Principal, kind: &Resource, id: &str) -> Option<String> {
    if id.is_empty() {
        return None;
    }
    let operation = format!("Describe{}", kind.noun);
    let described = invoke(sm, who, &operation, json!({ kind.named_by: id })).await;
    described.ok()?.get(kind.arn)?.as_str().map(str::to_owned)
}

/// A step that registers a model makes its group where there is none.
async fn group(begin: &Begin<'_>, input: &Map<String, Value>) {
    let Some(name) = input.get("ModelPackageGroupName").and_then(Value::as_str) else { return };
    let (sm, who) = (&begin.executions.0, &begin.read.who);
    let group = json!({ "ModelPackageGroupName": name });
    if sm.invoke(who, "DescribeModelPackageGroup", group.clone()).await.is_err() {
        // The step's own operation tells what is wrong.
        let _ = sm.invoke(who, "CreateModelPackageGroup", group).await;
    }
}

/// Jobs of a pipeline belong to its experiment.
fn experiment(begin: &Begin<'_>, operation: &str, input: &mut Map<String, Value>) {
    let Some(config) = begin.read.record.body.get("PipelineExperimentConfig") else { return };
    let service = sagewright_model::service("sagemaker");
    let takes =
        |member: &str| service.and_then(|s| s.input(operation)).is_some_and(|shape| shape.members.contains_key(member));
    if takes("ExperimentConfig") {
        input.entry("ExperimentConfig").or_insert_with(|| config.clone());
    }
}

fn refused(begin: &Begin<'_>, operation: &str, error: &ApiError) -> Event {
    let exception = match &*error.code {
        _ if error.status >= 500 && error.status != 501 && !error.lasting => Exception::ServiceFault,
        "ThrottlingException" | "Throttling" => Exception::Throttling,
        "ResourceLimitExceeded" => Exception::ResourceLimit,
        _ => Exception::Other,
    };
    let class = if error.status >= 500 { "InternalServerError" } else { "ClientError" };
    let reason = format!("{class}: Failed to invoke sagemaker:{operation}. Error Details: {}", error.message);
    let reason = cut(&reason).to_owned();
    Event::Ended(
        begin.attempt,
        End::Failed { exception, reason: Some(hint(begin, exception, &reason)), done: Done::default() },
    )
}

/// AWS says of what a policy could have named that none does.
fn hint(begin: &Begin<'_>, exception: Exception, reason: &str) -> String {
    let node = begin.read.state.nodes.get(begin.attempt.step);
    let covered = node.is_some_and(|node| node.retries.iter().any(|policy| policy.exceptions.contains(&exception)));
    if covered || exception == Exception::Other {
        return reason.to_owned();
    }
    let text = format!(
        "{reason}\nRetry not appropriate on execution of step with PipelineExecutionArn {} and StepId {}. No retry policy configured for the exception type {}.",
        begin.read.record.arn,
        begin.step.name,
        exception.name()
    );
    cut(&text).to_owned()
}

/// Waits for the end of a resource.
pub(super) async fn watch(executions: &Executions, key: &Key, attempt: Attempt) -> Option<Event> {
    let sm = &executions.0;
    // Before the first look, so that no change falls between the two.
    let mut changes = sm.subscribe();
    let read = read(executions, key, attempt).await?;
    let definition = match definition(executions, &read, attempt).await {
        Ok(definition) => definition,
        Err(event) => return Some(event),
    };
    let step = definition.steps.get(attempt.step)?;
    let Runs::Resource(kind) = step.kind.runs else { return None };
    let done = read.state.steps.get(attempt.step)?.result.clone();
    let (id, arn) = (done.resource.clone()?, done.arn.clone()?);
    let operation = format!("Describe{}", kind.noun);
    loop {
        let described = match invoke(sm, &read.who, &operation, json!({ kind.described_by: id })).await {
            Ok(described) => described,
            Err(error) => return Some(failed(attempt, format!("ClientError: {arn} is gone: {}", error.message))),
        };
        if let Some(end) = ended(&described, kind, &done) {
            return Some(Event::Ended(attempt, end));
        }
        loop {
            match changes.recv().await {
                Ok(change) if change.arn == arn => break,
                Ok(_) => {}
                // Some were missed: the next look tells.
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

/// How a training job ended that was stopped because of its limit.
const MAX_RUNTIME_EXCEEDED: &str = "MaxRuntimeExceeded";

/// How a described resource ended; `None` where it goes on.
fn ended(described: &Value, kind: &Resource, done: &Done) -> Option<End> {
    let text = |member: &str| described.get(member).and_then(Value::as_str);
    match text(kind.status)? {
        COMPLETED => Some(End::Succeeded(done.clone())),
        STOPPED if text("SecondaryStatus") == Some(MAX_RUNTIME_EXCEEDED) => {
            let reason =
                format!("ClientError: {MAX_RUNTIME_EXCEEDED}: the job ran longer than its MaxRuntimeInSeconds.");
            Some(End::Failed { exception: Exception::Other, reason: Some(reason), done: done.clone() })
        }
        STOPPED => Some(End::Stopped),
        FAILED => {
            let reason = text("FailureReason").unwrap_or("The job failed.");
            let starts = |with: &str| reason.starts_with(with);
            let exception = match () {
                // A tuning job tries its jobs again itself.
                () if starts("InternalServerError") && kind.metadata != "TuningJob" => Exception::InternalError,
                () if starts("CapacityError") => Exception::Capacity,
                () if starts("ResourceLimitExceeded") => Exception::ResourceLimit,
                () => Exception::Other,
            };
            let reason =
                if exception == Exception::Other { format!("ClientError: {reason}") } else { reason.to_owned() };
            Some(End::Failed { exception, reason: Some(cut(&reason).to_owned()), done: done.clone() })
        }
        _ => None,
    }
}

/// Stops the resource of an attempt. One that has ended meanwhile needs no stop.
pub(super) async fn stop(executions: &Executions, read: &Read, kind: &Resource, attempt: Attempt) {
    let resource = read.state.steps.get(attempt.step).and_then(|step| step.result.resource.as_deref());
    let Some(id) = resource.filter(|_| !kind.stop.is_empty()) else { return };
    if let Err(error) = invoke(&executions.0, &read.who, kind.stop, json!({ kind.named_by: id })).await {
        tracing::debug!(id, error = error.message, "a step's resource could not be stopped");
    }
}
