//! `DeregisterScalableTarget`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, Write};
use sagewright_cloud_core::scaling::Scalable;

use crate::activity::{Activity, Status};
use crate::kept::{ACTIVITY, Action, Policy, Target, target_key};
use crate::resource::{named, told};
use crate::scaling_policy::alarms::settle;
use crate::scaling_policy::delete::going;
use crate::{AutoScaling, committed, missing, scheduled_action};
use sagewright_cloud_core::records::Key;

pub(crate) async fn deregister(autoscaling: &AutoScaling, call: &Call) -> Result<Value, ApiError> {
    let of = named(call)?;
    if !remove(autoscaling, &of).await? {
        return Err(missing(format!("No scalable target found for {}", told(&of))));
    }
    Ok(json!({}))
}

/// Removes a target with its policies, their alarms, and its scheduled actions. `false`: there is none.
pub(crate) async fn remove(autoscaling: &AutoScaling, of: &Scalable) -> Result<bool, ApiError> {
    let _turn = autoscaling.turn(&of.resource).await;
    let key = target_key(of);
    let Some(target) = autoscaling.held::<Target>(&key).await? else { return Ok(false) };
    let mut batch: Batch = vec![target.delete()];
    let mut alarms = Vec::new();
    for policy in autoscaling.parts::<Policy>(&key).await? {
        let pair = going(autoscaling, &policy, &mut batch);
        alarms.extend(pair.map(|pair| (policy.record().key.clone(), pair)));
    }
    for action in autoscaling.parts::<Action>(&key).await? {
        batch.push(action.delete());
        batch.extend(
            scheduled_action::timer_of(&action).map(|timer| Write::CancelTimer { id: timer.id, due: timer.due }),
        );
    }
    // What was asked of the resource goes on there; nobody here waits for it any more.
    if let Some(name) = &target.value.pending
        && let Some(mut activity) =
            autoscaling.held::<Activity>(&Key::new(&of.account, &of.region, ACTIVITY, name)).await?
    {
        let now = autoscaling.now();
        activity.value.end(Status::Failed, Some("The scalable target was deregistered."), now);
        batch.push(activity.replace(now));
    }
    autoscaling.store().commit(batch).await.map_err(committed)?;
    autoscaling.wake();
    for (policy, pair) in alarms {
        settle(autoscaling, &policy, &pair).await?;
    }
    Ok(true)
}
