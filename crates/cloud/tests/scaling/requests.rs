//! What requests answer and refuse.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::support::{INSTANCES, MINUTE, Process, VARIANT, World};

const OF: &str = "service namespace: sagemaker, resource ID: endpoint/digits/variant/main, scalable dimension: sagemaker:variant:DesiredInstanceCount";

#[tokio::test]
async fn a_target_is_registered_updated_shown_tagged_and_deregistered() {
    let world = World::new(1);
    let process = world.start();
    let tags = json!({"team": "digits"});
    let told = process.ok("RegisterScalableTarget", json!({"MinCapacity": 1, "MaxCapacity": 4, "Tags": tags})).await;
    let arn = told["ScalableTargetARN"].as_str().unwrap();
    let id = arn.strip_prefix("arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/").unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!(
        process
            .ok("RegisterScalableTarget", json!({"MaxCapacity": 3, "RoleARN": "arn:aws:iam::000000000000:role/any"}))
            .await,
        told
    );
    let described = process.ok("DescribeScalableTargets", json!({"ResourceId": null, "ResourceIds": [VARIANT]})).await;
    assert_eq!(
        described["ScalableTargets"],
        json!([{
            "ServiceNamespace": "sagemaker", "ResourceId": VARIANT, "ScalableDimension": INSTANCES, "MinCapacity": 1,
            "MaxCapacity": 3, "CreationTime": 1_800_000_000.0,
            "RoleARN": "arn:aws:iam::000000000000:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
            "SuspendedState": {"DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false},
            "ScalableTargetARN": arn,
        }])
    );
    let call = async |operation: &str, input: Value| process.call("application-autoscaling", operation, input).await;
    call("TagResource", json!({"ResourceARN": arn, "Tags": {"stage": "test"}})).await.unwrap();
    call("UntagResource", json!({"ResourceARN": arn, "TagKeys": ["team"]})).await.unwrap();
    let of = json!({"ResourceARN": arn});
    assert_eq!(call("ListTagsForResource", of.clone()).await.unwrap(), json!({"Tags": {"stage": "test"}}));
    assert!(process.registered().await);
    process.ok("DeregisterScalableTarget", json!({})).await;
    assert!(!process.registered().await);
    assert_eq!(call("ListTagsForResource", of).await.unwrap_err().code, "ResourceNotFoundException");
    assert_eq!(
        process.refused("DeregisterScalableTarget", json!({})).await,
        format!("ObjectNotFoundException: No scalable target found for {OF}")
    );
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let world = World::new(1);
    let process = world.start();
    let policy = |more: Value| {
        let mut input = json!({"PolicyName": "p", "PolicyType": "TargetTrackingScaling"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let tracking = |config: Value| policy(json!({"TargetTrackingScalingPolicyConfiguration": config}));
    let of = |kind: &str| json!({"PredefinedMetricType": kind});
    let action = |schedule: &str, action: Value| json!({"ScheduledActionName": "a", "Schedule": schedule, "ScalableTargetAction": action});
    let none = format!("No scalable target registered for {OF}");
    for (operation, input, wrong) in [
        ("RegisterScalableTarget", json!({"MinCapacity": 1}), "MaxCapacity is required to register"),
        (
            "RegisterScalableTarget",
            json!({"MinCapacity": 3, "MaxCapacity": 2}),
            "Maximum capacity cannot be less than minimum capacity",
        ),
        ("RegisterScalableTarget", json!({"MinCapacity": -1, "MaxCapacity": 2}), "must not be negative"),
        ("RegisterScalableTarget", json!({"MinCapacity": 0, "MaxCapacity": 2}), "it must be at least 1"),
        ("RegisterScalableTarget", json!({"ServiceNamespace": "ecs"}), "The service namespace ecs is not supported"),
        (
            "RegisterScalableTarget",
            json!({"ResourceId": "endpoint/digits"}),
            "Unsupported service namespace, resource type or scalable dimension",
        ),
        (
            "RegisterScalableTarget",
            json!({"ScalableDimension": "ecs:service:DesiredCount"}),
            "Unsupported service namespace",
        ),
        (
            "RegisterScalableTarget",
            json!({"ResourceId": "endpoint/x/variant/y", "MinCapacity": 1, "MaxCapacity": 2}),
            "Could not find endpoint/x/variant/y",
        ),
        ("PutScalingPolicy", tracking(json!({"TargetValue": 1.0})), &*none),
        ("PutScheduledAction", action("rate(1 hour)", json!({"MinCapacity": 1})), &*none),
        ("DeleteScalingPolicy", json!({"PolicyName": "p"}), "No scaling policy found for"),
    ] {
        let told = process.refused(operation, input).await;
        assert!(told.contains(wrong), "{operation}: {told}");
    }
    process.register(1, 5).await;
    let invocations = of("SageMakerVariantInvocationsPerInstance");
    for (operation, input, wrong) in [
        (
            "RegisterScalableTarget",
            json!({"Tags": {"a": "b"}}),
            "The scalable target that you tried to tag already exists. To update tags on an existing scalable target, use the TagResource API.",
        ),
        ("PutScalingPolicy", json!({"PolicyName": "p"}), "PolicyType is required"),
        ("PutScalingPolicy", policy(json!({})), "TargetTrackingScalingPolicyConfiguration is required"),
        (
            "PutScalingPolicy",
            policy(json!({"PolicyType": "PredictiveScaling"})),
            "The policy type PredictiveScaling is not supported",
        ),
        ("PutScalingPolicy", policy(json!({"PolicyName": "a:b"})), "must not contain colons"),
        (
            "PutScalingPolicy",
            tracking(json!({"TargetValue": 0.0, "PredefinedMetricSpecification": invocations})),
            "greater than 0",
        ),
        ("PutScalingPolicy", tracking(json!({"TargetValue": 1.0})), "must be specified"),
        (
            "PutScalingPolicy",
            tracking(
                json!({"TargetValue": 1.0, "PredefinedMetricSpecification": of("ECSServiceAverageCPUUtilization")}),
            ),
            "is not one of SageMaker's variants",
        ),
        (
            "PutScalingPolicy",
            tracking(
                json!({"TargetValue": 1.0, "PredefinedMetricSpecification": of("SageMakerVariantProvisionedConcurrencyUtilization")}),
            ),
            "is not supported for the scalable dimension",
        ),
        (
            "PutScalingPolicy",
            tracking(json!({"TargetValue": 1.0, "CustomizedMetricSpecification": {"MetricName": "m"}})),
            "CustomizedMetricSpecification.Namespace is required",
        ),
        (
            "PutScalingPolicy",
            policy(
                json!({"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {"AdjustmentType": "ExactCapacity"}}),
            ),
            "At least one step adjustment",
        ),
        ("PutScheduledAction", json!({"ScheduledActionName": "a"}), "Schedule is required"),
        ("PutScheduledAction", action("rate(1 hour)", json!({})), "must have a MinCapacity"),
        ("PutScheduledAction", action("rate(1 hour)", json!({"MinCapacity": 3, "MaxCapacity": 2})), "Maximum capacity"),
        ("PutScheduledAction", action("rate(1 hour)", json!({"MinCapacity": 0})), "at least 1"),
        ("PutScheduledAction", action("at(2020-01-01T00:00:00)", json!({"MinCapacity": 1})), "no time in the future"),
        ("PutScheduledAction", action("hourly", json!({"MinCapacity": 1})), "has no parentheses"),
        ("DescribeScalingPolicies", json!({"NextToken": "x"}), "InvalidNextTokenException"),
        ("DescribeScalingPolicies", json!({"MaxResults": 51}), "between 1 and 50"),
    ] {
        let told = process.refused(operation, input).await;
        assert!(told.contains(wrong), "{operation}: {told}");
    }
    // What was refused left nothing.
    assert_eq!(process.ok("DescribeScalingPolicies", json!({})).await["ScalingPolicies"], json!([]));
    let told = process.call("cloudwatch", "DescribeAlarms", json!({})).await.unwrap();
    assert_eq!(told["MetricAlarms"], json!([]));
    let forecast = json!({"PolicyName": "p", "StartTime": 1, "EndTime": 2});
    assert!(process.refused("GetPredictiveScalingForecast", forecast).await.starts_with("NotImplemented"));
}

async fn all(process: &Process, operation: &str, member: &str, more: Value) -> Vec<Value> {
    let (mut out, mut pages) = (Vec::new(), 0);
    let mut input = more;
    loop {
        let told = process.ok(operation, input.clone()).await;
        out.extend(told[member].as_array().unwrap().clone());
        pages += 1;
        match told.get("NextToken") {
            Some(token) => input["NextToken"] = token.clone(),
            None => break,
        }
    }
    assert!(pages > 1, "{operation}");
    out
}

#[tokio::test]
async fn listings_come_in_pages_and_policies_are_limited() {
    let world = World::new(1);
    let process = world.start();
    process.register(1, 5).await;
    let steps = json!({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]});
    let put = |n: u32| json!({"PolicyName": format!("p{n:02}"), "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": steps});
    for n in 0..50 {
        process.ok("PutScalingPolicy", put(n)).await;
    }
    assert!(process.refused("PutScalingPolicy", put(50)).await.starts_with("LimitExceededException"));
    process.ok("PutScalingPolicy", put(7)).await;
    let found = all(&process, "DescribeScalingPolicies", "ScalingPolicies", json!({"MaxResults": 7})).await;
    assert_eq!(
        found.iter().map(|policy| policy["PolicyName"].as_str().unwrap()).collect::<Vec<_>>(),
        (0..50).map(|n| format!("p{n:02}")).collect::<Vec<_>>()
    );
    let named = process.ok("DescribeScalingPolicies", json!({"PolicyNames": ["p03", "p09", "x"]})).await;
    assert_eq!(named["ScalingPolicies"].as_array().unwrap().len(), 2);
    for n in 1..=12u32 {
        world.fleet.desired.store(9, Ordering::SeqCst);
        process.ok("RegisterScalableTarget", json!({"MaxCapacity": 1 + n % 3})).await;
        process.advance(MINUTE).await;
    }
    let found = all(&process, "DescribeScalingActivities", "ScalingActivities", json!({"MaxResults": 5})).await;
    assert_eq!(found.len(), 12);
    let times: Vec<f64> = found.iter().map(|activity| activity["StartTime"].as_f64().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b));
    // Six weeks later they are not shown any more, and the next one removes them.
    process.advance(MINUTE * 60 * 24 * 43).await;
    assert_eq!(process.activities(true).await.len(), 0);
    world.fleet.desired.store(9, Ordering::SeqCst);
    process.register(1, 2).await;
    let kept = world.store_len("application-autoscaling-activity").await;
    assert_eq!((process.activities(true).await.len(), kept), (1, 1));
}
