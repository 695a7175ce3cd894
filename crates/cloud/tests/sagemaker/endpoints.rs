//! Endpoints: created, updated, rolled back, rescaled, deleted.

use std::time::Duration;

use sagewright_cloud::sagemaker::Kind;
use serde_json::{Value, json};

use crate::support::{Cloud, IMAGE, config, model, with};

fn update(config: &str) -> Value {
    json!({"EndpointName": "e", "EndpointConfigName": config})
}

fn weights(list: Value) -> Value {
    json!({"EndpointName": "e", "DesiredWeightsAndCapacities": list})
}

#[tokio::test]
async fn an_endpoint_is_created_served_and_deleted() {
    let cloud = Cloud::new();
    cloud.two_configs().await;
    let created = cloud.ok("CreateEndpoint", json!({"EndpointName": "E", "EndpointConfigName": "c1"})).await;
    assert_eq!(created["EndpointArn"], "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e");
    let deploy = cloud.deploy().await;
    assert_eq!((deploy.endpoint.name.as_str(), deploy.arn.as_str()), ("E", created["EndpointArn"].as_str().unwrap()));
    let variant = &deploy.variants[0];
    assert_eq!((variant.name.as_str(), variant.copies, variant.weight), ("AllTraffic", 1, 1.0));
    assert_eq!(variant.startup_timeout, Duration::from_secs(240));
    assert_eq!(variant.containers[0].image, IMAGE);
    insta::assert_json_snapshot!("an_endpoint_in_creation", cloud.describe_endpoint().await);
    let before = cloud.state().await;
    insta::assert_snapshot!(
        cloud.refused("DeleteEndpoint", json!({"EndpointName": "e"})).await,
        @r#"400 ValidationException: Cannot update in-progress endpoint "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e"."#
    );
    assert_eq!(cloud.state().await, before);
    cloud.clock.advance(5_000);
    deploy.reply.send(Ok(())).unwrap();
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    insta::assert_json_snapshot!("an_endpoint_in_service", cloud.describe_endpoint().await);
    cloud.ok("DeleteEndpoint", json!({"EndpointName": "e"})).await;
    cloud.until(Kind::ENDPOINT, "e", "Deleted").await;
    assert_eq!(*cloud.host.removed.lock().unwrap(), ["E"]);
    for operation in ["DescribeEndpoint", "DeleteEndpoint"] {
        assert_eq!(
            cloud.refused(operation, json!({"EndpointName": "e"})).await,
            "400 ValidationException: Could not find endpoint \"arn:aws:sagemaker:us-east-1:000000000000:endpoint/e\"."
        );
    }
}

#[tokio::test]
async fn a_creation_that_fails_says_why_and_leaves_only_deletion() {
    let cloud = Cloud::new();
    cloud.two_configs().await;
    cloud.ok("CreateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c1"})).await;
    let reason = "The primary container for production variant AllTraffic did not pass the ping health check. Please check CloudWatch logs for this endpoint.";
    cloud.deploy().await.reply.send(Err(reason.to_owned())).unwrap();
    cloud.until(Kind::ENDPOINT, "e", "Failed").await;
    let endpoint = cloud.describe_endpoint().await;
    assert_eq!(endpoint["FailureReason"], reason);
    assert!(endpoint.get("ProductionVariants").is_none());
    let before = cloud.state().await;
    insta::assert_snapshot!(
        cloud.refused("UpdateEndpoint", update("c2")).await,
        @r#"400 ValidationException: Cannot update endpoint "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e" in status Failed. DeleteEndpoint is the only operation that can be performed on a failed endpoint."#
    );
    assert_eq!(cloud.state().await, before);
    cloud.ok("DeleteEndpoint", json!({"EndpointName": "e"})).await;
    cloud.until(Kind::ENDPOINT, "e", "Deleted").await;
}

#[tokio::test]
async fn a_host_that_breaks_fails_the_endpoint() {
    let cloud = Cloud::new();
    cloud.two_configs().await;
    cloud.ok("CreateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c1"})).await;
    drop(cloud.deploy().await.reply);
    cloud.until(Kind::ENDPOINT, "e", "Failed").await;
    let reason = cloud.describe_endpoint().await["FailureReason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("Request to service failed."), "{reason}");
}

