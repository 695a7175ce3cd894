//! `CreateTrainingJob`

use serde_json::{Map, Value, json};

use super::channels;
use super::machine::{self, TrainingJobs};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::objects::parse_s3_uri;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::machine::create as create_first;
use sagewright_cloud_sagemaker_base::refuse;
use sagewright_cloud_sagemaker_base::resource::{Kind, arn, body, record, required};

/// Members that would change what runs. What only watches or guards a job (`VpcConfig`, `DebugHookConfig`,
/// `ProfilerConfig`, `ExperimentConfig`, `MaxPendingTimeInSeconds`, encryption, isolation, retries, spot instances) is recorded.
const UNSUPPORTED: &[&str] = &[
    "/AlgorithmSpecification/AlgorithmName",
    "/ResourceConfig/KeepAlivePeriodInSeconds",
    "/ResourceConfig/TrainingPlanArn",
    "/ResourceConfig/InstancePlacementConfig",
    "/DebugRuleConfigurations",
    "/ProfilerRuleConfigurations",
    "/TensorBoardOutputConfig",
    "/RemoteDebugConfig/EnableRemoteDebug",
    "/ServerlessJobConfig",
    "/MlflowConfig",
    "/ModelPackageConfig",
];

/// Values that are AWS's defaults: one day, and the SDK's volume.
const MAX_RUNTIME_SECONDS: i64 = 86_400;
const VOLUME_GB: i64 = 30;

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "TrainingJobName")?;
    let tags = tags(call)?;
    refuse::members("", &call.input, UNSUPPORTED)?;
    algorithm(call)?;
    resources(sm, call)?;
    stopping(call)?;

    let mut stored = body(call, &["Tags", "SessionChainingConfig"]);
    defaults(&mut stored);
    let image = at(call, "/AlgorithmSpecification/TrainingImage").unwrap_or_default();
    channels::check(&stored, sm.env().runner.built_in(image))?;
    checkpoints(call)?;

    let role = required(call, "RoleArn")?;
    sm.check_role(call, Some(role), &arn(call, Kind::TRAINING_JOB, name)).await?;
    sm.check_image(image)?;
    inputs(sm, call, &stored, role).await?;
    outputs(sm, call, role).await?;

    let job = uuid::Uuid::new_v4().to_string();
    let first = machine::first(job, artifacts(&stored, name), call.now.as_millisecond());
    let record = record(call, Kind::TRAINING_JOB, name, stored);
    let record = create_first(&TrainingJobs(sm.clone()), record, &tags, first).await?;
    Ok(json!({ "TrainingJobArn": record.arn }))
}

/// Where the model of a job will be.
fn artifacts(stored: &Map<String, Value>, name: &str) -> String {
    let output = stored.get("OutputDataConfig");
    let path = output.and_then(|o| o["S3OutputPath"].as_str()).unwrap_or_default().trim_end_matches('/');
    let leaf = match output.and_then(|o| o["CompressionType"].as_str()) {
        Some("NONE") => "model/",
        _ => "model.tar.gz",
    };
    format!("{path}/{name}/output/{leaf}")
}

fn algorithm(call: &Call) -> Result<(), ApiError> {
    if call.input.get("AlgorithmSpecification").is_none_or(Value::is_null) {
        return Err(ApiError::validation("AlgorithmSpecification must be set."));
    }
    if at(call, "/AlgorithmSpecification/TrainingImage").is_none() {
        return Err(ApiError::validation(
            "You must specify either a TrainingImage or an AlgorithmName in AlgorithmSpecification.",
        ));
    }
    Ok(())
}

fn resources(sm: &SageMaker, call: &Call) -> Result<(), ApiError> {
    let Some(config) = call.input.get("ResourceConfig").filter(|c| !c.is_null()) else {
        return Err(ApiError::validation("ResourceConfig must be set."));
    };
    let whole = !config["InstanceType"].is_null() || !config["InstanceCount"].is_null();
    let groups = config["InstanceGroups"].as_array().map_or(&[][..], Vec::as_slice);
    let instances = match (whole, groups) {
        (true, []) => std::slice::from_ref(config),
        (false, [_, ..]) => groups,
        _ => {
            return Err(ApiError::validation(
                "Either InstanceType and InstanceCount or InstanceGroups must be set in ResourceConfig.",
            ));
        }
    };
    let mut total = 0;
    for (i, group) in instances.iter().enumerate() {
        if instances[..i].iter().any(|g| g["InstanceGroupName"] == group["InstanceGroupName"]) {
            return Err(ApiError::validation(format!(
                "Duplicate instance group name {} in ResourceConfig.InstanceGroups. Instance group names must be unique.",
                group["InstanceGroupName"]
            )));
        }
        let (Some(kind), Some(count)) = (group["InstanceType"].as_str(), group["InstanceCount"].as_u64()) else {
            return Err(ApiError::validation("InstanceType and InstanceCount must be set in ResourceConfig."));
        };
        if count == 0 {
            return Err(ApiError::validation("InstanceCount in ResourceConfig must be greater than or equal to 1."));
        }
        total += count;
        sm.check_instances(kind, "training job usage", total)?;
    }
    Ok(())
}

