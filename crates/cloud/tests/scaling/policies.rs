//! Policies scale by alarms.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::support::{MINUTE, World};

#[tokio::test]
async fn a_variant_under_load_scales_out_and_back_in() {
    let world = World::new(1);
    let process = world.start();
    process.register(1, 5).await;
    process.track("by-load", json!({"ScaleInCooldown": 120, "ScaleOutCooldown": 60})).await;
    process.load(40.0, 5).await;
    assert!(world.fleet.sets().is_empty());
    process.load(200.0, 6).await;
    assert_eq!(world.fleet.sets(), [4]);
    // A load that fits stays.
    process.load(230.0, 20).await;
    assert_eq!(world.fleet.sets(), [4]);
    process.load(30.0, 40).await;
    assert_eq!(world.fleet.sets(), [4, 1]);
    let high = "monitor alarm TargetTracking-endpoint/digits/variant/main-AlarmHigh-ID in state ALARM triggered policy by-load";
    let low =
        "monitor alarm TargetTracking-endpoint/digits/variant/main-AlarmLow-ID in state ALARM triggered policy by-load";
    let done =
        |n: u32| format!("Successfully set desired instance count to {n}. Change successfully fulfilled by sagemaker.");
    assert_eq!(
        process.told(false).await,
        [
            format!("Setting desired instance count to 4. | {high} | Successful | {}", done(4)),
            format!("Setting desired instance count to 1. | {low} | Successful | {}", done(1)),
        ]
    );
}

#[tokio::test]
async fn a_long_jump_of_the_clock_scales_as_the_minutes_would_have() {
    let world = World::new(1);
    let process = world.start();
    process.register(1, 5).await;
    process.track("by-load", json!({})).await;
    process.load(200.0, 3).await;
    process.advance(MINUTE * 600).await;
    assert_eq!(world.fleet.sets(), [4]);
}

