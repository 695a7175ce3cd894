//! Against moto, an independent implementation of the services, as a separate process.
//!
//! `SAGEWRIGHT_TEST_PYTHON` names an interpreter that has `moto[server]`; `python3` without it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use sagewright_aws::runtime::InvokeRequest;
use sagewright_aws::{Aws, collect_items, pages, paging::Pager, runtime, s3};
use sagewright_port::cloud::{Call, Cloud as _, Role, Stage, Target};
use serde_json::{Value, json};

/// A moto server; stopped when the last test that uses it ends.
struct Moto {
    child: Child,
    url: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn moto() -> Arc<Moto> {
    static SHARED: Mutex<Weak<Moto>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(moto) = shared.upgrade() {
        return moto;
    }
    let moto = Arc::new(start(&[]));
    *shared = Arc::downgrade(&moto);
    moto
}

fn python() -> String {
    std::env::var("SAGEWRIGHT_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

fn start(more: &[&str]) -> Moto {
    let python = python();
    let mut child = Command::new(&python)
        .args(["-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("cannot start {python}: {e}; set SAGEWRIGHT_TEST_PYTHON"));
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut seen = Vec::new();
    // The server listens before it says where.
    let url = loop {
        match lines.next() {
            Some(Ok(line)) => match line.split_once("Running on ") {
                Some((_, url)) => break url.split_whitespace().next().unwrap().to_owned(),
                None => seen.push(line),
            },
            _ => panic!("moto did not start with {python}:\n{}", seen.join("\n")),
        }
    };
    // It logs every request; a full pipe would stop it.
    std::thread::spawn(move || lines.for_each(drop));
    Moto { child, url }
}

async fn client(moto: &Moto) -> Aws {
    Aws::builder()
        .environment(&[], &[])
        .endpoint_url(&moto.url)
        .credentials("testing", "testing", None)
        .build()
        .await
        .unwrap()
}

fn target() -> Target {
    Target::new("us-east-1".parse().unwrap())
}

#[tokio::test]
async fn sagemaker_models_are_created_described_listed_and_missed() {
    let moto = moto();
    let aws = client(&moto).await;
    let target = target();
    for i in 0..7 {
        let input = json!({
            "ModelName": format!("paged-{i}"),
            "ExecutionRoleArn": "arn:aws:iam::123456789012:role/exec",
            "PrimaryContainer": {"Image": "img:1", "Environment": {"A": "b"}},
        });
        let output = aws.call(Call::new(&target, "sagemaker", "CreateModel", input)).await.unwrap();
        assert!(output["ModelArn"].as_str().unwrap().ends_with(&format!("model/paged-{i}")), "{output}");
    }
    let model =
        aws.call(Call::new(&target, "sagemaker", "DescribeModel", json!({"ModelName": "paged-3"}))).await.unwrap();
    assert_eq!(model["PrimaryContainer"]["Environment"]["A"], "b");
    let created: jiff::Timestamp = model["CreationTime"].as_str().unwrap().parse().unwrap();
    assert!(created > "2020-01-01T00:00:00Z".parse().unwrap());

    let models = collect_items(&aws, &target, "sagemaker", "ListModels", json!({})).await.unwrap();
    assert!(models.iter().filter(|m| m["ModelName"].as_str().unwrap().starts_with("paged-")).count() == 7);

    let missing =
        aws.call(Call::new(&target, "sagemaker", "DescribeModel", json!({"ModelName": "none"}))).await.unwrap_err();
    assert_eq!((missing.stage, missing.code.as_str()), (Stage::Service, "ValidationException"));
    assert_eq!((missing.status, missing.class().is_retryable()), (Some(400), false));
    assert!(missing.message.contains("none") || missing.message.contains("Could not find"), "{missing}");
}

#[tokio::test]
async fn listings_are_followed_over_their_pages() {
    let moto = moto();
    let aws = client(&moto).await;
    let target = target();
    for i in 0..7 {
        let input = json!({"ModelPackageGroupName": format!("group-{i}")});
        aws.call(Call::new(&target, "sagemaker", "CreateModelPackageGroup", input)).await.unwrap();
    }
    let mut pager = Pager::new(&target, "sagemaker", "ListModelPackageGroups", json!({})).page_size(3);
    let mut sizes = Vec::new();
    while let Some(page) = pager.next(&aws).await.unwrap() {
        sizes.push(page["ModelPackageGroupSummaryList"].as_array().unwrap().len());
    }
    assert_eq!(sizes, [3, 3, 1]);
    let input = json!({"NameContains": "group-", "MaxResults": 2});
    assert_eq!(collect_items(&aws, &target, "sagemaker", "ListModelPackageGroups", input).await.unwrap().len(), 7);
}

#[tokio::test]
async fn roles_are_assumed_and_accounts_are_checked() {
    let moto = moto();
    let aws = client(&moto).await;
    let ambient = target();
    let identity = aws.identity(&ambient).await.unwrap();
    assert_eq!(identity.account, "123456789012");

    let role = Role {
        arn: "arn:aws:iam::222222222222:role/deployer".to_owned(),
        external_id: Some("ext".to_owned()),
        session_name: Some("release-7".to_owned()),
    };
    let other = Target { account: Some("222222222222".parse().unwrap()), role: Some(role), ..target() };
    let identity = aws.identity(&other).await.unwrap();
    assert_eq!(identity.account, "222222222222");
    assert!(identity.arn.ends_with("assumed-role/deployer/release-7"), "{identity:?}");
    let input = json!({
        "ModelName": "over-there", "ExecutionRoleArn": "arn:aws:iam::222222222222:role/exec",
        "PrimaryContainer": {"Image": "img:1"},
    });
    let output = aws.call(Call::new(&other, "sagemaker", "CreateModel", input)).await.unwrap();
    assert!(output["ModelArn"].as_str().unwrap().contains(":222222222222:"), "{output}");

    let wrong = Target { account: Some("333333333333".parse().unwrap()), ..target() };
    let error = aws.call(Call::new(&wrong, "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    assert_eq!((error.stage, error.code.as_str()), (Stage::Credentials, "WrongAccount"));
    assert!(error.message.contains("123456789012") && error.message.contains("333333333333"), "{error}");
}

#[tokio::test]
async fn iam_roles_are_created_and_read() {
    let moto = moto();
    let aws = client(&moto).await;
    let target = target();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    let input = json!({
        "RoleName": "exec", "AssumeRolePolicyDocument": policy.to_string(), "Description": "a & b <c>",
        "MaxSessionDuration": 7200, "Tags": [{"Key": "team", "Value": "fraud"}, {"Key": "env", "Value": "test"}],
    });
    aws.call(Call::new(&target, "iam", "CreateRole", input)).await.unwrap();
    let role = aws.call(Call::new(&target, "iam", "GetRole", json!({"RoleName": "exec"}))).await.unwrap();
    assert_eq!(role["Role"]["Description"], "a & b <c>");
    assert_eq!(role["Role"]["MaxSessionDuration"], 7200);
    assert_eq!(role["Role"]["Tags"][1], json!({"Key": "env", "Value": "test"}));
    assert!(role["Role"]["CreateDate"].as_str().unwrap().ends_with('Z'), "{role}");
    let missing = aws.call(Call::new(&target, "iam", "GetRole", json!({"RoleName": "none"}))).await.unwrap_err();
    assert_eq!((missing.code.as_str(), missing.status), ("NoSuchEntity", Some(404)));
    assert!(missing.request_id.is_some(), "{missing:?}");
}

#[tokio::test]
async fn objects_go_to_s3_and_come_back() {
    let moto = moto();
    let aws = client(&moto).await;
    let target = target();
    let folder = tempfile::tempdir().unwrap();
    s3::create_bucket(&aws, &target, "models").await.unwrap();
    s3::create_bucket(&aws, &target, "models").await.unwrap();

    let small = folder.path().join("small.txt");
    std::fs::write(&small, "hello").unwrap();
    let key = "run 1/a+b/ü.txt";
    let put = s3::put_file(&aws, &target, &small, "models", key, Some("text/plain")).await.unwrap();
    assert_eq!(put.size, 5);
    let object = s3::get_bytes(&aws, &target, "models", key).await.unwrap();
    assert_eq!((&object.body[..], object.info.content_type.as_deref()), (&b"hello"[..], Some("text/plain")));

    let head = s3::head(&aws, &target, "models", key).await.unwrap().unwrap();
    assert_eq!((head.size, head.etag.is_some()), (5, true));
    assert!(s3::head(&aws, &target, "models", "none").await.unwrap().is_none());
    let missing = s3::get_bytes(&aws, &target, "models", "none").await.unwrap_err();
    assert_eq!((missing.code.as_str(), missing.status), ("NoSuchKey", Some(404)));

    s3::put_bytes(&aws, &target, "models", "other/x", Bytes::from_static(b"x"), None).await.unwrap();
    let listed = s3::list(&aws, &target, "models", "run 1/").await.unwrap();
    assert_eq!(listed.iter().map(|o| o.key.as_str()).collect::<Vec<_>>(), [key]);
    assert_eq!(listed[0].size, 5);
    s3::delete(&aws, &target, "models", key).await.unwrap();
    assert!(s3::list(&aws, &target, "models", "run 1/").await.unwrap().is_empty());

    // The port itself speaks S3 too.
    let input = json!({"Bucket": "models", "Key": "other/x"});
    let object = aws.call(Call::new(&target, "s3", "GetObject", input)).await.unwrap();
    assert_eq!((object["Body"].as_str(), object["ContentLength"].as_i64()), (Some("eA=="), Some(1)));
    let input = json!({"Bucket": "models", "Delete": {"Objects": [{"Key": "other/x"}]}});
    aws.call(Call::new(&target, "s3", "DeleteObjects", input)).await.unwrap();
    assert!(s3::list(&aws, &target, "models", "").await.unwrap().is_empty());
    let gone = s3::list(&aws, &target, "no-such-bucket", "").await.unwrap_err();
    assert_eq!(gone.code, "NoSuchBucket");
}

#[tokio::test]
async fn a_large_file_goes_in_parts_and_comes_back_whole() {
    let moto = moto();
    let aws = client(&moto).await;
    let target = target();
    let folder = tempfile::tempdir().unwrap();
    s3::create_bucket(&aws, &target, "large").await.unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    let block: Vec<u8> = (0..1_048_573_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut content = block.repeat(70);
    content.truncate(70 * 1_000_003);
    std::fs::write(&from, &content).unwrap();
    let put = s3::put_file(&aws, &target, &from, "large", "weights.bin", None).await.unwrap();
    assert!(put.etag.unwrap().contains('-'), "one part");
    let got = s3::get_to_file(&aws, &target, "large", "weights.bin", &to).await.unwrap();
    assert_eq!(got.size, content.len() as u64);
    assert!(std::fs::read(&to).unwrap() == content, "the content differs");
}

#[tokio::test]
async fn scaling_targets_and_logs_are_written_and_read() {
    let moto = moto();
    let aws = client(&moto).await;
    let target = target();
    let call = |service: &'static str, operation: &'static str, input: Value| {
        let (aws, target) = (aws.clone(), target.clone());
        async move { aws.call(Call::new(&target, service, operation, input)).await }
    };
    call(
        "sagemaker",
        "CreateModel",
        json!({"ModelName": "scaled", "PrimaryContainer": {"Image": "img:1"},
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/exec"}),
    )
    .await
    .unwrap();
    call(
        "sagemaker",
        "CreateEndpointConfig",
        json!({"EndpointConfigName": "scaled", "ProductionVariants": [
        {"VariantName": "main", "ModelName": "scaled", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large",
         "InitialVariantWeight": 1.0}]}),
    )
    .await
    .unwrap();
    call("sagemaker", "CreateEndpoint", json!({"EndpointName": "scaled", "EndpointConfigName": "scaled"}))
        .await
        .unwrap();
    let resource = json!({"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/scaled/variant/main",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount", "MinCapacity": 1, "MaxCapacity": 4});
    call("application-autoscaling", "RegisterScalableTarget", resource).await.unwrap();
    let found = call("application-autoscaling", "DescribeScalableTargets", json!({"ServiceNamespace": "sagemaker"}))
        .await
        .unwrap();
    assert_eq!(found["ScalableTargets"][0]["MaxCapacity"], 4);

    call("logs", "CreateLogGroup", json!({"logGroupName": "/aws/sagemaker/TrainingJobs"})).await.unwrap();
    call("logs", "CreateLogStream", json!({"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": "j/1"}))
        .await
        .unwrap();
    let now = jiff::Timestamp::now().as_millisecond();
    let events: Vec<Value> = (0..5).map(|i| json!({"timestamp": now + i, "message": format!("line {i}")})).collect();
    call(
        "logs",
        "PutLogEvents",
        json!({"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": "j/1",
        "logEvents": events}),
    )
    .await
    .unwrap();
    let input = json!({"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": "j/1", "startFromHead": true});
    let all = pages(&aws, &target, "logs", "GetLogEvents", input).await.unwrap();
    let lines: Vec<&str> =
        all.iter().flat_map(|p| p["events"].as_array().unwrap()).map(|e| e["message"].as_str().unwrap()).collect();
    assert_eq!(lines, ["line 0", "line 1", "line 2", "line 3", "line 4"]);
    let exists =
        call("logs", "CreateLogGroup", json!({"logGroupName": "/aws/sagemaker/TrainingJobs"})).await.unwrap_err();
    assert_eq!(exists.code, "ResourceAlreadyExistsException");
}

#[tokio::test]
async fn endpoints_are_invoked_with_bytes_and_through_the_port() {
    let moto = moto();
    let aws = client(&moto).await;
    let target = target();
    let (content_type, body) = (Some("text/csv"), Bytes::from_static(b"1,2"));
    let request = InvokeRequest { endpoint: "any", content_type, body, ..Default::default() };
    let answer = runtime::invoke(&aws, &target, request).await.unwrap();
    assert!(!answer.body.is_empty());
    assert!(answer.variant.is_some());
    let input = json!({"EndpointName": "any", "Body": "MSwy", "ContentType": "text/csv"});
    let output = aws.call(Call::new(&target, "sagemaker-runtime", "InvokeEndpoint", input)).await.unwrap();
    assert!(output["Body"].is_string() && output["ContentType"].is_string(), "{output}");
}

/// A certificate for 127.0.0.1 by the library that moto needs anyway.
const CERTIFICATE: &str = r#"
import datetime, ipaddress, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
now = datetime.datetime.now(datetime.timezone.utc)
san = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    .serial_number(7).not_valid_before(now - datetime.timedelta(days=1))
    .not_valid_after(now + datetime.timedelta(days=1)).add_extension(san, False).sign(key, hashes.SHA256()))
open(sys.argv[1], "wb").write(cert.public_bytes(serialization.Encoding.PEM))
open(sys.argv[2], "wb").write(key.private_bytes(serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
"#;

#[tokio::test]
async fn tls_trusts_the_bundle_that_is_named_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = Command::new(python()).args(["-c", CERTIFICATE]).args([&cert, &key]).status().unwrap();
    assert!(made.success());
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let moto = start(&["-c", cert, "-k", key]);
    assert!(moto.url.starts_with("https://"), "{}", moto.url);
    let make = |variables: Vec<(&str, &str)>| {
        Aws::builder()
            .environment(&variables, &[])
            .endpoint_url(&moto.url)
            .credentials("testing", "testing", None)
            .retry(sagewright_aws::Retry::Off)
            .build()
    };
    let aws = make(vec![("AWS_CA_BUNDLE", cert)]).await.unwrap();
    assert_eq!(aws.identity(&target()).await.unwrap().account, "123456789012");
    s3::create_bucket(&aws, &target(), "tls").await.unwrap();
    s3::put_file(&aws, &target(), cert, "tls", "cert", None).await.unwrap();

    let aws = make(vec![]).await.unwrap();
    let error = aws.identity(&target()).await.unwrap_err();
    assert_eq!(
        (error.stage, error.code.as_str(), error.class().is_retryable()),
        (Stage::Transport, "NotTrusted", false)
    );
    assert!(error.message.contains("AWS_CA_BUNDLE"), "{error}");

    let missing = folder.path().join("missing.pem");
    for (bundle, why) in [(missing.to_str().unwrap(), "No such file"), (key, "no usable certificate")] {
        let aws = make(vec![("AWS_CA_BUNDLE", bundle)]).await.unwrap();
        let error = aws.identity(&target()).await.unwrap_err();
        assert_eq!(
            (error.stage, error.code.as_str(), error.class().is_retryable()),
            (Stage::Input, "InvalidCaBundle", false)
        );
        assert!(error.message.contains(bundle) && error.message.contains(why), "{error}");
    }
}
