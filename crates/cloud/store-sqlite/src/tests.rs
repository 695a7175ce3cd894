#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use sagewright_cloud_core::records::{
    Batch, Change, CommitError, Event, Filter, Key, Order, Query, Record, SharedRecords, Timer, Versioned, Write,
};
use serde_json::json;

use crate::SqliteRecords;

fn key(name: &str) -> Key {
    Key::new("000000000000", "us-east-1", "model", name)
}

fn record(name: &str) -> Record {
    Record {
        key: key(name),
        arn: format!("arn:aws:sagemaker:us-east-1:000000000000:model/{name}"),
        status: "InService".into(),
        created: 1,
        modified: 1,
        body: json!({"n": 0}),
    }
}

fn event(kind: &str) -> Write {
    let (account, region) = ("000000000000".to_owned(), "us-east-1".to_owned());
    Write::Emit(Event { account, region, kind: kind.to_owned(), at: 1, body: json!({}) })
}

fn memory() -> SharedRecords {
    Arc::new(SqliteRecords::in_memory().unwrap())
}

#[tokio::test]
async fn a_batch_is_done_whole_or_not_at_all() {
    let store = memory();
    let timer = Write::SetTimer(Timer { id: "t".into(), due: 5, body: json!("a") });
    let tags = Write::PutTags { arn: record("a").arn, tags: vec![("k".into(), "v".into())] };
    store.commit(vec![Write::Insert(record("a")), tags, event("made"), timer]).await.unwrap();
    assert_eq!(store.tags_of(&record("a").arn).await.unwrap(), [("k".to_owned(), "v".to_owned())]);

    // The second write conflicts, so that the first, the event and the timer are not there either.
    let batch: Batch = vec![
        Write::Insert(record("b")),
        Write::Insert(record("a")),
        event("lost"),
        Write::CancelTimer { id: "t".into(), due: 5 },
    ];
    assert!(matches!(store.commit(batch).await, Err(CommitError::Conflict(found)) if found == key("a")));
    assert_eq!(store.get(&key("b")).await.unwrap(), None);
    let events = store.events(0, 10).await.unwrap();
    assert_eq!(events.iter().map(|(_, e)| &*e.kind).collect::<Vec<_>>(), ["made"]);
    assert_eq!(store.next_due().await.unwrap(), Some(5));
    assert_eq!(store.due(4, 10).await.unwrap(), []);
    assert_eq!(store.due(5, 10).await.unwrap()[0].id, "t");

    store.forget_events(events[0].0).await.unwrap();
    assert_eq!(store.events(0, 10).await.unwrap(), []);
    store.commit(vec![Write::Delete { key: key("a"), version: None }]).await.unwrap();
    assert_eq!(store.tags_of(&record("a").arn).await.unwrap(), [], "tags go with their resource");
}

