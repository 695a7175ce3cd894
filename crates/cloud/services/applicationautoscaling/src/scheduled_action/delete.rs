//! `DeleteScheduledAction`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, Write};

use super::timer_of;
use crate::kept::{ACTION, Action, part_key};
use crate::resource::{named, told};
use crate::{AutoScaling, committed, missing};

pub(crate) async fn delete(autoscaling: &AutoScaling, call: &Call) -> Result<Value, ApiError> {
    let of = named(call)?;
    let name = call.text("ScheduledActionName").unwrap_or_default();
    let _turn = autoscaling.turn(&of.resource).await;
    let Some(held) = autoscaling.held::<Action>(&part_key(&of, ACTION, name)).await? else {
        return Err(missing(format!("No scheduled action found for {}, scheduled action name: {name}", told(&of))));
    };
    let mut batch: Batch = vec![held.delete()];
    batch.extend(timer_of(&held).map(|timer| Write::CancelTimer { id: timer.id, due: timer.due }));
    autoscaling.store().commit(batch).await.map_err(committed)?;
    Ok(json!({}))
}
