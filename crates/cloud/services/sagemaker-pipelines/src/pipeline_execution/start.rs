//! `StartPipelineExecution`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{CommitError, Record, Versioned, Write};
use sagewright_cloud_sagemaker_base::calls::Principal;
use sagewright_cloud_sagemaker_base::machine::{self, Machine as _};
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, Kind, body, fields, hidden, locate, required, user};
use sagewright_cloud_sagemaker_base::{Called, SageMaker, refuse};
use serde_json::{Map, Value, json};

use super::{key, located, select, stop};
use crate::definition::{Definition, Step};
use crate::execution::machine::{Executions, Facts};
use crate::execution::state::{Phase, State, Status};
use crate::execution::step::{Effect, Event};
use crate::expression::{Known, evaluate};
use crate::kinds::Runs;
use crate::parameter;
use crate::pipeline::{alias, version};
use crate::run::names;

/// Kept elsewhere than under these names.
const ELSEWHERE: &[&str] =
    &["PipelineName", "PipelineParameters", "ClientRequestToken", "ParallelismConfiguration", "PipelineVersionAlias"];

pub(crate) async fn start(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    refuse::members("", &call.input, &["/MlflowExperimentName"])?;
    if call.text("RoleArn").is_some() {
        return Err(ApiError::validation(
            "RoleArn can be given only for a pipeline that AWS manages. An execution of your own pipeline uses the pipeline's role: change it with UpdatePipeline.",
        ));
    }
    let (pipeline, arn) = locate(call, Kind::PIPELINE, required(call, "PipelineName")?)?;
    let token = required(call, "ClientRequestToken")?;
    loop {
        let found = sm.env().store.get(&pipeline).await?.ok_or_else(|| Kind::PIPELINE.missing(&arn))?;
        let id = names::execution(&found.record.arn, found.record.created, token);
        let key = key(&pipeline.account, &pipeline.region, &pipeline.name, &id);
        // The same request again is answered as the first time.
        if let Some(execution) = sm.env().store.record(&key).await? {
            return Ok(json!({ "PipelineExecutionArn": execution.arn }));
        }
        let execution_arn = format!("{}/execution/{id}", found.record.arn);
        let new = prepare(sm, call, &found.record, &execution_arn).await?;
        let execution = key.clone();
        match insert(sm, call, found, key, execution_arn, new).await {
            Ok(arn) => return Ok(json!({ "PipelineExecutionArn": arn })),
            // Another start or an update came before.
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => {
                stop::repeat(Executions(sm.clone()), execution);
                return Err(error.into());
            }
        }
    }
}

/// What a new execution is made of.
struct New {
    state: State,
    facts: Facts,
    body: Map<String, Value>,
}

async fn prepare(sm: &SageMaker, call: &Call, pipeline: &Record, arn: &str) -> Result<New, ApiError> {
    let number = alias::named(call, pipeline)?;
    let found = version::find(sm, pipeline, number).await?;
    let text = found.body["PipelineDefinition"].as_str().unwrap_or_default().to_owned();
    let parsed = tokio::task::spawn_blocking(move || Definition::parse(&text)).await;
    let definition = parsed.map_err(|error| ApiError::internal(error.to_string()))?.map_err(ApiError::validation)?;
    let text = |member: &str| pipeline.body[member].as_str().unwrap_or_default().to_owned();
    let facts = Facts {
        pipeline: text("PipelineName"),
        pipeline_arn: pipeline.arn.clone(),
        version: version::number(&found),
        role_arn: text("RoleArn"),
        parameters: parameter::values(&definition.parameters, &given(call)).map_err(ApiError::validation)?,
    };
    sm.check_role(call, Some(&facts.role_arn), arn).await?;
    let most = |value: &Value| value.pointer("/ParallelismConfiguration/MaxParallelExecutionSteps")?.as_u64();
    let limit = most(&call.input).or_else(|| most(&pipeline.body)).and_then(|limit| u32::try_from(limit).ok());
    let mut state = State::new(&definition, limit, uuid::Uuid::new_v4().to_string(), call.now.as_millisecond());
    selected(sm, call, pipeline, &definition, &mut state).await?;
    commands(sm, &definition, &state)?;

    let mut body = body(call, ELSEWHERE);
    body.entry("PipelineExecutionDisplayName")
        .or_insert_with(|| json!(format!("execution-{}", call.now.as_millisecond())));
    if let Some(config) = experiment(&definition, &facts, arn)? {
        enrol(sm, call, &facts, arn, &config).await;
        body.insert("PipelineExperimentConfig".to_owned(), config);
    }
    body.insert("PipelineVersionId".to_owned(), json!(facts.version));
    body.insert("PipelineArn".to_owned(), json!(pipeline.arn));
    body.insert("CreatedBy".to_owned(), user(call));
    body.insert("LastModifiedBy".to_owned(), user(call));
    body.insert(HIDDEN.to_owned(), facts.kept());
    Ok(New { state, facts, body })
}

