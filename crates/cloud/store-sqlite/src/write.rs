//! Commits: batches that wait at the same time go into one transaction.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::Duration;

use rusqlite::Connection;
use sagewright_cloud_core::records::{Batch, Change, CommitError, Fault, Record, StoreError, Versioned, Write};
use tokio::sync::oneshot;

use crate::kept::Changes;
use crate::statement::{Statement, run};
use crate::writer::Writer;
use crate::{Inner, checkpoint, lock, read};

/// Batches of one transaction, at most: what the thread that finds the writer free does for others.
pub const TOGETHER: usize = 64;

/// How often a request looks whether others wait, before a thread for blocking work goes on for it.
const ROUNDS: u32 = 4;

/// How long a transaction stays open when nobody has to see what it did.
const PAUSE: Duration = Duration::from_millis(50);

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
        let Some(mut writer) = try_lock(inner) else { break };
        let finished = write(inner, &mut writer, false);
        drop(writer);
        if !finished {
            on_a_thread(inner);
            break;
        }
    }
    settle_later(inner);
    checkpoint::run_if_due(inner);
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
        settle_later(&inner);
        checkpoint::run_if_due(&inner);
    });
}

/// Has a thread for blocking work end the open transaction after a while.
fn settle_later(inner: &Arc<Inner>) {
    if !inner.is_unsettled() || inner.settling.swap(true, Ordering::AcqRel) {
        return;
    }
    let later = Later(Arc::downgrade(inner));
    tokio::task::spawn_blocking(move || {
        std::thread::sleep(PAUSE);
        drop(later);
    });
}

/// Ends the open transaction when it is dropped: also where the runtime ends before its time has come.
struct Later(Weak<Inner>);

impl Drop for Later {
    fn drop(&mut self) {
        // Where the store is gone, it has done so itself.
        let Some(inner) = self.0.upgrade() else { return };
        inner.settling.store(false, Ordering::Release);
        if let Err(error) = inner.settle() {
            tracing::warn!(%error, "the last commits are in the redo log only; the next commit tries again");
        }
    }
}

pub fn try_lock(inner: &Inner) -> Option<MutexGuard<'_, Writer>> {
    match inner.writer.try_lock() {
        Ok(writer) => Some(writer),
        Err(TryLockError::Poisoned(poisoned)) => Some(PoisonError::into_inner(poisoned)),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl Inner {
    /// Uses the writer, and commits the batches that came meanwhile: they rely on whoever holds the writer.
    pub fn with_writer<T>(&self, work: impl FnOnce(&mut Writer) -> T) -> T {
        let out = {
            let mut writer = lock(&self.writer);
            writer.wait(true);
            work(&mut writer)
        };
        while !lock(&self.waiting).is_empty() {
            let Some(mut writer) = try_lock(self) else { break };
            write(self, &mut writer, true);
            // Nobody else comes later to do it.
            let _ = writer.settle();
        }
        out
    }

    /// Uses the connection of the writer for something else than batches, while no transaction is open.
    pub fn alone<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with_writer(|writer| {
            writer.settle()?;
            work(writer.connection())
        })
    }

    /// Has every connection see what was committed.
    pub fn settle(&self) -> Result<(), StoreError> {
        if self.is_unsettled() { self.with_writer(Writer::settle) } else { Ok(()) }
    }

    pub fn is_unsettled(&self) -> bool {
        self.unsettled.load(Ordering::Acquire)
    }
}

