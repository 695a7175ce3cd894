//! A process with CloudWatch and Application Auto Scaling, and a fleet that it scales.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sagewright_cloud::api::{ApiError, Call, Handler};
use sagewright_cloud::clock::{SimClock, Wall as _};
use sagewright_cloud::cloudwatch::{self, CloudWatch};
use sagewright_cloud::metrics::{Datum, Metric, Metrics};
use sagewright_cloud::outbox::Outbox;
use sagewright_cloud::records::SharedRecords;
use sagewright_cloud::scaling::{self, AutoScaling, Capacity, Scalable, ScalableTargets as _, Scalables, ScalingError};
use sagewright_cloud::timers::{Timers, Waker};
use sagewright_cloud_store_sqlite::{SqliteMetrics, SqliteRecords};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::caller::caller;
use crate::mortal::{Life, Mortal};
use crate::runner_support::{ManualClock, soon};

pub const ACCOUNT: &str = "000000000000";
pub const REGION: &str = "us-east-1";
pub const VARIANT: &str = "endpoint/digits/variant/main";
pub const INSTANCES: &str = "sagemaker:variant:DesiredInstanceCount";
pub const MINUTE: Duration = Duration::from_secs(60);

/// What is scaled. It outlives processes.
pub struct Fleet {
    pub desired: AtomicU32,
    pub least: AtomicU32,
    pub busy: AtomicBool,
    /// A change takes until a test says that it is complete.
    pub slow: AtomicBool,
    pub gone: AtomicBool,
    /// What was asked for.
    pub sets: Mutex<Vec<u32>>,
    settled: Notify,
}

impl Fleet {
    pub fn desired(&self) -> u32 {
        self.desired.load(Ordering::SeqCst)
    }

    pub fn sets(&self) -> Vec<u32> {
        self.sets.lock().unwrap().clone()
    }

    /// A change is complete.
    pub fn settle(&self) {
        self.busy.store(false, Ordering::SeqCst);
        self.settled.notify_waiters();
    }
}

#[async_trait]
impl Scalables for Fleet {
    async fn capacity(&self, of: &Scalable) -> Result<Capacity, ScalingError> {
        if self.gone.load(Ordering::SeqCst) || !of.resource.starts_with("endpoint/digits/") {
            return Err(ScalingError::Missing(format!("Could not find {}.", of.resource)));
        }
        let busy = self.busy.load(Ordering::SeqCst);
        Ok(Capacity { desired: self.desired(), least: self.least.load(Ordering::SeqCst), busy })
    }

    async fn set(&self, _: &Scalable, desired: u32) -> Result<(), ScalingError> {
        if self.busy.load(Ordering::SeqCst) {
            return Err(ScalingError::Busy("It is being updated.".to_owned()));
        }
        if desired > 16 {
            return Err(ScalingError::Refused("The account-level service limit is 16 Instances.".to_owned()));
        }
        self.sets.lock().unwrap().push(desired);
        self.desired.store(desired, Ordering::SeqCst);
        self.busy.store(self.slow.load(Ordering::SeqCst), Ordering::SeqCst);
        Ok(())
    }

    async fn settled(&self, _: &Scalable) {
        let settled = self.settled.notified();
        if self.busy.load(Ordering::SeqCst) {
            settled.await;
        }
    }
}

/// What outlives a process.
#[derive(Clone)]
pub struct World {
    pub store: SqliteRecords,
    pub metrics: Arc<SqliteMetrics>,
    pub wall: Arc<ManualClock>,
    pub fleet: Arc<Fleet>,
}

impl World {
    pub fn new(desired: u32) -> Self {
        let fleet = Fleet {
            desired: desired.into(),
            least: 1.into(),
            busy: false.into(),
            slow: false.into(),
            gone: false.into(),
            sets: Mutex::default(),
            settled: Notify::new(),
        };
        Self {
            store: SqliteRecords::in_memory().unwrap(),
            metrics: Arc::new(SqliteMetrics::in_memory().unwrap()),
            wall: ManualClock::new(),
            fleet: Arc::new(fleet),
        }
    }

    pub fn start(&self) -> Process {
        self.over(Arc::new(self.store.clone()))
    }

