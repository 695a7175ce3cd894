//! `DeleteScalingPolicy`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, Write};

use super::alarms::{Pair, settle, settling};
use crate::kept::{Held, POLICY, Policy, part_key};
use crate::resource::{named, told};
use crate::{AutoScaling, committed, missing};

pub(crate) async fn delete(autoscaling: &AutoScaling, call: &Call) -> Result<Value, ApiError> {
    let of = named(call)?;
    let name = call.text("PolicyName").unwrap_or_default();
    let _turn = autoscaling.turn(&of.resource).await;
    let key = part_key(&of, POLICY, name);
    let Some(held) = autoscaling.held::<Policy>(&key).await? else {
        return Err(missing(format!("No scaling policy found for {}, policy name: {name}", told(&of))));
    };
    let mut batch = Batch::new();
    let pair = going(autoscaling, &held, &mut batch);
    autoscaling.store().commit(batch).await.map_err(committed)?;
    autoscaling.wake();
    if let Some(pair) = pair {
        settle(autoscaling, &key, &pair).await?;
    }
    Ok(json!({}))
}

/// Adds the writes that remove a policy; what is left to remove after them are its alarms.
pub(crate) fn going(autoscaling: &AutoScaling, held: &Held<Policy>, batch: &mut Batch) -> Option<Pair> {
    batch.push(held.delete());
    let (high, low) = held.value.alarms.clone()?;
    let pair = Pair { high, low };
    batch.push(Write::SetTimer(settling(&held.record().key, &pair, autoscaling.now())));
    Some(pair)
}
