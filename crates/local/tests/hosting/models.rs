//! Servers of many models.

use std::path::PathBuf;

use super::*;

/// A server by SageMaker's contract for multi-model containers, which tells what it loads and unloads.
const SERVER: &str = r#"
import http.server, json, os, signal, sys
assert os.environ["SAGEMAKER_MULTI_MODEL"] == "true"
capacity = int(os.environ.get("CAPACITY", "100"))
models = {}
def say(text): print(text); sys.stdout.flush()
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
        self.reply(200 if name in models else 404)
    def do_DELETE(self):
        say("unload " + models.pop(self.path.rpartition("/")[2])); self.reply(200)
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path == "/models":
            told = json.loads(body)
            weights = open(os.path.join(told["url"], "weights")).read()
            if os.path.exists(weights) and os.environ.get("WAIT") != "invoke": weights = open(weights).read()
            if weights == "broken": return self.reply(500, b"these weights are broken")
            if len(models) >= capacity: say("full"); return self.reply(507, b"no memory for it")
            assert told["model_name"] not in models
            models[told["model_name"]] = weights
            say("load " + weights)
            return self.reply(200)
        _, _, name, verb = self.path.split("/")
        assert verb == "invoke"
        if name not in models: return self.reply(404, b"unknown model")
        if body == b"die": os._exit(7)
        if body == b"wait": body = open(models[name], "rb").read()
        if body == b"forget": models.pop(name); return self.reply(404, b"forgotten")
        if body == b"greedy" and len(models) > 1: return self.reply(507, b"no memory to predict")
        target = self.headers["X-Amzn-SageMaker-Target-Model"]
        self.reply(200, b"%s:%s:%s" % (target.encode(), models[name].encode(), body))
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
server.daemon_threads = True
server.serve_forever()
"#;

struct Site {
    machine: Machine,
    hosting: Arc<Hosting>,
}

/// An endpoint with the models a, b, c and some that cannot be loaded.
async fn site(plan: VariantPlan, config: HostingConfig) -> Site {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    for (name, weights) in [("a", "1"), ("b", "2"), ("c", "3"), ("broken", "broken")] {
        put_model(&machine, &format!("all/{name}.tar.gz"), weights);
    }
    machine.objects.put("models", "all/text.tar.gz", "no archive");
    let hosting = Arc::new(Hosting::new(machine.env(), Arc::new(NoEnvironment), config));
    let containers = plan.containers.into_iter().map(|c| ContainerPlan { image: image.clone(), ..c }).collect();
    deploy(&hosting, vec![VariantPlan { containers, ..plan }]).await.unwrap();
    Site { machine, hosting }
}

fn many(cached: bool, env: &[(&str, &str)]) -> VariantPlan {
    let uri = "s3://models/all".to_owned();
    variant("v", 1.0, vec![ContainerPlan { model_data: Some(ModelData::Many { uri, cached }), ..container("", env) }])
}

impl Site {
    async fn ask(&self, target: &str, body: &'static str) -> Result<Output, ApiError> {
        invoke_with(&self.hosting, json!({"TargetModel": target}), body).await
    }

