//! What is logged: every call with its fields, no secret. Alone in its process, because what is logged at all is
//! decided for the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

mod support;

use std::sync::{Arc, Mutex};

use sagewright_port::cloud::{Call, Cloud as _};
use serde_json::json;
use support::{Clock, SECRET, Script, builder, ok, target};

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn secrets_are_in_no_log_and_calls_leave_their_fields() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let script = Script::by(|sent| {
        if sent.body.contains("AssumeRole") {
            ok("<R><AssumeRoleResult><Credentials><AccessKeyId>ASIA1</AccessKeyId>\
                <SecretAccessKey>session-secret</SecretAccessKey><SessionToken>session-token</SessionToken>\
                <Expiration>2026-01-02T04:04:05Z</Expiration></Credentials></AssumeRoleResult></R>")
        } else {
            ok("{}")
        }
    });
    let aws = builder(&script, &Clock::default()).build().await.unwrap();
    let role = support::role("arn:aws:iam::111111111111:role/x");
    let target = sagewright_port::cloud::Target { role: Some(role), ..target("us-east-1") };
    aws.call(Call::new(&target, "sagemaker", "ListModels", json!({}))).await.unwrap();
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let mut calls = log.lines().filter(|l| l.contains("sagewright_aws::client: close"));
    let call = calls.next_back().expect("no span of the call");
    for field in [
        "service=\"sagemaker\"",
        "region=us-east-1",
        "account=\"111111111111\"",
        "request_id=\"req-ok\"",
        "attempt=1",
        "status=200",
    ] {
        assert!(call.contains(field), "{field}: {call}");
    }
    for secret in [SECRET, "session-secret", "session-token"] {
        let line = log.lines().find(|l| l.contains(secret));
        assert!(line.is_none(), "{secret}: {line:?}");
    }
}
