//! Good requests, to be made wrong one member at a time.

use serde_json::{Value, json};

use super::{Cloud, Kind};

pub const ROLE: &str = "arn:aws:iam::000000000000:role/exec";
pub const IMAGE: &str = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1";

pub fn training_job(name: &str) -> Value {
    json!({
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {"num_round": "10"},
        "InputDataConfig": [{
            "ChannelName": "train",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train"}},
        }],
        "OutputDataConfig": {"S3OutputPath": "s3://data/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    })
}

pub fn processing_job(name: &str) -> Value {
    json!({
        "ProcessingJobName": name,
        "AppSpecification": {"ImageUri": "registry/mine:1", "ContainerArguments": ["--rows", "3"]},
        "RoleArn": ROLE,
        "ProcessingInputs": [{"InputName": "in", "S3Input": {
            "S3Uri": "s3://data/train", "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        }}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": {
            "S3Uri": "s3://data/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob",
        }}]},
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}},
        "Tags": [{"Key": "team", "Value": "data"}],
    })
}

/// A job over the model `m`.
pub fn transform_job(name: &str) -> Value {
    json!({
        "TransformJobName": name,
        "ModelName": "m",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": "s3://data/out", "Accept": "text/csv", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "Tags": [{"Key": "team", "Value": "data"}],
    })
}

pub fn model(name: &str) -> Value {
    json!({
        "ModelName": name,
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://data/model.tar.gz", "Environment": {"A": "1"}},
    })
}

pub fn config(name: &str, model: &str) -> Value {
    json!({
        "EndpointConfigName": name,
        "ProductionVariants": [
            {"VariantName": "AllTraffic", "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1},
        ],
    })
}

pub fn package(group: &str) -> Value {
    json!({
        "ModelPackageGroupName": group,
        "InferenceSpecification": {
            "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://data/model.tar.gz", "Environment": {"A": "1", "B": "1"}}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    })
}

/// `value` with the member at a JSON pointer set (or removed, with `null`).
pub fn with(mut value: Value, pointer: &str, member: Value) -> Value {
    let (parent, leaf) = pointer.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) => list[leaf.parse::<usize>().unwrap()] = member,
        parent => parent[leaf] = member,
    }
    value
}

impl Cloud {
    /// A model `m` and configurations `c1` and `c2` that serve it.
    pub async fn two_configs(&self) {
        self.ok("CreateModel", model("m")).await;
        for name in ["c1", "c2"] {
            self.ok("CreateEndpointConfig", config(name, "m")).await;
        }
    }

    /// An endpoint `e` that serves `c1`.
    pub async fn endpoint(&self) {
        self.two_configs().await;
        self.ok("CreateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c1"})).await;
        self.deploy().await.reply.send(Ok(())).unwrap();
        self.until(Kind::ENDPOINT, "e", "InService").await;
    }

    pub async fn describe_endpoint(&self) -> Value {
        self.ok("DescribeEndpoint", json!({"EndpointName": "e"})).await
    }

    pub async fn describe_job(&self, name: &str) -> Value {
        // What the job told is recorded by a task of its own.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.ok("DescribeTrainingJob", json!({"TrainingJobName": name})).await
    }
}
