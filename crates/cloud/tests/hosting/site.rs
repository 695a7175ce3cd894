//! An endpoint of many models, with pipes at which its server and its archives can be made to wait.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sagewright_cloud::api::{ApiError, Output};
use sagewright_cloud::env::Env;
use sagewright_cloud::hosting::{Hosting, HostingConfig};
use sagewright_cloud::objects::{ObjectError, ObjectInfo, Objects};
use sagewright_cloud::runner::NoEnvironment;
use sagewright_cloud::sagemaker::ports::{ContainerPlan, ModelData, VariantPlan};
use serde_json::json;
use tokio::task::JoinHandle;

use super::support::{GROUP, container, deploy, invoke_with, put_model, text, variant};
use crate::runner_support::{ACCOUNT, Machine, MemoryObjects, REGION, soon};

/// A server by SageMaker's contract for multi-model containers, which tells what it loads and unloads.
pub const SERVER: &str = r#"
import http.server, json, os, signal, socket, sys, threading
assert os.environ["SAGEMAKER_MULTI_MODEL"] == "true"
capacity = int(os.environ.get("CAPACITY", "100"))
mode = os.environ.get("MODE", "")
gate = os.environ.get("GATE", "")
models = {}
def say(text): sys.stdout.write(text + "\n"); sys.stdout.flush()
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def log_message(self, *_): pass
    def reply(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_GET(self):
        name = self.path.rpartition("/")[2]
        if self.path in ("/ping", "/models"): return self.reply(200)
        if mode == "slow to look": say("looks"); open(gate).read()
        self.reply(200 if name in models else 404)
    def do_DELETE(self):
        name = self.path.rpartition("/")[2]
        if name not in models: return self.reply(404)
        if mode == "slow to unload": say("unloads"); open(gate).read()
        say("unload " + models.pop(name)); self.reply(200)
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path == "/models":
            told = json.loads(body)
            weights = open(os.path.join(told["url"], "weights")).read()
            if weights == "slow": open(gate).read()
            if weights == "broken": return self.reply(500, b"these weights are broken")
            if len(models) >= capacity: say("full"); return self.reply(507, b"no memory for it")
            assert told["model_name"] not in models
            models[told["model_name"]] = weights
            say("load " + weights)
            if mode == "tell": say(self.headers["X-Amzn-SageMaker-Target-Model"])
            return self.reply(200)
        _, _, name, verb = self.path.split("/")
        assert verb == "invoke"
        if name not in models: return self.reply(404, b"unknown model")
        if body == b"die": os._exit(7)
        if body == b"wait": body = open(gate, "rb").read()
        if body == b"deaf":
            self.close_connection = True
            self.reply(200)
            # At once, which closing is not while another thread waits for connections.
            server.socket.shutdown(socket.SHUT_RDWR)
            threading.Thread(target=server.shutdown).start()
            return say("deaf")
        if body == b"forget": models.pop(name); return self.reply(404, b"forgotten")
        if body == b"greedy" and len(models) > 1: return self.reply(507, b"no memory to predict")
        target = self.headers["X-Amzn-SageMaker-Target-Model"]
        self.reply(200, b"%s:%s:%s" % (target.encode(), models[name].encode(), body))
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
server.daemon_threads = True
server.serve_forever()
server.server_close()
threading.Event().wait()
"#;

/// An object store that takes its time for one archive.
struct Slow {
    inner: Arc<MemoryObjects>,
    pipe: PathBuf,
}

impl Objects for Slow {
    fn head(&self, account: &str, bucket: &str, key: &str) -> Result<ObjectInfo, ObjectError> {
        self.inner.head(account, bucket, key)
    }

    fn open(&self, account: &str, bucket: &str, key: &str) -> Result<(ObjectInfo, File), ObjectError> {
        let (info, file) = self.inner.open(account, bucket, key)?;
        Ok((info, if key == "all/far.tar.gz" { File::open(&self.pipe).unwrap() } else { file }))
    }

    fn list(&self, account: &str, bucket: &str, prefix: &str) -> Result<Vec<ObjectInfo>, ObjectError> {
        self.inner.list(account, bucket, prefix)
    }

    fn put_file(&self, account: &str, bucket: &str, key: &str, source: &Path) -> Result<ObjectInfo, ObjectError> {
        self.inner.put_file(account, bucket, key, source)
    }
}

pub struct Site {
    pub machine: Machine,
    pub hosting: Arc<Hosting>,
}

/// An endpoint with the models a, b, c and some that cannot be loaded.
pub async fn site(plan: VariantPlan, config: HostingConfig) -> Site {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    for (name, weights) in [("a", "1"), ("b", "2"), ("c", "3"), ("broken", "broken"), ("slow", "slow"), ("far", "4")] {
        put_model(&machine, &format!("all/{name}.tar.gz"), weights);
    }
    machine.objects.put("models", "all/text.tar.gz", "no archive");
    for pipe in ["gate", "far"] {
        assert!(std::process::Command::new("mkfifo").arg(machine.path(pipe)).status().unwrap().success());
    }
    let objects = Arc::new(Slow { inner: machine.objects.clone(), pipe: machine.path("far") });
    let env = Env { objects, ..machine.env() };
    let hosting = Arc::new(Hosting::new(env, Arc::new(NoEnvironment), config));
    let gate = machine.path("gate").to_str().unwrap().to_owned();
    let mut plan = plan;
    for container in &mut plan.containers {
        container.image.clone_from(&image);
        container.environment.insert("GATE".into(), gate.clone());
    }
    deploy(&hosting, vec![plan]).await.unwrap();
    Site { machine, hosting }
}

pub fn many(cached: bool, env: &[(&str, &str)]) -> VariantPlan {
    let uri = "s3://models/all".to_owned();
    variant("v", 1.0, vec![ContainerPlan { model_data: Some(ModelData::Many { uri, cached }), ..container("", env) }])
}

pub const MINUTE: Duration = Duration::from_secs(60);
/// How long a model may take to load.
pub const LOADING: Duration = Duration::from_secs(360);

impl Site {
    pub async fn ask(&self, target: &str, body: &'static str) -> Result<Output, ApiError> {
        invoke_with(&self.hosting, json!({"TargetModel": target}), body).await
    }

    /// Asks meanwhile.
    pub fn asking(&self, target: &'static str, body: &'static str) -> JoinHandle<Result<Output, ApiError>> {
        let hosting = self.hosting.clone();
        tokio::spawn(async move { invoke_with(&hosting, json!({"TargetModel": target}), body).await })
    }

    /// Completes when someone waits at the pipe, for what is given then: dropping it lets them go on.
    pub async fn at(&self, pipe: &str) -> File {
        // Opening to write waits for somebody who opens to read.
        let pipe = self.machine.path(pipe);
        let opened = tokio::task::spawn_blocking(move || File::create(pipe).unwrap());
        soon("somebody at the pipe", opened).await.unwrap()
    }

    pub async fn answers(&self, targets: &[&str]) {
        for target in targets {
            let output = self.ask(&format!("{target}.tar.gz"), "x").await.unwrap();
            let weights = 1 + target.as_bytes()[0] - b'a';
            assert_eq!(text(&output), format!("{target}.tar.gz:{weights}:x"));
        }
    }

    pub fn lines(&self) -> Vec<String> {
        let streams = self.machine.logs.streams(ACCOUNT, REGION, GROUP);
        streams.iter().flat_map(|stream| self.machine.lines(GROUP, stream)).collect()
    }

    /// What the servers told, once they have ended.
    pub async fn told(&self) -> Vec<String> {
        self.hosting.shutdown().await;
        self.lines()
    }

    pub async fn until(&self, what: &str, there: impl Fn() -> bool) {
        soon(what, async {
            while !there() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Folders of models on this machine.
    pub fn folders(&self) -> Vec<PathBuf> {
        let below = |path: PathBuf| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let bases = below(self.machine.path("work/hosting")).flat_map(below).flat_map(below).flat_map(below);
        bases.flat_map(|base| below(base.join("models"))).collect()
    }

    pub async fn until_folders(&self, count: usize) {
        self.until("the folders' end", || self.folders().len() == count).await;
    }
}