#[tokio::test]
async fn an_update_serves_the_old_configuration_until_the_new_one_is_up() {
    let cloud = Cloud::new();
    cloud.endpoint().await;
    cloud.clock.advance(1_000);
    let policy = json!({"BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 0,
    }});
    cloud.ok("UpdateEndpoint", with(update("c2"), "/DeploymentConfig", policy.clone())).await;
    let deploy = cloud.deploy().await;
    insta::assert_json_snapshot!("an_endpoint_in_update", cloud.describe_endpoint().await);
    let before = cloud.state().await;
    for (operation, input) in [
        ("UpdateEndpoint", update("c1")),
        ("UpdateEndpointWeightsAndCapacities", weights(json!([{"VariantName": "AllTraffic", "DesiredWeight": 2}]))),
        ("DeleteEndpoint", json!({"EndpointName": "e"})),
    ] {
        assert_eq!(
            cloud.refused(operation, input).await,
            "400 ValidationException: Cannot update in-progress endpoint \"arn:aws:sagemaker:us-east-1:000000000000:endpoint/e\"."
        );
    }
    assert_eq!(cloud.state().await, before);
    deploy.reply.send(Ok(())).unwrap();
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    let endpoint = cloud.describe_endpoint().await;
    assert_eq!(endpoint["EndpointConfigName"], "c2");
    assert_eq!(endpoint["LastDeploymentConfig"], policy);
    assert!(endpoint.get("PendingDeploymentSummary").is_none());
}

#[tokio::test]
async fn an_update_that_fails_is_rolled_back_with_its_reason() {
    let cloud = Cloud::new();
    cloud.endpoint().await;
    cloud.ok("UpdateEndpoint", update("c2")).await;
    cloud.deploy().await.reply.send(Err("no ping".to_owned())).unwrap();
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    let endpoint = cloud.describe_endpoint().await;
    assert_eq!((&endpoint["EndpointConfigName"], &endpoint["FailureReason"]), (&json!("c1"), &json!("no ping")));
    assert!(endpoint.get("PendingDeploymentSummary").is_none());
    cloud.ok("UpdateEndpoint", update("c2")).await;
    assert!(cloud.describe_endpoint().await.get("FailureReason").is_none(), "the next update clears it");
}

#[tokio::test]
async fn variant_properties_are_retained_on_request() {
    let cloud = Cloud::new();
    cloud.endpoint().await;
    let change = json!([{"VariantName": "AllTraffic", "DesiredWeight": 3, "DesiredInstanceCount": 4}]);
    cloud.ok("UpdateEndpointWeightsAndCapacities", weights(change)).await;
    cloud.deploy().await.reply.send(Ok(())).unwrap();
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    for (excluded, copies, weight) in [(json!([]), 4, 3.0), (json!([{"VariantPropertyType": "DesiredWeight"}]), 4, 1.0)]
    {
        let mut input = with(update("c2"), "/RetainAllVariantProperties", json!(true));
        input["ExcludeRetainedVariantProperties"] = excluded;
        cloud.ok("UpdateEndpoint", input).await;
        let deploy = cloud.deploy().await;
        assert_eq!((deploy.variants[0].copies, deploy.variants[0].weight), (copies, weight));
        deploy.reply.send(Ok(())).unwrap();
        cloud.until(Kind::ENDPOINT, "e", "InService").await;
    }
    cloud.ok("UpdateEndpoint", update("c1")).await;
    assert_eq!(cloud.deploy().await.variants[0].copies, 1, "not retained unless asked for");
}

#[tokio::test]
async fn weights_change_without_new_servers_and_counts_with_them() {
    let cloud = Cloud::new();
    cloud.ok("CreateModel", model("m")).await;
    let mut two = config("c1", "m");
    let mut second = two["ProductionVariants"][0].clone();
    second["VariantName"] = json!("B");
    two["ProductionVariants"].as_array_mut().unwrap().push(second);
    cloud.ok("CreateEndpointConfig", two).await;
    cloud.ok("CreateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c1"})).await;
    cloud.deploy().await.reply.send(Ok(())).unwrap();
    cloud.until(Kind::ENDPOINT, "e", "InService").await;

    let before = cloud.state().await;
    let mut told = Vec::new();
    for list in [
        json!([{"VariantName": "C", "DesiredWeight": 1}]),
        json!([{"VariantName": "B", "DesiredWeight": 1}, {"VariantName": "B", "DesiredWeight": 2}]),
        json!([{"VariantName": "B", "DesiredWeight": 0}, {"VariantName": "AllTraffic", "DesiredWeight": 0}]),
        json!([{"VariantName": "B", "DesiredInstanceCount": 0}]),
        json!([{"VariantName": "B", "DesiredInstanceCount": 1000}]),
        json!([{"VariantName": "B", "ServerlessUpdateConfig": {"MaxConcurrency": 2}}]),
    ] {
        told.push(cloud.refused("UpdateEndpointWeightsAndCapacities", weights(list)).await);
    }
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(cloud.state().await, before);

    cloud.ok("UpdateEndpointWeightsAndCapacities", weights(json!([{"VariantName": "B", "DesiredWeight": 9}]))).await;
    cloud.until(Kind::ENDPOINT, "e", "Updating").await;
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    assert!(cloud.no_deploy_waits().await);
    assert_eq!(cloud.host.weights(), [("AllTraffic".to_owned(), 1.0), ("B".to_owned(), 9.0)]);
    assert_eq!(cloud.describe_endpoint().await["ProductionVariants"][1]["CurrentWeight"], 9.0);

    let more = json!([{"VariantName": "B", "DesiredInstanceCount": 3}]);
    cloud.ok("UpdateEndpointWeightsAndCapacities", weights(more)).await;
    let deploy = cloud.deploy().await;
    assert_eq!(deploy.variants.iter().map(|v| (v.copies, v.weight)).collect::<Vec<_>>(), [(1, 1.0), (3, 9.0)]);
    deploy.reply.send(Ok(())).unwrap();
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    assert_eq!(cloud.describe_endpoint().await["ProductionVariants"][1]["CurrentInstanceCount"], 3);
}

