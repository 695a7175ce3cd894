//! Calls of a throttled operation wait in a queue, and every call keeps its time limit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

mod support;

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use sagewright_aws::runtime::{InvokeRequest, invoke};
use sagewright_aws::{Aws, Retry, TimeOuts};
use sagewright_port::cloud::{Call, Class, Cloud as _, CloudError, Priority, Stage};
use serde_json::{Value, json};
use support::{Answer, Clock, Script, builder, ok, status, target};
use tokio::net::TcpListener;

/// Nothing that sleeps wakes by itself: time moves when the test says so.
#[derive(Debug, Clone, Default)]
struct Still;

impl AsyncSleep for Still {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(std::future::pending())
    }
}

const SLOW: &str = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;

/// A client whose ListModels was throttled, and the names that are asked for afterwards, in order.
async fn throttled(clock: &Clock) -> (Aws, Arc<Mutex<Vec<String>>>) {
    throttled_by(clock, clock).await
}

/// The same, whose wall clock is another than the one that measures waits.
async fn throttled_by(clock: &Clock, wall: &Clock) -> (Aws, Arc<Mutex<Vec<String>>>) {
    let order: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&order);
    let script = Script::by(move |sent| {
        let body: Value = serde_json::from_str(&sent.body).unwrap();
        match body["NameContains"].as_str() {
            Some(name) => {
                seen.lock().unwrap().push(name.to_owned());
                ok(r#"{"Models":[]}"#)
            }
            None => status(400, SLOW),
        }
    });
    let aws = builder(&script, wall).stopwatch(clock.clone()).sleep(Still).retry(Retry::Off);
    let aws = aws.build().await.unwrap();
    let error = aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    assert_eq!(error.class(), Class::Throttle);
    (aws, order)
}

fn list(name: &str, priority: Priority) -> Call {
    let input = json!({"NameContains": name});
    Call::new(&target("us-east-1"), "sagemaker", "ListModels", input).with_priority(priority)
}

/// A call that goes on only when the test looks at it.
struct Calling<'a>(Option<Pin<Box<dyn Future<Output = Result<Value, CloudError>> + Send + 'a>>>);

impl<'a> Calling<'a> {
    fn new(aws: &'a Aws, call: Call) -> Self {
        Self(Some(aws.call(call)))
    }

    /// Goes on until the call waits; its outcome, where it has one now.
    async fn go(&mut self) -> Option<Result<Value, CloudError>> {
        for _ in 0..100 {
            let call = self.0.as_mut()?;
            if let Poll::Ready(outcome) = std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await
            {
                self.0 = None;
                return Some(outcome);
            }
            tokio::task::yield_now().await;
        }
        None
    }
}

#[tokio::test]
async fn a_time_limit_that_cannot_be_kept_is_told_at_once_and_a_dropped_call_leaves_the_queue() {
    let clock = Clock::default();
    let (aws, order) = throttled(&clock).await;
    let mut waiting = Vec::new();
    for i in 0..20 {
        let mut call = Calling::new(&aws, list(&format!("progress-{i}"), Priority::Progress));
        assert!(call.go().await.is_none());
        waiting.push(call);
    }
    let limited = || list("limited", Priority::Progress).with_timeout(Duration::from_secs(5));
    let refused = Calling::new(&aws, limited()).go().await.expect("it waits for what cannot be");
    let error = refused.unwrap_err();
    assert_eq!((error.stage, error.code.as_str(), error.class()), (Stage::Queue, "QueueTooLong", Class::Throttle));
    assert_eq!(error.retry_after, Some(Duration::from_secs(21)));
    assert!(error.message.contains("20 calls queued ahead") && error.message.contains("21 s"), "{error}");
    assert!(!error.may_have_taken_effect());
    let urgent = list("urgent", Priority::Interactive).with_timeout(Duration::from_secs(5));
    let mut urgent = Calling::new(&aws, urgent);
    assert!(urgent.go().await.is_none(), "those of a lower priority do not go before it");
    drop(waiting.split_off(2));
    let mut limited = Calling::new(&aws, limited());
    assert!(limited.go().await.is_none(), "those that were dropped still count");
    waiting.extend([urgent, limited]);

    // Time passes, and whoever comes makes the queue look at the clock.
    for i in 0..4 {
        clock.advance(Duration::from_secs(1));
        waiting.push(Calling::new(&aws, list(&format!("background-{i}"), Priority::Background)));
        for call in waiting.iter_mut().rev() {
            if let Some(outcome) = call.go().await {
                outcome.unwrap();
            }
        }
    }
    assert_eq!(*order.lock().unwrap(), ["urgent", "progress-0", "progress-1", "limited"]);
}

