//! Objects and an observer for tests.

use sagewright_engine::reconcile::{ReferenceResolver, Resolution};
use sagewright_engine::{Failure, Intent, ObjectId, RefUse};

use super::*;

/// Keeps events as lines.
#[derive(Default)]
pub struct Lines(pub Mutex<Vec<String>>);

impl Observer for Lines {
    fn event(&self, event: &Event) {
        let what = match &event.what {
            EventKind::Decided { changes, steps, .. } => {
                format!("decided: {} changes, {} steps", changes.len(), steps.len())
            }
            EventKind::Blocked { on } => {
                format!("blocked on {}", on.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
            EventKind::Started { step } => format!("started {}", verb(step)),
            EventKind::Done { step } => format!("done {}", verb(step)),
            EventKind::Retrying { step, why, after } => {
                let step = step.as_ref().map_or_else(|| "a look".to_owned(), verb);
                format!("retrying {step} after {}s: {why}", after.as_secs())
            }
            EventKind::Failed { step, why } => format!("failed {}: {why}", verb(step)),
            EventKind::Status { from, to, secondary, .. } => {
                format!("status {from}→{to} {}", secondary.clone().unwrap_or_default())
            }
            EventKind::Waiting { reason, .. } => format!("waiting: {reason}"),
            EventKind::Settled => "settled".into(),
            EventKind::Gone => "gone".into(),
            EventKind::Ended { why } => format!("ended: {why}"),
        };
        self.0.lock().unwrap().push(format!("{}: {}", event.object, what.trim_end()));
    }
}

fn verb(step: &sagewright_engine::Step) -> String {
    serde_json::to_value(step).unwrap()["step"].as_str().unwrap().to_owned()
}

pub fn object(kind: &str, name: &str, spec: Value) -> Object {
    let row = sagewright_kinds::find(kind).unwrap();
    Object { spec, ..Object::new(row, name) }
}

pub const ROLE: &str = "arn:aws:iam::123456789012:role/sagemaker";

pub fn training_job(name: &str) -> Object {
    object(
        "TrainingJob",
        name,
        json!({
            "trainingJobName": name,
            "roleARN": ROLE,
            "hyperParameters": {"num_round": "10", "objective": "multi:softmax"},
            "algorithmSpecification": {"trainingImage": "xgboost:1.7-1", "trainingInputMode": "File"},
            "inputDataConfig": [
                {"channelName": "train", "dataSource": {"s3DataSource": {"s3DataType": "S3Prefix", "s3URI": "s3://b/train"}}},
                {"channelName": "validation", "dataSource": {"s3DataSource": {"s3DataType": "S3Prefix", "s3URI": "s3://b/val"}}}
            ],
            "outputDataConfig": {"s3OutputPath": "s3://b/out"},
            "resourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 5},
            "stoppingCondition": {"maxRuntimeInSeconds": 600},
            "tags": [{"key": "team", "value": "vision"}]
        }),
    )
}

/// The whole path of the tutorial: train, register, deploy.
pub fn tutorial() -> Vec<Object> {
    vec![
        object(
            "Endpoint",
            "mnist",
            json!({"endpointName": "mnist", "endpointConfigRef": {"from": {"name": "mnist-1"}}}),
        ),
        object(
            "EndpointConfig",
            "mnist-1",
            json!({"endpointConfigName": "mnist-1", "productionVariants": [{
                "variantName": "main", "modelRef": {"from": {"name": "mnist-1"}},
                "instanceType": "ml.m5.large", "initialInstanceCount": 1, "initialVariantWeight": 1}]}),
        ),
        object(
            "Model",
            "mnist-1",
            json!({"modelName": "mnist-1", "executionRoleARN": ROLE,
                "containers": [{"modelPackageRef": {"from": {"name": "mnist-v1"}}}]}),
        ),
        object(
            "ModelPackage",
            "mnist-v1",
            json!({"modelPackageGroupRef": {"from": {"name": "mnist"}}, "modelApprovalStatus": "Approved",
                "approvalDescription": "good enough",
                "customerMetadataProperties": {"accuracy": "0.92"},
                "inferenceSpecification": {"supportedContentTypes": ["text/csv"], "supportedResponseMIMETypes": ["text/csv"],
                    "containers": [{"image": "xgboost:1.7-1", "modelDataRef": {"from": {"name": "mnist"}}}]}}),
        ),
        object("ModelPackageGroup", "mnist", json!({"modelPackageGroupName": "mnist"})),
        training_job("mnist"),
    ]
}

/// An endpoint config that differs from another by its name alone.
pub fn config_like(config: &Object, name: &str) -> Object {
    let mut other = config.clone();
    other.metadata.name = name.into();
    other.spec["endpointConfigName"] = json!(name);
    other
}

/// No reference has a value.
pub struct NoReferences;

#[async_trait::async_trait]
impl ReferenceResolver for NoReferences {
    async fn resolve(&self, _: &ObjectId, reference: &RefUse, _: Intent) -> Result<Resolution, Failure> {
        Ok(Resolution::Absent(format!("there is no {}", reference.name)))
    }
}
