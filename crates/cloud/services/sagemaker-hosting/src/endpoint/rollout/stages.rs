//! From a deployment policy to the stages of an update.

use super::{Layout, Rollout, Stage, Step, Style};
use crate::endpoint::plan::Deployment;
use crate::endpoint::policy::{BlueGreen, Kind, Policy, Rolling, Size};

impl Rollout {
    /// The update that a policy asks for; `None` where traffic moves at once, without a wait, an alarm or a limit. An endpoint
    /// that serves with a `mix` of fleets has no instances to replace one by one.
    pub fn of(target: &Deployment, before: &Deployment, mix: bool, id: u64, now: i64) -> Option<Self> {
        let policy = Policy::read(target.policy.as_ref());
        if !Policy::counts_for(target) || !Policy::counts_for(before) {
            return None;
        }
        let alarms = policy.alarms();
        let at_once = || vec![stage(1.0)];
        let (style, stages, wait, linger, limit, batch) =
            match (policy.blue_green_update_policy, policy.rolling_update_policy) {
                (Some(policy), _) => {
                    let BlueGreen { traffic_routing_configuration: routing, .. } = &policy;
                    let (style, stages) = match (routing.kind, routing.canary_size, routing.linear_step_size) {
                        (Kind::Canary, Some(size), _) => (Style::Canary, vec![stage(size.share(target)), stage(1.0)]),
                        (Kind::Linear, _, Some(size)) => (Style::Linear, linear(size.share(target))),
                        _ => (Style::AllAtOnce, at_once()),
                    };
                    let linger = policy.termination_wait_in_seconds.unwrap_or(0);
                    let limit = policy.maximum_execution_timeout_in_seconds;
                    (style, stages, routing.wait_interval_in_seconds, linger, limit, None)
                }
                (None, Some(policy)) => {
                    let Rolling { wait_interval_in_seconds: wait, maximum_execution_timeout_in_seconds: limit, .. } =
                        policy;
                    let (old, new) = (count(before), count(target));
                    if mix {
                        (Style::AllAtOnce, at_once(), wait, 0, limit, None)
                    } else {
                        let batch = policy.rollback_maximum_batch_size.map(|size: Size| size.instances(old));
                        let stages = rolling(policy.maximum_batch_size.instances(new), old, new);
                        (Style::Rolling, stages, wait, 0, limit, batch)
                    }
                }
                (None, None) => (Style::AllAtOnce, at_once(), 0, 0, None, None),
            };
        if style == Style::AllAtOnce && alarms.is_empty() && wait == 0 && linger == 0 && limit.is_none() {
            return None;
        }
        Some(Self {
            target: target.clone(),
            id,
            style,
            stages,
            stage: 0,
            step: Step::Launch,
            since: now,
            wait: millis(wait),
            linger: millis(linger),
            deadline: limit.map(|limit| now + millis(limit)),
            alarms,
            looked: None,
            restoring: false,
            batch,
            back: None,
        })
    }
}

fn millis(seconds: u32) -> i64 {
    i64::from(seconds) * 1000
}

/// Instances of the one variant of a deployment.
pub(super) fn count(deployment: &Deployment) -> u32 {
    deployment.variants.first().and_then(|v| v.instances).unwrap_or(1).max(1)
}

/// A part of the traffic for a fleet that runs already.
fn stage(share: f64) -> Stage {
    let left = if share < 1.0 { None } else { Some(0) };
    Stage { layout: Layout { share, old: None, new: None }, left }
}

/// Equal steps up to all traffic.
fn linear(step: f64) -> Vec<Stage> {
    let mut shares = Vec::new();
    for n in 1..=10 {
        let share = f64::from(n) * step;
        // Ten steps of a tenth are all, whatever their sum is in binary.
        if share > 0.999_999 {
            break;
        }
        shares.push(stage(share));
    }
    shares.push(stage(1.0));
    shares
}

/// Batches of instances, each of which takes the place of as large a part of the old fleet.
fn rolling(batch: u32, old: u32, new: u32) -> Vec<Stage> {
    let mut stages = Vec::new();
    let (mut up, mut left) = (0, old);
    while up < new {
        let before = left;
        up = up.saturating_add(batch.max(1)).min(new);
        left = if up == new { 0 } else { (old - part(old, up, new)).max(1) };
        let layout = Layout { share: f64::from(up) / f64::from(new), old: Some(before), new: Some(up) };
        stages.push(Stage { layout, left: Some(left) });
    }
    stages
}

/// The part of `all` that `some` are of `whole`, as the nearest number.
pub(super) fn part(all: u32, some: u32, whole: u32) -> u32 {
    let (all, some, whole) = (u64::from(all), u64::from(some), u64::from(whole.max(1)));
    u32::try_from((all * some + whole / 2) / whole).unwrap_or(u32::MAX)
}
