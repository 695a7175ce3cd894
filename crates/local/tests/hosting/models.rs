//! Servers of many models.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use sagewright_local::objects::{ObjectError, ObjectInfo, Objects};
use tokio::task::JoinHandle;

use super::*;

/// A server by SageMaker's contract for multi-model containers, which tells what it loads and unloads.
const SERVER: &str = r#"
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
    inner: Arc<runner_support::MemoryObjects>,
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

struct Site {
    machine: Machine,
    hosting: Arc<Hosting>,
}

/// An endpoint with the models a, b, c and some that cannot be loaded.
async fn site(plan: VariantPlan, config: HostingConfig) -> Site {
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
    let env = sagewright_local::env::Env { objects, ..machine.env() };
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

fn many(cached: bool, env: &[(&str, &str)]) -> VariantPlan {
    let uri = "s3://models/all".to_owned();
    variant("v", 1.0, vec![ContainerPlan { model_data: Some(ModelData::Many { uri, cached }), ..container("", env) }])
}

const MINUTE: Duration = Duration::from_secs(60);
/// How long a model may take to load.
const LOADING: Duration = Duration::from_secs(360);

impl Site {
    async fn ask(&self, target: &str, body: &'static str) -> Result<Output, ApiError> {
        invoke_with(&self.hosting, json!({"TargetModel": target}), body).await
    }

    /// Asks meanwhile.
    fn asking(&self, target: &'static str, body: &'static str) -> JoinHandle<Result<Output, ApiError>> {
        let hosting = self.hosting.clone();
        tokio::spawn(async move { invoke_with(&hosting, json!({"TargetModel": target}), body).await })
    }

    /// Completes when someone waits at the pipe, for what is given then: dropping it lets them go on.
    async fn at(&self, pipe: &str) -> File {
        // Opening to write waits for somebody who opens to read.
        let pipe = self.machine.path(pipe);
        let opened = tokio::task::spawn_blocking(move || File::create(pipe).unwrap());
        soon("somebody at the pipe", opened).await.unwrap()
    }

    async fn answers(&self, targets: &[&str]) {
        for target in targets {
            let output = self.ask(&format!("{target}.tar.gz"), "x").await.unwrap();
            let weights = 1 + target.as_bytes()[0] - b'a';
            assert_eq!(text(&output), format!("{target}.tar.gz:{weights}:x"));
        }
    }

    fn lines(&self) -> Vec<String> {
        let streams = self.machine.logs.streams(ACCOUNT, REGION, GROUP);
        streams.iter().flat_map(|stream| self.machine.lines(GROUP, stream)).collect()
    }

    /// What the servers told, once they have ended.
    async fn told(&self) -> Vec<String> {
        self.hosting.shutdown().await;
        self.lines()
    }

    async fn until(&self, what: &str, there: impl Fn() -> bool) {
        soon(what, async {
            while !there() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Folders of models on this machine.
    fn folders(&self) -> Vec<PathBuf> {
        let below = |path: PathBuf| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let bases = below(self.machine.path("work/hosting")).flat_map(below).flat_map(below).flat_map(below);
        bases.flat_map(|base| below(base.join("models"))).collect()
    }

    async fn until_folders(&self, count: usize) {
        self.until("the folders' end", || self.folders().len() == count).await;
    }
}

#[tokio::test]
async fn models_are_loaded_when_they_are_first_asked_for() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    assert!(site.folders().is_empty());
    site.answers(&["b", "a", "b", "a"]).await;
    let all = futures_util::future::join_all((0..20).map(|_| site.ask("/c.tar.gz", "x"))).await;
    assert!(all.into_iter().all(|answer| text(&answer.unwrap()) == "/c.tar.gz:3:x"), "loaded once for all who wait");
    site.answers(&["c"]).await;
    // What is loaded stays, whatever S3 has meanwhile.
    put_model(&site.machine, "all/a.tar.gz", "new");
    site.answers(&["a"]).await;
    assert_eq!(site.told().await, ["load 2", "load 1", "load 3"]);
}

#[tokio::test]
async fn models_that_cannot_be_loaded_are_told_and_the_others_serve() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    let error = site.ask("missing.tar.gz", "x").await.unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("ValidationError", 400));
    assert_eq!(
        error.message,
        "Failed to download model data(bucket: models, key: all/missing.tar.gz). Please ensure that there is an \
         object located at the URL and that the role passed to CreateModel has permissions to download the model."
    );
    let error = site.ask("text.tar.gz", "x").await.unwrap_err();
    assert!(error.message.starts_with("Failed to extract model data archive for container \"primary\""), "{error}");
    let error = site.ask("broken.tar.gz", "x").await.unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("ModelError", 424));
    assert!(error.message.contains("server error (500) from primary with message \"these weights are broken\""));
    let error = invoke(&site.hosting, "x").await.unwrap_err();
    assert_eq!(error.message, "Request r is missing a target model header.");
    site.until_folders(0).await;
    // One that came later, and one that was mended, are found.
    put_model(&site.machine, "all/missing.tar.gz", "4");
    put_model(&site.machine, "all/broken.tar.gz", "5");
    for (name, weights) in [("missing", 4), ("broken", 5)] {
        let output = site.ask(&format!("{name}.tar.gz"), "x").await.unwrap();
        assert_eq!(text(&output), format!("{name}.tar.gz:{weights}:x"));
    }
    site.hosting.shutdown().await;
}

