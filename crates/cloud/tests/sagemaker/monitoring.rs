//! Monitoring schedules: what is due when, and what a store that fails or a process that dies leaves of an execution.

use std::sync::Arc;

use sagewright_cloud::cloud::resume;
use sagewright_cloud::sagemaker::{JobEnd, JobEvent, Kind, Outcome};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Map, Value, json};

use crate::restart::{after_over, run as block};
use crate::support::{Cloud, Death, Job, Life, ROLE, at_each_commit, config, model, with, within};

const HOUR: i64 = 3_600_000;
/// From the beginning of a test, which is at 2025-10-09T08:53:20Z, to just after the next full hour.
const NEXT_HOUR: i64 = 405_000;
const IMAGE: &str = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer";

fn schedule(name: &str, when: Value) -> Value {
    let runs = json!({"ScheduleConfig": when, "MonitoringJobDefinitionName": "D", "MonitoringType": "ModelQuality"});
    json!({"MonitoringScheduleName": name, "MonitoringScheduleConfig": runs})
}

fn hourly(name: &str) -> Value {
    schedule(name, json!({"ScheduleExpression": "cron(0 * ? * * *)"}))
}

fn definition() -> Value {
    json!({
        "JobDefinitionName": "D",
        "ModelQualityAppSpecification": {"ImageUri": IMAGE, "ProblemType": "Regression"},
        "ModelQualityJobInput": {
            "EndpointInput": {
                "EndpointName": "e", "LocalPath": "/opt/ml/processing/input/endpoint", "InferenceAttribute": "0",
            },
            "GroundTruthS3Input": {"S3Uri": "s3://data/truth"},
        },
        "ModelQualityJobOutputConfig": {"MonitoringOutputs": [{"S3Output": {
            "S3Uri": "s3://data/reports", "LocalPath": "/opt/ml/processing/output",
        }}]},
        "JobResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}},
        "RoleArn": ROLE,
    })
}

/// Puts what is captured, collected and merged for the hour before the first run.
fn put_data(cloud: &Cloud) {
    for key in ["captured/e/AllTraffic", "truth", "reports/merge/e/AllTraffic"] {
        cloud.bucket.put("data", &format!("{key}/2025/10/09/08/x.jsonl"));
    }
}

