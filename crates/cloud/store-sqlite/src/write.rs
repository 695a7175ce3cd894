//! Commits: batches that wait at the same time go into one transaction.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rusqlite::{Connection, params};
use sagewright_cloud_core::records::{Batch, Change, CommitError, Fault, Key, Record, StoreError, Versioned, Write};
use tokio::sync::oneshot;

use crate::{Inner, db, lock, read};

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

/// What a batch did.
#[derive(Default)]
struct Done {
    /// Records by key, `None` for those that are gone.
    records: Vec<(Key, Option<Versioned>)>,
    told: Vec<Change>,
}

pub async fn commit(inner: &Arc<Inner>, batch: Batch) -> Result<(), CommitError> {
    let (done, outcome) = oneshot::channel();
    lock(&inner.waiting).push_back(Job { batch, done });
    if inner.slow.load(Ordering::Relaxed) {
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
        let Some(mut writer) = try_lock(inner) else { break };
        let finished = write(inner, &mut writer, false);
        drop(writer);
        if !finished {
            on_a_thread(inner);
            break;
        }
    }
    outcome.await.unwrap_or(Err(CommitError::Store(StoreError::Closed)))
}

/// Commits what waits on a thread for blocking work.
fn on_a_thread(inner: &Arc<Inner>) {
    let inner = Arc::clone(inner);
    tokio::task::spawn_blocking(move || {
        while !lock(&inner.waiting).is_empty() {
            // Whoever has the writer looks once more after letting go of it.
            let Some(mut writer) = try_lock(&inner) else { break };
            write(&inner, &mut writer, true);
        }
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
            let Some(mut writer) = try_lock(self) else { break };
            write(self, &mut writer, true);
        }
        out
    }
}

/// Commits what waits. `false`: another process holds the database and `patient` was not asked for, or more than
/// [`TOGETHER`] batches wait; all that was not done waits still.
fn write(inner: &Inner, writer: &mut Connection, patient: bool) -> bool {
    let _ = writer.busy_timeout(if patient { PATIENCE } else { Duration::ZERO });
    let (mut jobs, more) = {
        let mut waiting = lock(&inner.waiting);
        let count = waiting.len().min(TOGETHER);
        (waiting.drain(..count).collect::<Vec<_>>(), !waiting.is_empty())
    };
    match transaction(writer, &jobs) {
        Ok(outcomes) => {
            let mut all = Done::default();
            let mut answers = Vec::with_capacity(outcomes.len());
            for outcome in outcomes {
                answers.push(outcome.map(|done| {
                    all.records.extend(done.records);
                    all.told.extend(done.told);
                }));
            }
            inner.kept.committed(all.records);
            for change in all.told {
                // Nobody has to watch.
                let _ = inner.changes.send(change);
            }
            for (job, answer) in jobs.drain(..).zip(answers) {
                // The caller may have been cancelled; the commit stands.
                let _ = job.done.send(answer);
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

/// All jobs in one transaction, each whole or not at all.
fn transaction(writer: &mut Connection, jobs: &[Job]) -> Result<Vec<Result<Done, CommitError>>, StoreError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = writer.transaction().map_err(db("written"))?;
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        let savepoint = tx.savepoint().map_err(db("written"))?;
        match apply(&savepoint, &job.batch) {
            Ok(done) => {
                savepoint.commit().map_err(db("written"))?;
                outcomes.push(Ok(done));
            }
            Err(CommitError::Store(error)) => return Err(error),
            // Dropped, the savepoint takes back what the batch did.
            Err(conflict) => outcomes.push(Err(conflict)),
        }
    }
    tx.commit().map_err(db("written"))?;
    Ok(outcomes)
}

fn apply(connection: &Connection, batch: &Batch) -> Result<Done, CommitError> {
    let mut done = Done::default();
    for write in batch {
        one(connection, write, &mut done)?;
    }
    Ok(done)
}

/// The first version of a record. One that is made anew under the same key does not repeat the versions of the one before.
fn first(record: &Record) -> i64 {
    record.created.saturating_mul(1 << 20)
}

fn one(connection: &Connection, write: &Write, done: &mut Done) -> Result<(), CommitError> {
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
            done.records.push((key.clone(), Some(Versioned { record: record.clone(), version: first(record) })));
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
            done.records.push((key.clone(), Some(Versioned { record: record.clone(), version: version + 1 })));
        }
        Write::Delete { key, version } => {
            let Some((arn, found)) = read::identity(connection, key)? else {
                return Err(CommitError::Conflict(key.clone()));
            };
            if version.is_some_and(|version| version != found) {
                return Err(CommitError::Conflict(key.clone()));
            }
            run("DELETE FROM tag WHERE arn = ?", params![arn])?;
            run(
                "DELETE FROM record WHERE account = ? AND region = ? AND kind = ? AND name = ?",
                params![key.account, key.region, key.kind, key.name],
            )?;
            done.records.push((key.clone(), None));
        }
        Write::PutTags { arn, tags } => {
            for (key, value) in tags {
                run("INSERT OR REPLACE INTO tag VALUES (?,?,?)", params![arn, key, value])?;
            }
        }
        Write::DeleteTags { arn, keys } => {
            for key in keys {
                run("DELETE FROM tag WHERE arn = ? AND key = ?", params![arn, key])?;
            }
        }
        Write::Emit(event) => {
            run(
                "INSERT INTO event (account, region, kind, at, body) VALUES (?,?,?,?,?)",
                params![event.account, event.region, event.kind, event.at, event.body.to_string()],
            )?;
        }
        Write::Tell(change) => done.told.push(change.clone()),
        Write::SetTimer(timer) => {
            run("INSERT OR REPLACE INTO timer VALUES (?,?,?)", params![timer.id, timer.due, timer.body.to_string()])?;
        }
        Write::CancelTimer { id, due } => {
            run("DELETE FROM timer WHERE id = ? AND due = ?", params![id, due])?;
        }
    }
    Ok(())
}
