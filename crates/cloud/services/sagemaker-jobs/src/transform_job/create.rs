//! `CreateTransformJob`

use serde_json::{Map, Value, json};

use super::TransformJob;
use crate::job::plain;
use crate::job::request::fill;
use crate::transform::request::{Model, Plan};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::containers::{direct, of_model};
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, Kind, body, required};
use sagewright_cloud_sagemaker_base::{SageMaker, refuse};

/// The model is looked for now, as in AWS; what is in S3 when the job runs.
pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "TransformJobName")?;
    let tags = tags(call)?;
    let mut stored = body(call, &["Tags"]);
    Plan::read(&Value::Object(stored.clone()), sm.execution().instances)?;
    defaults(&mut stored);
    let model = model(sm, call, required(call, "ModelName")?).await?;
    stored.insert(HIDDEN.to_owned(), json!({ "model": model }));
    plain::create::<TransformJob>(sm, call, name, stored, &tags).await
}

async fn model(sm: &SageMaker, call: &Call, name: &str) -> Result<Model, ApiError> {
    let record = sm.find(call, Kind::MODEL, name).await?;
    let containers = of_model(&record)?;
    if containers.iter().any(|container| container.many_models()) {
        return Err(ApiError::validation(format!(
            "Model {name} has a container with the Mode MultiModel. Multi-model containers are not supported for transform jobs."
        )));
    }
    if record.body.as_object().is_some_and(direct) {
        return Err(refuse::instead(
            &format!("A transform job of the model {name}, whose InferenceExecutionConfig.Mode is Direct,"),
            "Create a model whose containers are invoked in series",
        ));
    }
    for container in &containers {
        sm.check_serving_image(container)?;
    }
    Ok(Model {
        containers,
        role_arn: record.body["ExecutionRoleArn"].as_str().map(str::to_owned),
        isolated: record.body["EnableNetworkIsolation"] == true,
        created: call.now.as_second(),
    })
}

/// What AWS fills in.
fn defaults(stored: &mut Map<String, Value>) {
    let none = || json!("None");
    fill(stored.get_mut("TransformInput"), &[("CompressionType", none()), ("SplitType", none())]);
    fill(stored.get_mut("TransformOutput"), &[("AssembleWith", none())]);
    let processing = stored.entry("DataProcessing").or_insert_with(|| json!({}));
    let all = [("InputFilter", json!("$")), ("OutputFilter", json!("$")), ("JoinSource", none())];
    fill(Some(processing), &all);
}
