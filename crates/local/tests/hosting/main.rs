//! Endpoints: deployment, routing, the runtime API and its errors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod models;
#[path = "../runner_support/mod.rs"]
mod runner_support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use runner_support::{ACCOUNT, Machine, REGION, Role, soon};
use sagewright_local::api::{ApiError, Call, Caller, Handler, Output};
use sagewright_local::hosting::{Hosting, HostingConfig};
use sagewright_local::runner::NoEnvironment;
use sagewright_local::sagemaker::ports::{ContainerPlan, EndpointKey, Host, ModelData, VariantPlan};
use serde_json::{Value, json};

const GROUP: &str = "/aws/sagemaker/Endpoints/e";

/// A model server that does as its environment and its requests say.
const SERVER: &str = r#"
import http.server, os, signal, sys
assert sys.argv[1:] == ["serve"], sys.argv
base = os.environ["SAGEMAKER_BASE_DIR"]
mode = os.environ.get("MODE", "")
name = os.environ.get("NAME", "")
model = os.path.join(base, "model", "weights")
weights = open(model).read() if os.path.exists(model) else ""
if mode == "exit":
    print("cannot load the model"); sys.exit(3)
def end(*_):
    print("bye " + name); sys.stdout.flush(); os._exit(0)
signal.signal(signal.SIGTERM, end)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def log_message(self, *_): pass
    def reply(self, status, body, headers={}):
        self.send_response(status)
        for key, value in headers.items(): self.send_header(key, value)
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_GET(self):
        self.reply(500 if mode == "sick" else 200, b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if body == b"die": os._exit(7)
        if body == b"mute":
            global mode
            mode = "sick"; self.close_connection = True
            return self.connection.shutdown(2)
        if body == b"hang": signal.pause()
        if body == b"bad": return self.reply(400, b"no such column")
        if body == b"broken": return self.reply(500, b"it broke")
        if body == b"env": body = repr(sorted(os.environ)).encode()
        if body == b"role": body = os.environ.get("SEEN_ROLE", "nobody").encode()
        text = b"%s(%s%s)" % (name.encode(), weights.encode(), body)
        seen = {k: self.headers.get(k, "-") for k in ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes")}
        self.reply(200, text, {
            "Content-Type": "text/" + (name or "plain"),
            "X-Amzn-SageMaker-Custom-Attributes": "|".join(seen.values()),
        })
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
server = Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
print("listening"); sys.stdout.flush()
server.serve_forever()
"#;

fn hosting(machine: &Machine) -> Arc<Hosting> {
    Arc::new(Hosting::new(machine.env(), Arc::new(NoEnvironment), HostingConfig::default()))
}

fn key() -> EndpointKey {
    EndpointKey { account: ACCOUNT.into(), region: REGION.into(), name: "e".into() }
}

fn container(image: &str, env: &[(&str, &str)]) -> ContainerPlan {
    ContainerPlan {
        hostname: None,
        image: image.into(),
        model_data: None,
        environment: env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>(),
    }
}

fn variant(name: &str, weight: f64, containers: Vec<ContainerPlan>) -> VariantPlan {
    VariantPlan {
        name: name.into(),
        weight,
        copies: 1,
        startup_timeout: Duration::from_secs(240),
        role_arn: None,
        isolated: false,
        direct: false,
        containers,
    }
}

async fn deploy(hosting: &Hosting, variants: Vec<VariantPlan>) -> Result<(), String> {
    let arn = format!("arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/e");
    soon("deploying", hosting.deploy(key(), arn, variants)).await
}

fn call(operation: &str, input: Value, body: impl Into<Bytes>) -> Call {
    let service = sagewright_model::service("sagemaker-runtime").unwrap();
    Call {
        caller: Caller {
            account: ACCOUNT.into(),
            principal_arn: String::new(),
            user_id: String::new(),
            access_key: String::new(),
        },
        region: REGION.into(),
        service,
        operation: service.operation(operation).unwrap(),
        input,
        now: jiff::Timestamp::UNIX_EPOCH,
        request_id: "r".into(),
        payload: body.into(),
    }
}

async fn invoke_with(hosting: &Hosting, more: Value, body: &'static str) -> Result<Output, ApiError> {
    let mut input = json!({"EndpointName": "e"});
    for (key, value) in more.as_object().unwrap() {
        input[key] = value.clone();
    }
    soon("invoking", hosting.call(call("InvokeEndpoint", input, body))).await
}

async fn invoke(hosting: &Hosting, body: &'static str) -> Result<Output, ApiError> {
    invoke_with(hosting, json!({}), body).await
}

fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.payload).unwrap()
}

