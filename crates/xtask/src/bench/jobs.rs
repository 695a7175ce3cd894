//! Jobs and pipelines over the processes that they run, and a batch transform over the bare library.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::client::Client;
use super::digits::{self, BUCKET, IMAGE, ROLE};
use super::peers::{Peer, Server};
use super::stats::median;
use super::table::Table;
use super::{Better, Row, Setup};
use crate::process::{self, Group};

/// The framework image whose environment runs the scripts.
const FRAMEWORK: &str = "sklearn:1.2-1";
const SCRIPT_IMAGE: &str = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3";

/// What a user's script does first.
const SCRIPT: &str = "import sklearn.linear_model";

/// Steps of the pipeline, one after the other.
const STEPS: usize = 50;

/// Bytes of CSV that the transform reads.
const CSV: usize = 100_000_000;

/// Between two looks, and the longest wait.
const POLL: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(300);

/// Adds the rows of jobs.
pub fn measure(setup: &Setup, table: &mut Table) -> Result<()> {
    let python = environment(&setup.binary)?;
    let dir = tempfile::tempdir()?;
    let server = Server::start(Peer::Ours, setup, &dir.path().join("cloud"))?;
    digits::upload(&server)?;
    put(&server, "code/source.tar.gz", &packed(dir.path())?)?;
    let over = |what: &str, aim: f64, ours: &dyn Fn(usize) -> Result<f64>, bare: &dyn Fn() -> Result<f64>| {
        // The first reading of Python's files is nobody's overhead.
        bare()?;
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for run in 0..setup.runs {
            with.push(ours(run)?);
            without.push(bare()?);
        }
        let row = Row::new(what, "s", Better::Lower, median(&with) - median(&without)).aim(aim);
        anyhow::Ok(row.note(format!("{:.2} s with it, {:.2} s without", median(&with), median(&without))))
    };
    let script = || alone(&python, &["-c", SCRIPT]);
    table.push(over("processing job over its process", 0.5, &|run| processing(&server, run), &script)?);
    table.push(over("script-mode training job over its process", 0.5, &|run| training(&server, run), &script)?);
    let processes = || (0..STEPS).map(|_| alone(&python, &["-c", "pass"])).sum();
    let what = format!("pipeline of {STEPS} steps over their processes");
    table.push(over(&what, 2.5, &|run| pipeline(&server, run), &processes)?);
    transform(setup, &server, dir.path(), table)
}

/// The interpreter of the framework's environment.
fn environment(binary: &Path) -> Result<PathBuf> {
    let output = Command::new(binary).args(["local", "images", "list", "-o", "json"]).output()?;
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).context("the list of images is not JSON")?;
    let folder = rows.iter().find(|row| row["framework"] == FRAMEWORK).and_then(|row| row["folder"].as_str());
    let folder = folder.with_context(|| {
        format!("{FRAMEWORK} is not installed; install it: sagewright local images install {FRAMEWORK}")
    })?;
    Ok(Path::new(folder).join("bin/python"))
}

fn put(server: &Server, key: &str, bytes: &[u8]) -> Result<()> {
    let path = format!("/{BUCKET}/{key}");
    Client::connect(server.address)?.signed(&server.signer.of("s3"), "PUT", &path, &[], bytes)?.must()
}

/// The script as the SageMaker SDK uploads it.
fn packed(dir: &Path) -> Result<Vec<u8>> {
    let archive = dir.join("source.tar.gz");
    std::fs::write(dir.join("train.py"), SCRIPT)?;
    let status = Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(dir).arg("train.py").status()?;
    ensure!(status.success(), "tar ended with {status}");
    Ok(std::fs::read(archive)?)
}

/// Seconds of a process.
fn alone(program: &Path, arguments: &[&str]) -> Result<f64> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let mut group = Group::start(&mut command)?;
    let status = group.child().wait().context("a bare process was lost")?;
    let seconds = start.elapsed().as_secs_f64();
    ensure!(status.success(), "a bare process ended with {status}");
    process::fail_if_interrupted()?;
    Ok(seconds)
}

