//! Updates under guardrails: traffic in steps, waits, alarms, rollbacks.

use sagewright_cloud::alarms::AlarmState;
use sagewright_cloud::cloud::resume;
use sagewright_cloud::records::Records as _;
use sagewright_cloud::sagemaker::Kind;
use serde_json::{Value, json};

use crate::support::{Cloud, at_each_commit, config, model, with, within};

fn size(unit: &str, value: u32) -> Value {
    json!({"Type": unit, "Value": value})
}

fn routing(kind: &str, member: &str, size: Value) -> Value {
    json!({
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": 300, member: size},
            "TerminationWaitInSeconds": 120,
            "MaximumExecutionTimeoutInSeconds": 1800,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
    })
}

fn canary() -> Value {
    routing("CANARY", "CanarySize", size("CAPACITY_PERCENT", 10))
}

fn update(policy: Value) -> Value {
    json!({"EndpointName": "e", "EndpointConfigName": "c2", "DeploymentConfig": policy})
}

/// An endpoint `e` with four instances of `c1`, and `c2` to take its place.
async fn endpoint(cloud: &Cloud) {
    cloud.alarms.set("errors", AlarmState::Ok);
    cloud.ok("CreateModel", model("m")).await;
    for name in ["c1", "c2"] {
        let four = with(config(name, "m"), "/ProductionVariants/0/InitialInstanceCount", json!(4));
        cloud.ok("CreateEndpointConfig", four).await;
    }
    cloud.ok("CreateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c1"})).await;
    cloud.deploy().await.reply.send(Ok(())).unwrap();
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
}

