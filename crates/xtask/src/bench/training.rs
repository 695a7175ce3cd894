//! A training job's wall time over the bare library doing the same work in a fresh process.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::client::Client;
use super::digits::{self, BUCKET, IMAGE, ROLE};
use super::peers::{Peer, Server};
use super::stats::median;
use super::table::Table;
use super::{Better, Row, Setup};
use crate::process::{self, Group};

/// Rounds of boosting that are measured.
const ROUNDS: [u32; 2] = [10, 20];

/// Between two looks at a job.
const POLL: Duration = Duration::from_millis(5);

/// Longest training.
const PATIENCE: Duration = Duration::from_secs(300);

/// Adds the training rows.
pub fn measure(setup: &Setup, table: &mut Table) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (train, validation) = digits::unpack(dir.path())?;
    let server = Server::start(Peer::Ours, setup, &dir.path().join("cloud"))?;
    digits::upload(&server)?;
    // The library is fetched on first use, which is not the job's time; nor is the first reading of Python's files.
    job(&server, "bench-warm-up", 1)?;
    bare(setup, &train, &validation, &dir.path().join("bare.json"), 1)?;
    for rounds in ROUNDS {
        let (mut ours, mut peer) = (Vec::new(), Vec::new());
        for run in 0..setup.runs {
            ours.push(job(&server, &format!("bench-{rounds}-{run}"), rounds)?);
            peer.push(bare(setup, &train, &validation, &dir.path().join("bare.json"), rounds)?);
        }
        let what = format!("training job, {rounds} rounds, 2 threads, create to Completed");
        table.push(Row::new(what, "s", Better::Lower, median(&ours)).peer("bare", median(&peer)).aim_ratio(1.3));
    }
    Ok(())
}

/// Runs a training job; seconds from its creation to `Completed`.
pub fn job(server: &Server, name: &str, rounds: u32) -> Result<f64> {
    let channel = |channel: &str| {
        json!({"ChannelName": channel, "ContentType": "text/csv", "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": format!("s3://{BUCKET}/{channel}/"),
            "S3DataDistributionType": "FullyReplicated"}}})
    };
    let input = json!({
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": digits::parameters(rounds),
        "InputDataConfig": [channel("train"), channel("validation")],
        "OutputDataConfig": {"S3OutputPath": format!("s3://{BUCKET}/models")},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    });
    let mut client = Client::connect(server.address)?;
    let start = Instant::now();
    client.call(&server.signer, "SageMaker.CreateTrainingJob", &input)?.must()?;
    loop {
        process::fail_if_interrupted()?;
        let described =
            client.call(&server.signer, "SageMaker.DescribeTrainingJob", &json!({"TrainingJobName": name}))?.json()?;
        match described["TrainingJobStatus"].as_str() {
            Some("Completed") => return Ok(start.elapsed().as_secs_f64()),
            Some("InProgress") => {}
            _ => bail!("{name} is {}: {}", described["TrainingJobStatus"], described["FailureReason"]),
        }
        ensure!(start.elapsed() < PATIENCE, "{name} is not completed after {PATIENCE:?}");
        std::thread::sleep(POLL);
    }
}

/// Trains with the bare library in a fresh Python; seconds from start to end of the process.
fn bare(setup: &Setup, train: &Path, validation: &Path, model: &Path, rounds: u32) -> Result<f64> {
    let script = crate::root().join("crates/xtask/src/bench/bare_train.py");
    let mut command = Command::new(setup.bare.python());
    command.arg(script).args([train, validation, model]).arg(digits::parameters(rounds).to_string());
    command.env("OMP_NUM_THREADS", "2").stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let mut group = Group::start(&mut command)?;
    let status = group.child().wait().context("the bare training was lost")?;
    let seconds = start.elapsed().as_secs_f64();
    ensure!(status.success(), "the bare training ended with {status}");
    process::fail_if_interrupted()?;
    Ok(seconds)
}
