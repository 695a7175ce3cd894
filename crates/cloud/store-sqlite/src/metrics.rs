//! CloudWatch's metrics in a SQLite file of their own: many small rows that are added to, and that no other state
//! depends on.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use sagewright_cloud_core::durability::Durability;
use sagewright_cloud_core::limits;
use sagewright_cloud_core::metrics::{Bucket, Datum, Metric, MetricStore, Resolution, Search, Span, Spread, Stats};
use sagewright_cloud_core::records::StoreError;

use crate::db;

const FORMAT: i64 = 1;

// Seconds and minutes are a bucket's start since 1970; `latest` is in milliseconds.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS metric (
    id         INTEGER PRIMARY KEY,
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    namespace  TEXT NOT NULL,
    name       TEXT NOT NULL,
    dimensions TEXT NOT NULL,
    latest     INTEGER NOT NULL,
    UNIQUE (account, region, namespace, name, dimensions)
);
CREATE TABLE IF NOT EXISTS bucket (
    metric     INTEGER NOT NULL,
    resolution INTEGER NOT NULL,
    start      INTEGER NOT NULL,
    unit       TEXT NOT NULL,
    count      REAL NOT NULL,
    sum        REAL NOT NULL,
    minimum    REAL NOT NULL,
    maximum    REAL NOT NULL,
    spread     BLOB NOT NULL,
    PRIMARY KEY (metric, resolution, start, unit)
) WITHOUT ROWID;
PRAGMA user_version = 1;
";

// What was put under a key. Made on its first use, so that a database of an earlier version needs no change at its start.
const DONE: &str = "CREATE TABLE IF NOT EXISTS done (key TEXT PRIMARY KEY, latest INTEGER NOT NULL) WITHOUT ROWID";

/// Metrics that are looked at in one transaction for what is too old.
const TOGETHER: usize = 100;

/// Metrics in a SQLite file.
#[derive(Debug)]
pub struct SqliteMetrics {
    connection: Mutex<Connection>,
}

impl SqliteMetrics {
    /// Opens or makes the database file. Blocks.
    ///
    /// # Errors
    /// The file cannot be opened, is not a database, or a newer version made it.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        Self::over(Connection::open(path).map_err(db("opened"))?, durability)
    }

    /// A database in memory, for tests.
    ///
    /// # Errors
    /// SQLite failed.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::over(Connection::open_in_memory().map_err(db("opened"))?, Durability::default())
    }

    fn over(connection: Connection, durability: Durability) -> Result<Self, StoreError> {
        let opened = || {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", durability.synchronous())?;
            connection.query_row("PRAGMA user_version", [], |row| row.get(0))
        };
        let found: i64 = opened().map_err(db("opened"))?;
        if found > FORMAT {
            return Err(StoreError::Newer { found, known: FORMAT });
        }
        // A full disk must not keep a cloud from its start.
        if found < FORMAT {
            connection.execute_batch(SCHEMA).map_err(db("opened"))?;
        }
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MetricStore for SqliteMetrics {
    fn put(&self, data: &[Datum]) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(db("written"))?;
        add_all(&transaction, data)?;
        transaction.commit().map_err(db("written"))
    }

    fn put_once(&self, key: &str, data: &[Datum]) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(db("written"))?;
        if !first(&transaction, key, data).map_err(db("written"))? {
            return Ok(());
        }
        add_all(&transaction, data)?;
        transaction.commit().map_err(db("written"))
    }

    fn read(&self, metric: &Metric, span: Span) -> Result<Vec<Bucket>, StoreError> {
        const SQL: &str = "SELECT start, unit, count, sum, minimum, maximum, CASE ?5 WHEN 1 THEN spread ELSE x'' END \
            FROM bucket WHERE metric = ?1 AND resolution = ?2 AND start >= ?3 AND start < ?4 ORDER BY start, unit";
        let connection = self.lock();
        let read = || {
            let Some(id) = known(&connection, metric)? else { return Ok(Vec::new()) };
            let mut statement = connection.prepare_cached(SQL)?;
            let values = params![id, span.resolution.seconds(), span.from, span.to, span.spread];
            let rows = statement
                .query_map(values, |row| Ok(Bucket { start: row.get(0)?, unit: row.get(1)?, stats: stats(row, 2)? }))?;
            rows.collect::<Result<_, _>>()
        };
        read().map_err(db("read"))
    }

    fn search(&self, search: &Search) -> Result<Vec<Metric>, StoreError> {
        let after = search.after.as_ref();
        let place = after.map(|m| (m.namespace.as_str(), m.name.as_str(), encode(m.dimensions())));
        let (namespace, name, dimensions) = place.unwrap_or_default();
        let connection = self.lock();
        let find = || {
            // Each is a range of the key, so that a page costs the same wherever it begins.
            let scope = if search.namespace.is_some() { "AND namespace = ?3 " } else { "" };
            let sql = format!(
                "SELECT namespace, name, dimensions FROM metric WHERE account = ?1 AND region = ?2 {scope}\
                 AND (?3 IS NULL OR namespace = ?3) AND (?4 IS NULL OR name = ?4) AND latest >= ?5 \
                 AND (namespace, name, dimensions) > (?6, ?7, ?8) ORDER BY namespace, name, dimensions LIMIT ?9"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let limit = i64::try_from(search.limit).unwrap_or(i64::MAX);
            let values = params![
                search.account,
                search.region,
                search.namespace,
                search.name,
                search.since,
                namespace,
                name,
                dimensions,
                limit
            ];
            let rows = statement.query_map(values, |row| {
                let (namespace, name, dimensions): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let metric = Metric::new(&search.account, &search.region, &namespace, &name);
                Ok(decode(&dimensions).into_iter().fold(metric, |metric, (name, value)| metric.with(&name, &value)))
            })?;
            rows.collect::<Result<_, _>>()
        };
        find().map_err(db("read"))
    }

    fn forget(&self, now: i64) -> Result<(), StoreError> {
        forget_keys(&self.lock(), now).map_err(db("written"))?;
        let mut last = 0;
        loop {
            // Between two of them others come to their turn.
            let mut connection = self.lock();
            let transaction = connection.transaction().map_err(db("written"))?;
            let next = forget(&transaction, last, now).map_err(db("written"))?;
            transaction.commit().map_err(db("written"))?;
            match next {
                Some(next) => last = next,
                None => return Ok(()),
            }
        }
    }
}