fn given(call: &Call) -> Vec<(String, String)> {
    let list = call.input.get("PipelineParameters").and_then(Value::as_array).into_iter().flatten();
    let text = |parameter: &Value, member: &str| parameter[member].as_str().unwrap_or_default().to_owned();
    list.map(|parameter| (text(parameter, "Name"), text(parameter, "Value"))).collect()
}

async fn selected(
    sm: &SageMaker,
    call: &Call,
    pipeline: &Record,
    definition: &Definition,
    state: &mut State,
) -> Result<(), ApiError> {
    let Some(config) = call.input.get("SelectiveExecutionConfig").filter(|config| !config.is_null()) else {
        return Ok(());
    };
    let steps = config.get("SelectedSteps").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<&str> = steps.filter_map(|step| step.get("StepName")?.as_str()).collect();
    let source = match config.get("SourcePipelineExecutionArn").and_then(Value::as_str) {
        None => None,
        Some(arn) => {
            let missing = || Kind::PIPELINE_EXECUTION.missing(arn);
            let record = sm.env().store.record(&located(call, arn)?).await?.ok_or_else(missing)?;
            if record.key.name.rsplit_once('/').map(|(of, _)| of) != Some(pipeline.key.name.as_str()) {
                return Err(ApiError::validation(format!("{arn} is not an execution of pipeline {}.", pipeline.arn)));
            }
            let state = machine::state::<Executions>(&record);
            if !matches!(state.status, Status::Failed | Status::Succeeded) {
                return Err(ApiError::validation(format!(
                    "{arn} is in status {}. The source of a selective execution is in status Failed or Succeeded.",
                    record.status
                )));
            }
            Some((record.arn, state))
        }
    };
    let source = source.as_ref().map(|(arn, state)| (arn.as_str(), state));
    select::select(state, definition, &names, source).map_err(ApiError::validation)
}

/// Functions and queues that are named literally have to have their commands before the first step begins.
fn commands(sm: &SageMaker, definition: &Definition, state: &State) -> Result<(), ApiError> {
    let runs = |at: usize| state.steps.get(at).is_some_and(|step| step.phase == Phase::Idle);
    for step in definition.steps.iter().enumerate().filter(|(at, _)| runs(*at)).map(|(_, step)| step) {
        if let Some((called, target)) = called(step) {
            let check = sm.execution().commands.check(called, target);
            check.map_err(|why| ApiError::validation(format!("Step {} cannot run: {why}", step.name)))?;
        }
    }
    Ok(())
}

fn called(step: &Step) -> Option<(Called, &str)> {
    let called = match step.kind.runs {
        Runs::Lambda => Called::Function,
        Runs::Callback => Called::Queue,
        Runs::Resource(_) | Runs::Condition | Runs::Fail => return None,
    };
    Some((called, step.target.as_ref()?.as_str()?))
}

