//! The port of the embedded cloud's state: versioned records, with the events and timers that belong to a change.
//!
//! A [`Batch`] is committed whole or not at all. Its events go to an outbox in the same commit, so that none is lost
//! and none is told of a change that did not happen; its timers are kept, so that nothing that is due is forgotten.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::broadcast;

pub use crate::record::{Fault, Key, Record, StoreError};

/// A record with the number of its last change, by which a writer tells whether it is still what was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned {
    /// The record.
    pub record: Record,
    /// Counts the record's changes; of no meaning beside another record's.
    pub version: i64,
}

/// What a commit does to one record, one resource's tags, the outbox or a timer.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Adds a record. Conflicts where its key is taken.
    Insert(Record),
    /// Replaces status, time of change and body of a record. Conflicts where the version is another one by now.
    Replace(Versioned),
    /// Removes a record and its tags. Conflicts where there is none, or its version is another one by now.
    Delete {
        /// Which one.
        key: Key,
        /// Version that was read; any where `None`.
        version: Option<i64>,
    },
    /// Adds or replaces tags of a resource.
    PutTags {
        /// ARN of the resource.
        arn: String,
        /// Keys and values.
        tags: Vec<(String, String)>,
    },
    /// Removes tags of a resource.
    DeleteTags {
        /// ARN of the resource.
        arn: String,
        /// Keys.
        keys: Vec<String>,
    },
    /// Adds an event to the outbox.
    Emit(Event),
    /// Tells those who watch, inside this process. Not kept.
    Tell(Change),
    /// Sets a timer, in place of one with the same id.
    SetTimer(Timer),
    /// Sets a timer in place of one with the same id, where there is one that is due at `from`: one that was set meanwhile stays.
    MoveTimer {
        /// When the timer was due until now.
        from: i64,
        /// As it is from now on.
        to: Timer,
    },
    /// Removes a timer, where there is one that is due then.
    CancelTimer {
        /// Which one.
        id: String,
        /// When it is due, so that one that was set meanwhile stays.
        due: i64,
    },
}

/// A record entered a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Kind of the record.
    pub kind: String,
    /// Its ARN.
    pub arn: String,
    /// The status it entered; `Deleted` when it is gone.
    pub status: String,
}

/// News of a change, for those who subscribe to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Account of the resource.
    pub account: String,
    /// Region of the resource.
    pub region: String,
    /// What happened, as EventBridge names it: `SageMaker Endpoint State Change`.
    pub kind: String,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Details.
    pub body: Value,
}

/// Something that is to happen at a time of the embedded cloud's clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Timer {
    /// Unique; says whose it is.
    pub id: String,
    /// Milliseconds since 1970.
    pub due: i64,
    /// What is to happen.
    pub body: Value,
}

/// Member of a postponed timer's body: when it was due first.
const SCHEDULED: &str = "_scheduled";

impl Timer {
    /// When it was due first. A record that says when its timer is due is compared with this: a timer that could not be done
    /// in time is the same one still.
    #[must_use]
    pub fn scheduled(&self) -> i64 {
        self.body[SCHEDULED].as_i64().unwrap_or(self.due)
    }

    /// The same timer, due later.
    #[must_use]
    pub fn postponed(mut self, due: i64) -> Self {
        let scheduled = self.scheduled();
        if let Some(body) = self.body.as_object_mut() {
            body.insert(SCHEDULED.to_owned(), scheduled.into());
        }
        Self { due, ..self }
    }
}

/// Writes that are done together.
pub type Batch = Vec<Write>;

/// Why a batch was not committed. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A record is not what the writer expected.
    #[error("{} {} was changed by another request", .0.kind, .0.name)]
    Conflict(Key),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a search is sorted. Records that are equal are sorted by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By name.
    Name,
    /// By the time of creation.
    Created,
    /// By the time of the last change.
    Modified,
    /// By status.
    Status,
}