fn add_all(transaction: &Transaction<'_>, data: &[Datum]) -> Result<(), StoreError> {
    let mut room = None;
    for datum in data {
        let metric = metric(transaction, datum, &mut room)?;
        for resolution in Resolution::ALL {
            if resolution != Resolution::Second || datum.fine {
                add(transaction, metric, resolution, datum).map_err(db("written"))?;
            }
        }
    }
    Ok(())
}

/// Notes a key; whether it is a new one.
fn first(transaction: &Transaction<'_>, key: &str, data: &[Datum]) -> rusqlite::Result<bool> {
    transaction.execute_batch(DONE)?;
    let latest = data.iter().map(|datum| datum.at).max().unwrap_or_default();
    let mut statement = transaction.prepare_cached("INSERT OR IGNORE INTO done VALUES (?, ?)")?;
    Ok(statement.execute(params![key, latest])? > 0)
}

/// Removes the keys of data that are too old.
fn forget_keys(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    connection.execute_batch(DONE)?;
    let oldest = now - Resolution::Hour.kept() * 1000;
    connection.execute("DELETE FROM done WHERE latest < ?", [oldest]).map(drop)
}

/// Removes what is too old of the metrics behind a number; gives the number of the last one, where there are more.
fn forget(transaction: &Transaction<'_>, after: i64, now: i64) -> rusqlite::Result<Option<i64>> {
    let mut statement = transaction.prepare_cached("SELECT id, latest FROM metric WHERE id > ? ORDER BY id LIMIT ?")?;
    let limit = i64::try_from(TOGETHER).unwrap_or(i64::MAX);
    let metrics = statement.query_map([after, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let metrics: Vec<(i64, i64)> = metrics.collect::<Result<_, _>>()?;
    for (metric, latest) in &metrics {
        for resolution in Resolution::ALL {
            let oldest = now.div_euclid(1000) - resolution.kept();
            let sql = "DELETE FROM bucket WHERE metric = ? AND resolution = ? AND start < ?";
            transaction.prepare_cached(sql)?.execute([*metric, resolution.seconds(), oldest])?;
        }
        if *latest < now - Resolution::Hour.kept() * 1000 {
            transaction.prepare_cached("DELETE FROM metric WHERE id = ?")?.execute([metric])?;
        }
    }
    Ok(metrics.last().filter(|_| metrics.len() == TOGETHER).map(|(metric, _)| *metric))
}

/// The number of a metric, which is made where it is new and there is room; how much, is looked up once.
fn metric(transaction: &Transaction<'_>, datum: &Datum, room: &mut Option<usize>) -> Result<i64, StoreError> {
    let found = known(transaction, &datum.metric).map_err(db("read"))?;
    let write = |id: Option<i64>| {
        if let Some(id) = id {
            let sql = "UPDATE metric SET latest = ?2 WHERE id = ?1 AND latest < ?2";
            transaction.prepare_cached(sql)?.execute([id, datum.at])?;
            return Ok(id);
        }
        let Metric { account, region, namespace, name, .. } = &datum.metric;
        let sql = "INSERT INTO metric (account, region, namespace, name, dimensions, latest) VALUES (?, ?, ?, ?, ?, ?)";
        let values = params![account, region, namespace, name, encode(datum.metric.dimensions()), datum.at];
        transaction.prepare_cached(sql)?.execute(values)?;
        Ok(transaction.last_insert_rowid())
    };
    if found.is_none() {
        let left = match *room {
            Some(left) => left,
            None => left(transaction).map_err(db("read"))?,
        };
        if left == 0 {
            return Err(StoreError::Refused(format!(
                "the embedded cloud keeps {} metrics, and has them; use fewer different dimensions, or start over with \
                 `sagewright local reset`",
                limits::METRICS
            )));
        }
        *room = Some(left - 1);
    }
    write(found).map_err(db("written"))
}

/// How many metrics may come.
fn left(transaction: &Transaction<'_>) -> rusqlite::Result<usize> {
    let count: i64 = transaction.query_row("SELECT count(*) FROM metric", [], |row| row.get(0))?;
    Ok(limits::METRICS.saturating_sub(usize::try_from(count).unwrap_or(0)))
}

fn known(connection: &Connection, metric: &Metric) -> rusqlite::Result<Option<i64>> {
    const SQL: &str =
        "SELECT id FROM metric WHERE account = ? AND region = ? AND namespace = ? AND name = ? AND dimensions = ?";
    let Metric { account, region, namespace, name, .. } = metric;
    let values = params![account, region, namespace, name, encode(metric.dimensions())];
    connection.prepare_cached(SQL)?.query_row(values, |row| row.get(0)).optional()
}

fn add(transaction: &Transaction<'_>, metric: i64, resolution: Resolution, datum: &Datum) -> rusqlite::Result<()> {
    const LOOK: &str = "SELECT count, sum, minimum, maximum, spread FROM bucket \
        WHERE metric = ? AND resolution = ? AND start = ? AND unit = ?";
    const WRITE: &str = "INSERT OR REPLACE INTO bucket (metric, resolution, start, unit, count, sum, minimum, maximum, \
        spread) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let (seconds, start) = (resolution.seconds(), resolution.bucket(datum.at));
    let mut look = transaction.prepare_cached(LOOK)?;
    let found = look.query_row(params![metric, seconds, start, datum.unit], |row| stats(row, 0)).optional()?;
    let mut all = found.unwrap_or_default();
    all.merge(&datum.stats);
    let Stats { count, sum, minimum, maximum, spread } = &all;
    let values = params![metric, seconds, start, datum.unit, count, sum, minimum, maximum, spread.encode()];
    transaction.prepare_cached(WRITE)?.execute(values).map(drop)
}

fn stats(row: &Row<'_>, first: usize) -> rusqlite::Result<Stats> {
    let spread: Vec<u8> = row.get(first + 4)?;
    Ok(Stats {
        count: row.get(first)?,
        sum: row.get(first + 1)?,
        minimum: row.get(first + 2)?,
        maximum: row.get(first + 3)?,
        spread: Spread::decode(&spread),
    })
}

fn encode(dimensions: &[(String, String)]) -> String {
    serde_json::Value::from_iter(dimensions.iter().map(|(name, value)| serde_json::json!([name, value]))).to_string()
}

fn decode(dimensions: &str) -> Vec<(String, String)> {
    serde_json::from_str(dimensions).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn metric(name: &str) -> Metric {
        Metric::new("1", "r", "n", name).with("b", "2").with("a", "1")
    }

    fn datum(name: &str, second: i64, value: f64) -> Datum {
        Datum::new(metric(name), "Count", second * 1000, value)
    }

    fn counts(store: &SqliteMetrics, name: &str, resolution: Resolution) -> Vec<(i64, f64)> {
        let span = Span { resolution, from: i64::MIN, to: i64::MAX, spread: false };
        store.read(&metric(name), span).unwrap().into_iter().map(|b| (b.start, b.stats.count)).collect()
    }

    fn search(store: &SqliteMetrics, change: impl FnOnce(&mut Search)) -> Vec<String> {
        let (account, region) = ("1".to_owned(), "r".to_owned());
        let mut search =
            Search { account, region, namespace: None, name: None, since: i64::MIN, after: None, limit: 2 };
        change(&mut search);
        store.search(&search).unwrap().into_iter().map(|m| format!("{}{:?}", m.name, m.dimensions())).collect()
    }

    #[test]
    fn data_are_put_together_at_every_resolution_and_outlive_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.sqlite");
        let store = SqliteMetrics::open(&path, Durability::default()).unwrap();
        let fine = Datum { fine: true, ..datum("m", 7_261, 4.0) };
        store.put(&[datum("m", 7_200, 1.0), datum("m", 7_259, 3.0), fine]).unwrap();
        drop(store);
        let store = SqliteMetrics::open(&path, Durability::PowerLoss).unwrap();
        store.put(&[datum("m", 7_500, 8.0)]).unwrap();
        assert_eq!(counts(&store, "m", Resolution::Second), [(7261, 1.0)]);
        assert_eq!(counts(&store, "m", Resolution::Minute), [(7200, 2.0), (7260, 1.0), (7500, 1.0)]);
        assert_eq!(counts(&store, "m", Resolution::FiveMinutes), [(7200, 3.0), (7500, 1.0)]);
        let span = Span { resolution: Resolution::Hour, from: 7200, to: 10_800, spread: true };
        let [hour] = &store.read(&metric("m"), span).unwrap()[..] else { panic!("one hour") };
        assert_eq!((hour.stats.sum, hour.stats.percentile(50.0), hour.unit.as_str()), (16.0, Some(3.0), "Count"));
        assert_eq!(store.read(&metric("other"), span).unwrap(), []);
    }

    #[test]
    fn what_was_put_under_a_key_is_not_put_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.sqlite");
        let many = [datum("m", 60, 1.0), datum("m", 60, 2.0)];
        SqliteMetrics::open(&path, Durability::default()).unwrap().put_once("job", &many).unwrap();
        // The next process does not know that the first one was done.
        let store = SqliteMetrics::open(&path, Durability::default()).unwrap();
        store.put_once("job", &many).unwrap();
        assert_eq!(counts(&store, "m", Resolution::Minute), [(60, 2.0)]);
        store.put_once("other", &many[..1]).unwrap();
        assert_eq!(counts(&store, "m", Resolution::Minute), [(60, 3.0)]);
        // A key goes with what was put under it.
        let count = || store.lock().query_row("SELECT count(*) FROM done", [], |row| row.get::<_, i64>(0)).unwrap();
        store.forget(400 * DAY * 1000).unwrap();
        assert_eq!(count(), 2);
        store.forget(460 * DAY * 1000).unwrap();
        assert_eq!(count(), 0);
    }

    #[test]
    fn what_is_too_old_goes_and_a_metric_with_its_last_hour() {
        let store = SqliteMetrics::in_memory().unwrap();
        store.put(&(0..250).map(|n| datum(&format!("m{n}"), 60, 1.0)).collect::<Vec<_>>()).unwrap();
        store.put(&[Datum { fine: true, ..datum("m249", 16 * DAY, 1.0) }]).unwrap();
        store.forget(16 * DAY * 1000).unwrap();
        assert_eq!(counts(&store, "m249", Resolution::Minute), [(16 * DAY, 1.0)]);
        assert_eq!(counts(&store, "m249", Resolution::Second).len(), 1);
        assert_eq!(counts(&store, "m248", Resolution::FiveMinutes), [(0, 1.0)]);
        store.forget(460 * DAY * 1000).unwrap();
        assert_eq!(search(&store, |s| s.limit = 1000), [r#"m249[("a", "1"), ("b", "2")]"#]);
    }

    #[test]
    fn a_search_goes_on_behind_a_metric() {
        let store = SqliteMetrics::in_memory().unwrap();
        let other = Metric::new("1", "r", "o", "x");
        let mut data = vec![
            Datum::new(other.clone(), "None", 5, 1.0),
            Datum::new(Metric::new("2", "r", "n", "x"), "None", 5, 1.0),
        ];
        data.extend(["c", "a", "b"].map(|name| datum(name, 1, 1.0)));
        store.put(&data).unwrap();
        let dimensions = r#"[("a", "1"), ("b", "2")]"#;
        assert_eq!(search(&store, |_| ()), ["a", "b"].map(|name| format!("{name}{dimensions}")));
        assert_eq!(search(&store, |s| s.after = Some(metric("b"))), [format!("c{dimensions}"), "x[]".to_owned()]);
        assert_eq!(search(&store, |s| s.after = Some(other)), [""; 0]);
        assert_eq!(search(&store, |s| s.namespace = Some("o".into())), ["x[]"]);
        assert_eq!(search(&store, |s| s.name = Some("c".into())), [format!("c{dimensions}")]);
        assert_eq!(search(&store, |s| s.since = 6).len(), 2);
    }
}
