//! Models and endpoint configurations.

use sagewright_cloud::sagemaker::ModelData;
use serde_json::{Value, json};

use crate::support::{Cloud, IMAGE, config, model, package, with};

#[tokio::test]
async fn a_model_is_described_as_it_was_created() {
    let cloud = Cloud::new();
    let created = cloud.ok("CreateModel", model("My-Model")).await;
    assert_eq!(created["ModelArn"], "arn:aws:sagemaker:us-east-1:000000000000:model/my-model");
    insta::assert_json_snapshot!(cloud.ok("DescribeModel", json!({"ModelName": "my-model"})).await);
    cloud.ok("DeleteModel", json!({"ModelName": "My-Model"})).await;
    let missing = json!({"ModelName": "My-Model"});
    for operation in ["DescribeModel", "DeleteModel"] {
        assert_eq!(
            cloud.refused(operation, missing.clone()).await,
            "400 ValidationException: Could not find model \"arn:aws:sagemaker:us-east-1:000000000000:model/my-model\"."
        );
    }
}

#[tokio::test]
async fn models_of_another_account_or_region_are_not_seen() {
    let cloud = Cloud::new();
    cloud.ok("CreateModel", model("m")).await;
    for (account, region) in [("111111111111", "us-east-1"), ("000000000000", "eu-west-1")] {
        let missing = cloud.call_as(account, region, "DescribeModel", json!({"ModelName": "m"})).await.unwrap_err();
        assert_eq!(missing.message, format!("Could not find model \"arn:aws:sagemaker:{region}:{account}:model/m\"."));
    }
}

#[tokio::test]
async fn containers_in_series_keep_their_order_and_an_uncompressed_model_its_prefix() {
    let cloud = Cloud::new();
    cloud.bucket.put("data", "model/part");
    let prefix =
        json!({"S3DataSource": {"S3Uri": "s3://data/model/", "S3DataType": "S3Prefix", "CompressionType": "None"}});
    let series = json!([
        {"Image": IMAGE, "ContainerHostname": "first"},
        {"Image": IMAGE, "ContainerHostname": "second", "ModelDataSource": prefix},
    ]);
    cloud.ok("CreateModel", with(with(model("m"), "/PrimaryContainer", Value::Null), "/Containers", series)).await;
    cloud.ok("CreateEndpointConfig", config("c", "m")).await;
    // Found at creation; what happens to it later is the host's to report.
    cloud.bucket.delete("data", "model/part");
    cloud.ok("CreateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c"})).await;
    let containers = &cloud.deploy().await.variants[0].containers;
    assert_eq!(containers.iter().filter_map(|c| c.hostname.as_deref()).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(containers[0].model_data, None);
    assert_eq!(containers[1].model_data, Some(ModelData::Prefix("s3://data/model/".to_owned())));
}

fn many_models() -> Value {
    json!({"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://data/none/yet/"})
}

#[tokio::test]
async fn a_container_of_many_models_is_kept_and_served_as_such() {
    let cloud = Cloud::new();
    for (name, cached) in [("a", None), ("b", Some("Enabled")), ("c", Some("Disabled"))] {
        let mut container = many_models();
        if let Some(setting) = cached {
            container["MultiModelConfig"] = json!({"ModelCacheSetting": setting});
        }
        cloud.ok("CreateModel", with(model(name), "/PrimaryContainer", container.clone())).await;
        container["Environment"] = json!({});
        assert_eq!(cloud.ok("DescribeModel", json!({"ModelName": name})).await["PrimaryContainer"], container);
        cloud.ok("CreateEndpointConfig", config(name, name)).await;
        cloud.ok("CreateEndpoint", json!({"EndpointName": name, "EndpointConfigName": name})).await;
        let deploy = cloud.deploy().await;
        let (uri, cached) = ("s3://data/none/yet/".to_owned(), cached != Some("Disabled"));
        assert_eq!(deploy.variants[0].containers[0].model_data, Some(ModelData::Many { uri, cached }));
        assert!(!deploy.variants[0].direct);
        deploy.reply.send(Ok(())).unwrap();
    }
}

#[tokio::test]
async fn containers_with_host_names_can_be_asked_one_by_one() {
    let cloud = Cloud::new();
    let both = json!([{"Image": IMAGE, "ContainerHostname": "a"}, {"Image": IMAGE, "ContainerHostname": "b"}]);
    let direct = with(with(model("m"), "/PrimaryContainer", Value::Null), "/Containers", both);
    cloud.ok("CreateModel", with(direct, "/InferenceExecutionConfig", json!({"Mode": "Direct"}))).await;
    cloud.ok("CreateEndpointConfig", config("c", "m")).await;
    cloud.ok("CreateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c"})).await;
    assert!(cloud.deploy().await.variants[0].direct);
}

