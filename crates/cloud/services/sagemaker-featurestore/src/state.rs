//! The state of a group's stores, a record beside the group's: each write of a feature record goes with a change of it in one
//! commit, so that sizes and numbers of rows are right whatever happens, and nothing is written to a group that is going.

use sagewright_cloud_core::records::{Key, Record, Timer, Versioned, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::group::Group;
use crate::{OWNER, offline};

/// Kind of the records with the states of stores.
pub const KIND: &str = "feature-store";
/// Kind of the records of online stores.
pub const ONLINE: &str = "feature-record";
/// Kind of the rows that are to reach offline stores.
pub const OFFLINE: &str = "feature-row";
/// Status of a state while rows are to reach the offline store.
pub const BUFFERED: &str = "Buffered";

/// What is known of a group's stores.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// The group's name, as its record's key has it.
    pub group: String,
    /// Bytes of the records in the online store.
    pub bytes: i64,
    /// Number of the next row for the offline store, from 0.
    pub next: u64,
    /// Rows before this number are in S3.
    pub flushed: u64,
    /// Rows that are being written to S3: which, and under which names. Kept before they are, so that a restart writes the same
    /// objects again.
    pub writing: Option<offline::flush::Portion>,
    /// The group is going; nothing is written any more.
    pub closed: bool,
}

/// Key of the state of a group's stores.
pub fn key(group: &Key, id: &str) -> Key {
    Key::new(&group.account, &group.region, KIND, id)
}

/// Key of what belongs to a group.
pub fn key_within(group: &Group, kind: &str, name: &str) -> Key {
    Key::new(&group.key.account, &group.key.region, kind, &format!("{}/{name}", group.id))
}

impl State {
    /// Reads a state. One that is damaged is closed.
    pub fn read(record: &Record) -> Self {
        State::deserialize(&record.body).unwrap_or(Self { closed: true, ..Self::default() })
    }

    /// The record of a new state.
    pub fn record(&self, group: &Group, now: i64) -> Record {
        Record {
            key: key(&group.key, &group.id),
            arn: String::new(),
            status: String::new(),
            created: now,
            modified: now,
            body: json!(self),
        }
    }

    /// The write of a changed state.
    pub fn replace(&self, mut found: Versioned, now: i64) -> Write {
        let status = if self.flushed < self.next { BUFFERED } else { "" };
        status.clone_into(&mut found.record.status);
        found.record.modified = now;
        found.record.body = json!(self);
        Write::Replace(found)
    }
}

/// A timer of this crate's: `what` is to happen to a group, or to a record of it.
pub fn timer(group: &Key, id: &str, what: &str, record: Option<&str>, due: i64) -> Write {
    let Key { account, region, name, .. } = group;
    let tail = record.map(|record| format!("/{record}")).unwrap_or_default();
    let body: Value = json!({
        "what": what, "account": account, "region": region, "group": name, "id": id, "record": record,
    });
    Write::SetTimer(Timer { id: format!("{OWNER}:{what}:{id}{tail}"), due, body })
}
