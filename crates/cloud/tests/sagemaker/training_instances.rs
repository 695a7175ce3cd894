//! What training jobs do with their instances: spot instances that are taken away, runs that are tried again, warm pools; and
//! what watches a job without running here.

use std::sync::Arc;
use std::time::Duration;

use sagewright_cloud::cloud::resume;
use sagewright_cloud::sagemaker::{Kind, TrainingEnd, TrainingEvent};
use sagewright_cloud_sagemaker_jobs::inside::interrupt;
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, Cloud, Death, Job, Life, REGION, at_each_commit, training_job, with, within};

fn completed() -> TrainingEnd {
    TrainingEnd::Completed { artifacts: "s3://data/out/m".to_owned() }
}

fn spot_job(name: &str) -> Value {
    let spot = with(training_job(name), "/EnableManagedSpotTraining", json!(true));
    with(spot, "/StoppingCondition/MaxWaitTimeInSeconds", json!(7200))
}

fn warm_job(name: &str, seconds: u64) -> Value {
    with(training_job(name), "/ResourceConfig/KeepAlivePeriodInSeconds", json!(seconds))
}

async fn statuses(cloud: &Cloud, job: &str) -> Vec<String> {
    let told = cloud.describe_job(job).await;
    let transitions = told["SecondaryStatusTransitions"].as_array().unwrap();
    transitions.iter().map(|t| t["Status"].as_str().unwrap().to_owned()).collect()
}

/// Tells that a job trains, and waits until its record says so.
async fn train(cloud: &Cloud, name: &str, job: &Job<TrainingEvent, TrainingEnd>) {
    (job.events)(TrainingEvent::Secondary { status: "Training".to_owned(), message: "m".to_owned() });
    within(async {
        while cloud.describe_job(name).await["SecondaryStatus"] != "Training" {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn pool(cloud: &Cloud, job: &str) -> Value {
    cloud.describe_job(job).await["WarmPoolStatus"].clone()
}

/// Runs the job that waits, to its end.
async fn complete(cloud: &Cloud, name: &str) {
    let job = cloud.job().await;
    assert_eq!(job.task.name, name);
    job.end.send(completed()).unwrap();
    cloud.until(Kind::TRAINING_JOB, name, "Completed").await;
}

#[tokio::test]
async fn a_spot_job_is_interrupted_and_goes_on_with_what_is_left_of_its_time() {
    let cloud = Cloud::new();
    cloud.ok("CreateTrainingJob", spot_job("j")).await;
    let job = cloud.job().await;
    train(&cloud, "j", &job).await;
    let mut taken = job.task.interrupted.clone().unwrap();
    interrupt(&cloud.sagemaker, ACCOUNT, REGION, "J").await.unwrap();
    within(taken.wait_for(|taken| *taken)).await.unwrap();
    let told = cloud.describe_job("j").await;
    assert_eq!((&told["TrainingJobStatus"], &told["SecondaryStatus"]), (&json!("InProgress"), &json!("Interrupted")));
    let twice = interrupt(&cloud.sagemaker, ACCOUNT, REGION, "j").await.unwrap_err();
    assert!(twice.message.contains("is being interrupted already"), "{}", twice.message);
    cloud.clock.advance(90_000);
    job.end.send(TrainingEnd::Interrupted).unwrap();
    let again = cloud.job().await;
    assert_eq!((again.task.epoch, again.task.spent.as_secs()), (2, 90));
    assert!(!*again.task.interrupted.unwrap().borrow());
    again.end.send(completed()).unwrap();
    cloud.until(Kind::TRAINING_JOB, "j", "Completed").await;
    assert_eq!(statuses(&cloud, "j").await, ["Starting", "Training", "Interrupted", "Starting", "Completed"]);
}

#[tokio::test]
async fn what_cannot_be_interrupted_is_refused_and_goes_on() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 1);
    cloud.ok("CreateTrainingJob", training_job("ordinary")).await;
    let job = cloud.job().await;
    cloud.ok("CreateTrainingJob", spot_job("waits")).await;
    let before = cloud.state().await;
    for (name, account, why) in [
        ("ordinary", ACCOUNT, "is no managed spot training job"),
        ("waits", ACCOUNT, "there is nothing to interrupt"),
        ("none", ACCOUNT, "There is no training job none in account 000000000000 and region us-east-1."),
        ("waits", "111111111111", "There is no training job waits in account 111111111111"),
    ] {
        let refused = interrupt(&cloud.sagemaker, account, REGION, name).await.unwrap_err();
        assert!(refused.message.contains(why), "{}", refused.message);
    }
    assert_eq!(cloud.state().await, before);
    drop(job);
}

#[tokio::test]
async fn a_spot_job_that_waits_and_runs_too_long_is_stopped() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 1);
    for name in ["runs", "waits"] {
        cloud.ok("CreateTrainingJob", spot_job(name)).await;
    }
    let mut job = cloud.job().await;
    assert_eq!(job.task.name, "runs");
    cloud.clock.advance(7_200_000);
    cloud.until(Kind::TRAINING_JOB, "waits", "Stopped").await;
    assert_eq!(statuses(&cloud, "waits").await, ["Starting", "Stopping", "MaxWaitTimeExceeded"]);
    within(job.stop.wait_for(|stop| *stop)).await.unwrap();
    let artifacts = Some("s3://data/out/half".to_owned());
    job.end.send(TrainingEnd::Stopped { artifacts, max_runtime: false }).unwrap();
    cloud.until(Kind::TRAINING_JOB, "runs", "Stopped").await;
    let told = cloud.describe_job("runs").await;
    assert_eq!(
        (&told["SecondaryStatus"], &told["ModelArtifacts"]["S3ModelArtifacts"]),
        (&json!("MaxWaitTimeExceeded"), &json!("s3://data/out/half"))
    );
}

