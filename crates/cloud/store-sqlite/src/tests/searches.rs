//! Searches: filters, order, places and indexes.

use super::*;

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
