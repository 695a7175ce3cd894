//! Exports of model cards, and what may be in their way.

use serde_json::{Value, json};

use crate::support::{ACCOUNT, Cloud, REGION};

impl Cloud {
    async fn card(&self) {
        let input = json!({"ModelCardName": "card", "Content": "{}", "ModelCardStatus": "Draft"});
        self.ok("CreateModelCard", input).await;
    }

    async fn export(&self, path: &str) -> String {
        let input = export(path);
        self.ok("CreateModelCardExportJob", input).await["ModelCardExportJobArn"].as_str().unwrap().to_owned()
    }

    async fn exported(&self, arn: &str) -> Value {
        self.ok("DescribeModelCardExportJob", json!({"ModelCardExportJobArn": arn})).await
    }
}

fn export(path: &str) -> Value {
    json!({"ModelCardName": "card", "ModelCardExportJobName": "job", "OutputConfig": {"S3OutputPath": path}})
}

#[tokio::test]
async fn an_export_whose_key_would_be_too_long_is_refused() {
    let cloud = Cloud::new();
    cloud.card().await;
    // The model's longest path; with characters of three bytes a third is enough.
    for path in [format!("s3://data/{}", "x".repeat(1014)), format!("s3://data/{}", "\u{6f22}".repeat(340))] {
        let refused = cloud.refused("CreateModelCardExportJob", export(&path)).await;
        assert!(refused.contains("S3OutputPath is too long"), "{refused}");
    }
}

#[tokio::test]
async fn an_export_waits_for_a_disk_that_is_full_and_fails_without_its_bucket() {
    let cloud = Cloud::new();
    cloud.card().await;
    let full = cloud.obstacle("model-cards");
    let arn = cloud.export("s3://data/cards").await;
    cloud.later(1000).await;
    assert_eq!(cloud.exported(&arn).await["Status"], "InProgress");
    std::fs::remove_file(full).unwrap();
    cloud.later(120_000).await;
    let told = cloud.exported(&arn).await;
    assert_eq!(told["Status"], "Completed", "{told}");

    let other = json!({"ModelCardExportJobName": "other", "ModelCardName": "card", "OutputConfig": {"S3OutputPath": "s3://none/x"}});
    let arn = cloud.ok("CreateModelCardExportJob", other).await["ModelCardExportJobArn"].as_str().unwrap().to_owned();
    cloud.later(1000).await;
    let told = cloud.exported(&arn).await;
    assert_eq!(
        (&told["Status"], &told["FailureReason"]),
        (&json!("Failed"), &json!("The specified bucket does not exist: none"))
    );
}

#[tokio::test]
async fn no_export_is_left_of_a_card_that_goes_meanwhile() {
    let cloud = Cloud::new();
    cloud.card().await;
    // Both come while something else is deleted.
    let guard = cloud.sagemaker.exclusive().await;
    let (deleted, created, ()) = tokio::join!(
        cloud.call("DeleteModelCard", json!({"ModelCardName": "card"})),
        cloud.call("CreateModelCardExportJob", export("s3://data/cards")),
        async { drop(guard) }
    );
    deleted.unwrap();
    assert_eq!(created.unwrap_err().code, "ResourceNotFound");
    cloud.later(60_000).await;
    for kind in ["model-card-export-job", "model-card-version"] {
        assert_eq!(cloud.sagemaker.env().store.list(ACCOUNT, REGION, kind).await.unwrap().len(), 0, "{kind}");
    }
}

#[tokio::test]
async fn the_only_version_of_a_card_from_before_versions_is_exported() {
    let cloud = Cloud::new();
    cloud.card().await;
    let store = &cloud.sagemaker.env().store;
    for version in store.list(ACCOUNT, REGION, "model-card-version").await.unwrap() {
        assert!(store.delete(&version.key).await.unwrap());
    }
    let arn = cloud.export("s3://data/cards").await;
    cloud.later(1000).await;
    assert_eq!(cloud.exported(&arn).await["Status"], "Completed");
}
