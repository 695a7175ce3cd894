//! Processing jobs from creation to their end.

use sagewright_cloud::cloud::{resume, suspend};
use sagewright_cloud::sagemaker::{JobEnd, JobEvent, Kind, Outcome};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Map, Value, json};

use crate::restart::{after, after_over, run};
use crate::support::{Cloud, Death, at_each_commit, processing_job, training_job, with, within};

fn named(name: &str) -> Value {
    json!({"ProcessingJobName": name})
}

fn completed() -> JobEnd {
    JobEnd::new(Outcome::Completed)
}

impl Cloud {
    async fn describe_processing(&self, name: &str) -> Value {
        // What the job told is recorded by a task of its own.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.ok("DescribeProcessingJob", named(name)).await
    }
}

#[tokio::test]
async fn a_job_shows_its_request_with_defaults_its_times_and_its_message() {
    let cloud = Cloud::new();
    let created = cloud.ok("CreateProcessingJob", processing_job("Clean")).await;
    assert_eq!(created["ProcessingJobArn"], "arn:aws:sagemaker:us-east-1:000000000000:processing-job/clean");
    let job = cloud.processing().await;
    assert_eq!((job.task.name.as_str(), job.task.epoch), ("Clean", 1));
    assert_eq!(job.task.request["StoppingCondition"]["MaxRuntimeInSeconds"], 86_400, "defaults are applied");
    assert!(job.task.request.get("ProcessingJobStatus").is_none(), "only what CreateProcessingJob takes");
    insta::assert_json_snapshot!("a_processing_job_that_starts", cloud.describe_processing("clean").await);
    cloud.clock.advance(2_000);
    (job.events)(JobEvent::Started);
    assert_eq!(cloud.describe_processing("clean").await["ProcessingStartTime"], 1_760_000_002.0);
    cloud.clock.advance(3_000);
    let shows = Map::from_iter([("ExitMessage".to_owned(), json!("3 rows"))]);
    job.end.send(JobEnd { shows, ..completed() }).unwrap();
    cloud.until(Kind::PROCESSING_JOB, "clean", "Completed").await;
    insta::assert_json_snapshot!("a_completed_processing_job", cloud.describe_processing("Clean").await);
    (job.events)(JobEvent::Started);
    assert_eq!(cloud.describe_processing("Clean").await["ProcessingStartTime"], 1_760_000_002.0, "that came late");
    let tags = cloud.ok("ListTags", json!({"ResourceArn": created["ProcessingJobArn"]})).await;
    assert_eq!(tags["Tags"], json!([{"Key": "team", "Value": "data"}]));
    let summaries = cloud.ok("ListProcessingJobs", json!({"StatusEquals": "Completed"})).await;
    insta::assert_json_snapshot!("summaries_of_processing_jobs", summaries);
    assert_eq!(
        cloud.ok("ListProcessingJobs", json!({"NameContains": "other"})).await["ProcessingJobSummaries"],
        json!([])
    );
}

#[tokio::test]
async fn jobs_are_listed_oldest_first() {
    let cloud = Cloud::new();
    for name in ["b", "a"] {
        cloud.ok("CreateProcessingJob", processing_job(name)).await;
        cloud.clock.advance(1_000);
    }
    for (input, expected) in [
        (json!({}), ["b", "a"]),
        (json!({"SortOrder": "Descending"}), ["a", "b"]),
        (json!({"SortBy": "Name"}), ["a", "b"]),
    ] {
        let listed = cloud.ok("ListProcessingJobs", input.clone()).await;
        let names: Vec<_> =
            listed["ProcessingJobSummaries"].as_array().unwrap().iter().map(|job| &job["ProcessingJobName"]).collect();
        assert_eq!(names, expected, "{input}");
    }
}