/// A model's archive in S3.
fn put_model(machine: &Machine, key: &str, weights: &str) {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    let mut header = tar::Header::new_gnu();
    header.set_size(weights.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "weights", weights.as_bytes()).unwrap();
    machine.objects.put("models", key, archive.into_inner().unwrap().finish().unwrap());
}

fn model(machine: &Machine, key: &str, weights: &str) -> ModelData {
    put_model(machine, key, weights);
    ModelData::TarGz(format!("s3://models/{key}"))
}

#[tokio::test]
async fn an_endpoint_answers_with_its_model_and_is_gone_after_removal() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let mut plan = container(&image, &[("NAME", "m")]);
    plan.model_data = Some(model(&machine, "model.tar.gz", "w1:"));
    let hosting = hosting(&machine);
    deploy(&hosting, vec![variant("AllTraffic", 1.0, vec![plan])]).await.unwrap();
    let more = json!({"ContentType": "text/csv", "Accept": "application/json", "CustomAttributes": "c=1"});
    let output = invoke_with(&hosting, more, "1,2").await.unwrap();
    assert_eq!(text(&output), "m(w1:1,2)");
    assert_eq!(
        output.value,
        json!({
            "InvokedProductionVariant": "AllTraffic",
            "ContentType": "text/m",
            "CustomAttributes": "text/csv|application/json|c=1",
        })
    );
    soon("removing", hosting.remove(&key())).await;
    assert_eq!(machine.lines(GROUP, "AllTraffic/i-"), ["listening", "bye m"]);
    let error = invoke(&hosting, "x").await.unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("ValidationError", 400));
    assert_eq!(error.message, "Endpoint e of account 000000000000 not found.");
    let left: Vec<_> = std::fs::read_dir(machine.path("work/hosting")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn containers_act_as_the_models_role_unless_they_are_isolated() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = Arc::new(Hosting::new(machine.env(), Arc::new(Role), HostingConfig::default()));
    let role = Some("arn:aws:iam::000000000000:role/server".to_owned());
    let open = VariantPlan { role_arn: role.clone(), ..named(&image, "open", 1.0) };
    let isolated = VariantPlan { role_arn: role, isolated: true, ..named(&image, "isolated", 1.0) };
    deploy(&hosting, vec![open, isolated]).await.unwrap();
    for (variant, role) in [("open", "arn:aws:iam::000000000000:role/server"), ("isolated", "nobody")] {
        let output = invoke_with(&hosting, json!({"TargetVariant": variant}), "role").await.unwrap();
        assert_eq!(text(&output), format!("{variant}({role})"));
    }
    hosting.shutdown().await;
}

fn named(image: &str, name: &str, weight: f64) -> VariantPlan {
    variant(name, weight, vec![container(image, &[("NAME", name)])])
}

async fn counts(hosting: &Hosting, requests: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..requests {
        let output = invoke(hosting, "x").await.unwrap();
        let variant = output.value["InvokedProductionVariant"].as_str().unwrap().to_owned();
        assert_eq!(text(&output), format!("{variant}(x)"), "the named variant answered");
        *counts.entry(variant).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn traffic_follows_the_weights_and_the_target_variant() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "blue", 3.0), named(&image, "green", 1.0)]).await.unwrap();
    assert_eq!(counts(&hosting, 40).await, [("blue".to_owned(), 30), ("green".to_owned(), 10)].into());
    hosting.set_weights(&key(), &[("blue".into(), 0.0), ("green".into(), 5.0)]);
    assert_eq!(counts(&hosting, 10).await, [("green".to_owned(), 10)].into());
    let output = invoke_with(&hosting, json!({"TargetVariant": "blue"}), "x").await.unwrap();
    assert_eq!(text(&output), "blue(x)");
    let error = invoke_with(&hosting, json!({"TargetVariant": "red"}), "x").await.unwrap_err();
    assert_eq!(error.message, "Could not find variant red for endpoint e of account 000000000000.");
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_pings_fails_the_deployment_and_what_serves_serves_on() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "blue", 1.0)]).await.unwrap();
    let text_of = |variant: &str| {
        format!(
            "The primary container for production variant {variant} did not pass the ping health check. Please check \
             CloudWatch logs for this endpoint."
        )
    };
    let exits = variant("exits", 1.0, vec![container(&image, &[("MODE", "exit")])]);
    assert_eq!(deploy(&hosting, vec![exits]).await.unwrap_err(), text_of("exits"));
    assert_eq!(machine.lines(GROUP, "exits/"), ["cannot load the model"]);
    let sick = variant("sick", 1.0, vec![container(&image, &[("MODE", "sick")])]);
    let timeout = Duration::from_secs(240);
    let (end, ()) = tokio::join!(deploy(&hosting, vec![sick]), async {
        // blue still sleeps on nothing; only the sick server's start is timed.
        machine.clock.sleeping(timeout).await;
        machine.clock.advance(timeout);
    });
    assert_eq!(end.unwrap_err(), text_of("sick"));
    assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "blue(x)");
    hosting.shutdown().await;
}