#[tokio::test]
async fn a_version_that_is_old_conflicts() {
    let store = memory();
    store.commit(vec![Write::Insert(record("a"))]).await.unwrap();
    let read = store.get(&key("a")).await.unwrap().unwrap();
    store.commit(vec![Write::Replace(read.clone())]).await.unwrap();
    let late = store.commit(vec![Write::Replace(read.clone())]).await;
    assert!(matches!(late, Err(CommitError::Conflict(_))), "{late:?}");
    let late = store.commit(vec![Write::Delete { key: key("a"), version: Some(read.version) }]).await;
    assert!(matches!(late, Err(CommitError::Conflict(_))), "{late:?}");
    store.commit(vec![Write::Delete { key: key("a"), version: Some(read.version + 1) }]).await.unwrap();
    assert_eq!(store.get(&key("a")).await.unwrap(), None);
    let gone = store.commit(vec![Write::Delete { key: key("a"), version: None }]).await;
    assert!(matches!(gone, Err(CommitError::Conflict(_))), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_changes_of_one_record_are_all_done_and_kept_through_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.sqlite");
    let store: SharedRecords = Arc::new(SqliteRecords::open(&path).unwrap());
    // A second connection, as another process has one, writes meanwhile.
    let other: SharedRecords = Arc::new(SqliteRecords::open(&path).unwrap());
    store.commit(vec![Write::Insert(record("a"))]).await.unwrap();
    let changes = (0..200).map(|n| {
        let (store, other) = (Arc::clone(&store), Arc::clone(&other));
        tokio::spawn(async move {
            if n % 4 == 0 {
                other.commit(vec![Write::Insert(record(&format!("other-{n}")))]).await.unwrap();
            }
            let change = |record: &mut Record, _: &mut Batch| {
                record.body["n"] = json!(record.body["n"].as_i64().unwrap() + 1);
                Ok::<_, ()>(())
            };
            store.update(&key("a"), change).await.unwrap().unwrap().unwrap();
        })
    });
    for change in changes.collect::<Vec<_>>() {
        change.await.unwrap();
    }
    assert_eq!(store.get(&key("a")).await.unwrap().unwrap().record.body["n"], 200);
    drop((store, other));
    let store: SharedRecords = Arc::new(SqliteRecords::open(&path).unwrap());
    assert_eq!(store.get(&key("a")).await.unwrap().unwrap().record.body["n"], 200);
    assert_eq!(store.list("000000000000", "us-east-1", "model").await.unwrap().len(), 51);
}

#[tokio::test]
async fn a_refused_change_changes_nothing_and_a_missing_record_is_told() {
    let store = memory();
    store.commit(vec![Write::Insert(record("a"))]).await.unwrap();
    let refused = store
        .update(&key("a"), |record, batch| {
            record.status = "Failed".into();
            batch.push(event("lost"));
            Err::<(), _>("no")
        })
        .await
        .unwrap();
    assert_eq!(refused, Some(Err("no")));
    assert_eq!(store.get(&key("a")).await.unwrap().unwrap().record, record("a"));
    assert_eq!(store.events(0, 1).await.unwrap(), []);
    assert_eq!(store.update(&key("b"), |_, _| Ok::<_, ()>(())).await.unwrap(), None);
}

#[tokio::test]
async fn searches_filter_sort_and_go_on_behind_a_place() {
    let store = memory();
    for (n, name) in ["g/2", "g/10", "plain"].into_iter().enumerate() {
        let mut record = record(name);
        record.created = i64::try_from(n).unwrap();
        record.status = if n == 1 { "Failed".into() } else { "InService".into() };
        record.body = json!({"_": {"token": name}});
        store.commit(vec![Write::Insert(record)]).await.unwrap();
    }
    let all = Query { numbered: true, ..Query::all("000000000000", "us-east-1", "model") };
    let names = async |query: &Query| -> Vec<String> {
        store.find(query.clone()).await.unwrap().into_iter().map(|f| f.record.key.name).collect()
    };
    assert_eq!(names(&all).await, ["g/2", "g/10", "plain"], "versions sort as numbers");
    let newest = Query { order: Order::Created, descending: true, limit: 2, ..all.clone() };
    assert_eq!(names(&newest).await, ["plain", "g/10"]);
    let last = store.find(newest.clone()).await.unwrap().pop().unwrap();
    let next = Query { after: Some((last.position, last.tie)), ..newest };
    assert_eq!(names(&next).await, ["g/2"]);
    for (filter, expected) in [
        (Filter::Nothing, vec![]),
        (Filter::NameStarts("g/".into()), vec!["g/2", "g/10"]),
        (Filter::NameContains("lai".into()), vec!["plain"]),
        (Filter::NameHasParts(true), vec!["g/2", "g/10"]),
        (Filter::NameHasParts(false), vec!["plain"]),
        (Filter::Status("Failed".into()), vec!["g/10"]),
        (Filter::CreatedAfter(0.5), vec!["g/10", "plain"]),
        (Filter::CreatedBefore(1.0), vec!["g/2"]),
        (Filter::ModifiedAfter(1.0), vec![]),
        (Filter::ModifiedBefore(1.5), vec!["g/2", "g/10", "plain"]),
        (Filter::Member("_.token".into(), "plain".into()), vec!["plain"]),
    ] {
        let query = Query { filters: vec![filter.clone()], ..all.clone() };
        assert_eq!(names(&query).await, expected, "{filter:?}");
    }
    let failed = store.with_status("model", "Failed").await.unwrap();
    assert_eq!(failed.into_iter().map(|r| r.key.name).collect::<Vec<_>>(), ["g/10"]);
}

/// How SQLite goes about a search.
fn plan(query: &Query) -> String {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    crate::schema::prepare(&mut connection, true).unwrap();
    let (sql, values) = crate::search::statement(query);
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
    rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_page_of_a_long_list_is_read_in_the_order_of_an_index() {
    let all = Query { numbered: false, limit: 101, ..Query::all("000000000000", "us-east-1", "model") };
    let (number, text) = ((json!(5), "a".to_owned()), (json!("a"), "a".to_owned()));
    for (order, index, after) in [
        (Order::Created, "record_by_creation", &number),
        (Order::Name, "sqlite_autoindex_record_1", &text),
        (Order::Status, "record_by_own_status", &text),
    ] {
        for descending in [false, true] {
            for after in [None, Some(after.clone())] {
                let plan = plan(&Query { order, descending, after, ..all.clone() });
                assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{order:?}: {plan}");
            }
        }
    }
    // The place is in the search itself, and not looked for.
    let after = Some(number.clone());
    let deep = plan(&Query { order: Order::Created, after, ..all.clone() });
    assert!(deep.contains("created>?") || deep.contains("created,name"), "{deep}");
    let deep = plan(&Query { order: Order::Status, after: Some(text), ..all.clone() });
    assert!(deep.contains("(status,name)>(?,?)"), "{deep}");
    // Versions are sorted by number, those of one group only.
    let group = vec![Filter::NameStarts("g/".into())];
    let versions = plan(&Query { numbered: true, filters: group, ..all });
    assert!(
        versions.contains("sqlite_autoindex_record_1 (account=? AND region=? AND kind=? AND name>? AND name<?)"),
        "{versions}"
    );
}

#[tokio::test]
async fn tags_and_records_that_are_kept_are_those_of_the_last_commit() {
    let store = memory();
    let arn = record("a").arn;
    let tags = |value: &str| Write::PutTags { arn: arn.clone(), tags: vec![("k".into(), value.into())] };
    let now = async || store.tags_of(&arn).await.unwrap().into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    assert!(now().await.is_empty());
    store.commit(vec![Write::Insert(record("a")), tags("1")]).await.unwrap();
    assert_eq!(now().await, ["1"]);
    store.commit(vec![tags("2")]).await.unwrap();
    assert_eq!(now().await, ["2"]);
    store.commit(vec![Write::DeleteTags { arn: arn.clone(), keys: vec!["k".into()] }]).await.unwrap();
    assert!(now().await.is_empty());
    store.commit(vec![tags("3")]).await.unwrap();
    assert_eq!(now().await, ["3"]);
    store.commit(vec![Write::Delete { key: key("a"), version: None }]).await.unwrap();
    assert!(now().await.is_empty());
    assert_eq!(store.get(&key("a")).await.unwrap(), None);
}

/// Batches that are committed together fail each for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_conflict_takes_back_its_own_batch_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let store: SharedRecords = Arc::new(SqliteRecords::open(&dir.path().join("state.sqlite")).unwrap());
    store.commit(vec![Write::Insert(record("taken"))]).await.unwrap();
    let work = (0..200).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut batch = vec![Write::Insert(record(&n.to_string())), event("made")];
            if n % 3 == 0 {
                batch.push(Write::Insert(record("taken")));
            }
            store.commit(batch).await.is_ok()
        })
    });
    let mut made = 0;
    for (n, done) in work.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(done.await.unwrap(), n % 3 != 0, "{n}");
        let there = store.get(&key(&n.to_string())).await.unwrap().is_some();
        assert_eq!(there, n % 3 != 0, "{n}");
        made += usize::from(there);
    }
    assert_eq!(store.events(0, 1000).await.unwrap().len(), made);
}

