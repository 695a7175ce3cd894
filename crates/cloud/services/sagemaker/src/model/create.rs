//! `CreateModel`

use serde_json::{Map, Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::containers::{self, MULTI_MODEL, direct};
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, Kind, arn, body, required};

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "ModelName")?;
    let tags = tags(call)?;
    let mut stored = body(call, &["Tags"]);
    sm.check_role(call, call.text("ExecutionRoleArn"), &arn(call, Kind::MODEL, name)).await?;

    let mut resolved = Vec::new();
    for definition in definitions(&mut stored)? {
        resolved.extend(containers::resolve(sm, call, definition).await?);
        defaults(definition);
    }
    let mut hosts: Vec<_> = resolved.iter().filter_map(|c| c.hostname.as_deref()).collect();
    hosts.sort_unstable();
    if let Some([twice, _]) = hosts.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(ApiError::validation(format!(
            "ContainerHostname \"{twice}\" is used by more than one container. Hostnames must be unique in a model."
        )));
    }
    if direct(&stored)
        && let Some(nameless) = resolved.iter().position(|c| c.hostname.is_none())
    {
        return Err(ApiError::validation(format!(
            "Container {} has no ContainerHostname. Each container needs one when InferenceExecutionConfig.Mode is Direct.",
            nameless + 1
        )));
    }
    let many = resolved.iter().filter(|c| c.many_models()).count();
    if many > 1 {
        return Err(ApiError::validation(format!(
            "{many} containers have the Mode MultiModel. An inference pipeline can have one such container."
        )));
    }
    for container in &resolved {
        sm.check_serving_image(container)?;
    }

    stored.entry("EnableNetworkIsolation").or_insert(Value::Bool(false));
    stored.insert(HIDDEN.to_owned(), json!({ "containers": resolved }));
    let arn = sm.insert(call, Kind::MODEL, name, "", stored, tags).await?;
    Ok(json!({ "ModelArn": arn }))
}

/// The container definitions of a request: the primary one, or those in series.
fn definitions(stored: &mut Map<String, Value>) -> Result<Vec<&mut Value>, ApiError> {
    let both = stored.contains_key("PrimaryContainer") && stored.contains_key("Containers");
    let list: Vec<&mut Value> = stored
        .iter_mut()
        .flat_map(|(member, value)| match (member.as_str(), value) {
            ("PrimaryContainer", one) => vec![one],
            ("Containers", Value::Array(many)) => many.iter_mut().collect(),
            _ => Vec::new(),
        })
        .collect();
    if both {
        return Err(ApiError::validation("PrimaryContainer and Containers can not both be set. Use one of them."));
    }
    if list.is_empty() {
        return Err(ApiError::validation("Either PrimaryContainer or Containers must be set."));
    }
    Ok(list)
}

fn defaults(definition: &mut Value) {
    if let Value::Object(map) = definition
        && !map.contains_key("ModelPackageName")
    {
        map.entry("Mode").or_insert_with(|| json!("SingleModel"));
        map.entry("Environment").or_insert_with(|| json!({}));
        // As DescribeModel of the original shows it.
        let many = map.get("Mode").and_then(Value::as_str) == Some(MULTI_MODEL);
        let source = map.get("ModelDataUrl").cloned().filter(|_| !many && !map.contains_key("ModelDataSource"));
        if let Some(url) = source {
            let archive = json!({"S3DataSource": {"S3Uri": url, "S3DataType": "S3Object", "CompressionType": "Gzip"}});
            map.insert("ModelDataSource".to_owned(), archive);
        }
    }
}
