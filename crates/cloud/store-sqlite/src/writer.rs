//! The one connection that writes, and its transaction, which stays open for a moment where there is a redo log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use sagewright_cloud_core::records::{Batch, CommitError, Fault, StoreError};

use crate::db;
use crate::redo::RedoLog;
use crate::{statement, write};

/// How long a thread for blocking work waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// After a transaction that stayed open, each batch is committed on its own for so long: another process, which tries
/// once a millisecond, gets its turn.
const GAP: Duration = Duration::from_millis(2);

/// The connection that writes.
pub struct Writer {
    connection: Connection,
    /// `None`: each commit goes to the database at once.
    redo: Option<RedoLog>,
    /// The transaction is open, and has all that the redo log has.
    open: bool,
    /// The redo log has what no other connection sees.
    unsettled: Arc<AtomicBool>,
    gap_until: Option<Instant>,
}

impl Writer {
    pub fn new(connection: Connection, redo: Option<RedoLog>) -> Self {
        Self { connection, redo, open: false, unsettled: Arc::default(), gap_until: None }
    }

    /// Whether the redo log has what no other connection sees, for those who do not hold the writer.
    pub fn unsettled(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.unsettled)
    }

    /// The connection, whose transaction may be open.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs what a killed process left in the redo log.
    pub fn recover(&mut self) -> Result<(), StoreError> {
        let Some(redo) = &mut self.redo else { return Ok(()) };
        let left = redo.left().map_err(log_failed("read"))?;
        if left.is_empty() { Ok(()) } else { self.settle() }
    }

    /// Commits to the database from now on.
    pub fn without_redo(&mut self) -> Result<(), StoreError> {
        self.settle()?;
        self.redo = None;
        Ok(())
    }

    /// Whether to wait for another process that writes.
    pub fn wait(&mut self, patient: bool) {
        // SQLite's own waiting gets slower, and would miss the gaps.
        fn once_a_millisecond(tries: i32) -> bool {
            std::thread::sleep(Duration::from_millis(1));
            u128::from(tries.unsigned_abs()) < PATIENCE.as_millis()
        }
        let _ = match patient {
            true => self.connection.busy_handler(Some(once_a_millisecond)),
            false => self.connection.busy_timeout(Duration::ZERO),
        };
    }

    /// Commits batches, each whole or not at all.
    pub fn commit<'b>(&mut self, batches: impl Iterator<Item = &'b Batch>) -> Result<Vec<write::Outcome>, StoreError> {
        let mut log = Vec::new();
        let done = self.begin().and_then(|()| {
            let outcomes = batches.map(|batch| self.one(batch, &mut log)).collect::<Result<Vec<_>, _>>()?;
            self.end(&log, outcomes.len())?;
            Ok(outcomes)
        });
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if self.open {
            return Ok(());
        }
        // What an error rolled back.
        self.settle()?;
        self.run("BEGIN IMMEDIATE")?;
        self.open = self.redo.is_some() && self.gap_until.is_none_or(|end| Instant::now() >= end);
        Ok(())
    }

    /// Does the writes of a batch. The outer error is one of the database.
    fn one(&self, batch: &Batch, log: &mut Vec<u8>) -> Result<write::Outcome, StoreError> {
        let before = log.len();
        // Of what can conflict, only the first can be taken back by doing nothing.
        let savepoint = write::conflicts_late(batch);
        if savepoint {
            self.run("SAVEPOINT batch")?;
        }
        let outcome = match write::apply(&self.connection, batch, log) {
            Err(CommitError::Store(error)) => return Err(error),
            Err(conflict) => {
                log.truncate(before);
                if savepoint {
                    self.run("ROLLBACK TO batch")?;
                }
                Err(conflict)
            }
            done => done,
        };
        if savepoint {
            self.run("RELEASE batch")?;
        }
        Ok(outcome)
    }

    /// Makes what the transaction did outlive the process.
    fn end(&mut self, log: &[u8], batches: usize) -> Result<(), StoreError> {
        let redo = match &mut self.redo {
            Some(redo) if self.open => redo,
            _ => return self.run("COMMIT"),
        };
        if !RedoLog::takes(log) {
            return self.settle();
        }
        if log.is_empty() && redo.is_empty() {
            // Every batch was refused. Nobody would come to end the transaction, and other processes would wait for it.
            self.open = false;
            return self.run("COMMIT");
        }
        if !log.is_empty() {
            redo.append(log, batches).map_err(log_failed("written"))?;
        }
        self.unsettled.store(!redo.is_empty(), Ordering::Release);
        if redo.is_long() {
            // The log has it, whatever comes of this.
            drop(self.settle());
        }
        Ok(())
    }

    /// Reads what was committed.
    pub fn look<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if !self.open {
            self.settle()?;
        }
        work(&self.connection)
    }

    /// Has every connection see what was committed.
    pub fn settle(&mut self) -> Result<(), StoreError> {
        let done = self.try_settle();
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    fn try_settle(&mut self) -> Result<(), StoreError> {
        let Some(redo) = &mut self.redo else { return Ok(()) };
        if !self.open {
            if redo.is_empty() {
                return Ok(());
            }
            self.connection.execute_batch("BEGIN IMMEDIATE").map_err(db("written"))?;
            let statements = redo.again(&self.connection).map_err(log_failed("read"))?;
            statement::replay(&self.connection, &statements)?;
        }
        redo.seal(&self.connection).map_err(db("written"))?;
        self.run("COMMIT")?;
        self.open = false;
        if let Some(redo) = &mut self.redo {
            redo.start_over();
        }
        self.gap_until = Instant::now().checked_add(GAP);
        self.unsettled.store(false, Ordering::Release);
        Ok(())
    }

    /// Takes back what the transaction did. What the redo log has is done again before the next transaction.
    fn roll_back(&mut self) {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        self.open = false;
        self.unsettled.store(self.redo.as_ref().is_some_and(|redo| !redo.is_empty()), Ordering::Release);
    }

    /// Statements that are short, and run so often that they are parsed once.
    fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map(drop).map_err(db("written"))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The next process would do it.
        let _ = self.settle();
    }
}

pub fn log_failed(verb: &'static str) -> impl Fn(std::io::Error) -> StoreError {
    move |source| {
        let fault = match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Fault::Full,
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => Fault::Denied,
            _ => Fault::Other,
        };
        StoreError::Database { verb, fault, source: Box::new(source) }
    }
}