#[tokio::test]
async fn an_endpoint_of_one_model_takes_no_target() {
    let mut machine = Machine::new();
    let image = machine.python("server", super::SERVER);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    let error = invoke_with(&hosting, json!({"TargetModel": "a.tar.gz"}), "x").await.unwrap_err();
    assert_eq!(error.message, "Endpoint e is not a multi-model endpoint and does not support target model header.");
    hosting.shutdown().await;
}

#[tokio::test]
async fn what_was_unused_for_longest_goes_when_the_container_is_full() {
    let site = site(many(true, &[("CAPACITY", "2")]), HostingConfig::default()).await;
    site.answers(&["a", "b", "a", "c", "a", "b"]).await;
    let told = site.told().await;
    assert_eq!(told, ["load 1", "load 2", "full", "unload 2", "load 3", "full", "unload 3", "load 2"]);
}

#[tokio::test]
async fn a_container_that_is_too_small_for_one_model_says_so() {
    let site = site(many(true, &[("CAPACITY", "0")]), HostingConfig::default()).await;
    let error = site.ask("a.tar.gz", "x").await.unwrap_err();
    assert!(error.message.contains("server error (507) from primary with message \"no memory for it\""), "{error}");
    site.hosting.shutdown().await;
}

#[tokio::test]
async fn a_prediction_without_memory_unloads_others() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    site.answers(&["a", "b", "c"]).await;
    assert_eq!(text(&site.ask("c.tar.gz", "greedy").await.unwrap()), "c.tar.gz:3:greedy");
    assert_eq!(site.told().await, ["load 1", "load 2", "load 3", "unload 1", "unload 2"]);
}

#[tokio::test]
async fn what_was_unused_for_longest_goes_when_the_disk_is_full() {
    let config = HostingConfig { max_model_bytes: 10, ..HostingConfig::default() };
    let site = site(many(true, &[]), config).await;
    put_model(&site.machine, "all/six.tar.gz", "666666");
    put_model(&site.machine, "all/nine.tar.gz", "999999999");
    put_model(&site.machine, "all/huge.tar.gz", "too long for it");
    site.answers(&["a", "b"]).await;
    for name in ["six", "nine"] {
        site.ask(&format!("{name}.tar.gz"), "x").await.unwrap();
    }
    let error = site.ask("huge.tar.gz", "x").await.unwrap_err();
    assert!(error.message.contains("huge.tar.gz does not fit: it holds more than 10 bytes"), "{error}");
    site.until_folders(1).await;
    let mut told = site.told().await;
    told.sort();
    let loads = ["load 1", "load 2", "load 666666", "load 999999999"];
    assert_eq!(told[..4], loads);
    assert_eq!(
        told[4..],
        ["unload 1", "unload 2", "unload 666666"],
        "nothing goes for a model that is too large anyway"
    );
}

#[tokio::test]
async fn models_in_use_stay() {
    let config = HostingConfig { max_model_bytes: 10, ..HostingConfig::default() };
    let site = site(many(true, &[]), config).await;
    put_model(&site.machine, "all/ten.tar.gz", "1010101010");
    let using = site.asking("a.tar.gz", "wait");
    let gate = site.at("gate").await;
    let error = site.ask("ten.tar.gz", "x").await.unwrap_err();
    let text = "ten.tar.gz does not fit: with the models in use it takes 11 bytes, and there are 10";
    assert!(error.message.contains(text), "{error}");
    drop(gate);
    using.await.unwrap().unwrap();
    site.ask("ten.tar.gz", "x").await.unwrap();
    site.until_folders(1).await;
    let mut told = site.told().await;
    told.sort();
    assert_eq!(told, ["load 1", "load 1010101010", "unload 1"]);
}