/// What serves once it is as expected: configuration, copies, percent of the traffic.
async fn until_served(cloud: &Cloud, expected: &[(&str, u32, f64)]) {
    let expected: Vec<_> =
        expected.iter().map(|(config, copies, share)| ((*config).to_owned(), *copies, *share)).collect();
    within(async {
        while cloud.host.shares() != expected {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Waits until the variant that comes shows this.
async fn until_variant(cloud: &Cloud, status: &str, message: &str) {
    within(async {
        loop {
            let endpoint = cloud.describe_endpoint().await;
            let shown = &endpoint["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0];
            if shown["Status"] == status && shown["StatusMessage"].as_str().unwrap().contains(message) {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

const CANARY_BAKES: &str =
    "Baking for 300 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1 instance(s).";
const PART_BAKES: &str =
    "Baking for 300 seconds (WaitIntervalInSeconds) with traffic enabled on partial capacity of 2 instance(s).";
const ALL_BAKES: &str =
    "Baking for 300 seconds (WaitIntervalInSeconds) with traffic enabled on full capacity of 4 instance(s).";
const LINGERS: &str =
    "Baking for 120 seconds (TerminationWaitInSeconds) with traffic enabled on full capacity of 4 instance(s).";

#[tokio::test]
async fn a_canary_moves_traffic_in_two_steps() {
    let cloud = Cloud::new();
    endpoint(&cloud).await;
    cloud.ok("UpdateEndpoint", update(canary())).await;
    until_variant(&cloud, "Creating", "Launching 4 instance(s).").await;
    let deploy = cloud.deploy().await;
    assert_eq!(deploy.fleets.iter().map(|fleet| fleet.share).collect::<Vec<_>>(), [1.0, 0.0]);
    deploy.reply.send(Ok(())).unwrap();
    until_served(&cloud, &[("c1", 4, 90.0), ("c2", 4, 10.0)]).await;
    until_variant(&cloud, "Baking", CANARY_BAKES).await;
    insta::assert_json_snapshot!("an_endpoint_with_a_canary", cloud.describe_endpoint().await);
    for (operation, input) in [("UpdateEndpoint", update(canary())), ("DeleteEndpoint", json!({"EndpointName": "e"}))] {
        let refused = cloud.refused(operation, input).await;
        assert!(refused.contains("Cannot update in-progress endpoint"), "{refused}");
    }
    cloud.passes(299_000).await;
    until_served(&cloud, &[("c1", 4, 90.0), ("c2", 4, 10.0)]).await;
    cloud.passes(1_000).await;
    until_served(&cloud, &[("c1", 4, 0.0), ("c2", 4, 100.0)]).await;
    until_variant(&cloud, "Baking", ALL_BAKES).await;
    cloud.passes(300_000).await;
    until_variant(&cloud, "Baking", LINGERS).await;
    cloud.passes(120_000).await;
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    assert_eq!(cloud.host.shares(), [("c2".to_owned(), 4, 100.0)]);
    let endpoint = cloud.describe_endpoint().await;
    assert_eq!((&endpoint["EndpointConfigName"], &endpoint["LastDeploymentConfig"]), (&json!("c2"), &canary()));
    assert!(endpoint.get("PendingDeploymentSummary").is_none() && endpoint.get("FailureReason").is_none());
}

#[tokio::test]
async fn a_canary_is_rolled_back_by_its_alarm() {
    let cloud = Cloud::new();
    endpoint(&cloud).await;
    cloud.ok("UpdateEndpoint", update(canary())).await;
    cloud.deploy().await.reply.send(Ok(())).unwrap();
    until_variant(&cloud, "Baking", CANARY_BAKES).await;
    cloud.alarms.set("errors", AlarmState::Alarm);
    cloud.passes(10_000).await;
    cloud.until(Kind::ENDPOINT, "e", "RollingBack").await;
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    assert_eq!(cloud.host.shares(), [("c1".to_owned(), 4, 100.0)]);
    let endpoint = cloud.describe_endpoint().await;
    assert_eq!(endpoint["FailureReason"], "One or more configured alarm(s) in ALARM state: [errors].");
    assert_eq!((&endpoint["EndpointConfigName"], &endpoint["LastDeploymentConfig"]), (&json!("c1"), &canary()));
    // The alarm goes off still: the next one ends as soon as traffic has moved, with the same policy.
    let again = json!({"EndpointName": "e", "EndpointConfigName": "c2", "RetainDeploymentConfig": true});
    cloud.ok("UpdateEndpoint", again).await;
    cloud.deploy().await.reply.send(Ok(())).unwrap();
    cloud.until(Kind::ENDPOINT, "e", "RollingBack").await;
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
}

#[tokio::test]
async fn a_rolling_update_replaces_instances_in_batches() {
    let cloud = Cloud::new();
    endpoint(&cloud).await;
    let policy = json!({"RollingUpdatePolicy": {
        "MaximumBatchSize": size("INSTANCE_COUNT", 2), "WaitIntervalInSeconds": 60,
    }});
    cloud.ok("UpdateEndpoint", update(policy)).await;
    cloud.deploy().await.reply.send(Ok(())).unwrap();
    until_served(&cloud, &[("c1", 4, 50.0), ("c2", 2, 50.0)]).await;
    until_variant(&cloud, "Baking", "partial capacity of 2").await;
    cloud.passes(60_000).await;
    let second = cloud.deploy().await;
    assert_eq!(cloud.host.shares(), [("c1".to_owned(), 2, 50.0), ("c2".to_owned(), 2, 50.0)]);
    until_variant(&cloud, "Updating", "Launching 2 instance(s).").await;
    let variant = &cloud.describe_endpoint().await["ProductionVariants"][0];
    assert_eq!((&variant["CurrentInstanceCount"], &variant["DesiredInstanceCount"]), (&json!(2), &json!(4)));
    second.reply.send(Ok(())).unwrap();
    until_served(&cloud, &[("c1", 2, 0.0), ("c2", 4, 100.0)]).await;
    until_variant(&cloud, "Baking", "full capacity of 4").await;
    cloud.passes(60_000).await;
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    assert_eq!(cloud.host.shares(), [("c2".to_owned(), 4, 100.0)]);
}

#[tokio::test]
async fn each_step_of_a_deployment_is_an_event() {
    let cloud = Cloud::new();
    endpoint(&cloud).await;
    cloud.ok("UpdateEndpoint", update(routing("LINEAR", "LinearStepSize", size("INSTANCE_COUNT", 2)))).await;
    cloud.deploy().await.reply.send(Ok(())).unwrap();
    for (message, wait) in [(PART_BAKES, 300_000), (ALL_BAKES, 300_000), (LINGERS, 120_000)] {
        until_variant(&cloud, "Baking", message).await;
        cloud.passes(wait).await;
    }
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    let events = cloud.store.events(0, 1000).await.unwrap();
    let deployment = events.iter().map(|(_, event)| event).filter(|e| e.kind.contains("Endpoint Deployment"));
    let told: Vec<_> = deployment
        .map(|event| {
            let detail = &event.body["detail"];
            let pending = &detail["PendingDeploymentSummary"];
            let variant = &pending["ProductionVariants"][0];
            let status = variant["VariantStatus"][0]["StatusMessage"].as_str().unwrap_or("none");
            format!(
                "{} {} -> {}: {status}",
                detail["EndpointStatus"], detail["EndpointConfigName"], pending["EndpointConfigName"]
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_canary_that_dies_at_any_commit_goes_on() {
    let deaths = at_each_commit(
        1,
        async |cloud, death| {
            endpoint(cloud).await;
            death.counts();
            cloud.ok("UpdateEndpoint", update(canary())).await;
            cloud.deploy().await.reply.send(Ok(())).unwrap();
            for (message, wait) in [(CANARY_BAKES, 300_000), (ALL_BAKES, 300_000), (LINGERS, 120_000)] {
                until_variant(cloud, "Baking", message).await;
                cloud.passes(wait).await;
            }
            cloud.until(Kind::ENDPOINT, "e", "InService").await;
        },
        async |cloud, commits| {
            cloud.alarms.set("errors", AlarmState::Ok);
            resume(&cloud.sagemaker).await.unwrap();
            let mut turns = 0;
            loop {
                let endpoint = cloud.describe_endpoint().await;
                if endpoint["EndpointStatus"] == "InService" {
                    // Only before the update was recorded is the old one what is wanted.
                    let expected = if commits == 0 { "c1" } else { "c2" };
                    assert_eq!(endpoint["EndpointConfigName"], expected, "after {commits} commits");
                    assert_eq!(endpoint.get("FailureReason"), None);
                    return;
                }
                while let Some(deploy) = cloud.try_deploy().await {
                    deploy.reply.send(Ok(())).unwrap();
                }
                cloud.passes(10_000).await;
                turns += 1;
                assert!(turns < 10_000, "{endpoint:#}");
            }
        },
    );
    assert!(deaths > 8, "{deaths}");
}

#[tokio::test]
async fn wrong_deployment_policies_are_refused_and_change_nothing() {
    let cloud = Cloud::new();
    endpoint(&cloud).await;
    let variant = |name: &str| json!({"VariantName": name, "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 4});
    let other = with(config("other", "m"), "/ProductionVariants/0", variant("Other"));
    cloud.ok("CreateEndpointConfig", other).await;
    let mut two = config("two", "m");
    two["ProductionVariants"] = json!([variant("AllTraffic"), variant("B")]);
    cloud.ok("CreateEndpointConfig", two).await;
    let serverless = json!({"VariantName": "AllTraffic", "ModelName": "m", "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}});
    cloud.ok("CreateEndpointConfig", with(config("serverless", "m"), "/ProductionVariants/0", serverless)).await;
    let rolling =
        |batch: Value| json!({"RollingUpdatePolicy": {"MaximumBatchSize": batch, "WaitIntervalInSeconds": 0}});
    let (percent, count) = (|n| size("CAPACITY_PERCENT", n), |n| size("INSTANCE_COUNT", n));
    let before = cloud.state().await;
    let mut told = Vec::new();
    for (config, policy) in [
        ("c2", with(canary(), "/RollingUpdatePolicy", rolling(percent(50))["RollingUpdatePolicy"].clone())),
        ("c2", with(canary(), "/BlueGreenUpdatePolicy/TrafficRoutingConfiguration/LinearStepSize", percent(10))),
        ("c2", with(canary(), "/BlueGreenUpdatePolicy/TrafficRoutingConfiguration/CanarySize", Value::Null)),
        ("c2", routing("LINEAR", "CanarySize", percent(10))),
        ("c2", routing("CANARY", "CanarySize", percent(51))),
        ("c2", routing("CANARY", "CanarySize", count(3))),
        ("serverless", routing("CANARY", "CanarySize", count(1))),
        ("c2", routing("LINEAR", "LinearStepSize", percent(9))),
        ("c2", routing("LINEAR", "LinearStepSize", percent(51))),
        ("c2", rolling(percent(4))),
        ("c2", rolling(count(3))),
        ("c2", with(rolling(percent(50)), "/RollingUpdatePolicy/RollbackMaximumBatchSize", percent(101))),
        ("two", rolling(percent(50))),
        ("serverless", rolling(percent(50))),
        ("other", rolling(percent(50))),
        ("other", canary()),
        ("c2", with(canary(), "/AutoRollbackConfiguration/Alarms/0", json!({"AlarmName": "missing"}))),
        ("c2", with(canary(), "/AutoRollbackConfiguration/Alarms", json!([]))),
        ("c2", with(canary(), "/BlueGreenUpdatePolicy/MaximumExecutionTimeoutInSeconds", json!(599))),
        ("c2", with(canary(), "/BlueGreenUpdatePolicy/TerminationWaitInSeconds", json!(3601))),
    ] {
        told.push(cloud.refused("UpdateEndpoint", with(update(policy), "/EndpointConfigName", json!(config))).await);
    }
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(cloud.state().await, before);
    assert!(cloud.no_deploy_waits().await);
}
