//! `CreateHyperParameterTuningJob`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::machine;
use sagewright_cloud_sagemaker_base::resource::{body, key, required};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use sagewright_cloud_sagemaker_jobs::inside;
use serde_json::{Map, Value, json};

use super::driver::behalf;
use super::machine::{TuningJobs, first};
use super::state::{Course, Phase, Rules, State};
use super::warm_start;
use crate::request::{Definition, OBJECTIVE, Plan, resource};

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "HyperParameterTuningJobName")?;
    let tags = tags(call)?;
    let mut stored = body(call, &["Tags"]);
    stored.values_mut().for_each(without_null);
    for definition in definitions(&mut stored) {
        resource::once(definition)?;
    }
    let plan = Plan::read(&Value::Object(stored.clone()))?;
    defaults(sm, &mut stored, &plan);
    let parents = warm_start::parents(sm, call, &stored, &plan).await?;
    let key = key(call, Kind::TUNING_JOB, name);
    let behalf = behalf(&key, &call.caller.principal_arn, &call.caller.user_id);
    for definition in &plan.definitions {
        measured(sm, definition)?;
        // As the first training job would be, so that the request is refused for what it names, and not the job.
        let values = definition.space.at(&vec![0.5; definition.space.0.len()]);
        inside::check(sm, &behalf, definition.request(&format!("{name}-001-00000000"), &values, &tags)).await?;
    }
    let now = call.now.as_millisecond();
    let id = uuid::Uuid::new_v4();
    #[allow(clippy::cast_possible_truncation)] // half of it is random enough
    let seed = plan.seed.unwrap_or(id.as_u128() as u64);
    let state = State {
        id: id.to_string(),
        job: name.to_owned(),
        seed,
        principal_arn: call.caller.principal_arn.clone(),
        user_id: call.caller.user_id.clone(),
        rules: Rules::of(&plan),
        children: Vec::new(),
        prior: parents.prior,
        parents_best: parents.best,
        transfer: parents.transfer,
        phase: Phase::Running,
        reason: None,
        course: Course::default(),
        begun: call.wall.as_millisecond(),
        ended: None,
        changed: now,
    };
    let record = SageMaker::record(call, Kind::TUNING_JOB, name, "", stored);
    let record = machine::create(&TuningJobs(sm.clone()), record, &tags, first(state)).await?;
    Ok(json!({ "HyperParameterTuningJobArn": record.arn }))
}

/// Removes members that say nothing, which no answer may show.
fn without_null(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// The objective is a metric that the training jobs have.
fn measured(sm: &SageMaker, definition: &Definition) -> Result<(), ApiError> {
    let Definition { metric, image, .. } = definition;
    if definition.defines(metric) {
        return Ok(());
    }
    match image.as_ref().and_then(|image| inside::metrics_of(sm, image)) {
        None => Err(ApiError::validation(
            "A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric definitions.",
        )),
        Some(metrics) => {
            // What it is trained on says nothing of how good a model is.
            let judge = |name: &&str| name.starts_with("validation:");
            let names: Vec<&str> =
                metrics.as_array().into_iter().flatten().filter_map(|m| m["Name"].as_str()).filter(judge).collect();
            if names.contains(&&**metric) {
                return Ok(());
            }
            Err(ApiError::validation(format!(
                "The objective metric {metric} is not valid for the algorithm of this image. Choose one of {}.",
                names.join(", ")
            )))
        }
    }
}

/// The definitions of a request.
fn definitions(request: &mut Map<String, Value>) -> impl Iterator<Item = &mut Value> {
    let kinds = |(member, value)| match member {
        "TrainingJobDefinition" => std::slice::from_mut(value).iter_mut(),
        "TrainingJobDefinitions" => match value {
            Value::Array(several) => several.iter_mut(),
            _ => [].iter_mut(),
        },
        _ => [].iter_mut(),
    };
    request.iter_mut().map(|(member, value)| (&**member, value)).flat_map(kinds)
}

/// What AWS fills in.
fn defaults(sm: &SageMaker, stored: &mut Map<String, Value>, plan: &Plan) {
    if let Some(Value::Object(config)) = stored.get_mut("HyperParameterTuningJobConfig") {
        config.entry("TrainingJobEarlyStoppingType").or_insert(json!("Off"));
        ranges(config.get_mut("ParameterRanges"));
    }
    for (given, definition) in definitions(stored).zip(&plan.definitions) {
        let resources = resource::config(given);
        let Value::Object(given) = given else { continue };
        // The SDK looks there, whichever of the two it has sent.
        if let Ok(resources) = resources {
            given.entry("ResourceConfig").or_insert(resources);
        }
        for flag in ["EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"] {
            given.entry(flag).or_insert(Value::Bool(false));
        }
        ranges(given.get_mut("HyperParameterRanges"));
        let statics = given.entry("StaticHyperParameters").or_insert_with(|| json!({}));
        statics[OBJECTIVE] = json!(definition.metric);
        let metrics = definition.image.as_ref().and_then(|image| inside::metrics_of(sm, image));
        if let Some(Value::Object(algorithm)) = given.get_mut("AlgorithmSpecification") {
            algorithm.entry("MetricDefinitions").or_insert(metrics.unwrap_or_else(|| json!([])));
        }
    }
}

fn ranges(ranges: Option<&mut Value>) {
    let Some(Value::Object(ranges)) = ranges else { return };
    for kind in ["IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges"] {
        let all = ranges.entry(kind).or_insert_with(|| json!([]));
        for range in all.as_array_mut().into_iter().flatten().filter(|_| kind != "CategoricalParameterRanges") {
            if let Value::Object(range) = range {
                range.entry("ScalingType").or_insert(json!("Auto"));
            }
        }
    }
}
