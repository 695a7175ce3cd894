//! Resources by their tags, and which tags there are: pages that are read from an index, wherever they begin.

use std::collections::BTreeSet;

use rusqlite::{Connection, params_from_iter};
use sagewright_cloud_core::records::{StoreError, TagFilter, TagPage};

use crate::db;
use crate::read::most;

/// How many resources a filter is asked for before it counts as one that many fit.
const MANY: usize = 1000;

/// ARNs of resources that have tags and fit all filters.
pub fn resources(connection: &Connection, page: &TagPage, filters: &[TagFilter]) -> Result<Vec<String>, StoreError> {
    let filters = fewest_first(connection, filters)?;
    let mut found = BTreeSet::new();
    for scope in &page.scopes {
        // A page of what each scope has holds the page of all together.
        let first = page.after.as_deref().filter(|after| *after >= scope.as_str()).unwrap_or(scope);
        let end = end(scope);
        if *first >= *end {
            continue;
        }
        for (sql, values) in statements(first, &end, &filters, page.limit) {
            let mut statement = connection.prepare_cached(&sql).map_err(db("read"))?;
            let rows = statement.query_map(params_from_iter(values), |row| row.get(0)).map_err(db("read"))?;
            found.extend(rows.collect::<Result<Vec<String>, _>>().map_err(db("read"))?);
        }
    }
    Ok(found.into_iter().take(page.limit).collect())
}

/// Filters with values come first, and of them those that fewest resources fit: what fits the first is looked at for the
/// others.
fn fewest_first(connection: &Connection, filters: &[TagFilter]) -> Result<Vec<TagFilter>, StoreError> {
    let counts = filters.iter().filter(|filter| !filter.values.is_empty()).count() > 1;
    let mut counted = Vec::with_capacity(filters.len());
    for filter in filters {
        let count = match (filter.values.is_empty(), counts) {
            (true, _) => MANY + 1,
            (false, false) => 0,
            (false, true) => {
                let sql = format!(
                    "SELECT count(*) FROM (SELECT 1 FROM tag INDEXED BY tag_by_value \
                     WHERE key = ? AND value IN ({}) LIMIT {MANY})",
                    marks(&filter.values)
                );
                let values = std::iter::once(&filter.key).chain(&filter.values);
                let counted = connection.prepare_cached(&sql).and_then(|mut statement| {
                    statement.query_row(params_from_iter(values), |row| row.get::<_, i64>(0))
                });
                usize::try_from(counted.map_err(db("read"))?).unwrap_or(MANY)
            }
        };
        counted.push((count, filter.clone()));
    }
    counted.sort_by_key(|(count, _)| *count);
    Ok(counted.into_iter().map(|(_, filter)| filter).collect())
}

/// The statements that together find the resources between two ARNs: one for each value of the first filter, in the
/// order of the index by value; one in the order of the table where it has none.
pub fn statements<'q>(
    first: &'q str,
    end: &'q str,
    filters: &'q [TagFilter],
    limit: usize,
) -> Vec<(String, Vec<&'q str>)> {
    let (leading, others) = filters.split_first().unzip();
    let mut rest = String::new();
    let mut behind = Vec::new();
    for filter in others.into_iter().flatten() {
        rest.push_str(" AND EXISTS (SELECT 1 FROM tag other WHERE other.arn = tag.arn AND other.key = ?");
        behind.push(filter.key.as_str());
        if !filter.values.is_empty() {
            rest.push_str(&format!(" AND +other.value IN ({})", marks(&filter.values)));
            behind.extend(filter.values.iter().map(String::as_str));
        }
        rest.push(')');
    }
    rest.push_str(&format!(" ORDER BY arn LIMIT {}", most(limit)));
    let with = |start: &[&'q str]| [start, &*behind].concat();
    match leading {
        None => vec![(format!("SELECT DISTINCT arn FROM tag WHERE arn > ? AND arn < ?{rest}"), with(&[first, end]))],
        Some(TagFilter { key, values }) if values.is_empty() => {
            let sql = format!("SELECT arn FROM tag WHERE arn > ? AND arn < ? AND +key = ?{rest}");
            vec![(sql, with(&[first, end, key]))]
        }
        Some(TagFilter { key, values }) => {
            let index = "SELECT arn FROM tag INDEXED BY tag_by_value";
            let sql = format!("{index} WHERE key = ? AND value = ? AND arn > ? AND arn < ?{rest}");
            values.iter().map(|value| (sql.clone(), with(&[key, value, first, end]))).collect()
        }
    }
}

/// The keys of all tags, or the values of those with a key.
pub fn texts(connection: &Connection, page: &TagPage, key: Option<&str>) -> Result<Vec<String>, StoreError> {
    let (next, there) = match key {
        None => (
            "SELECT min(key) FROM tag INDEXED BY tag_by_value WHERE key >= ?",
            "SELECT EXISTS (SELECT 1 FROM tag INDEXED BY tag_by_value WHERE key = ? AND arn > ? AND arn < ?)",
        ),
        Some(_) => (
            "SELECT min(value) FROM tag INDEXED BY tag_by_value WHERE key = ? AND value >= ?",
            "SELECT EXISTS (SELECT 1 FROM tag INDEXED BY tag_by_value WHERE key = ? AND value = ? AND arn > ? AND arn < ?)",
        ),
    };
    let mut next = connection.prepare_cached(next).map_err(db("read"))?;
    let mut there = connection.prepare_cached(there).map_err(db("read"))?;
    let mut found = Vec::new();
    let mut from = page.after.as_deref().map(behind).unwrap_or_default();
    while found.len() < page.limit {
        let values = key.into_iter().chain([&*from]);
        let Some(text) = next.query_row(params_from_iter(values), |row| row.get(0)).map_err(db("read"))? else { break };
        let text: String = text;
        let mut ours = false;
        for scope in &page.scopes {
            let end = end(scope);
            let values = key.into_iter().chain([&*text, scope, &*end]);
            ours = there.query_row(params_from_iter(values), |row| row.get(0)).map_err(db("read"))?;
            if ours {
                break;
            }
        }
        from = behind(&text);
        if ours {
            found.push(text);
        }
    }
    Ok(found)
}

/// The end of the texts that begin with this one: text is compared by its bytes, of which none is larger than these.
fn end(start: &str) -> String {
    format!("{start}{}", char::MAX)
}

/// The text that comes next after this one.
fn behind(text: &str) -> String {
    format!("{text}\0")
}

fn marks(values: &[String]) -> String {
    vec!["?"; values.len()].join(",")
}
