//! The CloudWatch Logs API.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use sagewright_cloud_core::api::{ApiError, Call, Caller, Handler as _};
use sagewright_cloud_core::logs::{Event, LogSink as _};
use sagewright_cloud_logs::{LogsService, Streams};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

struct Logs {
    service: LogsService,
    dir: tempfile::TempDir,
}

impl Logs {
    /// A service with the group `g` and the streams `a` and `b`.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteRecords::in_memory().unwrap());
        let logs = Self { service: LogsService::new(store, Streams::new(dir.path())), dir };
        logs.call("CreateLogGroup", json!({"logGroupName": "g"})).await.unwrap();
        for stream in ["a", "b"] {
            logs.call("CreateLogStream", json!({"logGroupName": "g", "logStreamName": stream})).await.unwrap();
        }
        logs
    }

    fn folder(&self) -> &std::path::Path {
        self.dir.path()
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, ApiError> {
        let service = sagewright_model::service("logs").unwrap();
        let call = Call {
            caller: Caller {
                account: "111122223333".into(),
                principal_arn: "arn:aws:iam::111122223333:user/x".into(),
                user_id: "x".into(),
                access_key: "x".into(),
                source_ip: None,
            },
            region: "us-east-1".into(),
            service,
            operation: service.operation(operation).unwrap(),
            input,
            now: sagewright_cloud_core::clock::SimTime::from_millisecond(NOW),
            wall: Timestamp::from_millisecond(NOW).unwrap(),
            request_id: "x".into(),
            payload: Bytes::new(),
        };
        self.service.call(call).await.map(|output| output.value)
    }

    async fn put(&self, stream: &str, events: &[(i64, &str)]) -> Result<Value, ApiError> {
        let events: Vec<_> = events.iter().map(|(t, m)| json!({"timestamp": t, "message": m})).collect();
        let input = json!({"logGroupName": "g", "logStreamName": stream, "logEvents": events});
        self.call("PutLogEvents", input).await
    }

    async fn refused(&self, operation: &str, input: Value) -> (String, String) {
        let error = self.call(operation, input).await.unwrap_err();
        (error.code.to_string(), error.message.clone())
    }
}

fn texts(answer: &Value) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|e| e["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn only_one_of_two_ways_to_name_groups_is_taken() {
    let logs = Logs::new().await;
    let both = json!({"logGroupNamePrefix": "g", "logGroupNamePattern": "g"});
    let (code, text) = logs.refused("DescribeLogGroups", both).await;
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(text, "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.");
    let both = json!({"logGroupName": "g", "logGroupIdentifier": "g"});
    let (code, text) = logs.refused("DescribeLogStreams", both.clone()).await;
    assert_eq!(code, "ValidationException");
    assert_eq!(text, "LogGroup name and LogGroup ARN are mutually exclusive parameters.");
    assert_eq!(logs.refused("FilterLogEvents", both).await.0, "InvalidParameterException");
}

#[tokio::test]
async fn groups_are_told_as_aws_tells_them() {
    let logs = Logs::new().await;
    logs.call("CreateLogGroup", json!({"logGroupName": "DataLogs"})).await.unwrap();
    let groups = async |input| logs.call("DescribeLogGroups", input).await.unwrap()["logGroups"].clone();
    let all = groups(json!({})).await;
    assert_eq!(all[1]["deletionProtectionEnabled"], false);
    assert_eq!(all[1]["storedBytes"], 0);
    let found = groups(json!({"logGroupNamePattern": "taLo"})).await;
    assert_eq!(found[0]["logGroupName"], "DataLogs");
    assert_eq!(found[0].get("storedBytes"), None, "{found}");
    assert_eq!(groups(json!({"logGroupNamePattern": "datalogs"})).await, json!([]), "letters' case counts");
}

