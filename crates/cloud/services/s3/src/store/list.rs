//! Listing keys in order, with everything under a delimiter rolled into one common prefix.

use std::ops::ControlFlow;

use rusqlite::{Connection, params};

use super::records::{key_text, signed};
use super::{BucketRow, ObjectRow, Store, StoreError};

/// A bound above every key: no key begins with this byte, which UTF-8 never uses.
const END: &[u8] = &[0xff];

/// Which keys to list.
#[derive(Debug, Default)]
pub(crate) struct ListQuery<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: Option<&'a str>,
    pub(crate) after: Option<Position>,
    /// The most entries, objects and common prefixes together.
    pub(crate) limit: usize,
}

/// A place in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Position {
    /// Just after this key.
    Key(String),
    /// After every key that begins with this.
    Prefix(String),
}

impl Position {
    /// Where a listing goes on after `marker`: one at or below a common prefix stands for all keys
    /// under it, so that the prefix is not shown again.
    pub(crate) fn from_marker(marker: &str, prefix: &str, delimiter: Option<&str>) -> Self {
        match common_prefix(marker, prefix, delimiter) {
            Some(rolled) => Self::Prefix(rolled.to_owned()),
            None => Self::Key(marker.to_owned()),
        }
    }

    /// Where a listing goes on after the key `start`: other keys under its common prefix still show the prefix.
    pub(crate) fn from_start(start: &str, prefix: &str, delimiter: Option<&str>) -> Self {
        match common_prefix(start, prefix, delimiter) {
            Some(rolled) if rolled == start => Self::Prefix(start.to_owned()),
            _ => Self::Key(start.to_owned()),
        }
    }

    /// The least key that may follow.
    pub(super) fn lower_bound(&self) -> Vec<u8> {
        match self {
            Self::Key(key) => {
                let mut bound = key.as_bytes().to_vec();
                bound.push(0);
                bound
            }
            Self::Prefix(prefix) => successor(prefix),
        }
    }
}

/// An entry of a listing.
#[derive(Debug)]
pub(crate) enum Listed {
    Object(String, Box<ObjectRow>),
    Prefix(String),
}

/// Entries in order, and where the next page begins if there is one.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Listed>,
    pub(crate) next: Option<Position>,
}

impl Store {
    pub(crate) fn list_page(&self, bucket: &BucketRow, query: &ListQuery<'_>) -> Result<Page, StoreError> {
        let mut page = Page::default();
        if query.limit == 0 {
            return Ok(page);
        }
        let mut lower = query.prefix.as_bytes().to_vec();
        if let Some(after) = &query.after {
            lower = lower.max(after.lower_bound());
        }
        let upper = upper_bound(query.prefix);
        self.0.database.read(|db| {
            // Each common prefix ends a scan and the next begins after all that it stands for.
            while let ControlFlow::Continue(next) = scan(db, bucket, query, &lower, &upper, &mut page)? {
                lower = next;
            }
            Ok(page)
        })
    }
}

/// Reads on from `lower` until the page is full, the range ends, or a common prefix was met.
fn scan(
    db: &Connection,
    bucket: &BucketRow,
    query: &ListQuery<'_>,
    lower: &[u8],
    upper: &[u8],
    page: &mut Page,
) -> Result<ControlFlow<(), Vec<u8>>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {}, key FROM objects WHERE bucket = ?1 AND key >= ?2 AND key < ?3
         ORDER BY key LIMIT ?4",
        ObjectRow::COLUMNS
    ))?;
    // One more than fits, to know whether the listing goes on.
    let limit = query.limit - page.entries.len() + 1;
    let mut rows = statement.query(params![bucket.id, lower, upper, signed(limit as u64)])?;
    while let Some(row) = rows.next()? {
        if page.entries.len() == query.limit {
            page.next = page.entries.last().map(|last| match last {
                Listed::Object(key, _) => Position::Key(key.clone()),
                Listed::Prefix(prefix) => Position::Prefix(prefix.clone()),
            });
            return Ok(ControlFlow::Break(()));
        }
        let key = key_text(row.get(8)?)?;
        if let Some(rolled) = common_prefix(&key, query.prefix, query.delimiter) {
            let rolled = rolled.to_owned();
            let next = successor(&rolled);
            page.entries.push(Listed::Prefix(rolled));
            return Ok(ControlFlow::Continue(next));
        }
        let object = ObjectRow::read(row)?;
        page.entries.push(Listed::Object(key, Box::new(object)));
    }
    Ok(ControlFlow::Break(()))
}

/// The part of `key` up to and with the first delimiter after `prefix`.
pub(crate) fn common_prefix<'k>(key: &'k str, prefix: &str, delimiter: Option<&str>) -> Option<&'k str> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let rest = key.strip_prefix(prefix)?;
    let end = prefix.len() + rest.find(delimiter)? + delimiter.len();
    key.get(..end)
}

/// A bound above every key that begins with `prefix`.
pub(super) fn upper_bound(prefix: &str) -> Vec<u8> {
    if prefix.is_empty() { END.to_vec() } else { successor(prefix) }
}

/// The least byte string greater than every string that begins with `prefix`.
pub(super) fn successor(prefix: &str) -> Vec<u8> {
    let mut bound = prefix.as_bytes().to_vec();
    // UTF-8 has no byte 0xff, so the last byte can always be raised.
    if let Some(last) = bound.last_mut() {
        *last += 1;
    }
    bound
}
