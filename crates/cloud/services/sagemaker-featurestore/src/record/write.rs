//! A change of one record: of the online store, and the row that it adds to the offline store, in one commit.

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Batch, CommitError, Record, Versioned, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::first_timer;
use serde_json::{Value, json};

use super::Stored;
use crate::error::validation;
use crate::group::{Group, Row};
use crate::offline;
use crate::state::{self, OFFLINE, ONLINE, State, key_within, timer};

/// Where a change goes.
#[derive(Debug, Clone, Copy)]
pub struct Stores {
    /// To the online store.
    pub online: bool,
    /// To the offline store.
    pub offline: bool,
}

impl Stores {
    /// The stores that a request names, all that the group has where it names none.
    pub fn of(group: &Group, names: &Value) -> Result<Self, ApiError> {
        let names = names.as_array().filter(|names| !names.is_empty());
        let named = |store: &str, there: bool| match names {
            Some(names) if names.iter().any(|name| name == store) => there.then_some(true).ok_or_else(|| {
                validation(format!("TargetStores has {store}, and the feature group {} has no such store.", group.name))
            }),
            Some(_) => Ok(false),
            None => Ok(there),
        };
        Ok(Self {
            online: named("OnlineStore", group.online.is_some())?,
            offline: named("OfflineStore", group.offline.is_some())?,
        })
    }
}

/// What a change makes of a record.
pub struct Outcome {
    /// What the online store has from now on; as before where `None`.
    pub online: Option<Online>,
    /// Row for the offline store.
    pub row: Option<Row>,
    /// The row tells of a deletion.
    pub deleted: bool,
}

/// What becomes of a record of the online store.
pub enum Online {
    /// It is this.
    Is(Stored),
    /// It is gone.
    Gone,
}

/// Changes a record. `decide` sees the record of the online store, expired ones excepted, and may be called again.
///
/// # Errors
/// `decide` refuses, the group is gone, or the store failed.
pub async fn write(
    sm: &SageMaker,
    group: &Group,
    identifier: &str,
    stores: Stores,
    now: i64,
    decide: impl Fn(Option<&Stored>) -> Result<Outcome, ApiError> + Send + Sync,
) -> Result<(), ApiError> {
    let _turn = sm.turn(&group.id).await;
    let store = &sm.env().store;
    let state_key = state::key(&group.key, &group.id);
    let record_key = key_within(group, ONLINE, identifier);
    loop {
        let Some(found) = store.get(&state_key).await? else { return Err(going(group)) };
        let mut next = State::read(&found.record);
        if next.closed {
            return Err(going(group));
        }
        let before = store.get(&record_key).await?;
        let stored = before.as_ref().and_then(|before| Stored::read(&before.record));
        let outcome = decide(stored.as_ref().filter(|stored| stored.lives(now)))?;
        let mut batch = Batch::new();
        if let Some(online) = outcome.online.filter(|_| stores.online) {
            let size = stored.as_ref().map_or(0, Stored::size);
            next.bytes += online.size() - size;
            if let Online::Is(stored) = &online
                && let Some(expires) = stored.expires()
            {
                batch.push(timer(&group.key, &group.id, "expire", Some(identifier), expires));
            }
            batch.extend(online.write(before, &record_key, now));
        }
        if let Some(row) = outcome.row.filter(|_| stores.offline) {
            let number = next.next;
            next.next += 1;
            let body = json!({ "at": row.at, "called": now, "deleted": outcome.deleted, "values": row.values });
            batch.push(Write::Insert(Record {
                key: key_within(group, OFFLINE, &offline::numbered(number)),
                arn: String::new(),
                status: String::new(),
                created: now,
                modified: now,
                body,
            }));
            batch.extend(offline::flush::timer(&group.key, &group.id, &next, now));
        }
        if batch.is_empty() {
            return Ok(());
        }
        let due = first_timer(&batch);
        batch.push(next.replace(found, now));
        match store.commit(batch).await {
            Ok(()) => {
                sm.committed(due);
                return Ok(());
            }
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

fn going(group: &Group) -> ApiError {
    validation(format!("The feature group {} is being deleted.", group.name))
}

impl Online {
    fn size(&self) -> i64 {
        match self {
            Self::Is(stored) => stored.size(),
            Self::Gone => 0,
        }
    }

    fn write(self, before: Option<Versioned>, key: &sagewright_cloud_core::records::Key, now: i64) -> Option<Write> {
        let stored = match (self, &before) {
            (Self::Is(stored), _) => stored,
            (Self::Gone, Some(before)) => {
                return Some(Write::Delete { key: key.clone(), version: Some(before.version) });
            }
            (Self::Gone, None) => return None,
        };
        Some(match before {
            Some(mut before) => {
                before.record.modified = now;
                before.record.body = json!(stored);
                Write::Replace(before)
            }
            None => Write::Insert(Record {
                key: key.clone(),
                arn: String::new(),
                status: String::new(),
                created: now,
                modified: now,
                body: json!(stored),
            }),
        })
    }
}
