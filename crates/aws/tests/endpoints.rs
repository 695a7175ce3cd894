//! Where requests go and what they are signed for: services, regions, settings.
//!
//! The expected hosts are what botocore 1.43's rule sets give for the same arguments.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

mod support;

use sagewright_aws::Builder;
use sagewright_port::cloud::{Call, Cloud as _, Target};
use serde_json::{Value, json};
use support::{Clock, Script, builder, ok, target};

/// An operation of each service and the least input for it.
fn call(service: &str) -> (&'static str, Value) {
    match service {
        "sagemaker" => ("ListModels", json!({})),
        "sagemaker-runtime" => ("InvokeEndpoint", json!({"EndpointName": "e", "Body": ""})),
        "sts" => ("GetCallerIdentity", json!({})),
        "iam" => ("ListRoles", json!({})),
        "logs" => ("DescribeLogGroups", json!({})),
        "application-autoscaling" => ("DescribeScalableTargets", json!({"ServiceNamespace": "sagemaker"})),
        "sqs" => ("ListQueues", json!({})),
        "s3" => ("HeadBucket", json!({"Bucket": "mybucket"})),
        other => panic!("no call for {other}"),
    }
}

/// The URL's scheme and host, and the scope of the signature.
async fn send(
    make: impl Fn(Builder) -> Builder,
    region: &str,
    service: &str,
    input: Option<Value>,
) -> (String, String) {
    let script = Script::by(|_| ok(""));
    let aws = make(builder(&script, &Clock::default())).build().await.unwrap();
    let (operation, least) = call(service);
    let target: Target = target(region);
    let _ = aws.call(Call::new(&target, service, operation, input.unwrap_or(least))).await;
    let sent = script.last();
    let host: Vec<&str> = sent.uri.splitn(4, '/').collect();
    (host[..3].join("/").trim_start_matches("https://").to_owned(), sent.scope())
}

