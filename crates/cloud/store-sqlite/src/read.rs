//! Reads: records by key and status, tags, events, timers.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sagewright_cloud_core::records::{Event, Key, Record, StoreError, Tags, Timer, Versioned};
use serde_json::Value;

use crate::write::try_lock;
use crate::{Inner, db, lock};

/// How many connections for reading are kept open.
const READERS: usize = 4;

/// The columns of a record, as [`record`] reads them.
pub const COLUMNS: &str = "account, region, kind, name, arn, status, created, modified, body, version";

impl Inner {
    /// Reads all that was committed, with a connection of its own; with the writer's for a database in memory. May wait.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let Some(path) = &self.path else { return self.alone(work) };
        self.settle()?;
        self.read_settled(path, work)
    }

    /// A short read, which waits for no longer than a commit takes.
    pub fn look<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let Some(path) = &self.path else { return self.alone(work) };
        while self.is_unsettled() {
            // Who has the writer for longer settles first.
            if let Some(mut writer) = try_lock(self) {
                return writer.look(work);
            }
            std::thread::yield_now();
        }
        self.read_settled(path, work)
    }

    fn read_settled<T>(
        &self,
        path: &Path,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let kept = lock(&self.readers).pop();
        let reader = match kept {
            Some(reader) => reader,
            None => {
                let reader = Connection::open(path).map_err(db("opened"))?;
                reader.busy_timeout(std::time::Duration::from_secs(5)).map_err(db("opened"))?;
                reader.set_prepared_statement_cache_capacity(64);
                reader
            }
        };
        let out = work(&reader);
        let mut readers = lock(&self.readers);
        if readers.len() < READERS {
            readers.push(reader);
        }
        out
    }
}

pub fn get(connection: &Connection, key: &Key) -> Result<Option<Versioned>, StoreError> {
    const SQL: &str = "SELECT account, region, kind, name, arn, status, created, modified, body, version \
        FROM record WHERE account = ? AND region = ? AND kind = ? AND name = ?";
    let row = connection
        .prepare_cached(SQL)
        .and_then(|mut s| s.query_row(params![key.account, key.region, key.kind, key.name], raw).optional())
        .map_err(db("read"))?;
    row.map(parse).transpose()
}

/// ARN and version of a record, whatever its body is.
pub fn identity(connection: &Connection, key: &Key) -> Result<Option<(String, i64)>, StoreError> {
    connection
        .prepare_cached("SELECT arn, version FROM record WHERE account = ? AND region = ? AND kind = ? AND name = ?")
        .and_then(|mut s| {
            let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            s.query_row(params![key.account, key.region, key.kind, key.name], row).optional()
        })
        .map_err(db("read"))
}

pub fn with_status(connection: &Connection, kind: &str, status: &str) -> Result<Vec<Record>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM record WHERE kind = ? AND status = ? AND status <> ''");
    let mut statement = connection.prepare_cached(&sql).map_err(db("read"))?;
    let rows = statement.query_map(params![kind, status], raw).map_err(db("read"))?;
    rows.map(|row| parse(row.map_err(db("read"))?).map(|found| found.record)).collect()
}

pub fn tags(connection: &Connection, arns: &[String]) -> Result<Tags, StoreError> {
    let mut out = Tags::new();
    for arn in arns {
        let tags = tags_of(connection, arn)?;
        if !tags.is_empty() {
            out.insert(arn.clone(), tags);
        }
    }
    Ok(out)
}

/// Tags of one resource, in key order.
pub fn tags_of(connection: &Connection, arn: &str) -> Result<Vec<(String, String)>, StoreError> {
    // Sorted here: SQLite parses a statement with ORDER BY again each time that it is run with other values.
    let mut statement = connection.prepare_cached("SELECT key, value FROM tag WHERE arn = ?").map_err(db("read"))?;
    let rows = statement.query_map(params![arn], |r| Ok((r.get(0)?, r.get(1)?))).map_err(db("read"))?;
    let mut tags: Vec<_> = rows.collect::<Result<_, _>>().map_err(db("read"))?;
    tags.sort_unstable();
    Ok(tags)
}

pub fn events(connection: &Connection, after: i64, limit: usize) -> Result<Vec<(i64, Event)>, StoreError> {
    let sql = "SELECT number, account, region, kind, at, body FROM event WHERE number > ? ORDER BY number LIMIT ?";
    let mut statement = connection.prepare_cached(sql).map_err(db("read"))?;
    let rows = statement
        .query_map(params![after, most(limit)], |r| {
            let event =
                Event { account: r.get(1)?, region: r.get(2)?, kind: r.get(3)?, at: r.get(4)?, body: Value::Null };
            Ok((r.get::<_, i64>(0)?, event, r.get::<_, String>(5)?))
        })
        .map_err(db("read"))?;
    rows.map(|row| {
        let (number, mut event, body) = row.map_err(db("read"))?;
        event.body = json("event", &event.kind, &body)?;
        Ok((number, event))
    })
    .collect()
}

pub fn due(connection: &Connection, now: i64, limit: usize) -> Result<Vec<Timer>, StoreError> {
    let sql = "SELECT id, due, body FROM timer WHERE due <= ? ORDER BY due, id LIMIT ?";
    let mut statement = connection.prepare_cached(sql).map_err(db("read"))?;
    let rows = statement
        .query_map(params![now, most(limit)], |r| Ok((r.get::<_, String>(0)?, r.get(1)?, r.get::<_, String>(2)?)))
        .map_err(db("read"))?;
    rows.map(|row| {
        let (id, due, body) = row.map_err(db("read"))?;
        // A damaged body must not hide the others; its owner refuses it.
        let body = json("timer", &id, &body).unwrap_or_default();
        Ok(Timer { id, due, body })
    })
    .collect()
}

pub fn next_due(connection: &Connection) -> Result<Option<i64>, StoreError> {
    connection
        .prepare_cached("SELECT min(due) FROM timer")
        .and_then(|mut s| s.query_row([], |r| r.get(0)))
        .map_err(db("read"))
}

/// A limit as SQLite takes it.
pub fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A row of [`COLUMNS`] whose body is still text.
pub fn raw(row: &Row<'_>) -> rusqlite::Result<(Record, String, i64)> {
    let key = Key { account: row.get(0)?, region: row.get(1)?, kind: row.get(2)?, name: row.get(3)? };
    let record = Record {
        key,
        arn: row.get(4)?,
        status: row.get(5)?,
        created: row.get(6)?,
        modified: row.get(7)?,
        body: Value::Null,
    };
    Ok((record, row.get(8)?, row.get(9)?))
}

pub fn parse((mut record, body, version): (Record, String, i64)) -> Result<Versioned, StoreError> {
    record.body = json(&record.key.kind, &record.key.name, &body)?;
    Ok(Versioned { record, version })
}

fn json(kind: &str, name: &str, text: &str) -> Result<Value, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Damaged {
        kind: kind.to_owned(),
        name: name.to_owned(),
        source,
    })
}
