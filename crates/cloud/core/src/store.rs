//! The embedded cloud's state: records by account, region, kind and name, in one SQLite file.
//!
//! Write-ahead log with `synchronous = NORMAL`: a commit is in the operating system's hands before it is
//! acknowledged, so a killed process loses nothing.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde_json::Value;

use crate::durability::Durability;

// Each write goes to the log once for every page that it touches. Rows in the order in which they come touch one page
// at the end of the table, and a short entry of the key's index; a table sorted by key would move long bodies about.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS record (
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    arn      TEXT NOT NULL,
    status   TEXT NOT NULL,
    created  INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    body     TEXT NOT NULL,
    version  INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (account, region, kind, name)
);
CREATE INDEX IF NOT EXISTS record_by_status ON record (kind, status) WHERE status <> '';
DROP INDEX IF EXISTS record_by_arn;
DROP INDEX IF EXISTS record_by_created;
CREATE INDEX IF NOT EXISTS record_by_creation ON record (account, region, kind, created, name);
CREATE INDEX IF NOT EXISTS record_by_own_status ON record (account, region, kind, status, name) WHERE status <> '';
CREATE TABLE IF NOT EXISTS tag (
    arn   TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (arn, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    kind    TEXT NOT NULL,
    at      INTEGER NOT NULL,
    body    TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS timer (
    id   TEXT PRIMARY KEY,
    due  INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS timer_by_due ON timer (due);
PRAGMA user_version = 2;
";

/// What format 1 lacks; the rest is made where it is missing.
const FROM_1: &str = "ALTER TABLE record ADD COLUMN version INTEGER NOT NULL DEFAULT 1";

/// Format of the database, as `user_version` tells it.
const FORMAT: i64 = 2;

/// Why state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("the embedded cloud's state could not be {verb}: {source}")]
    Database {
        /// What was tried.
        verb: &'static str,
        /// Cause.
        source: rusqlite::Error,
    },
    /// A newer Sagewright made the database.
    #[error("the database has format {found}, and this version knows up to {known}; update Sagewright")]
    Newer {
        /// Its format.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// Others change a record faster than this writer.
    #[error("the {kind} {name} is changed by too many requests at once; try again")]
    Busy {
        /// Kind of the record.
        kind: String,
        /// Its name.
        name: String,
    },
    /// A commit failed together with others.
    #[error("{0}")]
    Refused(String),
    /// The store's thread is gone.
    #[error("the embedded cloud's state is closed")]
    Closed,
    /// A stored body is not JSON.
    #[error("the stored {kind} {name} is damaged: {source}; `sagewright local reset` starts over")]
    Damaged {
        /// Kind of the record.
        kind: String,
        /// Its name.
        name: String,
        /// Cause.
        source: serde_json::Error,
    },
}

/// What identifies a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Account id.
    pub account: String,
    /// Region; empty for global services.
    pub region: String,
    /// Kind, as in the ARN: `training-job`, `model`, `endpoint`, …
    pub kind: String,
    /// Name within the kind; `group/3` for a model package version.
    pub name: String,
}

impl Key {
    /// A key from its parts.
    pub fn new(account: &str, region: &str, kind: &str, name: &str) -> Self {
        Self { account: account.into(), region: region.into(), kind: kind.into(), name: name.into() }
    }
}

/// One resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What identifies it.
    pub key: Key,
    /// Its ARN.
    pub arn: String,
    /// Its status, for listings and for what is found in progress after a restart.
    pub status: String,
    /// When it was made, milliseconds since 1970.
    pub created: i64,
    /// When it was last changed, milliseconds since 1970.
    pub modified: i64,
    /// The rest, as the service wants it.
    pub body: Value,
}

/// How many records are kept in memory.
const KEPT: usize = 4096;

/// The state, shared.
///
/// Records that were read or written lately are kept in memory. That is safe beside another process (`local env`
/// adds accounts), as long as none but the running cloud changes or removes records.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    connection: Mutex<Connection>,
    /// Changed under the connection's lock, so that a record that was read before a change cannot come back after it.
    kept: Mutex<HashMap<Key, Arc<Record>>>,
}