#[tokio::test]
async fn models_and_images_that_are_not_there_are_told() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    machine.objects.put("models", "text.tar.gz", "this is no archive");
    let hosting = hosting(&machine);
    let with = |data: ModelData| {
        let mut plan = container(&image, &[]);
        plan.model_data = Some(data);
        vec![variant("v", 1.0, vec![plan])]
    };
    for (variants, part) in [
        (
            with(ModelData::TarGz("s3://models/gone.tar.gz".into())),
            "Failed to download model data for container \"primary\" from URL: \"s3://models/gone.tar.gz\"",
        ),
        (
            with(ModelData::TarGz("s3://models/text.tar.gz".into())),
            "Failed to extract model data archive for container \"primary\" from URL \"s3://models/text.tar.gz\"",
        ),
        (with(ModelData::Prefix("s3://models/none/".into())), "there is no object below it"),
        (vec![variant("v", 1.0, vec![container("me/mine:1", &[])])], "cannot run image 'me/mine:1'"),
        (vec![variant("v", 1.0, vec![])], "Variant v has 0 containers"),
    ] {
        let reason = deploy(&hosting, variants).await.unwrap_err();
        assert!(reason.contains(part), "expected {part}, got {reason}");
    }
    let error = invoke(&hosting, "x").await.unwrap_err();
    assert_eq!(error.message, "Endpoint e of account 000000000000 not found.", "a failed endpoint does not serve");
    machine.objects.put("models", "tree/weights", "w2:");
    deploy(&hosting, with(ModelData::Prefix("s3://models/tree/".into()))).await.unwrap();
    assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "(w2:x)");
    hosting.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_update_under_load_loses_no_request() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "blue", 1.0)]).await.unwrap();
    let (running, green) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (hosting, running, green) = (hosting.clone(), running.clone(), green.clone());
            tokio::spawn(async move {
                while running.load(Ordering::Relaxed) {
                    let output = invoke(&hosting, "x").await.unwrap();
                    if text(&output) == "green(x)" {
                        green.fetch_add(1, Ordering::Relaxed);
                    } else {
                        assert_eq!(text(&output), "blue(x)");
                    }
                }
            })
        })
        .collect();
    deploy(&hosting, vec![named(&image, "green", 1.0)]).await.unwrap();
    let switched = async {
        while green.load(Ordering::Relaxed) < 200 {
            tokio::task::yield_now().await;
        }
    };
    soon("the switch", switched).await;
    running.store(false, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    soon("removing", hosting.remove(&key())).await;
    assert_eq!(machine.lines(GROUP, "blue/"), ["listening", "bye blue"], "the old server was stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_keeps_its_server_until_it_is_answered() {
    let mut machine = Machine::new();
    let pipe = machine.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Answers one request only when someone writes into the pipe.
    let server = SERVER.replace(
        "if body == b\"hang\": signal.pause()",
        &format!(
            "if body == b\"hang\": print('waiting'); sys.stdout.flush(); body = open('{}', 'rb').read()",
            pipe.display()
        ),
    );
    let image = machine.python("server", &server);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "blue", 1.0)]).await.unwrap();
    let slow = tokio::spawn({
        let hosting = hosting.clone();
        async move { invoke(&hosting, "hang").await }
    });
    // Opening to write waits for the server to open to read: the request is there.
    let opened = tokio::task::spawn_blocking(move || std::fs::File::create(pipe).unwrap());
    let mut writer = soon("the request", opened).await.unwrap();
    deploy(&hosting, vec![named(&image, "green", 1.0)]).await.unwrap();
    assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "green(x)");
    assert!(!slow.is_finished());
    std::io::Write::write_all(&mut writer, b"late").unwrap();
    drop(writer);
    assert_eq!(text(&slow.await.unwrap().unwrap()), "blue(late)");
    soon("removing", hosting.remove(&key())).await;
    assert_eq!(machine.lines(GROUP, "blue/").last().unwrap(), "bye blue");
}