/// An endpoint that captures, and a definition that monitors it.
async fn monitored(cloud: &Cloud) {
    put_data(cloud);
    cloud.ok("CreateModel", model("m")).await;
    let capture = json!({
        "EnableCapture": true, "InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://data/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    });
    cloud.ok("CreateEndpointConfig", with(config("c1", "m"), "/DataCaptureConfig", capture)).await;
    cloud.ok("CreateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "c1"})).await;
    cloud.deploy().await.reply.send(Ok(())).unwrap();
    cloud.until(Kind::ENDPOINT, "e", "InService").await;
    cloud.ok("CreateModelQualityJobDefinition", definition()).await;
}

/// A schedule that runs each hour.
async fn scheduled(cloud: &Cloud) {
    monitored(cloud).await;
    cloud.ok("CreateMonitoringSchedule", hourly("S")).await;
    cloud.passes(1000).await;
    assert_eq!(status(cloud).await, "Scheduled");
    cloud.recorded().await;
}

async fn status(cloud: &Cloud) -> Value {
    cloud.ok("DescribeMonitoringSchedule", json!({"MonitoringScheduleName": "s"})).await["MonitoringScheduleStatus"]
        .clone()
}

/// All executions of the schedule, the last one first.
async fn executions(cloud: &Cloud) -> Vec<Value> {
    let input = json!({"MonitoringScheduleName": "s", "MaxResults": 100});
    cloud.ok("ListMonitoringExecutions", input).await["MonitoringExecutionSummaries"].as_array().unwrap().clone()
}

/// Waits until the last execution is in a status.
async fn until(cloud: &Cloud, status: &str) {
    within(async {
        while executions(cloud).await.first().is_none_or(|last| last["MonitoringExecutionStatus"] != status) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn complete(job: Job<JobEvent, JobEnd>) {
    // Nobody may be there any more to hear of it.
    let _ = job.end.send(JobEnd::new(Outcome::Completed));
}

/// Runs the next job of an execution.
async fn run(cloud: &Cloud, prefix: &str) -> Value {
    let job = cloud.processing().await;
    assert!(job.task.name.starts_with(prefix), "{}", job.task.name);
    let request = job.task.request.clone();
    complete(job);
    request
}

async fn run_both(cloud: &Cloud) {
    run(cloud, "groundtruth-merge-").await;
    run(cloud, "model-quality-monitoring-").await;
    until(cloud, "Completed").await;
}

fn uris(request: &Value) -> Vec<String> {
    let inputs = request["ProcessingInputs"].as_array().unwrap().iter();
    inputs.map(|input| input["S3Input"]["S3Uri"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_execution_survives_the_death_of_the_cloud_at_each_commit() {
    let way = async |cloud: &Cloud, death: &Death| {
        scheduled(cloud).await;
        death.counts();
        cloud.passes(NEXT_HOUR).await;
        run_both(cloud).await;
        cloud.recorded().await;
    };
    let after = async |cloud: &Cloud, commits: i64| {
        put_data(cloud);
        cloud.clock.advance(1000 + NEXT_HOUR);
        resume(&cloud.sagemaker).await.unwrap();
        cloud.passes(1).await;
        within(async {
            let ended = until(cloud, "Completed");
            tokio::pin!(ended);
            loop {
                tokio::select! {
                    () = &mut ended => return,
                    job = cloud.processing() => complete(job),
                }
            }
        })
        .await;
        let all = executions(cloud).await;
        assert_eq!(all.len(), 1, "{commits}: {all:#?}");
        let jobs = cloud.ok("ListProcessingJobs", json!({})).await["ProcessingJobSummaries"].clone();
        let mut names: Vec<&str> =
            jobs.as_array().unwrap().iter().map(|job| job["ProcessingJobName"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names.len(), 2, "{commits}: {names:?}");
        assert!(names[0].starts_with("groundtruth-merge-") && names[1].starts_with("model-quality-monitoring-"));
        assert!(all[0]["ProcessingJobArn"].as_str().unwrap().ends_with(names[1]), "{commits}");
        // The schedule goes on.
        cloud.passes(HOUR).await;
        until(cloud, "Failed").await;
        assert_eq!(executions(cloud).await[0]["FailureReason"], "Job inputs had no data", "{commits}");
    };
    let commits = at_each_commit(2, way, after);
    // The timer; each of two jobs is created, admitted, noted and ended; the end of each is noted.
    assert!(commits >= 9, "{commits} commits lead to the end of an execution");
}

/// An execution whose beginning fails, or fails and is written all the same, begins once, and the next one comes in its time.
#[tokio::test]
async fn a_store_that_fails_for_a_moment_ends_no_schedule() {
    for written in [false, true] {
        let life = Arc::new(Life::default());
        let cloud = Cloud::mortal(SqliteRecords::in_memory().unwrap(), 2, Arc::clone(&life));
        scheduled(&cloud).await;
        life.errs_after(Kind::MONITORING_SCHEDULE.as_str(), 0, written);
        cloud.passes(NEXT_HOUR).await;
        assert!(life.erred(), "{written}");
        cloud.passes(60_000).await;
        run_both(&cloud).await;
        cloud.passes(HOUR).await;
        until(&cloud, "Failed").await;
        assert_eq!(executions(&cloud).await.len(), 2, "{written}");
        assert!(cloud.no_job_waits().await);
    }
    // The same for one that is to become `Scheduled`, and cannot be read.
    let life = Arc::new(Life::default());
    let cloud = Cloud::mortal(SqliteRecords::in_memory().unwrap(), 2, Arc::clone(&life));
    monitored(&cloud).await;
    cloud.ok("CreateMonitoringSchedule", hourly("S")).await;
    cloud.recorded().await;
    life.cannot_read(1);
    cloud.passes(1000).await;
    cloud.passes(60_000).await;
    assert_eq!(status(&cloud).await, "Scheduled");
}

#[tokio::test]
async fn an_execution_ends_as_its_analysis_says() {
    let said = |outcome, message: &str| JobEnd {
        shows: Map::from_iter([("ExitMessage".to_owned(), json!(message))]),
        ..JobEnd::new(outcome)
    };
    for (end, status, reason) in [
        (said(Outcome::Completed, "CompletedWithViolations: 2 violations."), "CompletedWithViolations", Value::Null),
        (said(Outcome::Completed, "Completed: no violations."), "Completed", Value::Null),
        (said(Outcome::Failed, "no such column"), "Failed", json!("no such column")),
        (
            JobEnd::failed("AlgorithmError: , exit code: 1".to_owned()),
            "Failed",
            json!("AlgorithmError: , exit code: 1"),
        ),
        (JobEnd::new(Outcome::Stopped), "Stopped", Value::Null),
    ] {
        let cloud = Cloud::new();
        scheduled(&cloud).await;
        cloud.passes(NEXT_HOUR).await;
        run(&cloud, "groundtruth-merge-").await;
        cloud.processing().await.end.send(end).unwrap();
        until(&cloud, status).await;
        assert_eq!(executions(&cloud).await[0]["FailureReason"], reason, "{status}");
    }
}

#[tokio::test]
async fn executions_are_listed_by_time_and_definition_and_a_schedule_shows_the_last_one() {
    let cloud = Cloud::new();
    scheduled(&cloud).await;
    cloud.passes(NEXT_HOUR).await;
    run_both(&cloud).await;
    cloud.passes(HOUR).await;
    until(&cloud, "Failed").await;
    let all = executions(&cloud).await;
    let time = |n: usize| all[n]["ScheduledTime"].clone();
    for (filter, found) in [
        (json!({}), &all[..]),
        (json!({"ScheduledTimeAfter": time(1)}), &all[..1]),
        (json!({"ScheduledTimeBefore": time(0)}), &all[1..]),
        (json!({"MonitoringJobDefinitionName": "D"}), &all[..]),
        (json!({"MonitoringJobDefinitionName": "other"}), &[]),
        (json!({"MonitoringTypeEquals": "DataQuality"}), &[]),
        (json!({"EndpointName": "other"}), &[]),
        (json!({"StatusEquals": "Completed"}), &all[1..]),
    ] {
        let told = cloud.ok("ListMonitoringExecutions", filter.clone()).await;
        assert_eq!(told["MonitoringExecutionSummaries"].as_array().unwrap()[..], *found, "{filter}");
    }
    let shown = cloud.ok("DescribeMonitoringSchedule", json!({"MonitoringScheduleName": "s"})).await;
    assert_eq!(shown["LastMonitoringExecutionSummary"]["ScheduledTime"], time(0));
}

#[tokio::test]
async fn a_schedule_is_started_when_it_was_stopped_and_stopped_when_it_runs() {
    let cloud = Cloud::new();
    scheduled(&cloud).await;
    let name = || json!({"MonitoringScheduleName": "s"});
    let refused = cloud.refused("StartMonitoringSchedule", name()).await;
    assert!(refused.contains("cannot be started in status Scheduled"), "{refused}");
    cloud.ok("StopMonitoringSchedule", name()).await;
    let refused = cloud.refused("StopMonitoringSchedule", name()).await;
    assert!(refused.contains("cannot be stopped in status Stopped"), "{refused}");
    cloud.passes(HOUR).await;
    assert_eq!(executions(&cloud).await, Vec::<Value>::new());
    cloud.ok("StartMonitoringSchedule", name()).await;
    cloud.passes(1000).await;
    assert_eq!(status(&cloud).await, "Scheduled");
}

#[tokio::test]
async fn a_schedule_that_is_pending_makes_up_the_runs_of_time_that_is_skipped() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 2);
    monitored(&cloud).await;
    cloud.ok("CreateMonitoringSchedule", hourly("S")).await;
    cloud.passes(NEXT_HOUR + 2 * HOUR).await;
    assert_eq!(executions(&cloud).await.len(), 3);
    // Of several days those of the last one.
    cloud.passes(100 * HOUR).await;
    assert_eq!(executions(&cloud).await.len(), 3 + 24);
}

/// A machine's clock may be set back; a schedule that is started again comes to a time that had its run.
#[tokio::test]
async fn a_clock_that_is_set_back_repeats_no_run_and_stops_no_schedule() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 2);
    scheduled(&cloud).await;
    cloud.passes(NEXT_HOUR).await;
    run_both(&cloud).await;
    cloud.clock.advance(-60_000);
    cloud.ok("StopMonitoringSchedule", json!({"MonitoringScheduleName": "S"})).await;
    cloud.ok("StartMonitoringSchedule", json!({"MonitoringScheduleName": "S"})).await;
    cloud.passes(1000).await;
    cloud.passes(60_000).await;
    assert_eq!(executions(&cloud).await.len(), 1);
    cloud.passes(HOUR).await;
    assert_eq!(executions(&cloud).await.len(), 2);
}

/// "This does not delete the job execution history of the monitoring schedule." (service model)
#[tokio::test]
async fn the_history_of_a_schedule_outlives_it() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 2);
    scheduled(&cloud).await;
    cloud.passes(NEXT_HOUR).await;
    let merge = cloud.processing().await;
    until(&cloud, "InProgress").await;
    let refused = cloud.refused("DeleteMonitoringSchedule", json!({"MonitoringScheduleName": "S"})).await;
    assert!(refused.contains(&format!("Stop its processing job {}, or wait", merge.task.name)), "{refused}");
    complete(merge);
    run(&cloud, "model-quality-monitoring-").await;
    until(&cloud, "Completed").await;
    let before = executions(&cloud).await;
    cloud.ok("DeleteMonitoringSchedule", json!({"MonitoringScheduleName": "S"})).await;
    assert_eq!(executions(&cloud).await, before);
    let of_endpoint = cloud.ok("ListMonitoringExecutions", json!({"EndpointName": "e"})).await;
    assert_eq!(of_endpoint["MonitoringExecutionSummaries"], json!(before));
    // Of a schedule of the same name it is not: that has none yet.
    cloud.ok("CreateMonitoringSchedule", hourly("S")).await;
    let told = cloud.ok("DescribeMonitoringSchedule", json!({"MonitoringScheduleName": "S"})).await;
    assert_eq!(told.get("LastMonitoringExecutionSummary"), None);
}

/// Ground truth is filed by the hour in which it was collected, and may come days after the prediction.
#[tokio::test]
async fn ground_truth_that_comes_later_is_merged_and_what_was_merged_is_analysed() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 2);
    // What an earlier variant captured counts; of the second hour nothing has ground truth.
    for key in
        ["captured/e/Gone/2025/10/08/20", "captured/e/AllTraffic/2025/10/08/21", "reports/merge/e/Gone/2025/10/08/20"]
    {
        cloud.bucket.put("data", &format!("{key}/x.jsonl"));
    }
    cloud.bucket.put("data", "truth/2025/10/09/07/late.jsonl");
    monitored(&cloud).await;
    let offsets = json!({
        "EndpointName": "e", "LocalPath": "/opt/ml/processing/input/endpoint", "InferenceAttribute": "0",
        "StartTimeOffset": "-PT14H", "EndTimeOffset": "-PT11H",
    });
    let late = with(definition(), "/ModelQualityJobInput/EndpointInput", offsets);
    cloud.ok("CreateModelQualityJobDefinition", with(late, "/JobDefinitionName", json!("Late"))).await;
    let request = with(hourly("S"), "/MonitoringScheduleConfig/MonitoringJobDefinitionName", json!("Late"));
    cloud.ok("CreateMonitoringSchedule", request).await;
    cloud.passes(1000).await;
    cloud.passes(NEXT_HOUR).await;
    let merge = run(&cloud, "groundtruth-merge-").await;
    assert_eq!(
        uris(&merge),
        [
            "s3://data/truth/2025/10/09/07",
            "s3://data/truth/2025/10/09/08",
            "s3://data/captured/e/AllTraffic/2025/10/08/21",
            "s3://data/captured/e/Gone/2025/10/08/20",
        ]
    );
    let analysis = run(&cloud, "model-quality-monitoring-").await;
    assert_eq!(uris(&analysis), ["s3://data/reports/merge/e/Gone/2025/10/08/20"]);
    until(&cloud, "Completed").await;
}

#[tokio::test]
async fn an_endpoint_that_is_gone_fails_the_execution() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 2);
    scheduled(&cloud).await;
    cloud.ok("DeleteEndpoint", json!({"EndpointName": "e"})).await;
    cloud.until(Kind::ENDPOINT, "e", "Deleted").await;
    cloud.passes(NEXT_HOUR).await;
    until(&cloud, "Failed").await;
    assert_eq!(executions(&cloud).await[0]["FailureReason"], "Could not find endpoint \"e\".");
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_told_and_not_taken_for_one_without_data() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 2);
    monitored(&cloud).await;
    let elsewhere = with(definition(), "/ModelQualityJobInput/GroundTruthS3Input/S3Uri", json!("s3://nowhere/truth"));
    cloud.ok("CreateModelQualityJobDefinition", with(elsewhere, "/JobDefinitionName", json!("Nowhere"))).await;
    let request = with(hourly("S"), "/MonitoringScheduleConfig/MonitoringJobDefinitionName", json!("Nowhere"));
    cloud.ok("CreateMonitoringSchedule", request).await;
    cloud.passes(1000).await;
    cloud.passes(NEXT_HOUR).await;
    until(&cloud, "Failed").await;
    let reason = executions(&cloud).await[0]["FailureReason"].as_str().unwrap().to_owned();
    assert_eq!(
        reason,
        "ClientError: Failed to look for the data to analyse. The specified bucket does not exist: nowhere"
    );
}