#[tokio::test]
async fn a_serverless_variant_is_one_server() {
    let cloud = Cloud::new();
    cloud.ok("CreateModel", model("m")).await;
    let serverless = json!({"MemorySizeInMB": 2048, "MaxConcurrency": 5});
    let variant = json!({"VariantName": "v", "ModelName": "m", "ServerlessConfig": serverless});
    cloud.ok("CreateEndpointConfig", with(config("c", "m"), "/ProductionVariants/0", variant)).await;
    cloud.ok("CreateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c"})).await;
    let deploy = cloud.deploy().await;
    assert_eq!(deploy.variants[0].copies, 1);
    deploy.reply.send(Ok(())).unwrap();
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    assert_eq!(cloud.describe_endpoint().await["ProductionVariants"][0]["CurrentServerlessConfig"], serverless);
}

#[tokio::test]
async fn a_configuration_in_use_can_be_deleted_but_then_not_replaced() {
    let cloud = Cloud::new();
    cloud.endpoint().await;
    cloud.ok("DeleteEndpointConfig", json!({"EndpointConfigName": "c1"})).await;
    assert_eq!(cloud.describe_endpoint().await["EndpointStatus"], "InService");
    let before = cloud.state().await;
    insta::assert_snapshot!(
        cloud.refused("UpdateEndpoint", update("c2")).await,
        @r#"400 ValidationException: Could not find endpoint configuration "arn:aws:sagemaker:us-east-1:000000000000:endpoint-config/c1"."#
    );
    assert_eq!(cloud.state().await, before);
}

#[tokio::test]
async fn wrong_endpoints_are_refused_and_change_nothing() {
    let cloud = Cloud::new();
    cloud.endpoint().await;
    cloud.ok("CreateModel", model("gone")).await;
    cloud.ok("CreateEndpointConfig", config("orphan", "gone")).await;
    let many = with(config("many", "m"), "/ProductionVariants/0/InitialInstanceCount", json!(99));
    cloud.ok("CreateEndpointConfig", many).await;
    cloud.ok("DeleteModel", json!({"ModelName": "gone"})).await;
    let before = cloud.state().await;
    let good = || json!({"EndpointName": "f", "EndpointConfigName": "c1"});
    let routing = |kind: &str| json!({"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": 60}}});
    let size = json!({"Type": "CAPACITY_PERCENT", "Value": 50});
    let rolling = json!({"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 0}});
    let mut both = routing("ALL_AT_ONCE");
    both["RollingUpdatePolicy"] = rolling["RollingUpdatePolicy"].clone();
    let mut sized = routing("ALL_AT_ONCE");
    sized["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["CanarySize"] = size;
    let cases = [
        with(good(), "/EndpointName", json!("e")),
        with(good(), "/EndpointName", json!("bad_name")),
        with(good(), "/EndpointConfigName", json!("missing")),
        with(good(), "/EndpointConfigName", json!("orphan")),
        with(good(), "/EndpointConfigName", json!("many")),
        with(good(), "/DeploymentConfig", routing("CANARY")),
        with(good(), "/DeploymentConfig", routing("LINEAR")),
        with(good(), "/DeploymentConfig", both),
        with(good(), "/DeploymentConfig", sized),
        with(good(), "/DeploymentConfig", json!({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}})),
    ];
    let mut told = Vec::new();
    for case in cases {
        told.push(cloud.refused("CreateEndpoint", case).await);
    }
    told.push(cloud.refused("UpdateEndpoint", update("missing")).await);
    told.push(cloud.refused("UpdateEndpoint", with(update("c2"), "/EndpointName", json!("f"))).await);
    told.push(cloud.refused("UpdateEndpoint", with(update("c2"), "/DeploymentConfig", routing("LINEAR"))).await);
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(cloud.state().await, before);
    assert!(cloud.no_deploy_waits().await);
}