/// The cloud dies at each commit of a job's way; the next one brings the job to its end.
#[test]
fn a_spot_job_survives_the_death_of_the_cloud_at_each_commit() {
    let way = async |cloud: &Cloud, death: &Death| {
        cloud.ok("CreateTrainingJob", spot_job("j")).await;
        death.counts();
        let job = cloud.job().await;
        train(cloud, "j", &job).await;
        interrupt(&cloud.sagemaker, ACCOUNT, REGION, "j").await.unwrap();
        job.end.send(TrainingEnd::Interrupted).unwrap();
        cloud.job().await.end.send(completed()).unwrap();
        cloud.until(Kind::TRAINING_JOB, "j", "Completed").await;
    };
    let after = async |cloud: &Cloud, commits: i64| {
        resume(&cloud.sagemaker).await.unwrap();
        if cloud.describe_job("j").await["TrainingJobStatus"] != "Completed" {
            cloud.job().await.end.send(completed()).unwrap();
            cloud.until(Kind::TRAINING_JOB, "j", "Completed").await;
        }
        assert!(cloud.no_job_waits().await, "run twice after {commits} commits");
    };
    let commits = at_each_commit(1, way, after);
    assert!(commits >= 4, "{commits} commits lead to the end of an interrupted job");
}

#[tokio::test]
async fn errors_of_the_service_are_tried_again_as_often_as_the_retry_strategy_says_and_others_are_not() {
    let cloud = Cloud::new();
    let request = with(training_job("j"), "/RetryStrategy", json!({"MaximumRetryAttempts": 1}));
    cloud.ok("CreateTrainingJob", request).await;
    // What runs it dies.
    drop(cloud.job().await.end);
    let again = cloud.job().await;
    assert_eq!(again.task.epoch, 2);
    assert_eq!(statuses(&cloud, "j").await, ["Starting", "Restarting", "Starting"]);
    let told = cloud.describe_job("j").await;
    assert_eq!(told["RetryStrategy"]["MaximumRetryAttempts"], 1);
    again.end.send(TrainingEnd::Failed { reason: "AlgorithmError: bug".to_owned() }).unwrap();
    cloud.until(Kind::TRAINING_JOB, "j", "Failed").await;
    assert_eq!(cloud.describe_job("j").await["FailureReason"], "AlgorithmError: bug");
    assert!(cloud.no_job_waits().await);
}

