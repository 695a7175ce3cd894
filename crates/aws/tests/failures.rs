//! Errors of each family, retries, and what messages say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagewright_aws::{Aws, CallRecord, Retry};
use sagewright_engine::cloud::{Call, Cloud as _, CloudError, Stage};
use serde_json::{Value, json};
use support::{Answer, Clock, KEY, SECRET, Script, builder, client, ok, status, target};

async fn fail(service: &str, operation: &str, input: Value, answer: Answer) -> CloudError {
    let script = Script::by(move |_| answer.clone());
    let aws = builder(&script, &Clock::default()).retry(Retry::Off).build().await.unwrap();
    aws.call(Call::new(&target("us-east-1"), service, operation, input)).await.unwrap_err()
}

fn with(header: &'static str, value: &str, answer: Answer) -> Answer {
    match answer {
        Answer::Http(status, mut headers, body) => {
            headers.push((header, value.to_owned()));
            Answer::Http(status, headers, body)
        }
        other => other,
    }
}

#[tokio::test]
async fn errors_of_every_family_are_read() {
    let key = json!({"Bucket": "b-1", "Key": "k"});
    let table: Vec<(&str, &str, Value, Answer, &str, &str, bool)> = vec![
        (
            "sagemaker",
            "ListModels",
            json!({}),
            status(400, r#"{"__type":"com.amazonaws.sagemaker#ResourceNotFound","Message":"gone"}"#),
            "ResourceNotFound",
            "gone",
            false,
        ),
        (
            "sagemaker",
            "ListModels",
            json!({}),
            status(400, r#"{"__type":"ValidationException","message":"bad"}"#),
            "ValidationException",
            "bad",
            false,
        ),
        (
            "sagemaker",
            "ListModels",
            json!({}),
            status(400, r#"{"__type":"ThrottlingException","message":"slow"}"#),
            "ThrottlingException",
            "slow",
            true,
        ),
        ("sagemaker", "ListModels", json!({}), status(500, ""), "InternalFailure", "HTTP 500, without a message", true),
        (
            "sagemaker",
            "ListModels",
            json!({}),
            status(502, "<html>bad gateway</html>"),
            "Http502",
            "HTTP 502: <html>bad gateway</html>",
            true,
        ),
        (
            "sagemaker-runtime",
            "InvokeEndpoint",
            json!({"EndpointName": "e", "Body": ""}),
            with("x-amzn-errortype", "ModelError:http://internal/x", status(424, r#"{"Message":"it failed"}"#)),
            "ModelError",
            "it failed",
            false,
        ),
        (
            "sts",
            "GetCallerIdentity",
            json!({}),
            status(
                403,
                "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>\
                <Message>no &quot;key&quot;</Message></Error><RequestId>in-body</RequestId></ErrorResponse>",
            ),
            "InvalidClientTokenId",
            "no \"key\"",
            false,
        ),
        (
            "iam",
            "ListRoles",
            json!({}),
            status(
                400,
                "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
            ),
            "Throttling",
            "Rate exceeded",
            true,
        ),
        (
            "s3",
            "GetObject",
            key.clone(),
            status(
                404,
                "<Error><Code>NoSuchKey</Code><Message>m</Message><Key>k</Key><RequestId>s3</RequestId></Error>",
            ),
            "NoSuchKey",
            "m",
            false,
        ),
        (
            "sagemaker",
            "ListModels",
            json!({}),
            with("location", "https://login.example.com/", status(302, "")),
            "Http302",
            "HTTP 302, without a message (it points to https://login.example.com/)",
            false,
        ),
        ("s3", "HeadObject", key.clone(), status(404, ""), "NotFound", "HTTP 404, without a message", false),
        (
            "s3",
            "CopyObject",
            json!({"Bucket": "b-1", "Key": "k", "CopySource": "b-1/j"}),
            status(200, "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>late</Message></Error>"),
            "InternalError",
            "late",
            true,
        ),
        (
            "s3",
            "GetBucketLocation",
            json!({"Bucket": "b-1"}),
            with(
                "x-amz-bucket-region",
                "eu-north-1",
                status(301, "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>"),
            ),
            "PermanentRedirect",
            "elsewhere (the bucket is in region eu-north-1)",
            false,
        ),
    ];
    for (service, operation, input, answer, code, message, retryable) in table {
        let sent = match &answer {
            Answer::Http(status, ..) => *status,
            _ => 0,
        };
        let error = fail(service, operation, input, answer).await;
        assert_eq!(
            (error.stage, error.code.as_str(), error.message.as_str(), error.class().is_retryable(), error.status),
            (Stage::Service, code, message, retryable, Some(sent)),
            "{service} {operation}"
        );
        assert_eq!((error.service.as_str(), error.operation.as_str()), (service, operation));
        assert_eq!(error.request_id.as_deref(), Some("req-1"));
    }
}

#[tokio::test]
async fn request_ids_come_from_bodies_too_and_waits_from_headers() {
    let body = "<ErrorResponse><Error><Code>X</Code></Error><RequestId>in-body</RequestId></ErrorResponse>";
    let error = fail("iam", "ListRoles", json!({}), Answer::Http(400, vec![], body.to_owned())).await;
    assert_eq!(error.request_id.as_deref(), Some("in-body"));
    for (header, value, expected) in [("retry-after", "7", 7000), ("x-amz-retry-after", "250", 250)] {
        let error = fail("sagemaker", "ListModels", json!({}), with(header, value, status(503, "{}"))).await;
        assert_eq!(error.retry_after, Some(Duration::from_millis(expected)));
    }
}

#[tokio::test]
async fn unreadable_answers_are_errors_of_the_answer() {
    // Neither of these is "there are no models".
    for (body, told) in [("", "it is empty, and has to hold 'Models'"), ("null", "it is null"), ("[1]", "it is a list")]
    {
        let script = Script::by(move |_| ok(body));
        let aws = client(&script).await;
        let error = aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap_err();
        assert_eq!((error.stage, error.code.as_str()), (Stage::Answer, "UnreadableAnswer"), "{body}");
        assert!(error.message.contains(told), "{error}");
    }
    let script = Script::new([ok("")]);
    let input = json!({"ModelName": "m"});
    client(&script).await.call(Call::new(&target("us-east-1"), "sagemaker", "DeleteModel", input)).await.unwrap();
    for (service, operation) in [("sagemaker", "ListModels"), ("iam", "ListRoles")] {
        let script = Script::by(|_| ok("not what was promised"));
        let error = client(&script)
            .await
            .call(Call::new(&target("us-east-1"), service, operation, json!({})))
            .await
            .unwrap_err();
        assert_eq!(error.stage, Stage::Answer);
        assert!(error.message.contains("not what was promised"), "{error}");
    }
}

#[tokio::test]
async fn transient_failures_are_sent_again_without_real_waiting() {
    let throttle = || status(400, r#"{"__type":"ThrottlingException","message":"slow"}"#);
    let table = [
        ("throttle", throttle(), 1),
        ("server error", status(500, "{}"), 0),
        ("unavailable", status(503, "{}"), 0),
        ("reset", Answer::Reset, 0),
    ];
    for (name, first, throttled) in table {
        let script = Script::new([first, ok(r#"{"Models":[]}"#)]);
        let clock = Clock::default();
        let calls: Arc<Mutex<Vec<CallRecord>>> = Arc::default();
        let seen = Arc::clone(&calls);
        let aws = builder(&script, &clock)
            .observer(move |call: &CallRecord| seen.lock().unwrap().push(call.clone()))
            .build()
            .await
            .unwrap();
        let output = aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap();
        assert_eq!(output, json!({"Models": []}), "{name}");
        assert_eq!(script.sent().len(), 2, "{name}");
        let call = calls.lock().unwrap()[0].clone();
        assert_eq!((call.attempts, call.throttled, call.status), (2, throttled, Some(200)), "{name}");
        assert_eq!(call.request_id.as_deref(), Some("req-ok"));
        assert!(!clock.slept().is_empty(), "{name}: no back-off");
    }
}

#[tokio::test]
async fn attempts_are_limited_and_can_be_one() {
    for (environment, expected) in
        [(vec![], 3), (vec![("AWS_MAX_ATTEMPTS", "5")], 5), (vec![("AWS_MAX_ATTEMPTS", "1")], 1)]
    {
        let script = Script::by(|_| status(503, "{}"));
        let aws = builder(&script, &Clock::default()).environment(&environment, &[]).build().await.unwrap();
        let error =
            aws.call(Call::new(&target("us-east-1"), "logs", "DescribeLogGroups", json!({}))).await.unwrap_err();
        assert!(error.class().is_retryable());
        assert_eq!(script.sent().len(), expected);
    }
    let script = Script::by(|_| status(503, "{}"));
    let aws = builder(&script, &Clock::default()).retry(Retry::Off).build().await.unwrap();
    aws.call(Call::new(&target("us-east-1"), "logs", "DescribeLogGroups", json!({}))).await.unwrap_err();
    assert_eq!(script.sent().len(), 1);
}

#[tokio::test]
async fn permanent_failures_are_sent_once() {
    let script = Script::new([status(400, r#"{"__type":"ValidationException","message":"no"}"#)]);
    client(&script)
        .await
        .call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({})))
        .await
        .unwrap_err();
    assert_eq!(script.sent().len(), 1);
}

#[tokio::test]
async fn a_clock_that_is_off_is_corrected() {
    let date = "Fri, 02 Jan 2026 04:04:05 GMT"; // an hour ahead of the test's clock
    let script = Script::by(move |sent| {
        let answer = if sent.header("x-amz-date") == Some("20260102T040405Z") {
            ok("{}")
        } else {
            status(403, r#"{"__type":"InvalidSignatureException","message":"Signature expired"}"#)
        };
        with("date", date, answer)
    });
    let clock = Clock::default();
    let aws = builder(&script, &clock).build().await.unwrap();
    aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap_or_else(|e| {
        panic!("{e}: {:?}", script.sent().iter().map(|s| s.header("x-amz-date").map(str::to_owned)).collect::<Vec<_>>())
    });
}

#[tokio::test]
async fn throttled_operations_are_paced_and_others_are_not() {
    let script = Script::by(|sent| {
        if sent.body.contains("slow") {
            status(400, r#"{"__type":"ThrottlingException","message":"slow"}"#)
        } else {
            ok("{}")
        }
    });
    let clock = Clock::default();
    let aws = builder(&script, &clock).retry(Retry::Off).build().await.unwrap();
    let here = target("us-east-1");
    for _ in 0..50 {
        aws.call(Call::new(&here, "sagemaker", "ListModels", json!({}))).await.unwrap();
    }
    assert!(clock.slept().is_empty(), "calls that were not throttled waited");
    aws.call(Call::new(&here, "sagemaker", "ListModels", json!({"NameContains": "slow"}))).await.unwrap_err();
    assert!(aws.rate_limit(&here, "sagemaker", "ListModels").is_some());
    for _ in 0..50 {
        aws.call(Call::new(&here, "sagemaker", "DescribeModel", json!({"ModelName": "m"}))).await.unwrap();
        aws.call(Call::new(&target("eu-west-1"), "sagemaker", "ListModels", json!({}))).await.unwrap();
    }
    assert!(clock.slept().is_empty(), "other operations and regions waited");
    for _ in 0..50 {
        aws.call(Call::new(&here, "sagemaker", "ListModels", json!({}))).await.unwrap();
    }
    assert!(!clock.slept().is_empty(), "the throttled operation did not wait");
}

#[tokio::test]
async fn a_refused_connection_says_where_and_what_to_do() {
    let script = Script::by(|_| Answer::Refused);
    let base = || builder(&script, &Clock::default()).retry(Retry::Off);
    let local = base().environment(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")], &[]).build().await.unwrap();
    let error = local.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    assert_eq!(
        (error.stage, error.code.as_str(), error.class().is_retryable()),
        (Stage::Transport, "ConnectionRefused", true)
    );
    assert!(error.message.contains("http://127.0.0.1:4566"), "{error}");
    assert!(error.message.contains("is `sagewright local up` running?"), "{error}");
    let aws = base().build().await.unwrap();
    let error = aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    assert!(error.message.contains("https://api.sagemaker.us-east-1.amazonaws.com"), "{error}");
    assert!(!error.message.contains("local up"), "{error}");
}

#[tokio::test]
async fn a_broken_endpoint_setting_is_named() {
    let script = Script::new([]);
    let aws = builder(&script, &Clock::default()).endpoint_url("localhost").build().await.unwrap();
    let error = aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    assert_eq!((error.stage, error.code.as_str()), (Stage::Input, "InvalidEndpoint"));
    assert!(error.message.contains("'localhost'") && error.message.contains("AWS_ENDPOINT_URL"), "{error}");
}

#[tokio::test]
async fn secrets_are_in_no_debug_output_and_no_error() {
    let script = Script::by(|_| status(403, r#"{"__type":"AccessDeniedException","message":"no"}"#));
    let building = builder(&script, &Clock::default());
    let mut shown = format!("{building:?}");
    let aws: Aws = building.build().await.unwrap();
    shown.push_str(&format!("{aws:?}"));
    let error = aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    shown.push_str(&format!("{error} {error:?}"));
    assert!(!shown.contains(SECRET) && !shown.contains(KEY), "{shown}");
}

#[tokio::test]
async fn unreadable_config_files_are_an_error() {
    let files = [("/home/u/.aws/config", "[profile x\nregion = y")];
    let error = Aws::builder().environment(&[("HOME", "/home/u")], &files).build().await.unwrap_err();
    assert!(error.to_string().contains("config"), "{error}");
}
