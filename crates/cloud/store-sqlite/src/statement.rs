//! The statements of a commit, and how the redo log holds them.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};
use sagewright_cloud_core::records::StoreError;

use crate::db;

/// Statements that change what is stored. A log of an earlier version has their discriminants: they never change, and
/// neither does what a statement does.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub enum Statement {
    Insert = 0,
    Replace = 1,
    Delete = 2,
    DeleteTags = 3,
    PutTag = 4,
    DeleteTag = 5,
    Emit = 6,
    SetTimer = 7,
    CancelTimer = 8,
}

/// In the order of [`Statement`].
const SQL: [&str; 9] = [
    "INSERT OR IGNORE INTO record VALUES (?,?,?,?,?,?,?,?,?,?)",
    "UPDATE record SET status = ?, modified = ?, body = ?, version = version + 1 \
     WHERE account = ? AND region = ? AND kind = ? AND name = ? AND version = ?",
    "DELETE FROM record WHERE account = ? AND region = ? AND kind = ? AND name = ?",
    "DELETE FROM tag WHERE arn = ?",
    "INSERT OR REPLACE INTO tag VALUES (?,?,?)",
    "DELETE FROM tag WHERE arn = ? AND key = ?",
    "INSERT INTO event (account, region, kind, at, body) VALUES (?,?,?,?,?)",
    "INSERT OR REPLACE INTO timer VALUES (?,?,?)",
    "DELETE FROM timer WHERE id = ? AND due = ?",
];

/// A value of a statement.
#[derive(Debug, Clone, Copy)]
pub enum Value<'v> {
    Number(i64),
    Text(&'v str),
}

impl<'v, T: AsRef<str> + ?Sized> From<&'v T> for Value<'v> {
    fn from(text: &'v T) -> Self {
        Self::Text(text.as_ref())
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Number(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// Runs a statement and appends it to `log`; how many rows it changed.
pub fn run(
    connection: &Connection,
    log: &mut Vec<u8>,
    statement: Statement,
    values: &[Value<'_>],
) -> Result<usize, StoreError> {
    log.extend_from_slice(&[statement as u8, u8::try_from(values.len()).unwrap_or(u8::MAX)]);
    for value in values {
        match value {
            Value::Number(number) => {
                log.push(0);
                log.extend_from_slice(&number.to_le_bytes());
            }
            Value::Text(text) => {
                log.push(1);
                log.extend_from_slice(&(text.len() as u64).to_le_bytes());
                log.extend_from_slice(text.as_bytes());
            }
        }
    }
    execute(connection, SQL[statement as usize], values)
}

fn execute(connection: &Connection, sql: &str, values: &[Value<'_>]) -> Result<usize, StoreError> {
    let done = connection.prepare_cached(sql).and_then(|mut s| s.execute(rusqlite::params_from_iter(values)));
    done.map_err(db("written"))
}

/// Runs the statements of a log again.
pub fn replay(connection: &Connection, log: &[u8]) -> Result<(), StoreError> {
    let mut rest = log;
    while !rest.is_empty() {
        let (sql, values) = read(&mut rest).ok_or_else(|| {
            StoreError::Refused("the state's redo log holds a statement that this version does not know".to_owned())
        })?;
        execute(connection, sql, &values)?;
    }
    Ok(())
}

fn read<'l>(rest: &mut &'l [u8]) -> Option<(&'static str, Vec<Value<'l>>)> {
    let [statement, count] = take(rest)?;
    let value = |_| {
        let [text] = take(rest)?;
        let number = i64::from_le_bytes(take(rest)?);
        if text == 0 {
            return Some(Value::Number(number));
        }
        let (text, after) = rest.split_at_checked(usize::try_from(number).ok()?)?;
        *rest = after;
        std::str::from_utf8(text).ok().map(Value::Text)
    };
    let values = (0..count).map(value).collect::<Option<_>>()?;
    Some((SQL.get(usize::from(statement))?, values))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}
