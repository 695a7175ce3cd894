//! Steps that call a function or wait for an answer: commands of the user's stand for both.

use std::sync::Arc;
use std::time::Duration;

use sagewright_cloud_core::logs::Event as LogEvent;
use sagewright_cloud_core::runner::LineSink;
use sagewright_cloud_sagemaker_base::calls::Principal;
use sagewright_cloud_sagemaker_base::resource::cut;
use sagewright_cloud_sagemaker_base::{Called, CommandTask, SageMaker};
use serde_json::{Map, Value, json};

use super::begin::{Begin, tell};
use super::{Read, failed, names, values};
use crate::definition::{Definition, Step};
use crate::execution::machine::Executions;
use crate::execution::state::{Attempt, Done, End};
use crate::execution::step::Event;
use crate::expression::{evaluate, text};

/// A function may take so long ("Lambda step").
const LONGEST: Duration = Duration::from_secs(600);

/// Calls the function of a Lambda step.
pub(super) async fn call(begin: &Begin<'_>) -> Option<Event> {
    let attempt = begin.attempt;
    let done = Done { arn: Some(begin.target.clone()), fingerprint: begin.fingerprint.clone(), ..Done::default() };
    tell(begin, Event::Began(attempt, done.clone())).await;
    let task = task(begin.read, &begin.read.who, Called::Function, &begin.target, begin.arguments.clone());
    let sm = &begin.executions.0;
    let ran = tokio::time::timeout(LONGEST, sm.execution().commands.run(task, log(sm, begin))).await;
    let answer = match ran {
        Ok(Ok(answer)) => answer,
        Ok(Err(why)) => {
            return Some(failed(attempt, cut(&format!("ClientError: Lambda function {} failed: {why}", begin.target))));
        }
        Err(_) => {
            let seconds = LONGEST.as_secs();
            return Some(failed(
                attempt,
                format!("ClientError: Lambda function {} ran longer than {seconds} s.", begin.target),
            ));
        }
    };
    let given = answer.as_object().cloned().unwrap_or_default();
    Some(match outputs(begin.step, &given) {
        Ok(outputs) => Event::Ended(attempt, End::Succeeded(Done { outputs, ..done })),
        Err(why) => failed(attempt, format!("ClientError: Lambda function {}: {why}", begin.target)),
    })
}

/// Sends the message of a Callback step. A command that answers at once ends it; otherwise somebody who has the token does.
pub(super) async fn send(begin: &Begin<'_>) -> Option<Event> {
    let (attempt, read) = (begin.attempt, begin.read);
    let done = Done { fingerprint: begin.fingerprint.clone(), ..Done::default() };
    tell(begin, Event::Began(attempt, done.clone())).await;
    let message = message(read, attempt, "Executing", &begin.arguments);
    let task = task(read, &read.who, Called::Queue, &begin.target, message);
    let sm = &begin.executions.0;
    let answer = match sm.execution().commands.run(task, log(sm, begin)).await {
        Ok(Value::Null) => return None,
        Ok(answer) => answer,
        Err(why) => {
            return Some(failed(attempt, cut(&format!("ClientError: The command for {} failed: {why}", begin.target))));
        }
    };
    let given = answer.as_object().cloned().unwrap_or_default();
    Some(match outputs(begin.step, &given) {
        Ok(outputs) => Event::Ended(attempt, End::Succeeded(Done { outputs, ..done })),
        Err(why) => failed(attempt, format!("ClientError: The answer of the command for {}: {why}", begin.target)),
    })
}

/// Tells who has to answer that the execution stops: it goes on stopping until there is an answer.
pub(super) async fn ask_to_stop(executions: &Executions, read: &Read, definition: &Definition, attempt: Attempt) {
    let Some(step) = definition.steps.get(attempt.step) else { return };
    let sm = &executions.0;
    let lookup = values::Values { sm, who: &read.who, definition, state: &read.state };
    let mut known = values::known(&read.record, &read.facts, sm.env().sim.now());
    let target = step.target.clone().unwrap_or_default();
    let evaluated =
        lookup.evaluate(&mut known, |known| Ok((evaluate(&step.arguments, known)?, text(&evaluate(&target, known)?))));
    let Ok((arguments, target)) = evaluated.await else { return };
    let message = message(read, attempt, "Stopping", &arguments);
    let task = task(read, &read.who, Called::Queue, &target, message);
    if let Err(error) = sm.execution().commands.run(task, Arc::new(|_| ())).await {
        tracing::warn!(execution = read.record.arn, error, "a callback cannot be told that its execution stops");
    }
}

fn message(read: &Read, attempt: Attempt, status: &str, arguments: &Value) -> Value {
    json!({
        "token": names::callback(&read.state.seed, attempt),
        "pipelineExecutionArn": read.record.arn,
        "status": status,
        "arguments": arguments,
    })
}

fn task(read: &Read, who: &Principal, called: Called, target: &str, input: Value) -> CommandTask {
    CommandTask {
        called,
        target: target.to_owned(),
        input,
        account: who.account.clone(),
        region: who.region.clone(),
        arn: read.record.arn.clone(),
        role_arn: who.role_arn.clone(),
    }
}

/// What a step declares of what it was given, each of its type.
///
/// # Errors
/// One is missing or of another type.
pub(crate) fn outputs(step: &Step, given: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    let output = |(name, kind): &(String, crate::parameter::Type)| {
        let value = given.get(name).ok_or_else(|| format!("it has no output '{name}', which the step declares."))?;
        let value = kind
            .take(value)
            .ok_or_else(|| format!("its output '{name}' is {value}, which is not of the declared type."))?;
        Ok((name.clone(), value))
    };
    step.outputs.iter().map(output).collect()
}

/// What a command writes goes to the log that the function would have.
fn log(sm: &SageMaker, begin: &Begin<'_>) -> LineSink {
    let (env, who) = (sm.env().clone(), begin.read.who.clone());
    let group = format!("/aws/lambda/{}", begin.target.rsplit([':', '/']).next().unwrap_or_default());
    let stream = format!("{}/{}", who.session, begin.step.name);
    Arc::new(move |line| {
        let now = env.sim.now().as_millisecond();
        let event = LogEvent { timestamp: now, ingested: now, message: line.to_owned() };
        if let Err(error) = env.logs.append(&who.account, &who.region, &group, &stream, &[event]) {
            tracing::warn!(%error, group, "a line of a command is not logged");
        }
    })
}
