//! Descriptions that are held until a resource settles.

use std::time::Duration;

use sagewright_cloud::sagemaker::{Kind, TrainingEnd};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::json;

use crate::support::{ACCOUNT, Cloud, REGION, training_job, within};

/// A hold that no test waits for: its end would fail the test by time.
const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_look_at_a_running_job_is_answered_when_the_job_ends() {
    let cloud = Cloud::held(SqliteRecords::in_memory().unwrap(), LONG);
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    let job = cloud.job().await;
    let look = cloud.ok("DescribeTrainingJob", json!({"TrainingJobName": "j"}));
    let end = async {
        tokio::task::yield_now().await;
        job.end.send(TrainingEnd::Completed { artifacts: "s3://data/out/m".to_owned() }).unwrap();
    };
    let (shown, ()) = within(async { tokio::join!(look, end) }).await;
    assert_eq!(shown["TrainingJobStatus"], "Completed");
}

#[tokio::test]
async fn a_caller_is_held_once_for_each_status() {
    let cloud = Cloud::held(SqliteRecords::in_memory().unwrap(), Duration::from_millis(1));
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    let _job = cloud.job().await;
    let look = async || cloud.ok("DescribeTrainingJob", json!({"TrainingJobName": "j"})).await;
    // The first look is held until the hold is over, the second is not held at all.
    assert_eq!(look().await["TrainingJobStatus"], "InProgress");
    let forever = Cloud::held(cloud.store.clone(), LONG);
    assert_eq!(look().await["TrainingJobStatus"], "InProgress");
    let first = within(async {
        tokio::select! {
            _ = forever.ok("DescribeTrainingJob", json!({"TrainingJobName": "j"})) => "answered",
            () = async { for _ in 0..100 { tokio::task::yield_now().await; } } => "held",
        }
    })
    .await;
    assert_eq!(first, "held");
    let second = within(forever.ok("DescribeTrainingJob", json!({"TrainingJobName": "j"}))).await;
    assert_eq!(second["TrainingJobStatus"], "InProgress");
    // Another caller has not looked yet.
    let look = json!({"TrainingJobName": "j"});
    let other = within(async {
        tokio::select! {
            _ = forever.call_with((ACCOUNT, "AKIAOTHER"), REGION, "DescribeTrainingJob", look) => "answered",
            () = async { for _ in 0..100 { tokio::task::yield_now().await; } } => "held",
        }
    });
    assert_eq!(other.await, "held");
}

#[tokio::test]
async fn what_has_settled_and_what_is_not_there_is_answered_at_once() {
    let cloud = Cloud::held(SqliteRecords::in_memory().unwrap(), LONG);
    let missing = within(cloud.refused("DescribeTrainingJob", json!({"TrainingJobName": "none"}))).await;
    assert_eq!(missing, "400 ValidationException: Requested resource not found.");
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    cloud.job().await.end.send(TrainingEnd::Completed { artifacts: "s3://data/out/m".to_owned() }).unwrap();
    cloud.until(Kind::TRAINING_JOB, "j", "Completed").await;
    let shown = within(cloud.ok("DescribeTrainingJob", json!({"TrainingJobName": "j"}))).await;
    assert_eq!(shown["TrainingJobStatus"], "Completed");
}

#[tokio::test]
async fn the_next_update_of_an_endpoint_is_held_again() {
    let cloud = Cloud::held(SqliteRecords::in_memory().unwrap(), LONG);
    cloud.endpoint().await;
    // The clock stands still: both updates have the same status at the same time.
    for config in ["c2", "c1"] {
        cloud.ok("UpdateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": config})).await;
        let first = within(async {
            tokio::select! {
                _ = cloud.describe_endpoint() => "answered",
                () = async { for _ in 0..100 { tokio::task::yield_now().await; } } => "held",
            }
        });
        assert_eq!(first.await, "held", "the update to {config}");
        assert_eq!(within(cloud.describe_endpoint()).await["EndpointStatus"], "Updating");
        cloud.deploy().await.reply.send(Ok(())).unwrap();
        cloud.until(Kind::ENDPOINT, "e", "InService").await;
    }
}
