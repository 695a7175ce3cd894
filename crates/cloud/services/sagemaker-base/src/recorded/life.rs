//! Statuses of recorded kinds: what starts, stops, and settles by itself.

use std::time::Duration;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::store::{Key, Record};
use serde_json::Value;

use super::{answer, describe, located, rows};
use crate::SageMaker;
use crate::kind::{Kind, Life};
use crate::state::ResumeError;

/// How long a status lasts that leads to another one, in the embedded cloud's time.
const STEP: Duration = Duration::from_secs(1);

/// `Start…`
///
/// # Errors
/// There is no such resource, or it runs already.
pub async fn start(sm: &SageMaker, call: &Call, kind: Kind) -> Result<Value, ApiError> {
    turn(sm, call, kind, |life| life.started, |life| life.created, "started").await
}

/// `Stop…`
///
/// # Errors
/// There is no such resource, or it does not run.
pub async fn stop(sm: &SageMaker, call: &Call, kind: Kind) -> Result<Value, ApiError> {
    turn(sm, call, kind, |life| life.stopped, |life| life.started, "stopped").await
}

async fn turn(
    sm: &SageMaker,
    call: &Call,
    kind: Kind,
    to: fn(&Life) -> &'static str,
    _from: fn(&Life) -> &'static str,
    verb: &str,
) -> Result<Value, ApiError> {
    let (key, arn) = located(sm, call, kind).await?;
    let now = call.now.as_millisecond();
    let changed = sm
        .change(kind, &key, |record| {
            takes(kind, record, |_| &[], verb)?;
            let Some(life) = kind.0.status else { return Ok(record.clone()) };
            let target = to(life);
            if settled(life, target) == settled(life, &record.status) {
                return Err(refused(kind, record, verb));
            }
            record.modified = now;
            target.clone_into(&mut record.status);
            Ok(record.clone())
        })
        .await?;
    let record = changed.ok_or_else(|| kind.missing(&arn))?;
    settle(sm, kind, &key);
    Ok(answer(call, kind, &describe::shown(kind, record)))
}

/// Where a status leads in the end.
fn settled<'a>(life: &'a Life, status: &'a str) -> &'a str {
    let mut at = status;
    // A table without a cycle ends within its length.
    for _ in life.settles {
        match life.settles.iter().find(|(from, _)| *from == at) {
            Some((_, to)) => at = to,
            None => break,
        }
    }
    at
}

/// Whether a resource's status takes a change: it is settled, and among those that the row names.
pub(super) fn takes(
    kind: Kind,
    record: &Record,
    allowed: fn(&Life) -> &'static [&'static str],
    verb: &str,
) -> Result<(), ApiError> {
    let Some(life) = kind.0.status else { return Ok(()) };
    let moves = life.settles.iter().any(|(from, _)| *from == record.status);
    let allowed = allowed(life);
    if moves || (!allowed.is_empty() && !allowed.contains(&&*record.status)) {
        return Err(refused(kind, record, verb));
    }
    Ok(())
}

fn refused(kind: Kind, record: &Record, verb: &str) -> ApiError {
    let declared = sagewright_model::service("sagemaker")
        .and_then(|s| s.operation(&format!("Delete{}", kind.0.noun)))
        .is_some_and(|o| o.errors.iter().any(|e| e.shape.as_ref() == "ResourceInUse"));
    let text = format!("{} {} cannot be {verb} in status {}.", kind.0.noun, record.arn, record.status);
    if declared { ApiError::in_use(text) } else { ApiError::validation(text) }
}

/// Moves a resource on from a status that leads to another one.
pub(super) fn settle(sm: &SageMaker, kind: Kind, key: &Key) {
    let Some(life) = kind.0.status.filter(|life| !life.settles.is_empty()) else { return };
    let (sm, key) = (sm.clone(), key.clone());
    tokio::spawn(async move {
        loop {
            let Ok(Some(record)) = sm.env().store.record(&key).await else { return };
            let Some((from, to)) = life.settles.iter().find(|(from, _)| *from == record.status) else { return };
            sm.env().clock.sleep(STEP).await;
            let done = if to.is_empty() {
                let gone = sm.remove(kind, &key, &record.arn).await;
                sm.emit(kind, &record.arn, "Deleted");
                gone
            } else {
                sm.change(kind, &key, |record| {
                    if record.status == *from {
                        (*to).clone_into(&mut record.status);
                    }
                    Ok(())
                })
                .await
                .map(|_| ())
            };
            if let Err(error) = done {
                tracing::error!(arn = record.arn, error = error.message, "a status could not be recorded");
            }
        }
    });
}

/// Takes up what was on its way when the last process ended.
///
/// # Errors
/// The state could not be read.
pub async fn resume(sm: &SageMaker) -> Result<(), ResumeError> {
    for kind in rows::RECORDED.iter().map(Kind) {
        for (from, _) in kind.0.status.map_or(&[][..], |life| life.settles) {
            for record in sm.env().store.with_status(kind.as_str(), from).await? {
                settle(sm, kind, &record.key);
            }
        }
    }
    Ok(())
}
