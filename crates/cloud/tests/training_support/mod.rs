//! What the tests of training jobs share: requests, and jobs in flight.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use sagewright_cloud::env::Env;
use sagewright_cloud::sagemaker::{Executor, JobTask, TrainingEnd, TrainingEvent};
use sagewright_cloud::training::TrainingExecutor;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::runner_support::{ACCOUNT, Machine, REGION, Role, soon};

pub const GROUP: &str = "/aws/sagemaker/TrainingJobs";

/// A job in flight.
pub struct Running {
    pub stop: watch::Sender<bool>,
    events: mpsc::UnboundedReceiver<TrainingEvent>,
    seen: Vec<TrainingEvent>,
    end: tokio::task::JoinHandle<TrainingEnd>,
}

impl Running {
    /// Completes when the script has written this metric.
    pub async fn metric(&mut self, wanted: &str) -> f64 {
        loop {
            let event = soon(wanted, self.events.recv()).await.expect("the job has ended");
            self.seen.push(event.clone());
            match event {
                TrainingEvent::Metric { name, value, .. } if name == wanted => return value,
                _ => {}
            }
        }
    }

    /// Drops the job in its midst, as the end of the process does.
    pub async fn abandon(self) {
        self.end.abort();
        assert!(self.end.await.unwrap_err().is_cancelled());
    }

    /// Stops a job whose program does not hear SIGTERM, and lets its 120 seconds pass.
    pub async fn killed(self, machine: &Machine) -> TrainingEnd {
        let grace = Duration::from_secs(120);
        self.stop.send_replace(true);
        machine.clock.sleeping(grace).await;
        machine.clock.advance(grace);
        self.end().await.0
    }

    pub async fn end(mut self) -> (TrainingEnd, Vec<TrainingEvent>) {
        let end = soon("the job", &mut self.end).await.unwrap();
        while let Some(event) = self.events.recv().await {
            self.seen.push(event);
        }
        (end, self.seen)
    }
}

pub fn start(machine: &Machine, request: Value) -> Running {
    start_in(machine.env(), request)
}

/// A job of a task that is changed before it starts.
pub fn start_with(machine: &Machine, request: Value, change: impl FnOnce(&mut JobTask)) -> Running {
    started(machine.env(), request, change)
}

pub fn start_in(env: Env, request: Value) -> Running {
    started(env, request, |_| ())
}

fn started(env: Env, request: Value, change: impl FnOnce(&mut JobTask)) -> Running {
    let executor = TrainingExecutor::new(env, Arc::new(Role));
    let (stop, asked) = watch::channel(false);
    let (sender, events) = mpsc::unbounded_channel();
    let mut task = JobTask {
        account: ACCOUNT.into(),
        region: REGION.into(),
        arn: format!("arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/job"),
        name: "job".into(),
        id: "one".into(),
        request,
        epoch: 1,
        spent: Duration::ZERO,
        interrupted: None,
    };
    change(&mut task);
    let end =
        tokio::spawn(async move { executor.run(task, asked, Arc::new(move |event| drop(sender.send(event)))).await });
    Running { stop, events, seen: Vec::new(), end }
}

pub fn request(image: &str) -> Value {
    json!({
        "TrainingJobName": "job",
        "RoleArn": "arn:aws:iam::000000000000:role/trainer",
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "ready", "Regex": "ready=([0-9]+)"}],
        },
        "OutputDataConfig": {"S3OutputPath": "s3://out/models/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    })
}

pub fn channel(name: &str, uri: &str) -> Value {
    json!({"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}})
}

pub fn merge(mut request: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

pub fn statuses(events: &[TrainingEvent]) -> Vec<(String, String)> {
    let pair = |event: &TrainingEvent| match event {
        TrainingEvent::Secondary { status, message } => Some((status.clone(), message.clone())),
        TrainingEvent::Metric { .. } | TrainingEvent::MetricOfOtherHost { .. } => None,
    };
    events.iter().filter_map(pair).collect()
}

pub fn failure(end: TrainingEnd) -> String {
    match end {
        TrainingEnd::Failed { reason } => reason,
        other => panic!("{other:?}"),
    }
}

pub fn machine() -> Machine {
    let machine = Machine::new();
    machine.objects.make_bucket("out");
    machine
}
