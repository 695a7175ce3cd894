//! Roles: assumed once, shared, renewed, chained; and accounts that must match.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sagewright_port::cloud::{Call, Cloud as _, Role, Stage, Target};
use serde_json::json;
use support::{Answer, Clock, Script, Sent, builder, ok, role, status, target};

const HUB: &str = "arn:aws:iam::111111111111:role/hub";
const SPOKE: &str = "arn:aws:iam::222222222222:role/spoke";
const HOUR: Duration = Duration::from_secs(3600);

fn action(sent: &Sent) -> &str {
    sent.body.strip_prefix("Action=").and_then(|b| b.split('&').next()).unwrap_or("")
}

/// STS that gives numbered sessions of an hour, and services that answer with nothing.
fn cloud(clock: &Clock) -> Script {
    let (clock, count) = (clock.clone(), AtomicU32::new(0));
    Script::by(move |sent| match action(sent) {
        "AssumeRole" => {
            let n = count.fetch_add(1, Ordering::Relaxed) + 1;
            let account = if sent.body.contains("222222222222") { "222222222222" } else { "111111111111" };
            ok(&format!(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{n}</AccessKeyId>\
                 <SecretAccessKey>s</SecretAccessKey><SessionToken>t{n}</SessionToken>\
                 <Expiration>{}</Expiration></Credentials><AssumedRoleUser>\
                 <Arn>arn:aws:sts::{account}:assumed-role/x/y</Arn></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>",
                clock.after(HOUR)
            ))
        }
        "GetCallerIdentity" => ok("<R><GetCallerIdentityResult><Account>111111111111</Account><Arn>a</Arn>\
            <UserId>u</UserId></GetCallerIdentityResult></R>"),
        _ => ok("{}"),
    })
}

fn with_role(role: Role) -> Target {
    Target { role: Some(role), ..target("us-east-1") }
}

fn count(script: &Script, wanted: &str) -> usize {
    script.sent().iter().filter(|s| action(s) == wanted).count()
}

/// The access key that signed a request.
fn key(sent: &Sent) -> String {
    let authorization = sent.header("authorization").unwrap();
    authorization.split("Credential=").nth(1).unwrap().split('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_role_is_assumed_once_and_renewed_before_its_session_ends() {
    let clock = Clock::default();
    let script = cloud(&clock);
    let aws = builder(&script, &clock).build().await.unwrap();
    let mut asked = role(SPOKE);
    asked.external_id = Some("ext-1".to_owned());
    asked.session_name = Some("release".to_owned());
    let target = with_role(asked);
    for _ in 0..5 {
        aws.call(Call::new(&target, "sagemaker", "ListModels", json!({}))).await.unwrap();
    }
    assert_eq!(count(&script, "AssumeRole"), 1);
    let assume = script.sent()[0].clone();
    assert_eq!((key(&assume).as_str(), assume.scope().as_str()), (support::KEY, "us-east-1/sts"));
    assert!(
        assume.body.contains("ExternalId=ext-1") && assume.body.contains("RoleSessionName=release"),
        "{}",
        assume.body
    );
    let call = script.last();
    assert_eq!((key(&call).as_str(), call.header("x-amz-security-token")), ("ASIA1", Some("t1")));

    clock.advance(Duration::from_secs(54 * 60));
    aws.call(Call::new(&target, "sagemaker", "ListModels", json!({}))).await.unwrap();
    assert_eq!(count(&script, "AssumeRole"), 1, "renewed too early");
    clock.advance(Duration::from_secs(2 * 60));
    aws.call(Call::new(&target, "sagemaker", "ListModels", json!({}))).await.unwrap();
    assert_eq!((count(&script, "AssumeRole"), key(&script.last()).as_str()), (2, "ASIA2"));
}

#[tokio::test]
async fn calls_at_the_same_time_share_one_session() {
    let clock = Clock::default();
    let script = cloud(&clock);
    let aws = builder(&script, &clock).build().await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let aws = aws.clone();
        calls.spawn(async move {
            aws.call(Call::new(&with_role(role(SPOKE)), "sagemaker", "ListModels", json!({}))).await.unwrap();
        });
    }
    calls.join_all().await;
    assert_eq!(count(&script, "AssumeRole"), 1);
}

