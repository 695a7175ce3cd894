//! What an alarm leads to: it tells a policy, the policy's target is read, and what is decided is kept and carried out.

use sagewright_cloud_core::alarms::{AlarmNews, AlarmState};
use sagewright_cloud_core::records::{CommitError, StoreError};
use sagewright_cloud_core::scaling::{Scalable, ScalingError};
use serde_json::json;

use crate::AutoScaling;
use crate::activity::Activity;
use crate::decide::{Direction, Last, Other, Signal, Situation, Verdict, decide, read_steps};
use crate::kept::{Held, Policy, PolicyKind, Target, target_key};
use crate::scaling_policy::arn;
use crate::scaling_policy::tracking::Tracking;

/// Alarms whose last time is remembered, for each policy.
const HEARD: usize = 20;
/// How often is tried again what others came before.
const TRIES: usize = 20;

/// Does the action of an alarm.
///
/// # Errors
/// Why it was not done, for the alarm's history.
pub(crate) async fn act(autoscaling: &AutoScaling, action: &str, news: &AlarmNews) -> Result<(), String> {
    let told = |error: StoreError| error.to_string();
    let found = arn::find(autoscaling, &news.account, &news.region, action).await.map_err(told)?;
    let Some(policy) = found else { return Err(format!("There is no scaling policy {action}.")) };
    let of = Scalable {
        account: news.account.clone(),
        region: news.region.clone(),
        resource: policy.value.resource.clone(),
        dimension: policy.value.dimension.clone(),
    };
    let key = policy.record().key.clone();
    let _turn = autoscaling.turn(&of.resource).await;
    for _ in 0..TRIES {
        let policy = autoscaling.held::<Policy>(&key).await.map_err(told)?;
        let target = autoscaling.held::<Target>(&target_key(&of)).await.map_err(told)?;
        let Some((policy, target)) = policy.zip(target) else {
            return Err(format!("The scaling policy {action} was deleted."));
        };
        match one(autoscaling, &of, policy, target, news).await {
            Ok(()) => {
                autoscaling.carry_soon(&of).await;
                return Ok(());
            }
            Err(Failed::Conflict) => {}
            Err(Failed::Told(why)) => return Err(why),
        }
    }
    Err("The scalable target is changed by others all the time.".to_owned())
}

/// Why an alarm led to nothing.
enum Failed {
    Conflict,
    Told(String),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Told(error.to_string())
    }
}

impl From<CommitError> for Failed {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(_) => Self::Conflict,
            CommitError::Store(error) => error.into(),
        }
    }
}

async fn one(
    autoscaling: &AutoScaling,
    of: &Scalable,
    mut policy: Held<Policy>,
    mut target: Held<Target>,
    news: &AlarmNews,
) -> Result<(), Failed> {
    // It is told again where the alarm's own record of it was lost.
    if policy.value.heard.iter().any(|(name, at)| *name == news.name && *at >= news.at) {
        return Ok(());
    }
    let scalables = autoscaling.0.scalables.get().ok_or_else(|| Failed::Told("nothing scales here".to_owned()))?;
    let capacity = match scalables.capacity(of).await {
        Ok(capacity) => capacity,
        Err(ScalingError::Store(error)) => return Err(error.into()),
        Err(error) => return Err(Failed::Told(error.to_string())),
    };
    let Some(asked) = asked(autoscaling, of, &policy.value, news).await? else { return Ok(()) };
    let situation = Situation {
        capacity: capacity.desired,
        busy: capacity.busy || target.value.pending.is_some(),
        bounds: target.value.bounds,
        suspended: target.value.suspended,
        last: target.value.last.clone(),
        now: news.at,
    };
    let verdict = match &asked {
        Asked::Tracking { tracking, direction, value, others } => {
            let signal = Signal::Tracking {
                target: tracking.target,
                value: *value,
                direction: *direction,
                others: others.as_slice(),
            };
            decide(&signal, &situation)
        }
        Asked::Step { beyond } => {
            let steps = read_steps(&policy.value.config).map_err(Failed::Told)?;
            decide(&Signal::Step { steps: &steps, beyond: *beyond }, &situation)
        }
    };
    let cause =
        format!("monitor alarm {} in state {} triggered policy {}", news.name, news.state.name(), policy.value.name);
    let now = autoscaling.now();
    let batch = match verdict {
        Verdict::Quiet => return Ok(()),
        Verdict::Not(reason) => {
            let said = json!([cause, reason.shown()]);
            if target.value.said.as_ref() == Some(&said) {
                return Ok(());
            }
            let activity = Activity::not_scaled(of, reason.shown(), cause, news.at);
            let batch = autoscaling.begin(of, &mut target, &activity).await?;
            target.value.said = Some(said);
            batch
        }
        Verdict::Scale(to) => {
            let direction = if to > capacity.desired { Direction::Out } else { Direction::In };
            let activity = Activity::setting(of, to, cause, news.at);
            let mut batch = autoscaling.begin(of, &mut target, &activity).await?;
            let from = situation.base();
            let cooldown = policy.value.cooldown(direction);
            target.value.last = Some(Last {
                from: if direction == Direction::Out { from } else { capacity.desired },
                to,
                ended: None,
                cooldown,
            });
            policy.value.heard.retain(|(name, _)| *name != news.name);
            policy.value.heard.push((news.name.clone(), news.at));
            if policy.value.heard.len() > HEARD {
                policy.value.heard.remove(0);
            }
            batch.push(policy.replace(policy.record().modified));
            batch
        }
    };
    Ok(autoscaling.commit(&target, batch, now).await?)
}