impl Store {
    /// Opens or makes the database file.
    ///
    /// # Errors
    /// The file cannot be opened, is not a database, or is locked by another process.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path).map_err(db("opened"))?;
        Self::prepare(connection)
    }

    /// A database in memory, for tests.
    ///
    /// # Errors
    /// SQLite failed.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::prepare(Connection::open_in_memory().map_err(db("opened"))?)
    }

    fn prepare(mut connection: Connection) -> Result<Self, StoreError> {
        prepare(&mut connection)?;
        Ok(Self { inner: Arc::new(Inner { connection: Mutex::new(connection), kept: Mutex::default() }) })
    }

    /// Makes commits outlive what `durability` says; without it, the end of the process.
    ///
    /// # Errors
    /// SQLite failed.
    pub fn set_durability(&self, durability: Durability) -> Result<(), StoreError> {
        self.connection().pragma_update(None, "synchronous", durability.synchronous()).map_err(db("opened"))
    }

    /// The connection, for a service with tables of its own (IAM, STS).
    pub fn connection(&self) -> MutexGuard<'_, Connection> {
        self.inner.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Key, Arc<Record>>> {
        self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, record: &Record) {
        let mut kept = self.kept();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(record.key.clone(), Arc::new(record.clone()));
    }

    /// Adds a record with its tags. `false`: the key is taken, and nothing changed.
    ///
    /// # Errors
    /// SQLite failed.
    pub fn insert(&self, record: &Record, tags: &[(String, String)]) -> Result<bool, StoreError> {
        let mut connection = self.connection();
        // One statement is a transaction by itself.
        if tags.is_empty() {
            let added = add(&connection, record)?;
            if added {
                self.keep(record);
            }
            return Ok(added);
        }
        let tx = connection.transaction().map_err(db("written"))?;
        if !add(&tx, record)? {
            return Ok(false);
        }
        for (key, value) in tags {
            tx.prepare_cached("INSERT OR REPLACE INTO tag VALUES (?,?,?)")
                .and_then(|mut s| s.execute(params![record.arn, key, value]))
                .map_err(db("written"))?;
        }
        tx.commit().map_err(db("written"))?;
        self.keep(record);
        Ok(true)
    }

    /// A record by key.
    ///
    /// # Errors
    /// SQLite failed or the record is damaged.
    pub fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let kept = self.kept().get(key).cloned();
        if let Some(kept) = kept {
            return Ok(Some(Record::clone(&kept)));
        }
        let connection = self.connection();
        let found = get(&connection, key)?;
        if let Some(record) = &found {
            self.keep(record);
        }
        Ok(found)
    }

    /// All records of a kind in an account and region, in name order.
    ///
    /// # Errors
    /// SQLite failed or a record is damaged.
    pub fn list(&self, account: &str, region: &str, kind: &str) -> Result<Vec<Record>, StoreError> {
        let sql = "SELECT * FROM record WHERE account = ? AND region = ? AND kind = ? ORDER BY name";
        query(&self.connection(), sql, params![account, region, kind])
    }

    /// All records of a kind with a status (not the empty one), in every account and region: what a restart has to take up again.
    ///
    /// # Errors
    /// SQLite failed or a record is damaged.
    pub fn with_status(&self, kind: &str, status: &str) -> Result<Vec<Record>, StoreError> {
        let sql = "SELECT * FROM record WHERE kind = ? AND status = ? AND status <> ''";
        query(&self.connection(), sql, params![kind, status])
    }

    /// Changes a record in one transaction: `change` sees the current state and either edits it or refuses.
    /// The outer `Option` is `None` where there is no such record.
    ///
    /// # Errors
    /// SQLite failed or the record is damaged.
    pub fn update<T, E>(
        &self,
        key: &Key,
        change: impl FnOnce(&mut Record) -> Result<T, E>,
    ) -> Result<Option<Result<T, E>>, StoreError> {
        let mut connection = self.connection();
        let tx = connection.transaction().map_err(db("written"))?;
        let Some(mut record) = get(&tx, key)? else { return Ok(None) };
        let out = match change(&mut record) {
            Ok(out) => out,
            Err(refused) => return Ok(Some(Err(refused))),
        };
        tx.prepare_cached(
            "UPDATE record SET status = ?, modified = ?, body = ?, version = version + 1 WHERE account = ? AND region = ? AND kind = ? AND name = ?",
        )
        .and_then(|mut s| {
            s.execute(params![record.status, record.modified, record.body.to_string(), key.account, key.region, key.kind, key.name])
        })
        .map_err(db("written"))?;
        tx.commit().map_err(db("written"))?;
        self.keep(&record);
        Ok(Some(Ok(out)))
    }

    /// Removes a record and its tags. `false`: there was none.
    ///
    /// # Errors
    /// SQLite failed.
    pub fn delete(&self, key: &Key) -> Result<bool, StoreError> {
        let mut connection = self.connection();
        let tx = connection.transaction().map_err(db("written"))?;
        let Some(record) = get(&tx, key)? else { return Ok(false) };
        tx.execute("DELETE FROM tag WHERE arn = ?", params![record.arn]).map_err(db("written"))?;
        tx.execute(
            "DELETE FROM record WHERE account = ? AND region = ? AND kind = ? AND name = ?",
            params![key.account, key.region, key.kind, key.name],
        )
        .map_err(db("written"))?;
        tx.commit().map_err(db("written"))?;
        self.kept().remove(key);
        Ok(true)
    }

    /// Tags of a resource, in key order.
    ///
    /// # Errors
    /// SQLite failed.
    pub fn tags(&self, arn: &str) -> Result<Vec<(String, String)>, StoreError> {
        let connection = self.connection();
        let mut s =
            connection.prepare_cached("SELECT key, value FROM tag WHERE arn = ? ORDER BY key").map_err(db("read"))?;
        let rows = s.query_map(params![arn], |r| Ok((r.get(0)?, r.get(1)?))).map_err(db("read"))?;
        rows.collect::<Result<_, _>>().map_err(db("read"))
    }

    /// Adds or replaces tags.
    ///
    /// # Errors
    /// SQLite failed.
    pub fn put_tags(&self, arn: &str, tags: &[(String, String)]) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let tx = connection.transaction().map_err(db("written"))?;
        for (key, value) in tags {
            tx.execute("INSERT OR REPLACE INTO tag VALUES (?,?,?)", params![arn, key, value]).map_err(db("written"))?;
        }
        tx.commit().map_err(db("written"))
    }

    /// Removes tags by key.
    ///
    /// # Errors
    /// SQLite failed.
    pub fn delete_tags(&self, arn: &str, keys: &[String]) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let tx = connection.transaction().map_err(db("written"))?;
        for key in keys {
            tx.execute("DELETE FROM tag WHERE arn = ? AND key = ?", params![arn, key]).map_err(db("written"))?;
        }
        tx.commit().map_err(db("written"))
    }
}