#[tokio::test]
async fn a_throttled_call_goes_back_to_its_queue_and_other_operations_go_on() {
    let throttles = Mutex::new(2);
    let script = Script::by(move |sent| {
        let mut left = throttles.lock().unwrap();
        if sent.header("x-amz-target") == Some("SageMaker.ListModels") && *left > 0 {
            *left -= 1;
            return status(400, SLOW);
        }
        ok(r#"{"Models":[],"Endpoints":[]}"#)
    });
    let clock = Clock::default();
    let aws = builder(&script, &clock).build().await.unwrap();
    let here = target("us-east-1");
    aws.call(Call::new(&here, "sagemaker", "ListModels", json!({}))).await.unwrap();
    assert!(aws.rate_limit(&here, "sagemaker", "ListModels").is_some());
    let slept = clock.slept().len();
    assert!(slept > 0, "it was sent again without waiting for its turn");
    aws.call(Call::new(&here, "sagemaker", "ListEndpoints", json!({}))).await.unwrap();
    assert_eq!((clock.slept().len(), script.sent().len()), (slept, 4));
}

#[tokio::test]
async fn a_quota_is_no_throttle_and_is_not_sent_again() {
    for (service, operation, code) in [
        ("sagemaker", "ListModels", "ResourceLimitExceeded"),
        ("logs", "DescribeLogGroups", "LimitExceededException"),
        ("application-autoscaling", "DescribeScalableTargets", "LimitExceededException"),
    ] {
        let script = Script::by(move |_| status(400, &format!(r#"{{"__type":"{code}","message":"too many"}}"#)));
        let clock = Clock::default();
        let aws = builder(&script, &clock).build().await.unwrap();
        let input = if service.starts_with("app") { json!({"ServiceNamespace": "sagemaker"}) } else { json!({}) };
        let error = aws.call(Call::new(&target("us-east-1"), service, operation, input)).await.unwrap_err();
        assert_eq!((error.class(), script.sent().len()), (Class::Blocked, 1), "{service}");
        assert_eq!(aws.rate_limit(&target("us-east-1"), service, operation), None);
    }
}

#[tokio::test]
async fn a_time_limit_holds_over_retries_and_tells_what_was_seen() {
    // It accepts, and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let aws = Aws::builder()
        .environment(&[("AWS_MAX_ATTEMPTS", "1000")], &[])
        .credentials("a", "b", None)
        .endpoint_url(&url)
        .timeouts(TimeOuts { read: Duration::from_millis(20), ..TimeOuts::default() });
    let aws = aws.build().await.unwrap();
    let input = json!({"ResourceArn": "arn:aws:sagemaker:us-east-1:111111111111:model/m", "Tags": []});
    let call = Call::new(&target("us-east-1"), "sagemaker", "AddTags", input).with_timeout(Duration::from_millis(300));
    let error = aws.call(call).await.unwrap_err();
    assert_eq!((error.stage, error.code.as_str(), error.class()), (Stage::Transport, "TimedOut", Class::Transient));
    assert!(error.message.contains("time limit of 0.3 s"), "{error}");
    assert!(error.may_have_taken_effect());
    let aws =
        Aws::builder().environment(&[], &[]).credentials("a", "b", None).endpoint_url(&url).build().await.unwrap();
    let call = Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}));
    let error = aws.call(call.with_timeout(Duration::from_millis(300))).await.unwrap_err();
    assert!(error.message.ends_with("after 1 request"), "{error}");
}

#[tokio::test]
async fn an_unreadable_answer_is_asked_for_again_by_a_read_and_told_by_a_write() {
    let garbage = || ok("<html>a proxy says hello</html>");
    let script = Script::new([garbage(), garbage(), ok(r#"{"Models":[]}"#)]);
    let aws = builder(&script, &Clock::default()).build().await.unwrap();
    aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap();
    let model = json!({"ModelName": "m", "ExecutionRoleArn": "arn:aws:iam::111111111111:role/r"});
    let script = Script::new([garbage()]);
    let aws = builder(&script, &Clock::default()).build().await.unwrap();
    let error = aws.call(Call::new(&target("us-east-1"), "sagemaker", "CreateModel", model)).await.unwrap_err();
    assert_eq!((error.code.as_str(), script.sent().len()), ("UnreadableAnswer", 1));
    assert!(error.may_have_taken_effect() && error.class() == Class::Transient);
}

#[tokio::test]
async fn a_write_that_may_have_taken_effect_is_not_repeated_without_a_token() {
    let role = "arn:aws:iam::111111111111:role/r";
    let create = |operation, input| Call::new(&target("us-east-1"), "sagemaker", operation, input);
    let model = || create("CreateModel", json!({"ModelName": "m", "ExecutionRoleArn": role}));
    let execution = || create("StartPipelineExecution", json!({"PipelineName": "p"}));
    let delete = || create("DeleteModel", json!({"ModelName": "m"}));
    let invoke = |operation| {
        let body = if operation == "InvokeEndpoint" { ("Body", "") } else { ("InputLocation", "s3://b-1/k") };
        let input = json!({"EndpointName": "e", body.0: body.1});
        Call::new(&target("us-east-1"), "sagemaker-runtime", operation, input)
    };
    let table: [(&str, Call, fn() -> Answer, usize); 10] = [
        ("a reset", model(), || Answer::Reset, 1),
        ("a server error", model(), || status(500, "{}"), 1),
        ("nobody there", model(), || Answer::Refused, 3),
        ("a throttle", model(), || status(400, SLOW), 3),
        ("a reset, with a token", execution(), || Answer::Reset, 3),
        ("a server error, with a token", execution(), || status(500, "{}"), 3),
        ("a reset of a delete", delete(), || Answer::Reset, 1),
        ("a reset of an inference", invoke("InvokeEndpoint"), || Answer::Reset, 1),
        ("a server error of an inference", invoke("InvokeEndpointAsync"), || status(503, "{}"), 1),
        ("an inference, and nobody there", invoke("InvokeEndpoint"), || Answer::Refused, 3),
    ];
    for (what, call, answer, sent) in table {
        let script = Script::by(move |_| answer());
        let aws = builder(&script, &Clock::default()).build().await.unwrap();
        aws.call(call).await.unwrap_err();
        assert_eq!(script.sent().len(), sent, "{what}");
        let mut tokens: Vec<Value> = script
            .sent()
            .iter()
            .map(|s| serde_json::from_str::<Value>(&s.body).unwrap_or_default()["ClientRequestToken"].clone())
            .collect();
        tokens.dedup();
        assert_eq!(tokens.len(), 1, "{what}: another token is another request");
    }
}

#[tokio::test]
async fn a_wall_clock_that_is_set_moves_no_turn_and_no_time_limit() {
    let hour = Duration::from_secs(3600);
    let set: [fn(&Clock, Duration); 2] = [|wall, by| wall.advance(by), |wall, by| wall.set_back(by)];
    for set in set {
        let (clock, wall) = (Clock::default(), Clock::default());
        let (aws, order) = throttled_by(&clock, &wall).await;
        let limited = list("limited", Priority::Progress).with_timeout(Duration::from_secs(30));
        let mut limited = Calling::new(&aws, limited);
        assert!(limited.go().await.is_none());
        set(&wall, hour);
        let mut next = Calling::new(&aws, list("next", Priority::Background));
        assert!(next.go().await.is_none() && limited.go().await.is_none());
        assert!(order.lock().unwrap().is_empty(), "the queue went by the wall clock");
        clock.advance(Duration::from_secs(1));
        let mut last = Calling::new(&aws, list("last", Priority::Background));
        assert!(last.go().await.is_none());
        limited.go().await.expect("its turn has come").unwrap();
        assert_eq!(*order.lock().unwrap(), ["limited"]);
    }
}

#[tokio::test]
async fn a_request_that_is_sent_once_is_neither_repeated_nor_held_up_by_earlier_throttles() {
    let clock = Clock::default();
    let script = Script::new([status(429, SLOW), status(503, "{}"), status(429, SLOW), ok("yes")]);
    let aws = builder(&script, &clock).stopwatch(clock.clone()).sleep(Still).build().await.unwrap();
    let mut told = Vec::new();
    for _ in 0..4 {
        let request = InvokeRequest { endpoint: "e", once: true, ..Default::default() };
        told.push(invoke(&aws, &target("us-east-1"), request).await.map_err(|error| error.status));
    }
    let statuses: Vec<_> = told.iter().map(|told| told.as_ref().map(|answer| &answer.body[..])).collect();
    assert_eq!(statuses, [Err(&Some(429)), Err(&Some(503)), Err(&Some(429)), Ok(&b"yes"[..])]);
    assert_eq!(script.sent().len(), 4);
}
