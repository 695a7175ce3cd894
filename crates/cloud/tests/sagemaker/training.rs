//! Training jobs from creation to their end.

use sagewright_cloud::sagemaker::{Kind, TrainingEnd, TrainingEvent};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};

use crate::support::{Cloud, training_job, with, within};

fn secondary(status: &str, message: &str) -> TrainingEvent {
    TrainingEvent::Secondary { status: status.to_owned(), message: message.to_owned() }
}

fn completed() -> TrainingEnd {
    TrainingEnd::Completed { artifacts: "s3://data/out/mnist/output/model.tar.gz".to_owned() }
}

#[tokio::test]
async fn a_job_goes_through_its_statuses_and_tells_all_of_it() {
    let cloud = Cloud::new();
    let created = cloud.ok("CreateTrainingJob", training_job("MNIST")).await;
    assert_eq!(created["TrainingJobArn"], "arn:aws:sagemaker:us-east-1:000000000000:training-job/mnist");
    let job = cloud.job().await;
    assert_eq!(job.task.name, "MNIST");
    assert_eq!(job.task.request["StoppingCondition"]["MaxRuntimeInSeconds"], 3600);
    assert_eq!(job.task.request["InputDataConfig"][0]["CompressionType"], "None", "defaults are applied");
    assert!(job.task.request.get("SecondaryStatus").is_none(), "only what CreateTrainingJob takes");

    cloud.clock.advance(2_000);
    (job.events)(secondary("Downloading", "Downloading input data"));
    cloud.clock.advance(1_000);
    (job.events)(secondary("Training", "Training image download completed. Training in progress."));
    for value in [0.5, f64::NAN, 0.25] {
        let at = cloud.clock.time();
        (job.events)(TrainingEvent::Metric { name: "validation:merror".to_owned(), value, at });
    }
    cloud.clock.advance(4_400);
    (job.events)(secondary("Uploading", "Uploading generated training model"));
    insta::assert_json_snapshot!("a_job_that_uploads", cloud.describe_job("mnist").await);
    cloud.clock.advance(1_000);
    job.end.send(completed()).unwrap();
    cloud.until(Kind::TRAINING_JOB, "mnist", "Completed").await;
    insta::assert_json_snapshot!("a_completed_job", cloud.describe_job("MNIST").await);

    (job.events)(secondary("Training", "an event that comes late"));
    assert_eq!(cloud.describe_job("MNIST").await["SecondaryStatus"], "Completed");
}

#[tokio::test]
async fn what_a_job_told_just_before_its_end_is_recorded_before_its_end() {
    let cloud = Cloud::new();
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    let job = cloud.job().await;
    for status in ["Downloading", "Training", "Uploading"] {
        (job.events)(secondary(status, "m"));
    }
    job.end.send(completed()).unwrap();
    cloud.until(Kind::TRAINING_JOB, "j", "Completed").await;
    let told = cloud.describe_job("j").await;
    let statuses: Vec<_> =
        told["SecondaryStatusTransitions"].as_array().unwrap().iter().map(|t| &t["Status"]).collect();
    assert_eq!(statuses, ["Starting", "Downloading", "Training", "Uploading", "Completed"]);
}

#[tokio::test]
async fn a_failed_job_says_why_in_at_most_1024_characters() {
    let cloud = Cloud::new();
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    let reason = format!("AlgorithmError: {}", "é".repeat(3000));
    cloud.job().await.end.send(TrainingEnd::Failed { reason: reason.clone() }).unwrap();
    cloud.until(Kind::TRAINING_JOB, "j", "Failed").await;
    let job = cloud.describe_job("j").await;
    assert_eq!(job["SecondaryStatus"], "Failed");
    assert_eq!(job["FailureReason"].as_str().unwrap(), reason.chars().take(1024).collect::<String>());
}

#[tokio::test]
async fn a_trainer_that_breaks_fails_its_job_and_frees_its_slot() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 1);
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    drop(cloud.job().await.end);
    cloud.until(Kind::TRAINING_JOB, "j", "Failed").await;
    let reason = cloud.describe_job("j").await["FailureReason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("InternalServerError: We encountered an internal error"), "{reason}");
    cloud.ok("CreateTrainingJob", training_job("k")).await;
    assert_eq!(cloud.job().await.task.name, "k");
}

