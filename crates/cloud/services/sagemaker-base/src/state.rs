//! News of statuses: they go into the commit in which a resource enters a status.

use sagewright_cloud_core::records::{Batch, Change, CommitError, Event, Record, StoreError, Write};
use serde_json::{Value, json};

use crate::SageMaker;
use crate::kind::Kind;
use crate::{lineage, resource};

/// The status of what is gone.
pub const DELETED: &str = "Deleted";

impl SageMaker {
    /// What goes into the commit in which a resource enters a status: word to those who watch, the timer by which its
    /// lineage is recorded, and for the outbox the event that EventBridge has for it, with all that was known of the
    /// resource then.
    #[must_use]
    pub fn news(&self, kind: Kind, record: &Record, status: &str) -> Batch {
        let mut news = Batch::new();
        if !status.is_empty() {
            // Who looked before sees something new from now on.
            self.looks().forget(&record.arn);
            let change = Change { kind: kind.as_str().to_owned(), arn: record.arn.clone(), status: status.to_owned() };
            news.push(Write::Tell(change));
        }
        news.extend(lineage::timer(kind, record, status, self.now()));
        news.extend(self.event(kind, kind.0.event, record, status));
        news
    }

    /// What goes into the outbox where somebody wants to know, and EventBridge has an event of this name.
    fn event(&self, kind: Kind, name: &str, record: &Record, status: &str) -> Option<Write> {
        if name.is_empty() {
            return None;
        }
        self.execution().outbox.keep(|| Event {
            account: record.key.account.clone(),
            region: record.key.region.clone(),
            kind: name.to_owned(),
            at: self.now(),
            body: json!({ "arn": record.arn, "status": status, "detail": resource::describe(kind, record.clone()) }),
        })
    }

    /// The news of a change, by the statuses of the record before it.
    pub(crate) fn news_since(&self, kind: Kind, before: &(String, Option<Value>), record: &Record) -> Batch {
        let (status, second) = resource::statuses(kind, record);
        let mut news = Batch::new();
        if status != before.0 {
            news.extend(self.news(kind, record, &status));
        }
        if let Some(second) = second.filter(|second| Some(second) != before.1.as_ref()) {
            if kind.0.second_event.is_empty() {
                news.extend(self.news(kind, record, second.as_str().unwrap_or_default()));
            } else {
                news.extend(self.event(kind, kind.0.second_event, record, &status));
            }
        }
        news
    }

    /// To be called after a commit with news or with timers, of which the first is due at `due`, in milliseconds since 1970: they may
    /// have to be told or done at once.
    pub fn committed(&self, due: Option<i64>) {
        if let Some(due) = due {
            self.waker().wake_by(due);
        }
        self.execution().outbox.wake();
    }

    /// To be called with what came of the commit of what a timer does. After a conflict it is done again at once: the timer
    /// is still due.
    ///
    /// # Errors
    /// The store failed.
    pub fn timer_done(&self, outcome: Result<(), CommitError>) -> Result<(), StoreError> {
        match outcome {
            Ok(()) => {
                self.waker().wake();
                self.committed(None);
            }
            Err(CommitError::Conflict(_)) => self.waker().wake(),
            Err(CommitError::Store(error)) => return Err(error),
        }
        Ok(())
    }
}

/// What the last process left could not be taken up.
#[derive(Debug, thiserror::Error)]
#[error("the jobs and endpoints of the last run could not be taken up: {0}")]
pub struct ResumeError(String);

impl From<sagewright_cloud_core::records::StoreError> for ResumeError {
    fn from(error: sagewright_cloud_core::records::StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<sagewright_cloud_core::api::ApiError> for ResumeError {
    fn from(error: sagewright_cloud_core::api::ApiError) -> Self {
        Self(error.message)
    }
}
