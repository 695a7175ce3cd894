//! `CreateProcessingJob`

use serde_json::{Map, Value, json};

use super::ProcessingJob;
use crate::job::plain;
use crate::job::request::fill;
use crate::processing::request::{MAX_RUNTIME_SECONDS, Plan};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::runner::MODEL_MONITOR;
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::resource::{Kind, arn, body, required};
use sagewright_cloud_sagemaker_base::{SageMaker, refuse};

/// What answers alone have.
const SET_BY_AWS: &[&str] = &[
    "/ProcessingResources/ClusterConfig/SelectedInstanceType",
    "/ProcessingResources/ClusterConfig/SelectedInstanceCount",
];

/// What is in S3 is looked for when the job runs, as in AWS.
pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "ProcessingJobName")?;
    let tags = tags(call)?;
    refuse::members("", &call.input, SET_BY_AWS)?;
    let mut stored = body(call, &["Tags"]);
    let plan = Plan::read(&Value::Object(stored.clone()), sm.execution().instances)?;
    defaults(&mut stored, &plan);

    let role = required(call, "RoleArn")?;
    sm.check_role(call, Some(role), &arn(call, Kind::PROCESSING_JOB, name)).await?;
    if plan.entrypoint.is_some() {
        sm.check_script_image(&plan.image)?;
    } else if sm.env().runner.built_in(&plan.image).is_some_and(|name| name != MODEL_MONITOR) {
        return Err(refuse::instead(
            &format!("A processing job with the built-in image {}, which trains and serves,", plan.image),
            "Name what is to run in ContainerEntrypoint, or give the image an entry in the image map, which counts before \
             built-in images",
        ));
    } else {
        sm.check_processing_image(&plan.image)?;
    }
    plain::create::<ProcessingJob>(sm, call, name, stored, &tags).await
}

/// What AWS fills in.
fn defaults(stored: &mut Map<String, Value>, plan: &Plan) {
    let stopping = stored.entry("StoppingCondition").or_insert_with(|| json!({}));
    fill(Some(stopping), &[("MaxRuntimeInSeconds", json!(MAX_RUNTIME_SECONDS))]);
    for input in stored.get_mut("ProcessingInputs").and_then(Value::as_array_mut).into_iter().flatten() {
        let source = [("S3DataDistributionType", json!("FullyReplicated")), ("S3CompressionType", json!("None"))];
        fill(input.get_mut("S3Input"), &source);
        fill(Some(input), &[("AppManaged", json!(false))]);
    }
    let outputs = stored.get_mut("ProcessingOutputConfig").and_then(|config| config.get_mut("Outputs"));
    for output in outputs.and_then(Value::as_array_mut).into_iter().flatten() {
        fill(Some(output), &[("AppManaged", json!(false))]);
    }
    let cluster = stored.get_mut("ProcessingResources").and_then(|resources| resources.get_mut("ClusterConfig"));
    if let Some(Value::Object(cluster)) = cluster {
        let count = json!(plan.hosts.len());
        // Every instance type is there at once, so that it is the first one.
        let given = if cluster.contains_key("InstancePreferences") {
            vec![("SelectedInstanceType", json!(plan.instance_type)), ("SelectedInstanceCount", count)]
        } else {
            vec![("InstanceCount", count)]
        };
        for (member, value) in given {
            cluster.entry(member).or_insert(value);
        }
    }
}
