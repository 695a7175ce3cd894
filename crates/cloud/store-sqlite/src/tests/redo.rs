//! The redo log: what it holds after a kill, and what an error of the database leaves.

use std::fs;
use std::path::Path;

use super::*;

/// Copies what is in the hands of the operating system, which is what the next process finds after a kill.
fn killed(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

fn open(folder: &Path) -> SharedRecords {
    Arc::new(SqliteRecords::open(&folder.join("state.sqlite")).unwrap())
}

fn others_see(folder: &Path) -> i64 {
    let other = rusqlite::Connection::open(folder.join("state.sqlite")).unwrap();
    other.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap()
}

async fn names(store: &SharedRecords) -> Vec<String> {
    let all = store.list("000000000000", "us-east-1", "model").await.unwrap();
    all.into_iter().map(|record| record.key.name).collect()
}

/// A store whose open transaction nobody ends: the one thread that would is taken until the test ends.
fn undisturbed<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let (release, taken) = std::sync::mpsc::channel::<()>();
    runtime.spawn_blocking(move || taken.recv());
    let out = runtime.block_on(test);
    drop(release);
    out
}

/// Every kind of write, and a batch that conflicts between them.
async fn all_kinds_of_writes(store: &SharedRecords) {
    let insert = |name: &str| store.insert(record(name), vec![("k".into(), name.into())], vec![event("made")]);
    for name in ["a", "b", "c"] {
        assert!(insert(name).await.unwrap());
    }
    let late: Batch = vec![event("lost"), Write::Insert(record("d")), Write::Insert(record("a"))];
    assert!(matches!(store.commit(late).await, Err(CommitError::Conflict(_))));
    let change = |record: &mut Record, _: &mut Batch| {
        record.body = json!({"text": "é\u{0}\n", "n": 1});
        Ok::<_, ()>(())
    };
    store.update(&key("a"), change).await.unwrap().unwrap().unwrap();
    store.delete(&key("b")).await.unwrap();
    let (arn, timer) = (record("c").arn, |id: &str| Timer { id: id.into(), due: -7, body: json!([id]) });
    let tags = Write::DeleteTags { arn: arn.clone(), keys: vec!["k".into()] };
    let put = Write::PutTags { arn, tags: vec![("x".into(), "1".into()), ("y".into(), "2".into())] };
    store.commit(vec![tags, put, Write::SetTimer(timer("t")), Write::SetTimer(timer("u"))]).await.unwrap();
    store.commit(vec![Write::CancelTimer { id: "t".into(), due: -7 }]).await.unwrap();
}

/// All that a store holds.
async fn content(store: &SqliteRecords) -> (Vec<String>, Vec<String>, Vec<String>) {
    let shared: SharedRecords = Arc::new(store.clone());
    let events = shared.events(0, 100).await.unwrap().into_iter().map(|(n, event)| format!("{n} {}", event.kind));
    let timers = shared.due(0, 100).await.unwrap().into_iter().map(|timer| format!("{timer:?}"));
    let versions = shared.get(&key("a")).await.unwrap().map(|found| found.version.to_string());
    let (events, timers) = (events.collect(), timers.chain(versions).collect());
    (store.rows().unwrap(), events, timers)
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_after_it_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let copy = undisturbed(async {
        let store = open(folder.path());
        all_kinds_of_writes(&store).await;
        let copy = killed(folder.path());
        assert_eq!(others_see(copy.path()), 0, "the database had it already, so that this tests nothing");
        copy
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let expected = content(&SqliteRecords::open(&folder.path().join("state.sqlite")).unwrap()).await;
        assert_eq!(expected.1.len(), 3, "{expected:?}");
        for _ in 0..2 {
            let store = SqliteRecords::open(&copy.path().join("state.sqlite")).unwrap();
            assert_eq!(content(&store).await, expected);
        }
    });
}

#[test]
fn a_frame_that_was_not_written_whole_was_not_acknowledged_and_is_not_replayed() {
    let folder = tempfile::tempdir().unwrap();
    undisturbed(async {
        let store = open(folder.path());
        for name in ["a", "b", "c"] {
            store.insert(record(name), vec![], vec![]).await.unwrap();
        }
        let log = folder.path().join("state.sqlite-redo");
        let whole = fs::read(&log).unwrap();
        for (damage, expected) in [(whole.len() - 1, 2), (whole.len() / 3 + 5, 1), (3, 0)] {
            let copy = killed(folder.path());
            let log = copy.path().join("state.sqlite-redo");
            fs::write(&log, &whole[..damage]).unwrap();
            drop(SqliteRecords::open(&copy.path().join("state.sqlite")).unwrap());
            assert_eq!(others_see(copy.path()), expected, "cut");
            let copy = killed(folder.path());
            let log = copy.path().join("state.sqlite-redo");
            let mut flipped = whole.clone();
            flipped[damage] ^= 1;
            fs::write(&log, &flipped).unwrap();
            drop(SqliteRecords::open(&copy.path().join("state.sqlite")).unwrap());
            assert_eq!(others_see(copy.path()), expected, "changed");
        }
    });
}