#[tokio::test]
async fn the_disks_limit_holds_for_models_that_are_loaded_at_once() {
    let config = HostingConfig { max_model_bytes: 10, ..HostingConfig::default() };
    let site = site(many(true, &[]), config).await;
    let names: Vec<String> = (0..5).map(|n| format!("six-{n}.tar.gz")).collect();
    for name in &names {
        put_model(&site.machine, &format!("all/{name}"), "666666");
    }
    let answers = futures_util::future::join_all(names.iter().map(|name| site.ask(name, "x"))).await;
    assert!(answers.iter().any(Result::is_ok), "{answers:?}");
    site.until_folders(1).await;
    site.hosting.shutdown().await;
}

#[tokio::test]
async fn without_a_cache_a_model_goes_after_its_request() {
    let site = site(many(false, &[]), HostingConfig::default()).await;
    site.answers(&["a", "a"]).await;
    site.until_folders(0).await;
    let mut told = site.told().await;
    told.sort();
    assert_eq!(told, ["load 1", "load 1", "unload 1", "unload 1"]);
}

#[tokio::test]
async fn without_a_cache_a_model_goes_with_a_request_that_is_cut_off() {
    let site = site(many(false, &[]), HostingConfig::default()).await;
    let request = site.asking("a.tar.gz", "wait");
    let gate = site.at("gate").await;
    assert_eq!(site.folders().len(), 1);
    request.abort();
    site.until_folders(0).await;
    drop(gate);
    assert!(site.told().await.contains(&"unload 1".to_owned()));
}

#[tokio::test]
async fn a_model_that_takes_long_is_not_ready_and_later_is() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    let request = site.asking("slow.tar.gz", "x");
    let gate = site.at("gate").await;
    site.machine.clock.advance(MINUTE);
    let error = request.await.unwrap().unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("ModelNotReadyException", 429));
    site.answers(&["a"]).await;
    drop(gate);
    assert_eq!(text(&site.ask("slow.tar.gz", "x").await.unwrap()), "slow.tar.gz:slow:x");
    assert_eq!(site.told().await, ["load 1", "load slow"]);
}

#[tokio::test]
async fn a_model_that_is_never_loaded_is_given_up_and_unloaded_when_it_comes() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    let request = site.asking("slow.tar.gz", "x");
    let gate = site.at("gate").await;
    site.machine.clock.advance(LOADING);
    assert_eq!(request.await.unwrap().unwrap_err().code, "ModelNotReadyException");
    site.until_folders(0).await;
    site.answers(&["a"]).await;
    drop(gate);
    site.until("it is unloaded", || site.lines().contains(&"unload slow".to_owned())).await;
    site.hosting.shutdown().await;
}

#[tokio::test]
async fn a_slow_archive_keeps_nobody_waiting_and_leaves_nothing_when_it_is_given_up() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    let request = site.asking("far.tar.gz", "x");
    let mut archive = site.at("far").await;
    site.answers(&["a"]).await;
    site.machine.clock.advance(LOADING);
    assert_eq!(request.await.unwrap().unwrap_err().code, "ModelNotReadyException");
    let bytes = site.machine.objects.get("models", "all/far.tar.gz").unwrap();
    archive.write_all(&bytes).unwrap();
    drop(archive);
    // A pipe that nobody reads cannot be opened to write, unless one waits for a reader.
    let pipe = site.machine.path("far");
    let unread = || rustix::fs::open(&pipe, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()).is_err();
    site.until("the archive is read", unread).await;
    site.until_folders(1).await;
    let again = site.asking("far.tar.gz", "x");
    let archive = site.at("far").await;
    site.machine.clock.advance(MINUTE);
    again.await.unwrap().unwrap_err();
    soon("removing", site.hosting.remove(&key())).await;
    drop(archive);
    let left = || std::fs::read_dir(site.machine.path("work/hosting")).unwrap().count();
    site.until("the last fetch's end", || left() == 0).await;
}