/// A condition on records.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// No record fits.
    Nothing,
    /// Created after a time, in milliseconds since 1970.
    CreatedAfter(f64),
    /// Created before a time.
    CreatedBefore(f64),
    /// Changed after a time.
    ModifiedAfter(f64),
    /// Changed before a time.
    ModifiedBefore(f64),
    /// The name contains a text.
    NameContains(String),
    /// The name starts with a text.
    NameStarts(String),
    /// Whether the name has a `/`.
    NameHasParts(bool),
    /// The status is this one.
    Status(String),
    /// A member of the body, as a path like `_.token`, has a text, or is a number that is written so.
    Member(String, String),
}

/// A search among the records of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// Kind.
    pub kind: String,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// How to sort.
    pub order: Order,
    /// What is behind a `/` in a name counts as a number, so that `group/10` comes after `group/9`. No index knows of that.
    pub numbered: bool,
    /// Largest first.
    pub descending: bool,
    /// Start behind this place: the position and tie of a [`Found`].
    pub after: Option<(Value, String)>,
    /// At most so many.
    pub limit: usize,
}

impl Query {
    /// All records of a kind in name order.
    #[must_use]
    pub fn all(account: &str, region: &str, kind: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            kind: kind.to_owned(),
            filters: Vec::new(),
            order: Order::Name,
            numbered: false,
            descending: false,
            after: None,
            limit: usize::MAX,
        }
    }
}

/// One hit of a search, with its place in the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The record.
    pub record: Record,
    /// What it was sorted by.
    pub position: Value,
    /// What tells it from others at the same position.
    pub tie: String,
}

/// Tags of resources: keys and values in key order, by ARN.
pub type Tags = HashMap<String, Vec<(String, String)>>;

/// A condition on the tags of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagFilter {
    /// The resource has a tag with this key,
    pub key: String,
    /// and one of these values; any where there are none.
    pub values: Vec<String>,
}

/// A page of what is known of tags, in the order of its texts. ARNs tell account and region, so that their beginnings
/// name a scope: `arn:aws:sagemaker:us-east-1:000000000000:`, or one type of resource in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPage {
    /// Tags of the resources whose ARNs begin with one of these.
    pub scopes: Vec<String>,
    /// Start behind this text.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// The embedded cloud's state. No call blocks its thread for longer than a short write to the operating system's memory
/// takes: what waits for the disk, as copying a log does, is done on threads for blocking work.
#[async_trait]
pub trait Records: std::fmt::Debug + Send + Sync + 'static {
    /// A record by key, to read.
    ///
    /// # Errors
    /// The store failed, or the record is damaged.
    async fn shared(&self, key: &Key) -> Result<Option<Arc<Versioned>>, StoreError>;

    /// Records of one kind.
    ///
    /// # Errors
    /// As [`Records::shared`].
    async fn find(&self, query: Query) -> Result<Vec<Found>, StoreError>;

    /// All records of a kind with a status that is not empty, in every account and region: what a restart takes up.
    ///
    /// # Errors
    /// As [`Records::shared`].
    async fn with_status(&self, kind: &str, status: &str) -> Result<Vec<Record>, StoreError>;

    /// Tags of resources.
    ///
    /// # Errors
    /// The store failed.
    async fn tags(&self, arns: Vec<String>) -> Result<Tags, StoreError>;

    /// ARNs of the resources that have tags and fit all filters, in their order.
    ///
    /// # Errors
    /// The store failed.
    async fn tagged(&self, page: TagPage, filters: Vec<TagFilter>) -> Result<Vec<String>, StoreError>;

    /// The keys of all tags, or the values of those with a key, each once and in their order.
    ///
    /// # Errors
    /// The store failed.
    async fn tag_texts(&self, page: TagPage, key: Option<String>) -> Result<Vec<String>, StoreError>;

    /// Does all writes of a batch, or none. A committed batch survives the end of the process.
    ///
    /// # Errors
    /// A record is not what the writer expected, or the store failed.
    async fn commit(&self, batch: Batch) -> Result<(), CommitError>;

    /// What commits tell from now on, in their order. A change is told before its commit is acknowledged, and only after
    /// it can be read. Who is far behind misses some.
    fn changes(&self) -> broadcast::Receiver<Change>;

    /// The oldest events of the outbox behind a number, with their numbers.
    ///
    /// # Errors
    /// The store failed.
    async fn events(&self, after: i64, limit: usize) -> Result<Vec<(i64, Event)>, StoreError>;

    /// Removes events up to a number from the outbox.
    ///
    /// # Errors
    /// The store failed.
    async fn forget_events(&self, through: i64) -> Result<(), StoreError>;

    /// The timers that are due by a time, earliest first.
    ///
    /// # Errors
    /// The store failed.
    async fn due(&self, now: i64, limit: usize) -> Result<Vec<Timer>, StoreError>;

    /// When the next timer is due.
    ///
    /// # Errors
    /// The store failed.
    async fn next_due(&self) -> Result<Option<i64>, StoreError>;
}