#[tokio::test]
async fn what_is_too_much_or_of_the_wrong_time_is_not_taken() {
    let logs = Logs::new().await;
    let big = "x".repeat(1_048_576 - 26);
    assert_eq!(logs.put("a", &[(NOW, &big)]).await.unwrap()["rejectedLogEventsInfo"], Value::Null);
    let error = logs.put("a", &[(NOW, &(big.clone() + "x"))]).await.unwrap_err();
    assert_eq!(error.message, "Log event too large: 1048577 bytes exceeds limit of 1048576");
    let error = logs.put("a", &[(NOW, &big), (NOW, "x")]).await.unwrap_err();
    assert!(error.message.starts_with("Upload too large: 1048603 bytes exceeds limit of 1048576"), "{}", error.message);
    logs.put("b", &[(NOW - 24 * HOUR, "a"), (NOW, "b")]).await.unwrap();
    let error = logs.put("b", &[(NOW - 24 * HOUR - 1, "c"), (NOW, "d")]).await.unwrap_err();
    assert_eq!(
        error.message,
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
    );
    logs.call("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1})).await.unwrap();
    let events = [(NOW - 15 * 24 * HOUR, "old"), (NOW - 25 * HOUR, "expired"), (NOW, "good"), (NOW + 3 * HOUR, "new")];
    let answer = logs.put("b", &events).await.unwrap();
    assert_eq!(
        answer["rejectedLogEventsInfo"],
        json!({"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2, "tooNewLogEventStartIndex": 3})
    );
    let read = json!({"logGroupName": "g", "logStreamName": "b", "startFromHead": true});
    assert_eq!(texts(&logs.call("GetLogEvents", read).await.unwrap()), ["a", "b", "good"]);
}

#[tokio::test]
async fn tokens_of_a_stream_lead_both_ways_from_every_place() {
    let logs = Logs::new().await;
    logs.put("a", &[(NOW, "1"), (NOW, "2"), (NOW + 1, "3")]).await.unwrap();
    let read = async |more: Value| {
        let mut input = json!({"logGroupName": "g", "logStreamName": "a"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        logs.call("GetLogEvents", input).await.unwrap()
    };
    let last = read(json!({"limit": 2})).await;
    assert_eq!(texts(&last), ["2", "3"]);
    let first = read(json!({"limit": 2, "nextToken": last["nextBackwardToken"]})).await;
    assert_eq!(texts(&first), ["1"]);
    let before = read(json!({"nextToken": first["nextBackwardToken"]})).await;
    assert_eq!(texts(&before), [""; 0]);
    assert_eq!(before["nextBackwardToken"], first["nextBackwardToken"], "the same token says that there is no more");
    // From the very beginning forwards again, the first event included.
    assert_eq!(texts(&read(json!({"nextToken": before["nextForwardToken"]})).await), ["1", "2", "3"]);
    let end = read(json!({"nextToken": last["nextForwardToken"]})).await;
    assert_eq!((texts(&end).len(), &end["nextForwardToken"]), (0, &last["nextForwardToken"]));
    logs.put("a", &[(NOW + 1, "4")]).await.unwrap();
    assert_eq!(texts(&read(json!({"nextToken": end["nextForwardToken"]})).await), ["4"]);
    assert_eq!(texts(&read(json!({"startTime": NOW + 1, "endTime": NOW + 2, "limit": 1})).await), ["4"]);
}

#[tokio::test]
async fn a_search_goes_forwards_and_backwards_and_tells_all_events_apart() {
    let logs = Logs::new().await;
    // Two streams whose first events are of the same time.
    logs.put("a", &[(NOW, "1"), (NOW + 5, "3 x")]).await.unwrap();
    logs.put("b", &[(NOW, "2 x"), (NOW + 9, "4 x")]).await.unwrap();
    for (start_from_head, expected) in [(true, ["1", "2 x", "3 x", "4 x"]), (false, ["4 x", "3 x", "2 x", "1"])] {
        let (mut found, mut ids, mut token) = (Vec::new(), std::collections::HashSet::new(), Value::Null);
        loop {
            let input = json!({
                "logGroupName": "g", "limit": 1, "startTime": NOW, "startFromHead": start_from_head, "nextToken": token,
            });
            let page = logs.call("FilterLogEvents", input).await.unwrap();
            found.extend(texts(&page).into_iter().map(str::to_owned));
            ids.extend(page["events"].as_array().unwrap().iter().map(|e| e["eventId"].to_string()));
            token = page["nextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!(found, expected);
        assert_eq!(ids.len(), 4, "{ids:?}");
    }
    let named = json!({"logGroupName": "g", "logStreamNames": ["b", "a", "b"], "filterPattern": "x"});
    assert_eq!(texts(&logs.call("FilterLogEvents", named).await.unwrap()), ["2 x", "3 x", "4 x"]);
    for old in [json!(null), json!(0), json!(1_704_067_199_999_i64)] {
        let input = json!({"logGroupName": "g", "startFromHead": false, "startTime": old});
        assert_eq!(logs.refused("FilterLogEvents", input).await.0, "InvalidParameterException");
    }
    let missing = json!({"logGroupName": "g", "logStreamNames": ["a", "none"]});
    assert_eq!(logs.refused("FilterLogEvents", missing).await.0, "ResourceNotFoundException");
}

/// What a process leaves that is killed while it removes a group or makes one: the database knows a group without a folder.
#[tokio::test]
async fn a_group_inherits_nothing_of_one_whose_removal_was_cut_short() {
    let logs = Logs::new().await;
    let tags = |name: &str| json!({ "resourceArn": format!("arn:aws:logs:us-east-1:111122223333:log-group:{name}") });
    let old = json!({"logGroupName": "short", "tags": {"old": "1"}});
    let folder = logs.folder().join("111122223333/us-east-1/short");
    logs.call("CreateLogGroup", old).await.unwrap();
    logs.call("PutRetentionPolicy", json!({"logGroupName": "short", "retentionInDays": 3})).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    logs.call("CreateLogGroup", json!({"logGroupName": "short", "tags": {"new": "2"}})).await.unwrap();
    assert_eq!(logs.call("ListTagsForResource", tags("short")).await.unwrap()["tags"], json!({"new": "2"}));
    let told = logs.call("DescribeLogGroups", json!({"logGroupNamePrefix": "short"})).await.unwrap();
    assert_eq!(told["logGroups"][0]["retentionInDays"], Value::Null);
    // A group that jobs have made has no record of its own.
    std::fs::create_dir(logs.folder().join("111122223333/us-east-1/job")).unwrap();
    let tagged = json!({"resourceArn": tags("job")["resourceArn"], "tags": {"old": "1"}});
    logs.call("TagResource", tagged).await.unwrap();
    logs.call("DeleteLogGroup", json!({"logGroupName": "job"})).await.unwrap();
    logs.call("CreateLogGroup", json!({"logGroupName": "job"})).await.unwrap();
    assert_eq!(logs.call("ListTagsForResource", tags("job")).await.unwrap()["tags"], json!({}));
}

#[tokio::test]
async fn a_stream_of_a_job_inherits_nothing_of_one_that_went_with_its_group() {
    let logs = Logs::new().await;
    logs.call("DeleteLogGroup", json!({"logGroupName": "g"})).await.unwrap();
    let event = Event { timestamp: NOW + 1, ingested: NOW + HOUR, message: "of a job".into() };
    Streams::new(logs.folder()).append("111122223333", "us-east-1", "g", "a", &[event]).unwrap();
    let told = logs.call("DescribeLogStreams", json!({"logGroupName": "g"})).await.unwrap();
    assert_eq!(told["logStreams"][0]["creationTime"], NOW + HOUR, "{told}");
}

const OWNER: (&str, &str) = ("111122223333", "us-east-1");

/// A group with tags, retention and a stream.
async fn with_everything(logs: &Logs, group: &str) {
    logs.call("CreateLogGroup", json!({"logGroupName": group, "tags": {"old": "1"}})).await.unwrap();
    logs.call("PutRetentionPolicy", json!({"logGroupName": group, "retentionInDays": 3})).await.unwrap();
    logs.call("CreateLogStream", json!({"logGroupName": group, "logStreamName": "s"})).await.unwrap();
}

/// Has a job write to a group, and checks that it has nothing of an earlier one.
async fn is_made_anew(logs: &Logs, streams: &Streams, group: &str) {
    let event = Event { timestamp: NOW + 1, ingested: NOW + 1, message: "new".into() };
    streams.append(OWNER.0, OWNER.1, group, "s", &[event]).unwrap();
    let arn = format!("arn:aws:logs:us-east-1:111122223333:log-group:{group}");
    let tags = logs.call("ListTagsForResource", json!({"resourceArn": arn})).await.unwrap();
    assert_eq!(tags["tags"], json!({}), "{group}");
    let told = logs.call("DescribeLogGroups", json!({"logGroupNamePrefix": group})).await.unwrap();
    assert_eq!(told["logGroups"][0]["retentionInDays"], Value::Null, "{group}");
    let told = logs.call("DescribeLogStreams", json!({"logGroupName": group})).await.unwrap();
    assert_eq!(told["logStreams"][0]["creationTime"], NOW + 1, "{group}");
}

#[tokio::test]
async fn a_start_forgets_groups_whose_removal_was_cut_short() {
    let logs = Logs::new().await;
    let account = logs.folder().join(OWNER.0);
    let streams = Streams::new(logs.folder());
    for group in ["moved", "again", "gone", "kept"] {
        with_everything(&logs, group).await;
    }
    // Killed before the store forgot it; so, too, when a job had written to the group in the meantime; and as earlier
    // versions did it, which left records alone.
    streams.delete_group(OWNER.0, OWNER.1, "moved").unwrap().unwrap();
    streams.delete_group(OWNER.0, OWNER.1, "again").unwrap().unwrap();
    streams.create_group(OWNER.0, OWNER.1, "again").unwrap();
    std::fs::remove_dir_all(account.join("us-east-1/gone")).unwrap();
    logs.service.recover().await.unwrap();
    for group in ["moved", "again", "gone"] {
        is_made_anew(&logs, &streams, group).await;
    }
    let kept = logs.call("DescribeLogGroups", json!({"logGroupNamePrefix": "kept"})).await.unwrap();
    assert_eq!(kept["logGroups"][0]["retentionInDays"], 3);
    logs.service.recover().await.unwrap();
    logs.call("PutRetentionPolicy", json!({"logGroupName": "again", "retentionInDays": 5})).await.unwrap();
    logs.service.recover().await.unwrap();
    let again = logs.call("DescribeLogGroups", json!({"logGroupNamePrefix": "again"})).await.unwrap();
    assert_eq!(again["logGroups"][0]["retentionInDays"], 5, "it was forgotten once more");
}

#[tokio::test]
async fn what_is_left_of_removed_groups_and_streams_goes_after_a_start() {
    let logs = Logs::new().await;
    let account = logs.folder().join(OWNER.0);
    let streams = Streams::new(logs.folder());
    streams.delete_group(OWNER.0, OWNER.1, "g").unwrap().unwrap();
    // As earlier versions left it.
    std::fs::write(account.join("~removed/s.jsonl"), "").unwrap();
    with_everything(&logs, "h").await;
    logs.call("CreateLogStream", json!({"logGroupName": "h", "logStreamName": "kept"})).await.unwrap();
    streams.delete_stream(OWNER.0, OWNER.1, "h", "s").unwrap();
    logs.service.recover().await.unwrap();
    logs.service.sweep().await.unwrap();
    let left: Vec<_> = ["~removed", "~forgotten"].iter().flat_map(|f| std::fs::read_dir(account.join(f))).collect();
    assert_eq!(left.into_iter().flatten().count(), 0);
    let event = Event { timestamp: NOW + 1, ingested: NOW + 1, message: "new".into() };
    for stream in ["s", "kept"] {
        streams.append(OWNER.0, OWNER.1, "h", stream, std::slice::from_ref(&event)).unwrap();
    }
    let told = logs.call("DescribeLogStreams", json!({"logGroupName": "h"})).await.unwrap();
    assert_eq!(told["logStreams"][0]["creationTime"], NOW, "the stream that was there");
    assert_eq!(told["logStreams"][1]["creationTime"], NOW + 1, "the stream that was removed");
}

#[tokio::test]
async fn a_group_whose_files_cannot_be_removed_is_removed_all_the_same() {
    use std::os::unix::fs::PermissionsExt as _;

    let logs = Logs::new().await;
    let account = logs.folder().join(OWNER.0);
    let streams = Streams::new(logs.folder());
    with_everything(&logs, "stuck").await;
    // Who may do everything can remove this, too; for all others the removal fails.
    let inner = account.join("us-east-1/stuck/inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(inner.join("file"), "").unwrap();
    std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o500)).unwrap();
    for _ in 0..2 {
        logs.call("DeleteLogGroup", json!({"logGroupName": "stuck"})).await.unwrap();
        is_made_anew(&logs, &streams, "stuck").await;
    }
    // The folder where files go to be removed cannot be used: this fails for everybody.
    let _ = std::fs::rename(account.join("~forgotten"), logs.folder().join("aside"));
    std::fs::write(account.join("~forgotten"), "").unwrap();
    for _ in 0..2 {
        logs.call("DeleteLogGroup", json!({"logGroupName": "stuck"})).await.unwrap();
        is_made_anew(&logs, &streams, "stuck").await;
    }
    for inner in walk(logs.folder()) {
        std::fs::set_permissions(inner, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}

/// The folders below one.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    entries.flat_map(|path| [walk(&path), vec![path]].concat()).collect()
}