#[tokio::test]
async fn a_failed_job_says_why_and_frees_its_slot() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 1);
    cloud.ok("CreateProcessingJob", processing_job("j")).await;
    cloud.ok("CreateTrainingJob", training_job("next")).await;
    let job = cloud.processing().await;
    assert!(cloud.no_job_waits().await, "one slot runs one job of any kind");
    job.end.send(JobEnd::failed("AlgorithmError: , exit code: 1")).unwrap();
    cloud.until(Kind::PROCESSING_JOB, "j", "Failed").await;
    assert_eq!(cloud.describe_processing("j").await["FailureReason"], "AlgorithmError: , exit code: 1");
    assert_eq!(cloud.job().await.task.name, "next");
}

#[tokio::test]
async fn an_executor_that_breaks_fails_its_job() {
    let cloud = Cloud::new();
    cloud.ok("CreateProcessingJob", processing_job("j")).await;
    drop(cloud.processing().await.end);
    cloud.until(Kind::PROCESSING_JOB, "j", "Failed").await;
    let reason = cloud.describe_processing("j").await["FailureReason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("InternalServerError: We encountered an internal error"), "{reason}");
}

#[tokio::test]
async fn a_stop_reaches_a_job_whether_it_runs_or_waits() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 1);
    for name in ["runs", "waits"] {
        cloud.ok("CreateProcessingJob", processing_job(name)).await;
    }
    let mut job = cloud.processing().await;
    cloud.ok("StopProcessingJob", named("waits")).await;
    cloud.until(Kind::PROCESSING_JOB, "waits", "Stopped").await;
    assert!(cloud.describe_processing("waits").await.get("ProcessingStartTime").is_none());
    cloud.ok("StopProcessingJob", named("runs")).await;
    within(job.stop.wait_for(|stop| *stop)).await.unwrap();
    insta::assert_snapshot!(
        cloud.refused("StopProcessingJob", named("runs")).await,
        @"400 ValidationException: The request was rejected because the processing job is in status Stopping."
    );
    job.end.send(JobEnd::failed("AlgorithmError: , exit code: 143")).unwrap();
    cloud.until(Kind::PROCESSING_JOB, "runs", "Stopped").await;
    assert!(cloud.describe_processing("runs").await.get("FailureReason").is_none());
    assert!(cloud.no_job_waits().await);
}

#[tokio::test]
async fn only_ended_jobs_are_deleted_and_their_names_are_free_again() {
    let cloud = Cloud::new();
    for operation in ["DescribeProcessingJob", "StopProcessingJob", "DeleteProcessingJob"] {
        assert_eq!(
            cloud.refused(operation, named("j")).await,
            "400 ValidationException: Could not find requested job with name: j"
        );
    }
    cloud.ok("CreateProcessingJob", processing_job("j")).await;
    let job = cloud.processing().await;
    let before = cloud.state().await;
    insta::assert_snapshot!(
        cloud.refused("CreateProcessingJob", processing_job("J")).await,
        @"400 ResourceInUse: Job name must be unique within an AWS account and region, and a job with this name already exists (arn:aws:sagemaker:us-east-1:000000000000:processing-job/j)"
    );
    insta::assert_snapshot!(
        cloud.refused("DeleteProcessingJob", named("j")).await,
        @"400 ResourceInUse: ProcessingJob arn:aws:sagemaker:us-east-1:000000000000:processing-job/j cannot be deleted in status InProgress."
    );
    assert_eq!(cloud.state().await, before);
    job.end.send(completed()).unwrap();
    cloud.until(Kind::PROCESSING_JOB, "j", "Completed").await;
    cloud.ok("DeleteProcessingJob", named("j")).await;
    cloud.refused("DescribeProcessingJob", named("j")).await;
    cloud.ok("CreateProcessingJob", processing_job("j")).await;
    assert_eq!(cloud.describe_processing("j").await["ProcessingJobStatus"], "InProgress");
}

