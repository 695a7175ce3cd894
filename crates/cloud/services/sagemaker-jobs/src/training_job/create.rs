//! `CreateTrainingJob`

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::machine::{Setting, TrainingJobs, first};
use super::pool::Pool;
use super::progress::rules;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::machine;
use sagewright_cloud_sagemaker_base::resource::{Kind, arn, body, required};

use crate::job::request::{MAX_RUNTIME_SECONDS, fill};
use crate::training::kept::CHECKPOINTS;
use crate::training::request::Plan;

/// The volume of the SDK's default.
const VOLUME_GB: i64 = 30;

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = create_with(sm, call, Map::new()).await?;
    Ok(json!({ "TrainingJobArn": record.arn }))
}

/// Creates a job that shows further members beside its request.
pub(crate) async fn create_with(sm: &SageMaker, call: &Call, shown: Map<String, Value>) -> Result<Record, ApiError> {
    let name = required(call, "TrainingJobName")?;
    let tags = tags(call)?;
    let (plan, mut stored) = checked(sm, call).await?;
    stored.extend(shown);

    let rules_of = |member: &str| stored.get(member).map(rules).unwrap_or_default();
    let wait = plan.max_wait.map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
    let setting = Setting {
        job: uuid::Uuid::new_v4().to_string(),
        artifacts: artifacts(&plan, name),
        retries: plan.retries,
        deadline: wait.map(|wait| call.wall.as_millisecond().saturating_add(wait)),
        pool: plan.warm.then(|| Pool::new(&stored, plan.keep_alive)),
        debugger_rules: rules_of("DebugRuleConfigurations"),
        profiler_rules: rules_of("ProfilerRuleConfigurations"),
    };
    let first = first(setting, call.now.as_millisecond());
    let record = SageMaker::record(call, Kind::TRAINING_JOB, name, "", stored);
    machine::create(&TrainingJobs(sm.clone()), record, &tags, first).await
}

/// Checks a request, and all that it names. Answers it as it was read, and with AWS's defaults.
pub(crate) async fn checked(sm: &SageMaker, call: &Call) -> Result<(Plan, Map<String, Value>), ApiError> {
    let mut stored = body(call, &["Tags", "SessionChainingConfig"]);
    defaults(&mut stored);
    let (plan, stored) = read(sm, stored).await?;

    let (name, role) = (required(call, "TrainingJobName")?, required(call, "RoleArn")?);
    sm.check_role(call, Some(role), &arn(call, Kind::TRAINING_JOB, name)).await?;
    if plan.script {
        sm.check_script_image(&plan.image)?;
    } else {
        sm.check_image(&plan.image)?;
    }
    inputs(sm, call, &plan, role).await?;
    outputs(sm, call, &plan, role).await?;
    Ok((plan, stored))
}

/// The typed request, and the request.
async fn read(sm: &SageMaker, stored: Map<String, Value>) -> Result<(Plan, Map<String, Value>), ApiError> {
    let (stored, runner) = (Value::Object(stored), Arc::clone(&sm.env().runner));
    let instances = sm.execution().instances;
    // The user's patterns are compiled, which may take a while.
    let read = move || {
        let plan = Plan::read(&stored, |image| runner.built_in(image), instances)?;
        Ok((plan, if let Value::Object(stored) = stored { stored } else { Map::new() }))
    };
    tokio::task::spawn_blocking(read).await.map_err(|e| ApiError::internal(e.to_string()))?
}

/// Where the model of a job will be.
fn artifacts(plan: &Plan, name: &str) -> String {
    let leaf = if plan.compress { "model.tar.gz" } else { "model/" };
    plan.output.join(&format!("{name}/output/{leaf}")).uri()
}

/// SageMaker looks at each channel's prefix when the job is created.
async fn inputs(sm: &SageMaker, call: &Call, plan: &Plan, role: &str) -> Result<(), ApiError> {
    for channel in &plan.channels {
        let (uri, bucket) = (channel.data.source.uri(), &channel.data.source.bucket);
        if !sm.any_object(call, &uri).await? {
            return Err(ApiError::validation(format!(
                "No S3 objects found under S3 URL \"{uri}\" given in input data source. Please ensure that the bucket exists in the selected region ({}), that objects exist under that S3 prefix, and that the role \"{role}\" has \"s3:ListBucket\" permissions on bucket \"{bucket}\".",
                call.region
            )));
        }
    }
    Ok(())
}

/// Where the job writes: its output, and its checkpoints where it keeps any.
async fn outputs(sm: &SageMaker, call: &Call, plan: &Plan, role: &str) -> Result<(), ApiError> {
    let checkpoints = plan.checkpoints().map(|c| ("CheckpointConfig.S3Uri", &c.remote));
    for (member, place) in [("OutputDataConfig.S3OutputPath", &plan.output)].into_iter().chain(checkpoints) {
        let (uri, bucket) = (place.uri(), &place.bucket);
        if !sm.bucket(call, &uri).await? {
            return Err(ApiError::validation(format!(
                "Could not access the S3 location \"{uri}\" given in {member}. Please ensure that the bucket \"{bucket}\" exists in the selected region ({}) and that the role \"{role}\" has \"s3:PutObject\" permissions on it.",
                call.region
            )));
        }
    }
    Ok(())
}

/// What AWS fills in.
fn defaults(stored: &mut Map<String, Value>) {
    for flag in ["EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"] {
        stored.entry(flag).or_insert(Value::Bool(false));
    }
    fill(stored.get_mut("AlgorithmSpecification"), &[("EnableSageMakerMetricsTimeSeries", json!(false))]);
    fill(stored.get_mut("OutputDataConfig"), &[("KmsKeyId", json!("")), ("CompressionType", json!("GZIP"))]);
    fill(stored.get_mut("ResourceConfig"), &[("VolumeSizeInGB", json!(VOLUME_GB))]);
    fill(stored.get_mut("CheckpointConfig"), &[("LocalPath", json!(CHECKPOINTS))]);
    let stopping = stored.entry("StoppingCondition").or_insert_with(|| json!({}));
    fill(Some(stopping), &[("MaxRuntimeInSeconds", json!(MAX_RUNTIME_SECONDS))]);
    for channel in stored.get_mut("InputDataConfig").and_then(Value::as_array_mut).into_iter().flatten() {
        fill(channel.pointer_mut("/DataSource/S3DataSource"), &[("S3DataDistributionType", json!("FullyReplicated"))]);
        fill(Some(channel), &[("CompressionType", json!("None")), ("RecordWrapperType", json!("None"))]);
    }
}