#[tokio::test]
async fn wrong_models_are_refused_and_change_nothing() {
    let cloud = Cloud::new();
    cloud.ok("CreateModel", model("taken")).await;
    cloud.ok("CreateModelPackageGroup", json!({"ModelPackageGroupName": "g"})).await;
    cloud.ok("CreateModelPackage", package("g")).await;
    let before = cloud.state().await;
    let good = || model("m");
    let source = |kind: &str, compression: &str, uri: &str| {
        json!({"Image": IMAGE, "ModelDataSource":
            {"S3DataSource": {"S3Uri": uri, "S3DataType": kind, "CompressionType": compression}}})
    };
    let cases = [
        with(good(), "/ModelName", json!("taken")),
        with(good(), "/ModelName", json!("-bad")),
        with(good(), "/PrimaryContainer", Value::Null),
        with(good(), "/Containers", json!([{"Image": IMAGE}])),
        with(good(), "/PrimaryContainer/Image", Value::Null),
        with(good(), "/PrimaryContainer/Image", json!("registry/unknown:2")),
        with(good(), "/PrimaryContainer/ModelDataUrl", json!("s3://data/missing.tar.gz")),
        with(good(), "/PrimaryContainer/ModelDataUrl", json!("https://data/model.tar.gz")),
        with(good(), "/PrimaryContainer", json!({"Image": IMAGE, "Mode": "MultiModel"})),
        with(good(), "/PrimaryContainer", {
            let mut many = source("S3Prefix", "None", "s3://data/");
            many["Mode"] = json!("MultiModel");
            many
        }),
        with(good(), "/PrimaryContainer/MultiModelConfig", json!({"ModelCacheSetting": "Disabled"})),
        with(
            with(good(), "/PrimaryContainer", Value::Null),
            "/Containers",
            json!([
                {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://data/a/"},
                {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://data/b/"},
            ]),
        ),
        with(good(), "/PrimaryContainer", source("S3Prefix", "None", "s3://data/missing/")),
        with(good(), "/PrimaryContainer", source("S3Prefix", "Gzip", "s3://data/model.tar.gz")),
        with(good(), "/ExecutionRoleArn", json!("arn:aws:iam::000000000000:role/missing")),
        with(good(), "/ExecutionRoleArn", json!("nonsense")),
        with(good(), "/InferenceExecutionConfig", json!({"Mode": "Direct"})),
        with(good(), "/PrimaryContainer/ModelPackageName", json!("g/1")),
        with(good(), "/PrimaryContainer", json!({"ModelPackageName": "g/1"})),
        with(good(), "/PrimaryContainer", json!({"ModelPackageName": "g/7"})),
        with(
            good(),
            "/PrimaryContainer",
            json!({"ModelPackageName": "arn:aws:sagemaker:us-east-1:111111111111:model-package/g/1"}),
        ),
        with(
            with(good(), "/PrimaryContainer", Value::Null),
            "/Containers",
            json!([{"Image": IMAGE, "ContainerHostname": "h"}, {"Image": IMAGE, "ContainerHostname": "h"}]),
        ),
    ];
    let mut told = Vec::new();
    for case in cases {
        told.push(cloud.refused("CreateModel", case).await);
    }
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(cloud.state().await, before);
}

#[tokio::test]
async fn an_approved_version_becomes_a_model() {
    let cloud = Cloud::new();
    cloud.ok("CreateModelPackageGroup", json!({"ModelPackageGroupName": "g"})).await;
    let arn = cloud.ok("CreateModelPackage", package("g")).await["ModelPackageArn"].clone();
    cloud.ok("UpdateModelPackage", json!({"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"})).await;
    let container = json!({"ModelPackageName": arn, "Environment": {"B": "2"}});
    cloud.ok("CreateModel", with(model("m"), "/PrimaryContainer", container.clone())).await;
    assert_eq!(cloud.ok("DescribeModel", json!({"ModelName": "m"})).await["PrimaryContainer"], container);
    // What is served is the package's, even after the package is gone.
    cloud.ok("DeleteModelPackage", json!({"ModelPackageName": arn})).await;
    cloud.ok("CreateEndpointConfig", config("c", "m")).await;
    cloud.ok("CreateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c"})).await;
    let deploy = cloud.deploy().await;
    let container = &deploy.variants[0].containers[0];
    assert_eq!(
        (container.image.as_str(), container.model_data.as_ref().unwrap().uri()),
        (IMAGE, "s3://data/model.tar.gz")
    );
    let environment: Vec<_> = container.environment.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(environment, ["A=1", "B=2"]);
}

