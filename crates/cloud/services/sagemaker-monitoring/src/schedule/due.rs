//! What a schedule's timer does: it begins the execution that is due, and sets the timer of the next one in the same commit, so
//! that no window is analysed twice or left out.

use sagewright_cloud_core::records::{Batch, CommitError, Key, StoreError, Timer, Versioned, Write};
use sagewright_cloud_sagemaker_base::SageMaker;

use super::expression::Expression;
use super::{KIND, due_of, expression_of, set_due};
use crate::execution;
use crate::plan::{self, Plan};

/// Runs that were missed, while no process ran or because time was skipped, are made up for, but for those that are this many
/// milliseconds old.
const MISSED: i64 = 24 * 3_600_000;

/// Does what a timer stands for.
///
/// # Errors
/// The store failed.
pub(crate) async fn due(sm: &SageMaker, timer: Timer) -> Result<(), StoreError> {
    let text = |member: &str| timer.body[member].as_str().unwrap_or_default().to_owned();
    let key = Key::new(&text("account"), &text("region"), KIND.as_str(), &text("name"));
    let cancel = Write::CancelTimer { id: timer.id.clone(), due: timer.due };
    let scheduled = timer.scheduled();
    let found = sm.env().store.get(&key).await?.filter(|found| due_of(&found.record) == Some(scheduled));
    let mut begun = None;
    let batch = match found {
        Some(found) if found.record.status == "Pending" => settle(sm, found, scheduled, cancel),
        Some(found) if found.record.status == "Scheduled" => {
            let (batch, execution) = run(sm, found, scheduled, cancel).await?;
            begun = execution;
            batch
        }
        // It was stopped, changed or deleted meanwhile.
        _ => vec![cancel],
    };
    let outcome = sm.env().store.commit(batch).await;
    // A store may fail and have written all the same: the driver looks.
    if let Some(key) = begun.filter(|_| !matches!(outcome, Err(CommitError::Conflict(_)))) {
        execution::drive(sm, key);
    }
    sm.timer_done(outcome)
}

/// The run that is due now. Of those that were missed the oldest one that is made up for; `NOW` has but one.
fn due_run(expression: Option<Expression>, scheduled: i64, now: i64) -> i64 {
    let oldest = now - MISSED;
    if scheduled > oldest {
        return scheduled;
    }
    expression.and_then(|expression| expression.next(oldest)).unwrap_or(scheduled)
}

/// A schedule that is `Pending` is `Scheduled` now. Its first run is the first one since it was to be that: time may have been
/// skipped.
fn settle(sm: &SageMaker, mut found: Versioned, scheduled: i64, cancel: Write) -> Batch {
    let now = sm.now();
    let expression = expression_of(&found.record.body["MonitoringScheduleConfig"]).ok();
    // `NOW` runs now.
    let first = expression.map(|expression| expression.next(scheduled.max(now - MISSED)).unwrap_or(now));
    "Scheduled".clone_into(&mut found.record.status);
    let timer = set_due(&mut found.record, first).unwrap_or_default();
    let mut batch = vec![cancel];
    batch.extend(timer);
    batch.extend(sm.news(KIND, &found.record, "Scheduled"));
    batch.push(Write::Replace(found));
    batch
}

/// An execution begins, and the next run is set. Answers the execution that is to be driven.
async fn run(
    sm: &SageMaker,
    mut found: Versioned,
    scheduled: i64,
    cancel: Write,
) -> Result<(Batch, Option<Key>), StoreError> {
    let config = found.record.body["MonitoringScheduleConfig"].clone();
    let (expression, now) = (expression_of(&config).ok(), sm.now());
    let time = due_run(expression, scheduled, now);
    let plan = lasting(plan::of_schedule(sm, &found.record.key, &config).await)?;
    let execution = execution::begin(&found.record, time, now, plan);
    let timer = set_due(&mut found.record, expression.and_then(|expression| expression.next(time))).unwrap_or_default();
    let mut batch = vec![cancel, Write::Replace(found)];
    batch.extend(timer);
    // A clock that was set back comes to the same time again, whose run there was.
    if there(sm, &execution.key).await? {
        return Ok((batch, None));
    }
    let driven = (!execution::ended(&execution.status)).then(|| execution.key.clone());
    batch.extend(sm.news(execution::KIND, &execution, &execution.status));
    batch.push(Write::Insert(execution));
    Ok((batch, driven))
}

/// A job definition that is damaged fails the execution, and not the schedule: it may be created anew.
fn lasting(plan: Result<Result<Plan, String>, StoreError>) -> Result<Result<Plan, String>, StoreError> {
    match plan {
        Err(error) if error.is_lasting() => Ok(Err(format!("InternalServerError: {error}"))),
        other => other,
    }
}

async fn there(sm: &SageMaker, execution: &Key) -> Result<bool, StoreError> {
    match sm.env().store.record(execution).await {
        // Something is there.
        Err(error) if error.is_lasting() => Ok(true),
        found => found.map(|found| found.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    /// The runs that are made up for from one that was scheduled on.
    fn runs(text: &str, scheduled: i64, now: i64) -> Vec<i64> {
        let expression = Expression::read(Some(text)).unwrap();
        let (mut out, mut next) = (Vec::new(), Some(scheduled));
        while let Some(at) = next.filter(|at| *at <= now) {
            let run = due_run(Some(expression), at, now);
            out.push(run);
            next = expression.next(run);
        }
        out
    }

    #[test]
    fn runs_of_the_last_day_are_made_up_for() {
        let now = 1000 * HOUR + 5000;
        let hourly: Vec<i64> = (977..=1000).map(|hour| hour * HOUR).collect();
        assert_eq!(runs("cron(0 * ? * * *)", 900 * HOUR, now), hourly);
        assert_eq!(runs("cron(0 * ? * * *)", 977 * HOUR, now), hourly);
        assert_eq!(runs("cron(0 * ? * * *)", 998 * HOUR, now), [998 * HOUR, 999 * HOUR, 1000 * HOUR]);
        // The hour 984 is a midnight.
        assert_eq!(runs("cron(0 0 ? * * *)", 24 * HOUR, now), [984 * HOUR]);
        assert_eq!(runs("NOW", HOUR, now), [HOUR]);
    }
}
