//! Answers that are streamed: piece by piece, and what becomes of them when one side goes away.

use std::fs::File;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use sagewright_cloud::api::{ApiError, Handler, Output};
use sagewright_cloud::events::StreamEvent;
use sagewright_cloud::hosting::Hosting;
use sagewright_cloud::sagemaker::ports::{ContainerPlan, VariantPlan};
use serde_json::{Value, json};

use super::support::*;
use crate::runner_support::{Machine, soon};

/// A model server that answers in chunks, and waits at a pipe between them.
const CHUNKS: &str = r#"
import http.server, os, signal, sys
gate = os.environ["GATE"]
def say(text): sys.stdout.write(text + "\n"); sys.stdout.flush()
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def log_message(self, *_): pass
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def chunk(self, data): self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if body == b"late": open(gate).read()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", self.headers.get("Accept", "-"))
        self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
        self.chunk(b"one:" + body)
        open(gate).read()
        if body == b"die": os._exit(7)
        try:
            while body == b"endless": self.chunk(b"x" * 65536)
        except OSError:
            say("the caller is gone"); self.close_connection = True; return
        self.chunk(b"two"); self.chunk(b"")
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
server.daemon_threads = True
server.serve_forever()
"#;

fn chunks() -> (Machine, VariantPlan, std::sync::Arc<Hosting>) {
    let mut machine = Machine::new();
    let image = machine.python("chunks", CHUNKS);
    assert!(std::process::Command::new("mkfifo").arg(machine.path("gate")).status().unwrap().success());
    let gate = machine.path("gate").to_str().unwrap().to_owned();
    let hosting = hosting(&machine);
    (machine, variant("v", 1.0, vec![container(&image, &[("GATE", &gate)])]), hosting)
}

/// Lets the server go on.
async fn go_on(machine: &Machine) {
    let pipe = machine.path("gate");
    soon("the server at the pipe", tokio::task::spawn_blocking(move || drop(File::create(pipe).unwrap())))
        .await
        .unwrap();
}

async fn ask(hosting: &Hosting, more: Value, body: &'static str) -> Result<Output, ApiError> {
    let mut input = json!({"EndpointName": "e"});
    for (key, value) in more.as_object().unwrap() {
        input[key] = value.clone();
    }
    soon("an answer", hosting.call(call("InvokeEndpointWithResponseStream", input, body))).await
}

fn events(output: &Output) -> BoxStream<'static, StreamEvent> {
    output.events.as_ref().expect("a stream").take().expect("it was not taken")
}

fn part(text: &'static str) -> Option<StreamEvent> {
    Some(StreamEvent::Bytes { name: "PayloadPart", payload: Bytes::from_static(text.as_bytes()) })
}

#[tokio::test]
async fn pieces_come_as_the_model_sends_them() {
    let (machine, plan, hosting) = chunks();
    deploy(&hosting, vec![plan]).await.unwrap();
    let output = ask(&hosting, json!({"Accept": "text/x"}), "a").await.unwrap();
    let told =
        json!({"InvokedProductionVariant": "v", "ContentType": "text/event-stream", "CustomAttributes": "text/x"});
    assert_eq!(output.value, told);
    let mut events = events(&output);
    assert_eq!(soon("the first piece", events.next()).await, part("one:a"));
    // The server has not sent more yet: it waits at the pipe.
    go_on(&machine).await;
    assert_eq!(soon("the second piece", events.next()).await, part("two"));
    assert_eq!(soon("the end", events.next()).await, None);
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_model_that_dies_in_the_middle_is_told_as_an_error_of_the_stream() {
    let (machine, plan, hosting) = chunks();
    deploy(&hosting, vec![plan]).await.unwrap();
    let output = ask(&hosting, json!({}), "die").await.unwrap();
    let mut events = events(&output);
    assert_eq!(soon("the first piece", events.next()).await, part("one:die"));
    go_on(&machine).await;
    let Some(StreamEvent::Error { name, body }) = soon("the error", events.next()).await else { panic!("no error") };
    assert_eq!((name, &body["ErrorCode"]), ("ModelStreamError", &json!("StreamBroken")));
    assert_eq!(soon("the end", events.next()).await, None);
    hosting.shutdown().await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_ends_with_an_error() {
    let (machine, plan, hosting) = chunks();
    deploy(&hosting, vec![plan]).await.unwrap();
    let output = ask(&hosting, json!({}), "a").await.unwrap();
    let mut events = events(&output);
    assert_eq!(soon("the first piece", events.next()).await, part("one:a"));
    let (event, ()) = tokio::join!(soon("the error", events.next()), async {
        machine.clock.sleeping(Duration::from_secs(480)).await;
        machine.clock.advance(Duration::from_secs(480));
    });
    let Some(StreamEvent::Error { body, .. }) = event else { panic!("no error") };
    assert_eq!(body["ErrorCode"], "ModelInvocationTimeExceeded");
    drop(events);
    // One that does not begin to answer is an error of the request.
    let (late, ()) = tokio::join!(ask(&hosting, json!({}), "late"), async {
        machine.clock.sleeping(Duration::from_secs(60)).await;
        machine.clock.advance(Duration::from_secs(60));
    });
    let error = late.unwrap_err();
    assert_eq!((&*error.code, &error.members["OriginalStatusCode"]), ("ModelError", &json!(0)));
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_the_request() {
    let (machine, plan, hosting) = chunks();
    deploy(&hosting, vec![plan]).await.unwrap();
    let output = ask(&hosting, json!({}), "endless").await.unwrap();
    let mut events = events(&output);
    assert_eq!(soon("the first piece", events.next()).await, part("one:endless"));
    go_on(&machine).await;
    assert!(soon("more", events.next()).await.is_some());
    drop(events);
    soon("the server's word", async {
        while machine.lines(GROUP, "v/") != ["the caller is gone"] {
            tokio::task::yield_now().await;
        }
    })
    .await;
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_pipeline_streams_what_its_last_container_answers() {
    let (_machine, image, hosting) = stage();
    let stage = |name: &str| ContainerPlan { hostname: Some(name.into()), ..container(&image, &[("NAME", name)]) };
    deploy(&hosting, vec![variant("v", 1.0, vec![stage("clean"), stage("predict")])]).await.unwrap();
    let output = ask(&hosting, json!({}), "x").await.unwrap();
    let pieces: Vec<_> = events(&output).collect().await;
    assert_eq!(pieces, [part("predict(clean(x))").unwrap()]);
    let error = ask(&hosting, json!({}), "bad").await.unwrap_err();
    assert!(error.message.starts_with("Received client error (400) from clean with message"), "{}", error.message);
    let error = ask(&hosting, json!({"PrefixAwareId": "x"}), "x").await.unwrap_err();
    assert!(error.message.starts_with("PrefixAwareId is not supported"), "{}", error.message);
    hosting.shutdown().await;
}