/// What no execution could do is refused when it is declared.
#[tokio::test]
async fn what_can_never_run_is_not_scheduled() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 2);
    monitored(&cloud).await;
    let before = cloud.state().await;
    let endpoint = |member: &str| format!("/ModelQualityJobInput/EndpointInput/{member}");
    for (pointer, value, part) in [
        (endpoint("S3InputMode"), json!("Pipe"), "S3InputMode Pipe is not supported"),
        (endpoint("LocalPath"), json!("/tmp/data"), "EndpointInput.LocalPath \"/tmp/data\" must be a folder below"),
        (endpoint("StartTimeOffset"), json!("-P1H"), "StartTimeOffset '-P1H' is not valid"),
        ("/JobResources/ClusterConfig/InstanceCount".to_owned(), json!(100), "service limit"),
    ] {
        let wrong = with(with(definition(), "/JobDefinitionName", json!("W")), &pointer, value);
        let refused = cloud.refused("CreateModelQualityJobDefinition", wrong).await;
        assert!(refused.contains(part), "{refused}");
    }
    let days = |start: &str| json!({"ScheduleExpression": "NOW", "DataAnalysisStartTime": start, "DataAnalysisEndTime": "-PT0H"});
    let refused = cloud.refused("CreateMonitoringSchedule", schedule("S", days("-PT25H"))).await;
    assert!(refused.contains("by more than 24 hours"), "{refused}");
    assert_eq!(cloud.state().await, before);
    cloud.ok("DeleteEndpoint", json!({"EndpointName": "e"})).await;
    cloud.until(Kind::ENDPOINT, "e", "Deleted").await;
    let refused = cloud.refused("CreateMonitoringSchedule", hourly("S")).await;
    assert!(
        refused.contains("Could not find endpoint \"arn:aws:sagemaker:us-east-1:000000000000:endpoint/e\""),
        "{refused}"
    );
}

