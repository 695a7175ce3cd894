//! Tags of all kinds.

use serde_json::{Value, json};

use crate::support::{Cloud, model, package, training_job, with};

fn pairs(tags: &Value) -> Vec<String> {
    let text = |t: &Value, m: &str| t[m].as_str().unwrap().to_owned();
    tags["Tags"].as_array().unwrap().iter().map(|t| text(t, "Key") + "=" + &text(t, "Value")).collect()
}

#[tokio::test]
async fn tags_are_added_replaced_listed_and_deleted() {
    let cloud = Cloud::new();
    let tagged = with(model("m"), "/Tags", json!([{"Key": "team", "Value": "a"}]));
    let arn = cloud.ok("CreateModel", tagged).await["ModelArn"].clone();
    assert!(cloud.ok("DescribeModel", json!({"ModelName": "m"})).await.get("Tags").is_none());
    let added = json!({"ResourceArn": arn, "Tags": [{"Key": "team", "Value": "b"}, {"Key": "stage", "Value": "test"}]});
    assert_eq!(pairs(&cloud.ok("AddTags", added).await), ["stage=test", "team=b"]);
    cloud.ok("DeleteTags", json!({"ResourceArn": arn, "TagKeys": ["stage", "none"]})).await;
    assert_eq!(pairs(&cloud.ok("ListTags", json!({"ResourceArn": arn})).await), ["team=b"]);
    cloud.ok("DeleteModel", json!({"ModelName": "m"})).await;
    cloud.ok("CreateModel", model("m")).await;
    assert!(pairs(&cloud.ok("ListTags", json!({"ResourceArn": arn})).await).is_empty(), "tags go with the resource");
}

#[tokio::test]
async fn every_kind_has_tags() {
    let cloud = Cloud::new();
    cloud.endpoint().await;
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    cloud.ok("CreateModelPackageGroup", json!({"ModelPackageGroupName": "G"})).await;
    for resource in [
        "training-job/j",
        "model/m",
        "endpoint-config/c1",
        "endpoint/E",
        "model-package-group/g",
        "model-package-group/G",
    ] {
        let arn = format!("arn:aws:sagemaker:us-east-1:000000000000:{resource}");
        cloud.ok("AddTags", json!({"ResourceArn": arn, "Tags": [{"Key": "k", "Value": "v"}]})).await;
        assert_eq!(pairs(&cloud.ok("ListTags", json!({"ResourceArn": arn})).await), ["k=v"], "{resource}");
    }
}

#[tokio::test]
async fn a_version_uses_the_tags_of_its_group() {
    let cloud = Cloud::new();
    let group = json!({"ModelPackageGroupName": "g", "Tags": [{"Key": "k", "Value": "v"}]});
    cloud.ok("CreateModelPackageGroup", group).await;
    let arn = cloud.ok("CreateModelPackage", package("g")).await["ModelPackageArn"].clone();
    assert_eq!(pairs(&cloud.ok("ListTags", json!({"ResourceArn": arn})).await), ["k=v"]);
    insta::assert_snapshot!(
        cloud.refused("AddTags", json!({"ResourceArn": arn, "Tags": [{"Key": "x", "Value": "y"}]})).await,
        @"400 ValidationException: A model package version uses the tags of its model package group. Change the tags of arn:aws:sagemaker:us-east-1:000000000000:model-package-group/g."
    );
}

#[tokio::test]
async fn wrong_tags_are_refused_and_change_nothing() {
    let cloud = Cloud::new();
    let arn = cloud.ok("CreateModel", model("m")).await["ModelArn"].clone();
    let many = |from: u32, count: u32| -> Value {
        (from..from + count).map(|n| json!({"Key": format!("k{n:02}"), "Value": ""})).collect()
    };
    cloud.ok("AddTags", json!({"ResourceArn": arn, "Tags": many(0, 49)})).await;
    let before = cloud.state().await;
    let missing = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/missing";
    let app = "arn:aws:sagemaker:us-east-1:000000000000:app/a";
    let other = "arn:aws:sagemaker:us-east-1:111111111111:model/m";
    let cases = [
        (json!(arn), many(49, 2)),
        (json!(arn), json!([{"Key": "AWS:cloudformation", "Value": ""}])),
        (json!(arn), json!([{"Key": "", "Value": ""}])),
        (json!(missing), many(0, 1)),
        (json!(app), many(0, 1)),
        (json!(other), many(0, 1)),
    ];
    let mut told = Vec::new();
    for (arn, tags) in cases {
        told.push(cloud.refused("AddTags", json!({"ResourceArn": arn, "Tags": tags})).await);
    }
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(cloud.state().await, before);
    // One that is there counts once.
    cloud.ok("AddTags", json!({"ResourceArn": arn, "Tags": many(48, 2)})).await;
}
