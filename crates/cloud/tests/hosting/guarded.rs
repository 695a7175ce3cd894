//! Updates under guardrails with real servers, requests, metrics and alarms, on a clock that the test drives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sagewright_cloud::api::{ApiError, Call, Handler};
use sagewright_cloud::cloud::{resume, sagemaker_service, timers};
use sagewright_cloud::cloudwatch::{self, CloudWatch};
use sagewright_cloud::env::Env;
use sagewright_cloud::hosting::{Hosting, HostingConfig};
use sagewright_cloud::outbox::Outbox;
use sagewright_cloud::processing::ProcessingExecutor;
use sagewright_cloud::runner::NoEnvironment;
use sagewright_cloud::sagemaker::{Execution, Executors, Roles, SageMaker};
use sagewright_cloud::training::TrainingExecutor;
use sagewright_cloud::transform::TransformExecutor;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::support::{SERVER, call, text};
use crate::runner_support::{Machine, soon};

struct AllRoles;

#[async_trait]
impl Roles for AllRoles {
    async fn assumable(&self, _: &str, _: &str, _: &str) -> Result<(), String> {
        Ok(())
    }
}

/// A process of an embedded cloud, of what these tests need.
struct Process {
    hosting: Arc<Hosting>,
    sagemaker: SageMaker,
    cloudwatch: CloudWatch,
    timers: JoinHandle<()>,
}

struct Cloud {
    machine: Machine,
    env: Env,
    image: String,
    process: Process,
    requests: AtomicU64,
}

impl Process {
    fn start(env: &Env) -> Self {
        let environment = Arc::new(NoEnvironment);
        let hosting = Arc::new(Hosting::new(env.clone(), environment.clone(), HostingConfig::default()));
        let executors = Executors {
            training: Arc::new(TrainingExecutor::new(env.clone(), environment.clone())),
            processing: Arc::new(ProcessingExecutor::new(env.clone(), environment)),
            transform: Arc::new(TransformExecutor::new(env.clone(), hosting.clone())),
        };
        let outbox = Outbox::default();
        let cloudwatch = CloudWatch::new(env.metrics.clone(), env.store.clone(), env.sim.clone(), outbox.clone());
        let execution = Execution {
            outbox,
            alarms: Arc::new(cloudwatch.clone()),
            ..Execution::new(Arc::new(AllRoles), executors, hosting.clone())
        };
        let sagemaker = SageMaker::new(env.clone(), execution);
        cloudwatch.wakes(sagemaker.waker().clone());
        let timers = tokio::spawn(cloudwatch::timers(&cloudwatch, timers(&sagemaker)).run());
        Self { hosting, sagemaker, cloudwatch, timers }
    }
}

