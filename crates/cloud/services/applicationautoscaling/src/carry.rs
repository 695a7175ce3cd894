//! Sets capacities: an activity is kept before the resource is asked, and goes on after a restart where it was.
//!
//! A target has one activity at a time that is not at its end. Each step reads what there is of the resource, so that a step
//! that is done twice does no harm.

use std::sync::PoisonError;

use tokio::sync::MutexGuard;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Batch, CommitError, Key, StoreError, Timer, Write};
use sagewright_cloud_core::scaling::{Scalable, ScalingError};

use crate::activity::{Activity, Next, Status};
use crate::decide::{Direction, pulled};
use crate::kept::{ACTION, ACTIVITY, Held, POLICY, TARGET, Target, key_of, scalable, target_key, timer};
use crate::{AutoScaling, scaling_policy, scheduled_action};

/// The timer of a target whose activity is not at its end.
pub(crate) const CARRY: &str = "carry";
/// How long it is until a resource is looked at that is changing, in milliseconds of AWS's time.
const LOOK: i64 = 30_000;
/// Steps that are done at once: more than an activity and a pull after it take.
const STEPS: usize = 12;

impl AutoScaling {
    /// A turn at a resource. Who has one must not wait for another.
    pub(crate) async fn turn(&self, resource: &str) -> MutexGuard<'_, ()> {
        let hash = resource.bytes().fold(17usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
        let turns = &self.0.turns;
        turns[hash % turns.len()].lock().await
    }