#[tokio::test]
async fn hosts_and_scopes_of_every_service_and_partition() {
    let table = [
        ("sagemaker", "us-east-1", "api.sagemaker.us-east-1.amazonaws.com", "us-east-1/sagemaker"),
        ("sagemaker", "cn-north-1", "api.sagemaker.cn-north-1.amazonaws.com.cn", "cn-north-1/sagemaker"),
        ("sagemaker", "us-iso-east-1", "api.sagemaker.us-iso-east-1.c2s.ic.gov", "us-iso-east-1/sagemaker"),
        ("sagemaker", "eusc-de-east-1", "api.sagemaker.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1/sagemaker"),
        ("sagemaker-runtime", "eu-west-1", "runtime.sagemaker.eu-west-1.amazonaws.com", "eu-west-1/sagemaker"),
        ("sts", "eu-west-1", "sts.eu-west-1.amazonaws.com", "eu-west-1/sts"),
        ("iam", "us-east-1", "iam.amazonaws.com", "us-east-1/iam"),
        ("iam", "eu-west-1", "iam.amazonaws.com", "us-east-1/iam"),
        ("iam", "us-gov-east-1", "iam.us-gov.amazonaws.com", "us-gov-west-1/iam"),
        ("iam", "cn-northwest-1", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1/iam"),
        ("iam", "us-isob-east-1", "iam.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1/iam"),
        ("logs", "us-gov-west-1", "logs.us-gov-west-1.amazonaws.com", "us-gov-west-1/logs"),
        (
            "application-autoscaling",
            "eu-west-1",
            "application-autoscaling.eu-west-1.amazonaws.com",
            "eu-west-1/application-autoscaling",
        ),
        ("sqs", "eu-west-1", "sqs.eu-west-1.amazonaws.com", "eu-west-1/sqs"),
        ("s3", "eu-west-1", "mybucket.s3.eu-west-1.amazonaws.com", "eu-west-1/s3"),
        ("s3", "cn-north-1", "mybucket.s3.cn-north-1.amazonaws.com.cn", "cn-north-1/s3"),
    ];
    for (service, region, host, scope) in table {
        let (actual, signed) = send(|b| b, region, service, None).await;
        assert_eq!((actual.as_str(), signed.as_str()), (host, scope), "{service} {region}");
    }
}

#[tokio::test]
async fn fips_and_dual_stack_hosts() {
    let table = [
        (
            "sagemaker",
            "us-east-1",
            "api-fips.sagemaker.us-east-1.amazonaws.com",
            "api.sagemaker.us-east-1.api.aws",
            "api.sagemaker-fips.us-east-1.api.aws",
        ),
        (
            "sagemaker",
            "us-gov-west-1",
            "api-fips.sagemaker.us-gov-west-1.amazonaws.com",
            "api.sagemaker.us-gov-west-1.api.aws",
            "api.sagemaker-fips.us-gov-west-1.api.aws",
        ),
        (
            "sagemaker-runtime",
            "us-east-1",
            "runtime-fips.sagemaker.us-east-1.amazonaws.com",
            "runtime.sagemaker.us-east-1.api.aws",
            "runtime.sagemaker-fips.us-east-1.api.aws",
        ),
        (
            "sagemaker-runtime",
            "us-gov-west-1",
            "runtime.sagemaker.us-gov-west-1.amazonaws.com",
            "runtime.sagemaker.us-gov-west-1.api.aws",
            "runtime.sagemaker-fips.us-gov-west-1.api.aws",
        ),
        ("sts", "us-east-1", "sts-fips.us-east-1.amazonaws.com", "sts.us-east-1.api.aws", "sts-fips.us-east-1.api.aws"),
        (
            "sts",
            "us-gov-west-1",
            "sts.us-gov-west-1.amazonaws.com",
            "sts.us-gov-west-1.api.aws",
            "sts-fips.us-gov-west-1.api.aws",
        ),
        ("sqs", "us-east-1", "sqs-fips.us-east-1.amazonaws.com", "sqs.us-east-1.api.aws", "sqs-fips.us-east-1.api.aws"),
        (
            "sqs",
            "us-gov-west-1",
            "sqs.us-gov-west-1.amazonaws.com",
            "sqs.us-gov-west-1.api.aws",
            "sqs-fips.us-gov-west-1.api.aws",
        ),
        ("iam", "us-east-1", "iam-fips.amazonaws.com", "iam.global.api.aws", "iam-fips.global.api.aws"),
        ("iam", "us-gov-west-1", "iam.us-gov.amazonaws.com", "iam.us-gov.api.aws", "iam.us-gov.api.aws"),
        (
            "logs",
            "us-isof-south-1",
            "logs-fips.us-isof-south-1.csp.hci.ic.gov",
            "logs.us-isof-south-1.api.aws.hci.ic.gov",
            "logs-fips.us-isof-south-1.api.aws.hci.ic.gov",
        ),
        (
            "s3",
            "us-east-1",
            "mybucket.s3-fips.us-east-1.amazonaws.com",
            "mybucket.s3.dualstack.us-east-1.amazonaws.com",
            "mybucket.s3-fips.dualstack.us-east-1.amazonaws.com",
        ),
    ];
    let fips = [("AWS_USE_FIPS_ENDPOINT", "true")];
    let dual = [("AWS_USE_DUALSTACK_ENDPOINT", "true")];
    let both = [fips[0], dual[0]];
    for (service, region, with_fips, with_dual, with_both) in table {
        for (variables, host) in [(&fips[..], with_fips), (&dual[..], with_dual), (&both[..], with_both)] {
            let (actual, _) = send(|b| b.environment(variables, &[]), region, service, None).await;
            assert_eq!(actual, host, "{service} {region} {variables:?}");
        }
        assert_eq!(send(|b| b.fips(true).dual_stack(true), region, service, None).await.0, with_both);
    }
}

const CONFIG: &str = "
[default]
endpoint_url = http://profile:1
services = here
[profile plain]
endpoint_url = http://plain:1
[profile off]
endpoint_url = http://off:1
ignore_configured_endpoint_urls = true
[services here]
sagemaker-runtime =
  endpoint_url = http://runtime-section:1
";

#[tokio::test]
async fn configured_urls_go_by_the_documented_order() {
    let all = ("AWS_ENDPOINT_URL", "http://all:1");
    let runtime = ("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://runtime:1");
    let home = ("HOME", "/h");
    let (models, invoke) = ("sagemaker", "sagemaker-runtime");
    let table: &[(&[(&str, &str)], &str, &str)] = &[
        (&[all], models, "http://all:1"),
        (&[all, runtime], models, "http://all:1"),
        (&[all, runtime], invoke, "http://runtime:1"),
        (
            &[all, ("AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING", "http://aas:1")],
            "application-autoscaling",
            "http://aas:1",
        ),
        (&[all, ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "http://logs:1")], "logs", "http://logs:1"),
        (&[all, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")], models, "api.sagemaker.us-east-1.amazonaws.com"),
        (&[home], models, "http://profile:1"),
        (&[home], invoke, "http://runtime-section:1"),
        (&[home, all], invoke, "http://all:1"),
        (&[home, ("AWS_PROFILE", "plain")], invoke, "http://plain:1"),
        (&[home, ("AWS_PROFILE", "off")], models, "api.sagemaker.us-east-1.amazonaws.com"),
        (&[("AWS_ENDPOINT_URL", "")], models, "api.sagemaker.us-east-1.amazonaws.com"),
        (&[("AWS_ENDPOINT_URL", "http://all:1/")], models, "http://all:1"),
    ];
    for (variables, service, host) in table {
        let (actual, _) =
            send(|b| b.environment(variables, &[("/h/.aws/config", CONFIG)]), "us-east-1", service, None).await;
        assert_eq!(&actual, host, "{service} {variables:?}");
    }
    let (actual, _) =
        send(|b| b.environment(&[all], &[]).endpoint_url("http://given:1"), "us-east-1", models, None).await;
    assert_eq!(actual, "http://given:1");
}

#[tokio::test]
async fn buckets_stand_in_the_path_where_the_host_cannot_hold_them() {
    let table = [
        (None, "my.bucket", "https://s3.us-east-1.amazonaws.com/my.bucket/k"),
        (None, "my_Bucket", "https://s3.us-east-1.amazonaws.com/my_Bucket/k"),
        // What is no name is S3's to refuse: it does not become another part of the address.
        (None, "b?acl&x=#", "https://s3.us-east-1.amazonaws.com/b%3Facl%26x%3D%23/k"),
        (Some("http://127.0.0.1:1"), "mybucket", "http://127.0.0.1:1/mybucket/k"),
        (Some("http://127.0.0.1:1/base"), "mybucket", "http://127.0.0.1:1/base/mybucket/k"),
        (None, "mybucket", "https://mybucket.s3.us-east-1.amazonaws.com/k"),
    ];
    for (url, bucket, expected) in table {
        let script = Script::by(|_| ok(""));
        let mut builder = builder(&script, &Clock::default());
        if let Some(url) = url {
            builder = builder.endpoint_url(url);
        }
        let aws = builder.build().await.unwrap();
        aws.call(Call::new(&target("us-east-1"), "s3", "HeadObject", json!({"Bucket": bucket, "Key": "k"})))
            .await
            .unwrap();
        assert_eq!(script.last().uri, expected);
    }
}

#[tokio::test]
async fn regions_come_from_the_builder_the_environment_and_the_profile() {
    let files = [("/h/.aws/config", "[default]\nregion = eu-west-1\n[profile b]\nregion = eu-west-2\n")];
    let table: &[(&[(&str, &str)], Option<&str>)] = &[
        (&[], None),
        (&[("HOME", "/h")], Some("eu-west-1")),
        (&[("HOME", "/h"), ("AWS_PROFILE", "b")], Some("eu-west-2")),
        (&[("HOME", "/h"), ("AWS_DEFAULT_REGION", "us-west-1")], Some("us-west-1")),
        (&[("AWS_REGION", "us-west-2"), ("AWS_DEFAULT_REGION", "us-west-1")], Some("us-west-2")),
    ];
    for (variables, expected) in table {
        let script = Script::new([]);
        let make = || builder(&script, &Clock::default()).environment(variables, &files);
        assert_eq!(make().build().await.unwrap().region(), *expected, "{variables:?}");
        assert_eq!(make().region("sa-east-1").build().await.unwrap().region(), Some("sa-east-1"));
    }
    let script = Script::new([]);
    let aws = builder(&script, &Clock::default()).environment(&[("HOME", "/h")], &files).profile("b");
    let aws = aws.build().await.unwrap();
    assert_eq!((aws.region(), aws.profile()), (Some("eu-west-2"), "b"));
}