#[tokio::test]
async fn wrong_requests_are_refused_by_name_and_change_nothing() {
    let cloud = Cloud::new();
    let before = cloud.state().await;
    let good = || processing_job("j");
    let input = |pointer: &str, value: Value| with(good(), &format!("/ProcessingInputs/0{pointer}"), value);
    let output =
        |pointer: &str, value: Value| with(good(), &format!("/ProcessingOutputConfig/Outputs/0{pointer}"), value);
    let cluster = |value: Value| with(good(), "/ProcessingResources/ClusterConfig", value);
    let athena = json!({
        "Catalog": "c", "Database": "d", "QueryString": "select 1", "OutputS3Uri": "s3://data/q", "OutputFormat": "ORC",
    });
    let preferences = |one: Value, two: Value| cluster(json!({"VolumeSizeInGB": 1, "InstancePreferences": [one, two]}));
    let (small, large) = (json!({"InstanceType": "ml.m5.large"}), json!({"InstanceType": "ml.m5.xlarge"}));
    let counted = json!({"InstanceType": "ml.m5.xlarge", "InstanceCount": 2});
    let many = json!({"InstanceType": "ml.m5.large", "InstanceCount": 99});
    let mut cases = vec![
        with(good(), "/ProcessingJobName", json!("bad name")),
        with(good(), "/RoleArn", json!("arn:aws:iam::000000000000:role/missing")),
        with(good(), "/AppSpecification/ImageUri", json!("registry/unknown:1")),
        with(good(), "/AppSpecification/ImageUri", json!("registry/built-in:1")),
        with(good(), "/StoppingCondition", json!({"MaxRuntimeInSeconds": 777_601})),
        with(good(), "/Tags", json!([{"Key": "aws:x", "Value": "y"}])),
        with(good(), "/ProcessingInputs", json!([good()["ProcessingInputs"][0], good()["ProcessingInputs"][0]])),
        input("/S3Input", Value::Null),
        input("/S3Input/S3InputMode", json!("Pipe")),
        input("/S3Input/S3Uri", json!("https://data/in")),
        input("/S3Input/LocalPath", Value::Null),
        input("/DatasetDefinition", json!({"AthenaDatasetDefinition": athena})),
        output("/S3Output", Value::Null),
        output("/FeatureStoreOutput", json!({"FeatureGroupName": "g"})),
        output("/S3Output/LocalPath", json!("/tmp/out")),
        cluster(json!({"VolumeSizeInGB": 1})),
        cluster(json!({"VolumeSizeInGB": 1, "InstanceType": "ml.m5.large", "InstanceCount": 17})),
        cluster(json!({"VolumeSizeInGB": 1, "InstanceType": "ml.m5.large", "InstancePreferences": [small]})),
        cluster(json!({"VolumeSizeInGB": 1, "InstanceType": "ml.m5.large", "SelectedInstanceCount": 2})),
        preferences(small.clone(), large.clone()),
        preferences(small.clone(), counted.clone()),
        preferences(many, counted.clone()),
        preferences(counted.clone(), counted),
        with(good(), "/AppSpecification/ContainerEntrypoint", json!([])),
    ];
    let mut twin = good()["ProcessingInputs"][0].clone();
    twin["InputName"] = json!("twin");
    twin["S3Input"]["LocalPath"] = json!("/opt/ml/processing/in/");
    cases.push(with(good(), "/ProcessingInputs", json!([good()["ProcessingInputs"][0], twin])));
    let mut told = Vec::new();
    for case in cases {
        told.push(cloud.refused("CreateProcessingJob", case).await);
    }
    insta::assert_snapshot!(told.join("\n"));
    for path in [
        "/opt/ml/processing",
        "/opt/ml/processing/",
        "/opt/ml/processing/../config",
        "/opt/ml/processing/./x",
        "/opt/ml/processing/a//b",
        "/opt/ml/processing/a/..",
        "/opt/ml/processingx/a",
        "/opt/ml/input",
        "opt/ml/processing/a",
        "/etc",
        "",
        "/opt/ml/processing/a\0b",
    ] {
        for case in [input("/S3Input/LocalPath", json!(path)), output("/S3Output/LocalPath", json!(path))] {
            let refused = cloud.refused("CreateProcessingJob", case).await;
            assert!(refused.contains("must be a folder below /opt/ml/processing/"), "{path:?}: {refused}");
        }
    }
    assert_eq!(cloud.state().await, before);
    assert!(cloud.no_job_waits().await);
}

