//! Feature groups: what holds when the process dies at any commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sagewright_cloud::api::{ApiError, Call, Handler as _};
use sagewright_cloud::records::Records as _;
use sagewright_cloud::sagemaker::kind::Kind;
use sagewright_cloud_sagemaker_featurestore::{Runtime, flush_all};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, Cloud, Life, REGION, caller, within};

const ROLE: &str = "arn:aws:iam::000000000000:role/exec";

/// A call of the runtime API.
async fn runtime(cloud: &Cloud, operation: &str, input: Value) -> Result<Value, ApiError> {
    let service = sagewright_model::service("sagemaker-featurestore-runtime").unwrap();
    let operation = service.operation(operation).unwrap();
    let call = Call {
        caller: caller(ACCOUNT),
        region: REGION.to_owned(),
        service,
        operation,
        input,
        now: cloud.sagemaker.env().sim.now(),
        wall: cloud.clock.time(),
        request_id: "request".to_owned(),
        payload: Bytes::new(),
    };
    Ok(Runtime(cloud.sagemaker.clone()).call(call).await?.value)
}

async fn put(cloud: &Cloud, id: &str, at: &str) -> Result<Value, ApiError> {
    let record = json!([{"FeatureName": "id", "ValueAsString": id}, {"FeatureName": "at", "ValueAsString": at}]);
    runtime(cloud, "PutRecord", json!({"FeatureGroupName": "g", "Record": record})).await
}

async fn get(cloud: &Cloud, id: &str) -> bool {
    let input = json!({"FeatureGroupName": "g", "RecordIdentifierValueAsString": id});
    !runtime(cloud, "GetRecord", input).await.unwrap()["Record"].is_null()
}

async fn group(cloud: &Cloud) {
    let feature = |name: &str| json!({"FeatureName": name, "FeatureType": "String"});
    let input = json!({
        "FeatureGroupName": "g", "RecordIdentifierFeatureName": "id", "EventTimeFeatureName": "at",
        "FeatureDefinitions": [feature("id"), feature("at")], "RoleArn": ROLE,
        "OnlineStoreConfig": {"EnableOnlineStore": true},
        "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://data/features"}},
    });
    cloud.ok("CreateFeatureGroup", input).await;
    cloud.clock.advance(1000);
    cloud.until(Kind::FEATURE_GROUP, "g", "Created").await;
}

