//! A SageMaker with fakes behind its ports; every call is checked against the service model on the way in and out.

mod caller;
mod death;
mod fakes;
mod mortal;
mod requests;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use sagewright_cloud::api::{ApiError, Call, Caller, Handler as _};
use sagewright_cloud::clock::SimClock;
use sagewright_cloud::env::Env;
use sagewright_cloud::logs::Streams;
use sagewright_cloud::metrics::Metrics;
use sagewright_cloud::outbox::Outbox;
use sagewright_cloud::records::{Records as _, SharedRecords};
use sagewright_cloud::sagemaker::{
    Change, Execution, Executors, JobEnd, JobEvent, Kind, SageMaker, TrainingEnd, TrainingEvent,
};
use sagewright_cloud_store_sqlite::{SqliteMetrics, SqliteRecords};
use sagewright_model::{Service, Shape, ShapeType};
use serde_json::Value;
use tokio::sync::{Mutex, broadcast, mpsc};

pub use caller::caller;
pub use death::Death;
use death::at_each_commit_in;
pub use fakes::{Bucket, Call as CommandCall, Deploy, FakeAlarms, FakeHost, Job, Jobs, ManualClock};
pub use mortal::Life;
use mortal::Mortal;
pub use requests::*;

pub const ACCOUNT: &str = "000000000000";
pub const REGION: &str = "us-east-1";

/// An embedded SageMaker under test.
pub struct Cloud {
    pub sagemaker: SageMaker,
    pub clock: Arc<ManualClock>,
    pub bucket: Arc<Bucket>,
    pub host: Arc<FakeHost>,
    pub alarms: Arc<FakeAlarms>,
    pub store: SqliteRecords,
    jobs: Mutex<Jobs<TrainingEvent, TrainingEnd>>,
    processing: Mutex<Jobs<JobEvent, JobEnd>>,
    transform: Mutex<Jobs<JobEvent, JobEnd>>,
    deploys: Mutex<mpsc::UnboundedReceiver<Deploy>>,
    calls: Mutex<mpsc::UnboundedReceiver<CommandCall>>,
    changes: Mutex<broadcast::Receiver<Change>>,
    requests: AtomicU64,
    _work: tempfile::TempDir,
}

impl Cloud {
    pub fn new() -> Self {
        Self::over(SqliteRecords::in_memory().unwrap(), 2)
    }

    /// A SageMaker over state that may come from an earlier one.
    pub fn over(store: SqliteRecords, slots: usize) -> Self {
        Self::with(store.clone(), Arc::new(store), slots, Duration::ZERO)
    }

    /// A SageMaker whose process dies at a commit: what it writes from then on is lost.
    pub fn mortal(store: SqliteRecords, slots: usize, life: Arc<Life>) -> Self {
        Self::with(store.clone(), Arc::new(Mortal { store, life }), slots, Duration::ZERO)
    }

    /// A SageMaker that holds descriptions.
    pub fn held(store: SqliteRecords, hold: Duration) -> Self {
        Self::with(store.clone(), Arc::new(store), 1, hold)
    }