/// What an alarm asks of a policy.
enum Asked {
    Tracking { tracking: Tracking, direction: Direction, value: f64, others: Vec<Other> },
    Step { beyond: f64 },
}

/// `None`: nothing, as a metric without data asks for nothing.
async fn asked(
    autoscaling: &AutoScaling,
    of: &Scalable,
    policy: &Policy,
    news: &AlarmNews,
) -> Result<Option<Asked>, Failed> {
    let Some(value) = news.value else {
        return match policy.kind {
            PolicyKind::Tracking => Ok(None),
            PolicyKind::Step => {
                Err(Failed::Told("The alarm has no data point to choose a step adjustment by.".to_owned()))
            }
        };
    };
    if policy.kind == PolicyKind::Step {
        let threshold = news.threshold.ok_or_else(|| {
            Failed::Told("The alarm has no threshold to choose a step adjustment by: use a metric alarm.".to_owned())
        })?;
        return Ok(Some(Asked::Step { beyond: value - threshold }));
    }
    if news.state != AlarmState::Alarm {
        return Ok(None);
    }
    let tracking = Tracking::read(&policy.config).map_err(Failed::Told)?;
    let low = policy.alarms.as_ref().is_some_and(|(_, low)| *low == news.name);
    if !low {
        // An alarm of the user's own tells as much.
        if value <= tracking.target {
            return Ok(None);
        }
        return Ok(Some(Asked::Tracking { tracking, direction: Direction::Out, value, others: Vec::new() }));
    }
    if tracking.never_in {
        return Ok(None);
    }
    let others = others(autoscaling, of, policy).await?;
    Ok(Some(Asked::Tracking { tracking, direction: Direction::In, value, others }))
}

/// The other target tracking policies of a target that may scale in, by their low alarms.
async fn others(autoscaling: &AutoScaling, of: &Scalable, policy: &Policy) -> Result<Vec<Other>, Failed> {
    let (mut targets, mut alarms) = (Vec::new(), Vec::new());
    for other in autoscaling.parts::<Policy>(&target_key(of)).await? {
        if other.value.kind != PolicyKind::Tracking || other.value.id == policy.id {
            continue;
        }
        let tracking = Tracking::read(&other.value.config).map_err(Failed::Told)?;
        if let Some((_, low)) = other.value.alarms.filter(|_| !tracking.never_in) {
            targets.push(tracking.target);
            alarms.push(low);
        }
    }
    if alarms.is_empty() {
        return Ok(Vec::new());
    }
    let seen = autoscaling.look_at(of, &alarms).await.map_err(|error| Failed::Told(error.to_string()))?;
    Ok(targets.into_iter().zip(seen).map(|(target, (ready, value))| Other { ready, target, value }).collect())
}
