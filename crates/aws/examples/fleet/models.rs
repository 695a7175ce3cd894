//! The models that are declared.

use serde_json::{Value, json};

/// The document of a model, as a file or a cluster has it.
pub(crate) fn document(number: usize, team: &str) -> Value {
    let name = format!("customer-{number:05}-fraud-detector");
    json!({
        "apiVersion": "sagemaker.services.k8s.aws/v1alpha1",
        "kind": "Model",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "fraud-detector"}},
        "spec": {
            "modelName": name,
            "executionRoleARN": "arn:aws:iam::123456789012:role/sagewright-execution",
            "primaryContainer": {
                "image": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
                "modelDataURL": format!("s3://models-123456789012/{name}/output/model.tar.gz"),
                "environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_REGION": "us-east-1", "LOG_LEVEL": "20"},
            },
            "tags": [{"key": "team", "value": team}, {"key": "stage", "value": "production"}],
        },
    })
}
