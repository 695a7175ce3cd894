//! Runs scheduled actions: the target gets their bounds, and its capacity is brought into them.

use sagewright_cloud_core::records::{Batch, CommitError, Key, StoreError, Timer, Write};

use crate::AutoScaling;
use crate::activity::Activity;
use crate::decide::Bounds;
use crate::kept::{Action, Held, Target, scalable, target_key, timer};
use crate::schedule::{Schedule, last_run, next_run};
use sagewright_cloud_core::scaling::Scalable;

/// The timer of an action's next run.
pub(crate) const RUN: &str = "run";

/// Does the timer of an action. Where time was skipped over several runs, the last one of them is done, after what was due before it.
pub(crate) async fn run(autoscaling: &AutoScaling, key: &Key, due: &Timer) -> Result<(), StoreError> {
    let _turn = autoscaling.turn(key.name.split('|').next().unwrap_or_default()).await;
    loop {
        let Some(mut action) = autoscaling.held::<Action>(key).await? else { return Ok(()) };
        // Another one was set since, or this one was done.
        if action.value.next != Some(due.scheduled()) {
            return Ok(());
        }
        let of = Scalable {
            account: key.account.clone(),
            region: key.region.clone(),
            resource: action.value.resource.clone(),
            dimension: action.value.dimension.clone(),
        };
        let mut batch = Batch::new();
        let now = autoscaling.now();
        let at = due.scheduled();
        let read = Schedule::read(&action.value.schedule, action.value.timezone.as_deref());
        let span = (action.value.start, action.value.end);
        let last = read.as_ref().ok().and_then(|schedule| last_run(schedule, now, action.value.begun, span));
        if let Some(last) = last.filter(|last| *last > at) {
            action.value.next = Some(last);
            batch.push(Write::SetTimer(timer(RUN, key, last)));
            batch.push(action.replace(action.record().modified));
            match committed(autoscaling, batch).await? {
                true => return Ok(()),
                false => continue,
            }
        }
        action.value.next = read.ok().and_then(|schedule| next_run(&schedule, now.max(at), action.value.begun, span));
        batch.extend(action.value.next.map(|next| Write::SetTimer(timer(RUN, key, next))));
        batch.push(action.replace(action.record().modified));
        let target = autoscaling.held::<Target>(&target_key(&of)).await?;
        let Some(mut target) = target.filter(|target| !target.value.suspended.scheduled) else {
            match committed(autoscaling, batch).await? {
                true => return Ok(()),
                false => continue,
            }
        };
        batch.extend(apply(autoscaling, &action.value, &mut target, at).await?);
        match autoscaling.commit(&target, batch, at).await {
            Ok(()) => return autoscaling.carry(&scalable(&target.record().key, &target.value)).await,
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error),
        }
    }
}

/// Gives a target the bounds of an action.
async fn apply(
    autoscaling: &AutoScaling,
    action: &Action,
    target: &mut Held<Target>,
    at: i64,
) -> Result<Batch, StoreError> {
    let of = scalable(&target.record().key, &target.value);
    let before = target.value.bounds;
    let bounds = Bounds { min: action.min.unwrap_or(before.min), max: action.max.unwrap_or(before.max) };
    let refused = (bounds.max < bounds.min).then(|| {
        format!(
            "Maximum capacity cannot be less than minimum capacity (minimum {}, maximum {})",
            bounds.min, bounds.max
        )
    });
    let parts = [
        action.min.map(|min| format!("min capacity to {min}")),
        action.max.map(|max| format!("max capacity to {max}")),
    ];
    let change = parts.into_iter().flatten().collect::<Vec<_>>().join(" and ");
    let cause = format!("scheduled action name {} was triggered", action.name);
    let activity = Activity::of_bounds(&of, &change, cause, at, refused.as_deref());
    let mut batch = autoscaling.begin(&of, target, &activity).await?;
    if refused.is_none() {
        target.value.bounds = bounds;
        batch.extend(autoscaling.pull(&of, target, at).await?);
    }
    Ok(batch)
}

/// `false`: somebody else came first.
async fn committed(autoscaling: &AutoScaling, batch: Batch) -> Result<bool, StoreError> {
    match autoscaling.store().commit(batch).await {
        Ok(()) => {
            autoscaling.wake();
            Ok(true)
        }
        Err(CommitError::Conflict(_)) => Ok(false),
        Err(CommitError::Store(error)) => Err(error),
    }
}