impl Cloud {
    /// An endpoint `e` whose model says `old`, and configurations of models that say `new` and that fail.
    async fn new() -> Self {
        let mut machine = Machine::new();
        let image = machine.python("server", SERVER);
        let env = machine.env();
        let process = Process::start(&env);
        let cloud = Self { machine, env, image, process, requests: AtomicU64::new(0) };
        for (name, mode) in [("old", ""), ("new", ""), ("bad", "bad")] {
            let container = json!({"Image": cloud.image, "Environment": {"NAME": name, "MODE": mode}});
            let role = "arn:aws:iam::000000000000:role/r";
            cloud
                .ok("CreateModel", json!({"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": container}))
                .await;
            let variant = json!({"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 2});
            cloud
                .ok("CreateEndpointConfig", json!({"EndpointConfigName": name, "ProductionVariants": [variant]}))
                .await;
        }
        cloud.ok("CreateEndpoint", json!({"EndpointName": "e", "EndpointConfigName": "old"})).await;
        cloud.until("InService", "old", "").await;
        cloud
    }

    async fn call(&self, service: &str, operation: &str, input: Value) -> Result<Value, ApiError> {
        let found = sagewright_model::service(service).unwrap();
        let call = Call {
            service: found,
            operation: found.operation(operation).unwrap(),
            now: self.env.sim.now(),
            request_id: format!("r{}", self.requests.fetch_add(1, Ordering::SeqCst)),
            ..call("InvokeEndpoint", input, "")
        };
        let output = match service {
            "cloudwatch" => self.process.cloudwatch.call(call).await,
            _ => sagemaker_service(self.process.sagemaker.clone()).call(call).await,
        };
        output.map(|output| output.value)
    }

    async fn ok(&self, operation: &str, input: Value) -> Value {
        self.call("sagemaker", operation, input).await.unwrap_or_else(|e| panic!("{operation}: {}", e.message))
    }

    /// An alarm that goes off with the first error of a configuration's servers.
    async fn alarm(&self, config: &str) {
        let dimensions = [("EndpointName", "e"), ("VariantName", "v"), ("EndpointConfigName", config)];
        let dimensions = dimensions.map(|(name, value)| json!({"Name": name, "Value": value}));
        let input = json!({
            "AlarmName": "errors", "Namespace": "AWS/SageMaker", "MetricName": "Invocation5XXErrors",
            "Dimensions": dimensions, "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching",
        });
        self.call("cloudwatch", "PutMetricAlarm", input).await.unwrap();
    }

    async fn update(&self, config: &str, policy: Value) {
        let input = json!({"EndpointName": "e", "EndpointConfigName": config, "DeploymentConfig": policy});
        self.ok("UpdateEndpoint", input).await;
    }

    /// Waits until the endpoint has a status, a configuration, and the variant that comes a message which contains this.
    async fn until(&self, status: &str, config: &str, message: &str) -> Value {
        let found = async {
            loop {
                let endpoint = self.ok("DescribeEndpoint", json!({"EndpointName": "e"})).await;
                let shown = &endpoint["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0];
                let told = shown["StatusMessage"].as_str().unwrap_or_default();
                let is = (endpoint["EndpointStatus"].as_str(), endpoint["EndpointConfigName"].as_str());
                if is == (Some(status), Some(config)) && told.contains(message) {
                    return endpoint;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        soon(&format!("{status} {config} {message}"), found).await
    }

    async fn passes(&self, seconds: u64) {
        self.machine.clock.advance(Duration::from_secs(seconds));
        soon("what is due", self.process.sagemaker.waker().done(self.env.sim.now())).await;
    }

    /// What so many requests are answered.
    async fn ask(&self, count: usize) -> String {
        let mut seen = BTreeMap::new();
        for _ in 0..count {
            let call = call("InvokeEndpoint", json!({"EndpointName": "e"}), "x");
            let answer = match soon("invoking", self.process.hosting.call(call)).await {
                Ok(output) => text(&output).to_owned(),
                Err(error) => match error.members.get("OriginalMessage") {
                    Some(told) => told.as_str().unwrap().to_owned(),
                    None => error.message,
                },
            };
            *seen.entry(answer).or_insert(0) += 1;
        }
        seen.into_iter().map(|(answer, count)| format!("{count} {answer}")).collect::<Vec<_>>().join(", ")
    }

    /// The process ends with all servers, and the next one takes up the state.
    async fn restart(&mut self) {
        self.process.timers.abort();
        soon("shutting down", self.process.hosting.shutdown()).await;
        self.process = Process::start(&self.env);
        drop(sagemaker_service(self.process.sagemaker.clone()));
        resume(&self.process.sagemaker).await.unwrap();
    }

    async fn end(self) {
        self.process.timers.abort();
        soon("shutting down", self.process.hosting.shutdown()).await;
    }
}

fn blue_green(kind: &str, member: &str, percent: u32) -> Value {
    json!({
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {
            "Type": kind, "WaitIntervalInSeconds": 120, member: {"Type": "CAPACITY_PERCENT", "Value": percent},
        }},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
    })
}

fn rolling() -> Value {
    json!({
        "RollingUpdatePolicy": {
            "WaitIntervalInSeconds": 120, "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
    })
}

const CANARY: &str = "WaitIntervalInSeconds) with traffic enabled on canary capacity";
const PART: &str = "WaitIntervalInSeconds) with traffic enabled on partial capacity";
const ALL: &str = "WaitIntervalInSeconds) with traffic enabled on full capacity";

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_with_a_bad_model_is_rolled_back_while_the_others_see_no_failed_request() {
    let cloud = Cloud::new().await;
    cloud.alarm("bad").await;
    cloud.update("bad", blue_green("CANARY", "CanarySize", 10)).await;
    cloud.until("Updating", "old", CANARY).await;
    assert_eq!(cloud.ask(100).await, "10 it broke, 90 old(x)");
    // The alarm has its minute. All of it is over at once, and is done in its order.
    cloud.passes(120).await;
    let endpoint = cloud.until("InService", "old", "").await;
    assert_eq!(endpoint["FailureReason"], "One or more configured alarm(s) in ALARM state: [errors].");
    assert_eq!(cloud.ask(20).await, "20 old(x)");
    cloud.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_policy_finishes_with_the_new_model_and_no_failed_request() {
    let cloud = Cloud::new().await;
    cloud.alarm("new").await;
    let (mut from, mut to) = ("old", "new");
    for (policy, first, split) in [
        (blue_green("CANARY", "CanarySize", 20), CANARY, [4, 1]),
        (blue_green("LINEAR", "LinearStepSize", 50), PART, [5, 5]),
        (rolling(), PART, [5, 5]),
    ] {
        cloud.update(to, policy).await;
        cloud.until("Updating", from, first).await;
        let [old, new] = split;
        let mut shares = [format!("{old} {from}(x)"), format!("{new} {to}(x)")];
        shares.sort_by_key(|share| share.split(' ').nth(1).map(str::to_owned));
        assert_eq!(cloud.ask(old + new).await, shares.join(", "));
        cloud.passes(120).await;
        cloud.until("Updating", from, ALL).await;
        assert_eq!(cloud.ask(10).await, format!("10 {to}(x)"));
        cloud.passes(120).await;
        cloud.until("InService", to, "").await;
        assert_eq!(cloud.ask(10).await, format!("10 {to}(x)"));
        (from, to) = (to, from);
    }
    cloud.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_goes_on_where_its_process_ended() {
    let mut cloud = Cloud::new().await;
    cloud.alarm("new").await;
    for (policy, from, to, first) in
        [(blue_green("CANARY", "CanarySize", 20), "old", "new", CANARY), (rolling(), "new", "old", PART)]
    {
        cloud.update(to, policy).await;
        cloud.until("Updating", from, first).await;
        cloud.ask(1).await;
        cloud.restart().await;
        let split = async {
            loop {
                let answers = cloud.ask(10).await;
                if answers.contains("old(x)") && answers.contains("new(x)") {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        soon("both fleets", split).await;
        cloud.until("Updating", from, first).await;
        cloud.passes(120).await;
        cloud.until("Updating", from, ALL).await;
        cloud.restart().await;
        cloud.passes(120).await;
        cloud.until("InService", to, "").await;
        assert_eq!(cloud.ask(10).await, format!("10 {to}(x)"));
    }
    cloud.end().await;
}
