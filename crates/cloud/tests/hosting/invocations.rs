//! Requests: routing, the answer, and its errors.

use std::collections::BTreeMap;
use std::time::Duration;

use sagewright_cloud::api::Handler;
use sagewright_cloud::hosting::Hosting;
use sagewright_cloud::sagemaker::ports::{ContainerPlan, VariantPlan};
use serde_json::{Value, json};

use super::support::*;
use crate::runner_support::{ACCOUNT, REGION};

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
    let (_machine, image, hosting) = stage();
    let weights = |blue, green| vec![fleet(1, 1.0, vec![named(&image, "blue", blue), named(&image, "green", green)])];
    serve(&hosting, weights(3.0, 1.0)).await.unwrap();
    assert_eq!(counts(&hosting, 40).await, [("blue".to_owned(), 30), ("green".to_owned(), 10)].into());
    serve(&hosting, weights(0.0, 5.0)).await.unwrap();
    assert_eq!(counts(&hosting, 10).await, [("green".to_owned(), 10)].into());
    let output = invoke_with(&hosting, json!({"TargetVariant": "blue"}), "x").await.unwrap();
    assert_eq!(text(&output), "blue(x)");
    let error = invoke_with(&hosting, json!({"TargetVariant": "red"}), "x").await.unwrap_err();
    assert_eq!(error.message, "Could not find variant red for endpoint e of account 000000000000.");
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_model_that_fails_or_hangs_gives_awss_model_error() {
    let (machine, image, hosting) = stage();
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
    let (machine, image, hosting) = stage();
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
    let (_machine, image, hosting) = stage();
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
    let (_machine, image, hosting) = stage();
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    for member in ["InferenceComponentName", "EnableExplanations", "PrefixAwareId"] {
        let error = invoke_with(&hosting, json!({member: "x"}), "x").await.unwrap_err();
        assert_eq!(error.code, "ValidationError");
        assert!(error.message.starts_with(&format!("{member} is not supported")), "{}", error.message);
    }
    let large = call("InvokeEndpoint", json!({"EndpointName": "e"}), vec![b'x'; 6 * 1024 * 1024 + 1]);
    let error = hosting.call(large).await.unwrap_err();
    assert_eq!((error.status, error.message.as_str()), (413, "HTTP content length exceeded 6291456 bytes."));
    hosting.shutdown().await;
}
