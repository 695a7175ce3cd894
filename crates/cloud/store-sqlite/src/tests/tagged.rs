//! Resources by their tags.

use super::*;
use sagewright_cloud_core::records::{TagFilter, TagPage};

const OURS: &str = "arn:aws:sagemaker:us-east-1:000000000000:";

fn arn(account: &str, resource: &str) -> String {
    format!("arn:aws:sagemaker:us-east-1:{account}:{resource}")
}

fn page(scopes: &[&str], after: Option<&str>, limit: usize) -> TagPage {
    TagPage { scopes: scopes.iter().map(|s| (*s).to_owned()).collect(), after: after.map(str::to_owned), limit }
}

fn filter(key: &str, values: &[&str]) -> TagFilter {
    TagFilter { key: key.to_owned(), values: values.iter().map(|v| (*v).to_owned()).collect() }
}

fn put(arn: String, tags: &[(&str, &str)]) -> Write {
    Write::PutTags { arn, tags: tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect() }
}

async fn stocked() -> SharedRecords {
    let store = memory();
    let batch = vec![
        put(arn("000000000000", "model/a"), &[("env", "prod"), ("owner", "1")]),
        put(arn("000000000000", "model/b"), &[("env", "test"), ("owner", "2")]),
        put(arn("000000000000", "model/c"), &[("env", "prod"), ("empty", "")]),
        put(arn("000000000000", "model-package-group/g"), &[("env", "prod")]),
        put(arn("111111111111", "model/a"), &[("env", "prod"), ("other", "x"), ("owner", "0")]),
    ];
    store.commit(batch).await.unwrap();
    store
}

#[tokio::test]
async fn resources_are_found_by_scope_and_all_filters() {
    let store = stocked().await;
    let model = format!("{OURS}model/");
    let cases: &[(&[&str], Vec<TagFilter>, &[&str])] = &[
        (&[OURS], vec![], &["model-package-group/g", "model/a", "model/b", "model/c"]),
        (&[&model], vec![], &["model/a", "model/b", "model/c"]),
        (&[&model, OURS], vec![filter("env", &["prod"])], &["model-package-group/g", "model/a", "model/c"]),
        (&[&model], vec![filter("env", &["test", "prod", "prod"])], &["model/a", "model/b", "model/c"]),
        (&[OURS], vec![filter("owner", &[])], &["model/a", "model/b"]),
        (&[OURS], vec![filter("owner", &[]), filter("env", &["prod"])], &["model/a"]),
        (&[OURS], vec![filter("env", &["prod"]), filter("owner", &["1", "2"])], &["model/a"]),
        (&[OURS], vec![filter("env", &["prod"]), filter("env", &["test"])], &[]),
        (&[OURS], vec![filter("empty", &[""])], &["model/c"]),
        (&[OURS], vec![filter("other", &[])], &[]),
        (&[], vec![], &[]),
    ];
    for (scopes, filters, expected) in cases {
        let found = store.tagged(page(scopes, None, 100), filters.clone()).await.unwrap();
        let expected: Vec<_> = expected.iter().map(|resource| arn("000000000000", resource)).collect();
        assert_eq!(found, expected, "{filters:?}");
        // The same in pages of one.
        let (mut singly, mut after) = (Vec::new(), None);
        while let Some(next) =
            store.tagged(page(scopes, after.as_deref(), 1), filters.clone()).await.unwrap().into_iter().next()
        {
            after = Some(next.clone());
            singly.push(next);
        }
        assert_eq!(singly, expected, "{filters:?}");
    }
}

#[tokio::test]
async fn keys_and_values_are_told_once_of_the_scope_only() {
    let store = stocked().await;
    let texts = async |after, limit, key: Option<&str>| {
        store.tag_texts(page(&[OURS], after, limit), key.map(str::to_owned)).await.unwrap()
    };
    assert_eq!(texts(None, 10, None).await, ["empty", "env", "owner"]);
    assert_eq!(texts(Some("empty"), 1, None).await, ["env"]);
    assert_eq!(texts(None, 10, Some("env")).await, ["prod", "test"]);
    assert_eq!(texts(Some("prod"), 10, Some("env")).await, ["test"]);
    assert_eq!(texts(None, 10, Some("empty")).await, [""]);
    assert_eq!(texts(None, 10, Some("other")).await, <[String; 0]>::default());
}

#[tokio::test]
async fn what_is_found_follows_commits() {
    let folder = tempfile::tempdir().unwrap();
    let store: SharedRecords = Arc::new(SqliteRecords::open(&folder.path().join("state.sqlite")).unwrap());
    let found =
        async |value: &str| store.tagged(page(&[OURS], None, 10), vec![filter("owner", &[value])]).await.unwrap().len();
    store.insert(record("a"), vec![("owner".to_owned(), "1".to_owned())], Batch::new()).await.unwrap();
    assert_eq!((found("1").await, found("2").await), (1, 0), "an acknowledged create is found");
    store.commit(vec![put(record("a").arn, &[("owner", "2")])]).await.unwrap();
    assert_eq!((found("1").await, found("2").await), (0, 1));
    store.delete(&key("a")).await.unwrap();
    assert_eq!((found("1").await, found("2").await), (0, 0));
}

/// As an earlier version left it.
#[tokio::test]
async fn tags_of_an_earlier_format_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let store: SharedRecords = Arc::new(SqliteRecords::open(&path).unwrap());
    store.insert(record("a"), vec![("owner".to_owned(), "1".to_owned())], Batch::new()).await.unwrap();
    drop(store);
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch("DROP INDEX tag_by_value; PRAGMA user_version = 4").unwrap();
    drop(old);
    let store: SharedRecords = Arc::new(SqliteRecords::open(&path).unwrap());
    let found = store.tagged(page(&[OURS], None, 10), vec![filter("owner", &["1"])]).await.unwrap();
    assert_eq!(found, [record("a").arn]);
}

#[test]
fn a_page_is_read_in_the_order_of_an_index() {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    crate::schema::prepare(&mut connection, true).unwrap();
    let of = |filters: &[TagFilter]| {
        let plans = crate::tagged::statements("a", "b", filters, 100).into_iter().map(|(sql, values)| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let rows = statement.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
            rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
        });
        plans.collect::<Vec<_>>().join("; ")
    };
    let (any, one, two) = (filter("k", &[]), filter("k", &["v"]), filter("k", &["v", "w"]));
    for (filters, index) in [
        (vec![], "PRIMARY KEY (arn>? AND arn<?)"),
        (vec![any.clone()], "PRIMARY KEY (arn>? AND arn<?)"),
        (vec![one.clone()], "tag_by_value (key=? AND value=? AND arn>? AND arn<?)"),
        (vec![two, one, any], "tag_by_value (key=? AND value=? AND arn>? AND arn<?)"),
    ] {
        let plan = of(&filters);
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE") && !plan.contains("SCAN tag"), "{plan}");
        // Each further condition is one look at a tag.
        let further = plan.matches("PRIMARY KEY (arn=? AND key=?)").count();
        assert_eq!(further, plan.matches("SEARCH other").count(), "{plan}");
    }
}