#[tokio::test]
async fn a_job_over_its_time_limit_is_stopped_with_what_it_had() {
    let cloud = Cloud::new();
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    let artifacts = Some("s3://data/out/j/output/model.tar.gz".to_owned());
    cloud.job().await.end.send(TrainingEnd::Stopped { artifacts, max_runtime: true }).unwrap();
    cloud.until(Kind::TRAINING_JOB, "j", "Stopped").await;
    let job = cloud.describe_job("j").await;
    assert_eq!(job["SecondaryStatus"], "MaxRuntimeExceeded");
}

#[tokio::test]
async fn jobs_beyond_the_slots_wait_in_starting_and_then_run() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 1);
    cloud.ok("CreateTrainingJob", training_job("first")).await;
    let first = cloud.job().await;
    cloud.ok("CreateTrainingJob", training_job("second")).await;
    let second = cloud.describe_job("second").await;
    assert_eq!((&second["TrainingJobStatus"], &second["SecondaryStatus"]), (&json!("InProgress"), &json!("Starting")));
    assert_eq!(second["SecondaryStatusTransitions"][0]["StatusMessage"], "Starting the training job");
    assert!(cloud.no_job_waits().await, "one slot runs one job");
    first.end.send(completed()).unwrap();
    assert_eq!(cloud.job().await.task.name, "second");
    assert_eq!(
        cloud.describe_job("second").await["SecondaryStatusTransitions"][0]["StatusMessage"],
        "Preparing the instances for training"
    );
}

#[tokio::test]
async fn stop_reaches_a_running_job_and_what_it_saves_is_kept() {
    let cloud = Cloud::new();
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    let mut job = cloud.job().await;
    cloud.ok("StopTrainingJob", json!({"TrainingJobName": "j"})).await;
    job.stop.wait_for(|stop| *stop).await.unwrap();
    (job.events)(secondary("Uploading", "Uploading generated training model"));
    let stopping = cloud.describe_job("j").await;
    assert_eq!(
        (&stopping["TrainingJobStatus"], &stopping["SecondaryStatus"]),
        (&json!("Stopping"), &json!("Stopping"))
    );
    insta::assert_snapshot!(
        cloud.refused("StopTrainingJob", json!({"TrainingJobName": "j"})).await,
        @"400 ValidationException: The request was rejected because the training job is in status Stopping."
    );
    // The job finished in the same moment: it was stopped all the same.
    job.end.send(completed()).unwrap();
    cloud.until(Kind::TRAINING_JOB, "j", "Stopped").await;
    let stopped = cloud.describe_job("j").await;
    assert_eq!(stopped["SecondaryStatus"], "Stopped");
    assert_eq!(stopped["ModelArtifacts"]["S3ModelArtifacts"], "s3://data/out/mnist/output/model.tar.gz");
    insta::assert_snapshot!(
        cloud.refused("StopTrainingJob", json!({"TrainingJobName": "j"})).await,
        @"400 ValidationException: The request was rejected because the training job is in status Stopped."
    );
}

