//! Endpoints: a context each, and an action for each deployment, to which models, images and packages contributed.

use sagewright_cloud_core::records::{Key, Record, StoreError};
use sagewright_cloud_sagemaker_base::resource::HIDDEN;
use sagewright_cloud_sagemaker_base::{ContainerPlan, Kind, ModelData, SageMaker};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::plan::{Plan, Planner, sibling};

/// ARNs of the model packages that an endpoint's models are made of, as far as its configuration and models are still
/// there.
pub async fn packages(sm: &SageMaker, record: &Record) -> Result<Vec<String>, StoreError> {
    let find = async |kind: Kind, name: &Value| {
        let name = name.as_str().unwrap_or_default().to_ascii_lowercase();
        let Key { account, region, .. } = &record.key;
        let found = sm.env().store.record(&Key::new(account, region, kind.as_str(), &name)).await?;
        Ok::<Value, StoreError>(found.map_or(Value::Null, |found| found.body))
    };
    let mut out = Vec::new();
    let config = find(Kind::ENDPOINT_CONFIG, &record.body["EndpointConfigName"]).await?;
    for variant in config["ProductionVariants"].as_array().into_iter().flatten() {
        let model = find(Kind::MODEL, &variant["ModelName"]).await?;
        let containers = model["Containers"].as_array().into_iter().flatten().chain([&model["PrimaryContainer"]]);
        for package in containers.filter_map(|container| container["ModelPackageName"].as_str()) {
            out.push(match package.starts_with("arn:") {
                true => package.to_owned(),
                false => sibling(&record.arn, Kind::MODEL_PACKAGE, &package.to_ascii_lowercase()),
            });
        }
    }
    Ok(out)
}

/// The lineage of what an endpoint serves.
pub fn deployment(record: &Record, packages: &[String]) -> Plan {
    let mut planner = Planner::of(record);
    let body = &record.body;
    let name = body["EndpointName"].as_str().unwrap_or(&record.key.name);
    // When the deployment was asked for: to start its servers again after a restart is none of its own.
    let deployment = &body[HIDDEN]["state"]["served"]["deployment"];
    let started = deployment["started"].as_i64().unwrap_or(record.created);

    let context_name = format!("{name}-aws-endpoint");
    let source = json!({ "SourceUri": record.arn });
    let context = json!({ "ContextName": context_name, "ContextType": "Endpoint", "Source": source });
    let context = planner.entity(Kind::CONTEXT, &context_name, context);
    let action_name = format!("{name}-{started}-aws-endpoint");
    let action = json!({
        "ActionName": action_name, "ActionType": "ModelDeployment", "Status": "Completed", "Source": source,
    });
    let action = planner.entity(Kind::ACTION, &action_name, action);
    planner.edge(Some(action), Some(context), "AssociatedWith");
    for variant in deployment["variants"].as_array().into_iter().flatten() {
        for container in Vec::<ContainerPlan>::deserialize(&variant["containers"]).unwrap_or_default() {
            let model = container.model_data.as_ref().map(ModelData::uri);
            planner.container(&json!(container.image), &json!(model), action);
        }
    }
    for package in packages {
        let artifact = planner.artifact(&json!(package), "Model");
        planner.edge(artifact, Some(action), "ContributedTo");
    }
    planner.plan
}