fn stopping(call: &Call) -> Result<(), ApiError> {
    let seconds = |member: &str| call.input.pointer(&format!("/StoppingCondition/{member}")).and_then(Value::as_i64);
    let spot = call.input.get("EnableManagedSpotTraining") == Some(&Value::Bool(true));
    let runtime = seconds("MaxRuntimeInSeconds").unwrap_or(MAX_RUNTIME_SECONDS);
    match seconds("MaxWaitTimeInSeconds") {
        None if spot => Err(ApiError::validation(
            "MaxWaitTimeInSeconds must be set in StoppingCondition when EnableManagedSpotTraining is true.",
        )),
        Some(_) if !spot => Err(ApiError::validation(
            "MaxWaitTimeInSeconds can only be set in StoppingCondition when EnableManagedSpotTraining is true.",
        )),
        Some(wait) if wait < runtime => Err(ApiError::validation(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds",
        )),
        _ => Ok(()),
    }
}

/// A job's processes see a folder of this machine as `/opt/ml` and nothing beside it; what else is below it has its use.
fn checkpoints(call: &Call) -> Result<(), ApiError> {
    const TAKEN: &[&str] = &["code", "home", "input", "model", "output", "tmp"];
    let Some(path) = at(call, "/CheckpointConfig/LocalPath") else { return Ok(()) };
    let below = path.strip_prefix("/opt/ml/").unwrap_or_default().trim_matches('/');
    let first = below.split('/').next().unwrap_or_default();
    if below.is_empty() || below.split('/').any(|part| matches!(part, "" | "." | "..")) || TAKEN.contains(&first) {
        return Err(refuse::instead(
            &format!("CheckpointConfig.LocalPath {path}"),
            "Use /opt/ml/checkpoints or another folder of its own below /opt/ml",
        ));
    }
    Ok(())
}

/// SageMaker looks at each channel's prefix when the job is created.
async fn inputs(sm: &SageMaker, call: &Call, stored: &Map<String, Value>, role: &str) -> Result<(), ApiError> {
    for channel in stored.get("InputDataConfig").and_then(Value::as_array).into_iter().flatten() {
        let uri = channel.pointer("/DataSource/S3DataSource/S3Uri").and_then(Value::as_str).unwrap_or_default();
        let bucket = s3(uri)?;
        if !sm.any_object(call, uri).await? {
            return Err(ApiError::validation(format!(
                "No S3 objects found under S3 URL \"{uri}\" given in input data source. Please ensure that the bucket exists in the selected region ({}), that objects exist under that S3 prefix, and that the role \"{role}\" has \"s3:ListBucket\" permissions on bucket \"{bucket}\".",
                call.region
            )));
        }
    }
    Ok(())
}

/// Where the job writes: its output, and its checkpoints where it keeps any.
async fn outputs(sm: &SageMaker, call: &Call, role: &str) -> Result<(), ApiError> {
    for pointer in ["/OutputDataConfig/S3OutputPath", "/CheckpointConfig/S3Uri"] {
        let Some(uri) = at(call, pointer) else { continue };
        let bucket = s3(uri)?;
        if !sm.bucket(call, uri).await? {
            let member = pointer.trim_start_matches('/').replace('/', ".");
            return Err(ApiError::validation(format!(
                "Could not access the S3 location \"{uri}\" given in {member}. Please ensure that the bucket \"{bucket}\" exists in the selected region ({}) and that the role \"{role}\" has \"s3:PutObject\" permissions on it.",
                call.region
            )));
        }
    }
    Ok(())
}

fn s3(uri: &str) -> Result<&str, ApiError> {
    parse_s3_uri(uri).map(|(bucket, _)| bucket).ok_or_else(|| {
        ApiError::validation(format!(
            "Invalid S3 URI \"{uri}\": expected s3://BUCKET/KEY. The embedded cloud reads no other kind."
        ))
    })
}

fn defaults(stored: &mut Map<String, Value>) {
    for flag in ["EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"] {
        stored.entry(flag).or_insert(Value::Bool(false));
    }
    fill(stored.get_mut("AlgorithmSpecification"), &[("EnableSageMakerMetricsTimeSeries", json!(false))]);
    fill(stored.get_mut("OutputDataConfig"), &[("KmsKeyId", json!("")), ("CompressionType", json!("GZIP"))]);
    fill(stored.get_mut("ResourceConfig"), &[("VolumeSizeInGB", json!(VOLUME_GB))]);
    fill(stored.get_mut("CheckpointConfig"), &[("LocalPath", json!("/opt/ml/checkpoints"))]);
    let stopping = stored.entry("StoppingCondition").or_insert_with(|| json!({}));
    fill(Some(stopping), &[("MaxRuntimeInSeconds", json!(MAX_RUNTIME_SECONDS))]);
    for channel in stored.get_mut("InputDataConfig").and_then(Value::as_array_mut).into_iter().flatten() {
        fill(channel.pointer_mut("/DataSource/S3DataSource"), &[("S3DataDistributionType", json!("FullyReplicated"))]);
        fill(Some(channel), &[("CompressionType", json!("None")), ("RecordWrapperType", json!("None"))]);
    }
}

fn fill(target: Option<&mut Value>, defaults: &[(&str, Value)]) {
    if let Some(Value::Object(map)) = target {
        map.retain(|_, value| !value.is_null());
        for (member, value) in defaults {
            map.entry(*member).or_insert_with(|| value.clone());
        }
    }
}

fn at<'a>(call: &'a Call, pointer: &str) -> Option<&'a str> {
    call.input.pointer(pointer).and_then(Value::as_str)
}