#[tokio::test]
async fn a_job_that_waits_for_a_slot_can_be_stopped() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 1);
    cloud.ok("CreateTrainingJob", training_job("first")).await;
    let _first = cloud.job().await;
    cloud.ok("CreateTrainingJob", training_job("second")).await;
    cloud.ok("StopTrainingJob", json!({"TrainingJobName": "second"})).await;
    cloud.until(Kind::TRAINING_JOB, "second", "Stopped").await;
    let job = cloud.describe_job("second").await;
    assert!(job.get("TrainingStartTime").is_none() && job.get("BillableTimeInSeconds").is_none(), "{job:#}");
    assert!(cloud.no_job_waits().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stops_that_race_with_ends_leave_no_job_in_progress() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 64);
    for n in 0..64 {
        cloud.ok("CreateTrainingJob", training_job(&format!("j{n}"))).await;
    }
    let mut jobs = Vec::new();
    for _ in 0..64 {
        jobs.push(cloud.job().await);
    }
    for job in jobs {
        let name = job.task.name.clone();
        let end = tokio::spawn(async move { job.end.send(completed()).unwrap() });
        let stopped = cloud.call("StopTrainingJob", json!({"TrainingJobName": name})).await;
        end.await.unwrap();
        let status = loop {
            let status = cloud.describe_job(&name).await["TrainingJobStatus"].as_str().unwrap().to_owned();
            if !matches!(status.as_str(), "InProgress" | "Stopping") {
                break status;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(status, if stopped.is_ok() { "Stopped" } else { "Completed" });
    }
}

#[tokio::test]
async fn only_ended_jobs_are_deleted_and_their_names_are_free_again() {
    let cloud = Cloud::new();
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    let job = cloud.job().await;
    let before = cloud.state().await;
    insta::assert_snapshot!(
        cloud.refused("DeleteTrainingJob", json!({"TrainingJobName": "j"})).await,
        @"400 ResourceInUse: Training job arn:aws:sagemaker:us-east-1:000000000000:training-job/j is in status InProgress. Only training jobs that are Completed, Failed or Stopped can be deleted."
    );
    assert_eq!(cloud.state().await, before);
    job.end.send(completed()).unwrap();
    cloud.until(Kind::TRAINING_JOB, "j", "Completed").await;
    cloud.ok("DeleteTrainingJob", json!({"TrainingJobName": "j"})).await;
    insta::assert_snapshot!(
        cloud.refused("DescribeTrainingJob", json!({"TrainingJobName": "j"})).await,
        @"400 ValidationException: Requested resource not found."
    );
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    (job.events)(secondary("Training", "an event of the deleted job"));
    assert_eq!(cloud.describe_job("j").await["SecondaryStatus"], "Starting");
}

#[tokio::test]
async fn an_update_records_the_profiler_of_a_running_job() {
    let cloud = Cloud::new();
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    let update = json!({"TrainingJobName": "j", "ProfilerConfig": {"DisableProfiler": true}});
    cloud.ok("UpdateTrainingJob", update).await;
    assert_eq!(cloud.describe_job("j").await["ProfilerConfig"], json!({"DisableProfiler": true}));
    let debug = json!({"TrainingJobName": "j", "RemoteDebugConfig": {"EnableRemoteDebug": true}});
    let refused = cloud.refused("UpdateTrainingJob", debug).await;
    assert!(refused.contains("RemoteDebugConfig.EnableRemoteDebug is not supported"), "{refused}");
}

#[tokio::test]
async fn wrong_requests_are_refused_by_name_and_change_nothing() {
    let cloud = Cloud::new();
    cloud.ok("CreateTrainingJob", training_job("taken")).await;
    let _job = cloud.job().await;
    let before = cloud.state().await;
    let good = || training_job("j");
    let channel = |pointer: &str, value: Value| with(good(), &format!("/InputDataConfig/0{pointer}"), value);
    let built_in = || with(good(), "/AlgorithmSpecification/TrainingImage", json!("registry/built-in:1"));
    let piped = || with(good(), "/InputDataConfig/0/InputMode", json!("Pipe"));
    let mut pipes_name = good()["InputDataConfig"][0].clone();
    pipes_name["ChannelName"] = json!("train_0");
    let mut framed_file = good()["InputDataConfig"][0].clone();
    framed_file["InputMode"] = json!("FastFile");
    framed_file["RecordWrapperType"] = json!("RecordIO");
    let twice = json!([good()["InputDataConfig"][0], good()["InputDataConfig"][0]]);
    let group = json!({"InstanceGroupName": "g", "InstanceType": "ml.m5.large", "InstanceCount": 10});
    let other = json!({"InstanceGroupName": "g", "InstanceType": "ml.m5.xlarge", "InstanceCount": 1});
    let grouped = with(good(), "/ResourceConfig", json!({"InstanceGroups": [group.clone()]}));
    let spot = with(good(), "/StoppingCondition/MaxWaitTimeInSeconds", json!(3600));
    let preference = json!([{"InstanceType": "ml.m5.large"}]);
    let cases = [
        with(good(), "/TrainingJobName", json!("Taken")),
        with(good(), "/TrainingJobName", json!("bad name")),
        with(good(), "/RoleArn", json!("arn:aws:iam::000000000000:role/missing")),
        with(good(), "/AlgorithmSpecification/TrainingImage", json!("registry/unknown:1")),
        with(good(), "/AlgorithmSpecification/TrainingImage", Value::Null),
        with(good(), "/AlgorithmSpecification/AlgorithmName", json!("mine")),
        with(built_in(), "/AlgorithmSpecification/TrainingInputMode", json!("Pipe")),
        with(
            with(built_in(), "/AlgorithmSpecification/TrainingInputMode", json!("Pipe")),
            "/InputDataConfig",
            Value::Null,
        ),
        with(good(), "/AlgorithmSpecification", Value::Null),
        with(good(), "/ResourceConfig", Value::Null),
        with(good(), "/ResourceConfig/InstanceCount", json!(0)),
        with(good(), "/ResourceConfig/InstanceCount", json!(500)),
        with(good(), "/ResourceConfig/InstanceType", json!("ml.pdp11.large")),
        with(grouped, "/ResourceConfig/KeepAlivePeriodInSeconds", json!(60)),
        with(
            with(spot, "/EnableManagedSpotTraining", json!(true)),
            "/ResourceConfig/KeepAlivePeriodInSeconds",
            json!(60),
        ),
        with(good(), "/ResourceConfig/KeepAlivePeriodInSeconds", json!(21_601)),
        with(good(), "/ResourceConfig/InstancePreferences", preference),
        with(good(), "/OutputDataConfig/S3OutputPath", json!("s3://nowhere/out")),
        with(good(), "/OutputDataConfig/S3OutputPath", json!("https://data/out")),
        with(good(), "/InputDataConfig", twice),
        channel("/DataSource/S3DataSource/S3Uri", json!("s3://data/missing")),
        channel("/DataSource/S3DataSource/S3Uri", json!("s3://nowhere/train")),
        channel("/DataSource/S3DataSource/S3DataType", json!("AugmentedManifestFile")),
        channel("/DataSource", json!({})),
        with(built_in(), "/InputDataConfig/0/InputMode", json!("Pipe")),
        with(piped(), "/InputDataConfig/0/DataSource/S3DataSource/S3DataType", json!("AugmentedManifestFile")),
        with(piped(), "/InputDataConfig/0/DataSource/S3DataSource/AttributeNames", json!(["a"])),
        with(piped(), "/InputDataConfig", json!([piped()["InputDataConfig"][0], pipes_name])),
        channel("/DataSource/S3DataSource/AttributeNames", json!(["a"])),
        channel("/RecordWrapperType", json!("RecordIO")),
        with(
            with(good(), "/AlgorithmSpecification/TrainingInputMode", json!("Pipe")),
            "/InputDataConfig",
            json!([framed_file]),
        ),
        channel("/ShuffleConfig", json!({"Seed": 1})),
        with(good(), "/EnableManagedSpotTraining", json!(true)),
        with(good(), "/StoppingCondition/MaxWaitTimeInSeconds", json!(7200)),
        with(good(), "/CheckpointConfig", json!({"S3Uri": "s3://nowhere/c"})),
        with(good(), "/ResourceConfig/InstanceGroups", json!([group.clone()])),
        with(good(), "/ResourceConfig", json!({"InstanceGroups": [group.clone(), group.clone()]})),
        with(good(), "/ResourceConfig", json!({"InstanceGroups": [group, other]})),
        channel("/DataSource/S3DataSource/InstanceGroupNames", json!(["g"])),
        with(good(), "/CheckpointConfig", json!({"S3Uri": "s3://data/c", "LocalPath": "/tmp/checkpoints"})),
        with(good(), "/CheckpointConfig", json!({"S3Uri": "s3://data/c", "LocalPath": "/opt/ml/input"})),
        with(good(), "/CheckpointConfig", json!({"S3Uri": "s3://data/c", "LocalPath": "/opt/ml/../x"})),
        with(good(), "/CheckpointConfig", json!({"S3Uri": "s3://data/c", "LocalPath": "/opt/ml/tmp/x"})),
        with(good(), "/TensorBoardOutputConfig", json!({"S3OutputPath": "s3://data/t", "LocalPath": "/opt/ml/output"})),
        with(good(), "/DebugHookConfig", json!({"S3OutputPath": "s3://data/t", "LocalPath": "/tmp/tensors"})),
        with(
            with(good(), "/CheckpointConfig", json!({"S3Uri": "s3://data/c", "LocalPath": "/opt/ml/output/tensors/a"})),
            "/DebugHookConfig",
            json!({"S3OutputPath": "s3://data/t"}),
        ),
        with(good(), "/RemoteDebugConfig", json!({"EnableRemoteDebug": true})),
        with(good(), "/Tags", json!([{"Key": "aws:x", "Value": "y"}])),
        with(good(), "/Tags", json!([{"Key": "x", "Value": "y"}, {"Key": "x", "Value": "z"}])),
    ];
    let mut told = Vec::new();
    for case in cases {
        let text = cloud.refused("CreateTrainingJob", case).await;
        // The set of instance types is the model's and long.
        told.push(match text.split_once("enum value set: [") {
            Some((start, _)) => format!("{start}enum value set: […"),
            None => text,
        });
    }
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(cloud.state().await, before);
    assert!(cloud.no_job_waits().await);
}

#[tokio::test]
async fn what_no_run_could_do_is_refused_at_creation() {
    let cloud = Cloud::new();
    let before = cloud.state().await;
    for (pointer, value, told) in [
        (
            "/InputDataConfig/0/ChannelName",
            json!(".."),
            "The channel name \"..\" cannot be the name of a channel's folder.",
        ),
        (
            "/AlgorithmSpecification/MetricDefinitions",
            json!([{"Name": "loss", "Regex": "loss=(["}]),
            "MetricDefinitions: the regex 'loss=([' of metric 'loss' is not valid",
        ),
        (
            "/InputDataConfig/0/DataSource/S3DataSource/S3DataType",
            json!("Converse"),
            "InputDataConfig[train].DataSource.S3DataSource.S3DataType Converse is not supported by the embedded cloud.",
        ),
        ("/ResourceConfig/InstanceCount", json!(2_000_000_000), "The account-level service limit"),
    ] {
        let refused = cloud.refused("CreateTrainingJob", with(training_job("j"), pointer, value)).await;
        assert!(refused.starts_with("400 ") && refused.contains(told), "{refused}");
    }
    assert_eq!(cloud.state().await, before);
}

#[tokio::test]
async fn pipes_with_all_that_they_can_have_are_taken() {
    let cloud = Cloud::new();
    let source = json!({
        "S3DataType": "AugmentedManifestFile", "S3Uri": "s3://data/train", "AttributeNames": ["image-ref", "label"],
        "S3DataDistributionType": "ShardedByS3Key",
    });
    let streamed = json!({
        "ChannelName": "train", "InputMode": "Pipe", "DataSource": {"S3DataSource": source},
        "CompressionType": "Gzip", "RecordWrapperType": "RecordIO", "ShuffleConfig": {"Seed": 0},
    });
    let mut files = training_job("j")["InputDataConfig"][0].clone();
    // Not the name of a pipe: those end with a number.
    files["ChannelName"] = json!("train_0a");
    let request = with(training_job("j"), "/InputDataConfig", json!([streamed, files]));
    cloud.ok("CreateTrainingJob", request).await;
    assert_eq!(cloud.job().await.task.request["InputDataConfig"][0], streamed);
    assert_eq!(cloud.describe_job("j").await["InputDataConfig"][0], streamed);

    // The built-in algorithm reads files, whatever the mode of channels that say nothing.
    let job = with(training_job("k"), "/AlgorithmSpecification/TrainingImage", json!("registry/built-in:1"));
    let job = with(job, "/AlgorithmSpecification/TrainingInputMode", json!("Pipe"));
    cloud.ok("CreateTrainingJob", with(job, "/InputDataConfig/0/InputMode", json!("File"))).await;
}

#[tokio::test]
async fn what_only_watches_or_guards_a_job_is_recorded() {
    let cloud = Cloud::new();
    let mut request = training_job("j");
    let recorded = json!({
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
        "EnableNetworkIsolation": true,
        "EnableManagedSpotTraining": true,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
        "CheckpointConfig": {"S3Uri": "s3://data/c", "LocalPath": "/opt/ml/checkpoints"},
        "DebugHookConfig": {"S3OutputPath": "s3://data/d", "CollectionConfigurations": []},
        "ProfilerConfig": {"S3OutputPath": "s3://data/p", "DisableProfiler": false},
        "RemoteDebugConfig": {"EnableRemoteDebug": false},
        "RetryStrategy": {"MaximumRetryAttempts": 2},
        "Environment": {"A": "b"},
    });
    request.as_object_mut().unwrap().extend(recorded.as_object().unwrap().clone());
    cloud.ok("CreateTrainingJob", request).await;
    let job = cloud.describe_job("j").await;
    for (member, value) in recorded.as_object().unwrap() {
        assert_eq!(&job[member], value, "{member}");
    }
}

/// Whoever waits for an answer may go away, whatever the request waits for.
#[tokio::test]
async fn a_request_that_is_dropped_leaves_no_stop_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let cloud = Cloud::over(SqliteRecords::open(&path).unwrap(), 1);
    cloud.ok("CreateTrainingJob", training_job("j")).await;
    let mut job = cloud.job().await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let until_it_waits = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = cloud.call("StopTrainingJob", json!({"TrainingJobName": "j"})) => panic!("the database is held by another process"),
        () = until_it_waits => {}
    }
    other.execute_batch("ROLLBACK").unwrap();
    within(job.stop.wait_for(|stop| *stop)).await.unwrap();
}
