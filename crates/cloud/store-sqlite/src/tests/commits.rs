//! Commits: conflicts, versions, and what is told of changes.

use super::*;

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
    let other: SharedRecords = Arc::new(SqliteRecords::open_beside(&path).unwrap());
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