#[tokio::test]
async fn a_warm_pool_moves_to_the_next_job_that_is_like_the_last_one() {
    let cloud = Cloud::new();
    cloud.ok("CreateTrainingJob", warm_job("First", 600)).await;
    let job = cloud.job().await;
    assert_eq!(pool(&cloud, "first").await, json!({"Status": "InUse"}));
    job.end.send(completed()).unwrap();
    cloud.until(Kind::TRAINING_JOB, "first", "Completed").await;
    cloud.clock.advance(30_000);
    assert_eq!(
        pool(&cloud, "first").await,
        json!({"Status": "Available", "ResourceRetainedBillableTimeInSeconds": 30})
    );
    let refused = cloud.refused("DeleteTrainingJob", json!({"TrainingJobName": "First"})).await;
    assert!(refused.contains("retains an Available warm pool"), "{refused}");
    // Another instance type: not like it.
    let other = with(warm_job("other", 600), "/ResourceConfig/InstanceType", json!("ml.m5.xlarge"));
    cloud.ok("CreateTrainingJob", other).await;
    complete(&cloud, "other").await;
    assert_eq!(pool(&cloud, "first").await["Status"], "Available");
    // One that keeps nothing itself; hyperparameters may differ.
    let next = with(training_job("Next"), "/HyperParameters", json!({"num_round": "20"}));
    cloud.ok("CreateTrainingJob", next).await;
    let job = cloud.job().await;
    assert_eq!(
        pool(&cloud, "first").await,
        json!({"Status": "Reused", "ResourceRetainedBillableTimeInSeconds": 30, "ReusedByJob": "Next"})
    );
    assert_eq!(pool(&cloud, "next").await, json!({"Status": "InUse"}));
    job.end.send(completed()).unwrap();
    cloud.until(Kind::TRAINING_JOB, "next", "Completed").await;
    assert_eq!(pool(&cloud, "next").await, json!({"Status": "Terminated"}));
    cloud.ok("DeleteTrainingJob", json!({"TrainingJobName": "First"})).await;
    let listed = async |status: &str| {
        let told = cloud.ok("ListTrainingJobs", json!({"WarmPoolStatusEquals": status})).await;
        let jobs = told["TrainingJobSummaries"].as_array().unwrap().clone();
        jobs.iter().map(|job| job["TrainingJobName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((listed("Available").await, listed("Terminated").await), (vec!["other".into()], vec!["Next".into()]));
    assert_eq!(listed("Reused").await, Vec::<String>::new());
}

#[tokio::test]
async fn of_several_warm_pools_the_one_that_was_left_first_is_taken() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 2);
    let mut jobs = Vec::new();
    for name in ["b", "a"] {
        cloud.ok("CreateTrainingJob", warm_job(name, 600)).await;
        jobs.push((name, cloud.job().await));
    }
    for (name, job) in jobs {
        cloud.clock.advance(1000);
        job.end.send(completed()).unwrap();
        cloud.until(Kind::TRAINING_JOB, name, "Completed").await;
    }
    cloud.ok("CreateTrainingJob", warm_job("next", 600)).await;
    complete(&cloud, "next").await;
    assert_eq!(pool(&cloud, "b").await["ReusedByJob"], "next");
    assert_eq!(pool(&cloud, "a").await["Status"], "Available");
}

#[tokio::test]
async fn a_warm_pool_ends_when_its_time_is_over_or_a_caller_says_so() {
    let cloud = Cloud::new();
    let keep = |job: &str, seconds: u64| json!({"TrainingJobName": job, "ResourceConfig": {"KeepAlivePeriodInSeconds": seconds}});
    for name in ["a", "b"] {
        // Not like each other.
        let size = if name == "a" { 5 } else { 6 };
        cloud.ok("CreateTrainingJob", with(warm_job(name, 60), "/ResourceConfig/VolumeSizeInGB", json!(size))).await;
        if name == "a" {
            let refused = cloud.refused("UpdateTrainingJob", keep(name, 30)).await;
            assert!(refused.contains("KeepAlivePeriodInSeconds can be changed while"), "{refused}");
        }
        complete(&cloud, name).await;
    }
    cloud.ok("UpdateTrainingJob", keep("a", 120)).await;
    assert_eq!(cloud.describe_job("a").await["ResourceConfig"]["KeepAlivePeriodInSeconds"], 120);
    cloud.passes(60_000).await;
    let ended = json!({"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 60});
    assert_eq!(pool(&cloud, "b").await, ended);
    assert_eq!(pool(&cloud, "a").await["Status"], "Available");
    cloud.ok("UpdateTrainingJob", keep("a", 0)).await;
    assert_eq!(pool(&cloud, "a").await, ended);
    let refused = cloud.refused("UpdateTrainingJob", keep("a", 60)).await;
    assert!(refused.contains("is in status Terminated"), "{refused}");
    // What is over is not found.
    cloud.ok("CreateTrainingJob", warm_job("c", 0)).await;
    complete(&cloud, "c").await;
    assert_eq!(pool(&cloud, "c").await, Value::Null);
}

/// The cloud dies at each commit while one job takes over the other's pool, or the pool's time ends.
#[test]
fn a_warm_pool_survives_the_death_of_the_cloud_at_each_commit() {
    let way = async |cloud: &Cloud, death: &Death| {
        cloud.ok("CreateTrainingJob", warm_job("first", 600)).await;
        complete(cloud, "first").await;
        cloud.recorded().await;
        death.counts();
        cloud.ok("CreateTrainingJob", warm_job("next", 600)).await;
        complete(cloud, "next").await;
    };
    let after = async |cloud: &Cloud, commits: i64| {
        resume(&cloud.sagemaker).await.unwrap();
        if cloud.call("DescribeTrainingJob", json!({"TrainingJobName": "next"})).await.is_err() {
            cloud.ok("CreateTrainingJob", warm_job("next", 600)).await;
        }
        if cloud.describe_job("next").await["TrainingJobStatus"] != "Completed" {
            complete(cloud, "next").await;
        }
        let first = pool(cloud, "first").await;
        assert_eq!((&first["Status"], &first["ReusedByJob"]), (&json!("Reused"), &json!("next")), "{commits}");
        assert_eq!(pool(cloud, "next").await["Status"], "Available", "{commits}");
        cloud.passes(601_000).await;
        assert_eq!(pool(cloud, "next").await["Status"], "Terminated", "{commits}");
    };
    let commits = at_each_commit(1, way, after);
    assert!(commits >= 5, "{commits} commits lead from one job to the end of the next");
}

#[tokio::test]
async fn rules_are_shown_as_not_evaluated() {
    let cloud = Cloud::new();
    let rules = |names: &[&str]| {
        let rule = |name: &&str| json!({"RuleConfigurationName": name, "RuleEvaluatorImage": "registry/rules:1"});
        names.iter().map(rule).collect::<Value>()
    };
    let statuses = |told: &Value| {
        let status = |rule: &Value| {
            assert!(rule["StatusDetails"].as_str().unwrap().starts_with("The rule was not evaluated"));
            format!(
                "{} {}",
                rule["RuleConfigurationName"].as_str().unwrap(),
                rule["RuleEvaluationStatus"].as_str().unwrap()
            )
        };
        told.as_array().map(|rules| rules.iter().map(status).collect::<Vec<_>>()).unwrap_or_default()
    };
    let request = with(training_job("j"), "/DebugRuleConfigurations", rules(&["Overfit", "LossNotDecreasing"]));
    let request = with(request, "/ProfilerRuleConfigurations", rules(&["ProfilerReport"]));
    let profiler = json!({"S3OutputPath": "s3://data/profiler", "ProfilingIntervalInMilliseconds": 500});
    let request = with(request, "/ProfilerConfig", profiler.clone());
    let request = with(request, "/DebugHookConfig", json!({"S3OutputPath": "s3://data/tensors"}));
    let request = with(request, "/TensorBoardOutputConfig", json!({"S3OutputPath": "s3://data/board"}));
    let request = with(request, "/ExperimentConfig", json!({"ExperimentName": "e", "TrialName": "t"}));
    let request = with(request, "/InfraCheckConfig", json!({"EnableInfraCheck": true}));
    let request = with(request, "/SessionChainingConfig", json!({"EnableSessionTagChaining": true}));
    cloud.ok("CreateTrainingJob", request).await;
    let _job = cloud.job().await;
    let told = cloud.describe_job("j").await;
    assert_eq!(statuses(&told["DebugRuleEvaluationStatuses"]), ["Overfit Stopped", "LossNotDecreasing Stopped"]);
    assert_eq!(statuses(&told["ProfilerRuleEvaluationStatuses"]), ["ProfilerReport Stopped"]);
    assert_eq!((&told["ProfilerConfig"], &told["ProfilingStatus"]), (&profiler, &json!("Disabled")));
    assert_eq!(told["TensorBoardOutputConfig"]["S3OutputPath"], "s3://data/board");
    assert_eq!(told["ExperimentConfig"], json!({"ExperimentName": "e", "TrialName": "t"}));
    assert_eq!(told["InfraCheckConfig"], json!({"EnableInfraCheck": true}));
    let update = json!({"TrainingJobName": "j", "ProfilerRuleConfigurations": rules(&["CPUBottleneck"])});
    cloud.ok("UpdateTrainingJob", update).await;
    let told = cloud.describe_job("j").await;
    assert_eq!(statuses(&told["ProfilerRuleEvaluationStatuses"]), ["CPUBottleneck Stopped"]);
    assert_eq!(told["ProfilerRuleConfigurations"], rules(&["CPUBottleneck"]));
}

/// A timer that cannot be done in time is the same one still: the pool must not stay available for ever.
#[tokio::test]
async fn a_warm_pool_ends_although_the_store_fails_when_its_time_is_over() {
    for written in [false, true] {
        let life = Arc::new(Life::default());
        let cloud = Cloud::mortal(SqliteRecords::in_memory().unwrap(), 1, Arc::clone(&life));
        cloud.ok("CreateTrainingJob", warm_job("j", 60)).await;
        complete(&cloud, "j").await;
        cloud.recorded().await;
        life.errs_after(Kind::TRAINING_JOB.as_str(), 0, written);
        cloud.passes(60_000).await;
        assert!(life.erred());
        cloud.passes(60_000).await;
        assert_eq!(pool(&cloud, "j").await["Status"], "Terminated", "{written}");
        cloud.ok("DeleteTrainingJob", json!({"TrainingJobName": "j"})).await;
    }
}

/// A read that fails for a moment does not cost a job its pool.
#[tokio::test]
async fn a_job_has_its_pool_whichever_read_fails() {
    for reads in 0..10 {
        let life = Arc::new(Life::default());
        let cloud = Cloud::mortal(SqliteRecords::in_memory().unwrap(), 1, Arc::clone(&life));
        life.cannot_read_after(reads, 1);
        while cloud.call("CreateTrainingJob", warm_job("j", 60)).await.is_err() {}
        complete(&cloud, "j").await;
        let pools = cloud.sagemaker.env().store.list(ACCOUNT, REGION, "warm-pool").await.unwrap();
        assert_eq!(pools.len(), 1, "{reads}");
    }
}

#[tokio::test]
async fn attempts_of_a_job_have_pauses_between_them_that_grow() {
    let cloud = Cloud::new();
    let request = with(training_job("j"), "/RetryStrategy", json!({"MaximumRetryAttempts": 4}));
    cloud.ok("CreateTrainingJob", request).await;
    let fails = || TrainingEnd::Failed { reason: "InternalServerError: the disk is full".to_owned() };
    for _ in 0..5 {
        cloud.job().await.end.send(fails()).unwrap();
    }
    cloud.until(Kind::TRAINING_JOB, "j", "Failed").await;
    let slept = cloud.clock.1.lock().unwrap().clone();
    for seconds in [1, 2, 4, 8] {
        assert!(slept.contains(&Duration::from_secs(seconds)), "{seconds} of {slept:?}");
    }
    assert!(!slept.contains(&Duration::from_secs(16)), "nobody waits behind the last attempt: {slept:?}");
}