#[tokio::test]
async fn calls_at_the_same_time_share_one_failure_and_later_calls_ask_again() {
    let refused = "<R><Error><Code>AccessDenied</Code><Message>no</Message></Error></R>";
    let script = Script::by(move |_| status(403, refused));
    let aws = builder(&script, &Clock::default()).build().await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let aws = aws.clone();
        calls.spawn(async move {
            aws.call(Call::new(&with_role(role(SPOKE)), "sagemaker", "ListModels", json!({}))).await.unwrap_err().code
        });
    }
    assert!(calls.join_all().await.iter().all(|code| code == "AccessDenied"));
    assert_eq!(script.sent().len(), 1);
    aws.call(Call::new(&with_role(role(SPOKE)), "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    assert_eq!(script.sent().len(), 2);
}

#[tokio::test]
async fn an_old_session_serves_while_renewal_fails() {
    let clock = Clock::default();
    let good = cloud(&clock);
    let refuse = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (inner, flag) = (good.clone(), refuse.clone());
    let script = Script::by(move |sent| {
        if action(sent) == "AssumeRole" && flag.load(Ordering::Relaxed) {
            status(403, "<R><Error><Code>AccessDenied</Code><Message>not now</Message></Error></R>")
        } else {
            inner.answer(sent)
        }
    });
    let aws = builder(&script, &clock).build().await.unwrap();
    let target = with_role(role(SPOKE));
    aws.call(Call::new(&target, "sagemaker", "ListModels", json!({}))).await.unwrap();
    refuse.store(true, Ordering::Relaxed);
    clock.advance(Duration::from_secs(57 * 60));
    aws.call(Call::new(&target, "sagemaker", "ListModels", json!({}))).await.unwrap();
    // Those who wait for the same renewal are served like the one that asked.
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (aws, target) = (aws.clone(), target.clone());
        calls.spawn(async move { aws.call(Call::new(&target, "sagemaker", "ListModels", json!({}))).await.map(drop) });
    }
    assert!(calls.join_all().await.into_iter().all(|outcome| outcome.is_ok()));
    clock.advance(Duration::from_secs(4 * 60));
    let error = aws.call(Call::new(&target, "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    assert_eq!((error.stage, error.code.as_str()), (Stage::Credentials, "AccessDenied"));
    assert_eq!((error.service.as_str(), error.operation.as_str()), ("sagemaker", "ListModels"));
    for part in [SPOKE, "not now", "trust policy", "sts:AssumeRole"] {
        assert!(error.message.contains(part), "{part}: {error}");
    }
}

#[tokio::test]
async fn roles_are_chained_through_the_hub() {
    let clock = Clock::default();
    let script = cloud(&clock);
    let aws = builder(&script, &clock)
        .role_chain(vec![role(HUB)])
        .session_duration(Duration::from_secs(1800))
        .build()
        .await
        .unwrap();
    aws.call(Call::new(&with_role(role(SPOKE)), "sagemaker", "ListModels", json!({}))).await.unwrap();
    let sent = script.sent();
    assert_eq!(sent.iter().map(key).collect::<Vec<_>>(), [support::KEY, "ASIA1", "ASIA2"]);
    assert!(sent[0].body.contains("role%2Fhub") && sent[1].body.contains("role%2Fspoke"));
    assert!(sent[0].body.contains("DurationSeconds=1800"), "{}", sent[0].body);
    aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap();
    assert_eq!(key(&script.last()), support::KEY, "a target without a role is the ambient identity");
}

#[tokio::test]
async fn a_session_that_the_service_calls_expired_is_renewed_once() {
    let clock = Clock::default();
    let good = cloud(&clock);
    let script = Script::by(move |sent| {
        if sent.header("x-amz-security-token") == Some("t1") {
            status(400, r#"{"__type":"ExpiredTokenException","message":"expired"}"#)
        } else {
            good.answer(sent)
        }
    });
    let aws = builder(&script, &clock).build().await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let aws = aws.clone();
        calls.spawn(async move {
            aws.call(Call::new(&with_role(role(SPOKE)), "sagemaker", "ListModels", json!({}))).await.unwrap();
        });
    }
    calls.join_all().await;
    assert_eq!((count(&script, "AssumeRole"), key(&script.last()).as_str()), (2, "ASIA2"));
}

#[tokio::test]
async fn a_call_for_another_account_is_not_sent() {
    let clock = Clock::default();
    let script = cloud(&clock);
    let aws = builder(&script, &clock).build().await.unwrap();
    let to = |account: &str, role: Option<Role>| Target {
        account: Some(account.parse().unwrap()),
        role,
        ..target("us-east-1")
    };
    aws.call(Call::new(&to("111111111111", None), "sagemaker", "ListModels", json!({}))).await.unwrap();
    aws.call(Call::new(&to("111111111111", None), "sagemaker", "ListModels", json!({}))).await.unwrap();
    assert_eq!(count(&script, "GetCallerIdentity"), 1, "asked more than once");
    aws.call(Call::new(&to("222222222222", Some(role(SPOKE))), "sagemaker", "ListModels", json!({}))).await.unwrap();
    assert_eq!(count(&script, "GetCallerIdentity"), 1, "a role's session says its account");
    let before = script.sent().len();
    for target in [to("333333333333", None), to("333333333333", Some(role(SPOKE)))] {
        let error = aws.call(Call::new(&target, "sagemaker", "ListModels", json!({}))).await.unwrap_err();
        assert_eq!((error.stage, error.code.as_str()), (Stage::Credentials, "WrongAccount"));
        assert!(error.message.contains("333333333333") && error.message.contains("it was not sent"), "{error}");
    }
    assert_eq!(script.sent().len(), before);
}

#[tokio::test]
async fn refused_connections_to_sts_are_transport_failures() {
    let script = Script::by(|_| Answer::Refused);
    let aws = builder(&script, &Clock::default()).endpoint_url("http://127.0.0.1:9").build().await.unwrap();
    let error = aws.call(Call::new(&with_role(role(SPOKE)), "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    assert_eq!(error.stage, Stage::Transport);
    assert!(error.message.contains("local up"), "{error}");
}

#[tokio::test]
async fn a_targets_own_endpoint_takes_its_calls_and_its_sessions() {
    let clock = Clock::default();
    let script = cloud(&clock);
    let aws = builder(&script, &clock).endpoint_url("http://127.0.0.1:1").build().await.unwrap();
    let configured = with_role(role(SPOKE));
    let own = Target { endpoint: Some("http://127.0.0.1:2".to_owned()), ..configured.clone() };
    for target in [&configured, &own, &own] {
        aws.call(Call::new(target, "sagemaker", "ListModels", json!({}))).await.unwrap();
    }
    let hosts: Vec<String> = script.sent().iter().map(|s| s.uri.trim_end_matches('/').to_owned()).collect();
    let (one, two) = ("http://127.0.0.1:1", "http://127.0.0.1:2");
    assert_eq!(hosts, [one, one, two, two, two], "each endpoint's STS is asked once");
    let wrong = Target { endpoint: Some("elsewhere".to_owned()), ..own };
    let error = aws.call(Call::new(&wrong, "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    assert!(error.message.contains("'elsewhere'"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_not_of_sts_is_asked_for_again_and_never_kept() {
    let identity = "<R><GetCallerIdentityResult><Account>111111111111</Account><Arn>a</Arn><UserId>u</UserId>\
                    </GetCallerIdentityResult></R>";
    let nobody = "<R><GetCallerIdentityResult><Arn>a</Arn></GetCallerIdentityResult></R>";
    let call = || {
        let target = Target { account: Some("111111111111".parse().unwrap()), ..target("us-east-1") };
        Call::new(&target, "sagemaker", "ListModels", json!({}))
    };
    for page in ["<html><body>hello</body></html>", "<R/>", "hello", nobody] {
        let script = Script::new([ok(page), ok(page), ok(page), ok(identity), ok("{}")]);
        let aws = builder(&script, &Clock::default()).build().await.unwrap();
        let mut refused = aws.call(call()).await.unwrap_err();
        if page == nobody {
            // Read without fault: asked once a call.
            aws.call(call()).await.unwrap_err();
            refused = aws.call(call()).await.unwrap_err();
        }
        assert_eq!((refused.code.as_str(), script.sent().len()), ("UnreadableAnswer", 3), "{page}");
        aws.call(call()).await.unwrap();
        let script = Script::new([ok("<R/>"), ok(identity), ok("{}")]);
        let aws = builder(&script, &Clock::default()).build().await.unwrap();
        aws.call(call()).await.unwrap();
    }
}
