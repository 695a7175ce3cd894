//! Asynchronous invocations: the queue, what comes of requests, and what a process leaves that dies over them.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagewright_cloud::api::{ApiError, Handler, Output};
use sagewright_cloud::env::Env;
use sagewright_cloud::hosting::{Hosting, HostingConfig};
use sagewright_cloud::metrics::{Metric, Resolution, Span, Stats};
use sagewright_cloud::outbox::Outbox;
use sagewright_cloud::records::Event;
use sagewright_cloud::runner::NoEnvironment;
use sagewright_cloud::sagemaker::Serving;
use sagewright_cloud::sagemaker::ports::{Host, VariantPlan};
use sagewright_cloud::sagemaker::serving::{AsyncPlan, Topic};
use serde_json::{Value, json};

use super::support::*;
use crate::runner_support::{ACCOUNT, Machine, REGION, soon};

/// A machine whose state outlives its host.
struct Stage {
    machine: Machine,
    image: String,
    /// A server that never hangs.
    calm: String,
    env: Env,
}

fn stage() -> Stage {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let calm = machine.python("calm", &SERVER.replace("signal.pause()", "pass"));
    machine.objects.make_bucket("b");
    let env = machine.env();
    Stage { machine, image, calm, env }
}

impl Stage {
    fn host(&self) -> Arc<Hosting> {
        let outbox = Outbox::new(vec![Arc::new(|_| Box::pin(async { Err("later".to_owned()) }))]);
        let hosting = Hosting::new(self.env.clone(), Arc::new(NoEnvironment), HostingConfig::default());
        Arc::new(hosting.telling(outbox))
    }

    fn variant(&self, copies: u32, concurrent: u32) -> VariantPlan {
        let topic = |name: &str, with_response| {
            Some(Topic { arn: format!("arn:aws:sns:us-east-1:000000000000:{name}"), with_response })
        };
        let plan = AsyncPlan {
            output: "s3://b/out".into(),
            failure: Some("s3://b/bad".into()),
            concurrent: Some(concurrent),
            success: topic("good", true),
            error: topic("bad", false),
        };
        let serving = Serving { asynchronous: Some(plan), ..Serving::default() };
        VariantPlan { copies, serving, ..named(&self.image, "v", 1.0) }
    }