#[test]
fn frames_of_another_database_or_of_an_earlier_round_are_not_replayed() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    undisturbed(async {
        let store = open(folder.path());
        store.insert(record("a"), vec![], vec![]).await.unwrap();
        // A database that was made anew beside the log of the one before it.
        fs::copy(folder.path().join("state.sqlite-redo"), other.path().join("state.sqlite-redo")).unwrap();
        drop(open(other.path()));
        assert_eq!(others_see(other.path()), 0);
    });
    // The frame of `a` is behind that of `b` now.
    undisturbed(async {
        let store = open(folder.path());
        assert_eq!(others_see(folder.path()), 1);
        store.insert(record("b"), vec![], vec![]).await.unwrap();
        store.delete(&key("a")).await.unwrap();
        let copy = killed(folder.path());
        drop(open(copy.path()));
        assert_eq!(others_see(copy.path()), 1);
    });
}

#[tokio::test]
async fn every_read_sees_what_was_committed_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for n in 0..20 {
        let name = format!("{n:02}");
        store.insert(record(&name), vec![("k".into(), "v".into())], vec![event("made")]).await.unwrap();
        let arn = record(&name).arn;
        match n % 5 {
            0 => assert_eq!(names(&store).await.last(), Some(&name)),
            1 => assert_eq!(store.events(0, 100).await.unwrap().len(), n + 1),
            2 => assert_eq!(store.tags_of(&arn).await.unwrap().len(), 1),
            3 => assert_eq!(store.with_status("model", "InService").await.unwrap().len(), n + 1),
            // Too large to be kept in memory.
            _ => {
                let long = Record { body: json!("x".repeat(300_000)), ..record(&format!("long-{n}")) };
                store.insert(long.clone(), vec![], vec![]).await.unwrap();
                assert_eq!(store.record(&long.key).await.unwrap(), Some(long.clone()));
                store.delete(&long.key).await.unwrap();
                assert_eq!(store.record(&long.key).await.unwrap(), None);
            }
        }
    }
}

/// Another process sees a commit soon, though nobody in this one asks.
#[tokio::test]
async fn a_commit_reaches_the_database_when_nobody_asks() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.insert(record("a"), vec![], vec![]).await.unwrap();
    let seen = async {
        while others_see(folder.path()) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), seen).await.expect("it never comes");
}

/// A batch that was refused leaves no transaction that another process would wait for.
#[test]
fn what_is_refused_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    undisturbed(async {
        assert!(open(folder.path()).insert(record("a"), vec![], vec![]).await.unwrap());
        let records = SqliteRecords::open(&folder.path().join("state.sqlite")).unwrap();
        let store: SharedRecords = Arc::new(records.clone());
        for _ in 0..3 {
            assert!(!store.insert(record("a"), vec![], vec![]).await.unwrap());
            let other = rusqlite::Connection::open(folder.path().join("state.sqlite")).unwrap();
            other.busy_timeout(std::time::Duration::ZERO).unwrap();
            other.execute_batch("BEGIN IMMEDIATE; ROLLBACK").unwrap();
        }
        // What is refused after something was written is settled with that.
        assert!(store.insert(record("b"), vec![], vec![]).await.unwrap());
        assert!(!store.insert(record("b"), vec![], vec![]).await.unwrap());
        assert!(records.0.is_unsettled());
    });
}

/// Another process gets its turn while this one writes without a pause.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_writes_beside_a_busy_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let other: SharedRecords = Arc::new(SqliteRecords::open_beside(&folder.path().join("state.sqlite")).unwrap());
    let busy = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for n in 0.. {
                store.insert(record(&format!("busy-{n}")), vec![], vec![]).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    for n in 0..5 {
        other.insert(record(&format!("other-{n}")), vec![], vec![]).await.unwrap();
    }
    busy.abort();
    let others = names(&store).await.into_iter().filter(|name| name.starts_with("other")).count();
    assert_eq!(others, 5);
}

/// A database that cannot be written: what was acknowledged stays, what comes is refused, and all goes on afterwards.
#[test]
fn what_was_acknowledged_outlives_an_error_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    undisturbed(async {
        let records = SqliteRecords::open(&folder.path().join("state.sqlite")).unwrap();
        let store: SharedRecords = Arc::new(records.clone());
        store.insert(record("a"), vec![], vec![]).await.unwrap();
        // SQLite's way to a full disk.
        let limit = |pages: i64| {
            let writer = crate::lock(&records.0.writer);
            let set = writer.connection().pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
            set.unwrap();
        };
        limit(1);
        let long = |name: &str| Record { body: json!("x".repeat(100_000)), ..record(name) };
        for name in ["b", "c"] {
            let refused = store.insert(long(name), vec![], vec![]).await;
            assert!(refused.is_err(), "{name}: {refused:?}");
        }
        assert_eq!(store.record(&key("a")).await.unwrap(), Some(record("a")));
        limit(100_000);
        store.insert(long("d"), vec![], vec![]).await.unwrap();
        drop((store, records));
        drop(open(folder.path()));
        assert_eq!(others_see(folder.path()), 2);
    });
}