#[tokio::test]
async fn a_database_of_the_first_format_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.sqlite");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(
        "CREATE TABLE record (account TEXT NOT NULL, region TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
            arn TEXT NOT NULL, status TEXT NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL,
            body TEXT NOT NULL, PRIMARY KEY (account, region, kind, name));
         INSERT INTO record VALUES ('000000000000', 'us-east-1', 'model', 'a', 'arn', '', 1, 1, '{}');
         PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(old);
    let store: SharedRecords = Arc::new(SqliteRecords::open(&path).unwrap());
    let found = store.get(&key("a")).await.unwrap().unwrap();
    store.commit(vec![Write::Replace(found)]).await.unwrap();
}

/// A batch that comes while the writer reads is not left waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commits_beside_reads_of_a_database_in_memory_all_end() {
    let store = memory();
    let work = (0..200).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            store.commit(vec![Write::Insert(record(&n.to_string())), event("e")]).await.unwrap();
            store.due(0, 1).await.unwrap();
            store.forget_events(n).await.unwrap();
        })
    });
    for done in work.collect::<Vec<_>>() {
        tokio::time::timeout(std::time::Duration::from_secs(60), done).await.expect("a commit hangs").unwrap();
    }
}

#[test]
fn commits_wait_for_the_disk_where_they_outlive_a_loss_of_power() {
    let folder = tempfile::tempdir().unwrap();
    let records = SqliteRecords::open(&folder.path().join("state.sqlite")).unwrap();
    let synchronous =
        || super::lock(&records.0.writer).pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(synchronous(), 1);
    records.set_durability(sagewright_cloud_core::durability::Durability::PowerLoss).unwrap();
    assert_eq!(synchronous(), 2);
}

