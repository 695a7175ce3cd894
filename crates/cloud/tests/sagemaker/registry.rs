//! Model package groups and their versions.

use serde_json::{Value, json};

use sagewright_cloud::records::{Batch, Records};

use crate::support::{ACCOUNT, Cloud, REGION, package, with};

async fn group(cloud: &Cloud, name: &str) {
    cloud
        .ok("CreateModelPackageGroup", json!({"ModelPackageGroupName": name, "ModelPackageGroupDescription": "d"}))
        .await;
}

async fn version(cloud: &Cloud, group: &str) -> String {
    cloud.clock.advance(10);
    cloud.ok("CreateModelPackage", package(group)).await["ModelPackageArn"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn versions_count_up_and_are_never_used_twice() {
    let cloud = Cloud::new();
    group(&cloud, "Mnist").await;
    group(&cloud, "other").await;
    let arn = |n: u32| format!("arn:aws:sagemaker:us-east-1:000000000000:model-package/mnist/{n}");
    assert_eq!(version(&cloud, "Mnist").await, arn(1));
    assert_eq!(version(&cloud, "arn:aws:sagemaker:us-east-1:000000000000:model-package-group/mnist").await, arn(2));
    assert_eq!(version(&cloud, "other").await, arn(1).replace("mnist", "other"));
    cloud.ok("DeleteModelPackage", json!({"ModelPackageName": arn(2)})).await;
    assert_eq!(version(&cloud, "mnist").await, arn(3));
    assert_eq!(
        cloud.refused("DescribeModelPackage", json!({"ModelPackageName": arn(2)})).await,
        format!("400 ValidationException: ModelPackage {} does not exist.", arn(2))
    );
    insta::assert_json_snapshot!(cloud.ok("DescribeModelPackage", json!({"ModelPackageName": arn(3)})).await);
    let by_name = cloud.ok("DescribeModelPackage", json!({"ModelPackageName": "Mnist/3"})).await;
    assert_eq!(by_name["ModelPackageArn"], arn(3));
}

#[tokio::test]
async fn the_same_client_token_makes_one_version() {
    let cloud = Cloud::new();
    group(&cloud, "g").await;
    let mut request = package("g");
    request["ClientToken"] = json!("00000000-0000-0000-0000-000000000001");
    let first = cloud.ok("CreateModelPackage", request.clone()).await;
    assert_eq!(cloud.ok("CreateModelPackage", request).await, first);
    assert!(version(&cloud, "g").await.ends_with("/g/2"));
}

#[tokio::test]
async fn a_client_token_stands_for_its_own_version_as_long_as_that_is_there() {
    let cloud = Cloud::new();
    group(&cloud, "g").await;
    group(&cloud, "h").await;
    let with = |group: &str| {
        let mut request = package(group);
        request["ClientToken"] = json!("00000000-0000-0000-0000-000000000001");
        request
    };
    let make = async |group: &str| {
        let made = cloud.ok("CreateModelPackage", with(group)).await;
        made["ModelPackageArn"].as_str().unwrap().to_owned()
    };
    let delete = async |arn: &str| cloud.ok("DeleteModelPackage", json!({"ModelPackageName": arn})).await;
    let first = make("g").await;
    assert!(make("h").await.ends_with("/h/1"), "a token counts within its group");
    delete(&first).await;
    let second = make("g").await;
    assert!(second.ends_with("/g/2"), "{second}");
    assert_eq!(make("g").await, second);
    // A new group of the same name knows no token of the one before.
    delete(&second).await;
    cloud.ok("DeleteModelPackageGroup", json!({"ModelPackageGroupName": "g"})).await;
    group(&cloud, "g").await;
    assert!(version(&cloud, "g").await.ends_with("/g/1"));
    assert!(make("g").await.ends_with("/g/2"));
}

/// What a process leaves that is killed between the end of a group and that of its tokens.
#[tokio::test]
async fn a_client_token_that_outlived_its_group_stands_for_no_version_of_the_next() {
    let cloud = Cloud::new();
    let records: &dyn Records = &cloud.store;
    group(&cloud, "g").await;
    let mut request = package("g");
    request["ClientToken"] = json!("00000000-0000-0000-0000-000000000001");
    let first = cloud.ok("CreateModelPackage", request.clone()).await["ModelPackageArn"].clone();
    let token = records.list(ACCOUNT, REGION, "model-package-token").await.unwrap().pop().unwrap();
    cloud.ok("DeleteModelPackage", json!({"ModelPackageName": first})).await;
    cloud.ok("DeleteModelPackageGroup", json!({"ModelPackageGroupName": "g"})).await;
    assert!(records.insert(token, Vec::new(), Batch::new()).await.unwrap(), "it went with its group");
    group(&cloud, "g").await;
    let other = version(&cloud, "g").await;
    assert_eq!(first, other);
    let second = cloud.ok("CreateModelPackage", request.clone()).await["ModelPackageArn"].clone();
    assert!(second.as_str().unwrap().ends_with("/g/2"), "{second}");
    assert_eq!(cloud.ok("CreateModelPackage", request).await["ModelPackageArn"], second);
}

#[tokio::test]
async fn a_versions_life_is_told_from_its_creation_to_its_deletion() {
    let cloud = Cloud::new();
    group(&cloud, "g").await;
    let mut changes = cloud.sagemaker.subscribe();
    let arn = version(&cloud, "g").await;
    let approve = json!({"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"});
    cloud.ok("UpdateModelPackage", approve.clone()).await;
    cloud.ok("UpdateModelPackage", approve).await;
    cloud.ok("DeleteModelPackage", json!({"ModelPackageName": arn})).await;
    let told: Vec<_> = std::iter::from_fn(|| changes.try_recv().ok()).map(|change| change.status).collect();
    assert_eq!(told, ["Completed", "Approved", "Deleted"]);
}

#[tokio::test]
async fn a_group_lives_until_its_last_version_is_gone() {
    let cloud = Cloud::new();
    group(&cloud, "g").await;
    group(&cloud, "g-2").await;
    insta::assert_json_snapshot!(cloud.ok("DescribeModelPackageGroup", json!({"ModelPackageGroupName": "g"})).await);
    insta::assert_snapshot!(
        cloud.refused("CreateModelPackageGroup", json!({"ModelPackageGroupName": "G"})).await,
        @"400 ValidationException: Model Package Group already exists: arn:aws:sagemaker:us-east-1:000000000000:model-package-group/g"
    );
    let arn = version(&cloud, "g").await;
    let before = cloud.state().await;
    insta::assert_snapshot!(
        cloud.refused("DeleteModelPackageGroup", json!({"ModelPackageGroupName": "g"})).await,
        @"400 ConflictException: Model Package Group cannot be deleted as it still contains Model Packages"
    );
    assert_eq!(cloud.state().await, before);
    cloud.ok("DeleteModelPackageGroup", json!({"ModelPackageGroupName": "g-2"})).await;
    cloud.ok("DeleteModelPackage", json!({"ModelPackageName": arn})).await;
    cloud.ok("DeleteModelPackageGroup", json!({"ModelPackageGroupName": "g"})).await;
    for operation in ["DescribeModelPackageGroup", "DeleteModelPackageGroup", "GetModelPackageGroupPolicy"] {
        assert_eq!(
            cloud.refused(operation, json!({"ModelPackageGroupName": "g"})).await,
            "400 ValidationException: ModelPackageGroup arn:aws:sagemaker:us-east-1:000000000000:model-package-group/g does not exist."
        );
    }
}

#[tokio::test]
async fn a_group_keeps_a_policy() {
    let cloud = Cloud::new();
    group(&cloud, "g").await;
    let name = json!({"ModelPackageGroupName": "g"});
    insta::assert_snapshot!(
        cloud.refused("GetModelPackageGroupPolicy", name.clone()).await,
        @"400 ValidationException: Cannot find resource policy for arn:aws:sagemaker:us-east-1:000000000000:model-package-group/g."
    );
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let put = |policy: &str| json!({"ModelPackageGroupName": "g", "ResourcePolicy": policy});
    let refused = cloud.refused("PutModelPackageGroupPolicy", put("not json")).await;
    assert!(refused.contains("ResourcePolicy is not valid"), "{refused}");
    cloud.ok("PutModelPackageGroupPolicy", put(policy)).await;
    assert_eq!(cloud.ok("GetModelPackageGroupPolicy", name.clone()).await["ResourcePolicy"], policy);
    assert!(version(&cloud, "g").await.ends_with("/g/1"), "policy and version counter are kept side by side");
    assert_eq!(cloud.ok("GetModelPackageGroupPolicy", name.clone()).await["ResourcePolicy"], policy);
    cloud.ok("DeleteModelPackageGroupPolicy", name.clone()).await;
    cloud.refused("GetModelPackageGroupPolicy", name).await;
}

#[tokio::test]
async fn an_update_approves_and_annotates() {
    let cloud = Cloud::new();
    group(&cloud, "g").await;
    let mut request = package("g");
    request["CustomerMetadataProperties"] = json!({"a": "1", "b": "1"});
    let arn = cloud.ok("CreateModelPackage", request).await["ModelPackageArn"].clone();
    let created = cloud.ok("DescribeModelPackage", json!({"ModelPackageName": arn})).await;
    assert_eq!(created["ModelApprovalStatus"], "PendingManualApproval");
    assert!(created.get("LastModifiedTime").is_none());
    let mut changes = cloud.sagemaker.subscribe();
    let specification = json!({"Name": "batch", "Containers": created["InferenceSpecification"]["Containers"]});
    let update = json!({
        "ModelPackageArn": arn,
        "ModelApprovalStatus": "Approved",
        "ApprovalDescription": "accuracy 0.92",
        "CustomerMetadataProperties": {"b": "2", "c": "3"},
        "CustomerMetadataPropertiesToRemove": ["a"],
        "AdditionalInferenceSpecificationsToAdd": [specification],
        "ModelLifeCycle": {"Stage": "Production", "StageStatus": "Pending"},
    });
    cloud.ok("UpdateModelPackage", update.clone()).await;
    let change = changes.try_recv().unwrap();
    assert_eq!((change.status.as_str(), json!(change.arn)), ("Approved", arn.clone()));
    let updated = cloud.ok("DescribeModelPackage", json!({"ModelPackageName": arn})).await;
    for (member, expected) in [
        ("ModelApprovalStatus", json!("Approved")),
        ("ApprovalDescription", json!("accuracy 0.92")),
        ("CustomerMetadataProperties", json!({"b": "2", "c": "3"})),
        ("ModelLifeCycle", json!({"Stage": "Production", "StageStatus": "Pending"})),
        ("AdditionalInferenceSpecifications", json!([specification])),
    ] {
        assert_eq!(updated[member], expected, "{member}");
    }
    assert!(updated.get("LastModifiedTime").is_some() && updated.get("LastModifiedBy").is_some());
    let before = cloud.state().await;
    let refused = cloud.refused("UpdateModelPackage", update).await;
    assert!(refused.contains("The inference specification name \"batch\" is used more than once"), "{refused}");
    assert_eq!(cloud.state().await, before);
}

#[tokio::test]
async fn packages_are_listed_by_group_type_and_approval() {
    let cloud = Cloud::new();
    group(&cloud, "g").await;
    group(&cloud, "g2").await;
    for _ in 0..11 {
        version(&cloud, "g").await;
    }
    let approved = version(&cloud, "g2").await;
    cloud.ok("UpdateModelPackage", json!({"ModelPackageArn": approved, "ModelApprovalStatus": "Approved"})).await;
    let mut alone = with(package("g"), "/ModelPackageGroupName", Value::Null);
    alone["ModelPackageName"] = json!("alone");
    cloud.ok("CreateModelPackage", alone).await;

    let list = async |input: Value| -> Vec<String> {
        let mut input = input;
        input["MaxResults"] = json!(100);
        let out = cloud.ok("ListModelPackages", input).await;
        let items = out["ModelPackageSummaryList"].as_array().unwrap().clone();
        items.iter().map(|i| i["ModelPackageArn"].as_str().unwrap().split_once('/').unwrap().1.to_owned()).collect()
    };
    assert_eq!(list(json!({})).await, ["alone"]);
    let versions: Vec<String> = (1..=11).map(|n| format!("g/{n}")).collect();
    assert_eq!(list(json!({"ModelPackageGroupName": "g"})).await, versions);
    assert_eq!(list(json!({"ModelPackageGroupName": "g", "SortBy": "Name"})).await, versions, "10 comes after 9");
    assert_eq!(list(json!({"ModelPackageType": "Versioned"})).await.len(), 12);
    assert_eq!(list(json!({"ModelPackageType": "Both"})).await.len(), 13);
    assert_eq!(list(json!({"ModelPackageGroupName": "g2", "ModelApprovalStatus": "Approved"})).await, ["g2/1"]);
    assert!(list(json!({"ModelPackageGroupName": "g", "ModelApprovalStatus": "Approved"})).await.is_empty());
    let latest = json!({"ModelPackageGroupName": "g", "SortOrder": "Descending", "MaxResults": 1});
    insta::assert_json_snapshot!(cloud.ok("ListModelPackages", latest).await["ModelPackageSummaryList"]);
}

#[tokio::test]
async fn a_batch_tells_what_is_there_and_what_is_not() {
    let cloud = Cloud::new();
    group(&cloud, "g").await;
    let arn = version(&cloud, "g").await;
    let missing = arn.replace("/1", "/3");
    let bare = cloud.ok("CreateModelPackage", json!({"ModelPackageGroupName": "g"})).await["ModelPackageArn"].clone();
    let mut alone = with(package("g"), "/ModelPackageGroupName", Value::Null);
    alone["ModelPackageName"] = json!("alone");
    let alone = cloud.ok("CreateModelPackage", alone).await["ModelPackageArn"].clone();
    let list = json!({"ModelPackageArnList": [arn, missing, bare, alone]});
    let out = cloud.ok("BatchDescribeModelPackage", list).await;
    assert_eq!(out["ModelPackageSummaries"].as_object().unwrap().len(), 2);
    let bare = &out["BatchDescribeModelPackageErrorMap"][bare.as_str().unwrap()]["ErrorResponse"];
    assert!(bare.as_str().unwrap().ends_with("has no InferenceSpecification."), "{bare}");
    assert_eq!(out["ModelPackageSummaries"][&arn]["ModelPackageVersion"], 1);
    assert_eq!(out["BatchDescribeModelPackageErrorMap"][&missing]["ErrorCode"], "ValidationException");
}

#[tokio::test]
async fn wrong_packages_are_refused_and_change_nothing() {
    let cloud = Cloud::new();
    group(&cloud, "g").await;
    let mut alone = with(package("g"), "/ModelPackageGroupName", Value::Null);
    alone["ModelPackageName"] = json!("alone");
    cloud.ok("CreateModelPackage", alone.clone()).await;
    let before = cloud.state().await;
    let good = || package("g");
    let cases = [
        package("missing"),
        alone.clone(),
        with(alone.clone(), "/ModelPackageGroupName", json!("g")),
        with(good(), "/ModelPackageGroupName", Value::Null),
        with(alone.clone(), "/ModelApprovalStatus", json!("Approved")),
        with(good(), "/ModelApprovalStatus", json!("Maybe")),
        with(good(), "/Tags", json!([{"Key": "a", "Value": "b"}])),
        with(good(), "/CertifyForMarketplace", json!(true)),
        with(good(), "/SourceAlgorithmSpecification", json!({"SourceAlgorithms": [{"AlgorithmName": "a"}]})),
        with(good(), "/InferenceSpecification/Containers", json!([])),
    ];
    let mut told = Vec::new();
    for case in cases {
        told.push(cloud.refused("CreateModelPackage", case).await);
    }
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(cloud.state().await, before);
}