/// Makes a connection ready: its settings, and the tables that are missing.
///
/// # Errors
/// A newer version made the database, or SQLite failed.
pub fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    // First of all: what a newer version made must not be touched.
    let found: i64 = connection.pragma_query_value(None, "user_version", |r| r.get(0)).map_err(db("opened"))?;
    if found > FORMAT {
        return Err(StoreError::Newer { found, known: FORMAT });
    }
    connection.pragma_update(None, "synchronous", Durability::Kill.synchronous()).map_err(db("opened"))?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(db("opened"))?;
    // Folding the log into the database waits for the disk; done four times as seldom as by default, it costs
    // little, and the log (16 MiB at most) is still read back in milliseconds after a kill.
    connection.pragma_update(None, "wal_autocheckpoint", 4000).map_err(db("opened"))?;
    // A transaction that reads and then writes would be refused at once where another process (`local env`) has
    // written in between; one that announces its write waits its turn.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(db("opened"))?;
    connection.set_prepared_statement_cache_capacity(64);
    if found == 1 {
        connection
            .execute_batch(&format!("BEGIN IMMEDIATE; {FROM_1}; PRAGMA user_version = 2; COMMIT;"))
            .map_err(db("opened"))?;
    }
    connection.execute_batch(SCHEMA).map_err(db("opened"))?;
    Ok(())
}

fn add(connection: &Connection, record: &Record) -> Result<bool, StoreError> {
    let Record { key, arn, status, created, modified, body } = record;
    let body = body.to_string();
    let added = connection
        .prepare_cached("INSERT OR IGNORE INTO record VALUES (?,?,?,?,?,?,?,?,?,1)")
        .and_then(|mut s| {
            s.execute(params![key.account, key.region, key.kind, key.name, arn, status, created, modified, body])
        })
        .map_err(db("written"))?;
    Ok(added > 0)
}

fn get(connection: &Connection, key: &Key) -> Result<Option<Record>, StoreError> {
    let raw = connection
        .prepare_cached("SELECT * FROM record WHERE account = ? AND region = ? AND kind = ? AND name = ?")
        .and_then(|mut s| s.query_row(params![key.account, key.region, key.kind, key.name], raw).optional())
        .map_err(db("read"))?;
    raw.map(parse).transpose()
}

