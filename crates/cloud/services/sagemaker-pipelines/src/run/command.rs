//! Steps that call a function or wait for an answer: commands of the user's stand for both.

use std::sync::Arc;
use std::time::Duration;

use sagewright_cloud_core::logs::Event as LogEvent;
use sagewright_cloud_core::runner::LineSink;
use sagewright_cloud_sagemaker_base::{Called, CommandTask, SageMaker};
use serde_json::{Map, Value, json};

use super::begin::{Begin, began};
use super::{Read, callback, failed, names};
use crate::definition::Step;
use crate::execution::state::{Done, End};
use crate::execution::step::Event;
use crate::expression::text;

/// A function may take so long ("Lambda step").
const LONGEST: Duration = Duration::from_secs(600);

/// Characters of an output, as the service model has it.
const LONGEST_OUTPUT: usize = 1024;

/// Calls the function of a Lambda step.
pub(super) async fn call(begin: &Begin<'_>) -> Option<Event> {
    let _place = begin.executions.0.execution().commands.place().await;
    let done = Done { arn: Some(begin.target.clone()), fingerprint: begin.fingerprint.clone(), ..Done::default() };
    if !began(begin, done.clone()).await {
        return None;
    }
    let what = format!("Lambda function {}", begin.target);
    run(begin, Called::Function, begin.arguments.clone(), &what, done).await
}

/// Sends the message of a Callback step.
pub(super) async fn send(begin: &Begin<'_>) -> Option<Event> {
    let done = Done { fingerprint: begin.fingerprint.clone(), ..Done::default() };
    if !began(begin, done).await {
        return None;
    }
    ask(begin, "Executing").await
}

/// Asks for an answer to a callback. A command that answers at once ends the step; otherwise somebody who has the token does.
pub(super) async fn ask(begin: &Begin<'_>, status: &str) -> Option<Event> {
    let sm = &begin.executions.0;
    let token = names::callback(&begin.read.state.seed, begin.attempt);
    callback::keep(sm, begin.key, begin.attempt, &token).await;
    let message = json!({
        "token": token,
        "pipelineExecutionArn": begin.read.record.arn,
        "status": status,
        "arguments": begin.arguments,
    });
    let what = format!("The command for {}", begin.target);
    let done = Done { fingerprint: begin.fingerprint.clone(), ..Done::default() };
    run(begin, Called::Queue, message, &what, done).await
}

/// Runs the command and ends the step with its answer. `None` where a queue's command gives none.
async fn run(begin: &Begin<'_>, called: Called, input: Value, what: &str, done: Done) -> Option<Event> {
    let (sm, attempt) = (&begin.executions.0, begin.attempt);
    let task = task(begin.read, called, &begin.target, input);
    let answer = match sm.execution().commands.run(task, log(sm, begin)).await {
        Ok(Value::Null) if called == Called::Queue => return None,
        Ok(answer) => answer,
        Err(why) => return Some(failed(attempt, format!("ClientError: {what} failed: {why}"))),
    };
    let given = answer.as_object().cloned().unwrap_or_default();
    Some(match outputs(begin.step, &given) {
        Ok(outputs) => Event::Ended(attempt, End::Succeeded(Done { outputs, ..done })),
        Err(why) => failed(attempt, format!("ClientError: {what}: {why}")),
    })
}

fn task(read: &Read, called: Called, target: &str, input: Value) -> CommandTask {
    let who = &read.who;
    CommandTask {
        called,
        target: target.to_owned(),
        input,
        account: who.account.clone(),
        region: who.region.clone(),
        arn: read.record.arn.clone(),
        role_arn: who.role_arn.clone(),
        longest: (called == Called::Function).then_some(LONGEST),
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
        if text(&value).chars().count() > LONGEST_OUTPUT {
            return Err(format!("its output '{name}' has more than {LONGEST_OUTPUT} characters."));
        }
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
