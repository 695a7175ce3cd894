//! The write-ahead log, its checkpoints, and the disk.

use super::*;

#[test]
fn commits_wait_for_the_disk_where_they_outlive_a_loss_of_power() {
    let folder = tempfile::tempdir().unwrap();
    let records = SqliteRecords::open(&folder.path().join("state.sqlite")).unwrap();
    let synchronous = || {
        crate::lock(&records.0.writer)
            .connection()
            .pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(synchronous(), 1);
    records.set_durability(sagewright_cloud_core::durability::Durability::PowerLoss).unwrap();
    assert_eq!(synchronous(), 2);
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
    let store = SqliteRecords::open_with(&path, crate::Limits { each: 200, most: 1000 }).unwrap();
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
