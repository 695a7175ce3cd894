//! Errors of each family, retries, and what messages say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagewright_aws::{Aws, CallRecord, Retry};
use sagewright_port::cloud::{Call, Cloud as _, CloudError, Stage};
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
    // S3 gives two: the second names a host.
    let both = vec![("x-amz-id-2", "host".to_owned()), ("x-amz-request-id", "request".to_owned())];
    let answer = Answer::Http(403, both, "<Error><Code>AccessDenied</Code></Error>".to_owned());
    let error = fail("s3", "ListObjectsV2", json!({"Bucket": "b-1"}), answer).await;
    assert_eq!(error.request_id.as_deref(), Some("request"));
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
        assert!(error.message.contains("(21 bytes)") && !error.message.contains("promised"), "{error}");
    }
}

#[tokio::test]
async fn no_message_shows_what_an_answer_may_hold_of_others() {
    const TOLD: &str = "hunter2SECRETkey0";
    let model = format!(r#"{{"PrimaryContainer":{{"Environment":{{"PASSWORD":"{TOLD}"}}}}"#);
    let keys = format!("<AssumeRoleResponse><SecretAccessKey>{TOLD}</SecretAccessKey><{TOLD}></AssumeRoleResponse>");
    let page = format!("<html><body>bad gateway for {TOLD}</body></html>");
    let describe = ("sagemaker", "DescribeModel", json!({"ModelName": "m"}));
    let assume = ("sts", "AssumeRole", json!({"RoleArn": "arn:aws:iam::111111111111:role/r", "RoleSessionName": "ss"}));
    let table = [
        (&describe, with("content-type", "application/json", ok(&model)), "bytes of application/json)"),
        (&describe, status(500, &model), "HTTP 500, without a message ("),
        (
            &describe,
            with("content-type", "text/html", status(502, &page)),
            "HTTP 502: <html><body>bad gateway for …</body></html>",
        ),
        (&assume, ok(&keys), "it is not well-formed at byte"),
        (&assume, ok(&page.replace("</body>", "")), "it is not well-formed at byte"),
        (&assume, with("content-type", "text/html", status(502, &page)), "HTTP 502, without a message ("),
    ];
    for ((service, operation, input), answer, told) in table {
        let error = fail(service, operation, input.clone(), answer).await;
        assert!(error.message.contains(told) && !format!("{error:?}").contains(TOLD), "{error}");
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_not_sent_again_without_a_look() {
    let model = json!({"ModelName": "m"});
    for first in [Answer::Reset, status(500, "{}"), status(503, "{}")] {
        for operation in ["DeleteModel", "CreateModel"] {
            let script = Script::new([first.clone(), ok("")]);
            let call = Call::new(&target("us-east-1"), "sagemaker", operation, model.clone());
            let error = client(&script).await.call(call).await.unwrap_err();
            assert!(error.may_have_taken_effect() && error.class().is_retryable(), "{operation}: {error}");
            assert_eq!(script.sent().len(), 1, "{operation}");
        }
        let script = Script::new([first, ok("")]);
        let object = Call::new(&target("us-east-1"), "s3", "DeleteObject", json!({"Bucket": "b-1", "Key": "k"}));
        client(&script).await.call(object).await.unwrap();
    }
    // What was refused before anything was done is.
    let script = Script::new([Answer::Refused, ok("")]);
    client(&script).await.call(Call::new(&target("us-east-1"), "sagemaker", "DeleteModel", model)).await.unwrap();
}

#[tokio::test]
async fn answers_with_more_values_than_are_kept_are_not_read() {
    for (service, operation, body) in [
        ("sagemaker", "ListModels", format!("[{}1]", "1,".repeat(600_000))),
        ("iam", "ListRoles", format!("<R>{}</R>", "<a/>".repeat(600_000))),
    ] {
        let script = Script::by(move |_| ok(&body));
        let call = Call::new(&target("us-east-1"), service, operation, json!({}));
        let error = client(&script).await.call(call).await.unwrap_err();
        assert_eq!((error.stage, error.code.as_str()), (Stage::Answer, "AnswerTooLarge"), "{error}");
        assert!(!error.class().is_retryable() && script.sent().len() == 1, "{operation}");
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
async fn the_date_of_an_accepted_request_and_of_another_service_corrects_nothing() {
    let dates = |script: &Script| -> Vec<String> {
        script.sent().iter().map(|sent| sent.header("x-amz-date").unwrap().to_owned()).collect()
    };
    let script = Script::by(|_| with("date", "Thu, 01 Jan 1970 00:00:00 GMT", ok("{}")));
    let aws = client(&script).await;
    for _ in 0..2 {
        aws.call(Call::new(&target("us-east-1"), "sagemaker", "DescribeModel", json!({"ModelName": "m"})))
            .await
            .unwrap();
    }
    assert_eq!(dates(&script), ["20260102T030405Z"; 2]);
    let script = Script::by(|sent| {
        let logs = sent.uri.contains("logs.");
        match logs && sent.header("x-amz-date") != Some("20260102T040405Z") {
            true => {
                let late = r#"{"__type":"InvalidSignatureException","message":"Signature not yet current"}"#;
                with("date", "Fri, 02 Jan 2026 04:04:05 GMT", status(403, late))
            }
            false => ok("{}"),
        }
    });
    let clock = Clock::default();
    let aws = builder(&script, &clock).build().await.unwrap();
    let logs = || aws.call(Call::new(&target("us-east-1"), "logs", "DescribeLogGroups", json!({})));
    logs().await.unwrap();
    aws.call(Call::new(&target("us-east-1"), "sagemaker", "DescribeModel", json!({"ModelName": "m"}))).await.unwrap();
    logs().await.unwrap();
    let off = [false, true, false, true];
    let corrected: Vec<bool> = dates(&script).iter().map(|date| date.starts_with("20260102T0404")).collect();
    assert_eq!(corrected, off, "what has helped at an endpoint is used there alone: {:?}", dates(&script));
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
async fn a_user_and_a_password_in_an_endpoint_are_refused_and_never_shown() {
    for url in
        ["http://user:hunter2@127.0.0.1:4566", "http://user:hunter2/x@127.0.0.1:4566/p", "http://hunter2@[::1]:1"]
    {
        let script = Script::new([]);
        let aws = builder(&script, &Clock::default()).endpoint_url(url).build().await.unwrap();
        let error = aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap_err();
        assert_eq!((error.stage, error.code.as_str()), (Stage::Input, "InvalidEndpoint"));
        let shown = format!("{error:?} {:?}", aws.configured_endpoint("sagemaker"));
        assert!(shown.contains("take them out of AWS_ENDPOINT_URL") && !shown.contains("hunter2"), "{shown}");
    }
    let path = builder(&Script::new([]), &Clock::default()).endpoint_url("http://127.0.0.1:1/a").build().await.unwrap();
    assert_eq!(path.configured_endpoint("sagemaker").as_deref(), Some("http://127.0.0.1:1/a"));
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