/// Waits until no record of a kind is left.
async fn none_left(cloud: &Cloud, kind: &str) {
    within(async {
        while !cloud.sagemaker.env().store.list(ACCOUNT, REGION, kind).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// In how many files an identifier is.
fn files_with(files: &BTreeMap<String, Vec<u8>>, id: &str) -> usize {
    files.values().filter(|content| content.windows(id.len()).any(|window| window == id.as_bytes())).count()
}

#[tokio::test]
async fn a_put_is_there_whole_once_it_is_acknowledged_and_not_at_all_before() {
    for commits in 0..2 {
        let (store, life) = (SqliteRecords::in_memory().unwrap(), Arc::new(Life::default()));
        let cloud = Cloud::mortal(store.clone(), 1, life.clone());
        group(&cloud).await;
        life.ends_after(commits);
        let acknowledged = tokio::select! {
            put = put(&cloud, "first-record", "2026-01-01T00:00:00Z") => put.is_ok(),
            () = life.over() => false,
        };
        assert_eq!(acknowledged, commits > 0);
        let next = Cloud::over(store, 1);
        assert_eq!(get(&next, "first-record").await, acknowledged);
        let shown = next.ok("DescribeFeatureGroup", json!({"FeatureGroupName": "g"})).await;
        assert_eq!(shown["OnlineStoreTotalSizeBytes"].as_i64().unwrap() > 0, acknowledged);
        flush_all(&next.sagemaker).await;
        assert_eq!(files_with(&next.bucket.files(), "first-record"), usize::from(acknowledged));
    }
}

#[tokio::test]
async fn rows_reach_s3_once_wherever_the_process_dies() {
    // What is written is noted, written, and taken away; then the timer is done with.
    for commits in 0..4 {
        let (store, life) = (SqliteRecords::in_memory().unwrap(), Arc::new(Life::default()));
        let cloud = Cloud::mortal(store.clone(), 1, life.clone());
        group(&cloud).await;
        for (id, at) in [("first-row", "2026-01-01T00:10:00Z"), ("second-row", "2026-01-01T01:00:00Z")] {
            put(&cloud, id, at).await.unwrap();
        }
        life.ends_after(commits);
        cloud.clock.advance(60_000);
        cloud.sagemaker.waker().wake();
        tokio::select! {
            () = life.over() => {}
            () = none_left(&cloud, "feature-row") => {}
        }
        let next = Cloud::over(store, 1);
        put(&next, "third-row", "2026-01-01T00:20:00Z").await.unwrap();
        next.clock.advance(600_000);
        next.sagemaker.waker().wake();
        none_left(&next, "feature-row").await;
        // The second process writes what the first one had begun to the same keys.
        let mut files = cloud.bucket.files();
        files.extend(next.bucket.files());
        for id in ["first-row", "second-row", "third-row"] {
            assert_eq!(files_with(&files, id), 1, "{id} after {commits} commits: {:?}", files.keys());
        }
    }
}

#[tokio::test]
async fn a_deletion_comes_to_its_end_wherever_the_process_dies() {
    for commits in 0..7 {
        let (store, life) = (SqliteRecords::in_memory().unwrap(), Arc::new(Life::default()));
        let cloud = Cloud::mortal(store.clone(), 1, life.clone());
        group(&cloud).await;
        put(&cloud, "first-row", "2026-01-01T00:10:00Z").await.unwrap();
        let told = json!({"FeatureGroupName": "g", "FeatureName": "id", "Description": "who"});
        cloud.ok("UpdateFeatureMetadata", told).await;
        cloud.ok("DeleteFeatureGroup", json!({"FeatureGroupName": "g"})).await;
        life.ends_after(commits);
        cloud.clock.advance(1000);
        cloud.sagemaker.waker().wake();
        tokio::select! {
            () = life.over() => {}
            () = none_left(&cloud, "feature-group") => {}
        }
        let next = Cloud::over(store, 1);
        next.clock.advance(60_000);
        next.sagemaker.waker().wake();
        for kind in ["feature-group", "feature-store", "feature-record", "feature-row", "feature-metadata"] {
            none_left(&next, kind).await;
        }
        let mut files = cloud.bucket.files();
        files.extend(next.bucket.files());
        assert_eq!(files_with(&files, "first-row"), 1, "{:?}", files.keys());
    }
}

#[tokio::test]
async fn more_rows_than_one_part_takes_reach_s3_at_once() {
    let cloud = Cloud::new();
    group(&cloud).await;
    for number in 0..2000 {
        put(&cloud, &format!("row-{number:05}-"), "2026-01-01T00:10:00Z").await.unwrap();
    }
    none_left(&cloud, "feature-row").await;
    let files = cloud.bucket.files();
    for id in ["row-00000-", "row-01999-"] {
        assert_eq!(files_with(&files, id), 1);
    }
}

#[tokio::test]
async fn a_deletion_counts_when_its_event_is_later_than_the_records() {
    let cloud = Cloud::new();
    group(&cloud).await;
    let delete = |at: &str| {
        let input = json!({"FeatureGroupName": "g", "RecordIdentifierValueAsString": "a", "EventTime": at});
        runtime(&cloud, "DeleteRecord", input)
    };
    put(&cloud, "a", "2026-01-01T00:10:00Z").await.unwrap();
    for (at, there) in [("2026-01-01T00:09:59Z", true), ("2026-01-01T00:10:00Z", true), ("2026-01-01T00:10:01Z", false)]
    {
        delete(at).await.unwrap();
        assert_eq!(get(&cloud, "a").await, there, "{at}");
    }
}

#[tokio::test]
async fn a_record_of_a_batch_has_the_batchs_time_to_live_or_its_own() {
    let cloud = Cloud::new();
    group(&cloud).await;
    let entry = |id: &str| {
        let value = |name: &str, text: &str| json!({"FeatureName": name, "ValueAsString": text});
        json!({"FeatureGroupName": "g", "Record": [value("id", id), value("at", "2025-10-09T08:53:20Z")]})
    };
    let mut own = entry("own");
    own["TtlDuration"] = json!({"Unit": "Minutes", "Value": 1});
    let entries = json!({"Entries": [own, entry("batch")], "TtlDuration": {"Unit": "Hours", "Value": 1}});
    runtime(&cloud, "BatchWriteRecord", entries).await.unwrap();
    cloud.clock.advance(120_000);
    assert_eq!((get(&cloud, "own").await, get(&cloud, "batch").await), (false, true));
}

#[tokio::test]
async fn records_beyond_what_one_answer_holds_are_unprocessed() {
    let cloud = Cloud::new();
    group(&cloud).await;
    let long = "x".repeat(300 * 1024);
    let ids: Vec<String> = (0..60).map(|n| format!("{n}-{long}")).collect();
    for id in &ids {
        put(&cloud, id, "2026-01-01T00:10:00Z").await.unwrap();
    }
    let asked = json!({"FeatureGroupName": "g", "RecordIdentifiersValueAsString": ids});
    let told = runtime(&cloud, "BatchGetRecord", json!({"Identifiers": [asked]})).await.unwrap();
    let records = told["Records"].as_array().unwrap().len();
    let left = told["UnprocessedIdentifiers"][0]["RecordIdentifiersValueAsString"].as_array().unwrap();
    assert_eq!(records, 16 * 1024 / 300 + 1, "16 MB and the record that reaches them");
    assert_eq!(left[..], json!(ids[records..]).as_array().unwrap()[..]);
}

#[tokio::test]
async fn rows_of_a_deleted_group_wait_for_a_disk_and_not_for_a_bucket_that_is_gone() {
    let cloud = Cloud::new();
    group(&cloud).await;
    put(&cloud, "first-row", "2026-01-01T00:10:00Z").await.unwrap();
    let full = cloud.obstacle("feature-store");
    cloud.ok("DeleteFeatureGroup", json!({"FeatureGroupName": "g"})).await;
    cloud.later(1000).await;
    let told = cloud.ok("DescribeFeatureGroup", json!({"FeatureGroupName": "g"})).await;
    assert_eq!(told["FeatureGroupStatus"], "Deleting");
    let status = &told["OfflineStoreStatus"];
    assert_eq!(status["Status"], "Blocked");
    let why = status["BlockedReason"].as_str().unwrap();
    assert!(why.starts_with("S3 storage failed on s3://data/") && !why.contains(full.to_str().unwrap()), "{why}");
    std::fs::remove_file(full).unwrap();
    cloud.later(60_000).await;
    none_left(&cloud, "feature-group").await;
    assert_eq!(files_with(&cloud.bucket.files(), "first-row"), 1);

    // Nobody can ever write to it: AWS deletes the group as well.
    group(&cloud).await;
    put(&cloud, "second-row", "2026-01-01T00:10:00Z").await.unwrap();
    cloud.bucket.remove("data");
    cloud.ok("DeleteFeatureGroup", json!({"FeatureGroupName": "g"})).await;
    cloud.later(1000).await;
    none_left(&cloud, "feature-group").await;
}

#[tokio::test]
async fn an_offline_store_whose_keys_would_be_too_long_is_refused() {
    let cloud = Cloud::new();
    let feature = |name: &str| json!({"FeatureName": name, "FeatureType": "String"});
    let input = |length: usize| {
        json!({
            "FeatureGroupName": "g", "RecordIdentifierFeatureName": "id", "EventTimeFeatureName": "at",
            "FeatureDefinitions": [feature("id"), feature("at")], "RoleArn": ROLE,
            "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": format!("s3://data/{}", "x".repeat(length))}},
        })
    };
    let refused = cloud.refused("CreateFeatureGroup", input(1000)).await;
    assert!(refused.contains("a key has at most 1024"), "{refused}");
    cloud.ok("CreateFeatureGroup", input(800)).await;
}

#[tokio::test]
async fn entries_behind_one_that_the_store_did_not_take_are_unprocessed() {
    let life = Arc::new(Life::default());
    let cloud = Cloud::mortal(SqliteRecords::in_memory().unwrap(), 1, life.clone());
    group(&cloud).await;
    let entry = |id: &str| {
        let record = json!([{"FeatureName": "id", "ValueAsString": id}, {"FeatureName": "at", "ValueAsString": "2026-01-01T00:00:00Z"}]);
        json!({"FeatureGroupName": "g", "Record": record})
    };
    let write = || runtime(&cloud, "BatchWriteRecord", json!({"Entries": [entry("a"), entry("b"), entry("c")]}));
    life.errs_after("feature-record", 1, false);
    let told = write().await.unwrap();
    assert_eq!(told["UnprocessedEntries"], json!([entry("b"), entry("c")]));
    assert_eq!((get(&cloud, "a").await, get(&cloud, "b").await), (true, false));
    // Where nothing was put, the call fails, and can be made again.
    life.errs_after("feature-store", 0, false);
    assert_eq!(write().await.unwrap_err().status, 500);
}

#[tokio::test]
async fn events_show_the_status_that_was_entered() {
    let cloud = Cloud::new();
    group(&cloud).await;
    cloud.ok("DeleteFeatureGroup", json!({"FeatureGroupName": "g"})).await;
    let events = cloud.store.events(0, 10).await.unwrap();
    let statuses: Vec<_> = events.iter().map(|(_, event)| &event.body["detail"]["FeatureGroupStatus"]).collect();
    assert_eq!(statuses, ["Creating", "Created", "Deleting"]);
}
