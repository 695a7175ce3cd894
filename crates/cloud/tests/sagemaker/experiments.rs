//! Experiments, their trials, and the components that jobs put into these.

use sagewright_cloud::records::{Key, Record, Records as _, Write};
use sagewright_cloud::sagemaker::Kind;
use serde_json::json;

use crate::lineage::completed;
use crate::support::{ACCOUNT, Cloud, REGION, training_job, with};

#[tokio::test]
async fn a_trial_shows_its_experiments_spelling_and_is_found_by_any() {
    let cloud = Cloud::new();
    cloud.ok("CreateExperiment", json!({"ExperimentName": "Exp"})).await;
    cloud.ok("CreateTrial", json!({"TrialName": "T", "ExperimentName": "exp"})).await;
    let config = json!({"ExperimentName": "EXP", "TrialName": "U"});
    cloud.ok("CreateTrainingJob", with(training_job("j"), "/ExperimentConfig", config)).await;
    cloud.recorded().await;
    for trial in ["T", "U"] {
        assert_eq!(cloud.ok("DescribeTrial", json!({"TrialName": trial})).await["ExperimentName"], "Exp");
    }
    for name in ["Exp", "exp"] {
        let listed = cloud.ok("ListTrials", json!({"ExperimentName": name})).await;
        assert_eq!(listed["TrialSummaries"].as_array().unwrap().len(), 2, "{name}");
    }
    let refused = cloud.refused("DeleteExperiment", json!({"ExperimentName": "exp"})).await;
    assert!(refused.contains("it has trials"), "{refused}");
}

#[tokio::test]
async fn what_is_put_into_a_trial_while_it_is_deleted_keeps_it() {
    let cloud = Cloud::new();
    cloud.ok("CreateExperiment", json!({"ExperimentName": "e"})).await;
    cloud.ok("CreateTrial", json!({"TrialName": "t", "ExperimentName": "e"})).await;
    cloud.ok("CreateTrialComponent", json!({"TrialComponentName": "c"})).await;
    // Whoever puts something into a trial has this lock, as the recorder of a job's end.
    let guard = cloud.sagemaker.exclusive().await;
    let put = async {
        // As long as the deletion takes to come to the lock.
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
        }
        let body = json!({"TrialName": "t", "ExperimentName": "e", "TrialComponentName": "c", "Experiment": "e", "Component": "c"});
        let keys = [("experiment-trial-part", "t/c"), ("experiment-trial-part-in", "c/t")];
        let records = keys.map(|(kind, name)| Record {
            key: Key::new(ACCOUNT, REGION, kind, name),
            arn: String::new(),
            status: String::new(),
            created: 0,
            modified: 0,
            body: body.clone(),
        });
        cloud.store.commit(records.map(Write::Insert).into()).await.unwrap();
        drop(guard);
    };
    let (trial, component, ()) = tokio::join!(
        cloud.call("DeleteTrial", json!({"TrialName": "t"})),
        cloud.call("DeleteTrialComponent", json!({"TrialComponentName": "c"})),
        put
    );
    for refused in [trial, component] {
        assert!(refused.unwrap_err().message.contains("cannot be deleted"));
    }
    let both = json!({"TrialName": "t", "TrialComponentName": "c"});
    cloud.ok("DisassociateTrialComponent", both).await;
    cloud.ok("DeleteTrialComponent", json!({"TrialComponentName": "c"})).await;

    // An experiment that goes takes no trial that is created meanwhile along.
    cloud.ok("DeleteTrial", json!({"TrialName": "t"})).await;
    let guard = cloud.sagemaker.exclusive().await;
    let (experiment, trial, ()) = tokio::join!(
        cloud.call("DeleteExperiment", json!({"ExperimentName": "e"})),
        cloud.call("CreateTrial", json!({"TrialName": "t", "ExperimentName": "e"})),
        async { drop(guard) }
    );
    assert!(experiment.is_ok() != trial.is_ok());
}

#[tokio::test]
async fn the_end_of_a_job_keeps_the_name_that_a_user_has_given() {
    let cloud = Cloud::new();
    let config = json!({"ExperimentName": "e", "TrialName": "t"});
    cloud.ok("CreateTrainingJob", with(training_job("j"), "/ExperimentConfig", config)).await;
    cloud.recorded().await;
    let name = json!({"TrialComponentName": "j-aws-training-job"});
    cloud.ok("UpdateTrialComponent", with(name.clone(), "/DisplayName", json!("best"))).await;
    cloud.job().await.end.send(completed()).unwrap();
    cloud.until(Kind::TRAINING_JOB, "j", "Completed").await;
    cloud.recorded().await;
    let component = cloud.ok("DescribeTrialComponent", name).await;
    assert_eq!(
        (&component["DisplayName"], &component["Status"]["PrimaryStatus"]),
        (&json!("best"), &json!("Completed"))
    );
}