    fn with(store: SqliteRecords, records: SharedRecords, slots: usize, hold: Duration) -> Self {
        let work = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let bucket = Arc::new(Bucket::default());
        bucket.put("data", "train/part-0.csv");
        bucket.put("data", "model.tar.gz");
        let ((training, jobs), (processor, processing)) = (fakes::executor(), fakes::executor());
        let (transformer, transform) = fakes::executor();
        let executors = Executors {
            training: Arc::new(training),
            processing: Arc::new(processor),
            transform: Arc::new(transformer),
        };
        let (host, deploys) = fakes::host();
        let (commands, calls) = fakes::commands(2);
        let (host, alarms) = (Arc::new(host), Arc::new(FakeAlarms::default()));
        let env = Env {
            store: records,
            logs: Arc::new(Streams::new(work.path().join("logs"))),
            metrics: Metrics::new(Arc::new(SqliteMetrics::in_memory().unwrap())),
            objects: bucket.clone(),
            runner: Arc::new(fakes::KnownImages),
            wall: clock.clone(),
            sim: SimClock::new(clock.clone()),
            work: work.path().to_owned(),
        };
        let execution = Execution {
            slots: Some(slots),
            hold,
            alarms: alarms.clone(),
            commands: Arc::new(commands),
            // Somebody wants to know of events; they stay in the state.
            outbox: Outbox::new(vec![Arc::new(|_| Box::pin(std::future::pending()))]),
            ..Execution::new(Arc::new(fakes::OneRole), executors, host.clone())
        };
        let sagemaker = SageMaker::new(env, execution);
        // What is resumed calls operations.
        drop(sagewright_cloud::cloud::sagemaker_service(sagemaker.clone()));
        tokio::spawn(sagewright_cloud::cloud::timers(&sagemaker).run());
        let changes = Mutex::new(sagemaker.subscribe());
        Self {
            sagemaker,
            clock,
            bucket,
            host,
            alarms,
            store,
            jobs: Mutex::new(jobs),
            processing: Mutex::new(processing),
            transform: Mutex::new(transform),
            deploys: Mutex::new(deploys),
            calls: Mutex::new(calls),
            changes,
            requests: AtomicU64::new(0),
            _work: work,
        }
    }

    /// A file where a part of the cloud wants a folder of its work: as a disk that takes nothing. It does again when this is removed.
    pub fn obstacle(&self, folder: &str) -> std::path::PathBuf {
        let path = self.sagemaker.env().work.join(folder);
        std::fs::write(&path, "").unwrap();
        path
    }

    /// Moves the clock and does what is due by then.
    pub async fn later(&self, milliseconds: i64) {
        self.clock.advance(milliseconds);
        self.sagemaker.waker().done(self.sagemaker.env().sim.now()).await;
    }