#[tokio::test]
async fn an_endpoint_configuration_is_described_as_it_was_created() {
    let cloud = Cloud::new();
    cloud.ok("CreateModel", model("m")).await;
    cloud.ok("CreateEndpointConfig", config("C", "m")).await;
    insta::assert_json_snapshot!(cloud.ok("DescribeEndpointConfig", json!({"EndpointConfigName": "C"})).await);
    cloud.ok("DeleteEndpointConfig", json!({"EndpointConfigName": "C"})).await;
    for operation in ["DescribeEndpointConfig", "DeleteEndpointConfig"] {
        assert_eq!(
            cloud.refused(operation, json!({"EndpointConfigName": "C"})).await,
            "400 ValidationException: Could not find endpoint configuration \"arn:aws:sagemaker:us-east-1:000000000000:endpoint-config/c\"."
        );
    }
}

#[tokio::test]
async fn wrong_endpoint_configurations_are_refused_and_change_nothing() {
    let cloud = Cloud::new();
    cloud.two_configs().await;
    cloud.ok("CreateModel", with(model("many"), "/PrimaryContainer", many_models())).await;
    let before = cloud.state().await;
    let good = || config("c", "m");
    let variant = |pointer: &str, value: Value| with(good(), &format!("/ProductionVariants/0{pointer}"), value);
    let one = || good()["ProductionVariants"][0].clone();
    let capture = || {
        json!({
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://data/c",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        })
    };
    let queue = || json!({"OutputConfig": {"S3OutputPath": "s3://data/a"}});
    let serverless = |config: Value| {
        with(good(), "/ProductionVariants/0", json!({"VariantName": "v", "ModelName": "m", "ServerlessConfig": config}))
    };
    let cases = [
        config("c1", "m"),
        config("c", "missing"),
        with(good(), "/ProductionVariants", json!([one(), one()])),
        with(good(), "/ProductionVariants", json!([])),
        variant("/InstanceType", json!("ml.none")),
        variant("/InstanceType", Value::Null),
        variant("/InitialInstanceCount", Value::Null),
        variant("/InitialInstanceCount", json!(0)),
        variant("/InitialVariantWeight", json!(0)),
        variant("/InitialVariantWeight", json!(-1)),
        variant("/ModelName", Value::Null),
        variant("/ServerlessConfig", json!({"MemorySizeInMB": 1024, "MaxConcurrency": 1})),
        serverless(json!({"MemorySizeInMB": 1500, "MaxConcurrency": 1})),
        serverless(json!({"MemorySizeInMB": 1024, "MaxConcurrency": 1, "ProvisionedConcurrency": 2})),
        with(
            serverless(json!({"MemorySizeInMB": 1024, "MaxConcurrency": 1})),
            "/ProductionVariants/0/ModelName",
            json!("many"),
        ),
        variant("/ManagedInstanceScaling", json!({"Status": "ENABLED"})),
        variant("/AcceleratorType", json!("ml.eia1.medium")),
        variant("/RoutingConfig", json!({"RoutingStrategy": "KV_AWARE"})),
        with(good(), "/AsyncInferenceConfig", json!({"OutputConfig": {}})),
        with(
            good(),
            "/AsyncInferenceConfig",
            json!({"OutputConfig": {"S3OutputPath": "https://s3.amazonaws.com/data/a"}}),
        ),
        with(with(good(), "/DataCaptureConfig", capture()), "/AsyncInferenceConfig", queue()),
        with(config("c", "many"), "/AsyncInferenceConfig", queue()),
        with(serverless(json!({"MemorySizeInMB": 1024, "MaxConcurrency": 1})), "/AsyncInferenceConfig", queue()),
        with(good(), "/ShadowProductionVariants", json!([one()])),
        with(good(), "/ExecutionRoleArn", json!("arn:aws:iam::000000000000:role/missing")),
    ];
    let mut told = Vec::new();
    for case in cases {
        let text = cloud.refused("CreateEndpointConfig", case).await;
        told.push(match text.split_once("enum value set: [") {
            Some((start, _)) => format!("{start}enum value set: […"),
            None => text,
        });
    }
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(cloud.state().await, before);
}

#[tokio::test]
async fn operations_that_are_not_there_are_refused_by_name() {
    let cloud = Cloud::new();
    assert_eq!(
        cloud.refused("ListDevices", json!({})).await,
        "501 NotImplemented: SageMaker ListDevices is not supported by the embedded cloud; use a real AWS account for it (unset AWS_ENDPOINT_URL)"
    );
}
