//! Pipelines and their executions, with jobs and the clock under control.

mod commands;
mod versions;

use std::sync::Arc;

use sagewright_cloud::cloud::resume;
use sagewright_cloud::records::{Key, Records as _, Versioned, Write};
use sagewright_cloud::sagemaker::{JobEnd, JobEvent, Kind, Outcome, TrainingEnd};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};

use crate::restart::run;
use crate::support::{
    ACCOUNT, Cloud, Death, Job, Life, REGION, at_each_commit, model, processing_job, training_job, with, within,
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const ROLE: &str = "arn:aws:iam::000000000000:role/exec";

fn step(name: &str, needs: &[&str]) -> Value {
    let mut arguments = processing_job("x");
    arguments.as_object_mut().unwrap().remove("ProcessingJobName");
    json!({"Name": name, "Type": "Processing", "DependsOn": needs, "Arguments": arguments})
}

fn condition(name: &str, needs: &[&str], then: &[Value]) -> Value {
    let conditions = json!([{"Type": "Equals", "LeftValue": 1, "RightValue": 1}]);
    json!({"Name": name, "Type": "Condition", "DependsOn": needs, "Arguments": {"Conditions": conditions, "IfSteps": then, "ElseSteps": []}})
}

fn pipeline(name: &str, steps: &Value) -> Value {
    let text = json!({"Version": "2020-12-01", "Steps": steps}).to_string();
    json!({"PipelineName": name, "PipelineDefinition": text, "RoleArn": ROLE, "ClientRequestToken": TOKEN})
}

impl Cloud {
    async fn start_pipeline(&self, name: &str, token: &str) -> String {
        let started =
            self.ok("StartPipelineExecution", json!({"PipelineName": name, "ClientRequestToken": token})).await;
        started["PipelineExecutionArn"].as_str().unwrap().to_owned()
    }

    async fn execution(&self, arn: &str) -> Value {
        self.ok("DescribePipelineExecution", json!({"PipelineExecutionArn": arn})).await
    }

    /// The description of an execution that has ended.
    async fn ended(&self, arn: &str) -> Value {
        within(async {
            loop {
                let told = self.execution(arn).await;
                if !matches!(told["PipelineExecutionStatus"].as_str().unwrap(), "Executing" | "Stopping") {
                    return told;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    async fn steps(&self, arn: &str) -> Vec<Value> {
        let input = json!({"PipelineExecutionArn": arn, "SortOrder": "Ascending"});
        let listed = self.ok("ListPipelineExecutionSteps", input).await;
        listed["PipelineExecutionSteps"].as_array().unwrap().clone()
    }

    async fn complete(&self) -> String {
        let job = self.processing().await;
        let name = job.task.name.clone();
        complete(job);
        name
    }
}

fn complete(job: Job<JobEvent, JobEnd>) {
    // Nobody may be there any more to hear of it.
    let _ = job.end.send(JobEnd::new(Outcome::Completed));
}

#[tokio::test]
async fn an_execution_and_its_steps_are_shown_as_the_model_has_them() {
    let cloud = Cloud::new();
    let steps = json!([step("Clean", &[]), condition("If", &["Clean"], &[step("Last", &[])])]);
    cloud.ok("CreatePipeline", pipeline("Daily", &steps)).await;
    let arn = cloud.start_pipeline("Daily", TOKEN).await;
    let job = cloud.processing().await;
    assert_eq!(job.task.request["RoleArn"], processing_job("x")["RoleArn"]);
    cloud.clock.advance(1_500);
    complete(job);
    let last = cloud.complete().await;
    cloud.ended(&arn).await;
    let id = arn.rsplit('/').next().unwrap().to_owned();
    let shown = json!({"execution": cloud.execution(&arn).await, "steps": cloud.steps(&arn).await});
    // What is made by chance: the id, and the ends of names.
    let text = shown.to_string().replace(&id, "ID");
    let ends: Vec<String> =
        [cloud.steps(&arn).await[0]["Metadata"]["ProcessingJob"]["Arn"].clone(), json!(last.to_lowercase())]
            .iter()
            .map(|name| name.as_str().unwrap().rsplit('-').next().unwrap().to_owned())
            .collect();
    let text = ends.iter().fold(text, |text, end| text.replace(end, "SUFFIX"));
    insta::assert_json_snapshot!("a_pipeline_execution", serde_json::from_str::<Value>(&text).unwrap());
}

/// A process may die at any commit: nothing that was acknowledged is lost, and nothing is done twice.
#[test]
fn an_execution_survives_a_death_at_any_commit() {
    let register = json!({"Name": "Register", "Type": "RegisterModel", "DependsOn": ["A"], "Arguments": {
        "ModelPackageGroupName": "group", "SourceUri": "s3://data/model",
    }});
    let mut arguments = model("x");
    arguments.as_object_mut().unwrap().remove("ModelName");
    let create = json!({"Name": "Create", "Type": "Model", "DependsOn": ["A"], "Arguments": arguments});
    let steps = json!([
        step("A", &[]),
        step("B", &[]),
        register,
        create,
        condition("If", &["Register", "Create", "B"], &[step("C", &[])])
    ]);
    let way = async |cloud: &Cloud, death: &Death| {
        cloud.ok("CreatePipeline", pipeline("p", &steps)).await;
        death.counts();
        let arn = cloud.start_pipeline("p", TOKEN).await;
        for _ in 0..3 {
            cloud.complete().await;
        }
        cloud.ended(&arn).await;
    };
    let after = async |cloud: &Cloud, commits: i64| {
        resume(&cloud.sagemaker).await.unwrap();
        // The client that got no answer asks again.
        let arn = cloud.start_pipeline("p", TOKEN).await;
        let told = within(async {
            let ended = cloud.ended(&arn);
            tokio::pin!(ended);
            loop {
                tokio::select! {
                    told = &mut ended => return told,
                    job = cloud.processing() => complete(job),
                }
            }
        })
        .await;
        assert_eq!(told["PipelineExecutionStatus"], "Succeeded", "{commits}: {:#?}", cloud.steps(&arn).await);
        let all = cloud.steps(&arn).await;
        let mut names: Vec<&str> = all.iter().map(|step| step["StepName"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["A", "B", "C", "Create", "If", "Register"], "{commits}");
        assert!(all.iter().all(|step| step["AttemptCount"] == 1), "{commits}: {all:#?}");
        for (operation, input, member, count) in [
            ("ListPipelineExecutions", json!({"PipelineName": "p"}), "PipelineExecutionSummaries", 1),
            ("ListProcessingJobs", json!({}), "ProcessingJobSummaries", 3),
            ("ListModels", json!({}), "Models", 1),
            ("ListModelPackages", json!({"ModelPackageGroupName": "group"}), "ModelPackageSummaryList", 1),
        ] {
            let listed = cloud.ok(operation, input).await;
            assert_eq!(listed[member].as_array().unwrap().len(), count, "{operation} after {commits} commits");
        }
    };
    let commits = at_each_commit(4, way, after);
    assert!(commits > 15, "only {commits} commits were interrupted");
}

#[tokio::test]
async fn pauses_before_retries_go_by_the_simulated_clock() {
    let cloud = Cloud::new();
    let policy = json!([{"ExceptionType": ["SageMaker.RESOURCE_LIMIT"], "IntervalSeconds": 100, "BackoffRate": 3, "MaxAttempts": 2}]);
    let many = with(step("Many", &[]), "/Arguments/ProcessingResources/ClusterConfig/InstanceCount", json!(90));
    cloud.ok("CreatePipeline", pipeline("p", &json!([with(many, "/RetryPolicies", policy)]))).await;
    let arn = cloud.start_pipeline("p", TOKEN).await;
    for (attempt, pause) in [(1, 100_000), (2, 300_000)] {
        within(async {
            loop {
                let step = cloud.steps(&arn).await.remove(0);
                if step["AttemptCount"] == attempt && step.get("FailureReason").is_some() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        cloud.clock.advance(pause - 1);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(cloud.steps(&arn).await[0]["AttemptCount"], attempt, "too early");
        cloud.clock.advance(1);
    }
    assert_eq!(cloud.ended(&arn).await["PipelineExecutionStatus"], "Failed");
    assert_eq!(cloud.steps(&arn).await[0]["AttemptCount"], 3);
}

#[tokio::test]
async fn an_earlier_success_counts_until_it_is_too_old() {
    let cloud = Cloud::new();
    let cached = with(step("A", &[]), "/CacheConfig", json!({"Enabled": true, "ExpireAfter": "PT1H"}));
    cloud.ok("CreatePipeline", pipeline("p", &json!([cached]))).await;
    let token = |n: u32| format!("{n:032}");
    let first = cloud.start_pipeline("p", &token(1)).await;
    let name = cloud.complete().await;
    cloud.ended(&first).await;
    let start = async |n: u32| {
        let arn = cloud.start_pipeline("p", &token(n)).await;
        (cloud.ended(&arn).await["PipelineExecutionStatus"].clone(), cloud.steps(&arn).await.remove(0))
    };
    cloud.clock.advance(3_600_000);
    let (status, hit) = start(2).await;
    assert_eq!((status, &hit["CacheHitResult"]), (json!("Succeeded"), &json!({"SourcePipelineExecutionArn": first})));
    assert_eq!(hit["Metadata"], cloud.steps(&first).await[0]["Metadata"]);
    // A hit is no success of its own: the age is that of the job.
    cloud.clock.advance(1);
    let third = cloud.start_pipeline("p", &token(3)).await;
    assert_ne!(cloud.complete().await, name);
    cloud.ended(&third).await;
    assert_eq!(cloud.steps(&third).await[0].get("CacheHitResult"), None);
    // A job that is gone gives nothing.
    let job = cloud.steps(&third).await[0]["Metadata"]["ProcessingJob"]["Arn"].as_str().unwrap().to_owned();
    cloud.ok("DeleteProcessingJob", json!({"ProcessingJobName": job.rsplit('/').next().unwrap()})).await;
    let fourth = cloud.start_pipeline("p", &token(4)).await;
    cloud.clock.advance(3_600_000);
    cloud.complete().await;
    cloud.ended(&fourth).await;
    // With other arguments it is another step.
    let other = with(step("A", &[]), "/CacheConfig", json!({"Enabled": true}));
    let other = with(other, "/Arguments/Environment", json!({"MODE": "other"}));
    let update = pipeline("p", &json!([other]));
    let update = json!({"PipelineName": "p", "PipelineDefinition": update["PipelineDefinition"]});
    assert_eq!(cloud.ok("UpdatePipeline", update).await["PipelineVersionId"], 2);
    let fifth = cloud.start_pipeline("p", &token(5)).await;
    cloud.complete().await;
    cloud.ended(&fifth).await;
    assert_eq!(cloud.steps(&fifth).await[0].get("CacheHitResult"), None);
}

#[tokio::test]
async fn of_several_successes_the_newest_counts() {
    let cloud = Cloud::new();
    cloud.ok("CreatePipeline", pipeline("p", &json!([step("A", &[])]))).await;
    let mut last = String::new();
    for n in 0..3_u32 {
        last = cloud.start_pipeline("p", &format!("{n:032}")).await;
        cloud.complete().await;
        cloud.ended(&last).await;
        cloud.clock.advance(1000);
    }
    let cached = with(step("A", &[]), "/CacheConfig", json!({"Enabled": true}));
    let update =
        json!({"PipelineName": "p", "PipelineDefinition": pipeline("p", &json!([cached]))["PipelineDefinition"]});
    cloud.ok("UpdatePipeline", update).await;
    let arn = cloud.start_pipeline("p", TOKEN).await;
    cloud.ended(&arn).await;
    assert_eq!(cloud.steps(&arn).await[0]["CacheHitResult"], json!({"SourcePipelineExecutionArn": last}));
}

#[tokio::test]
async fn steps_are_listed_by_their_start_and_know_that_of_their_execution() {
    let cloud = Cloud::new();
    let at = json!({"AT": {"Get": "Execution.StartDateTime"}});
    let steps = json!([with(step("Last", &["First"]), "/Arguments/Environment", at), step("First", &[])]);
    let request = with(pipeline("p", &steps), "/ParallelismConfiguration", json!({"MaxParallelExecutionSteps": 7}));
    cloud.ok("CreatePipeline", request).await;
    let arn = cloud.start_pipeline("p", TOKEN).await;
    let job = cloud.processing().await;
    cloud.clock.advance(60_000);
    complete(job);
    let last = cloud.processing().await;
    let told = cloud.execution(&arn).await;
    // The clock of a test begins so.
    assert_eq!(last.task.request["Environment"]["AT"], "2025-10-09T08:53:20Z");
    assert_eq!(told["ParallelismConfiguration"]["MaxParallelExecutionSteps"], 7, "that of the pipeline");
    complete(last);
    cloud.ended(&arn).await;
    let names: Vec<Value> = cloud.steps(&arn).await.iter().map(|step| step["StepName"].clone()).collect();
    assert_eq!(names, ["First", "Last"]);
}

#[tokio::test]
async fn executions_are_listed_by_their_arn_or_their_start() {
    let cloud = Cloud::new();
    cloud.ok("CreatePipeline", pipeline("p", &json!([]))).await;
    let mut started = Vec::new();
    for n in 0..8_u32 {
        started.push(cloud.start_pipeline("p", &format!("{n:032}")).await);
        cloud.clock.advance(1000);
    }
    let listed = async |by: &str| -> Vec<String> {
        let input = json!({"PipelineName": "p", "SortBy": by, "SortOrder": "Ascending"});
        let told = cloud.ok("ListPipelineExecutions", input).await["PipelineExecutionSummaries"].clone();
        told.as_array().unwrap().iter().map(|one| one["PipelineExecutionArn"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed("CreationTime").await, started);
    let mut sorted = started.clone();
    sorted.sort_unstable();
    assert_ne!(sorted, started);
    assert_eq!(listed("PipelineExecutionArn").await, sorted);
}

#[tokio::test]
async fn a_job_that_is_gone_while_it_is_waited_for_fails_its_step() {
    let cloud = Cloud::new();
    cloud.ok("CreatePipeline", pipeline("p", &json!([step("A", &[])]))).await;
    let arn = cloud.start_pipeline("p", TOKEN).await;
    let job = cloud.processing().await;
    within(async {
        while cloud.steps(&arn).await[0]["StepStatus"] != "Executing" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let key = Key::new(ACCOUNT, REGION, Kind::PROCESSING_JOB.as_str(), &job.task.name.to_lowercase());
    let record = cloud.store.record_of(&key).await;
    let gone = sagewright_cloud::records::Change {
        kind: key.kind.clone(),
        arn: record.record.arn.clone(),
        status: "Deleted".to_owned(),
    };
    cloud.store.commit(vec![Write::Delete { key, version: None }, Write::Tell(gone)]).await.unwrap();
    assert_eq!(cloud.ended(&arn).await["PipelineExecutionStatus"], "Failed");
    let reason = cloud.steps(&arn).await[0]["FailureReason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with(&format!("ClientError: {} is gone", record.record.arn)), "{reason}");
}

#[test]
fn an_execution_whose_stored_state_is_damaged_has_failed_and_says_so() {
    let store = crate::restart::after(async |cloud| {
        cloud.ok("CreatePipeline", pipeline("p", &json!([step("A", &[])]))).await;
        let arn = cloud.start_pipeline("p", TOKEN).await;
        let id = arn.rsplit('/').next().unwrap();
        let key = Key::new(ACCOUNT, REGION, Kind::PIPELINE_EXECUTION.as_str(), &format!("p/{id}"));
        let mut found = cloud.store.record_of(&key).await;
        found.record.body["_"]["state"] = json!({"nodes": 1});
        cloud.store.commit(vec![Write::Replace(found)]).await.unwrap();
    });
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        let listed = cloud.ok("ListPipelineExecutions", json!({"PipelineName": "p"})).await;
        let execution = &listed["PipelineExecutionSummaries"][0];
        assert_eq!(execution["PipelineExecutionStatus"], "Failed");
        let reason = execution["PipelineExecutionFailureReason"].as_str().unwrap();
        assert!(reason.contains("is damaged") && reason.contains("Start another one."), "{reason}");
        let arn = execution["PipelineExecutionArn"].as_str().unwrap();
        assert_eq!(cloud.steps(arn).await, Vec::<Value>::new());
        let refused = cloud.refused("RetryPipelineExecution", retry(arn, TOKEN)).await;
        assert!(refused.contains("is damaged") && refused.contains("Start another one."), "{refused}");
        let deleted = json!({"PipelineName": "p", "ClientRequestToken": TOKEN});
        cloud.ok("DeletePipeline", deleted).await;
        assert!(cloud.store.with_status("pipeline-execution", "Failed").await.unwrap().is_empty());
    });
}

fn retry(arn: &str, token: &str) -> Value {
    json!({"PipelineExecutionArn": arn, "ClientRequestToken": token})
}

#[tokio::test]
async fn a_retry_that_is_repeated_runs_the_steps_once() {
    let cloud = Cloud::new();
    cloud.ok("CreatePipeline", pipeline("p", &json!([step("A", &[])]))).await;
    let arn = cloud.start_pipeline("p", TOKEN).await;
    let fail = async || {
        cloud.processing().await.end.send(JobEnd::new(Outcome::Failed)).unwrap();
        assert_eq!(cloud.ended(&arn).await["PipelineExecutionStatus"], "Failed");
    };
    fail().await;
    cloud.ok("RetryPipelineExecution", retry(&arn, TOKEN)).await;
    cloud.ok("RetryPipelineExecution", retry(&arn, TOKEN)).await;
    fail().await;
    cloud.ok("RetryPipelineExecution", retry(&arn, TOKEN)).await;
    assert_eq!(cloud.execution(&arn).await["PipelineExecutionStatus"], "Failed");
    assert_eq!(cloud.steps(&arn).await[0]["AttemptCount"], 2);
    cloud.ok("RetryPipelineExecution", retry(&arn, "fedcba9876543210fedcba9876543210")).await;
    let job = cloud.processing().await;
    let stop = async || cloud.ok("StopPipelineExecution", retry(&arn, TOKEN)).await;
    stop().await;
    job.end.send(JobEnd::new(Outcome::Stopped)).unwrap();
    assert_eq!(cloud.ended(&arn).await["PipelineExecutionStatus"], "Stopped");
    stop().await;
}

/// The store fails for a moment when the end of a job is looked at, and when a job is to be stopped.
#[tokio::test]
async fn a_store_that_fails_for_a_moment_leaves_no_step_in_progress() {
    let life = Arc::new(Life::default());
    let cloud = Cloud::mortal(SqliteRecords::in_memory().unwrap(), 4, Arc::clone(&life));
    cloud.ok("CreatePipeline", pipeline("p", &json!([step("A", &[]), step("B", &["A"])]))).await;
    for reads in 1..12 {
        let arn = cloud.start_pipeline("p", &format!("{reads:032}")).await;
        life.cannot_read(reads);
        complete(cloud.processing().await);
        let job = cloud.processing().await;
        within(async {
            while cloud.steps(&arn).await.get(1).is_none_or(|step| step["StepStatus"] != "Executing") {
                tokio::task::yield_now().await;
            }
        })
        .await;
        // That of the stop.
        life.errs_after(Kind::PROCESSING_JOB.as_str(), 0, false);
        cloud.ok("StopPipelineExecution", retry(&arn, TOKEN)).await;
        let mut stop = job.stop.clone();
        within(stop.wait_for(|stop| *stop)).await.unwrap();
        job.end.send(JobEnd::new(Outcome::Stopped)).unwrap();
        assert_eq!(cloud.ended(&arn).await["PipelineExecutionStatus"], "Stopped");
    }
}

/// A job that an earlier process created is the step's, although another execution has its result by now.
#[test]
fn a_job_that_was_created_before_a_death_is_taken_up_and_not_replaced_by_a_cached_result() {
    let cached = with(step("A", &[]), "/CacheConfig", json!({"Enabled": true}));
    let mut seen = 0;
    for commits in 1..12 {
        let store = SqliteRecords::in_memory().unwrap();
        let other = "fedcba9876543210fedcba9876543210";
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let died = runtime.block_on(async {
            let life = Arc::new(Life::default());
            let cloud = Cloud::mortal(store.clone(), 4, Arc::clone(&life));
            cloud.ok("CreatePipeline", pipeline("p", &json!([cached]))).await;
            let first = cloud.start_pipeline("p", TOKEN).await;
            let job = cloud.processing().await;
            life.ends_after(commits);
            let work = async {
                cloud.start_pipeline("p", other).await;
                cloud.processing().await;
            };
            let died = tokio::select! {
                () = work => false,
                () = life.over() => true,
            };
            life.ends_after(i64::MAX);
            complete(job);
            cloud.ended(&first).await;
            std::mem::forget(cloud);
            died
        });
        runtime.shutdown_background();
        run(async {
            let cloud = Cloud::over(store, 4);
            resume(&cloud.sagemaker).await.unwrap();
            let second = cloud.start_pipeline("p", other).await;
            within(async {
                let ended = cloud.ended(&second);
                tokio::pin!(ended);
                loop {
                    tokio::select! {
                        told = &mut ended => return told,
                        job = cloud.processing() => complete(job),
                    }
                }
            })
            .await;
            let jobs = cloud.ok("ListProcessingJobs", json!({})).await["ProcessingJobSummaries"].clone();
            let steps = cloud.steps(&second).await;
            let own = steps[0]["Metadata"]["ProcessingJob"]["Arn"].clone();
            let hit = steps[0].get("CacheHitResult").is_some();
            assert_eq!(jobs.as_array().unwrap().len(), if hit { 1 } else { 2 }, "{commits}: no job is left alone");
            assert!(jobs.as_array().unwrap().iter().any(|job| job["ProcessingJobArn"] == own));
            seen += usize::from(!hit);
        });
        if !died {
            break;
        }
    }
    assert!(seen > 1, "a death fell between the creation of the job and the begin of the step");
}

#[tokio::test]
async fn a_job_that_ran_too_long_says_so() {
    let cloud = Cloud::new();
    let mut arguments = training_job("x");
    arguments.as_object_mut().unwrap().remove("TrainingJobName");
    let prefix = json!({"Get": "Parameters.Prefix"});
    let train = json!({"Name": "Train", "Type": "Training", "Arguments": with(arguments, "/TrainingJobName", prefix)});
    let parameters = json!([{"Name": "Prefix", "Type": "String", "DefaultValue": "mine"}]);
    let text = json!({"Version": "2020-12-01", "Parameters": parameters, "Steps": [train]}).to_string();
    cloud.ok("CreatePipeline", with(pipeline("p", &json!([])), "/PipelineDefinition", json!(text))).await;
    let arn = cloud.start_pipeline("p", TOKEN).await;
    let job = cloud.job().await;
    assert!(job.task.name.starts_with("mine-"), "the prefix is a parameter: {}", job.task.name);
    job.end.send(TrainingEnd::Stopped { artifacts: None, max_runtime: true }).map_err(|_| ()).unwrap();
    assert_eq!(cloud.ended(&arn).await["PipelineExecutionStatus"], "Failed");
    let reason = cloud.steps(&arn).await[0]["FailureReason"].clone();
    assert_eq!(reason, "ClientError: MaxRuntimeExceeded: the job ran longer than its MaxRuntimeInSeconds.");
}

#[tokio::test]
async fn names_of_pipelines_are_kept_apart_by_account_and_by_what_they_begin_with() {
    let cloud = Cloud::new();
    for name in ["a", "ab"] {
        cloud.ok("CreatePipeline", pipeline(name, &json!([]))).await;
        cloud.start_pipeline(name, TOKEN).await;
    }
    for name in ["a", "ab"] {
        let listed = cloud.ok("ListPipelineExecutions", json!({"PipelineName": name})).await;
        let executions = listed["PipelineExecutionSummaries"].as_array().unwrap();
        assert_eq!(executions.len(), 1);
        assert_eq!(executions[0]["PipelineExecutionStatus"], "Succeeded", "it has no steps");
    }
    let arn = cloud.start_pipeline("a", TOKEN).await;
    let other =
        cloud.call_as("111111111111", REGION, "DescribePipelineExecution", json!({"PipelineExecutionArn": arn})).await;
    assert_eq!(other.unwrap_err().code, "ResourceNotFound");
    cloud.ok("DeletePipeline", json!({"PipelineName": "a", "ClientRequestToken": TOKEN})).await;
    assert_eq!(cloud.ok("ListPipelines", json!({})).await["PipelineSummaries"].as_array().unwrap().len(), 1);
    assert_eq!(
        cloud.ok("ListPipelineVersions", json!({"PipelineName": "ab"})).await["PipelineVersionSummaries"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

/// Reads of the store itself.
trait Stored {
    async fn record_of(&self, key: &Key) -> Versioned;
}

impl Stored for SqliteRecords {
    async fn record_of(&self, key: &Key) -> Versioned {
        Versioned::clone(&self.shared(key).await.unwrap().unwrap())
    }
}