    /// A pipe as a model's weights; programs wait until someone writes into it.
    fn pipe(&self, name: &str) -> PathBuf {
        let pipe = self.machine.path("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        put_model(&self.machine, &format!("all/{name}.tar.gz"), pipe.to_str().unwrap());
        pipe
    }

    /// Completes when no model's files are left.
    async fn no_folders(&self) {
        soon("the folders' end", async {
            while !self.folders().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn answers(&self, targets: &[&str]) {
        for target in targets {
            let output = self.ask(&format!("{target}.tar.gz"), "x").await.unwrap();
            let weights = 1 + target.as_bytes()[0] - b'a';
            assert_eq!(text(&output), format!("{target}.tar.gz:{weights}:x"));
        }
    }

    /// What the servers told, once they have ended.
    async fn told(&self) -> Vec<String> {
        self.hosting.shutdown().await;
        let streams = self.machine.logs.streams(ACCOUNT, REGION, GROUP);
        streams.iter().flat_map(|stream| self.machine.lines(GROUP, stream)).collect()
    }

    /// Folders of models on this machine.
    fn folders(&self) -> Vec<PathBuf> {
        let pattern = self.machine.path("work/hosting");
        let below = |path: PathBuf| std::fs::read_dir(path).into_iter().flatten().map(|e| e.unwrap().path());
        let bases = below(pattern).flat_map(below).flat_map(below).flat_map(below);
        bases.flat_map(|base| below(base.join("models"))).collect()
    }
}

#[tokio::test]
async fn models_are_loaded_when_they_are_first_asked_for() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    assert!(site.folders().is_empty());
    site.answers(&["b", "a", "b", "a"]).await;
    let all = futures_util::future::join_all((0..20).map(|_| site.ask("/c.tar.gz", "x"))).await;
    assert!(all.into_iter().all(|answer| text(&answer.unwrap()) == "/c.tar.gz:3:x"), "loaded once for all who wait");
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
    site.no_folders().await;
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
    let told = site.told().await;
    assert_eq!(
        told,
        [
            "load 1",
            "load 2",
            "load 666666",
            "unload 1",
            "unload 2",
            "unload 666666",
            "load 999999999",
            "unload 999999999"
        ]
    );
}

#[tokio::test]
async fn without_a_cache_a_model_goes_after_its_request() {
    let site = site(many(false, &[]), HostingConfig::default()).await;
    site.answers(&["a", "a"]).await;
    site.no_folders().await;
    let mut told = site.told().await;
    told.sort();
    assert_eq!(told, ["load 1", "load 1", "unload 1", "unload 1"]);
}

#[tokio::test]
async fn without_a_cache_a_model_goes_with_a_request_that_is_cut_off() {
    let site = Arc::new(site(many(false, &[("WAIT", "invoke")]), HostingConfig::default()).await);
    let pipe = site.pipe("slow");
    let request = tokio::spawn({
        let site = site.clone();
        async move { site.ask("slow.tar.gz", "wait").await }
    });
    // Opening to write waits for the server to open to read: the request is there.
    let opened = tokio::task::spawn_blocking(move || std::fs::File::create(pipe).unwrap());
    let writer = soon("the request", opened).await.unwrap();
    assert_eq!(site.folders().len(), 1);
    request.abort();
    site.no_folders().await;
    drop(writer);
    assert!(site.told().await.iter().any(|line| line.starts_with("unload ")));
}

#[tokio::test]
async fn a_model_that_is_never_loaded_is_given_up() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    let pipe = site.pipe("slow");
    let loading = Duration::from_secs(360);
    let (late, writer) = tokio::join!(site.ask("slow.tar.gz", "x"), async {
        let opened = tokio::task::spawn_blocking(move || std::fs::File::create(pipe).unwrap());
        let writer = soon("the load", opened).await.unwrap();
        site.machine.clock.sleeping(loading).await;
        site.machine.clock.advance(loading);
        writer
    });
    assert_eq!(late.unwrap_err().code, "ModelNotReadyException");
    site.no_folders().await;
    site.answers(&["a"]).await;
    drop(writer);
    site.hosting.shutdown().await;
}

#[tokio::test]
async fn a_model_that_takes_long_is_not_ready_and_later_is() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    let pipe = site.pipe("slow");
    let timeout = Duration::from_secs(60);
    let (late, ()) = tokio::join!(site.ask("slow.tar.gz", "x"), async {
        site.machine.clock.sleeping(Duration::from_secs(360)).await;
        site.machine.clock.sleeping(timeout).await;
        site.machine.clock.advance(timeout);
    });
    let error = late.unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("ModelNotReadyException", 429));
    site.answers(&["a"]).await;
    soon("the weights", tokio::task::spawn_blocking(move || std::fs::write(pipe, "late"))).await.unwrap().unwrap();
    assert_eq!(text(&site.ask("slow.tar.gz", "x").await.unwrap()), "slow.tar.gz:late:x");
    assert_eq!(site.told().await, ["load 1", "load late"]);
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
