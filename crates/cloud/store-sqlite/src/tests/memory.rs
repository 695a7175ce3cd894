//! What is kept in memory.

use super::*;

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
    assert_eq!(overtaken.unwrap().as_deref(), Some(&at(1)));
    assert_eq!(kept.get(&key("a"), || Ok(None)).unwrap().as_deref(), Some(&at(2)));
    let removed = kept.get(&key("b"), || {
        kept.committed(crate::kept::Changes { records: vec![(key("b"), None)], tags: Vec::new() });
        Ok(Some(at(1)))
    });
    assert!(removed.unwrap().is_some());
    assert_eq!(kept.get(&key("b"), || Ok(None)).unwrap(), None);
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
