//! Tuning jobs from creation to their end, with training jobs in a test's hands.

mod kills;
mod refusals;
mod warm_start;

use std::collections::BTreeSet;

use jiff::Timestamp;
use sagewright_cloud::sagemaker::{TrainingEnd, TrainingEvent};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};

use crate::support::{Cloud, Job, ROLE, training_job, with, within};

type Child = Job<TrainingEvent, TrainingEnd>;

fn tuning_job(name: &str, most: u64, parallel: u64) -> Value {
    let training = training_job("x");
    json!({
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "RandomSeed": 7,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": most, "MaxParallelTrainingJobs": parallel},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.01", "MaxValue": "1", "ScalingType": "Logarithmic"}],
                "IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "9"}],
                "CategoricalParameterRanges": [{"Name": "kind", "Values": ["\"a\"", "\"b\""]}],
            },
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": "registry/mine:1",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
            },
            "RoleArn": ROLE,
            "InputDataConfig": training["InputDataConfig"],
            "OutputDataConfig": training["OutputDataConfig"],
            "ResourceConfig": training["ResourceConfig"],
            "StoppingCondition": training["StoppingCondition"],
            "StaticHyperParameters": {"rounds": "10"},
        },
        "Tags": [{"Key": "team", "Value": "data"}],
    })
}

const CONFIG: &str = "/HyperParameterTuningJobConfig";

fn config(request: Value, member: &str, value: Value) -> Value {
    with(request, &format!("{CONFIG}/{member}"), value)
}

fn named(name: &str) -> Value {
    json!({"HyperParameterTuningJobName": name})
}

fn logs(job: &Child, value: f64) {
    (job.events)(TrainingEvent::Metric { name: "loss".into(), value, at: Timestamp::UNIX_EPOCH });
}

fn ends(job: Child, value: f64) {
    logs(&job, value);
    job.end.send(TrainingEnd::Completed { artifacts: "s3://data/out/m".into() }).unwrap();
}

fn fails(job: Child, reason: &str) {
    job.end.send(TrainingEnd::Failed { reason: reason.to_owned() }).unwrap();
}

impl Cloud {
    async fn describe_tuning(&self, name: &str) -> Value {
        self.ok("DescribeHyperParameterTuningJob", named(name)).await
    }

    async fn children(&self, name: &str, input: Value) -> Vec<Value> {
        let mut input = input;
        input["HyperParameterTuningJobName"] = json!(name);
        let listed = self.ok("ListTrainingJobsForHyperParameterTuningJob", input).await;
        listed["TrainingJobSummaries"].as_array().unwrap().clone()
    }

