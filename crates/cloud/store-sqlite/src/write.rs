//! Commits: batches that wait at the same time go into one transaction.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rusqlite::{Connection, params};
use sagewright_cloud_core::records::{Batch, Change, CommitError, Fault, Record, StoreError, Versioned, Write};
use tokio::sync::oneshot;

use crate::kept::Changes;
use crate::{Inner, checkpoint, db, lock, read};

/// Batches of one transaction, at most: what the thread that finds the writer free does for others.
pub const TOGETHER: usize = 64;

/// How often a request looks whether others wait, before a thread for blocking work goes on for it.
const ROUNDS: u32 = 4;

/// How long a thread for blocking work waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// A batch that waits for its commit.
pub struct Job {
    batch: Batch,
    done: oneshot::Sender<Result<(), CommitError>>,
}

pub async fn commit(inner: &Arc<Inner>, batch: Batch) -> Result<(), CommitError> {
    let (done, outcome) = oneshot::channel();
    lock(&inner.waiting).push_back(Job { batch, done });
    if inner.slow.load(Ordering::Relaxed) || inner.checkpoints.running() {
        on_a_thread(inner);
        return outcome.await.unwrap_or(Err(CommitError::Store(StoreError::Closed)));
    }
    // Whoever holds the writer looks at those who wait once more after letting go of it.
    for round in 0.. {
        if lock(&inner.waiting).is_empty() {
            break;
        }
        if round == ROUNDS {
            on_a_thread(inner);
            break;
        }
        let Some(writer) = try_lock(inner) else { break };
        let finished = write(inner, &writer, false);
        drop(writer);
        if !finished {
            on_a_thread(inner);
            break;
        }
    }
    checkpoint::run_if_due(inner);
    outcome.await.unwrap_or(Err(CommitError::Store(StoreError::Closed)))
}

/// Commits what waits on a thread for blocking work.
fn on_a_thread(inner: &Arc<Inner>) {
    let inner = Arc::clone(inner);
    tokio::task::spawn_blocking(move || {
        while !lock(&inner.waiting).is_empty() {
            // Whoever has the writer looks once more after letting go of it.
            let Some(writer) = try_lock(&inner) else { break };
            write(&inner, &writer, true);
        }
        checkpoint::run_if_due(&inner);
    });
}

fn try_lock(inner: &Inner) -> Option<MutexGuard<'_, Connection>> {
    match inner.writer.try_lock() {
        Ok(writer) => Some(writer),
        Err(TryLockError::Poisoned(poisoned)) => Some(PoisonError::into_inner(poisoned)),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl Inner {
    /// Uses the writer for something else than waiting batches, and commits those that came meanwhile: they rely on
    /// whoever holds the writer.
    pub fn alone<T>(&self, work: impl FnOnce(&Connection) -> T) -> T {
        let out = {
            let writer = lock(&self.writer);
            let _ = writer.busy_timeout(PATIENCE);
            work(&writer)
        };
        while !lock(&self.waiting).is_empty() {
            let Some(writer) = try_lock(self) else { break };
            write(self, &writer, true);
        }
        out
    }
}

/// Commits what waits. `false`: another process holds the database and `patient` was not asked for, or more than
/// [`TOGETHER`] batches wait; all that was not done waits still.
fn write(inner: &Inner, writer: &Connection, patient: bool) -> bool {
    let _ = writer.busy_timeout(if patient { PATIENCE } else { Duration::ZERO });
    let (mut jobs, more) = {
        let mut waiting = lock(&inner.waiting);
        let count = waiting.len().min(TOGETHER);
        (waiting.drain(..count).collect::<Vec<_>>(), !waiting.is_empty())
    };
    match transaction(writer, &jobs) {
        Ok(outcomes) => {
            let (mut changes, mut news) = (Changes::default(), Vec::new());
            let mut answers = Vec::with_capacity(outcomes.len());
            for (Job { batch, done }, outcome) in jobs.drain(..).zip(outcomes) {
                answers.push((done, outcome.map(|arns| note(batch, arns, &mut changes, &mut news))));
            }
            inner.kept.committed(changes);
            for change in news {
                // Nobody has to watch.
                let _ = inner.changes.send(change);
            }
            for (done, answer) in answers {
                // The caller may have been cancelled; the commit stands.
                let _ = done.send(answer);
            }
            !more || patient
        }
        Err(StoreError::Database { fault: Fault::Busy, .. }) if !patient => {
            let mut waiting = lock(&inner.waiting);
            for job in jobs.drain(..).rev() {
                waiting.push_front(job);
            }
            false
        }
        Err(error) => {
            let text = error.to_string();
            for job in jobs.drain(..) {
                let _ = job.done.send(Err(CommitError::Store(StoreError::Refused(text.clone()))));
            }
            true
        }
    }
}

/// Statements that are short, and run so often that they are parsed once.
fn run(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map(drop).map_err(db("written"))
}

/// A transaction; what was not committed is taken back when it is dropped.
struct Transaction<'c>(&'c Connection);

impl<'c> Transaction<'c> {
    fn begin(connection: &'c Connection) -> Result<Self, StoreError> {
        run(connection, "BEGIN IMMEDIATE").map(|()| Self(connection))
    }