    /// A process that dies at a commit.
    pub fn mortal(&self, life: Arc<Life>) -> Process {
        self.over(Arc::new(Mortal { store: self.store.clone(), life }))
    }

    fn over(&self, records: SharedRecords) -> Process {
        let (sim, waker) = (SimClock::new(self.wall.clone()), Waker::default());
        let metrics = Metrics::new(Arc::clone(&self.metrics) as _);
        let cloudwatch = CloudWatch::new(metrics.clone(), Arc::clone(&records), sim.clone(), Outbox::default());
        let autoscaling = AutoScaling::new(Arc::clone(&records), sim.clone(), Arc::new(cloudwatch.clone()));
        cloudwatch.acts_by(vec![Arc::new(autoscaling.known())]);
        cloudwatch.wakes(waker.clone());
        autoscaling.wakes(waker.clone());
        autoscaling.scales(Arc::clone(&self.fleet) as _);
        let timers = cloudwatch::timers(&cloudwatch, Timers::new(records, sim.clone(), waker.clone()));
        let timers = timers.owner(scaling::OWNER, autoscaling.due());
        let task = tokio::spawn(timers.run());
        Process { world: self.clone(), metrics, sim, waker, cloudwatch, autoscaling, task }
    }
}

pub struct Process {
    pub world: World,
    pub metrics: Metrics,
    pub sim: SimClock,
    waker: Waker,
    pub cloudwatch: CloudWatch,
    pub autoscaling: AutoScaling,
    task: JoinHandle<()>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Process {
    /// Calls an operation as the embedded cloud's front does: input that the model refuses never reaches it. What comes out must be
    /// what the model says.
    pub async fn call(&self, service: &str, operation: &str, input: Value) -> Result<Value, ApiError> {
        let model = sagewright_model::service(service).unwrap();
        let operation = model.operation(operation).unwrap();
        if let Some(shape) = model.input(&operation.name) {
            sagewright_model::validate(model, shape, &input)
                .map_err(|e| ApiError::new(e.code(), 400, e.to_string()))?;
        }
        let call = Call {
            caller: caller(ACCOUNT),
            region: REGION.to_owned(),
            service: model,
            operation,
            input,
            now: self.sim.now(),
            wall: self.world.wall.now(),
            request_id: "r".to_owned(),
            payload: Default::default(),
        };
        let handler: &dyn Handler = if service == "cloudwatch" { &self.cloudwatch } else { &self.autoscaling };
        let output = handler.call(call).await?.value;
        if let Some(shape) = model.output(&operation.name) {
            let told = sagewright_model::validate(model, shape, &output).map_err(|e| e.to_string());
            assert_eq!(told, Ok(()), "{} answered {output:#}", operation.name);
        }
        Ok(output)
    }

    /// An operation of Application Auto Scaling on the variant's instances.
    pub async fn try_ok(&self, operation: &str, more: Value) -> Result<Value, ApiError> {
        let mut input = json!({"ServiceNamespace": "sagemaker", "ResourceId": VARIANT, "ScalableDimension": INSTANCES});
        for (member, value) in more.as_object().unwrap() {
            match value {
                Value::Null => drop(input.as_object_mut().unwrap().remove(member)),
                value => input[member] = value.clone(),
            }
        }
        self.call("application-autoscaling", operation, input).await
    }

    pub async fn ok(&self, operation: &str, more: Value) -> Value {
        self.try_ok(operation, more).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The refusal of a call as one line.
    pub async fn refused(&self, operation: &str, more: Value) -> String {
        match self.try_ok(operation, more.clone()).await {
            Ok(output) => panic!("{operation} took {more:#} and answered {output:#}"),
            Err(error) => error.to_string(),
        }
    }

    pub async fn register(&self, min: u32, max: u32) -> String {
        let told = self.ok("RegisterScalableTarget", json!({"MinCapacity": min, "MaxCapacity": max})).await;
        told["ScalableTargetARN"].as_str().unwrap().to_owned()
    }

    /// Puts a target tracking policy of invocations for each instance.
    pub async fn track(&self, name: &str, more: Value) -> Value {
        let mut config = json!({
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let input = json!({
            "PolicyName": name,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": config,
        });
        self.ok("PutScalingPolicy", input).await
    }

    /// Puts a step scaling policy, and an alarm of the user's own that tells it of the metric `app/m`.
    pub async fn step(&self, name: &str, alarm: Value, config: Value) {
        let input = json!({"PolicyName": name, "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": config});
        let arn = self.ok("PutScalingPolicy", input).await["PolicyARN"].clone();
        let mut input = json!({
            "AlarmName": name, "Namespace": "app", "MetricName": "m", "Statistic": "Average", "Period": 60,
            "EvaluationPeriods": 1, "AlarmActions": [arn],
        });
        input.as_object_mut().unwrap().extend(alarm.as_object().unwrap().clone());
        self.call("cloudwatch", "PutMetricAlarm", input).await.unwrap();
    }

    /// Newest first.
    pub async fn activities(&self, all: bool) -> Vec<Value> {
        let told = self.ok("DescribeScalingActivities", json!({"IncludeNotScaledActivities": all})).await;
        told["ScalingActivities"].as_array().unwrap().clone()
    }

    /// What the activities say, oldest first, without what is random.
    pub async fn told(&self, all: bool) -> Vec<String> {
        let mut activities = self.activities(all).await;
        activities.reverse();
        let one = |activity: &Value| {
            let text = |member: &str| activity[member].as_str().unwrap_or_default().to_owned();
            let cause = text("Cause");
            let cause = match cause.split_once("-Alarm") {
                Some((start, rest)) => {
                    let (which, rest) = rest.split_once('-').unwrap();
                    format!("{start}-Alarm{which}-ID{}", &rest[36..])
                }
                None => cause,
            };
            let codes: Vec<&str> = activity["NotScaledReasons"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|reason| reason["Code"].as_str().unwrap())
                .collect();
            format!(
                "{} | {cause} | {} | {}{}",
                text("Description"),
                text("StatusCode"),
                text("StatusMessage"),
                codes.join(",")
            )
        };
        activities.iter().map(one).collect()
    }

    /// The state of an alarm, where it is there.
    pub async fn alarm(&self, name: &Value) -> Option<Value> {
        let told = self.call("cloudwatch", "DescribeAlarms", json!({"AlarmNames": [name]})).await.unwrap();
        told["MetricAlarms"].as_array().unwrap().first().cloned()
    }

    pub async fn put(&self, metric: &str, value: f64) {
        let at = self.sim.now().as_millisecond();
        let metric = Metric::new(ACCOUNT, REGION, "app", metric);
        self.metrics.put(vec![Datum::new(metric, "None", at, value)]).await.unwrap();
    }

    /// Minutes with a load: what all instances together are asked in each.
    pub async fn load(&self, invocations: f64, minutes: u32) {
        for _ in 0..minutes {
            let desired = self.world.fleet.desired();
            if desired > 0 {
                let metric = Metric::new(ACCOUNT, REGION, "AWS/SageMaker", "InvocationsPerInstance");
                let metric = metric.with("EndpointName", "digits").with("VariantName", "main");
                let at = self.sim.now().as_millisecond();
                let datum = Datum::new(metric, "None", at, invocations / f64::from(desired));
                self.metrics.put(vec![datum]).await.unwrap();
            }
            self.advance(MINUTE).await;
        }
    }

    /// Time goes on, at once, and all that became due is done.
    pub async fn advance(&self, by: Duration) {
        self.world.wall.advance(by);
        soon("timers", self.waker.done(self.sim.now())).await;
    }

    pub async fn registered(&self) -> bool {
        let resources = [VARIANT.to_owned(), "endpoint/other/variant/main".to_owned()];
        let told = self.autoscaling.known().registered(ACCOUNT, REGION, &resources).await.unwrap();
        told == resources[..1]
    }
}

impl World {
    /// Records of a kind.
    pub async fn store_len(&self, kind: &str) -> usize {
        let store: SharedRecords = Arc::new(self.store.clone());
        store.list(ACCOUNT, REGION, kind).await.unwrap().len()
    }
}
