//! Searches: conditions, order and place as SQL.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use sagewright_cloud_core::records::{Filter, Found, Order, Query, StoreError};
use serde_json::Value;

use crate::db;
use crate::read::{COLUMNS, most, parse, raw};

/// Orders versions by number: `group/000000010` comes after `group/000000009`.
const BY_NUMBER: &str = "CASE WHEN instr(name, '/') > 0 \
    THEN substr(name, 1, instr(name, '/')) || printf('%09d', substr(name, instr(name, '/') + 1)) ELSE name END \
    || char(1) || name";

pub fn find(connection: &Connection, query: &Query) -> Result<Vec<Found>, StoreError> {
    let (sql, values) = statement(query);
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

/// The search as SQL. What a page of a plain kind takes does not grow with the number of records: all orders but that by the
/// last change are those of an index.
pub fn statement(query: &Query) -> (String, Vec<Sql>) {
    let name = if query.numbered { BY_NUMBER } else { "name" };
    let position = match query.order {
        Order::Name => name,
        Order::Created => "created",
        Order::Modified => "modified",
        Order::Status => "status",
    };
    let mut sql = format!(
        "SELECT {COLUMNS}, {position} AS position, {name} AS tie FROM record WHERE account = ? AND region = ? AND kind = ?"
    );
    let mut values: Vec<Sql> = [&query.account, &query.region, &query.kind].map(|text| Sql::Text(text.clone())).into();
    for filter in &query.filters {
        let (condition, value) = condition(filter);
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.extend(value);
    }
    if query.order == Order::Status {
        // As the index has it.
        sql.push_str(" AND status <> ''");
    }
    let (than, order) = if query.descending { ("<", "DESC") } else { (">", "ASC") };
    // A name is its own tie.
    let by_name = query.order == Order::Name;
    match &query.after {
        Some((_, tie)) if by_name => {
            sql.push_str(&format!(" AND {name} {than} ?"));
            values.push(Sql::Text(tie.clone()));
        }
        Some((place, tie)) => {
            sql.push_str(&format!(" AND ({position}, {name}) {than} (?, ?)"));
            let text = || Sql::Text(place.as_str().unwrap_or_default().to_owned());
            values.extend([place.as_i64().map_or_else(text, Sql::Integer), Sql::Text(tie.clone())]);
        }
        None => {}
    }
    let first = if by_name { String::new() } else { format!("{position} {order}, ") };
    sql.push_str(&format!(" ORDER BY {first}{name} {order} LIMIT {}", most(query.limit)));
    (sql, values)
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
        // A range, which an index has; text is compared by its bytes, of which none is larger than these.
        Filter::NameStarts(start) => ("name >= ? AND name < ? || char(1114111)", [text(start), text(start)].concat()),
        Filter::NameHasParts(true) => ("instr(name, '/') > 0", Vec::new()),
        Filter::NameHasParts(false) => ("instr(name, '/') = 0", Vec::new()),
        Filter::Status(status) => ("status = ?", text(status)),
        Filter::Member(path, value) => {
            ("CAST(json_extract(body, ?) AS TEXT) = ?", vec![Sql::Text(format!("$.{path}")), Sql::Text(value.clone())])
        }
    }
}