/// Commits what waits. `false`: another process holds the database and `patient` was not asked for, or more than
/// [`TOGETHER`] batches wait; all that was not done waits still.
fn write(inner: &Inner, writer: &mut Writer, patient: bool) -> bool {
    writer.wait(patient);
    let (mut jobs, more) = {
        let mut waiting = lock(&inner.waiting);
        let count = waiting.len().min(TOGETHER);
        (waiting.drain(..count).collect::<Vec<_>>(), !waiting.is_empty())
    };
    match writer.commit(jobs.iter().map(|job| &job.batch)) {
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

/// The ARNs whose tags a batch changed, or why it was not done.
pub type Outcome = Result<Vec<String>, CommitError>;

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

/// Whether a batch may turn out to conflict when some of it was done already.
pub fn conflicts_late(batch: &Batch) -> bool {
    let can_conflict = |write: &Write| matches!(write, Write::Insert(_) | Write::Replace(_) | Write::Delete { .. });
    batch.iter().filter(|write| !matches!(write, Write::Tell(_))).skip(1).any(can_conflict)
}

/// JSON text. What formats values for people is slower.
fn text(body: &serde_json::Value) -> String {
    serde_json::to_string(body).unwrap_or_else(|_| body.to_string())
}

/// Does the writes of a batch, and appends their statements to `log`.
pub fn apply(connection: &Connection, batch: &Batch, log: &mut Vec<u8>) -> Outcome {
    let mut arns = Vec::new();
    for write in batch {
        one(connection, write, log, &mut arns)?;
    }
    Ok(arns)
}

fn one(connection: &Connection, write: &Write, log: &mut Vec<u8>, arns: &mut Vec<String>) -> Result<(), CommitError> {
    let mut run = |statement, values: &[_]| run(connection, log, statement, values);
    match write {
        Write::Insert(record) => {
            let (key, body) = (&record.key, text(&record.body));
            let added = run(
                Statement::Insert,
                &[
                    (&key.account).into(),
                    (&key.region).into(),
                    (&key.kind).into(),
                    (&key.name).into(),
                    (&record.arn).into(),
                    (&record.status).into(),
                    record.created.into(),
                    record.modified.into(),
                    (&body).into(),
                    first(record).into(),
                ],
            )?;
            if added == 0 {
                return Err(CommitError::Conflict(key.clone()));
            }
        }
        Write::Replace(Versioned { record, version }) => {
            let (key, body) = (&record.key, text(&record.body));
            let changed = run(
                Statement::Replace,
                &[
                    (&record.status).into(),
                    record.modified.into(),
                    (&body).into(),
                    (&key.account).into(),
                    (&key.region).into(),
                    (&key.kind).into(),
                    (&key.name).into(),
                    (*version).into(),
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
                run(Statement::DeleteTags, &[(&arn).into()])?;
            }
            let values = [(&key.account).into(), (&key.region).into(), (&key.kind).into(), (&key.name).into()];
            run(Statement::Delete, &values)?;
            arns.push(arn);
        }
        Write::PutTags { arn, tags } => {
            for (key, value) in tags {
                run(Statement::PutTag, &[arn.into(), key.into(), value.into()])?;
            }
            arns.push(arn.clone());
        }
        Write::DeleteTags { arn, keys } => {
            for key in keys {
                run(Statement::DeleteTag, &[arn.into(), key.into()])?;
            }
            arns.push(arn.clone());
        }
        Write::Emit(event) => {
            let (account, region, kind) = (&event.account, &event.region, &event.kind);
            let body = text(&event.body);
            run(Statement::Emit, &[account.into(), region.into(), kind.into(), event.at.into(), (&body).into()])?;
        }
        // Once it is committed.
        Write::Tell(_) => {}
        Write::SetTimer(timer) => {
            let body = text(&timer.body);
            run(Statement::SetTimer, &[(&timer.id).into(), timer.due.into(), (&body).into()])?;
        }
        Write::MoveTimer { from, to } => {
            if run(Statement::CancelTimer, &[(&to.id).into(), (*from).into()])? > 0 {
                return one(connection, &Write::SetTimer(to.clone()), log, arns);
            }
        }
        Write::CancelTimer { id, due } => {
            run(Statement::CancelTimer, &[id.into(), (*due).into()])?;
        }
    }
    Ok(())
}