async fn until_answered(hosting: &Hosting) -> Output {
    soon("an answer", async {
        loop {
            if let Ok(output) = invoke(hosting, "x").await {
                return output;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_dead_server_is_started_again_and_meanwhile_there_is_none() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    let error = invoke(&hosting, "die").await.unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("ModelError", 424));
    assert_eq!(error.members["OriginalStatusCode"], 0);
    machine.clock.sleeping(Duration::from_secs(1)).await;
    let error = invoke(&hosting, "x").await.unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("ServiceUnavailable", 503));
    machine.clock.advance(Duration::from_secs(1));
    assert_eq!(text(&until_answered(&hosting).await), "v(x)");
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_server_that_breaks_off_and_answers_no_more_pings_is_started_again() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    let error = invoke(&hosting, "mute").await.unwrap_err();
    assert!(error.message.contains("Container primary closed the connection"), "{}", error.message);
    for wait in [Duration::from_secs(240), Duration::from_secs(1)] {
        soon("the supervisor", machine.clock.sleeping(wait)).await;
        machine.clock.advance(wait);
    }
    assert_eq!(text(&until_answered(&hosting).await), "v(x)");
    hosting.shutdown().await;
    assert_eq!(machine.lines(GROUP, "v/"), ["listening", "bye v", "listening", "bye v"]);
}

#[tokio::test]
async fn other_copies_take_the_requests_of_a_dead_one() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = hosting(&machine);
    let two = VariantPlan { copies: 5, ..named(&image, "v", 1.0) };
    deploy(&hosting, vec![two]).await.unwrap();
    let streams = machine.logs.streams(ACCOUNT, REGION, GROUP);
    assert_eq!(streams.len(), 2, "copies are capped: {streams:?}");
    let first = machine.lines(GROUP, "v/");
    assert_eq!(first[0], "variant v asks for 5 instances; this machine runs 2 of them");
    invoke(&hosting, "die").await.unwrap_err();
    for _ in 0..10 {
        assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "v(x)");
    }
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_model_that_fails_or_hangs_gives_awss_model_error() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    let error = invoke(&hosting, "bad").await.unwrap_err();
    assert_eq!(
        error.message,
        "Received client error (400) from primary with message \"no such column\". See \
         https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer:group=\
         /aws/sagemaker/Endpoints/e in account 000000000000 for more information."
    );
    assert_eq!((error.code.as_ref(), error.status), ("ModelError", 424));
    assert_eq!(
        Value::Object(error.members),
        json!({
            "OriginalStatusCode": 400,
            "OriginalMessage": "no such column",
            "LogStreamArn": "arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/Endpoints/e",
        })
    );
    let error = invoke(&hosting, "broken").await.unwrap_err();
    assert!(error.message.starts_with("Received server error (500) from primary with message \"it broke\""));
    let timeout = Duration::from_secs(60);
    let (late, ()) = tokio::join!(invoke(&hosting, "hang"), async {
        machine.clock.sleeping(timeout).await;
        machine.clock.advance(timeout);
    });
    let error = late.unwrap_err();
    let text = "Received server error (0) from primary with message \"Your invocation timed out while waiting for a \
                response from container primary. Review the latency metrics";
    assert!(error.message.starts_with(text), "{}", error.message);
    assert_eq!(self::text(&invoke(&hosting, "x").await.unwrap()), "v(x)", "the server still serves");
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_pipeline_passes_the_body_on() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = hosting(&machine);
    let stage = |name: &str| ContainerPlan { hostname: Some(name.into()), ..container(&image, &[("NAME", name)]) };
    deploy(&hosting, vec![variant("v", 1.0, vec![stage("clean"), stage("predict")])]).await.unwrap();
    let more = json!({"ContentType": "text/csv", "Accept": "text/html", "CustomAttributes": "c"});
    let output = invoke_with(&hosting, more, "x").await.unwrap();
    assert_eq!(text(&output), "predict(clean(x))");
    assert_eq!(
        output.value["CustomAttributes"], "text/clean|text/html|c",
        "each gets the content type of the one before"
    );
    let error = invoke_with(&hosting, json!({"TargetContainerHostname": "clean"}), "x").await.unwrap_err();
    assert!(error.code == "ValidationError" && error.message.contains("Direct"), "{error}");
    let error = invoke(&hosting, "bad").await.unwrap_err();
    assert!(error.message.starts_with("Received client error (400) from clean with message"), "{}", error.message);
    hosting.shutdown().await;
    let streams = machine.logs.streams(ACCOUNT, REGION, GROUP);
    assert!(streams.len() == 2 && streams[0].ends_with("/clean") && streams[1].ends_with("/predict"), "{streams:?}");
}

