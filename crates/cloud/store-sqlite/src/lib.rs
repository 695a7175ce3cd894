//! The embedded cloud's state in one SQLite file, with a write-ahead log.
//!
//! A commit is in the operating system's hands before it is acknowledged, so that a killed process loses nothing: in the
//! redo log at first (`redo.rs`), in the database a moment later.
//! Batches that wait at the same time are committed in one transaction: whoever finds the writer free writes for all.
//! That is microseconds of work, bounded by `write::TOGETHER`; what may take longer (another process holds the file,
//! a search, a checkpoint of the log) is done by threads for blocking work.

mod checkpoint;
mod kept;
mod metrics;
mod read;
mod redo;
mod schema;
mod search;
mod statement;
mod tagged;
mod write;
mod writer;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode};
use sagewright_cloud_core::durability::Durability;
use sagewright_cloud_core::records::{
    Batch, Change, CommitError, Event, Fault, Found, Key, Query, Record, Records, StoreError, TagFilter, TagPage, Tags,
    Timer, Versioned,
};
use tokio::sync::broadcast;

pub use metrics::SqliteMetrics;

use checkpoint::{Checkpoints, Limits};
use kept::Kept;
use redo::RedoLog;
use writer::Writer;

/// State in a SQLite file; cheap to clone.
#[derive(Clone)]
pub struct SqliteRecords(Arc<Inner>);

struct Inner {
    /// `None` for a database in memory, which has one connection only.
    path: Option<PathBuf>,
    writer: Mutex<Writer>,
    /// Only the writer sees the last commits.
    unsettled: Arc<AtomicBool>,
    /// A thread is about to end the open transaction.
    settling: AtomicBool,
    waiting: Mutex<VecDeque<write::Job>>,
    /// Commits wait for the disk.
    slow: AtomicBool,
    readers: Mutex<Vec<Connection>>,
    kept: Kept,
    checkpoints: Checkpoints,
    /// Sent to while the writer is held, so that changes are told in the order of commits.
    changes: broadcast::Sender<Change>,
}

/// How many changes a slow watcher may be behind before it misses some.
const BACKLOG: usize = 1024;

impl std::fmt::Debug for SqliteRecords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SqliteRecords").field(&self.0.path).finish()
    }
}

impl SqliteRecords {
    /// Opens or makes the database file, and gives it the format of this version. Blocks.
    ///
    /// # Errors
    /// The file cannot be opened, is not a database, or a newer version made it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path).map_err(db("opened"))?;
        Self::over(Some(path.to_owned()), connection, true, Limits::default())
    }

    /// Opens the database file of an embedded cloud that may be running in another process. Such a second process may
    /// add records, and must neither change nor remove any: the cloud keeps those that it has read. Blocks.
    ///
    /// # Errors
    /// The file cannot be opened, is not a database, or has another version's format.
    pub fn open_beside(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path).map_err(db("opened"))?;
        Self::over(Some(path.to_owned()), connection, false, Limits::default())
    }

    /// A database whose log has other limits.
    #[cfg(test)]
    fn open_with(path: &Path, limits: Limits) -> Result<Self, StoreError> {
        let connection = Connection::open(path).map_err(db("opened"))?;
        Self::over(Some(path.to_owned()), connection, true, limits)
    }

    /// Waits for the checkpoints that commits have asked for.
    #[cfg(test)]
    async fn idle(&self) {
        while self.0.checkpoints.asked() {
            tokio::task::yield_now().await;
        }
    }

    /// A database in memory, for tests.
    ///
    /// # Errors
    /// SQLite failed.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::over(None, Connection::open_in_memory().map_err(db("opened"))?, true, Limits::default())
    }

    fn over(path: Option<PathBuf>, mut connection: Connection, own: bool, limits: Limits) -> Result<Self, StoreError> {
        schema::prepare(&mut connection, own)?;
        let checkpoints = Checkpoints::over(&mut connection, limits)?;
        // Only one process can have the log: the cloud itself.
        let redo = match path.as_deref().filter(|_| own) {
            Some(path) => RedoLog::open(path, &connection).map_err(writer::log_failed("opened"))?,
            None => None,
        };
        let mut writer = Writer::new(connection, redo);
        writer.wait(true);
        writer.recover()?;
        Ok(Self(Arc::new(Inner {
            path,
            unsettled: writer.unsettled(),
            writer: Mutex::new(writer),
            settling: AtomicBool::new(false),
            waiting: Mutex::default(),
            slow: AtomicBool::new(false),
            readers: Mutex::default(),
            kept: Kept::default(),
            checkpoints,
            changes: broadcast::Sender::new(BACKLOG),
        })))
    }

    /// Makes commits outlive what `durability` says; without it, the end of the process.
    ///
    /// # Errors
    /// SQLite failed.
    pub fn set_durability(&self, durability: Durability) -> Result<(), StoreError> {
        self.0.slow.store(durability == Durability::PowerLoss, Ordering::Relaxed);
        if durability == Durability::PowerLoss {
            self.0.with_writer(Writer::without_redo)?;
        }
        let set = |writer: &Connection| writer.pragma_update(None, "synchronous", durability.synchronous());
        self.0.alone(|writer| set(writer).map_err(db("opened")))
    }

    /// Folds the write-ahead log into the database; it would be read back on the next start all the same.
    pub async fn fold(&self) {
        let this = self.clone();
        let _ = tokio::task::spawn_blocking(move || this.0.fold()).await;
    }

    /// Everything that is stored, a line for each record and tag.
    ///
    /// # Errors
    /// SQLite failed.
    pub fn rows(&self) -> Result<Vec<String>, StoreError> {
        const ALL: &str = "SELECT arn || ' ' || status || ' ' || modified || ' ' || body FROM record \
            UNION ALL SELECT arn || ' ' || key || ' ' || value FROM tag";
        self.0.read(|connection| {
            let mut statement = connection.prepare(ALL).map_err(db("read"))?;
            let rows = statement.query_map([], |row| row.get(0)).map_err(db("read"))?;
            rows.collect::<Result<_, _>>().map_err(db("read"))
        })
    }

    /// Work that may take long, on a thread for it.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.0.read(work)).await.map_err(|_| StoreError::Closed)?
    }
}

