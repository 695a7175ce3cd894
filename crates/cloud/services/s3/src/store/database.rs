//! The SQLite file: one connection that writes and one that reads, so that a listing never waits
//! for an upload to commit.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use sagewright_cloud_core::durability::Durability;

use super::StoreError;

/// Keys are blobs so that they order by bytes, as S3 lists them, and so that the end of a prefix
/// can be a bound that is not valid text.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS runs (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    last INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS buckets (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    created INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS buckets_account ON buckets (account, name);
CREATE TABLE IF NOT EXISTS objects (
    bucket        INTEGER NOT NULL REFERENCES buckets (id),
    key           BLOB NOT NULL,
    content       INTEGER NOT NULL,
    size          INTEGER NOT NULL,
    etag          TEXT NOT NULL,
    modified      INTEGER NOT NULL,
    storage_class TEXT NOT NULL,
    meta          TEXT NOT NULL,
    tags          TEXT,
    parts         TEXT,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS objects_content ON objects (content);
CREATE TABLE IF NOT EXISTS uploads (
    id      TEXT PRIMARY KEY,
    bucket  INTEGER NOT NULL REFERENCES buckets (id),
    key     BLOB NOT NULL,
    created INTEGER NOT NULL,
    spec    TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_key ON uploads (bucket, key, created, id);
CREATE TABLE IF NOT EXISTS parts (
    upload    TEXT NOT NULL REFERENCES uploads (id),
    number    INTEGER NOT NULL,
    content   INTEGER NOT NULL,
    size      INTEGER NOT NULL,
    etag      TEXT NOT NULL,
    modified  INTEGER NOT NULL,
    checksums TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS parts_content ON parts (content);
PRAGMA user_version = 1;
";

const VERSION: i64 = 1;

pub(crate) struct Database {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

impl Database {
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        let writer = connect(path, durability)?;
        let found: i64 = writer.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match found {
            0 => writer.execute_batch(SCHEMA)?,
            VERSION => {}
            other => {
                return Err(StoreError::damaged(
                    "s3.sqlite",
                    format!("its format is version {other}, this program knows version {VERSION}"),
                ));
            }
        }
        Ok(Self { writer: Mutex::new(writer), reader: Mutex::new(connect(path, durability)?) })
    }

    /// Counts this run and returns its number, from 1.
    pub(crate) fn begin_run(&self) -> Result<u64, StoreError> {
        self.write(|tx| {
            let last: i64 = tx.query_row(
                "INSERT INTO runs (only, last) VALUES (1, 1)
                 ON CONFLICT (only) DO UPDATE SET last = last + 1 RETURNING last",
                [],
                |row| row.get(0),
            )?;
            Ok(last.cast_unsigned())
        })
    }

    /// Runs `work` on a snapshot.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        work(&guard(&self.reader))
    }

    /// Runs `work` in a transaction that commits when it succeeds and leaves no trace when it fails.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = guard(&self.writer);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }
}

/// A panic elsewhere cannot leave a connection half-way: transactions roll back when dropped.
fn guard(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(path: &Path, durability: Durability) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    // WAL with NORMAL keeps every commit through a kill of the process, without a sync per commit; FULL syncs each.
    connection.pragma_update(None, "synchronous", durability.synchronous())?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -2000;
         PRAGMA temp_store = MEMORY;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
