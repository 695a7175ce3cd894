//! What the tests of runner, training and hosting share: a clock that stands, objects in memory, programs as images.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

pub mod job;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sagewright_cloud::clock::{SimClock, Wall};
use sagewright_cloud::env::Env;
use sagewright_cloud::frameworks::{Environments, Pythons};
use sagewright_cloud::images::{BuiltIn, ImageMap};
use sagewright_cloud::logs::Streams;
use sagewright_cloud::metrics::Metrics;
use sagewright_cloud::objects::{ObjectError, ObjectInfo, Objects};
use sagewright_cloud::process::{Hidden, Preparer, ProcessConfig, ProcessRunner};
use sagewright_cloud::runner::{Identity, JobEnvironment, LineSink, Runner};
use sagewright_cloud_store_sqlite::{SqliteMetrics, SqliteRecords};
use tokio::sync::{oneshot, watch};

pub const ACCOUNT: &str = "000000000000";
pub const REGION: &str = "us-east-1";

/// A clock that moves when a test says so.
pub struct ManualClock {
    state: Mutex<(Timestamp, Vec<Sleeper>)>,
    changed: watch::Sender<()>,
}

struct Sleeper {
    until: Timestamp,
    asked: Duration,
    wake: oneshot::Sender<()>,
}

impl ManualClock {
    pub fn new() -> Arc<Self> {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        Arc::new(Self { state: Mutex::new((start, Vec::new())), changed: watch::Sender::new(()) })
    }

    pub fn advance(&self, by: Duration) {
        let mut state = self.state.lock().unwrap();
        state.0 += by;
        let now = state.0;
        let (due, rest) = std::mem::take(&mut state.1).into_iter().partition(|s| s.until <= now);
        state.1 = rest;
        let _: Vec<_> = due.into_iter().map(|s: Sleeper| s.wake.send(())).collect();
    }

    /// Completes when someone sleeps for exactly `asked`.
    pub async fn sleeping(&self, asked: Duration) {
        let mut changed = self.changed.subscribe();
        while !self.state.lock().unwrap().1.iter().any(|s| s.asked == asked && !s.wake.is_closed()) {
            changed.changed().await.unwrap();
        }
    }
}

impl Wall for ManualClock {
    fn now(&self) -> Timestamp {
        self.state.lock().unwrap().0
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let (wake, woken) = oneshot::channel();
        let mut state = self.state.lock().unwrap();
        let until = state.0 + duration;
        state.1.push(Sleeper { until, asked: duration, wake });
        drop(state);
        self.changed.send_replace(());
        woken.map(|_| ()).boxed()
    }
}

/// Buckets in memory.
#[derive(Default)]
pub struct MemoryObjects {
    buckets: Mutex<BTreeMap<String, BTreeMap<String, Vec<u8>>>>,
}

impl MemoryObjects {
    pub fn put(&self, bucket: &str, key: &str, content: impl AsRef<[u8]>) {
        let mut buckets = self.buckets.lock().unwrap();
        buckets.entry(bucket.into()).or_default().insert(key.into(), content.as_ref().to_vec());
    }

    pub fn make_bucket(&self, bucket: &str) {
        self.buckets.lock().unwrap().entry(bucket.into()).or_default();
    }

    pub fn remove_bucket(&self, bucket: &str) {
        self.buckets.lock().unwrap().remove(bucket);
    }

    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.buckets.lock().unwrap().get(bucket)?.get(key).cloned()
    }

    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.buckets.lock().unwrap().get(bucket).map_or_else(Vec::new, |b| b.keys().cloned().collect())
    }

    /// The files of a stored `tar.gz`, by name.
    pub fn archive(&self, bucket: &str, key: &str) -> BTreeMap<String, Vec<u8>> {
        let bytes = self.get(bucket, key).unwrap_or_else(|| panic!("no s3://{bucket}/{key}"));
        let mut out = BTreeMap::new();
        for entry in tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..])).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            out.insert(name, content);
        }
        out
    }
}

fn info(key: &str, content: &[u8]) -> ObjectInfo {
    ObjectInfo { key: key.into(), size: content.len() as u64, etag: "e".into() }
}

impl Objects for MemoryObjects {
    fn head(&self, account: &str, bucket: &str, key: &str) -> Result<ObjectInfo, ObjectError> {
        self.open(account, bucket, key).map(|(info, _)| info)
    }

    fn open(&self, _: &str, bucket: &str, key: &str) -> Result<(ObjectInfo, File), ObjectError> {
        let buckets = self.buckets.lock().unwrap();
        let objects = buckets.get(bucket).ok_or_else(|| ObjectError::NoSuchBucket(bucket.into()))?;
        let missing = || ObjectError::NoSuchKey { bucket: bucket.into(), key: key.into() };
        let content = objects.get(key).ok_or_else(missing)?;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        Ok((info(key, content), file))
    }

    fn list(&self, _: &str, bucket: &str, prefix: &str) -> Result<Vec<ObjectInfo>, ObjectError> {
        let buckets = self.buckets.lock().unwrap();
        let objects = buckets.get(bucket).ok_or_else(|| ObjectError::NoSuchBucket(bucket.into()))?;
        Ok(objects.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(key, c)| info(key, c)).collect())
    }

    fn put_file(&self, _: &str, bucket: &str, key: &str, source: &Path) -> Result<ObjectInfo, ObjectError> {
        let content = fs::read(source).unwrap();
        fs::remove_file(source).unwrap();
        let mut buckets = self.buckets.lock().unwrap();
        let objects = buckets.get_mut(bucket).ok_or_else(|| ObjectError::NoSuchBucket(bucket.into()))?;
        let info = info(key, &content);
        objects.insert(key.into(), content);
        Ok(info)
    }
}

