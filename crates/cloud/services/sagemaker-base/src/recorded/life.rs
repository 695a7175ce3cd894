//! Statuses of recorded kinds: what starts, stops, and settles by itself.

use std::sync::Arc;
use std::time::Duration;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{CommitError, Key, Record, StoreError, Timer, Write};
use sagewright_cloud_core::timers::Timers;
use serde_json::{Value, json};

use super::{answer, describe, located, rows};
use crate::SageMaker;
use crate::kind::{Kind, Life};
use crate::state::DELETED;

/// How long a status lasts that leads to another one, in the embedded cloud's time.
const STEP: Duration = Duration::from_secs(1);

/// `Start…`
///
/// # Errors
/// There is no such resource, or it runs already.
pub async fn start(sm: &SageMaker, call: &Call, kind: Kind) -> Result<Value, ApiError> {
    turn(sm, call, kind, |life| life.started, "started").await
}

/// `Stop…`
///
/// # Errors
/// There is no such resource, or it does not run.
pub async fn stop(sm: &SageMaker, call: &Call, kind: Kind) -> Result<Value, ApiError> {
    turn(sm, call, kind, |life| life.stopped, "stopped").await
}

async fn turn(
    sm: &SageMaker,
    call: &Call,
    kind: Kind,
    to: fn(&Life) -> &'static str,
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
    Ok(answer(call, kind, describe::shown(kind, record)))
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

/// Whose timers move recorded resources on.
const OWNER: &str = "settle";

/// The timer of a record whose status leads to another one.
pub fn timer(kind: Kind, record: &Record, now: i64) -> Option<Write> {
    let life = kind.0.status.filter(|_| kind.recorded())?;
    life.settles.iter().find(|(from, _)| *from == record.status)?;
    let Key { account, region, name, .. } = &record.key;
    let due = now + i64::try_from(STEP.as_millis()).unwrap_or(0);
    let body = json!({"noun": kind.0.noun, "account": account, "region": region, "name": name});
    let id = format!("{OWNER}:{account}:{region}:{}:{name}", record.key.kind);
    Some(Write::SetTimer(Timer { id, due, body }))
}

/// Runs the timers of recorded resources.
#[must_use]
pub fn timers(sm: &SageMaker) -> Timers {
    let env = sm.env();
    let owner = sm.clone();
    Timers::new(Arc::clone(&env.store), env.sim.clone(), sm.waker().clone()).owner(
        OWNER,
        Arc::new(move |timer| {
            let sm = owner.clone();
            Box::pin(async move { settle(&sm, timer).await })
        }),
    )
}

/// Moves a resource on from a status that leads to another one.
async fn settle(sm: &SageMaker, timer: Timer) -> Result<(), StoreError> {
    let text = |member: &str| timer.body[member].as_str().unwrap_or_default().to_owned();
    let noun = text("noun");
    let cancel = Write::CancelTimer { id: timer.id.clone(), due: timer.due };
    let store = &sm.env().store;
    // Tags are written under the same lock, so that none is left behind for a later resource of the same name.
    let _guard = sm.exclusive().await;
    let kind = rows::recorded().map(Kind).find(|kind| kind.0.noun == noun);
    let Some((kind, life)) = kind.and_then(|kind| Some((kind, kind.0.status?))) else {
        return done(store.commit(vec![cancel]).await);
    };
    let key = Key::new(&text("account"), &text("region"), kind.as_str(), &text("name"));
    let found = store.get(&key).await?;
    // An update or a deletion may have come between.
    let next = found.and_then(|found| {
        let to = life.settles.iter().find(|(from, _)| *from == found.record.status)?.1;
        Some((found, to))
    });
    let Some((mut found, to)) = next else { return done(store.commit(vec![cancel]).await) };
    let mut batch = vec![cancel];
    if to.is_empty() {
        batch.extend(sm.news(kind, &found.record, DELETED));
        batch.push(Write::Delete { key, version: Some(found.version) });
    } else {
        to.clone_into(&mut found.record.status);
        batch.extend(sm.news(kind, &found.record, to));
        batch.push(Write::Replace(found));
    }
    match store.commit(batch).await {
        Ok(()) => sm.committed(None),
        // Looked at again at once: the timer is still due.
        Err(CommitError::Conflict(_)) => sm.waker().wake(),
        Err(CommitError::Store(error)) => return Err(error),
    }
    Ok(())
}

fn done(outcome: Result<(), CommitError>) -> Result<(), StoreError> {
    match outcome {
        Err(CommitError::Store(error)) => Err(error),
        _ => Ok(()),
    }
}