    fn commit(self) -> Result<(), StoreError> {
        run(self.0, "COMMIT")
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

/// The ARNs whose tags a batch changed, or why it was not done.
type Outcome = Result<Vec<String>, CommitError>;

/// All jobs in one transaction, each whole or not at all.
fn transaction(writer: &Connection, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError> {
    let transaction = match jobs {
        [] => return Ok(Vec::new()),
        _ => Transaction::begin(writer)?,
    };
    // One that is alone is taken back with its transaction.
    if let [job] = jobs {
        return match apply(writer, &job.batch) {
            Ok(arns) => transaction.commit().map(|()| vec![Ok(arns)]),
            Err(CommitError::Store(error)) => Err(error),
            Err(conflict) => Ok(vec![Err(conflict)]),
        };
    }
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        run(writer, "SAVEPOINT batch")?;
        let outcome = match apply(writer, &job.batch) {
            Err(CommitError::Store(error)) => return Err(error),
            Err(conflict) => {
                run(writer, "ROLLBACK TO batch")?;
                Err(conflict)
            }
            done => done,
        };
        run(writer, "RELEASE batch")?;
        outcomes.push(outcome);
    }
    transaction.commit()?;
    Ok(outcomes)
}

/// Does the writes of a batch.
fn apply(connection: &Connection, batch: &Batch) -> Outcome {
    let mut arns = Vec::new();
    for write in batch {
        one(connection, write, &mut arns)?;
    }
    Ok(arns)
}

/// What a batch that was committed changed, and what it tells.
fn note(batch: Batch, arns: Vec<String>, changes: &mut Changes, news: &mut Vec<Change>) {
    changes.tags.extend(arns);
    changes.records.extend(batch.into_iter().filter_map(|write| match write {
        Write::Insert(record) => {
            let version = first(&record);
            Some((record.key.clone(), Some(Versioned { record, version })))
        }
        Write::Replace(Versioned { record, version }) => {
            Some((record.key.clone(), Some(Versioned { record, version: version + 1 })))
        }
        Write::Delete { key, .. } => Some((key, None)),
        Write::Tell(change) => {
            news.push(change);
            None
        }
        _ => None,
    }));
}

/// The first version of a record. One that is made anew under the same key does not repeat the versions of the one before
/// it, unless that was created to the millisecond 34 years earlier.
fn first(record: &Record) -> i64 {
    const TURN: i64 = (1 << 40) - 1;
    (record.created & TURN) << 20
}

fn one(connection: &Connection, write: &Write, arns: &mut Vec<String>) -> Result<(), CommitError> {
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql).and_then(|mut s| s.execute(values)).map_err(db("written"))
    };
    match write {
        Write::Insert(record) => {
            let key = &record.key;
            let added = run(
                "INSERT OR IGNORE INTO record VALUES (?,?,?,?,?,?,?,?,?,?)",
                params![
                    key.account,
                    key.region,
                    key.kind,
                    key.name,
                    record.arn,
                    record.status,
                    record.created,
                    record.modified,
                    record.body.to_string(),
                    first(record)
                ],
            )?;
            if added == 0 {
                return Err(CommitError::Conflict(key.clone()));
            }
        }
        Write::Replace(Versioned { record, version }) => {
            let key = &record.key;
            let changed = run(
                "UPDATE record SET status = ?, modified = ?, body = ?, version = version + 1 \
                 WHERE account = ? AND region = ? AND kind = ? AND name = ? AND version = ?",
                params![
                    record.status,
                    record.modified,
                    record.body.to_string(),
                    key.account,
                    key.region,
                    key.kind,
                    key.name,
                    version
                ],
            )?;
            if changed == 0 {
                return Err(CommitError::Conflict(key.clone()));
            }
        }
        Write::Delete { key, version } => {
            let Some((arn, found)) = read::identity(connection, key)? else {
                return Err(CommitError::Conflict(key.clone()));
            };
            if version.is_some_and(|version| version != found) {
                return Err(CommitError::Conflict(key.clone()));
            }
            // What is of no account, as an access key, bears the ARN of what it belongs to, and has no tags of its own.
            if !key.account.is_empty() {
                run("DELETE FROM tag WHERE arn = ?", params![arn])?;
            }
            run(
                "DELETE FROM record WHERE account = ? AND region = ? AND kind = ? AND name = ?",
                params![key.account, key.region, key.kind, key.name],
            )?;
            arns.push(arn);
        }
        Write::PutTags { arn, tags } => {
            for (key, value) in tags {
                run("INSERT OR REPLACE INTO tag VALUES (?,?,?)", params![arn, key, value])?;
            }
            arns.push(arn.clone());
        }
        Write::DeleteTags { arn, keys } => {
            for key in keys {
                run("DELETE FROM tag WHERE arn = ? AND key = ?", params![arn, key])?;
            }
            arns.push(arn.clone());
        }
        Write::Emit(event) => {
            run(
                "INSERT INTO event (account, region, kind, at, body) VALUES (?,?,?,?,?)",
                params![event.account, event.region, event.kind, event.at, event.body.to_string()],
            )?;
        }
        // Once it is committed.
        Write::Tell(_) => {}
        Write::SetTimer(timer) => {
            run("INSERT OR REPLACE INTO timer VALUES (?,?,?)", params![timer.id, timer.due, timer.body.to_string()])?;
        }
        Write::CancelTimer { id, due } => {
            run("DELETE FROM timer WHERE id = ? AND due = ?", params![id, due])?;
        }
    }
    Ok(())
}
