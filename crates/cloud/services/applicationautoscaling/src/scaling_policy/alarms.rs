//! The alarms of target tracking policies in CloudWatch. A timer sees to it that they are what the policies' records say,
//! whenever a process ends between the two.

use serde_json::json;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Key, StoreError, Timer};

use super::tracking::{Names, Tracking};
use crate::kept::{Policy, PolicyKind, timer};
use crate::{AutoScaling, OWNER};

/// The timer of a policy whose alarms may differ from its record.
pub(crate) const SETTLE: &str = "alarms";
/// When they are looked at where nobody is at it any more, in milliseconds of AWS's time.
const LATER: i64 = 60_000;

/// The two alarms of a policy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    pub high: String,
    pub low: String,
}

impl Pair {
    /// New names for a resource.
    pub fn new(resource: &str) -> Self {
        let name = |which: &str| format!("TargetTracking-{resource}-Alarm{which}-{}", uuid::Uuid::new_v4());
        Self { high: name("High"), low: name("Low") }
    }
}

/// The timer that removes alarms which no policy has, and puts those that one has.
pub(crate) fn settling(policy: &Key, pair: &Pair, now: i64) -> Timer {
    let mut timer = timer(SETTLE, policy, now + LATER);
    timer.id = format!("{OWNER}:{SETTLE}:{}:{}:{}", policy.account, policy.region, pair.high);
    timer.body["high"] = json!(pair.high);
    timer.body["low"] = json!(pair.low);
    timer
}

/// Puts the alarms of a policy.
///
/// # Errors
/// CloudWatch does not take one.
pub(crate) async fn put(
    autoscaling: &AutoScaling,
    policy: &Policy,
    key: &Key,
    arn: &str,
    pair: &Pair,
) -> Result<(), ApiError> {
    let tracking = Tracking::read(&policy.config).map_err(ApiError::validation)?;
    let action = format!("{arn}:createdBy/{}", policy.id);
    let names = Names { resource: &policy.resource, high: &pair.high, low: &pair.low, policy: arn, action: &action };
    for input in tracking.alarms(&names) {
        autoscaling.cloudwatch(&key.account, &key.region, "PutMetricAlarm", input).await?;
    }
    Ok(())
}

/// Removes alarms that no policy has any more.
///
/// # Errors
/// CloudWatch failed.
pub(crate) async fn remove(autoscaling: &AutoScaling, policy: &Key, pair: &Pair) -> Result<(), ApiError> {
    let input = json!({"AlarmNames": [pair.high, pair.low]});
    match autoscaling.cloudwatch(&policy.account, &policy.region, "DeleteAlarms", input).await {
        Ok(_) => Ok(()),
        // Somebody else deleted one of them: each by itself.
        Err(error) if error.status < 500 => {
            for name in [&pair.high, &pair.low] {
                let input = json!({"AlarmNames": [name]});
                let done = autoscaling.cloudwatch(&policy.account, &policy.region, "DeleteAlarms", input).await;
                if let Err(error) = done
                    && error.status >= 500
                {
                    return Err(error);
                }
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Does the timer: the policy's record says whether its alarms are to be there.
pub(crate) async fn due(autoscaling: &AutoScaling, key: &Key, timer: &Timer) -> Result<(), StoreError> {
    let text = |member: &str| timer.body[member].as_str().unwrap_or_default().to_owned();
    let pair = Pair { high: text("high"), low: text("low") };
    let _turn = autoscaling.turn(key.name.split('|').next().unwrap_or_default()).await;
    match settle(autoscaling, key, &pair).await {
        Err(error) if error.status >= 500 => Err(StoreError::Refused(error.to_string())),
        Err(error) => {
            tracing::warn!(policy = key.name, %error, "alarms of a scaling policy are not as they should be");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Makes alarms what the record of their policy says. The caller has the target's turn.
///
/// # Errors
/// CloudWatch or the store failed.
pub(crate) async fn settle(autoscaling: &AutoScaling, key: &Key, pair: &Pair) -> Result<(), ApiError> {
    let held = autoscaling.held::<Policy>(key).await?;
    let owner = held.filter(|held| {
        held.value.kind == PolicyKind::Tracking
            && held.value.alarms.as_ref().is_some_and(|(high, _)| *high == pair.high)
    });
    match owner {
        Some(held) => put(autoscaling, &held.value, key, &held.record().arn, pair).await,
        None => remove(autoscaling, key, pair).await,
    }
}
