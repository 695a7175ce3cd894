//! A store that answers with an error, and has written all the same.

use std::sync::Arc;

use sagewright_cloud::sagemaker::{JobEnd, Kind, Outcome, TrainingEnd};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::json;

use crate::support::{Cloud, Life, processing_job, training_job};

fn failing() -> (Cloud, Arc<Life>) {
    let life = Arc::new(Life::default());
    (Cloud::mortal(SqliteRecords::in_memory().unwrap(), 1, Arc::clone(&life)), life)
}

#[tokio::test]
async fn a_job_begins_whose_creation_was_written() {
    let (cloud, life) = failing();
    life.errs_after(Kind::TRAINING_JOB.as_str(), 0, true);
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    assert!(life.erred());
    cloud.job().await.end.send(TrainingEnd::Completed { artifacts: "s3://data/out/m".to_owned() }).unwrap();
    cloud.until(Kind::TRAINING_JOB, "j", "Completed").await;

    // The caller may be told of the failure where nobody can look. The job is there, and begins.
    life.errs_after(Kind::PROCESSING_JOB.as_str(), 0, true);
    life.then_cannot_read(1);
    assert_eq!(cloud.call("CreateProcessingJob", processing_job("p")).await.unwrap_err().status, 500);
    let job = cloud.processing().await;
    job.end.send(JobEnd::new(Outcome::Completed)).unwrap();
    cloud.until(Kind::PROCESSING_JOB, "p", "Completed").await;
}

#[tokio::test]
async fn a_job_that_was_not_written_does_not_begin() {
    let (cloud, life) = failing();
    life.errs_after(Kind::TRAINING_JOB.as_str(), 0, false);
    assert_eq!(cloud.call("CreateTrainingJob", training_job("j")).await.unwrap_err().status, 500);
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    let job = cloud.job().await;
    job.end.send(TrainingEnd::Completed { artifacts: "s3://data/out/m".to_owned() }).unwrap();
    cloud.until(Kind::TRAINING_JOB, "j", "Completed").await;
}

#[tokio::test]
async fn an_end_that_was_written_lets_the_next_job_run() {
    let (cloud, life) = failing();
    cloud.ok("CreateProcessingJob", processing_job("first")).await;
    let first = cloud.processing().await;
    cloud.ok("CreateProcessingJob", processing_job("second")).await;
    life.errs_after(Kind::PROCESSING_JOB.as_str(), 0, true);
    first.end.send(JobEnd::new(Outcome::Completed)).unwrap();
    // There is one slot.
    cloud.processing().await.end.send(JobEnd::new(Outcome::Completed)).unwrap();
    cloud.until(Kind::PROCESSING_JOB, "second", "Completed").await;
    let told = cloud.ok("DescribeProcessingJob", json!({"ProcessingJobName": "first"})).await;
    assert_eq!(told["ProcessingJobStatus"], "Completed");
}
