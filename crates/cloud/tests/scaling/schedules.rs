//! Scheduled actions and bounds bring the capacity into them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use crate::support::{MINUTE, World};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn bounds_that_are_registered_pull_the_capacity_at_once() {
    let world = World::new(1);
    let process = world.start();
    process.register(2, 5).await;
    process.register(1, 5).await;
    world.fleet.desired.store(4, Ordering::SeqCst);
    process.ok("RegisterScalableTarget", json!({"MaxCapacity": 3})).await;
    assert_eq!(world.fleet.sets(), [2, 3]);
    let done = |n: u32| {
        format!(
            "Successful | Successfully set desired instance count to {n}. Change successfully fulfilled by sagemaker."
        )
    };
    assert_eq!(
        process.told(false).await,
        [
            format!("Setting desired instance count to 2. | minimum capacity was set to 2 | {}", done(2)),
            format!("Setting desired instance count to 3. | maximum capacity was set to 3 | {}", done(3)),
        ]
    );
}

#[tokio::test]
async fn actions_run_at_their_times_and_pull_the_capacity() {
    let world = World::new(1);
    let process = world.start();
    process.register(1, 10).await;
    // The clock begins at 08:00 on a Friday.
    for (name, schedule, zone, action) in [
        ("morning", "cron(0 9 ? * * *)", "UTC", json!({"MinCapacity": 3, "MaxCapacity": 10})),
        ("evening", "cron(0 13 ? * * *)", "America/New_York", json!({"MinCapacity": 1, "MaxCapacity": 2})),
        ("noon", "cron(0 12 * * ? *)", "UTC", json!({"MaxCapacity": 2})),
    ] {
        let input = json!({"ScheduledActionName": name, "Schedule": schedule, "Timezone": zone, "ScalableTargetAction": action});
        process.ok("PutScheduledAction", input).await;
    }
    process.advance(MINUTE * 59).await;
    assert!(world.fleet.sets().is_empty());
    process.advance(MINUTE).await;
    assert_eq!(world.fleet.sets(), [3]);
    process.advance(HOUR * 24).await;
    assert_eq!(world.fleet.sets(), [3, 2, 3]);
    assert_eq!(
        process.told(false).await[..3],
        [
            "Setting min capacity to 3 and max capacity to 10 | scheduled action name morning was triggered | Successful | Successfully set min capacity to 3 and max capacity to 10",
            "Setting desired instance count to 3. | minimum capacity was set to 3 | Successful | Successfully set desired instance count to 3. Change successfully fulfilled by sagemaker.",
            "Setting max capacity to 2 | scheduled action name noon was triggered | Failed | Failed to set max capacity to 2. Reason: Maximum capacity cannot be less than minimum capacity (minimum 3, maximum 2)",
        ]
    );
    let bounds = process.ok("DescribeScalableTargets", json!({"ResourceId": null})).await;
    assert_eq!(
        (&bounds["ScalableTargets"][0]["MinCapacity"], &bounds["ScalableTargets"][0]["MaxCapacity"]),
        (&json!(3), &json!(10))
    );
}

#[tokio::test]
async fn a_jump_over_many_runs_does_the_last_of_each_in_their_order() {
    let world = World::new(1);
    let process = world.start();
    process.register(1, 10).await;
    for (name, schedule, min) in
        [("often", "rate(1 minute)", 1), ("morning", "cron(0 9 * * ? *)", 4), ("evening", "cron(0 18 * * ? *)", 2)]
    {
        let action = json!({"MinCapacity": min, "MaxCapacity": 10 - min});
        let input = json!({"ScheduledActionName": name, "Schedule": schedule, "ScalableTargetAction": action});
        process.ok("PutScheduledAction", input).await;
    }
    // A year and some hours, to 12:00.
    process.advance(HOUR * (365 * 24 + 4)).await;
    let causes: Vec<String> =
        process.told(false).await.iter().map(|told| told.split(" | ").nth(1).unwrap().to_owned()).collect();
    let triggered = |name: &str| format!("scheduled action name {name} was triggered");
    assert_eq!(causes[0], triggered("evening"));
    assert!(causes.iter().filter(|cause| **cause == triggered("often")).count() <= 2, "{causes:?}");
    assert_eq!(causes.iter().filter(|cause| **cause == triggered("morning")).count(), 1);
    assert_eq!(*causes.last().unwrap(), triggered("often"));
    assert_eq!(world.fleet.sets(), [2, 4]);
}

#[tokio::test]
async fn an_action_ends_is_suspended_is_changed_and_is_deleted() {
    let world = World::new(1);
    let process = world.start();
    process.register(1, 10).await;
    let now = process.sim.now().as_second();
    let put = |more: serde_json::Value| {
        let mut input =
            json!({"ScheduledActionName": "a", "Schedule": "rate(1 hour)", "ScalableTargetAction": {"MinCapacity": 2}});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    process.ok("PutScheduledAction", put(json!({"EndTime": now + 5400}))).await;
    process.ok("RegisterScalableTarget", json!({"SuspendedState": {"ScheduledScalingSuspended": true}})).await;
    process.advance(HOUR).await;
    assert_eq!(process.told(true).await.len(), 0);
    process.ok("RegisterScalableTarget", json!({"SuspendedState": {"ScheduledScalingSuspended": false}})).await;
    process.advance(HOUR * 5).await;
    assert_eq!(process.told(true).await.len(), 0);
    // The end goes with an update, and the rate goes on from its begin.
    process
        .ok("PutScheduledAction", json!({"ScheduledActionName": "a", "ScalableTargetAction": {"MinCapacity": 4}}))
        .await;
    let told = process.ok("DescribeScheduledActions", json!({})).await;
    assert_eq!(
        (&told["ScheduledActions"][0]["EndTime"], &told["ScheduledActions"][0]["Schedule"]),
        (&json!(null), &json!("rate(1 hour)"))
    );
    process.advance(HOUR).await;
    assert_eq!(world.fleet.sets(), [4]);
    process.ok("DeleteScheduledAction", json!({"ScheduledActionName": "a"})).await;
    world.fleet.desired.store(5, Ordering::SeqCst);
    process.register(1, 10).await;
    process.advance(HOUR * 3).await;
    assert_eq!(world.fleet.sets(), [4]);
    assert_eq!(
        process.refused("DeleteScheduledAction", json!({"ScheduledActionName": "a"})).await,
        "ObjectNotFoundException: No scheduled action found for service namespace: sagemaker, resource ID: endpoint/digits/variant/main, scalable dimension: sagemaker:variant:DesiredInstanceCount, scheduled action name: a"
    );
}