    /// Calls an operation as the embedded cloud's front does: input that the model refuses never reaches it. What
    /// comes out must be what the model says.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, ApiError> {
        self.call_as(ACCOUNT, REGION, operation, input).await
    }

    pub async fn call_as(&self, account: &str, region: &str, operation: &str, input: Value) -> Result<Value, ApiError> {
        self.call_with((account, "AKIALOCAL"), region, operation, input).await
    }

    /// The same with an access key of the account.
    pub async fn call_with(
        &self,
        (account, access_key): (&str, &str),
        region: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, ApiError> {
        let service = sagewright_model::service("sagemaker").unwrap();
        let operation = service.operation(operation).unwrap_or_else(|| panic!("no operation {operation}"));
        if let Some(shape) = service.input(&operation.name) {
            sagewright_model::validate(service, shape, &input)
                .map_err(|e| ApiError::new(e.code(), 400, e.to_string()))?;
        }
        let n = self.requests.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let call = Call {
            caller: Caller { access_key: access_key.to_owned(), ..caller(account) },
            region: region.to_owned(),
            service,
            operation,
            input,
            now: self.sagemaker.env().sim.now(),
            wall: self.clock.time(),
            request_id: format!("request-{n}"),
            payload: Bytes::new(),
        };
        let output = sagewright_cloud::cloud::sagemaker_service(self.sagemaker.clone()).call(call).await?.value;
        if let Some(shape) = service.output(&operation.name) {
            let told = sagewright_model::validate(service, shape, &output).map_err(|e| e.to_string());
            assert_eq!(told, Ok(()), "{} answered {output:#}", operation.name);
            known(service, shape, &output, &operation.name);
        }
        Ok(output)
    }

    pub async fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).await.unwrap_or_else(|e| panic!("{operation}: {}: {}", e.code, e.message))
    }

    /// The refusal of a call as one line.
    pub async fn refused(&self, operation: &str, input: Value) -> String {
        match self.call(operation, input.clone()).await {
            Ok(output) => panic!("{operation} took {input:#} and answered {output:#}"),
            Err(error) => format!("{} {}: {}", error.status, error.code, error.message),
        }
    }

    /// The next training job that was begun.
    pub async fn job(&self) -> Job<TrainingEvent, TrainingEnd> {
        within(async { self.jobs.lock().await.recv().await.unwrap() }).await
    }

    /// The next processing job that was begun.
    pub async fn processing(&self) -> Job<JobEvent, JobEnd> {
        within(async { self.processing.lock().await.recv().await.unwrap() }).await
    }

    /// The next transform job that was begun.
    pub async fn transform(&self) -> Job<JobEvent, JobEnd> {
        within(async { self.transform.lock().await.recv().await.unwrap() }).await
    }

    /// The next function that is called, or message that is sent.
    pub async fn called(&self) -> CommandCall {
        within(async { self.calls.lock().await.recv().await.unwrap() }).await
    }

    pub async fn nothing_is_called(&self) -> bool {
        self.calls.lock().await.try_recv().is_err()
    }

    pub async fn no_job_waits(&self) -> bool {
        self.jobs.lock().await.try_recv().is_err()
            && self.processing.lock().await.try_recv().is_err()
            && self.transform.lock().await.try_recv().is_err()
    }

    /// The next deployment that the host was given.
    pub async fn deploy(&self) -> Deploy {
        within(async { self.deploys.lock().await.recv().await.unwrap() }).await
    }

    /// The same, if there is one now.
    pub async fn try_deploy(&self) -> Option<Deploy> {
        self.deploys.lock().await.try_recv().ok()
    }

    pub async fn no_deploy_waits(&self) -> bool {
        self.deploys.lock().await.try_recv().is_err()
    }

    /// Waits until a resource enters a status.
    pub async fn until(&self, kind: Kind, name: &str, status: &str) {
        within(async {
            let mut changes = self.changes.lock().await;
            loop {
                let change = changes.recv().await.unwrap();
                if change.kind == kind.as_str() && change.arn.ends_with(&format!("/{name}")) && change.status == status
                {
                    return;
                }
            }
        })
        .await;
    }

    /// Time passes, and all that becomes due by that is done.
    pub async fn passes(&self, millis: i64) {
        self.clock.advance(millis);
        within(self.sagemaker.waker().done(self.sagemaker.env().sim.now())).await;
    }

    /// The lineage of all that was done is recorded.
    pub async fn recorded(&self) {
        within(async {
            while self.store.due(i64::MAX, 100).await.unwrap().iter().any(|timer| timer.id.starts_with("lineage:")) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Everything that is stored, to show that a refusal changed nothing.
    pub async fn state(&self) -> Vec<String> {
        self.recorded().await;
        self.store.rows().unwrap()
    }
}

/// As [`at_each_commit_in`], of processes over a store of their own.
pub fn at_each_commit(slots: usize, way: impl AsyncFn(&Cloud, &Death), after: impl AsyncFn(&Cloud, i64)) -> i64 {
    at_each_commit_in(
        || SqliteRecords::in_memory().unwrap(),
        |store, life| Cloud::mortal(store.clone(), slots, life),
        way,
        async |store, commits| after(&Cloud::over(store.clone(), slots), commits).await,
    )
}

/// Fails a test that would hang.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("nothing happened within 60 s")
}

/// No member that the model does not have.
fn known(service: &Service, shape: &Shape, value: &Value, path: &str) {
    match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(map)) => {
            for (name, value) in map {
                let member =
                    shape.members.get(name.as_str()).unwrap_or_else(|| panic!("{path} has an unknown member {name}"));
                assert!(!value.is_null(), "{path}.{name} is null");
                known(service, service.target(member).unwrap(), value, &format!("{path}.{name}"));
            }
        }
        (ShapeType::List, Value::Array(items)) => {
            let shape = service.target(shape.member.as_ref().unwrap()).unwrap();
            items.iter().enumerate().for_each(|(i, item)| known(service, shape, item, &format!("{path}[{i}]")));
        }
        (ShapeType::Map, Value::Object(map)) => {
            let shape = service.target(shape.value.as_ref().unwrap()).unwrap();
            map.iter().for_each(|(key, item)| known(service, shape, item, &format!("{path}[{key}]")));
        }
        _ => {}
    }
}
