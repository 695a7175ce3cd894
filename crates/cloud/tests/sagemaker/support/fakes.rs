//! The ports, under a test's control.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sagewright_cloud::alarms::{AlarmState, Alarms};
use sagewright_cloud::clock::Wall;
use sagewright_cloud::objects::{ObjectError, ObjectInfo, Objects};
use sagewright_cloud::records::StoreError;
use sagewright_cloud::runner::{Container, LineSink, Runner, RunnerError, Workload};
use sagewright_cloud::sagemaker::{
    Called, CommandTask, Commands, EndpointKey, Events, Executor, FleetPlan, Host, JobTask, Roles, VariantPlan,
};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

/// A clock that a test moves. Nobody sleeps; it knows for how long somebody would have.
pub struct ManualClock(AtomicI64, pub Mutex<BTreeSet<Duration>>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_760_000_000_000), Mutex::default())
    }
}

impl ManualClock {
    pub fn time(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Wall for ManualClock {
    fn now(&self) -> Timestamp {
        self.time()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.1.lock().unwrap().insert(duration);
        Box::pin(tokio::task::yield_now())
    }
}

/// Objects by name only, but for those that the cloud itself has put.
#[derive(Default)]
pub struct Bucket(Mutex<BTreeSet<(String, String)>>, Mutex<BTreeMap<String, Vec<u8>>>);

impl Bucket {
    pub fn put(&self, bucket: &str, key: &str) {
        self.0.lock().unwrap().insert((bucket.to_owned(), key.to_owned()));
    }

    /// What the cloud has put, by key.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.1.lock().unwrap().clone()
    }

    /// Takes a bucket away.
    pub fn remove(&self, bucket: &str) {
        self.0.lock().unwrap().retain(|(b, _)| b != bucket);
    }

    pub fn delete(&self, bucket: &str, key: &str) {
        self.0.lock().unwrap().remove(&(bucket.to_owned(), key.to_owned()));
    }
}

impl Objects for Bucket {
    fn head(&self, account: &str, bucket: &str, key: &str) -> Result<ObjectInfo, ObjectError> {
        let found = self.list(account, bucket, key)?.into_iter().find(|o| o.key == key);
        found.ok_or_else(|| ObjectError::NoSuchKey { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    fn open(&self, _: &str, bucket: &str, _: &str) -> Result<(ObjectInfo, File), ObjectError> {
        Err(ObjectError::AccessDenied(bucket.to_owned()))
    }

    fn list(&self, account: &str, bucket: &str, prefix: &str) -> Result<Vec<ObjectInfo>, ObjectError> {
        if account != super::ACCOUNT {
            return Err(ObjectError::AccessDenied(bucket.to_owned()));
        }
        let all = self.0.lock().unwrap();
        if !all.iter().any(|(b, _)| b == bucket) {
            return Err(ObjectError::NoSuchBucket(bucket.to_owned()));
        }
        let info = |key: &String| ObjectInfo { key: key.clone(), size: 1, etag: "e".to_owned() };
        Ok(all.iter().filter(|(b, k)| b == bucket && k.starts_with(prefix)).map(|(_, k)| info(k)).collect())
    }

    fn put_file(&self, account: &str, bucket: &str, key: &str, path: &Path) -> Result<ObjectInfo, ObjectError> {
        self.list(account, bucket, key)?;
        self.1.lock().unwrap().insert(key.to_owned(), std::fs::read(path).unwrap());
        self.put(bucket, key);
        self.head(account, bucket, key)
    }
}

/// Runs no image and knows all but those called `unknown`. Those called `built-in` are.
pub struct KnownImages;

#[async_trait]
impl Runner for KnownImages {
    fn check(&self, image: &str) -> Result<(), RunnerError> {
        if image.contains("unknown") {
            return Err(RunnerError::UnknownImage(format!(
                "no image {image} on this machine; add it to the image map"
            )));
        }
        Ok(())
    }

    fn built_in(&self, image: &str) -> Option<&'static str> {
        image.contains("built-in").then_some("xgboost")
    }

    async fn prepare(&self, _: &str, _: LineSink) -> Result<(), RunnerError> {
        Ok(())
    }

    async fn start(&self, spec: &Workload, _: LineSink) -> Result<Box<dyn Container>, RunnerError> {
        Err(RunnerError::Start { image: spec.image.clone(), why: "a fake".to_owned() })
    }
}

/// The role `exec` trusts SageMaker.
pub struct OneRole;

#[async_trait]
impl Roles for OneRole {
    async fn assumable(&self, _: &str, role_arn: &str, _: &str) -> Result<(), String> {
        if role_arn.ends_with("/exec") { Ok(()) } else { Err("no such role".to_owned()) }
    }
}

/// A job in its executor's hands.
pub struct Job<Event, End> {
    pub task: JobTask,
    pub stop: watch::Receiver<bool>,
    pub events: Events<Event>,
    pub end: oneshot::Sender<End>,
}

pub struct FakeExecutor<Event, End>(mpsc::UnboundedSender<Job<Event, End>>);

pub type Jobs<Event, End> = mpsc::UnboundedReceiver<Job<Event, End>>;

pub fn executor<Event, End>() -> (FakeExecutor<Event, End>, Jobs<Event, End>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (FakeExecutor(sender), receiver)
}

#[async_trait]
impl<Event: 'static, End: Send + 'static> Executor<Event, End> for FakeExecutor<Event, End> {
    async fn run(&self, task: JobTask, stop: watch::Receiver<bool>, events: Events<Event>) -> End {
        let (end, ended) = oneshot::channel();
        self.0.send(Job { task, stop, events, end }).map_err(|_| ()).unwrap();
        // A dropped handle is an executor that breaks.
        ended.await.expect("the executor broke")
    }
}

/// A command in a user's hands.
pub struct Call {
    pub task: CommandTask,
    /// Closed where nobody waits for the answer any more.
    pub answer: oneshot::Sender<Result<Value, String>>,
}

/// Commands for all functions and queues.
pub struct FakeCommands {
    calls: mpsc::UnboundedSender<Call>,
    places: Arc<Semaphore>,
}

/// Commands of which `places` functions run at a time.
pub fn commands(places: usize) -> (FakeCommands, mpsc::UnboundedReceiver<Call>) {
    let (calls, receiver) = mpsc::unbounded_channel();
    (FakeCommands { calls, places: Arc::new(Semaphore::new(places)) }, receiver)
}

#[async_trait]
impl Commands for FakeCommands {
    fn check(&self, _: Called, _: &str) -> Result<(), String> {
        Ok(())
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    async fn run(&self, task: CommandTask, _: LineSink) -> Result<Value, String> {
        let (answer, answered) = oneshot::channel();
        self.calls.send(Call { task, answer }).map_err(|_| ()).unwrap();
        // A dropped handle is a command that never answers.
        match answered.await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await,
        }
    }
}

/// Servers that the host is to start.
pub struct Deploy {
    pub endpoint: EndpointKey,
    pub arn: String,
    /// Of the last fleet of which servers are missing.
    pub variants: Vec<VariantPlan>,
    /// All that is to serve.
    pub fleets: Vec<FleetPlan>,
    pub reply: oneshot::Sender<Result<(), String>>,
}

pub struct FakeHost {
    /// Told when traffic is to move with no server to start, or servers are to stop, which never happens then.
    pub stuck: Mutex<Option<oneshot::Sender<()>>>,
    deploys: mpsc::UnboundedSender<Deploy>,
    /// What serves, by endpoint.
    serving: Mutex<BTreeMap<EndpointKey, Vec<FleetPlan>>>,
    pub removed: Mutex<Vec<String>>,
}

pub fn host() -> (FakeHost, mpsc::UnboundedReceiver<Deploy>) {
    let (deploys, receiver) = mpsc::unbounded_channel();
    (FakeHost { stuck: Mutex::default(), deploys, serving: Mutex::default(), removed: Mutex::default() }, receiver)
}

impl FakeHost {
    async fn may_be_stuck(&self) {
        let stuck = self.stuck.lock().unwrap().take();
        if let Some(stuck) = stuck {
            stuck.send(()).unwrap();
            std::future::pending::<()>().await;
        }
    }

    /// What serves the endpoint `e`: configuration, copies of the first variant, and part of the traffic in percent.
    pub fn shares(&self) -> Vec<(String, u32, f64)> {
        let told = |fleet: &FleetPlan| (fleet.config.clone(), fleet.variants[0].copies, (fleet.share * 100.0).round());
        self.serving.lock().unwrap().values().flatten().map(told).collect()
    }

    /// The weights of the variants that serve.
    pub fn weights(&self) -> Vec<(String, f64)> {
        let serving = self.serving.lock().unwrap();
        serving.values().flatten().flat_map(|fleet| &fleet.variants).map(|v| (v.name.clone(), v.weight)).collect()
    }

    fn runs(&self, endpoint: &EndpointKey, fleet: &FleetPlan) -> bool {
        let serving = self.serving.lock().unwrap();
        let found = serving.get(endpoint).into_iter().flatten().find(|running| running.id == fleet.id);
        found.is_some_and(|running| running.variants.iter().zip(&fleet.variants).all(|(a, b)| a.copies >= b.copies))
    }
}

#[async_trait]
impl Host for FakeHost {
    async fn serve(&self, endpoint: EndpointKey, arn: String, _: u64, fleets: Vec<FleetPlan>) -> Result<(), String> {
        match fleets.iter().rfind(|fleet| !self.runs(&endpoint, fleet)) {
            None => self.may_be_stuck().await,
            Some(missing) => {
                let (reply, answered) = oneshot::channel();
                let (variants, fleets) = (missing.variants.clone(), fleets.clone());
                let deploy = Deploy { endpoint: endpoint.clone(), arn, variants, fleets, reply };
                self.deploys.send(deploy).map_err(|_| ()).unwrap();
                answered.await.expect("the host broke")?;
            }
        }
        self.serving.lock().unwrap().insert(endpoint, fleets);
        Ok(())
    }

    async fn remove(&self, endpoint: &EndpointKey) {
        self.may_be_stuck().await;
        self.serving.lock().unwrap().remove(endpoint);
        self.removed.lock().unwrap().push(endpoint.name.clone());
    }
}

/// Alarms in the state that a test gives them.
#[derive(Default)]
pub struct FakeAlarms(pub Mutex<BTreeMap<String, AlarmState>>);

impl FakeAlarms {
    pub fn set(&self, name: &str, state: AlarmState) {
        self.0.lock().unwrap().insert(name.to_owned(), state);
    }
}

#[async_trait]
impl Alarms for FakeAlarms {
    async fn states(&self, _: &str, _: &str, names: &[String]) -> Result<Vec<Option<AlarmState>>, StoreError> {
        let states = self.0.lock().unwrap();
        Ok(names.iter().map(|name| states.get(name).copied()).collect())
    }
}
