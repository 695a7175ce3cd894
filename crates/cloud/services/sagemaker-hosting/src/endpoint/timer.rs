//! The timer of an endpoint's deployment, due when its state wants to be told that time has passed.

use std::sync::Arc;

use serde_json::json;

use super::KIND;
use super::machine::Endpoints;
use super::step::Event;
use sagewright_cloud_core::alarms::AlarmState;
use sagewright_cloud_core::records::{CommitError, Key, StoreError, Timer, Write};
use sagewright_cloud_core::timers::{Due, Timers};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::machine::{state, tell};

const OWNER: &str = "endpoint";

/// Sets the timer of an endpoint's state. Each epoch has one of its own: whoever cancels one that has run cancels no later one that
/// is due at the same time.
pub(super) fn set(key: &Key, epoch: u64, due: i64) -> Write {
    let Key { account, region, name, .. } = key;
    let body = json!({ "account": account, "region": region, "name": name });
    Write::SetTimer(Timer { id: format!("{OWNER}:{account}:{region}:{name}:{epoch}"), due, body })
}

/// Adds the timers of endpoints.
#[must_use]
pub fn timers(sm: &SageMaker, timers: Timers) -> Timers {
    let owner = sm.clone();
    let due: Due = Arc::new(move |timer| {
        let sm = owner.clone();
        Box::pin(async move { tick(&sm, timer).await })
    });
    timers.owner(OWNER, due)
}

/// Tells an endpoint that its time has come, and which of the alarms that it watches go off then. Alarms whose own timers were due
/// before have been evaluated, however far the clock was moved. The state that follows sets the timer anew where it wants to
/// be told again.
async fn tick(sm: &SageMaker, timer: Timer) -> Result<(), StoreError> {
    let text = |member: &str| timer.body[member].as_str().unwrap_or_default().to_owned();
    let key = Key::new(&text("account"), &text("region"), KIND.as_str(), &text("name"));
    let tripped = match sm.env().store.record(&key).await? {
        Some(record) => tripped(sm, &key, state::<Endpoints>(&record).watched()).await?,
        None => Vec::new(),
    };
    match tell(&Endpoints(sm.clone()), &key, &Event::Ticked { at: timer.scheduled(), tripped }).await {
        Err(error) if !error.lasting => return Err(StoreError::Refused(error.message)),
        // To try it again would change nothing.
        Err(error) => tracing::error!(endpoint = key.name, error = error.message, "a deployment cannot go on"),
        Ok(_) => {}
    }
    match sm.env().store.commit(vec![Write::CancelTimer { id: timer.id, due: timer.due }]).await {
        Err(CommitError::Store(error)) => Err(error),
        _ => Ok(()),
    }
}

/// Which of these alarms go off. One that is gone does not.
async fn tripped(sm: &SageMaker, key: &Key, names: &[String]) -> Result<Vec<String>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let states = sm.execution().alarms.states(&key.account, &key.region, names).await?;
    let tripped = names.iter().zip(states).filter(|(_, state)| *state == Some(AlarmState::Alarm));
    Ok(tripped.map(|(name, _)| name.clone()).collect())
}