#[tokio::test]
async fn requests_end_in_time_whatever_the_container_does() {
    for (mode, body, left) in [("slow to look", "forget", 2), ("slow to unload", "greedy", 1)] {
        let site = site(many(true, &[("MODE", mode)]), HostingConfig::default()).await;
        site.answers(&["a", "b"]).await;
        let request = site.asking("b.tar.gz", body);
        let gate = site.at("gate").await;
        site.machine.clock.advance(MINUTE);
        let error = soon("the answer", request).await.unwrap().unwrap_err();
        assert_eq!(error.code, "ModelError", "{mode}: {error}");
        drop(gate);
        // What was begun is brought to its end.
        site.until_folders(left).await;
        soon("removing", site.hosting.remove(&key())).await;
    }
}

#[tokio::test]
async fn a_server_that_takes_no_connections_is_looked_after_and_others_load() {
    let site = site(VariantPlan { copies: 2, ..many(true, &[]) }, HostingConfig::default()).await;
    site.answers(&["a"]).await;
    site.ask("a.tar.gz", "deaf").await.unwrap();
    site.until("it hears nothing", || site.lines().contains(&"deaf".to_owned())).await;
    site.answers(&["b", "c"]).await;
    soon("the supervisor", site.machine.clock.sleeping(Duration::from_secs(240))).await;
    site.hosting.shutdown().await;
}

#[tokio::test]
async fn the_container_is_told_which_model_was_asked_for() {
    let site = site(many(true, &[("MODE", "tell")]), HostingConfig::default()).await;
    site.answers(&["a"]).await;
    assert_eq!(site.told().await, ["load 1", "a.tar.gz"]);
}

#[tokio::test]
async fn a_container_of_one_model_beside_one_of_many_is_asked_without_a_target() {
    let mut machine = Machine::new();
    let (one, all) = (machine.python("one", super::SERVER), machine.python("all", SERVER));
    put_model(&machine, "all/a.tar.gz", "1");
    let hosting = hosting(&machine);
    let named = |host: &str, plan: ContainerPlan| ContainerPlan { hostname: Some(host.into()), ..plan };
    let many = ModelData::Many { uri: "s3://models/all/".into(), cached: true };
    let containers = vec![
        named("one", container(&one, &[("NAME", "one")])),
        named("all", ContainerPlan { model_data: Some(many), ..container(&all, &[]) }),
    ];
    deploy(&hosting, vec![VariantPlan { direct: true, ..variant("v", 1.0, containers) }]).await.unwrap();
    let output = invoke_with(&hosting, json!({"TargetContainerHostname": "one"}), "x").await.unwrap();
    assert_eq!(text(&output), "one(x)");
    let both = json!({"TargetContainerHostname": "all", "TargetModel": "a.tar.gz"});
    assert_eq!(text(&invoke_with(&hosting, both, "x").await.unwrap()), "a.tar.gz:1:x");
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_server_that_comes_back_loads_its_models_again() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    site.answers(&["a", "b"]).await;
    site.ask("a.tar.gz", "die").await.unwrap_err();
    let pause = Duration::from_secs(1);
    soon("the supervisor", site.machine.clock.sleeping(pause)).await;
    site.machine.clock.advance(pause);
    soon("an answer", async {
        while site.ask("b.tar.gz", "x").await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    site.answers(&["b"]).await;
    assert_eq!(site.folders().len(), 1, "of the server before nothing is left");
    assert_eq!(site.told().await, ["load 1", "load 2", "load 2"]);
}

#[tokio::test]
async fn a_model_that_the_container_lost_is_loaded_again_once() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    site.answers(&["a"]).await;
    let error = site.ask("a.tar.gz", "forget").await.unwrap_err();
    assert!(error.message.contains("client error (404) from primary with message \"forgotten\""), "{error}");
    site.answers(&["a"]).await;
    assert_eq!(site.told().await, ["load 1", "load 1", "load 1"]);
}

#[tokio::test]
async fn a_copy_that_has_the_model_is_asked_first() {
    let site = site(VariantPlan { copies: 2, ..many(true, &[]) }, HostingConfig::default()).await;
    for _ in 0..5 {
        site.answers(&["a", "b"]).await;
    }
    let mut told = site.told().await;
    told.sort();
    assert_eq!(told, ["load 1", "load 2"]);
}
