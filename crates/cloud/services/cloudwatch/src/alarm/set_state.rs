//! `SetAlarmState`: the state lasts until the next evaluation.

use serde_json::{Value, json};

use sagewright_cloud_core::alarms::AlarmState;
use sagewright_cloud_core::api::{ApiError, Call};

use super::{Cause, missing, own};
use crate::watch::Work;
use crate::{CloudWatch, committed};

pub(crate) async fn set(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    let name = call.text("AlarmName").unwrap_or_default();
    let data = call.text("StateReasonData").map(str::to_owned);
    if data.as_deref().is_some_and(|data| serde_json::from_str::<Value>(data).is_err()) {
        return Err(ApiError::new("InvalidFormat", 400, "StateReasonData is not valid JSON."));
    }
    let watch = &cloudwatch.watch;
    let mut held = watch.hold(&call.caller.account, &call.region).await?;
    if watch.store.shared(&own(call, name)).await?.is_none() {
        return Err(missing(name));
    }
    let state = call.text("StateValue").and_then(AlarmState::parse).unwrap_or(AlarmState::InsufficientData);
    let at = call.now.as_millisecond();
    let reason = call.text("StateReason").unwrap_or_default().to_owned();
    let cause = Cause { state, reason, data, at, value: None, threshold: None };
    let mut work = Work::default();
    watch.set(&mut held, name, &cause, &mut work).await?;
    let batch = watch.written(work).await?;
    watch.commit(&mut held, batch).await.map_err(committed)?;
    Ok(json!({}))
}