    fn object(&self, uri: &Value) -> Option<String> {
        let key = uri.as_str().unwrap().strip_prefix("s3://b/").unwrap();
        self.machine.objects.get("b", key).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    async fn until_object(&self, uri: &Value) -> String {
        soon("an object", async {
            loop {
                if let Some(text) = self.object(uri) {
                    return text;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    /// Requests that are not done.
    async fn left(&self) -> usize {
        self.env.store.list(ACCOUNT, REGION, "sagemaker-async-request").await.unwrap().len()
    }

    async fn until_left(&self, count: usize) {
        soon("the queue", async {
            while self.left().await != count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn events(&self) -> Vec<Event> {
        self.env.store.events(0, 100).await.unwrap().into_iter().map(|(_, event)| event).collect()
    }

    async fn metric(&self, name: &str, variant: bool) -> Option<Stats> {
        let metric = Metric::new(ACCOUNT, REGION, "AWS/SageMaker", name).with("EndpointName", "e");
        let metric = if variant { metric.with("VariantName", "v") } else { metric };
        let span = Span { resolution: Resolution::Minute, from: 0, to: i64::MAX / 2000, spread: false };
        let buckets = self.env.metrics.read(metric, span, |buckets| buckets).await.unwrap();
        buckets.into_iter().map(|bucket| bucket.stats).reduce(|mut all, stats| {
            all.merge(&stats);
            all
        })
    }

    async fn until_metric(&self, name: &str, variant: bool, there: impl Fn(&Stats) -> bool) -> Stats {
        soon(name, async {
            loop {
                if let Some(stats) = self.metric(name, variant).await.filter(|stats| there(stats)) {
                    return stats;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

async fn enqueue(hosting: &Hosting, more: Value, body: &'static str) -> Result<Output, ApiError> {
    let mut input = json!({"EndpointName": "e"});
    for (key, value) in more.as_object().unwrap() {
        input[key] = value.clone();
    }
    soon("enqueuing", hosting.call(call("InvokeEndpointAsync", input, body))).await
}

#[tokio::test]
async fn an_answer_is_in_s3_and_its_topic_is_told() {
    let stage = stage();
    let hosting = stage.host();
    deploy(&hosting, vec![stage.variant(1, 1)]).await.unwrap();
    stage.machine.objects.put("b", "in/1", "1,2");
    let asked = json!({
        "InputLocation": "s3://b/in/1", "ContentType": "text/csv", "Accept": "text/html", "CustomAttributes": "c",
        "InferenceId": "mine",
    });
    let answer = enqueue(&hosting, asked, "").await.unwrap().value;
    assert_eq!(answer["InferenceId"], "mine");
    let id =
        answer["OutputLocation"].as_str().unwrap().strip_prefix("s3://b/out/").unwrap().strip_suffix(".out").unwrap();
    assert_eq!(answer["FailureLocation"], format!("s3://b/bad/{id}-error.out"));
    assert_eq!(stage.until_object(&answer["OutputLocation"]).await, "v(1,2)");
    stage.until_left(0).await;
    let [event] = &stage.events().await[..] else { panic!("one event") };
    assert_eq!(
        (&*event.kind, &event.body["TopicArn"]),
        ("SNS Publish", &json!("arn:aws:sns:us-east-1:000000000000:good"))
    );
    let message: Value = serde_json::from_str(event.body["Message"].as_str().unwrap()).unwrap();
    assert_eq!(message["responseBody"]["content"], "digxLDIp", "v(1,2) in base64");
    assert_eq!((&message["inferenceId"], &message["invocationStatus"]), (&json!("mine"), &json!("Completed")));
    let processed = stage.until_metric("InvocationsProcessed", true, |_| true).await;
    assert_eq!(processed.sum, 1.0);
    assert!(stage.metric("InvocationFailures", true).await.is_none());
    assert!(stage.metric("Invocations", true).await.is_none(), "asynchronous endpoints do not publish it");
    let answer = enqueue(&hosting, json!({}), "inline").await.unwrap().value;
    assert_eq!(stage.until_object(&answer["OutputLocation"]).await, "v(inline)");
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_failure_has_an_object_of_its_own() {
    let stage = stage();
    let hosting = stage.host();
    deploy(&hosting, vec![stage.variant(1, 1)]).await.unwrap();
    for (asked, body, reason, text) in [
        (json!({}), "bad", "ClientError: Received client error (400) from primary.", "no such column"),
        (json!({}), "broken", "ClientError: Received server error (500) from primary.", "it broke"),
        (
            json!({"InputLocation": "s3://b/in/none"}),
            "",
            "ClientError: The input could not be downloaded: No S3 object found at s3://b/in/none",
            "ClientError: The input could not be downloaded: No S3 object found at s3://b/in/none",
        ),
    ] {
        let answer = enqueue(&hosting, asked, body).await.unwrap().value;
        assert_eq!(stage.until_object(&answer["FailureLocation"]).await, text);
        stage.until_left(0).await;
        let event = stage.events().await.pop().unwrap();
        assert_eq!(event.body["TopicArn"], "arn:aws:sns:us-east-1:000000000000:bad");
        let message: Value = serde_json::from_str(event.body["Message"].as_str().unwrap()).unwrap();
        assert!(message["failureReason"].as_str().unwrap().starts_with(reason), "{message}");
        assert_eq!(stage.object(&answer["OutputLocation"]), None);
    }
    assert_eq!(stage.until_metric("InvocationFailures", true, |stats| stats.sum == 3.0).await.sum, 3.0);
    assert_eq!(stage.metric("RequestDownloadFailures", true).await.unwrap().sum, 1.0);
    assert_eq!(stage.metric("Invocation4XXErrors", true).await.unwrap().sum, 1.0);
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_model_that_hangs_ends_by_the_requests_time_and_the_next_waits_for_its_place() {
    let stage = stage();
    let hosting = stage.host();
    deploy(&hosting, vec![stage.variant(1, 1)]).await.unwrap();
    let hangs = enqueue(&hosting, json!({"InvocationTimeoutSeconds": 77}), "hang").await.unwrap().value;
    let timeout = Duration::from_secs(77);
    soon("the model", stage.machine.clock.sleeping(timeout)).await;
    let next = enqueue(&hosting, json!({}), "x").await.unwrap().value;
    assert_eq!(stage.left().await, 2, "one place, and it is taken");
    stage.machine.clock.advance(timeout);
    let text = stage.until_object(&hangs["FailureLocation"]).await;
    assert!(text.contains("Your invocation timed out while waiting for a response from container primary."), "{text}");
    assert_eq!(stage.until_object(&next["OutputLocation"]).await, "v(x)");
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_backlog_waits_for_instances_and_drains() {
    let stage = stage();
    let hosting = stage.host();
    deploy(&hosting, vec![stage.variant(0, 1)]).await.unwrap();
    let mut outputs = Vec::new();
    for _ in 0..5 {
        outputs.push(enqueue(&hosting, json!({}), "x").await.unwrap().value["OutputLocation"].clone());
    }
    let minute = Duration::from_secs(60);
    soon("the next sample", stage.machine.clock.sleeping(minute)).await;
    stage.machine.clock.advance(minute);
    let size = stage.until_metric("ApproximateBacklogSize", false, |_| true).await;
    assert_eq!((size.maximum, stage.metric("HasBacklogWithoutCapacity", false).await.unwrap().maximum), (5.0, 1.0));
    assert_eq!(stage.metric("ApproximateAgeOfOldestRequest", false).await.unwrap().maximum, 60.0);
    assert!(stage.metric("ApproximateBacklogSizePerInstance", false).await.is_none(), "there is no instance");
    deploy(&hosting, vec![stage.variant(2, 1)]).await.unwrap();
    for output in &outputs {
        assert_eq!(stage.until_object(output).await, "v(x)");
    }
    stage.until_left(0).await;
    stage.until_metric("InvocationsProcessed", true, |stats| stats.sum == 5.0).await;
    soon("the next sample", stage.machine.clock.sleeping(minute)).await;
    stage.machine.clock.advance(minute);
    let size = stage.until_metric("ApproximateBacklogSize", false, |stats| stats.count > 1.0).await;
    assert_eq!((size.minimum, size.maximum), (0.0, 5.0));
    assert_eq!(stage.metric("TimeInBacklog", true).await.unwrap().minimum, 60_000.0);
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_request_that_is_too_old_is_not_begun() {
    let stage = stage();
    let hosting = stage.host();
    deploy(&hosting, vec![stage.variant(0, 1)]).await.unwrap();
    let old = enqueue(&hosting, json!({"RequestTTLSeconds": 100}), "x").await.unwrap().value;
    let young = enqueue(&hosting, json!({}), "x").await.unwrap().value;
    stage.machine.clock.advance(Duration::from_secs(100));
    let text = stage.until_object(&old["FailureLocation"]).await;
    assert!(text.contains("longer than its RequestTTLSeconds"), "{text}");
    stage.until_left(1).await;
    assert_eq!(stage.until_metric("ExpiredRequests", true, |_| true).await.sum, 1.0);
    deploy(&hosting, vec![stage.variant(1, 1)]).await.unwrap();
    assert_eq!(stage.until_object(&young["OutputLocation"]).await, "v(x)");
    assert_eq!(stage.object(&old["OutputLocation"]), None);
    hosting.shutdown().await;
}

#[tokio::test]
async fn requests_of_a_deleted_endpoint_are_gone_and_those_of_one_that_shuts_down_are_not() {
    let stage = stage();
    let hosting = stage.host();
    deploy(&hosting, vec![stage.variant(0, 1)]).await.unwrap();
    enqueue(&hosting, json!({}), "x").await.unwrap();
    soon("shutting down", hosting.shutdown()).await;
    assert_eq!(stage.left().await, 1);
    let hosting = stage.host();
    deploy(&hosting, vec![stage.variant(0, 1)]).await.unwrap();
    enqueue(&hosting, json!({}), "y").await.unwrap();
    soon("removing", hosting.remove(&key())).await;
    assert_eq!(stage.left().await, 0);
}

#[tokio::test]
async fn each_way_of_asking_is_refused_where_the_other_is_meant() {
    let stage = stage();
    let hosting = stage.host();
    deploy(&hosting, vec![stage.variant(1, 1)]).await.unwrap();
    for operation in ["InvokeEndpoint", "InvokeEndpointWithResponseStream"] {
        let error = hosting.call(call(operation, json!({"EndpointName": "e"}), "x")).await.unwrap_err();
        assert_eq!((&*error.code, error.message.contains("Use InvokeEndpointAsync")), ("ValidationError", true));
    }
    for (asked, body) in [
        (json!({}), ""),
        (json!({"InputLocation": "s3://b/in"}), "x"),
        (json!({"InputLocation": "https://example.org/in"}), ""),
    ] {
        let error = enqueue(&hosting, asked, body).await.unwrap_err();
        assert_eq!((&*error.code, error.message.contains("InputLocation")), ("ValidationError", true), "{error}");
    }
    deploy(&hosting, vec![named(&stage.image, "v", 1.0)]).await.unwrap();
    let error = enqueue(&hosting, json!({}), "x").await.unwrap_err();
    assert!(error.message.contains("does not take asynchronous invocations"), "{error}");
    hosting.shutdown().await;
}

/// Where a process dies over a request.
enum Death {
    Acknowledged,
    Asking,
    Stored,
}

#[tokio::test]
async fn a_request_is_done_by_the_next_process_wherever_this_one_dies() {
    for death in [Death::Acknowledged, Death::Asking, Death::Stored] {
        let stage = stage();
        let (put, stored) = channel();
        let (alive, after) = channel::<()>();
        let env = stage.env.clone();
        let after = Mutex::new(after);
        let dies = move || {
            put.send(()).unwrap();
            // Never comes: the process is gone.
            let _ = after.lock().unwrap().recv();
        };
        let dying =
            WatchedObjects { inner: stage.machine.objects.clone(), before: Box::new(|| ()), after: Box::new(dies) };
        let first = Stage { env: Env { objects: Arc::new(dying), ..env.clone() }, ..stage };
        let hosting = first.host();
        let (copies, body) = match death {
            Death::Acknowledged => (0, "x"),
            Death::Asking => (1, "hang"),
            Death::Stored => (1, "x"),
        };
        deploy(&hosting, vec![first.variant(copies, 1)]).await.unwrap();
        let output = enqueue(&hosting, json!({}), body).await.unwrap().value["OutputLocation"].clone();
        match death {
            Death::Acknowledged => {}
            Death::Asking => soon("the model", first.machine.clock.sleeping(Duration::from_secs(900))).await,
            Death::Stored => tokio::task::spawn_blocking(move || stored.recv().unwrap()).await.unwrap(),
        }
        drop(hosting);
        let next = Stage { env, ..first };
        assert_eq!((next.left().await, next.events().await.len()), (1, 0));
        let hosting = next.host();
        let calm = container(&next.calm, &[("NAME", "v")]);
        let variant = VariantPlan { containers: vec![calm], ..next.variant(1, 1) };
        deploy(&hosting, vec![variant]).await.unwrap();
        next.until_left(0).await;
        assert_eq!(next.object(&output).unwrap(), format!("v({body})"));
        assert_eq!(next.events().await.len(), 1, "its topic is told once");
        let keys = next.machine.objects.keys("b");
        assert_eq!(keys.len(), 1, "{keys:?}");
        drop(alive);
        hosting.shutdown().await;
    }
}