/// Timers that cannot be done, or that nobody knows, keep no other one from being done.
#[tokio::test]
async fn a_timer_that_fails_holds_up_no_other() {
    use sagewright_cloud_core::clock::{SimClock, SystemWall};
    use sagewright_cloud_core::records::StoreError;
    use sagewright_cloud_core::timers::{Timers, Waker};

    let store = memory();
    for (id, due) in [("nobody:1", 1), ("bad:1", 2), ("good:1", 3)] {
        store.commit(vec![Write::SetTimer(Timer { id: id.into(), due, body: json!({}) })]).await.unwrap();
    }
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let own = Arc::clone(&store);
    let clock = SimClock::new(Arc::new(SystemWall));
    let begun = clock.now().as_millisecond();
    let timers = Timers::new(Arc::clone(&store), clock, Waker::default())
        .owner("bad", Arc::new(|_| Box::pin(async { Err(StoreError::Closed) })))
        .owner(
            "good",
            Arc::new(move |timer| {
                let (own, tell) = (Arc::clone(&own), tell.clone());
                Box::pin(async move {
                    own.commit(vec![Write::CancelTimer { id: timer.id.clone(), due: timer.due }]).await.unwrap();
                    tell.send(timer.id).unwrap();
                    Ok(())
                })
            }),
        );
    let running = tokio::spawn(timers.run());
    assert_eq!(told.recv().await.unwrap(), "good:1");
    running.abort();
    let later: Vec<_> = store.due(i64::MAX, 10).await.unwrap().into_iter().map(|timer| timer.id).collect();
    assert_eq!(later.len(), 2, "the others are tried again later: {later:?}");
    assert!(store.next_due().await.unwrap() >= Some(begun + 60_000), "a minute later, and not again and again");
}