#[tokio::test]
async fn the_alarms_of_target_tracking_are_real() {
    let world = World::new(1);
    let process = world.start();
    process.register(1, 5).await;
    let told = process.track("p", json!({"TargetValue": 70.0})).await;
    let names: Vec<_> = told["Alarms"].as_array().unwrap().iter().map(|alarm| alarm["AlarmName"].clone()).collect();
    assert!(names[0].as_str().unwrap().starts_with("TargetTracking-endpoint/digits/variant/main-AlarmHigh-"));
    assert!(names[1].as_str().unwrap().starts_with("TargetTracking-endpoint/digits/variant/main-AlarmLow-"));
    let described = process.ok("DescribeScalingPolicies", json!({})).await;
    assert_eq!(described["ScalingPolicies"][0]["Alarms"], told["Alarms"]);
    let policy = told["PolicyARN"].as_str().unwrap();
    for (name, comparison, periods, threshold) in
        [(&names[0], "GreaterThanThreshold", 3, 70.0), (&names[1], "LessThanThreshold", 15, 63.0)]
    {
        let alarm = process.alarm(name).await.unwrap();
        assert_eq!(alarm["ComparisonOperator"], comparison);
        assert_eq!((&alarm["EvaluationPeriods"], &alarm["Threshold"]), (&json!(periods), &json!(threshold)));
        assert_eq!((&alarm["Period"], &alarm["Statistic"]), (&json!(60), &json!("Sum")));
        assert!(alarm["AlarmActions"][0].as_str().unwrap().starts_with(policy));
        assert_eq!(
            alarm["AlarmDescription"],
            format!("DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy}.")
        );
    }
    // An update keeps them, and a policy without them removes them.
    let again = process.track("p", json!({"TargetValue": 50.0})).await;
    assert_eq!((&again["Alarms"], &again["PolicyARN"]), (&told["Alarms"], &told["PolicyARN"]));
    assert_eq!(process.alarm(&names[0]).await.unwrap()["Threshold"], 50.0);
    let steps = json!({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]});
    let step = json!({"PolicyName": "p", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": steps});
    assert_eq!(process.ok("PutScalingPolicy", step).await["Alarms"], json!([]));
    assert_eq!(process.alarm(&names[0]).await, None);
    // What deletes a policy, or its target, deletes them too.
    for operation in ["DeleteScalingPolicy", "DeregisterScalableTarget"] {
        let told = process.track("q", json!({})).await;
        let high = &told["Alarms"][0]["AlarmName"];
        assert!(process.alarm(high).await.is_some());
        process
            .ok(operation, if operation == "DeleteScalingPolicy" { json!({"PolicyName": "q"}) } else { json!({}) })
            .await;
        assert_eq!(process.alarm(high).await, None, "{operation}");
    }
    assert!(!process.registered().await);
}

#[tokio::test]
async fn what_is_not_scaled_says_why_once() {
    let world = World::new(2);
    let process = world.start();
    process.register(1, 2).await;
    process.track("by-load", json!({})).await;
    process.load(500.0, 10).await;
    assert!(world.fleet.sets().is_empty());
    let cause = "monitor alarm TargetTracking-endpoint/digits/variant/main-AlarmHigh-ID in state ALARM triggered policy by-load";
    let told = process.told(true).await;
    assert_eq!(told, [format!("Attempting to scale due to alarm triggered | {cause} | Failed | AlreadyAtMaxCapacity")]);
    assert_eq!(
        process.activities(true).await[0]["NotScaledReasons"],
        json!([{"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 2}])
    );
    assert!(process.told(false).await.is_empty());
    // Once there is room, the alarm that goes on scales.
    process.register(1, 3).await;
    process.load(500.0, 2).await;
    assert_eq!(world.fleet.sets(), [3]);
}

#[tokio::test]
async fn a_resource_that_is_being_updated_is_scaled_when_it_can_be() {
    let world = World::new(1);
    let process = world.start();
    process.register(1, 5).await;
    process.track("by-load", json!({})).await;
    world.fleet.busy.store(true, Ordering::SeqCst);
    process.load(200.0, 8).await;
    assert!(process.told(true).await[0].ends_with("TargetServicePutResourceAsUnscalable"));
    world.fleet.settle();
    world.fleet.slow.store(true, Ordering::SeqCst);
    process.load(200.0, 1).await;
    assert_eq!(world.fleet.sets(), [4]);
    let waiting = "Successfully set desired instance count to 4. Waiting for change to be fulfilled by sagemaker.";
    assert!(process.told(false).await[0].ends_with(&format!("InProgress | {waiting}")));
    // It takes its time.
    process.load(200.0, 5).await;
    assert_eq!(world.fleet.sets(), [4]);
    world.fleet.settle();
    process.advance(MINUTE).await;
    assert!(process.told(false).await[0].contains("| Successful |"));
}

#[tokio::test]
async fn a_policy_with_steps_takes_an_endpoint_from_zero_and_back() {
    let world = World::new(0);
    world.fleet.least.store(0, Ordering::SeqCst);
    let process = world.start();
    process.register(0, 3).await;
    let up = json!({
        "AdjustmentType": "ChangeInCapacity", "Cooldown": 300,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    });
    let on = json!({"MetricName": "HasBacklogWithoutCapacity", "Threshold": 1.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold"});
    process.step("wake", on, up).await;
    let metric = json!({"MetricName": "Backlog", "Namespace": "app", "Statistic": "Average"});
    let config = json!({
        "PolicyName": "backlog", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 5.0, "CustomizedMetricSpecification": metric, "ScaleInCooldown": 60},
    });
    process.ok("PutScalingPolicy", config).await;
    for _ in 0..2 {
        process.put("HasBacklogWithoutCapacity", 1.0).await;
        process.advance(MINUTE).await;
    }
    assert_eq!(world.fleet.sets(), [1]);
    for _ in 0..5 {
        process.put("Backlog", 12.0).await;
        process.advance(MINUTE).await;
    }
    assert_eq!(world.fleet.sets(), [1, 3]);
    for _ in 0..20 {
        process.put("Backlog", 0.0).await;
        process.advance(MINUTE).await;
    }
    assert_eq!(world.fleet.sets(), [1, 3, 0]);
    assert_eq!(process.told(false).await.len(), 3);
}

#[tokio::test]
async fn all_policies_have_to_agree_before_a_scale_in() {
    let world = World::new(4);
    let process = world.start();
    process.register(1, 5).await;
    process.track("by-load", json!({})).await;
    let metric = json!({"MetricName": "cpu", "Namespace": "app", "Statistic": "Average"});
    let config = json!({
        "PolicyName": "by-cpu", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 50.0, "CustomizedMetricSpecification": metric},
    });
    process.ok("PutScalingPolicy", config).await;
    for _ in 0..25 {
        process.put("cpu", 48.0).await;
        process.load(40.0, 1).await;
    }
    assert!(world.fleet.sets().is_empty());
    for _ in 0..18 {
        process.put("cpu", 20.0).await;
        process.load(40.0, 1).await;
    }
    // By the load one would do, and by the processors two.
    assert_eq!(world.fleet.sets(), [2]);
}

#[tokio::test]
async fn nothing_scales_while_it_is_suspended_or_has_no_data() {
    let world = World::new(2);
    let process = world.start();
    process.register(1, 5).await;
    process.track("by-load", json!({"DisableScaleIn": true})).await;
    process.ok("RegisterScalableTarget", json!({"SuspendedState": {"DynamicScalingOutSuspended": true}})).await;
    process.load(500.0, 6).await;
    process.advance(MINUTE * 60).await;
    process.load(1.0, 30).await;
    assert!(world.fleet.sets().is_empty() && process.told(true).await.is_empty());
    process.ok("RegisterScalableTarget", json!({"SuspendedState": {"DynamicScalingOutSuspended": false}})).await;
    process.load(500.0, 6).await;
    assert_eq!(world.fleet.sets(), [5]);
}

#[tokio::test]
async fn what_the_service_refuses_fails_with_its_reason() {
    let world = World::new(1);
    let process = world.start();
    process.register(1, 40).await;
    process.track("by-load", json!({})).await;
    process.load(2000.0, 6).await;
    assert!(world.fleet.sets().is_empty());
    let told = process.told(false).await;
    assert!(
        told[0].ends_with("| Failed | Failed to set desired instance count to 34. Reason: The account-level service limit is 16 Instances."),
        "{told:?}"
    );
    world.fleet.gone.store(true, Ordering::SeqCst);
    process.load(2000.0, 2).await;
    assert!(world.fleet.sets().is_empty());
}
