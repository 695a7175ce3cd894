//! Tuning jobs of a process that was killed.

use sagewright_cloud::cloud::resume;
use sagewright_cloud::records::Key;
use sagewright_cloud::sagemaker::{Kind, TrainingEnd};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};

use super::{config, ends, named, tuning_job};
use crate::restart::{after_over, run};
use crate::support::{ACCOUNT, Cloud, REGION, within};

/// A cloud that ends after any number of steps goes on as if it had not: no training job twice, none missing, the same
/// values.
#[test]
fn a_kill_at_any_step_changes_nothing() {
    let mut known: Option<Vec<Value>> = None;
    for steps in 0..40 {
        let store = after_over(SqliteRecords::in_memory().unwrap(), 2, async |cloud| {
            cloud
                .ok("CreateHyperParameterTuningJob", config(tuning_job("t", 3, 2), "Strategy", json!("Bayesian")))
                .await;
            for _ in 0..steps {
                tokio::task::yield_now().await;
                if steps % 2 == 1 {
                    // Threads for blocking work have their turn as well.
                    tokio::time::sleep(std::time::Duration::from_micros(100)).await;
                }
            }
        });
        run(async {
            let cloud = Cloud::over(store, 2);
            resume(&cloud.sagemaker).await.unwrap();
            let mut tried = Vec::new();
            let mut names = Vec::new();
            let mut both = vec![cloud.job().await, cloud.job().await];
            // Both wait for a slot at the same time.
            both.sort_by(|a, b| a.task.name.cmp(&b.task.name));
            for job in both {
                tried.push(job.task.request["HyperParameters"].clone());
                names.push(job.task.name.clone());
                ends(job, 0.5);
                cloud.until(Kind::TRAINING_JOB, &names.last().unwrap().to_lowercase(), "Completed").await;
            }
            let last = cloud.job().await;
            names.push(last.task.name.clone());
            ends(last, 0.4);
            let told = cloud.tuned("t").await;
            assert_eq!(told["TrainingJobStatusCounters"]["Completed"], 3, "{steps}");
            let all = cloud.ok("ListTrainingJobs", json!({"MaxResults": 100})).await;
            assert_eq!(all["TrainingJobSummaries"].as_array().unwrap().len(), 3, "{steps}");
            let numbers: Vec<_> = names.iter().map(|name| &name[..6]).collect();
            assert_eq!(numbers, ["t-001-", "t-002-", "t-003-"]);
            assert_eq!(*known.get_or_insert_with(|| tried.clone()), tried, "{steps}");
        });
    }
}

#[test]
fn a_stop_that_was_asked_for_is_carried_out_by_the_next_process() {
    let store = after_over(SqliteRecords::in_memory().unwrap(), 2, async |cloud| {
        cloud.ok("CreateHyperParameterTuningJob", tuning_job("t", 9, 2)).await;
        let jobs = [cloud.job().await, cloud.job().await];
        cloud.ok("StopHyperParameterTuningJob", named("t")).await;
        std::mem::forget(jobs);
    });
    run(async {
        let cloud = Cloud::over(store, 2);
        resume(&cloud.sagemaker).await.unwrap();
        let told = within(async {
            loop {
                let told = cloud.describe_tuning("t").await;
                if told["HyperParameterTuningJobStatus"] == "Stopped" {
                    return told;
                }
                // What runs again before it is told to stop.
                if !cloud.no_job_waits().await {
                    tokio::task::yield_now().await;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(told["TrainingJobStatusCounters"]["InProgress"], 0);
    });
}

/// A request that a later version refuses: nothing more is tried, and what runs is stopped and told.
#[test]
fn a_job_whose_request_cannot_be_read_any_more_stops_its_training_jobs_and_fails() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.sqlite");
    let store = after_over(SqliteRecords::open(&path).unwrap(), 2, async |cloud| {
        cloud.ok("CreateHyperParameterTuningJob", tuning_job("t", 9, 2)).await;
        let jobs = [cloud.job().await, cloud.job().await];
        cloud.settled().await;
        std::mem::forget(jobs);
    });
    drop(store);
    let damage = "UPDATE record SET body = json_remove(body, '$.HyperParameterTuningJobConfig.ResourceLimits') \
                  WHERE kind = 'hyper-parameter-tuning-job'";
    assert_eq!(rusqlite::Connection::open(&path).unwrap().execute(damage, []).unwrap(), 1);
    run(async {
        let cloud = Cloud::over(SqliteRecords::open(&path).unwrap(), 2);
        resume(&cloud.sagemaker).await.unwrap();
        let mut jobs = [cloud.job().await, cloud.job().await];
        for job in &mut jobs {
            within(job.stop.wait_for(|stop| *stop)).await.unwrap();
        }
        // Its answer does not fit the service model without them.
        let key = Key::new(ACCOUNT, REGION, Kind::TUNING_JOB.as_str(), "t");
        assert_eq!(
            cloud.sagemaker.env().store.record(&key).await.unwrap().unwrap().status,
            "InProgress",
            "it waits for them"
        );
        let [one, two] = jobs;
        for job in [one, two] {
            job.end.send(TrainingEnd::Stopped { artifacts: None, max_runtime: false }).unwrap();
        }
        let record = within(async {
            loop {
                let record = cloud.sagemaker.env().store.record(&key).await.unwrap().unwrap();
                if record.status != "InProgress" {
                    return record;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        let reason = record.body["FailureReason"].as_str().unwrap();
        assert!(record.status == "Failed" && reason.contains("stored request of the job is damaged"), "{reason}");
        assert_eq!(record.body["TrainingJobStatusCounters"]["InProgress"], 0);
        assert_eq!(record.body["TrainingJobStatusCounters"]["Stopped"], 2);
        assert!(cloud.no_job_waits().await, "nothing more is tried");
    });
}