/// Counts how often it is asked, and waits until it is let go.
#[derive(Default)]
pub struct CountingPreparer {
    pub calls: AtomicUsize,
}

#[async_trait]
impl Preparer for CountingPreparer {
    async fn prepare(&self, _: BuiltIn, lines: LineSink) -> Result<BTreeMap<String, String>, String> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        lines("fetching the library");
        tokio::task::yield_now().await;
        Ok([("SAGEWRIGHT_XGBOOST_LIBRARY".to_owned(), "/lib/xgboost".to_owned())].into())
    }
}

/// A machine of its own for one test.
pub struct Machine {
    pub dir: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub objects: Arc<MemoryObjects>,
    pub logs: Streams,
    pub preparer: Arc<CountingPreparer>,
    images: String,
    cloud: String,
}

impl Machine {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let logs = Streams::new(dir.path().join("logs"));
        Self {
            dir,
            clock: ManualClock::new(),
            objects: Arc::default(),
            logs,
            preparer: Arc::default(),
            images: String::new(),
            cloud: uuid::Uuid::new_v4().to_string(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes image `test/NAME` from a shell script; `$1` is `train` or `serve`.
    pub fn shell(&mut self, name: &str, script: &str) -> String {
        self.image(name, "sh", script, "opt_ml = false")
    }

    /// Makes image `test/NAME` from a Python program.
    pub fn python(&mut self, name: &str, program: &str) -> String {
        self.image(name, "python3", program, "opt_ml = false")
    }

    pub fn image(&mut self, name: &str, interpreter: &str, text: &str, more: &str) -> String {
        let file = self.path(&format!("{name}.program"));
        fs::write(&file, text).unwrap();
        let image = format!("test/{name}");
        self.images +=
            &format!("[[image]]\nmatch = \"{image}\"\ncommand = [\"{interpreter}\", \"{}\"]\n{more}\n", file.display());
        image
    }

    pub fn runner(&self) -> Arc<dyn Runner> {
        Arc::new(ProcessRunner::new(ProcessConfig {
            program: self.path("program"),
            images: ImageMap::parse(&self.images, &self.path("images.toml")).unwrap(),
            preparer: self.preparer.clone(),
            cloud: self.cloud.clone(),
            environments: Environments::new(self.path("environments"), Pythons::default()),
            hidden: Some(Hidden {
                folder: self.dir.path().canonicalize().unwrap(),
                is_own: |name| name.starts_with("state.sqlite") || ["s3", "logs", "work"].contains(&name),
            }),
            clock: self.clock.clone(),
        }))
    }

    pub fn env(&self) -> Env {
        Env {
            store: Arc::new(SqliteRecords::in_memory().unwrap()),
            logs: Arc::new(self.logs.clone()),
            metrics: Metrics::new(Arc::new(SqliteMetrics::in_memory().unwrap())),
            objects: self.objects.clone(),
            runner: self.runner(),
            wall: self.clock.clone(),
            sim: SimClock::new(self.clock.clone()),
            work: self.path("work"),
        }
    }

    /// All lines of all streams of a group whose names start so, sorted.
    pub fn all_lines(&self, group: &str, stream: &str) -> Vec<String> {
        let names = self.logs.streams(ACCOUNT, REGION, group).into_iter().filter(|s| s.starts_with(stream));
        let events = names.filter_map(|name| self.logs.read(ACCOUNT, REGION, group, &name).unwrap());
        let mut lines: Vec<_> = events.flatten().map(|event| event.message).collect();
        lines.sort();
        lines
    }

    /// All lines of the only stream of a group whose name starts so.
    pub fn lines(&self, group: &str, stream: &str) -> Vec<String> {
        let name = self.logs.streams(ACCOUNT, REGION, group).into_iter().find(|s| s.starts_with(stream));
        let events = name.and_then(|name| self.logs.read(ACCOUNT, REGION, group, &name).unwrap());
        events.unwrap_or_default().into_iter().map(|event| event.message).collect()
    }
}

/// Whether programs can be given a view of their own of the file system here; tells when not.
pub fn mounts() -> bool {
    let allowed = |flag: &str| {
        let unshare = std::process::Command::new("unshare").args([flag, "true"]).output();
        unshare.is_ok_and(|out| out.status.success())
    };
    let allowed = allowed("-m") || allowed("-rm");
    if !allowed {
        eprintln!("not tested: this machine allows no mount namespaces");
    }
    allowed
}

/// Fails a test that hangs, instead of blocking the whole run.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.unwrap_or_else(|_| panic!("{what} takes too long"))
}

/// Tells a container whom it acts as.
pub struct Role;

#[async_trait::async_trait]
impl JobEnvironment for Role {
    async fn variables(&self, identity: &Identity) -> BTreeMap<String, String> {
        let role = identity.role_arn.clone().unwrap_or_default();
        [("AWS_ENDPOINT_URL".to_owned(), "http://127.0.0.1:1".to_owned()), ("SEEN_ROLE".to_owned(), role)].into()
    }
}
