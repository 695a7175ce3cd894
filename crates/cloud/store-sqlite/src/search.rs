//! Searches: conditions, order and place as SQL.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use sagewright_cloud_core::records::{Filter, Found, Order, Query, StoreError};
use serde_json::Value;

use crate::db;
use crate::read::{COLUMNS, most, parse, raw};

/// Orders versions by number: `group/000000010` comes after `group/000000009`. As the index has it.
const BY_NAME: &str = "CASE WHEN instr(name, '/') > 0 \
    THEN substr(name, 1, instr(name, '/')) || printf('%09d', substr(name, instr(name, '/') + 1)) ELSE name END";

pub fn find(connection: &Connection, query: &Query) -> Result<Vec<Found>, StoreError> {
    let position = match query.order {
        Order::Name => BY_NAME,
        Order::Created => "created",
        Order::Modified => "modified",
        Order::Status => "status",
    };
    let mut sql = format!(
        "SELECT {COLUMNS}, {position} AS position, {BY_NAME} || '|' || name AS tie FROM record \
         WHERE account = ? AND region = ? AND kind = ?"
    );
    let mut values: Vec<Sql> = [&query.account, &query.region, &query.kind].map(|text| Sql::Text(text.clone())).into();
    for filter in &query.filters {
        let (condition, value) = condition(filter);
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.extend(value);
    }
    if let Some((place, tie)) = &query.after {
        let place =
            place.as_i64().map_or_else(|| Sql::Text(place.as_str().unwrap_or_default().to_owned()), Sql::Integer);
        sql.push_str(&format!(" AND (position, tie) {} (?, ?)", if query.descending { "<" } else { ">" }));
        values.extend([place, Sql::Text(tie.clone())]);
    }
    let order = if query.descending { "DESC" } else { "ASC" };
    sql.push_str(&format!(" ORDER BY position {order}, tie {order} LIMIT ?"));
    values.push(Sql::Integer(most(query.limit)));

    let mut statement = connection.prepare_cached(&sql).map_err(db("read"))?;
    let rows = statement
        .query_map(rusqlite::params_from_iter(values), |row| {
            let position = match row.get(10)? {
                Sql::Integer(n) => Value::from(n),
                Sql::Text(text) => Value::String(text),
                _ => Value::Null,
            };
            Ok((raw(row)?, position, row.get(11)?))
        })
        .map_err(db("read"))?;
    rows.map(|row| {
        let (found, position, tie) = row.map_err(db("read"))?;
        Ok(Found { record: parse(found)?.record, position, tie })
    })
    .collect()
}

/// The least text behind all that start with a text. `None` where the last letter has no next one here.
fn after(start: &str) -> Option<String> {
    let last = start.chars().next_back().filter(|last| last.is_ascii() && *last < '\x7f')?;
    let next = char::from(u8::try_from(last).ok()? + 1);
    Some(format!("{}{next}", &start[..start.len() - 1]))
}

fn condition(filter: &Filter) -> (&'static str, Vec<Sql>) {
    let text = |value: &String| vec![Sql::Text(value.clone())];
    match filter {
        Filter::Nothing => ("0", Vec::new()),
        Filter::CreatedAfter(time) => ("created > ?", vec![Sql::Real(*time)]),
        Filter::CreatedBefore(time) => ("created < ?", vec![Sql::Real(*time)]),
        Filter::ModifiedAfter(time) => ("modified > ?", vec![Sql::Real(*time)]),
        Filter::ModifiedBefore(time) => ("modified < ?", vec![Sql::Real(*time)]),
        Filter::NameContains(part) => ("instr(name, ?) > 0", text(part)),
        Filter::NameStarts(start) => match after(start) {
            // A range of the key, so that the others are not looked at.
            Some(end) => ("name >= ? AND name < ?", [text(start), text(&end)].concat()),
            None => ("substr(name, 1, length(?)) = ?", [text(start), text(start)].concat()),
        },
        Filter::NameHasParts(true) => ("instr(name, '/') > 0", Vec::new()),
        Filter::NameHasParts(false) => ("instr(name, '/') = 0", Vec::new()),
        Filter::Status(status) => ("status = ?", text(status)),
        Filter::Member(path, value) => {
            ("json_extract(body, ?) = ?", vec![Sql::Text(format!("$.{path}")), Sql::Text(value.clone())])
        }
    }
}