fn resources() -> Value {
    json!({"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}})
}

fn processing(server: &Server, run: usize) -> Result<f64> {
    let name = format!("bench-processing-{run}");
    let input = json!({"ProcessingJobName": name, "RoleArn": ROLE, "ProcessingResources": resources(),
        "AppSpecification": {"ImageUri": SCRIPT_IMAGE, "ContainerEntrypoint": ["python3", "-c", SCRIPT]}});
    ended(
        server,
        "CreateProcessingJob",
        &input,
        "DescribeProcessingJob",
        &json!({"ProcessingJobName": name}),
        "Completed",
    )
}

fn training(server: &Server, run: usize) -> Result<f64> {
    let name = format!("bench-script-{run}");
    let input = json!({
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": SCRIPT_IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {"sagemaker_program": "train.py",
            "sagemaker_submit_directory": format!("s3://{BUCKET}/code/source.tar.gz")},
        "OutputDataConfig": {"S3OutputPath": format!("s3://{BUCKET}/models")},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    });
    ended(server, "CreateTrainingJob", &input, "DescribeTrainingJob", &json!({"TrainingJobName": name}), "Completed")
}

/// A pipeline whose steps wait for each other and do nothing.
fn pipeline(server: &Server, run: usize) -> Result<f64> {
    let arguments = json!({"RoleArn": ROLE, "ProcessingResources": resources(),
        "AppSpecification": {"ImageUri": SCRIPT_IMAGE, "ContainerEntrypoint": ["python3", "-c", "pass"]}});
    let before = |i: usize| i.checked_sub(1).map(|i| format!("Step{i}")).into_iter().collect::<Vec<_>>();
    let steps: Vec<Value> = (0..STEPS)
        .map(|i| json!({"Name": format!("Step{i}"), "Type": "Processing", "Arguments": arguments, "DependsOn": before(i)}))
        .collect();
    let name = format!("bench-{run}");
    let definition = json!({"Version": "2020-12-01", "Steps": steps}).to_string();
    let input = json!({"PipelineName": name, "RoleArn": ROLE, "PipelineDefinition": definition,
        "ClientRequestToken": format!("bench-pipeline-of-this-run-{run:06}")});
    server.call("CreatePipeline", &input)?.must()?;
    let start = Instant::now();
    let token = format!("bench-execution-of-this-run-{run:06}");
    let started = server.call("StartPipelineExecution", &json!({"PipelineName": name, "ClientRequestToken": token}))?;
    let arn = &started.json()?["PipelineExecutionArn"];
    until(server, start, "DescribePipelineExecution", &json!({"PipelineExecutionArn": arn}), "Succeeded")
}

/// Creates a job; seconds until its status is the wanted one.
fn ended(server: &Server, create: &str, input: &Value, describe: &str, which: &Value, wanted: &str) -> Result<f64> {
    let start = Instant::now();
    server.call(create, input)?.must()?;
    until(server, start, describe, which, wanted)
}

fn until(server: &Server, start: Instant, describe: &str, which: &Value, wanted: &str) -> Result<f64> {
    let mut client = Client::connect(server.address)?;
    loop {
        process::fail_if_interrupted()?;
        let described = client.call(&server.signer, &format!("SageMaker.{describe}"), which)?.json()?;
        let members = described.as_object().context("a description is no object")?;
        let status = members.iter().find(|(name, _)| name.ends_with("JobStatus") || *name == "PipelineExecutionStatus");
        match status.and_then(|(_, status)| status.as_str()).unwrap_or_default() {
            status if status == wanted => return Ok(start.elapsed().as_secs_f64()),
            "InProgress" | "Executing" => {}
            status => bail!("{which} is {status}: {}", described["FailureReason"]),
        }
        ensure!(start.elapsed() < PATIENCE, "{which} has not ended after {PATIENCE:?}");
        std::thread::sleep(POLL);
    }
}

/// A transform of CSV, and the same by a process that reads, predicts and writes.
fn transform(setup: &Setup, server: &Server, dir: &Path, table: &mut Table) -> Result<()> {
    let rows = digits::rows()?.join(&b'\n');
    let mut csv = Vec::with_capacity(CSV + rows.len());
    while csv.len() < CSV {
        csv.extend_from_slice(&rows);
        csv.push(b'\n');
    }
    put(server, "batch/digits.csv", &csv)?;
    let local = dir.join("digits.csv");
    std::fs::write(&local, &csv)?;
    super::training::job(server, "bench-transform", 10)?;
    let artifact = "models/bench-transform/output/model.tar.gz";
    let model = json!({"ModelName": "bench-transform", "ExecutionRoleArn": ROLE, "PrimaryContainer": {
        "Image": IMAGE, "ModelDataUrl": format!("s3://{BUCKET}/{artifact}")}});
    server.call("CreateModel", &model)?.must()?;
    let path = format!("/{BUCKET}/{artifact}");
    let answer = Client::connect(server.address)?.signed(&server.signer.of("s3"), "GET", &path, &[], b"")?;
    answer.must()?;
    std::fs::write(dir.join("model.tar.gz"), &answer.body)?;
    let status = Command::new("tar").arg("-xzf").arg(dir.join("model.tar.gz")).arg("-C").arg(dir).status()?;
    ensure!(status.success(), "the trained model cannot be unpacked");

    let script = crate::root().join("crates/xtask/src/bench/bare_transform.py").display().to_string();
    let files = ["xgboost-model", "digits.csv", "predictions.csv"].map(|file| dir.join(file).display().to_string());
    let arguments: Vec<&str> = std::iter::once(&script).chain(&files).map(String::as_str).collect();
    let megabytes = csv.len() as f64 / 1e6;
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for run in 0..setup.runs {
        let name = format!("bench-transform-{run}");
        let input = json!({
            "TransformJobName": name, "ModelName": "bench-transform", "BatchStrategy": "MultiRecord", "MaxPayloadInMB": 6,
            "TransformInput": {"ContentType": "text/csv", "SplitType": "Line", "DataSource": {"S3DataSource": {
                "S3DataType": "S3Prefix", "S3Uri": format!("s3://{BUCKET}/batch/")}}},
            "TransformOutput": {"S3OutputPath": format!("s3://{BUCKET}/predictions"), "AssembleWith": "Line"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        });
        let which = json!({"TransformJobName": name});
        ours.push(
            megabytes / ended(server, "CreateTransformJob", &input, "DescribeTransformJob", &which, "Completed")?,
        );
        peer.push(megabytes / alone(&setup.bare.python(), &arguments)?);
    }
    let row = Row::new("transform of 100 MB of CSV, create to Completed", "MB/s", Better::Higher, median(&ours));
    table.push(row.peer("bare", median(&peer)).aim_ratio(0.7));
    Ok(())
}
