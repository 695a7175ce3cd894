//! `RegisterScalableTarget`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, CommitError, Write};
use sagewright_cloud_core::scaling::Scalable;

use crate::decide::{Bounds, Suspended};
use crate::kept::{Target, fresh, target_key};
use crate::resource::{named, unreadable};
use crate::{AutoScaling, committed, tags, validation};

pub(crate) async fn register(autoscaling: &AutoScaling, call: &Call) -> Result<Value, ApiError> {
    let of = named(call)?;
    let tags = tags::given(call)?;
    let _turn = autoscaling.turn(&of.resource).await;
    let capacity = autoscaling.scalables()?.capacity(&of).await.map_err(unreadable)?;
    let key = target_key(&of);
    if autoscaling.held::<Target>(&key).await?.is_none() {
        let bounds = bounds(call, None, capacity.least)?;
        let target = Target {
            resource: of.resource.clone(),
            dimension: of.dimension.clone(),
            bounds,
            suspended: suspended(call, Suspended::default()),
            last: None,
            pending: None,
            said: None,
            begun: 0,
        };
        let arn = arn(call);
        let mut batch = vec![Write::Insert(fresh(key.clone(), arn.clone(), &target, call.now.as_millisecond()))];
        if !tags.is_empty() {
            batch.push(Write::PutTags { arn, tags });
        }
        autoscaling.store().commit(batch).await.map_err(committed)?;
    } else if !tags.is_empty() {
        return Err(validation(
            "The scalable target that you tried to tag already exists. To update tags on an existing scalable target, use the TagResource API.",
        ));
    }
    let arn = update(autoscaling, call, &of, capacity.least).await?;
    autoscaling.carry_soon(&of).await;
    Ok(json!({"ScalableTargetARN": arn}))
}

/// Sets what a request names, and brings the capacity into the bounds.
async fn update(autoscaling: &AutoScaling, call: &Call, of: &Scalable, least: u32) -> Result<String, ApiError> {
    let now = call.now.as_millisecond();
    loop {
        let mut target = super::registered(autoscaling, of).await?;
        let before = target.value.clone();
        target.value.bounds = bounds(call, Some(before.bounds), least)?;
        target.value.suspended = suspended(call, before.suspended);
        let batch: Batch = autoscaling.pull(of, &mut target, now).await?;
        let arn = target.record().arn.clone();
        if target.value == before {
            return Ok(arn);
        }
        match autoscaling.commit(&target, batch, now).await {
            Ok(()) => return Ok(arn),
            // Tags came between.
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

/// `arn:aws:application-autoscaling:REGION:ACCOUNT:scalable-target/ID`, with an id of 36 characters.
fn arn(call: &Call) -> String {
    let id = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let id: String = id.chars().take(36).collect();
    call.arn(&format!("scalable-target/{id}"))
}

fn bounds(call: &Call, before: Option<Bounds>, least: u32) -> Result<Bounds, ApiError> {
    let given = |member: &str, before: Option<u32>| match call.input.get(member).and_then(Value::as_i64) {
        None => before.ok_or_else(|| validation(format!("{member} is required to register a new scalable target."))),
        Some(number) => {
            u32::try_from(number).map_err(|_| validation(format!("{member} must not be negative, and is {number}.")))
        }
    };
    let min = given("MinCapacity", before.map(|bounds| bounds.min))?;
    let max = given("MaxCapacity", before.map(|bounds| bounds.max))?;
    check(Bounds { min, max }, least)
}

/// Refuses bounds that a resource cannot have.
pub(crate) fn check(bounds: Bounds, least: u32) -> Result<Bounds, ApiError> {
    if bounds.max < bounds.min {
        return Err(validation("Maximum capacity cannot be less than minimum capacity"));
    }
    if bounds.min < least {
        return Err(validation(format!(
            "MinCapacity {} is not valid for this resource: it must be at least {least}. Only asynchronous endpoints and inference components scale to zero.",
            bounds.min
        )));
    }
    Ok(bounds)
}

fn suspended(call: &Call, before: Suspended) -> Suspended {
    let Some(given) = call.input.get("SuspendedState").filter(|state| state.is_object()) else { return before };
    let flag = |member: &str, before: bool| given.get(member).and_then(Value::as_bool).unwrap_or(before);
    Suspended {
        dynamic_in: flag("DynamicScalingInSuspended", before.dynamic_in),
        dynamic_out: flag("DynamicScalingOutSuspended", before.dynamic_out),
        scheduled: flag("ScheduledScalingSuspended", before.scheduled),
    }
}