#[tokio::test]
async fn containers_with_direct_invocation_are_asked_one_by_one() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = hosting(&machine);
    let stage = |name: &str| ContainerPlan { hostname: Some(name.into()), ..container(&image, &[("NAME", name)]) };
    let direct = VariantPlan { direct: true, ..variant("v", 1.0, vec![stage("north"), stage("south")]) };
    deploy(&hosting, vec![direct]).await.unwrap();
    for name in ["south", "north"] {
        let output = invoke_with(&hosting, json!({"TargetContainerHostname": name}), "x").await.unwrap();
        assert_eq!(text(&output), format!("{name}(x)"));
    }
    let error = invoke_with(&hosting, json!({"TargetContainerHostname": "other"}), "x").await.unwrap_err();
    assert_eq!(error.message, "Could not find container with hostname other.");
    let error = invoke(&hosting, "x").await.unwrap_err();
    assert_eq!(error.message, "Request r is missing a target container hostname header.");
    hosting.shutdown().await;
}

#[tokio::test]
async fn what_is_not_served_here_is_refused_by_name() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    for member in ["InferenceComponentName", "EnableExplanations", "SessionId"] {
        let error = invoke_with(&hosting, json!({member: "x"}), "x").await.unwrap_err();
        assert_eq!(error.code, "ValidationError");
        assert!(error.message.starts_with(&format!("{member} is not supported")), "{}", error.message);
    }
    for operation in ["InvokeEndpointAsync", "InvokeEndpointWithResponseStream"] {
        let error = hosting.call(call(operation, json!({"EndpointName": "e"}), "x")).await.unwrap_err();
        assert!(error.status == 501 && error.message.contains(operation), "{error:?}");
    }
    let large = call("InvokeEndpoint", json!({"EndpointName": "e"}), vec![b'x'; 6 * 1024 * 1024 + 1]);
    let error = hosting.call(large).await.unwrap_err();
    assert_eq!((error.status, error.message.as_str()), (413, "HTTP content length exceeded 6291456 bytes."));
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_server_that_lost_its_port_gets_another_one() {
    let mut machine = Machine::new();
    let once = machine.path("once");
    let server = format!(
        "import os, sys\nif not os.path.exists('{0}'):\n  open('{0}', 'w'); sys.exit('OSError: [Errno 98] Address already in use')\n{SERVER}",
        once.display()
    );
    let image = machine.python("server", &server);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    assert_eq!(machine.lines(GROUP, "v/"), ["OSError: [Errno 98] Address already in use", "listening"]);
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_server_that_wants_its_port_for_itself_gets_it() {
    let mut machine = Machine::new();
    let server =
        SERVER.replace("    daemon_threads = True", "    daemon_threads = True\n    allow_reuse_address = False");
    let image = machine.python("server", &server);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "v(x)");
    hosting.shutdown().await;
}

#[tokio::test]
async fn removal_ends_a_deployment_that_is_under_way() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = hosting(&machine);
    let sick = variant("sick", 1.0, vec![container(&image, &[("MODE", "sick"), ("NAME", "sick")])]);
    let (end, ()) = tokio::join!(deploy(&hosting, vec![sick]), async {
        machine.clock.sleeping(Duration::from_secs(240)).await;
        soon("removing", hosting.remove(&key())).await;
    });
    assert_eq!(end.unwrap_err(), "The endpoint was deleted while it was deployed.");
    assert!(
        !machine.path("work/hosting").exists() || std::fs::read_dir(machine.path("work/hosting")).unwrap().count() == 0
    );
}

#[tokio::test]
async fn a_server_sees_the_contracts_variables_and_none_of_the_users() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    let output = invoke(&hosting, "env").await.unwrap();
    let names: Vec<String> =
        serde_json::from_str(&text(&output)[2..text(&output).len() - 1].replace('\'', "\"")).unwrap();
    let expected = [
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_REGION",
        "HOME",
        "LANG",
        "LC_CTYPE",
        "NAME",
        "PATH",
        "PYTHONUNBUFFERED",
        "SAGEMAKER_BASE_DIR",
        "SAGEMAKER_BIND_TO_PORT",
        "SAGEWRIGHT_CONTAINER",
        "TMPDIR",
    ];
    // A version manager's wrapper of python3 may add its own.
    let known = |name: &String| {
        expected.contains(&name.as_str())
            || ["PYENV", "_PYENV", "__CF", "PWD", "SHLVL"].iter().any(|own| name.starts_with(own))
    };
    assert!(names.iter().all(known), "{names:?}");
    assert!(names.contains(&"SAGEMAKER_BIND_TO_PORT".to_owned()));
    hosting.shutdown().await;
}
