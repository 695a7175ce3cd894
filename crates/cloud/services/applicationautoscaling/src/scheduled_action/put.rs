//! `PutScheduledAction`

use jiff::Timestamp;
use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, Write};
use sagewright_cloud_core::scaling::Scalable;

use super::{MOST, timer_of};
use crate::decide::Bounds;
use crate::kept::{ACTION, Action, fresh, part_key, target_key, timer};
use crate::resource::{NAMESPACE, named, told, unreadable};
use crate::scalable_target::register::check;
use crate::scalable_target::registered;
use crate::schedule::{Schedule, next_run};
use crate::{AutoScaling, committed, limit, validation};

pub(crate) async fn put(autoscaling: &AutoScaling, call: &Call) -> Result<Value, ApiError> {
    let of = named(call)?;
    let name = call.text("ScheduledActionName").unwrap_or_default();
    let _turn = autoscaling.turn(&of.resource).await;
    registered(autoscaling, &of).await?;
    let key = part_key(&of, ACTION, name);
    let held = autoscaling.held::<Action>(&key).await?;
    let action = asked(call, &of, name, held.as_ref().map(|held| &held.value))?;
    if let Some(min) = action.min {
        let capacity = autoscaling.scalables()?.capacity(&of).await.map_err(unreadable)?;
        check(Bounds { min, max: action.max.unwrap_or(u32::MAX) }, capacity.least)?;
    }
    if held.is_none() && autoscaling.parts::<Action>(&target_key(&of)).await?.len() >= MOST {
        return Err(limit(format!("A scalable target can have at most {MOST} scheduled actions ({}).", told(&of))));
    }
    let mut batch = Batch::new();
    let before = held.as_ref().and_then(timer_of);
    batch.extend(before.map(|timer| Write::CancelTimer { id: timer.id, due: timer.due }));
    batch.extend(action.next.map(|next| Write::SetTimer(timer(super::due::RUN, &key, next))));
    let now = call.now.as_millisecond();
    match held {
        Some(mut held) => {
            held.value = action;
            batch.push(held.replace(now));
        }
        None => batch.push(Write::Insert(fresh(key, arn(call, &of, name), &action, now))),
    }
    autoscaling.store().commit(batch).await.map_err(committed)?;
    autoscaling.wake();
    Ok(json!({}))
}

fn arn(call: &Call, of: &Scalable, name: &str) -> String {
    let id = uuid::Uuid::new_v4();
    format!(
        "arn:{}:autoscaling:{}:{}:scheduledAction:{id}:resource/{NAMESPACE}/{}:scheduledActionName/{name}",
        call.partition(),
        of.region,
        of.account,
        of.resource
    )
}

/// What an update does not name stays, but for the start and the end.
fn asked(call: &Call, of: &Scalable, name: &str, before: Option<&Action>) -> Result<Action, ApiError> {
    let now = call.now.as_millisecond();
    let schedule = call.text("Schedule").map(str::to_owned).or_else(|| before.map(|before| before.schedule.clone()));
    let schedule = schedule.ok_or_else(|| validation("Schedule is required to create a scheduled action."))?;
    let timezone =
        call.text("Timezone").map(str::to_owned).or_else(|| before.and_then(|before| before.timezone.clone()));
    let read = Schedule::read(&schedule, timezone.as_deref()).map_err(validation)?;
    let (start, end) = (time(call, "StartTime")?, time(call, "EndTime")?);
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        return Err(validation("The EndTime of a scheduled action must be after its StartTime."));
    }
    if end.is_some_and(|end| end <= now) {
        return Err(validation("The EndTime of a scheduled action must be in the future."));
    }
    let (min, max) = match call.input.get("ScalableTargetAction").filter(|action| action.is_object()) {
        Some(action) => (capacity(action, "MinCapacity")?, capacity(action, "MaxCapacity")?),
        None => before.map_or((None, None), |before| (before.min, before.max)),
    };
    match (min, max) {
        (None, None) => {
            return Err(validation("ScalableTargetAction must have a MinCapacity, a MaxCapacity, or both."));
        }
        (Some(min), Some(max)) if max < min => {
            return Err(validation("Maximum capacity cannot be less than minimum capacity"));
        }
        _ => {}
    }
    // An action that only gets other bounds goes on at the times that it had.
    let same = before.filter(|before| before.schedule == schedule && before.timezone == timezone);
    let begun = same.map_or(now, |before| before.begun);
    let next = next_run(&read, now, begun, (start, end));
    if next.is_none() && same.is_none() {
        return Err(validation(format!(
            "The schedule {schedule} has no time in the future at which the action would run."
        )));
    }
    Ok(Action {
        resource: of.resource.clone(),
        dimension: of.dimension.clone(),
        name: name.to_owned(),
        schedule,
        timezone,
        start,
        end,
        min,
        max,
        begun,
        next,
    })
}

fn capacity(action: &Value, member: &str) -> Result<Option<u32>, ApiError> {
    let Some(given) = action.get(member).and_then(Value::as_i64) else { return Ok(None) };
    u32::try_from(given).map(Some).map_err(|_| validation(format!("{member} must not be negative, and is {given}.")))
}

/// A time of the input in milliseconds since 1970: seconds, or RFC 3339.
fn time(call: &Call, member: &str) -> Result<Option<i64>, ApiError> {
    let Some(value) = call.input.get(member).filter(|value| !value.is_null()) else { return Ok(None) };
    let seconds = match value {
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(time) => return Ok(Some(time.as_millisecond())),
            Err(_) => text.parse::<f64>().ok(),
        },
        other => other.as_f64(),
    };
    let millis = seconds.map(|seconds| (seconds * 1000.0).round()).filter(|millis| millis.abs() < 2.6e14);
    #[allow(clippy::cast_possible_truncation)] // the year 9999 and before
    millis.map(|millis| Some(millis as i64)).ok_or_else(|| validation(format!("{member} is not a valid timestamp.")))
}