#[tokio::test]
async fn what_a_program_manages_itself_and_what_guards_a_job_is_recorded() {
    let cloud = Cloud::new();
    let mut request = processing_job("j");
    let recorded = json!({
        "ProcessingInputs": [{"InputName": "own", "AppManaged": true, "S3Input": {
            "S3Uri": "s3://nowhere/x", "S3DataType": "ManifestFile", "S3DataDistributionType": "ShardedByS3Key",
            "S3CompressionType": "Gzip",
        }}],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "own", "AppManaged": true, "S3Output": {"S3Uri": "s3://nowhere/y", "S3UploadMode": "Continuous"}}],
            "KmsKeyId": "key",
        },
        "NetworkConfig": {
            "EnableNetworkIsolation": true, "EnableInterContainerTrafficEncryption": true,
            "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
        },
        "ExperimentConfig": {"ExperimentName": "e", "TrialName": "t"},
        "Environment": {"A": "b"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 777_600},
        "ProcessingResources": {"ClusterConfig": {"VolumeSizeInGB": 1, "VolumeKmsKeyId": "key", "InstancePreferences": [
            {"InstanceType": "ml.c5.xlarge", "InstanceCount": 2}, {"InstanceType": "ml.m5.large", "InstanceCount": 3},
        ]}},
    });
    request.as_object_mut().unwrap().extend(recorded.as_object().unwrap().clone());
    cloud.ok("CreateProcessingJob", request).await;
    let mut job = cloud.describe_processing("j").await;
    let cluster = job["ProcessingResources"]["ClusterConfig"].as_object_mut().unwrap();
    assert_eq!(cluster.shift_remove("SelectedInstanceType"), Some(json!("ml.c5.xlarge")));
    assert_eq!(cluster.shift_remove("SelectedInstanceCount"), Some(json!(2)));
    for (member, value) in recorded.as_object().unwrap() {
        assert_eq!(&job[member], value, "{member}");
    }
    cloud.processing().await;
}

#[test]
fn jobs_in_progress_run_again_and_stopping_ones_are_stopped() {
    let store = after_over(SqliteRecords::in_memory().unwrap(), 2, async |cloud| {
        for name in ["stopping", "runs", "waits"] {
            cloud.ok("CreateProcessingJob", processing_job(name)).await;
            cloud.clock.advance(1);
        }
        for _ in 0..2 {
            let job = cloud.processing().await;
            (job.events)(JobEvent::Started);
            std::mem::forget(job);
        }
        assert!(cloud.describe_processing("runs").await.get("ProcessingStartTime").is_some());
        cloud.ok("StopProcessingJob", named("stopping")).await;
    });
    run(async {
        let cloud = Cloud::over(store, 2);
        resume(&cloud.sagemaker).await.unwrap();
        assert_eq!(cloud.describe_processing("stopping").await["ProcessingJobStatus"], "Stopped");
        // There is a slot for each, and no order between them.
        let mut begun = [cloud.processing().await, cloud.processing().await];
        begun.sort_by(|one, other| one.task.name.cmp(&other.task.name));
        let [runs, waits] = begun;
        assert_eq!((runs.task.name.as_str(), runs.task.epoch), ("runs", 2));
        assert_eq!((waits.task.name.as_str(), waits.task.epoch), ("waits", 1));
        assert!(cloud.describe_processing("runs").await.get("ProcessingStartTime").is_none());
        runs.end.send(completed()).unwrap();
        cloud.until(Kind::PROCESSING_JOB, "runs", "Completed").await;
    });
}