/// The experiment and trial of an execution. SageMaker writes their names in lower case.
fn experiment(definition: &Definition, facts: &Facts, arn: &str) -> Result<Option<Value>, ApiError> {
    let Some(config) = &definition.experiment else { return Ok(None) };
    let variables = json!({
        "PipelineName": facts.pipeline, "PipelineArn": facts.pipeline_arn, "PipelineExecutionArn": arn,
        "PipelineExecutionId": arn.rsplit('/').next(),
    });
    let known = Known {
        parameters: facts.parameters.clone(),
        variables: variables.as_object().cloned().unwrap_or_default(),
        ..Known::default()
    };
    let config = evaluate(config, &known).map_err(|_| {
        ApiError::validation("The PipelineExperimentConfig of the pipeline has no value before its steps run.")
    })?;
    let mut out = Map::new();
    for member in ["ExperimentName", "TrialName"] {
        if let Some(name) = config.get(member).and_then(Value::as_str) {
            out.insert(member.to_owned(), json!(name.to_ascii_lowercase()));
        }
    }
    Ok((!out.is_empty()).then_some(Value::Object(out)))
}

/// Makes the experiment and the trial, where they are not there: SageMaker does so for every execution.
async fn enrol(sm: &SageMaker, call: &Call, facts: &Facts, arn: &str, config: &Value) {
    let who = Principal {
        account: call.caller.account.clone(),
        region: call.region.clone(),
        role_arn: facts.role_arn.clone(),
        session: format!("sagemaker-pipeline-{}", arn.rsplit('/').next().unwrap_or_default()),
    };
    let experiment = json!({ "ExperimentName": config["ExperimentName"] });
    for (operation, input) in [("CreateExperiment", &experiment), ("CreateTrial", config)] {
        if let Err(error) = sm.invoke(&who, operation, input.clone()).await {
            // It is there already, as a rule.
            tracing::debug!(arn, operation, error = error.message, "an execution's experiment");
        }
    }
}

/// Records the execution together with the pipeline's last run, and begins it.
async fn insert(
    sm: &SageMaker,
    call: &Call,
    mut pipeline: Versioned,
    key: sagewright_cloud_core::records::Key,
    arn: String,
    new: New,
) -> Result<String, CommitError> {
    let now = call.now.as_millisecond();
    let damaged =
        |error: ApiError| CommitError::Store(sagewright_cloud_core::records::StoreError::Refused(error.message));
    let New { mut state, facts, body } = new;
    let effects = state.take(&Event::Created, now).map_err(damaged)?;
    let mut record =
        Record { key, arn: arn.clone(), status: String::new(), created: now, modified: now, body: Value::Object(body) };
    machine::begin::<Executions>(&state, &mut record, now).map_err(damaged)?;
    let kept = hidden(fields(&mut pipeline.record).map_err(damaged)?);
    kept.insert("ran".to_owned(), json!(now));
    if let Value::Object(last) = kept.entry("last").or_insert_with(|| json!({})) {
        last.insert(facts.version.to_string(), json!(arn));
    }
    let mut batch = vec![Write::Replace(pipeline), Write::Insert(record.clone())];
    batch.extend(sm.news(Kind::PIPELINE_EXECUTION, &record, &record.status));
    let executions = Executions(sm.clone());
    // In a task of its own: a caller that goes away must not leave an execution behind whose steps never begin.
    let written = tokio::spawn(async move {
        let sm = executions.sagemaker();
        sm.env().store.commit(batch).await?;
        sm.committed(None);
        begin(&executions, &record, effects);
        Ok(())
    });
    written.await.unwrap_or_else(|error| {
        Err(CommitError::Store(sagewright_cloud_core::records::StoreError::Refused(error.to_string())))
    })?;
    Ok(arn)
}

fn begin(executions: &Executions, record: &Record, effects: Vec<Effect>) {
    for effect in effects {
        machine::start(executions, &record.key, effect);
    }
}