/// A shared store.
pub type SharedRecords = Arc<dyn Records>;

/// How often a change is tried again that others came before. Each try means that another one got through.
const TRIES: usize = 1000;

impl dyn Records {
    /// Changes a record: `change` sees the current state and either edits it, with further writes for the same commit,
    /// or refuses. It is called again where another change came first. The outer `Option` is `None` where there is no
    /// such record.
    ///
    /// # Errors
    /// The store failed.
    pub async fn update<T, E>(
        &self,
        key: &Key,
        mut change: impl FnMut(&mut Record, &mut Batch) -> Result<T, E> + Send,
    ) -> Result<Option<Result<T, E>>, StoreError> {
        for _ in 0..TRIES {
            let Some(mut found) = self.get(key).await? else { return Ok(None) };
            let mut batch = Batch::new();
            let out = match change(&mut found.record, &mut batch) {
                Ok(out) => out,
                Err(refused) => return Ok(Some(Err(refused))),
            };
            batch.insert(0, Write::Replace(found));
            match self.commit(batch).await {
                Ok(()) => return Ok(Some(Ok(out))),
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Busy { kind: key.kind.clone(), name: key.name.clone() })
    }

    /// A record by key, to change.
    ///
    /// # Errors
    /// The store failed, or the record is damaged.
    pub async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        Ok(self.shared(key).await?.map(Arc::unwrap_or_clone))
    }

    /// A record by key, without its version.
    ///
    /// # Errors
    /// The store failed, or the record is damaged.
    pub async fn record(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        Ok(self.get(key).await?.map(|found| found.record))
    }

    /// Adds a record with its tags and further writes. `false`: the key is taken, and nothing changed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn insert(&self, record: Record, tags: Vec<(String, String)>, more: Batch) -> Result<bool, StoreError> {
        let arn = record.arn.clone();
        let mut batch = vec![Write::Insert(record)];
        if !tags.is_empty() {
            batch.push(Write::PutTags { arn, tags });
        }
        batch.extend(more);
        match self.commit(batch).await {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// Removes a record with its tags. `false`: there was none.
    ///
    /// # Errors
    /// The store failed.
    pub async fn delete(&self, key: &Key) -> Result<bool, StoreError> {
        match self.commit(vec![Write::Delete { key: key.clone(), version: None }]).await {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// Does a write that depends on no record.
    ///
    /// # Errors
    /// The store failed, or the write depends on a record after all.
    pub async fn write(&self, write: Write) -> Result<(), StoreError> {
        self.commit(vec![write]).await.map_err(|error| match error {
            CommitError::Store(error) => error,
            conflict @ CommitError::Conflict(_) => StoreError::Refused(conflict.to_string()),
        })
    }

    /// All records of a kind in an account and region, in name order.
    ///
    /// # Errors
    /// The store failed, or a record is damaged.
    pub async fn list(&self, account: &str, region: &str, kind: &str) -> Result<Vec<Record>, StoreError> {
        Ok(self.find(Query::all(account, region, kind)).await?.into_iter().map(|found| found.record).collect())
    }

    /// Tags of one resource, in key order.
    ///
    /// # Errors
    /// The store failed.
    pub async fn tags_of(&self, arn: &str) -> Result<Vec<(String, String)>, StoreError> {
        Ok(self.tags(vec![arn.to_owned()]).await?.remove(arn).unwrap_or_default())
    }
}
