//! What a schedule's timer does: it begins the execution that is due, and sets the timer of the next one in the same commit, so
//! that no window is analysed twice or left out.

use sagewright_cloud_core::records::{Batch, CommitError, Key, Record, StoreError, Timer, Versioned, Write};
use sagewright_cloud_sagemaker_base::SageMaker;

use super::{KIND, due_of, expression_of, set_due};
use crate::execution;
use crate::plan;

/// Runs that were missed while no process ran are made up for, but for older ones than this many milliseconds.
const MISSED: i64 = 24 * 3_600_000;

/// Does what a timer stands for.
///
/// # Errors
/// The store failed.
pub(crate) async fn due(sm: &SageMaker, timer: Timer) -> Result<(), StoreError> {
    let text = |member: &str| timer.body[member].as_str().unwrap_or_default().to_owned();
    let key = Key::new(&text("account"), &text("region"), KIND.as_str(), &text("name"));
    let cancel = Write::CancelTimer { id: timer.id.clone(), due: timer.due };
    let found = sm.env().store.get(&key).await?.filter(|found| due_of(&found.record) == Some(timer.due));
    let mut begun = None;
    let batch = match found {
        Some(found) if found.record.status == "Pending" => settle(sm, found, cancel),
        Some(found) if found.record.status == "Scheduled" => {
            let config = found.record.body["MonitoringScheduleConfig"].clone();
            let plan = plan::of_schedule(sm, &key, &config).await?;
            let execution = execution::begin(&found.record, timer.due, sm.now(), plan);
            if !execution::ended(&execution.status) {
                begun = Some(execution.key.clone());
            }
            run(sm, found, execution, cancel)
        }
        // It was stopped, changed or deleted meanwhile.
        _ => vec![cancel],
    };
    let timed = batch.iter().any(|write| matches!(write, Write::SetTimer(_)));
    match sm.env().store.commit(batch).await {
        Ok(()) => {
            sm.committed(timed);
            if let Some(key) = begun {
                execution::drive(sm, key);
            }
            Ok(())
        }
        // Looked at again at once: the timer is still due.
        Err(CommitError::Conflict(_)) => {
            sm.waker().wake();
            Ok(())
        }
        Err(CommitError::Store(error)) => Err(error),
    }
}

/// When a schedule runs next after a time; `NOW` runs then.
fn first(record: &Record, now: i64) -> Option<i64> {
    let expression = expression_of(&record.body["MonitoringScheduleConfig"]).ok()?;
    expression.next(now).or(Some(now))
}

/// A schedule that is `Pending` is `Scheduled` now.
fn settle(sm: &SageMaker, mut found: Versioned, cancel: Write) -> Batch {
    let next = first(&found.record, sm.now());
    "Scheduled".clone_into(&mut found.record.status);
    let timer = set_due(&mut found.record, next).unwrap_or_default();
    let mut batch = vec![cancel];
    batch.extend(timer);
    batch.extend(sm.news(KIND, &found.record, "Scheduled"));
    batch.push(Write::Replace(found));
    batch
}

/// An execution begins, and the next run is set.
fn run(sm: &SageMaker, mut found: Versioned, execution: Record, cancel: Write) -> Batch {
    let expression = expression_of(&found.record.body["MonitoringScheduleConfig"]).ok();
    let after = due_of(&found.record).unwrap_or_default().max(sm.now() - MISSED);
    let timer =
        set_due(&mut found.record, expression.and_then(|expression| expression.next(after))).unwrap_or_default();
    let mut batch = vec![cancel, Write::Replace(found)];
    batch.extend(sm.news(execution::KIND, &execution, &execution.status));
    batch.push(Write::Insert(execution));
    batch.extend(timer);
    batch
}
