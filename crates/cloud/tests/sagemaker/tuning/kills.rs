//! Tuning jobs of a process that was killed.

use sagewright_cloud::cloud::resume;
use sagewright_cloud::sagemaker::Kind;
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};

use super::{config, ends, named, tuning_job};
use crate::restart::{after_over, run};
use crate::support::{Cloud, within};

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
