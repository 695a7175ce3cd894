//! Listings of many pages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use sagewright_engine::cloud::{Call, Cloud, CloudError, Target};
use sagewright_engine::paging::{Pager, collect_items, pages};
use serde_json::{Value, json};

/// Answers from a list and keeps the inputs.
struct Pages {
    answers: Mutex<VecDeque<Value>>,
    inputs: Mutex<Vec<Value>>,
}

fn cloud(answers: impl IntoIterator<Item = Value>) -> Pages {
    Pages { answers: Mutex::new(answers.into_iter().collect()), inputs: Mutex::default() }
}

#[async_trait]
impl Cloud for Pages {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        self.inputs.lock().unwrap().push(call.input);
        Ok(self.answers.lock().unwrap().pop_front().expect("one page too many was asked for"))
    }
}

fn target() -> Target {
    Target::new("us-east-1".parse().unwrap())
}

#[tokio::test]
async fn one_token_leads_to_the_next_page() {
    let cloud = cloud([
        json!({"Models": [1, 2], "NextToken": "a"}),
        json!({"Models": [], "NextToken": "b"}),
        json!({"Models": [3], "NextToken": ""}),
    ]);
    let input = json!({"NameContains": "x"});
    let items = collect_items(&cloud, &target(), "sagemaker", "ListModels", input).await.unwrap();
    assert_eq!(items, [1, 2, 3]);
    let expected = [
        json!({"NameContains": "x"}),
        json!({"NameContains": "x", "NextToken": "a"}),
        json!({"NameContains": "x", "NextToken": "b"}),
    ];
    assert_eq!(*cloud.inputs.lock().unwrap(), expected);
}

#[tokio::test]
async fn several_tokens_go_together_and_a_flag_ends_the_listing() {
    let cloud = cloud([
        json!({"Versions": [1], "IsTruncated": true, "NextKeyMarker": "k", "NextVersionIdMarker": "v"}),
        json!({"Versions": [2], "IsTruncated": true, "NextKeyMarker": "l"}),
        json!({"Versions": [3], "IsTruncated": false, "NextKeyMarker": "stale"}),
    ]);
    let found = pages(&cloud, &target(), "s3", "ListObjectVersions", json!({"Bucket": "b"})).await.unwrap();
    assert_eq!(found.len(), 3);
    let expected = [
        json!({"Bucket": "b"}),
        json!({"Bucket": "b", "KeyMarker": "k", "VersionIdMarker": "v"}),
        json!({"Bucket": "b", "KeyMarker": "l"}),
    ];
    assert_eq!(*cloud.inputs.lock().unwrap(), expected);
}

#[tokio::test]
async fn page_sizes_use_the_limit_of_the_operation() {
    for (service, operation, key) in [
        ("sagemaker", "ListModels", "MaxResults"),
        ("iam", "ListRoles", "MaxItems"),
        ("s3", "ListObjectsV2", "MaxKeys"),
        ("logs", "GetLogEvents", "limit"),
        // Botocore has no paginator for it.
        ("sagemaker", "ListHubs", "MaxResults"),
    ] {
        let cloud = cloud([json!({})]);
        Pager::new(&target(), service, operation, Value::Null).page_size(7).next(&cloud).await.unwrap();
        assert_eq!(cloud.inputs.lock().unwrap()[0], json!({key: 7}));
    }
}

#[tokio::test]
async fn a_repeated_token_ends_in_an_error_and_not_in_a_loop() {
    let page = json!({"Models": [1], "NextToken": "same"});
    let cloud = cloud([page.clone(), page]);
    let error = pages(&cloud, &target(), "sagemaker", "ListModels", Value::Null).await.unwrap_err();
    assert_eq!(error.code, "RepeatedToken");
    for (service, operation, token) in
        [("sagemaker", "ListModels", "NextToken"), ("s3", "ListObjectsV2", "NextContinuationToken")]
    {
        let page = |next: &str| json!({"IsTruncated": true, token: next});
        let cloud = self::cloud(["a", "b", "c", "a"].map(page));
        let error = pages(&cloud, &target(), service, operation, json!({"Bucket": "b"})).await.unwrap_err();
        assert_eq!((error.code.as_str(), cloud.inputs.lock().unwrap().len()), ("RepeatedToken", 4), "{operation}");
    }
}

#[tokio::test]
async fn log_events_end_where_the_token_stays_the_same() {
    let page = |events: Value, token: &str| json!({"events": events, "nextForwardToken": token});
    let cloud = cloud([page(json!([1]), "f/1"), page(json!([2]), "f/2"), page(json!([]), "f/2")]);
    let input = json!({"logGroupName": "g", "logStreamName": "s"});
    let found = pages(&cloud, &target(), "logs", "GetLogEvents", input).await.unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(cloud.inputs.lock().unwrap()[2]["nextToken"], "f/2");
    // Whoever goes on where a reading ended learns at once that there is no more.
    let here = self::cloud([page(json!([]), "f/2")]);
    let input = json!({"logGroupName": "g", "logStreamName": "s", "nextToken": "f/2"});
    assert_eq!(pages(&here, &target(), "logs", "GetLogEvents", input).await.unwrap().len(), 1);
}

#[tokio::test]
async fn listings_that_the_model_does_not_page_go_by_their_members() {
    for (service, operation, list, token) in [
        ("sagemaker", "ListHubs", "HubSummaries", "NextToken"),
        ("logs", "DescribeAccountPolicies", "accountPolicies", "nextToken"),
    ] {
        let cloud = cloud([json!({list: [1], token: "a"}), json!({list: [2]})]);
        let items = collect_items(&cloud, &target(), service, operation, Value::Null).await.unwrap();
        assert_eq!(items, [1, 2], "{operation}");
    }
}

#[tokio::test]
async fn operations_without_pages_give_one_page_and_no_items() {
    let cloud = cloud([json!({"ModelName": "m"})]);
    let found = pages(&cloud, &target(), "sagemaker", "DescribeModel", json!({"ModelName": "m"})).await.unwrap();
    assert_eq!(found, [json!({"ModelName": "m"})]);
    // Neither a plain resource, nor an answer with two lists, nor what is no listing by its name.
    for (service, operation) in
        [("sagemaker", "DescribeModel"), ("sagemaker", "DescribeEdgeDeploymentPlan"), ("logs", "GetQueryResults")]
    {
        let error = collect_items(&cloud, &target(), service, operation, Value::Null).await.unwrap_err();
        assert_eq!(error.code, "NotPaged", "{operation}");
    }
}