fn query(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Record>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(db("read"))?;
    let rows = statement.query_map(values, raw).map_err(db("read"))?;
    rows.map(|row| parse(row.map_err(db("read"))?)).collect()
}

/// A row whose body is still text.
fn raw(row: &Row<'_>) -> rusqlite::Result<(Record, String)> {
    let key = Key { account: row.get(0)?, region: row.get(1)?, kind: row.get(2)?, name: row.get(3)? };
    let record = Record {
        key,
        arn: row.get(4)?,
        status: row.get(5)?,
        created: row.get(6)?,
        modified: row.get(7)?,
        body: Value::Null,
    };
    Ok((record, row.get(8)?))
}

fn parse((mut record, body): (Record, String)) -> Result<Record, StoreError> {
    match serde_json::from_str(&body) {
        Ok(body) => {
            record.body = body;
            Ok(record)
        }
        Err(source) => Err(StoreError::Damaged { kind: record.key.kind, name: record.key.name, source }),
    }
}

fn db(verb: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Database { verb, source }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(name: &str) -> Record {
        Record {
            key: Key::new("000000000000", "us-east-1", "model", name),
            arn: format!("arn:aws:sagemaker:us-east-1:000000000000:model/{name}"),
            status: "InService".into(),
            created: 1,
            modified: 1,
            body: json!({"b": 1, "a": [2]}),
        }
    }

    #[test]
    fn a_record_lives_from_insert_to_delete() {
        let store = Store::in_memory().unwrap();
        let m = record("m");
        assert!(store.insert(&m, &[("k".into(), "v".into())]).unwrap());
        assert!(!store.insert(&m, &[]).unwrap(), "a taken name is refused");
        assert_eq!(store.get(&m.key).unwrap().as_ref(), Some(&m));
        assert_eq!(store.tags(&m.arn).unwrap(), [("k".to_owned(), "v".to_owned())]);
        let refused = store
            .update(&m.key, |r| {
                r.status = "X".into();
                Err::<(), _>("no")
            })
            .unwrap();
        assert_eq!(refused, Some(Err("no")));
        assert_eq!(store.get(&m.key).unwrap().unwrap().status, "InService");
        store
            .update(&m.key, |r| {
                r.status = "Failed".into();
                Ok::<_, ()>(())
            })
            .unwrap();
        assert_eq!(store.with_status("model", "Failed").unwrap().len(), 1);
        assert!(store.delete(&m.key).unwrap());
        assert!(!store.delete(&m.key).unwrap());
        assert!(store.tags(&m.arn).unwrap().is_empty());
    }

    #[test]
    fn accounts_and_regions_do_not_see_each_other() {
        let store = Store::in_memory().unwrap();
        store.insert(&record("m"), &[]).unwrap();
        assert_eq!(store.list("000000000000", "us-east-1", "model").unwrap().len(), 1);
        assert!(store.list("111111111111", "us-east-1", "model").unwrap().is_empty());
        assert!(store.list("000000000000", "eu-west-1", "model").unwrap().is_empty());
    }

    #[test]
    fn what_was_written_is_there_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.sqlite");
        Store::open(&path).unwrap().insert(&record("m"), &[]).unwrap();
        assert!(Store::open(&path).unwrap().get(&record("m").key).unwrap().is_some());
    }

    #[test]
    fn what_is_kept_in_memory_is_what_the_database_has() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.sqlite");
        let store = Store::open(&path).unwrap();
        let key = record("m").key;
        let same = |expected: Option<&str>| {
            let fresh = Store::open(&path).unwrap().get(&key).unwrap();
            assert_eq!(store.get(&key).unwrap(), fresh);
            assert_eq!(fresh.as_ref().map(|r| r.status.as_str()), expected);
        };
        let set = |status: &str| {
            let changed = store.update(&key, |r| {
                r.status = status.into();
                if status == "refused" { Err(()) } else { Ok(()) }
            });
            changed.unwrap()
        };
        same(None);
        store.insert(&record("m"), &[]).unwrap();
        same(Some("InService"));
        set("Updating");
        same(Some("Updating"));
        assert_eq!(set("refused"), Some(Err(())));
        same(Some("Updating"));
        let mut other = record("m");
        other.status = "Other".into();
        assert!(!store.insert(&other, &[("k".into(), "v".into())]).unwrap());
        same(Some("Updating"));
        store.delete(&key).unwrap();
        same(None);
        store.insert(&other, &[("k".into(), "v".into())]).unwrap();
        same(Some("Other"));
    }
}
