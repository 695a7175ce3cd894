//! Processes that die at each commit: what was decided is done, and once.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::death::at_each_commit_in;
use crate::support::{MINUTE, Process, World};

/// Has a process die at each commit of a way in turn; then the next one goes on.
fn at_each_commit(
    world: impl Fn() -> World,
    prepare: impl AsyncFn(&Process),
    way: impl AsyncFn(&Process),
    after: impl AsyncFn(&World, &Process, i64),
) -> i64 {
    at_each_commit_in(
        world,
        World::mortal,
        async |process: &Process, death| {
            prepare(process).await;
            death.counts();
            way(process).await;
        },
        async |world: &World, commits| after(world, &world.start(), commits).await,
    )
}

#[test]
fn a_kill_between_alarm_and_scaling_scales_once() {
    let tried = at_each_commit(
        || World::new(1),
        async |process| {
            process.register(1, 5).await;
            process.track("by-load", json!({})).await;
            process.load(200.0, 2).await;
        },
        async |process| process.load(200.0, 4).await,
        async |world, process, commits| {
            process.load(200.0, 4).await;
            assert_eq!(world.fleet.sets(), [4], "after {commits} commits");
            let told = process.told(true).await;
            assert_eq!(told.iter().filter(|told| told.contains("| Successful |")).count(), 1, "{commits}: {told:?}");
            assert_eq!(told.iter().filter(|told| told.contains("InProgress") || told.contains("Pending")).count(), 0);
        },
    );
    assert!(tried > 5, "{tried}");
}

#[test]
fn a_kill_while_an_action_runs_runs_it_once() {
    let tried = at_each_commit(
        || World::new(1),
        async |process| {
            process.register(1, 5).await;
            let action = json!({"ScheduledActionName": "a", "Schedule": "rate(1 hour)", "ScalableTargetAction": {"MinCapacity": 3}});
            process.ok("PutScheduledAction", action).await;
        },
        async |process| process.advance(MINUTE * 61).await,
        async |world, process, commits| {
            process.advance(MINUTE * 2).await;
            assert_eq!(world.fleet.sets(), [3], "after {commits} commits");
            let told = process.told(true).await;
            assert_eq!(told.iter().filter(|told| told.contains("| Successful |")).count(), 2, "{commits}: {told:?}");
        },
    );
    assert!(tried > 2, "{tried}");
}

#[test]
fn a_kill_while_a_policy_is_put_or_deleted_leaves_no_alarm_without_it() {
    let all = async |process: &Process| {
        let told =
            process.call("cloudwatch", "DescribeAlarms", json!({"AlarmNamePrefix": "TargetTracking-"})).await.unwrap();
        let mut alarms: Vec<_> = told["MetricAlarms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alarm| alarm["AlarmName"].as_str().unwrap().to_owned())
            .collect();
        alarms.sort();
        alarms
    };
    at_each_commit(
        || World::new(1),
        async |process| drop(process.register(1, 5).await),
        async |process| {
            process.track("p", json!({})).await;
            process.track("p", json!({"TargetValue": 10.0})).await;
            process.ok("DeleteScalingPolicy", json!({"PolicyName": "p"})).await;
            process.track("q", json!({})).await;
            process.ok("DeregisterScalableTarget", json!({})).await;
        },
        async |_, process, commits| {
            process.advance(MINUTE * 3).await;
            let policies = process.ok("DescribeScalingPolicies", json!({})).await;
            let mut named: Vec<String> = Vec::new();
            for policy in policies["ScalingPolicies"].as_array().unwrap() {
                named.extend(
                    policy["Alarms"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|alarm| alarm["AlarmName"].as_str().unwrap().to_owned()),
                );
                let target = &policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"];
                assert_eq!(process.alarm(&policy["Alarms"][0]["AlarmName"]).await.unwrap()["Threshold"], *target);
            }
            named.sort();
            assert_eq!(all(process).await, named, "after {commits} commits");
        },
    );
}

#[tokio::test]
async fn a_change_that_was_under_way_is_followed_by_the_next_process() {
    let world = World::new(1);
    world.fleet.slow.store(true, Ordering::SeqCst);
    let first = world.start();
    first.register(3, 5).await;
    drop(first);
    let next = world.start();
    next.advance(MINUTE).await;
    assert!(next.told(true).await[0].contains("| InProgress |"));
    world.fleet.settle();
    next.advance(MINUTE).await;
    assert!(next.told(true).await[0].contains("| Successful |"));
    assert_eq!(world.fleet.sets(), [3]);
}