#[tokio::test]
async fn a_definition_that_a_schedule_runs_stays() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 2);
    scheduled(&cloud).await;
    let delete = |name: &str| json!({"JobDefinitionName": name});
    let refused = cloud.refused("DeleteModelQualityJobDefinition", delete("d")).await;
    assert!(refused.contains("the monitoring schedule S runs it"), "{refused}");
    cloud.ok("CreateModelQualityJobDefinition", with(definition(), "/JobDefinitionName", json!("Other"))).await;
    let other = with(hourly("S"), "/MonitoringScheduleConfig/MonitoringJobDefinitionName", json!("Other"));
    cloud.ok("UpdateMonitoringSchedule", other).await;
    cloud.ok("DeleteModelQualityJobDefinition", delete("D")).await;
    cloud.passes(1000).await;
    cloud.ok("DeleteMonitoringSchedule", json!({"MonitoringScheduleName": "S"})).await;
    cloud.ok("DeleteModelQualityJobDefinition", delete("Other")).await;
}

/// To try again what is damaged changes nothing: the execution has failed, and the schedule goes on.
#[test]
fn what_is_damaged_fails_the_execution_and_not_the_schedule() {
    for kind in ["model-quality-job-definition", "endpoint"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        drop(after_over(SqliteRecords::open(&path).unwrap(), 2, async |cloud| scheduled(cloud).await));
        let damage = format!("UPDATE record SET body = '{{' WHERE kind = '{kind}'");
        assert_eq!(rusqlite::Connection::open(&path).unwrap().execute(&damage, []).unwrap(), 1);
        block(async {
            let cloud = Cloud::over(SqliteRecords::open(&path).unwrap(), 2);
            cloud.passes(1000 + NEXT_HOUR).await;
            until(&cloud, "Failed").await;
            let reason = executions(&cloud).await[0]["FailureReason"].as_str().unwrap().to_owned();
            assert!(reason.starts_with("InternalServerError: ") && reason.contains("is damaged"), "{reason}");
            cloud.passes(HOUR).await;
            assert_eq!(executions(&cloud).await.len(), 2, "{kind}");
        });
    }
}

/// An execution that two drivers have in hand, as after a restart at an unlucky moment, goes its way once.
#[tokio::test]
async fn two_drivers_of_an_execution_leave_no_job_out() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 2);
    scheduled(&cloud).await;
    cloud.passes(NEXT_HOUR).await;
    let merge = cloud.processing().await;
    until(&cloud, "InProgress").await;
    sagewright_cloud_sagemaker_monitoring::resume(&cloud.sagemaker).await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    complete(merge);
    run(&cloud, "model-quality-monitoring-").await;
    until(&cloud, "Completed").await;
    assert!(executions(&cloud).await[0]["ProcessingJobArn"].as_str().unwrap().contains("/model-quality-monitoring-"));
    assert!(cloud.no_job_waits().await);
}
