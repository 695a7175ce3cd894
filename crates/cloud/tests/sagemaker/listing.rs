//! Listings: filters, order, pages, tokens.

use sagewright_cloud::sagemaker::{Kind, TrainingEnd};
use serde_json::{Value, json};

use crate::support::{Cloud, model, training_job};

/// Models `a0` … `a4`, one second apart.
async fn five(cloud: &Cloud) {
    for n in 0..5 {
        cloud.ok("CreateModel", model(&format!("A{n}"))).await;
        cloud.clock.advance(1_000);
    }
}

fn names(out: &Value) -> Vec<String> {
    out["Models"].as_array().unwrap().iter().map(|m| m["ModelName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn filters_and_order_choose_what_is_listed() {
    let cloud = Cloud::new();
    five(&cloud).await;
    let time = |n: i64| json!(1_760_000_000 + n);
    for (input, expected) in [
        (json!({}), vec!["A4", "A3", "A2", "A1", "A0"]),
        (json!({"SortOrder": "Ascending", "MaxResults": 2}), vec!["A0", "A1"]),
        (json!({"SortBy": "Name", "SortOrder": "Descending"}), vec!["A4", "A3", "A2", "A1", "A0"]),
        (json!({"NameContains": "a3"}), vec!["A3"]),
        (json!({"NameContains": "b"}), vec![]),
        (json!({"CreationTimeAfter": time(2)}), vec!["A4", "A3"]),
        (json!({"CreationTimeBefore": time(2), "SortOrder": "Ascending"}), vec!["A0", "A1"]),
        (json!({"CreationTimeAfter": "2025-10-09T08:53:23Z"}), vec!["A4"]),
    ] {
        assert_eq!(names(&cloud.ok("ListModels", input.clone()).await), expected, "{input}");
    }
    let refused = cloud.refused("ListModels", json!({"CreationTimeAfter": "yesterday"})).await;
    assert!(refused.contains("Invalid value for CreationTimeAfter: expected a timestamp"), "{refused}");
}

#[tokio::test]
async fn jobs_are_listed_by_status_and_change() {
    let cloud = Cloud::new();
    for name in ["j1", "j2"] {
        cloud.ok("CreateTrainingJob", training_job(name)).await;
    }
    let job = cloud.job().await;
    // Both run before the clock goes on.
    let _other = cloud.job().await;
    cloud.clock.advance(60_000);
    let name = job.task.name.clone();
    job.end.send(TrainingEnd::Failed { reason: "AlgorithmError".to_owned() }).unwrap();
    cloud.until(Kind::TRAINING_JOB, &name, "Failed").await;
    let list = async |input: Value| -> Vec<String> {
        let out = cloud.ok("ListTrainingJobs", input).await;
        let jobs = out["TrainingJobSummaries"].as_array().unwrap().clone();
        jobs.iter().map(|j| j["TrainingJobName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(list(json!({"StatusEquals": "Failed"})).await, [name.as_str()]);
    assert_eq!(list(json!({"LastModifiedTimeAfter": 1_760_000_030})).await, [name.as_str()]);
    assert_eq!(list(json!({"StatusEquals": "InProgress"})).await.len(), 1);
    assert!(list(json!({"WarmPoolStatusEquals": "Available"})).await.is_empty());
    assert_eq!(list(json!({"SortBy": "Status"})).await, [name.as_str(), if name == "j1" { "j2" } else { "j1" }]);
    let summary = &cloud.ok("ListTrainingJobs", json!({"StatusEquals": "Failed"})).await["TrainingJobSummaries"][0];
    let members: Vec<_> = summary.as_object().unwrap().keys().map(String::as_str).collect();
    insta::assert_snapshot!(members.join(" "));
}

#[tokio::test]
async fn pages_hold_while_resources_come_and_go() {
    let cloud = Cloud::new();
    five(&cloud).await;
    for order in ["Ascending", "Descending"] {
        for sort in ["Name", "CreationTime"] {
            let mut seen = Vec::new();
            let mut input = json!({"SortBy": sort, "SortOrder": order, "MaxResults": 2});
            loop {
                let page = cloud.ok("ListModels", input.clone()).await;
                seen.extend(names(&page));
                // What sorts before the page's end comes and goes between the pages.
                let noise = if order == "Ascending" { "A" } else { "Z" };
                let _ = cloud.call("CreateModel", model(noise)).await;
                match page.get("NextToken") {
                    Some(token) => input["NextToken"] = token.clone(),
                    None => break,
                }
            }
            seen.retain(|name| name.len() == 2);
            if order == "Descending" {
                seen.reverse();
            }
            assert_eq!(seen, ["A0", "A1", "A2", "A3", "A4"], "{sort} {order}");
            for noise in ["A", "Z"] {
                let _ = cloud.call("DeleteModel", json!({"ModelName": noise})).await;
            }
        }
    }
}

#[tokio::test]
async fn equal_times_do_not_lose_or_repeat_a_resource() {
    let cloud = Cloud::new();
    for n in 0..7 {
        cloud.ok("CreateModel", model(&format!("m{n}"))).await;
    }
    let mut seen = Vec::new();
    let mut input = json!({"MaxResults": 3});
    loop {
        let page = cloud.ok("ListModels", input.clone()).await;
        seen.extend(names(&page));
        match page.get("NextToken") {
            Some(token) => input["NextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(seen, ["m6", "m5", "m4", "m3", "m2", "m1", "m0"]);
}

#[tokio::test]
async fn a_token_serves_only_the_request_that_it_came_from() {
    let cloud = Cloud::new();
    five(&cloud).await;
    let token = cloud.ok("ListModels", json!({"MaxResults": 2})).await["NextToken"].as_str().unwrap().to_owned();
    let mut tampered = token.clone().into_bytes();
    tampered[20] = if tampered[20] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    for input in [
        json!({"NextToken": tampered}),
        json!({"NextToken": "nonsense"}),
        json!({"NextToken": "é"}),
        json!({"NextToken": token, "NameContains": "a"}),
        json!({"NextToken": token, "SortOrder": "Ascending"}),
    ] {
        assert_eq!(
            cloud.refused("ListModels", input).await,
            "400 ValidationException: Invalid NextToken: it was not returned by an earlier request with the same filters and order. Start again without it."
        );
    }
    cloud.refused("ListEndpoints", json!({"NextToken": token})).await;
    assert_eq!(names(&cloud.ok("ListModels", json!({"NextToken": token, "MaxResults": 1})).await), ["A2"]);
}

/// A page holds `MaxResults` resources of any status and name before it is filtered, as the service model says of
/// ListTrainingJobs.
#[tokio::test]
async fn status_and_name_are_filtered_after_the_page_is_taken() {
    let cloud = Cloud::new();
    for name in ["a", "b", "c"] {
        cloud.ok("CreateModelPackageGroup", json!({"ModelPackageGroupName": name})).await;
        cloud.clock.advance(1000);
    }
    let first = cloud
        .ok("ListModelPackageGroups", json!({"NameContains": "c", "MaxResults": 2, "SortOrder": "Ascending"}))
        .await;
    assert_eq!(first["ModelPackageGroupSummaryList"], json!([]));
    let second = cloud
        .ok(
            "ListModelPackageGroups",
            json!({"NameContains": "c", "MaxResults": 2, "SortOrder": "Ascending", "NextToken": first["NextToken"]}),
        )
        .await;
    assert_eq!(second["ModelPackageGroupSummaryList"].as_array().unwrap().len(), 1);
    assert!(second["NextToken"].is_null());
}