#[async_trait]
impl Records for SqliteRecords {
    async fn shared(&self, key: &Key) -> Result<Option<Arc<Versioned>>, StoreError> {
        self.0.kept.get(key, || self.0.look(|connection| read::get(connection, key)))
    }

    async fn find(&self, query: Query) -> Result<Vec<Found>, StoreError> {
        self.blocking(move |connection| search::find(connection, &query)).await
    }

    async fn with_status(&self, kind: &str, status: &str) -> Result<Vec<Record>, StoreError> {
        let (kind, status) = (kind.to_owned(), status.to_owned());
        self.blocking(move |connection| read::with_status(connection, &kind, &status)).await
    }

    async fn tags(&self, arns: Vec<String>) -> Result<Tags, StoreError> {
        // One resource has fifty tags at most.
        if let [arn] = &*arns {
            let tags = self.0.kept.tags(arn, || self.0.look(|connection| read::tags_of(connection, arn)))?;
            return Ok(if tags.is_empty() { Tags::new() } else { Tags::from([(arn.clone(), tags)]) });
        }
        self.blocking(move |connection| read::tags(connection, &arns)).await
    }

    async fn tagged(&self, page: TagPage, filters: Vec<TagFilter>) -> Result<Vec<String>, StoreError> {
        self.blocking(move |connection| tagged::resources(connection, &page, &filters)).await
    }

    async fn tag_texts(&self, page: TagPage, key: Option<String>) -> Result<Vec<String>, StoreError> {
        self.blocking(move |connection| tagged::texts(connection, &page, key.as_deref())).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        write::commit(&self.0, batch).await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    async fn events(&self, after: i64, limit: usize) -> Result<Vec<(i64, Event)>, StoreError> {
        self.blocking(move |connection| read::events(connection, after, limit)).await
    }

    async fn forget_events(&self, through: i64) -> Result<(), StoreError> {
        let this = self.clone();
        let forget = move || {
            let sql = "DELETE FROM event WHERE number <= ?";
            this.0.alone(|writer| writer.execute(sql, [through]).map(drop).map_err(db("written")))
        };
        tokio::task::spawn_blocking(forget).await.map_err(|_| StoreError::Closed)?
    }

    async fn due(&self, now: i64, limit: usize) -> Result<Vec<Timer>, StoreError> {
        self.blocking(move |connection| read::due(connection, now, limit)).await
    }

    async fn next_due(&self) -> Result<Option<i64>, StoreError> {
        self.blocking(read::next_due).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn db(verb: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| {
        let fault = match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Fault::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Fault::Denied,
            Some(ErrorCode::DatabaseBusy) => Fault::Busy,
            _ => Fault::Other,
        };
        StoreError::Database { verb, fault, source: Box::new(source) }
    }
}

#[cfg(test)]
mod tests;
