//! Serverless variants: cold starts, idle servers, and no more requests than they take.

use std::time::Duration;

use sagewright_cloud::api::Handler;
use sagewright_cloud::metrics::{Metric, Resolution, Span};
use sagewright_cloud::sagemaker::Serving;
use sagewright_cloud::sagemaker::ports::VariantPlan;
use sagewright_cloud::sagemaker::serving::ServerlessPlan;
use serde_json::json;

use super::support::*;
use crate::runner_support::{ACCOUNT, Machine, REGION, soon};

const IDLE: Duration = Duration::from_secs(300);

fn serverless(image: &str, max_concurrency: u32, provisioned: u32) -> VariantPlan {
    let serving = Serving { serverless: Some(ServerlessPlan { max_concurrency, provisioned }), ..Serving::default() };
    VariantPlan { serving, ..named(image, "v", 1.0) }
}

async fn until_lines(machine: &Machine, lines: &[&str]) {
    soon("the server's lines", async {
        while machine.lines(GROUP, "v/") != lines {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn servers_start_with_a_request_and_stop_when_they_were_idle() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let env = machine.env();
    let config = sagewright_cloud::hosting::HostingConfig::default();
    let hosting = sagewright_cloud::hosting::Hosting::new(
        env.clone(),
        std::sync::Arc::new(sagewright_cloud::runner::NoEnvironment),
        config,
    );
    deploy(&hosting, vec![serverless(&image, 5, 0)]).await.unwrap();
    // It was started once, to see that it can be.
    until_lines(&machine, &["listening", "bye v"]).await;
    assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "v(x)");
    assert_eq!(text(&invoke(&hosting, "y").await.unwrap()), "v(y)");
    // Simulated time is looked at each minute.
    soon("the idle server", machine.clock.sleeping(Duration::from_secs(60))).await;
    machine.clock.advance(IDLE);
    until_lines(&machine, &["listening", "bye v", "listening", "bye v"]).await;
    assert_eq!(text(&invoke(&hosting, "z").await.unwrap()), "v(z)");
    let metric = Metric::new(ACCOUNT, REGION, "AWS/SageMaker", "ModelSetupTime");
    let metric = metric.with("EndpointName", "e").with("VariantName", "v");
    let span = Span { resolution: Resolution::Hour, from: 0, to: i64::MAX / 2000, spread: false };
    let buckets = env.metrics.read(metric, span, |buckets| buckets).await.unwrap();
    let starts: f64 = buckets.iter().map(|bucket| bucket.stats.count).sum();
    assert_eq!(starts, 2.0, "two of three requests found no server");
    hosting.shutdown().await;
}

#[tokio::test]
async fn provisioned_servers_stay_up() {
    let (machine, image, hosting) = stage();
    deploy(&hosting, vec![serverless(&image, 5, 1)]).await.unwrap();
    machine.clock.advance(IDLE * 10);
    assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "v(x)");
    assert_eq!(machine.lines(GROUP, "v/"), ["listening"]);
    hosting.shutdown().await;
}

#[tokio::test]
async fn requests_beyond_the_concurrency_are_throttled_and_large_ones_refused() {
    let (machine, image, hosting) = stage();
    deploy(&hosting, vec![serverless(&image, 1, 1)]).await.unwrap();
    let (late, error) = tokio::join!(invoke(&hosting, "hang"), async {
        machine.clock.sleeping(Duration::from_secs(60)).await;
        let error = invoke(&hosting, "x").await.unwrap_err();
        machine.clock.advance(Duration::from_secs(60));
        error
    });
    late.unwrap_err();
    assert_eq!((&*error.code, error.status, error.message.as_str()), ("ThrottlingException", 400, "Rate exceeded"));
    assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "v(x)", "there is room again");
    let large = call("InvokeEndpoint", json!({"EndpointName": "e"}), vec![b'x'; 4 * 1024 * 1024 + 1]);
    assert_eq!(hosting.call(large).await.unwrap_err().status, 413);
    let stream = call("InvokeEndpointWithResponseStream", json!({"EndpointName": "e"}), "x");
    let error = hosting.call(stream).await.unwrap_err();
    assert!(error.message.contains("does not support response streaming"), "{error}");
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_serverless_variant_whose_server_does_not_start_fails_its_deployment() {
    let (_machine, image, hosting) = stage();
    let exits = VariantPlan { containers: vec![container(&image, &[("MODE", "exit")])], ..serverless(&image, 1, 0) };
    let reason = deploy(&hosting, vec![exits]).await.unwrap_err();
    assert!(reason.contains("did not pass the ping health check"), "{reason}");
    hosting.shutdown().await;
}