/// Who skips time goes on when all is done that became due by that, however much it is.
#[tokio::test]
async fn what_is_due_is_told_as_done_when_all_of_it_is_done() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use sagewright_cloud_core::clock::{SimClock, SystemWall};
    use sagewright_cloud_core::timers::{Timers, Waker};

    const COUNT: usize = 250;
    let store = memory();
    let timers = (0..COUNT).map(|n| Write::SetTimer(Timer { id: format!("own:{n}"), due: 1, body: json!({}) }));
    store.commit(timers.collect()).await.unwrap();
    let (own, count, waker) = (Arc::clone(&store), Arc::new(AtomicUsize::new(0)), Waker::default());
    let (clock, counted) = (SimClock::new(Arc::new(SystemWall)), Arc::clone(&count));
    let by = clock.now();
    let timers = Timers::new(Arc::clone(&store), clock, waker.clone()).owner(
        "own",
        Arc::new(move |timer| {
            let (own, counted) = (Arc::clone(&own), Arc::clone(&counted));
            Box::pin(async move {
                own.commit(vec![Write::CancelTimer { id: timer.id.clone(), due: timer.due }]).await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
        }),
    );
    let running = tokio::spawn(timers.run());
    tokio::time::timeout(std::time::Duration::from_secs(60), waker.done(by)).await.expect("it is never told");
    assert_eq!(count.load(Ordering::Relaxed), COUNT);
    running.abort();
}

/// What a reader found before a commit is not kept after it.
#[test]
fn a_record_that_was_read_before_a_commit_is_read_again() {
    let kept = crate::kept::Kept::default();
    let at = |version| Versioned { record: record("a"), version };
    let overtaken = kept.get(&key("a"), || {
        let changed = vec![(key("a"), Some(at(2)))];
        kept.committed(crate::kept::Changes { records: changed, tags: Vec::new() });
        Ok(Some(at(1)))
    });
    assert_eq!(overtaken.unwrap(), Some(at(1)));
    assert_eq!(kept.get(&key("a"), || Ok(None)).unwrap(), Some(at(2)));
    let removed = kept.get(&key("b"), || {
        kept.committed(crate::kept::Changes { records: vec![(key("b"), None)], tags: Vec::new() });
        Ok(Some(at(1)))
    });
    assert!(removed.unwrap().is_some());
    assert_eq!(kept.get(&key("b"), || Ok(None)).unwrap(), None);
}

/// A record that is made anew does not take a change that was meant for the one before.
#[tokio::test]
async fn versions_are_not_repeated_under_the_same_key() {
    let store = memory();
    store.commit(vec![Write::Insert(record("a"))]).await.unwrap();
    let old = store.get(&key("a")).await.unwrap().unwrap();
    store.commit(vec![Write::Delete { key: key("a"), version: None }]).await.unwrap();
    store.commit(vec![Write::Insert(Record { created: 2, ..record("a") })]).await.unwrap();
    let late = store.commit(vec![Write::Replace(old)]).await;
    assert!(matches!(late, Err(CommitError::Conflict(_))), "{late:?}");
}

/// Watchers learn of changes in the order of commits, and before who made them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_are_told_in_the_order_of_commits_and_before_they_are_acknowledged() {
    const EACH: usize = 50;
    let folder = tempfile::tempdir().unwrap();
    let store: SharedRecords = Arc::new(SqliteRecords::open(&folder.path().join("state.sqlite")).unwrap());
    store.insert(record("a"), Vec::new(), Batch::new()).await.unwrap();
    let mut changes = store.changes();
    let writers = (0..4).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for _ in 0..EACH {
                let mut own = store.changes();
                let key = key("a");
                let changed = store.update(&key, |record, batch| {
                    let n = record.body["n"].as_i64().unwrap() + 1;
                    record.body["n"] = n.into();
                    batch.push(Write::Tell(Change {
                        kind: "model".into(),
                        arn: record.arn.clone(),
                        status: n.to_string(),
                    }));
                    Ok::<_, ()>(n)
                });
                let n = changed.await.unwrap().unwrap().unwrap();
                let told = std::iter::from_fn(|| own.try_recv().ok()).any(|change| change.status == n.to_string());
                assert!(told, "{n} was acknowledged before it was told");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let told: Vec<_> = std::iter::from_fn(|| changes.try_recv().ok()).map(|change| change.status).collect();
    assert_eq!(told, (1..=4 * EACH).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_that_is_not_committed_tells_nothing() {
    let store = memory();
    store.commit(vec![Write::Insert(record("a"))]).await.unwrap();
    let mut changes = store.changes();
    let tell = Write::Tell(Change { kind: "model".into(), arn: "a".into(), status: "InService".into() });
    store.commit(vec![tell, Write::Insert(record("a"))]).await.unwrap_err();
    assert!(changes.try_recv().is_err());
}

#[tokio::test]
async fn names_are_found_by_how_they_start_whatever_they_start_with() {
    let store = memory();
    let names = ["g", "g/", "g/1", "g0", "ga", "h", "é", "é/1", "ê", "a\u{7f}", "a\u{7f}b", "b"];
    for name in names {
        store.commit(vec![Write::Insert(record(name))]).await.unwrap();
    }
    for start in ["", "g", "g/", "é", "é/", "a\u{7f}", "none"] {
        let query = Query {
            filters: vec![Filter::NameStarts(start.to_owned())],
            ..Query::all("000000000000", "us-east-1", "model")
        };
        let found = store.find(query).await.unwrap();
        let mut found: Vec<_> = found.into_iter().map(|hit| hit.record.key.name).collect();
        found.sort_unstable();
        let mut expected: Vec<_> = names.into_iter().filter(|name| name.starts_with(start)).collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{start:?}");
    }
}

/// A record whose body has so many bytes.
fn long(name: &str, bytes: usize) -> Record {
    Record { body: json!({"text": "x".repeat(bytes)}), ..record(name) }
}

/// The log and the database of a folder, in bytes.
fn lengths(folder: &std::path::Path) -> (u64, u64) {
    let length = |name: &str| folder.join(name).metadata().map_or(0, |metadata| metadata.len());
    (length("state.sqlite-wal"), length("state.sqlite"))
}

#[test]
fn no_commit_copies_the_log_into_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let store = SqliteRecords::open(&folder.path().join("state.sqlite")).unwrap();
        let store: SharedRecords = Arc::new(store);
        // The one thread that may run a checkpoint is taken.
        let (release, taken) = std::sync::mpsc::channel::<()>();
        let blocker = tokio::task::spawn_blocking(move || taken.recv());
        let (_, before) = lengths(folder.path());
        for n in 0..20 {
            assert!(store.insert(long(&n.to_string(), 1 << 20), vec![], vec![]).await.unwrap());
        }
        let (log, after) = lengths(folder.path());
        assert_eq!(after, before, "a commit ran a checkpoint");
        assert!(log > 20 << 20, "{log}");
        release.send(()).unwrap();
        blocker.await.unwrap().unwrap();
        // Behind the checkpoint.
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        assert!(lengths(folder.path()).1 > 20 << 20, "the checkpoint was not run");
        for n in 20..30 {
            assert!(store.insert(long(&n.to_string(), 1 << 20), vec![], vec![]).await.unwrap());
        }
        assert_eq!(lengths(folder.path()).0, log, "the log was not begun anew");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_is_emptied_once_nobody_reads_it_and_stops_no_commit_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let store = SqliteRecords::open_with(&path, super::Limits { each: 200, most: 1000 }).unwrap();
    let records: SharedRecords = Arc::new(store.clone());
    records.insert(record("first"), vec![], vec![]).await.unwrap();
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM record").unwrap();
    for n in 0..100 {
        records.insert(long(&n.to_string(), 1 << 16), vec![], vec![]).await.unwrap();
    }
    store.idle().await;
    assert!(lengths(folder.path()).0 > 100 << 16, "a checkpoint passed by a reader");
    reader.execute_batch("COMMIT").unwrap();
    for n in 100..120 {
        records.insert(long(&n.to_string(), 1 << 16), vec![], vec![]).await.unwrap();
    }
    store.idle().await;
    assert!(lengths(folder.path()).0 < 50 << 16, "the log was not emptied");
    assert_eq!(records.list("000000000000", "us-east-1", "model").await.unwrap().len(), 121);
}

/// A record that is kept in memory is not read again, so that a change of the file under it is not seen.
#[tokio::test]
async fn records_are_kept_in_memory_up_to_so_many_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let store: SharedRecords = Arc::new(SqliteRecords::open(&path).unwrap());
    let beneath = rusqlite::Connection::open(&path).unwrap();
    let kept = async |name: &str| {
        beneath.execute("UPDATE record SET body = '\"beneath\"' WHERE name = ?", [name]).unwrap();
        store.record(&key(name)).await.unwrap().unwrap().body != json!("beneath")
    };
    for (name, bytes) in [("small", 1000), ("other", 1000), ("long", 1 << 20), ("read", 1 << 20)] {
        store.insert(long(name, bytes), vec![], vec![]).await.unwrap();
    }
    assert!(kept("small").await);
    assert!(!kept("long").await);
    store.get(&key("read")).await.unwrap();
    assert!(!kept("read").await);
    // Many that are kept each, and not all together.
    for n in 0..200 {
        store.insert(long(&n.to_string(), 200_000), vec![], vec![]).await.unwrap();
    }
    assert!(!kept("other").await && kept("199").await);
}

#[tokio::test]
async fn records_that_are_made_in_far_times_can_be_changed() {
    let store = memory();
    // The last time that the simulated clock has.
    let made = Record { created: 221_845_391_999_999, ..record("a") };
    store.insert(made, Vec::new(), Batch::new()).await.unwrap();
    for n in 1..4 {
        let change = |record: &mut Record, _: &mut Batch| {
            record.body = json!({ "n": n });
            Ok::<_, ()>(())
        };
        store.update(&key("a"), change).await.unwrap().unwrap().unwrap();
    }
    let status = store.with_status("model", "InService").await.unwrap();
    assert_eq!(status[0].body, json!({"n": 3}));
}

#[tokio::test]
async fn a_name_that_begins_another_comes_before_it() {
    let store = memory();
    for name in ["u10", "u1", "u-1", "u1/2", "u1/10", "u"] {
        store.insert(record(name), Vec::new(), Batch::new()).await.unwrap();
    }
    for (numbered, expected) in
        [(false, ["u", "u-1", "u1", "u1/10", "u1/2", "u10"]), (true, ["u", "u-1", "u1", "u1/2", "u1/10", "u10"])]
    {
        let query = Query { numbered, ..Query::all("000000000000", "us-east-1", "model") };
        let found = store.find(query).await.unwrap();
        assert_eq!(found.iter().map(|found| found.record.key.name.as_str()).collect::<Vec<_>>(), expected);
    }
}
