//! Transform jobs from creation to their end.

use sagewright_cloud::cloud::resume;
use sagewright_cloud::sagemaker::{JobEnd, JobEvent, Kind, Outcome};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};

use crate::restart::{after_over, run};
use crate::support::{Cloud, Death, at_each_commit, model, transform_job, with, within};

fn named(name: &str) -> Value {
    json!({"TransformJobName": name})
}

impl Cloud {
    async fn describe_transform(&self, name: &str) -> Value {
        // What the job told is recorded by a task of its own.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.ok("DescribeTransformJob", named(name)).await
    }

    /// A cloud with the model that the jobs use.
    async fn with_model(self) -> Self {
        self.ok("CreateModel", model("m")).await;
        self
    }
}

#[tokio::test]
async fn a_job_shows_its_request_with_defaults_and_its_times() {
    let cloud = Cloud::new().with_model().await;
    let created = cloud.ok("CreateTransformJob", transform_job("Batch")).await;
    assert_eq!(created["TransformJobArn"], "arn:aws:sagemaker:us-east-1:000000000000:transform-job/batch");
    let job = cloud.transform().await;
    assert_eq!((job.task.name.as_str(), job.task.epoch), ("Batch", 1));
    assert!(job.task.request.get("TransformJobStatus").is_none(), "only what CreateTransformJob takes");
    let containers = &job.task.request["_"]["model"]["containers"];
    assert_eq!(containers[0]["environment"], json!({"A": "1"}), "the model as it was found");
    insta::assert_json_snapshot!("a_transform_job_that_starts", cloud.describe_transform("batch").await);
    cloud.clock.advance(2_000);
    (job.events)(JobEvent::Started);
    assert_eq!(cloud.describe_transform("batch").await["TransformStartTime"], 1_760_000_002.0);
    cloud.clock.advance(3_000);
    job.end.send(JobEnd::failed("ClientError: See job logs for more information")).unwrap();
    cloud.until(Kind::TRANSFORM_JOB, "batch", "Failed").await;
    let failed = cloud.describe_transform("Batch").await;
    assert_eq!(failed["FailureReason"], "ClientError: See job logs for more information");
    assert_eq!(failed["TransformEndTime"], 1_760_000_005.0);
    let tags = cloud.ok("ListTags", json!({"ResourceArn": created["TransformJobArn"]})).await;
    assert_eq!(tags["Tags"], json!([{"Key": "team", "Value": "data"}]));
    insta::assert_json_snapshot!("summaries_of_transform_jobs", cloud.ok("ListTransformJobs", json!({})).await);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_and_stopped_whether_they_run_or_wait() {
    let cloud = Cloud::over(SqliteRecords::in_memory().unwrap(), 1).with_model().await;
    for name in ["runs", "waits"] {
        cloud.ok("CreateTransformJob", transform_job(name)).await;
        cloud.clock.advance(1_000);
    }
    let listed = cloud.ok("ListTransformJobs", json!({})).await;
    let names: Vec<_> =
        listed["TransformJobSummaries"].as_array().unwrap().iter().map(|job| &job["TransformJobName"]).collect();
    assert_eq!(names, ["waits", "runs"]);
    let mut job = cloud.transform().await;
    for name in ["waits", "runs"] {
        cloud.ok("StopTransformJob", named(name)).await;
    }
    cloud.until(Kind::TRANSFORM_JOB, "waits", "Stopped").await;
    within(job.stop.wait_for(|stop| *stop)).await.unwrap();
    insta::assert_snapshot!(
        cloud.refused("StopTransformJob", named("runs")).await,
        @"400 ValidationException: The request was rejected because the transform job is in status Stopping."
    );
    job.end.send(JobEnd::new(Outcome::Stopped)).unwrap();
    cloud.until(Kind::TRANSFORM_JOB, "runs", "Stopped").await;
    insta::assert_snapshot!(
        cloud.refused("StopTransformJob", named("gone")).await,
        @"400 ValidationException: Could not find requested job with name: gone"
    );
}

#[tokio::test]
async fn wrong_requests_are_refused_by_name_and_change_nothing() {
    let cloud = Cloud::new().with_model().await;
    let mut many = model("many");
    many["PrimaryContainer"] =
        json!({"Image": many["PrimaryContainer"]["Image"], "Mode": "MultiModel", "ModelDataUrl": "s3://data/models/"});
    cloud.ok("CreateModel", many).await;
    let mut direct = model("direct");
    direct["Containers"] = json!([{"Image": direct["PrimaryContainer"]["Image"], "ContainerHostname": "one"}]);
    direct.as_object_mut().unwrap().shift_remove("PrimaryContainer");
    direct["InferenceExecutionConfig"] = json!({"Mode": "Direct"});
    cloud.ok("CreateModel", direct).await;
    let before = cloud.state().await;
    let good = || transform_job("j");
    let source = "/TransformInput/DataSource/S3DataSource";
    let processing = |value: Value| with(good(), "/DataProcessing", value);
    let join = || processing(json!({"JoinSource": "Input"}));
    let json_lines = with(join(), "/TransformOutput/Accept", json!("application/jsonlines"));
    let cases = [
        with(good(), "/TransformJobName", json!("bad name")),
        with(good(), "/ModelName", json!("gone")),
        with(good(), "/ModelName", json!("many")),
        with(good(), "/ModelName", json!("direct")),
        with(good(), "/Tags", json!([{"Key": "aws:x", "Value": "y"}])),
        with(good(), "/TransformResources/InstanceCount", json!(17)),
        with(good(), "/TransformResources/InstanceType", json!("ml.t2.medium")),
        with(good(), &format!("{source}/S3DataType"), json!("AugmentedManifestFile")),
        with(good(), &format!("{source}/S3Uri"), json!("https://data/in")),
        with(good(), "/TransformOutput/S3OutputPath", json!("https://data/out")),
        with(good(), "/DataCaptureConfig", json!({"DestinationS3Uri": "https://data/captured"})),
        with(join(), "/MaxPayloadInMB", json!(0)),
        with(good(), "/MaxPayloadInMB", json!(101)),
        with(with(good(), "/MaxPayloadInMB", json!(26)), "/MaxConcurrentTransforms", json!(4)),
        with(good(), "/ModelClientConfig", json!({"InvocationsMaxRetries": 4})),
        processing(json!({"InputFilter": "features"})),
        processing(json!({"InputFilter": "$.features"})),
        processing(json!({"OutputFilter": "$[0:2,246:]"})),
        json_lines,
        with(join(), "/TransformOutput/Accept", Value::Null),
        with(join(), "/TransformInput/ContentType", json!("text/libsvm")),
        with(join(), "/TransformInput/SplitType", json!("None")),
        with(join(), "/TransformInput/SplitType", json!("RecordIO")),
        with(join(), "/TransformOutput/AssembleWith", json!("None")),
    ];
    let mut told = Vec::new();
    for case in cases {
        told.push(cloud.refused("CreateTransformJob", case).await);
    }
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(cloud.state().await, before);
    assert!(cloud.no_job_waits().await);
    cloud.ok("CreateTransformJob", good()).await;
    insta::assert_snapshot!(
        cloud.refused("CreateTransformJob", with(good(), "/TransformJobName", json!("J"))).await,
        @"400 ResourceInUse: Job name must be unique within an AWS account and region, and a job with this name already exists (arn:aws:sagemaker:us-east-1:000000000000:transform-job/j)"
    );
}

#[test]
fn jobs_in_progress_run_again_without_their_model() {
    let store = after_over(SqliteRecords::in_memory().unwrap(), 1, async |cloud| {
        cloud.ok("CreateModel", model("m")).await;
        cloud.ok("CreateTransformJob", transform_job("runs")).await;
        let job = cloud.transform().await;
        (job.events)(JobEvent::Started);
        assert!(cloud.describe_transform("runs").await.get("TransformStartTime").is_some());
        std::mem::forget(job);
        cloud.ok("DeleteModel", json!({"ModelName": "m"})).await;
    });
    run(async {
        let cloud = Cloud::over(store, 1);
        resume(&cloud.sagemaker).await.unwrap();
        let job = cloud.transform().await;
        assert_eq!((job.task.name.as_str(), job.task.epoch), ("runs", 2));
        assert_eq!(job.task.request["_"]["model"]["containers"].as_array().unwrap().len(), 1);
        assert!(cloud.describe_transform("runs").await.get("TransformStartTime").is_none());
        job.end.send(JobEnd::new(Outcome::Completed)).unwrap();
        cloud.until(Kind::TRANSFORM_JOB, "runs", "Completed").await;
    });
}

/// The cloud dies at each commit of a job's way; the next one brings the job to its end.
#[test]
fn a_job_survives_the_death_of_the_cloud_at_each_commit() {
    let completed = || JobEnd::new(Outcome::Completed);
    let way = async |cloud: &Cloud, death: &Death| {
        cloud.ok("CreateModel", model("m")).await;
        cloud.ok("CreateTransformJob", transform_job("j")).await;
        death.counts();
        let job = cloud.transform().await;
        (job.events)(JobEvent::Started);
        cloud.describe_transform("j").await;
        job.end.send(completed()).unwrap();
        cloud.until(Kind::TRANSFORM_JOB, "j", "Completed").await;
    };
    let after = async |cloud: &Cloud, commits: i64| {
        resume(&cloud.sagemaker).await.unwrap();
        if cloud.describe_transform("j").await["TransformJobStatus"] != "Completed" {
            cloud.transform().await.end.send(completed()).unwrap();
            cloud.until(Kind::TRANSFORM_JOB, "j", "Completed").await;
        }
        assert!(cloud.no_job_waits().await, "run twice after {commits} commits");
    };
    let commits = at_each_commit(1, way, after);
    assert!(commits >= 2, "{commits} commits lead to the end of a job");
}