    pub(crate) async fn timer(&self, due: Timer) -> Result<(), StoreError> {
        let done = match due.body["what"].as_str() {
            Some(CARRY) => self.carry_due(&key_of(&due, TARGET)).await,
            Some(scheduled_action::due::RUN) => scheduled_action::due::run(self, &key_of(&due, ACTION), &due).await,
            Some(scaling_policy::alarms::SETTLE) => {
                scaling_policy::alarms::due(self, &key_of(&due, POLICY), &due).await
            }
            _ => Ok(()),
        };
        match done {
            // Whatever set it anew did so for another time.
            Ok(()) => match self.store().commit(vec![Write::CancelTimer { id: due.id, due: due.due }]).await {
                Ok(()) | Err(CommitError::Conflict(_)) => Ok(()),
                Err(CommitError::Store(error)) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn carry_due(&self, key: &Key) -> Result<(), StoreError> {
        let Some(target) = self.held::<Target>(key).await? else { return Ok(()) };
        let of = scalable(key, &target.value);
        let _turn = self.turn(&of.resource).await;
        self.carry(&of).await
    }

    /// Commits what was decided of a target: the target as it is now, what comes beside it, and the timer of an activity that is
    /// not at its end.
    pub(crate) async fn commit(&self, target: &Held<Target>, mut batch: Batch, now: i64) -> Result<(), CommitError> {
        batch.push(target.replace(now));
        if target.value.pending.is_some() {
            batch.push(Write::SetTimer(timer(CARRY, &target.record().key, self.now() + LOOK)));
        }
        self.store().commit(batch).await?;
        self.wake();
        Ok(())
    }

    /// Does with a target's activity what can be done now; then brings the capacity into the bounds. The caller has the target's
    /// turn.
    pub(crate) async fn carry(&self, of: &Scalable) -> Result<(), StoreError> {
        let Some(scalables) = self.0.scalables.get() else { return Ok(()) };
        for _ in 0..STEPS {
            let Some(mut target) = self.held::<Target>(&target_key(of)).await? else { return Ok(()) };
            let now = self.now();
            let Some(mut activity) = self.pending(of, &target).await? else {
                // An activity that is gone is waited for no more.
                if target.value.pending.take().is_some() {
                    let _ = self.commit(&target, Batch::new(), now).await;
                }
                return Ok(());
            };
            let (next, mut why) = match scalables.capacity(of).await {
                Ok(capacity) => {
                    let next = activity.value.next(capacity, target.value.bounds, now);
                    let why = (next == Next::End(Status::Failed)).then(|| "The resource is being changed.".to_owned());
                    (next, why)
                }
                Err(ScalingError::Store(error)) => return Err(error),
                Err(error) => (Next::End(Status::Failed), Some(error.to_string())),
            };
            let end = match next {
                Next::Wait => None,
                Next::Set => match scalables.set(of, activity.value.goal.unwrap_or_default()).await {
                    Ok(()) => {
                        activity.value.set();
                        None
                    }
                    Err(ScalingError::Busy(_)) => None,
                    Err(ScalingError::Store(error)) => return Err(error),
                    Err(error) => {
                        why = Some(error.to_string());
                        Some(Status::Failed)
                    }
                },
                Next::End(status) => Some(status),
            };
            let mut batch = Batch::new();
            if let Some(status) = end {
                activity.value.end(status, why.as_deref(), now);
                target.value.pending = None;
                match &mut target.value.last {
                    Some(last) if status == Status::Successful && last.ended.is_none() => {
                        last.ended = activity.value.ended;
                    }
                    Some(last) if last.ended.is_none() => target.value.last = None,
                    _ => {}
                }
                // What failed is not tried again at once.
                if status != Status::Failed && status != Status::Unfulfilled {
                    batch = self.pull(of, &mut target, now).await?;
                }
            }
            batch.push(activity.replace(now));
            match self.commit(&target, batch, now).await {
                Ok(()) | Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
            if next == Next::Wait {
                self.follow(of);
                return Ok(());
            }
        }
        Ok(())
    }

    async fn pending(&self, of: &Scalable, target: &Held<Target>) -> Result<Option<Held<Activity>>, StoreError> {
        let Some(name) = &target.value.pending else { return Ok(None) };
        self.held(&Key::new(&of.account, &of.region, ACTIVITY, name)).await
    }

    /// What brings a capacity into its bounds, where no activity is on its way: that one does so at its end.
    pub(crate) async fn pull(&self, of: &Scalable, target: &mut Held<Target>, at: i64) -> Result<Batch, StoreError> {
        if target.value.pending.is_some() {
            return Ok(Batch::new());
        }
        let Some(scalables) = self.0.scalables.get() else { return Ok(Batch::new()) };
        let capacity = match scalables.capacity(of).await {
            Ok(capacity) => capacity,
            Err(ScalingError::Store(error)) => return Err(error),
            Err(_) => return Ok(Batch::new()),
        };
        let Some((goal, direction)) = pulled(capacity.desired, target.value.bounds) else { return Ok(Batch::new()) };
        let bound = if direction == Direction::Out { "minimum" } else { "maximum" };
        target.value.last = None;
        self.begin(of, target, &Activity::setting(of, goal, format!("{bound} capacity was set to {goal}"), at)).await
    }

    /// Goes on once the resource has settled. There is a timer as well: this is only sooner.
    fn follow(&self, of: &Scalable) {
        let Some(scalables) = self.0.scalables.get().cloned() else { return };
        let key = target_key(of);
        if !self.0.followed.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone()) {
            return;
        }
        let (autoscaling, of) = (self.clone(), of.clone());
        tokio::spawn(async move {
            scalables.settled(&of).await;
            autoscaling.0.followed.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            let _turn = autoscaling.turn(&of.resource).await;
            if let Err(error) = autoscaling.carry(&of).await {
                tracing::warn!(resource = of.resource, %error, "a scaling activity goes on later");
            }
        });
    }

    /// As [`AutoScaling::carry`], for a request that has done its part: what is left is done by the timer.
    pub(crate) async fn carry_soon(&self, of: &Scalable) {
        if let Err(error) = self.carry(of).await {
            let error = ApiError::from(error);
            tracing::warn!(resource = of.resource, error = error.message, "a scaling activity goes on later");
        }
    }
}
