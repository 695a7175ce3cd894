//! A process that dies at a commit.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sagewright_cloud::records::{
    Batch, Change, CommitError, Event, Fault, Found, Key, Query, Record, Records, StoreError, TagFilter, TagPage, Tags,
    Timer, Versioned, Write,
};
use sagewright_cloud_store_sqlite::SqliteRecords;
use tokio::sync::{Notify, broadcast};

/// How many commits a process still does.
#[derive(Debug)]
pub struct Life {
    left: AtomicI64,
    over: Notify,
    errors: Mutex<Vec<(String, i64, bool)>>,
    /// Reads of single records until they can be read again, of which the last so many fail.
    unreadable: AtomicI64,
    fail: AtomicI64,
    /// Reads that fail after the next error.
    next: AtomicI64,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            left: AtomicI64::new(i64::MAX),
            over: Notify::new(),
            errors: Mutex::default(),
            unreadable: AtomicI64::new(0),
            fail: AtomicI64::new(0),
            next: AtomicI64::new(0),
        }
    }
}

impl Life {
    /// The process dies after so many more commits.
    pub fn ends_after(&self, commits: i64) {
        self.left.store(commits, Ordering::SeqCst);
    }

    /// The commit of a record of a kind after so many more is answered with an error, although it may be written.
    pub fn errs_after(&self, kind: &str, commits: i64, written: bool) {
        self.errors.lock().unwrap().push((kind.to_owned(), commits, written));
    }

    /// Whether an error is answered now, and then whether the batch is written all the same.
    fn error(&self, batch: &Batch) -> Option<bool> {
        let is_of = |kind: &str| {
            batch.iter().any(|write| match write {
                Write::Insert(record) => record.key.kind == kind,
                Write::Replace(versioned) => versioned.record.key.kind == kind,
                _ => false,
            })
        };
        let mut errors = self.errors.lock().unwrap();
        errors.iter_mut().filter(|(kind, ..)| is_of(kind)).for_each(|(_, left, _)| *left -= 1);
        let at = errors.iter().position(|(_, left, _)| *left < 0)?;
        Some(errors.remove(at).2)
    }

    /// Whether all errors were answered.
    pub fn erred(&self) -> bool {
        self.errors.lock().unwrap().is_empty()
    }

    /// So many reads of single records fail after the next error.
    pub fn then_cannot_read(&self, times: i64) {
        self.next.store(times, Ordering::SeqCst);
    }

    /// So many reads of single records fail.
    pub fn cannot_read(&self, times: i64) {
        self.cannot_read_after(0, times);
    }

    /// So many reads of single records fail, after so many that do not.
    pub fn cannot_read_after(&self, reads: i64, times: i64) {
        self.fail.store(times, Ordering::SeqCst);
        self.unreadable.store(reads + times, Ordering::SeqCst);
    }

    fn fails_to_read(&self) -> bool {
        let left = self.unreadable.fetch_sub(1, Ordering::SeqCst);
        left > 0 && left <= self.fail.load(Ordering::SeqCst)
    }

    /// Completes when it has died.
    pub async fn over(&self) {
        self.over.notified().await;
    }
}

/// State that a process writes to until it dies.
#[derive(Debug)]
pub struct Mortal {
    pub store: SqliteRecords,
    pub life: Arc<Life>,
}

fn away(verb: &'static str) -> StoreError {
    StoreError::Database { verb, fault: Fault::Other, source: "the disk is away for a moment".into() }
}

#[async_trait]
impl Records for Mortal {
    async fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        if self.life.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.life.over.notify_one();
            // Neither written nor answered.
            std::future::pending::<()>().await;
        }
        match self.life.error(&batch) {
            None => return self.store.commit(batch).await,
            Some(true) => self.store.commit(batch).await?,
            Some(false) => {}
        }
        let unreadable = self.life.next.swap(0, Ordering::SeqCst);
        if unreadable > 0 {
            self.life.cannot_read(unreadable);
        }
        Err(CommitError::Store(away("written")))
    }

    async fn shared(&self, key: &Key) -> Result<Option<Arc<Versioned>>, StoreError> {
        if self.life.fails_to_read() {
            return Err(away("read"));
        }
        self.store.shared(key).await
    }

    async fn find(&self, query: Query) -> Result<Vec<Found>, StoreError> {
        self.store.find(query).await
    }

    async fn with_status(&self, kind: &str, status: &str) -> Result<Vec<Record>, StoreError> {
        self.store.with_status(kind, status).await
    }

    async fn tags(&self, arns: Vec<String>) -> Result<Tags, StoreError> {
        self.store.tags(arns).await
    }

    async fn tagged(&self, page: TagPage, filters: Vec<TagFilter>) -> Result<Vec<String>, StoreError> {
        self.store.tagged(page, filters).await
    }

    async fn tag_texts(&self, page: TagPage, key: Option<String>) -> Result<Vec<String>, StoreError> {
        self.store.tag_texts(page, key).await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.store.changes()
    }

    async fn events(&self, after: i64, limit: usize) -> Result<Vec<(i64, Event)>, StoreError> {
        self.store.events(after, limit).await
    }

    async fn forget_events(&self, through: i64) -> Result<(), StoreError> {
        self.store.forget_events(through).await
    }

    async fn due(&self, now: i64, limit: usize) -> Result<Vec<Timer>, StoreError> {
        self.store.due(now, limit).await
    }

    async fn next_due(&self) -> Result<Option<i64>, StoreError> {
        self.store.next_due().await
    }
}