    async fn tuned(&self, name: &str) -> Value {
        within(async {
            loop {
                let told = self.describe_tuning(name).await;
                if !["InProgress", "Stopping"].contains(&told["HyperParameterTuningJobStatus"].as_str().unwrap()) {
                    return told;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    /// Lets what runs come to rest.
    async fn settled(&self) {
        for _ in 0..300 {
            tokio::task::yield_now().await;
        }
        // Values are chosen on another thread.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        for _ in 0..300 {
            tokio::task::yield_now().await;
        }
    }
}

/// The same with `-12345678` for what tells names of training jobs apart.
fn anonymous(value: Value) -> Value {
    match value {
        Value::String(text) if text.to_ascii_lowercase().contains("tune-00") && text.len() > 8 => {
            json!(format!("{}12345678", &text[..text.len() - 8]))
        }
        Value::Array(items) => items.into_iter().map(anonymous).collect(),
        Value::Object(members) => Value::Object(members.into_iter().map(|(k, v)| (k, anonymous(v))).collect()),
        other => other,
    }
}

fn names(children: &[Value]) -> Vec<&str> {
    children.iter().map(|child| child["TrainingJobName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_tuning_job_runs_its_training_jobs_and_shows_the_best() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 2);
    let created = cloud.ok("CreateHyperParameterTuningJob", tuning_job("Tune", 4, 2)).await;
    let arn = "arn:aws:sagemaker:us-east-1:000000000000:hyper-parameter-tuning-job/tune";
    assert_eq!(created["HyperParameterTuningJobArn"], arn);
    let (one, two) = (cloud.job().await, cloud.job().await);
    assert!(cloud.no_job_waits().await, "two at a time");
    let given = &one.task.request["HyperParameters"];
    assert_eq!((&given["_tuning_objective_metric"], &given["rounds"]), (&json!("loss"), &json!("10")));
    let eta: f64 = given["eta"].as_str().unwrap().parse().unwrap();
    assert!((0.01..=1.0).contains(&eta));
    assert!(["\"a\"", "\"b\""].contains(&given["kind"].as_str().unwrap()));
    let name = one.task.name.clone();
    assert!(name.starts_with("Tune-001-") && name.len() == "Tune-001-".len() + 8, "{name}");
    let child = cloud.describe_job(&name).await;
    assert_eq!(child["TuningJobArn"], arn);
    let tags = cloud.ok("ListTags", json!({"ResourceArn": child["TrainingJobArn"]})).await;
    assert_eq!(tags["Tags"], json!([{"Key": "team", "Value": "data"}]));
    cloud.settled().await;
    insta::assert_json_snapshot!("a_tuning_job_that_runs", cloud.describe_tuning("tune").await);
    ends(one, 0.5);
    let three = cloud.job().await;
    fails(two, "AlgorithmError: no");
    let four = cloud.job().await;
    ends(three, 0.25);
    ends(four, 0.75);
    let told = cloud.tuned("tune").await;
    insta::assert_json_snapshot!("a_tuning_job_that_completed", anonymous(told.clone()));
    assert!(told["BestTrainingJob"]["TrainingJobName"].as_str().unwrap().starts_with("Tune-003-"));

    let all = cloud.children("Tune", json!({})).await;
    insta::assert_json_snapshot!("training_jobs_of_a_tuning_job", anonymous(json!(all)));
    for (input, expected) in [
        (json!({"SortBy": "FinalObjectiveMetricValue"}), vec!["003", "001", "004"]),
        (json!({"SortBy": "FinalObjectiveMetricValue", "SortOrder": "Descending"}), vec!["004", "001", "003"]),
        (json!({"SortBy": "Status"}), vec!["001", "003", "004", "002"]),
        (json!({"SortBy": "CreationTime", "SortOrder": "Descending"}), vec!["004", "003", "002", "001"]),
        (json!({"SortBy": "Name", "SortOrder": "Descending"}), vec!["004", "003", "002", "001"]),
        (json!({"StatusEquals": "Failed"}), vec!["002"]),
    ] {
        let listed = cloud.children("Tune", input.clone()).await;
        let numbers: Vec<_> = names(&listed).iter().map(|name| name[5..8].to_owned()).collect();
        assert_eq!(numbers, expected, "{input}");
    }
    let failed = cloud.children("Tune", json!({"StatusEquals": "Failed", "MaxResults": 1})).await;
    assert_eq!(names(&failed).len(), 1, "a page is of those that are asked for");
    let completed = |token: Value| json!({"HyperParameterTuningJobName": "Tune", "StatusEquals": "Completed", "MaxResults": 2, "NextToken": token});
    let first = cloud.ok("ListTrainingJobsForHyperParameterTuningJob", completed(Value::Null)).await;
    let rest = cloud.ok("ListTrainingJobsForHyperParameterTuningJob", completed(first["NextToken"].clone())).await;
    let both = [&first, &rest].map(|page| page["TrainingJobSummaries"].as_array().unwrap().len());
    assert_eq!((both, rest.get("NextToken")), ([2, 1], None));
    let page = |token: Value| json!({"HyperParameterTuningJobName": "Tune", "MaxResults": 3, "NextToken": token});
    let first = cloud.ok("ListTrainingJobsForHyperParameterTuningJob", page(Value::Null)).await;
    let rest = cloud.ok("ListTrainingJobsForHyperParameterTuningJob", page(first["NextToken"].clone())).await;
    assert_eq!((first["TrainingJobSummaries"].as_array().unwrap().len(), rest.get("NextToken")), (3, None));
    assert_eq!(names(rest["TrainingJobSummaries"].as_array().unwrap()), [all[3]["TrainingJobName"].as_str().unwrap()]);

    let listed = cloud.ok("ListHyperParameterTuningJobs", json!({"StatusEquals": "Completed"})).await;
    insta::assert_json_snapshot!("summaries_of_tuning_jobs", listed);
    assert_eq!(
        cloud.refused("StopHyperParameterTuningJob", named("tune")).await,
        "400 ValidationException: The request was rejected because the hyperparameter tuning job is in status Completed."
    );
    assert_eq!(
        cloud.refused("CreateHyperParameterTuningJob", tuning_job("TUNE", 1, 1)).await,
        "400 ResourceInUse: A hyperparameter tuning job with the name, tune, already exists. Choose a different name."
    );
    cloud.ok("DeleteHyperParameterTuningJob", named("Tune")).await;
    assert_eq!(
        cloud.refused("DescribeHyperParameterTuningJob", named("Tune")).await,
        "400 ResourceNotFound: Amazon SageMaker can't find a tuning job called tune. Type another name."
    );
    cloud.describe_job(&name).await;
}

#[tokio::test]
async fn a_seed_gives_the_same_values_again_and_no_seed_others() {
    let tried = async |request: Value| {
        let cloud = Cloud::new();
        cloud.ok("CreateHyperParameterTuningJob", request).await;
        let mut tried = Vec::new();
        for n in 0..6 {
            let job = cloud.job().await;
            tried.push(job.task.request["HyperParameters"].clone());
            ends(job, f64::from(n) * 0.1);
        }
        assert_eq!(cloud.tuned("t").await["HyperParameterTuningJobStatus"], "Completed");
        tried
    };
    for strategy in ["Random", "Bayesian"] {
        let request = config(tuning_job("t", 6, 1), "Strategy", json!(strategy));
        assert_eq!(tried(request.clone()).await, tried(request.clone()).await, "{strategy}");
        let any = config(request, "RandomSeed", Value::Null);
        assert_ne!(tried(any.clone()).await, tried(any).await, "{strategy}");
    }
}

#[tokio::test]
async fn a_job_of_a_name_that_was_used_before_has_training_jobs_of_its_own() {
    let cloud = Cloud::new();
    let mut names = BTreeSet::new();
    for _ in 0..2 {
        cloud.ok("CreateHyperParameterTuningJob", tuning_job("t", 2, 1)).await;
        for _ in 0..2 {
            let job = cloud.job().await;
            names.insert(job.task.name.clone());
            ends(job, 0.5);
        }
        cloud.tuned("t").await;
        cloud.ok("DeleteHyperParameterTuningJob", named("t")).await;
    }
    assert_eq!(names.len(), 4, "{names:?}");
}

#[tokio::test]
async fn a_stop_stops_the_training_jobs_and_then_the_job() {
    let cloud = Cloud::new();
    cloud.ok("CreateHyperParameterTuningJob", tuning_job("t", 10, 2)).await;
    let (one, mut two) = (cloud.job().await, cloud.job().await);
    ends(one, 0.5);
    let mut three = cloud.job().await;
    assert_eq!(
        cloud.refused("DeleteHyperParameterTuningJob", named("t")).await,
        "400 ValidationException: The request was rejected because the hyperparameter tuning job is in status InProgress. Stop it first, and wait until it has stopped."
    );
    cloud.ok("StopHyperParameterTuningJob", named("t")).await;
    assert_eq!(cloud.describe_tuning("t").await["HyperParameterTuningJobStatus"], "Stopping");
    for job in [&mut two, &mut three] {
        within(job.stop.wait_for(|stop| *stop)).await.unwrap();
    }
    assert_eq!(
        cloud.refused("StopHyperParameterTuningJob", named("t")).await,
        "400 ValidationException: The request was rejected because the hyperparameter tuning job is in status Stopping."
    );
    cloud.settled().await;
    assert_eq!(cloud.describe_tuning("t").await["TrainingJobStatusCounters"]["InProgress"], 2, "they are stopping");
    two.end.send(TrainingEnd::Stopped { artifacts: None, max_runtime: false }).unwrap();
    three.end.send(TrainingEnd::Stopped { artifacts: None, max_runtime: false }).unwrap();
    let told = cloud.tuned("t").await;
    assert_eq!(told["HyperParameterTuningJobStatus"], "Stopped");
    let counters = json!({"Completed": 1, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 2});
    assert_eq!(told["TrainingJobStatusCounters"], counters);
    assert!(cloud.no_job_waits().await);
}

#[tokio::test]
async fn a_job_without_a_success_fails_with_what_to_look_at() {
    let cloud = Cloud::new();
    cloud.ok("CreateHyperParameterTuningJob", tuning_job("fails", 20, 2)).await;
    let mut held = cloud.job().await;
    for n in 0..5 {
        fails(cloud.job().await, if n == 0 { "InternalServerError: no" } else { "AlgorithmError: no" });
    }
    within(held.stop.wait_for(|stop| *stop)).await.unwrap();
    held.end.send(TrainingEnd::Stopped { artifacts: None, max_runtime: false }).unwrap();
    let told = cloud.tuned("fails").await;
    assert_eq!(told["HyperParameterTuningJobStatus"], "Failed");
    assert_eq!(
        told["FailureReason"],
        "No training job succeeded after 5 attempts. Please take a look at the training job failures to get more details."
    );
    let counters = json!({"Completed": 0, "InProgress": 0, "RetryableError": 1, "NonRetryableError": 4, "Stopped": 1});
    assert_eq!(told["TrainingJobStatusCounters"], counters);

    cloud.ok("CreateHyperParameterTuningJob", tuning_job("silent", 2, 2)).await;
    for _ in 0..2 {
        cloud.job().await.end.send(TrainingEnd::Completed { artifacts: "s3://data/out/m".into() }).unwrap();
    }
    let told = cloud.tuned("silent").await;
    let reason = told["FailureReason"].as_str().unwrap();
    assert!(reason.starts_with("No objective metrics found after running 2 training jobs."), "{reason}");
    assert_eq!(told["ObjectiveStatusCounters"], json!({"Succeeded": 0, "Pending": 0, "Failed": 2}));

    cloud.ok("CreateHyperParameterTuningJob", tuning_job("blocked", 3, 1)).await;
    let first = cloud.job().await;
    cloud.bucket.delete("data", "train/part-0.csv");
    ends(first, 0.5);
    let told = cloud.tuned("blocked").await;
    let reason = told["FailureReason"].as_str().unwrap();
    assert!(
        reason.starts_with("Failed to create training job blocked-002-") && reason.contains("No S3 objects found"),
        "{reason}"
    );
    assert_eq!(told["TrainingJobStatusCounters"]["Completed"], 1);
}

#[tokio::test]
async fn completion_criteria_end_the_tuning() {
    let criteria = |member: &str, value: Value| {
        config(tuning_job("t", 20, 1), "TuningJobCompletionCriteria", json!({ member: value }))
    };
    for (request, scores) in [
        (criteria("TargetObjectiveMetricValue", json!(0.3)), vec![0.5, 0.4, 0.3]),
        (
            criteria("BestObjectiveNotImproving", json!({"MaxNumberOfTrainingJobsNotImproving": 3})),
            vec![0.5, 0.4, 0.4, 0.6, 0.41],
        ),
        // Less than 1 % is no improvement.
        (
            criteria("BestObjectiveNotImproving", json!({"MaxNumberOfTrainingJobsNotImproving": 3})),
            vec![1.0, 0.999, 0.998, 0.997],
        ),
        (
            criteria("ConvergenceDetected", json!({"CompleteOnConvergence": "Enabled"})),
            [vec![0.5], (1..16).map(|n| 0.5 - 0.0001 * f64::from(n)).collect()].concat(),
        ),
    ] {
        let cloud = Cloud::new();
        cloud.ok("CreateHyperParameterTuningJob", request.clone()).await;
        for score in &scores {
            ends(cloud.job().await, *score);
        }
        let told = cloud.tuned("t").await;
        assert_eq!(told["HyperParameterTuningJobStatus"], "Completed");
        assert_eq!(told["TrainingJobStatusCounters"]["Completed"], scores.len(), "{request:#}");
        let details = &told["TuningJobCompletionDetails"];
        assert_eq!(details.get("ConvergenceDetectedTime").is_some(), scores.len() == 16);
        let flat = match scores.len() {
            3 => 0,
            16 => 15,
            _ => 3,
        };
        assert_eq!(details["NumberOfTrainingJobsObjectiveNotImproving"], flat);
    }
}

#[tokio::test]
async fn a_tuning_over_its_time_limit_stops_what_runs_and_is_completed() {
    let cloud = Cloud::new();
    let limits = json!({"MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 120});
    cloud.ok("CreateHyperParameterTuningJob", config(tuning_job("t", 1, 1), "ResourceLimits", limits)).await;
    ends(cloud.job().await, 0.5);
    let mut second = cloud.job().await;
    cloud.clock.advance(60_000);
    assert_eq!(cloud.describe_tuning("t").await["ConsumedResources"]["RuntimeInSeconds"], 60, "while nothing changes");
    cloud.clock.advance(60_000);
    within(second.stop.wait_for(|stop| *stop)).await.unwrap();
    second.end.send(TrainingEnd::Stopped { artifacts: None, max_runtime: false }).unwrap();
    let told = cloud.tuned("t").await;
    assert_eq!(told["HyperParameterTuningJobStatus"], "Completed");
    assert_eq!(told["ConsumedResources"]["RuntimeInSeconds"], 120);
    assert!(cloud.no_job_waits().await);
}

#[tokio::test]
async fn a_job_that_is_worse_than_the_median_of_the_earlier_ones_is_stopped_early() {
    let cloud = Cloud::new();
    let request = config(tuning_job("t", 5, 1), "TrainingJobEarlyStoppingType", json!("Auto"));
    cloud.ok("CreateHyperParameterTuningJob", request).await;
    for level in [1.0, 2.0, 3.0] {
        let job = cloud.job().await;
        logs(&job, level + 1.0);
        ends(job, level);
    }
    // The running averages at the second epoch are 1.5, 2.5 and 3.5.
    let job = cloud.job().await;
    logs(&job, 2.9);
    // All hosts log each epoch.
    (job.events)(TrainingEvent::MetricOfOtherHost { name: "loss".into(), value: 2.9, at: Timestamp::UNIX_EPOCH });
    cloud.settled().await;
    assert!(!*job.stop.borrow(), "the median at the first epoch is 3");
    logs(&job, 2.6);
    let mut stop = job.stop.clone();
    within(stop.wait_for(|stop| *stop)).await.unwrap();
    job.end.send(TrainingEnd::Stopped { artifacts: Some("s3://data/out/m".into()), max_runtime: false }).unwrap();
    ends(cloud.job().await, 0.9);
    let told = cloud.tuned("t").await;
    assert_eq!(told["TrainingJobStatusCounters"]["Stopped"], 1);
    assert_eq!(told["ObjectiveStatusCounters"], json!({"Succeeded": 5, "Pending": 0, "Failed": 0}));
    let stopped = cloud.children("t", json!({"StatusEquals": "Stopped"})).await;
    assert_eq!(stopped[0]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"], 2.6);
}

#[tokio::test]
async fn hyperband_stops_all_but_the_best_third_at_each_rung_and_what_uses_too_much() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 4);
    let request = config(tuning_job("t", 4, 4), "Strategy", json!("Hyperband"));
    let resources = json!({"HyperbandStrategyConfig": {"MinResource": 2, "MaxResource": 6}});
    cloud.ok("CreateHyperParameterTuningJob", config(request, "StrategyConfig", resources)).await;
    let mut jobs = [cloud.job().await, cloud.job().await, cloud.job().await, cloud.job().await];
    jobs.sort_by(|one, other| one.task.name.cmp(&other.task.name));
    for (job, level) in jobs.iter().zip([2.0, 3.0, 2.5, 9.0]) {
        // In this order, or the verdicts would depend on chance.
        logs(job, level);
        logs(job, level);
        cloud.settled().await;
    }
    let stopped = |jobs: &[Child]| jobs.iter().map(|job| *job.stop.borrow()).collect::<Vec<_>>();
    // The first two came when there were too few to choose from; the third is not the best of three. The last one is of
    // the bracket that is not judged at this rung.
    assert_eq!(stopped(&jobs), [false, false, true, false]);
    for _ in 0..4 {
        logs(&jobs[0], 0.5);
    }
    cloud.settled().await;
    assert!(!*jobs[0].stop.borrow(), "it may use six");
    logs(&jobs[0], 0.4);
    cloud.settled().await;
    assert_eq!(stopped(&jobs), [true, false, true, false]);
}

#[tokio::test]
async fn grid_tries_every_combination_once() {
    let cloud = Cloud::new();
    let request = config(tuning_job("t", 1, 3), "Strategy", json!("Grid"));
    let request = config(request, "ResourceLimits", json!({"MaxParallelTrainingJobs": 3}));
    let ranges = json!({"CategoricalParameterRanges": [
        {"Name": "a", "Values": ["1", "2", "3"]}, {"Name": "b", "Values": ["x", "y"]},
    ]});
    cloud.ok("CreateHyperParameterTuningJob", config(request, "ParameterRanges", ranges)).await;
    let mut tried = BTreeSet::new();
    for _ in 0..6 {
        let job = cloud.job().await;
        let given = &job.task.request["HyperParameters"];
        tried.insert(format!("{}{}", given["a"].as_str().unwrap(), given["b"].as_str().unwrap()));
        ends(job, 0.1);
    }
    assert_eq!(cloud.tuned("t").await["TrainingJobStatusCounters"]["Completed"], 6);
    assert_eq!(tried.into_iter().collect::<Vec<_>>(), ["1x", "1y", "2x", "2y", "3x", "3y"]);
}

#[tokio::test]
async fn a_training_job_that_is_tried_again_is_judged_from_its_start() {
    let cloud = Cloud::new();
    let request = config(tuning_job("t", 4, 1), "TrainingJobEarlyStoppingType", json!("Auto"));
    let request = with(request, "/TrainingJobDefinition/RetryStrategy", json!({"MaximumRetryAttempts": 1}));
    cloud.ok("CreateHyperParameterTuningJob", request).await;
    for level in [1.0, 2.0, 3.0] {
        let job = cloud.job().await;
        logs(&job, 10.0 * level);
        ends(job, level);
    }
    let job = cloud.job().await;
    logs(&job, 19.0);
    fails(job, "InternalServerError: the disk");
    // At the first epoch the median is 20, at the second 11.
    let again = cloud.job().await;
    assert_eq!(again.task.epoch, 2);
    logs(&again, 19.0);
    cloud.settled().await;
    assert!(!*again.stop.borrow(), "that was the first epoch");
    ends(again, 5.0);
    let told = cloud.tuned("t").await;
    assert_eq!(told["TrainingJobStatusCounters"]["Completed"], 4);
}

/// Two definitions of the same training, with ranges and objectives of their own.
fn two_definitions(name: &str) -> Value {
    let mut request = tuning_job(name, 4, 1);
    let ranges = request.pointer("/HyperParameterTuningJobConfig/ParameterRanges").unwrap().clone();
    let definition = |name: &str, objective: &str| {
        let mut definition = request["TrainingJobDefinition"].clone();
        definition["DefinitionName"] = json!(name);
        definition["TuningObjective"] = json!({"Type": "Minimize", "MetricName": objective});
        definition["HyperParameterRanges"] = ranges.clone();
        definition
    };
    let mut other = definition("other", "error");
    other["AlgorithmSpecification"]["MetricDefinitions"][0]["Name"] = json!("error");
    let both = json!([definition("one", "loss"), other]);
    let config = request["HyperParameterTuningJobConfig"].as_object_mut().unwrap();
    config.shift_remove("ParameterRanges");
    config.shift_remove("HyperParameterTuningJobObjective");
    request["TrainingJobDefinitions"] = both;
    request.as_object_mut().unwrap().shift_remove("TrainingJobDefinition");
    request
}

#[tokio::test]
async fn several_definitions_take_turns_and_have_objectives_of_their_own() {
    let cloud = Cloud::new();
    cloud.ok("CreateHyperParameterTuningJob", two_definitions("t")).await;
    for score in [0.5, 0.4, 0.3, 0.2] {
        let job = cloud.job().await;
        let metric = job.task.request["HyperParameters"]["_tuning_objective_metric"].as_str().unwrap().to_owned();
        (job.events)(TrainingEvent::Metric { name: metric, value: score, at: Timestamp::UNIX_EPOCH });
        job.end.send(TrainingEnd::Completed { artifacts: "s3://data/out/m".into() }).unwrap();
    }
    let best = &cloud.tuned("t").await["BestTrainingJob"];
    assert_eq!(
        (&best["TrainingJobDefinitionName"], &best["FinalHyperParameterTuningJobObjectiveMetric"]["MetricName"]),
        (&json!("other"), &json!("error"))
    );
    let all = cloud.children("t", json!({})).await;
    let definitions: Vec<_> = all.iter().map(|child| child["TrainingJobDefinitionName"].as_str().unwrap()).collect();
    assert_eq!(definitions, ["one", "other", "one", "other"]);
}