#[test]
fn a_job_over_which_the_cloud_died_twice_in_a_row_is_failed() {
    let mut store = after(async |cloud| {
        cloud.ok("CreateProcessingJob", processing_job("deadly")).await;
        std::mem::forget(cloud.processing().await);
    });
    // An end in order says nothing against the job, however often there was one.
    for in_order in [true, true, false, false] {
        store = after_over(store, 1, async |cloud| {
            resume(&cloud.sagemaker).await.unwrap();
            let job = cloud.processing().await;
            if in_order {
                suspend(&cloud.sagemaker).await.unwrap();
            }
            std::mem::forget(job);
        });
    }
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        let failed = cloud.describe_processing("deadly").await;
        assert_eq!(failed["ProcessingJobStatus"], "Failed");
        let reason = failed["FailureReason"].as_str().unwrap();
        assert!(reason.contains("ended abnormally 2 times in a row while this job ran"), "{reason}");
        assert!(cloud.no_job_waits().await);
    });
}

/// To try a damaged state again and again changes nothing.
#[test]
fn a_job_whose_stored_state_is_damaged_has_failed_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    drop(after_over(SqliteRecords::open(&path).unwrap(), 1, async |cloud| {
        cloud.ok("CreateProcessingJob", processing_job("j")).await;
        std::mem::forget(cloud.processing().await);
    }));
    let damage = "UPDATE record SET body = json_set(body, '$._.state', 7) WHERE kind = 'processing-job'";
    assert_eq!(rusqlite::Connection::open(&path).unwrap().execute(damage, []).unwrap(), 1);
    run(async {
        let cloud = Cloud::over(SqliteRecords::open(&path).unwrap(), 1);
        resume(&cloud.sagemaker).await.unwrap();
        let job = cloud.describe_processing("j").await;
        assert_eq!(job["ProcessingJobStatus"], "Failed");
        let reason = job["FailureReason"].as_str().unwrap();
        assert!(reason.contains("processing-job/j is damaged") && reason.contains("another name"), "{reason}");
    });
}

/// The cloud dies at each commit of a job's way; the next one brings the job to its end.
#[test]
fn a_job_survives_the_death_of_the_cloud_at_each_commit() {
    let way = async |cloud: &Cloud, death: &Death| {
        cloud.ok("CreateProcessingJob", processing_job("j")).await;
        death.counts();
        let job = cloud.processing().await;
        (job.events)(JobEvent::Started);
        cloud.describe_processing("j").await;
        job.end.send(completed()).unwrap();
        cloud.until(Kind::PROCESSING_JOB, "j", "Completed").await;
    };
    let after = async |cloud: &Cloud, commits: i64| {
        resume(&cloud.sagemaker).await.unwrap();
        if cloud.describe_processing("j").await["ProcessingJobStatus"] != "Completed" {
            cloud.processing().await.end.send(completed()).unwrap();
            cloud.until(Kind::PROCESSING_JOB, "j", "Completed").await;
        }
        assert!(cloud.no_job_waits().await, "run twice after {commits} commits");
    };
    let commits = at_each_commit(1, way, after);
    assert!(commits >= 2, "{commits} commits lead to the end of a job");
}

/// A stop that was answered holds, wherever the cloud dies then.
#[test]
fn a_stop_survives_the_death_of_the_cloud_at_each_commit() {
    let stopped = || JobEnd::new(Outcome::Stopped);
    let way = async |cloud: &Cloud, death: &Death| {
        cloud.ok("CreateProcessingJob", processing_job("j")).await;
        let mut job = cloud.processing().await;
        cloud.ok("StopProcessingJob", named("j")).await;
        death.counts();
        within(job.stop.wait_for(|stop| *stop)).await.unwrap();
        job.end.send(stopped()).unwrap();
        cloud.until(Kind::PROCESSING_JOB, "j", "Stopped").await;
    };
    let after = async |cloud: &Cloud, commits: i64| {
        resume(&cloud.sagemaker).await.unwrap();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(cloud.describe_processing("j").await["ProcessingJobStatus"], "Stopped", "after {commits} commits");
        assert!(cloud.no_job_waits().await, "begun again after {commits} commits");
    };
    let commits = at_each_commit(1, way, after);
    assert!(commits >= 1, "{commits} commits lead to the end of a stop");
}
