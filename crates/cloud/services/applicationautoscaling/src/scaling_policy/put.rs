//! `PutScalingPolicy`

use serde_json::{Map, Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, Key, Timer, Write};
use sagewright_cloud_core::scaling::Scalable;

use super::alarms::{Pair, put as put_alarms, settle, settling};
use super::tracking::Tracking;
use super::{MOST, arn};
use crate::decide::read_steps;
use crate::kept::{Held, POLICY, Policy, PolicyKind, fresh, part_key, target_key};
use crate::resource::{named, told};
use crate::scalable_target::registered;
use crate::{AutoScaling, committed, limit, unsupported, validation};

pub(crate) async fn put(autoscaling: &AutoScaling, call: &Call) -> Result<Value, ApiError> {
    let of = named(call)?;
    let name = call.text("PolicyName").unwrap_or_default();
    if name.contains(':') || name.contains('/') {
        return Err(validation("PolicyName must not contain colons or slashes."));
    }
    let _turn = autoscaling.turn(&of.resource).await;
    registered(autoscaling, &of).await?;
    let key = part_key(&of, POLICY, name);
    let held = autoscaling.held::<Policy>(&key).await?;
    let (kind, config) = asked(call, held.as_ref().map(|held| &held.value))?;
    check(kind, &config, &of.dimension)?;
    if held.is_none() && autoscaling.parts::<Policy>(&target_key(&of)).await?.len() >= MOST {
        return Err(limit(format!("A scalable target can have at most {MOST} scaling policies ({}).", told(&of))));
    }
    let now = call.now.as_millisecond();
    let (mut policy, arn) = match &held {
        Some(held) => (Policy { kind, config, ..held.value.clone() }, held.record().arn.clone()),
        None => {
            let policy = new(&of, name, kind, config);
            let arn = arn::of(call, &of, &policy.id, name);
            (policy, arn)
        }
    };
    let before = policy.alarms.take().map(|(high, low)| Pair { high, low });
    let mut batch = Batch::new();
    match (kind, before) {
        (PolicyKind::Tracking, before) => {
            let pair = before.unwrap_or_else(|| Pair::new(&of.resource));
            policy.alarms = Some((pair.high.clone(), pair.low.clone()));
            let timer = with_alarms(autoscaling, &policy, &key, &arn, &pair).await?;
            batch.push(Write::CancelTimer { id: timer.id, due: timer.due });
            batch.push(write(held, policy.clone(), key, &arn, now));
            autoscaling.store().commit(batch).await.map_err(committed)?;
        }
        (PolicyKind::Step, before) => {
            let timer = before.as_ref().map(|pair| settling(&key, pair, autoscaling.now()));
            batch.extend(timer.map(Write::SetTimer));
            batch.push(write(held, policy.clone(), key.clone(), &arn, now));
            autoscaling.store().commit(batch).await.map_err(committed)?;
            autoscaling.wake();
            if let Some(pair) = before {
                settle(autoscaling, &key, &pair).await?;
            }
        }
    }
    Ok(json!({"PolicyARN": arn, "Alarms": policy.shown_alarms(&arn)}))
}

fn new(of: &Scalable, name: &str, kind: PolicyKind, config: Value) -> Policy {
    Policy {
        resource: of.resource.clone(),
        dimension: of.dimension.clone(),
        name: name.to_owned(),
        id: uuid::Uuid::new_v4().to_string(),
        kind,
        config,
        alarms: None,
        heard: Vec::new(),
    }
}

fn write(held: Option<Held<Policy>>, policy: Policy, key: Key, arn: &str, now: i64) -> Write {
    match held {
        Some(mut held) => {
            held.value = policy;
            held.replace(now)
        }
        None => Write::Insert(fresh(key, arn.to_owned(), &policy, now)),
    }
}

/// Puts the alarms of a policy that is about to be kept. The timer makes them what the record says should this process end before.
async fn with_alarms(
    autoscaling: &AutoScaling,
    policy: &Policy,
    key: &Key,
    arn: &str,
    pair: &Pair,
) -> Result<Timer, ApiError> {
    let timer = settling(key, pair, autoscaling.now());
    autoscaling.store().write(Write::SetTimer(timer.clone())).await?;
    autoscaling.wake();
    let Err(error) = put_alarms(autoscaling, policy, key, arn, pair).await else { return Ok(timer) };
    // The first may be there without the second.
    settle(autoscaling, key, pair).await?;
    autoscaling.store().write(Write::CancelTimer { id: timer.id, due: timer.due }).await?;
    if error.status >= 500 && error.status != 501 {
        return Err(error);
    }
    Err(validation(format!("CloudWatch does not take the alarms of the policy: {}", error.message)))
}

/// The type and the configuration that a request asks for. What an update does not name stays.
fn asked(call: &Call, before: Option<&Policy>) -> Result<(PolicyKind, Value), ApiError> {
    let kind = match (call.text("PolicyType"), before) {
        (Some("StepScaling"), _) => PolicyKind::Step,
        (Some("TargetTrackingScaling"), _) => PolicyKind::Tracking,
        (Some(other), _) => return Err(unsupported(&format!("The policy type {other}"))),
        (None, Some(before)) => before.kind,
        (None, None) => return Err(validation("PolicyType is required to create a scaling policy.")),
    };
    let given = |kind: PolicyKind| call.input.get(Policy::member(kind)).filter(|config| config.is_object());
    if call.input.get("PredictiveScalingPolicyConfiguration").is_some_and(Value::is_object) {
        return Err(unsupported("PredictiveScalingPolicyConfiguration"));
    }
    let other = if kind == PolicyKind::Step { PolicyKind::Tracking } else { PolicyKind::Step };
    if given(other).is_some() {
        return Err(validation(format!(
            "{} is not for a policy of type {}.",
            Policy::member(other),
            json!(kind).as_str().unwrap_or_default()
        )));
    }
    match (given(kind), before.filter(|before| before.kind == kind)) {
        (Some(config), _) => Ok((kind, said(config))),
        (None, Some(before)) => Ok((kind, before.config.clone())),
        (None, None) => Err(validation(format!(
            "{} is required for a policy of type {}.",
            Policy::member(kind),
            json!(kind).as_str().unwrap_or_default()
        ))),
    }
}

/// A configuration without members that say nothing.
fn said(config: &Value) -> Value {
    let members = config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
}

fn check(kind: PolicyKind, config: &Value, dimension: &str) -> Result<(), ApiError> {
    match kind {
        PolicyKind::Tracking => {
            Tracking::read(config).and_then(|tracking| tracking.check(dimension)).map_err(validation)
        }
        PolicyKind::Step => {
            if config["Cooldown"].as_i64().is_some_and(|seconds| seconds < 0) {
                return Err(validation("Cooldown must not be negative."));
            }
            read_steps(config).map(drop).map_err(validation)
        }
    }
}
