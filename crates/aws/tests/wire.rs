//! What each protocol puts on the wire, and what it reads from it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

mod support;

use bytes::Bytes;
use sagewright_aws::runtime::InvokeRequest;
use sagewright_aws::{runtime, s3};
use sagewright_port::cloud::{Call, Cloud as _, Stage};
use serde_json::{Value, json};
use support::{Answer, Script, client, ok, status, target};

/// Calls an operation once; gives what was sent and what came out.
async fn call(service: &str, operation: &str, input: Value, answer: Answer) -> (support::Sent, Value) {
    let script = Script::new([answer]);
    let output = client(&script).await.call(Call::new(&target("eu-west-1"), service, operation, input)).await.unwrap();
    (script.last(), output)
}

#[tokio::test]
async fn json_1_1_names_the_operation_in_a_header() {
    let answer = r#"{"ModelName":"fraud","CreationTime":1718434800.25,"EnableNetworkIsolation":false,
        "PrimaryContainer":null,"BrandNew":{"x":1}}"#;
    let (sent, output) = call("sagemaker", "DescribeModel", json!({"ModelName": "fraud"}), ok(answer)).await;
    insta::assert_snapshot!("json_1_1", sent.text());
    let expected = json!({"ModelName": "fraud", "CreationTime": "2024-06-15T07:00:00.25Z",
        "EnableNetworkIsolation": false, "BrandNew": {"x": 1}});
    assert_eq!(output, expected);
}

#[tokio::test]
async fn json_timestamps_are_numbers_on_the_wire_and_tokens_are_filled() {
    let input = json!({"CreationTimeAfter": "2024-06-15T07:00:00Z", "CreationTimeBefore": 1_718_434_801.5});
    let (sent, _) = call("sagemaker", "ListModels", input, ok("{}")).await;
    assert_eq!(sent.body, r#"{"CreationTimeAfter":1718434800,"CreationTimeBefore":1718434801.5}"#);
    let input = json!({"PipelineName": "p", "RoleArn": "arn:aws:iam::123456789012:role/x", "PipelineDefinition": "{}"});
    let (sent, _) = call("sagemaker", "CreatePipeline", input.clone(), ok("{}")).await;
    let body: Value = serde_json::from_str(&sent.body).unwrap();
    assert_eq!(body["ClientRequestToken"].as_str().unwrap().len(), 36);
    let mut given = input;
    given["ClientRequestToken"] = json!("mine");
    let (sent, _) = call("sagemaker", "CreatePipeline", given, ok("{}")).await;
    assert!(sent.body.contains(r#""ClientRequestToken":"mine""#));
}

#[tokio::test]
async fn query_writes_lists_as_numbered_members() {
    let input = json!({
        "RoleArn": "arn:aws:iam::123456789012:role/x y", "RoleSessionName": "s", "DurationSeconds": 900,
        "Tags": [{"Key": "a", "Value": "b & c"}, {"Key": "d", "Value": "~é"}], "TransitiveTagKeys": [],
    });
    let answer = r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
        <Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken>
        <Expiration>2026-01-02T04:04:05Z</Expiration></Credentials><PackedPolicySize>6</PackedPolicySize>
        </AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>"#;
    let (sent, output) = call("sts", "AssumeRole", input, ok(answer)).await;
    insta::assert_snapshot!("query", sent.text());
    let expected = json!({"Credentials": {"AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": "T",
        "Expiration": "2026-01-02T04:04:05Z"}, "PackedPolicySize": 6});
    assert_eq!(output, expected);
}

#[tokio::test]
async fn query_reads_lists_and_booleans_from_xml() {
    let answer = "<ListRolesResponse><ListRolesResult><IsTruncated>true</IsTruncated><Marker>m</Marker><Roles>\
        <member><RoleName>a</RoleName><MaxSessionDuration>3600</MaxSessionDuration></member>\
        <member><RoleName>b</RoleName><Tags><member><Key>k</Key><Value></Value></member></Tags></member>\
        </Roles></ListRolesResult></ListRolesResponse>";
    let (sent, output) = call("iam", "ListRoles", Value::Null, ok(answer)).await;
    assert_eq!(sent.body, "Action=ListRoles&Version=2010-05-08");
    let expected = json!({"IsTruncated": true, "Marker": "m", "Roles": [
        {"RoleName": "a", "MaxSessionDuration": 3600},
        {"RoleName": "b", "Tags": [{"Key": "k", "Value": ""}]}]});
    assert_eq!(sorted(&output), sorted(&expected));
}

#[tokio::test]
async fn rest_json_splits_members_over_path_headers_and_body() {
    let input = json!({"EndpointName": "a/b c", "Body": "MSwy", "ContentType": "text/csv", "TargetVariant": "blue"});
    let headers =
        vec![("content-type", "text/csv".to_owned()), ("x-amzn-invoked-production-variant", "blue".to_owned())];
    let answer = Answer::Http(200, headers, "0.7".to_owned());
    let (sent, output) = call("sagemaker-runtime", "InvokeEndpoint", input, answer).await;
    insta::assert_snapshot!("rest_json", sent.text());
    let expected = json!({"Body": "MC43", "ContentType": "text/csv", "InvokedProductionVariant": "blue"});
    assert_eq!(sorted(&output), sorted(&expected));
}

#[tokio::test]
async fn bytes_are_invoked_without_base64() {
    let headers = vec![("content-type", "x/y".to_owned()), ("x-amzn-invoked-production-variant", "v".to_owned())];
    let script = Script::new([Answer::Http(200, headers, "out".to_owned())]);
    let aws = client(&script).await;
    let body = Bytes::from_static(b"raw bytes");
    let target = target("eu-west-1");
    let (accept, variant, model, container) = (Some("x/y"), Some("v"), Some("a/m.tar.gz"), Some("c"));
    let request = InvokeRequest { endpoint: "e", accept, variant, model, container, body, ..Default::default() };
    let answer = runtime::invoke(&aws, &target, request).await.unwrap();
    assert_eq!((&answer.body[..], answer.variant.as_deref()), (&b"out"[..], Some("v")));
    let sent = script.last();
    assert_eq!((sent.body.as_str(), sent.header("accept")), ("raw bytes", Some("x/y")));
    assert_eq!(sent.header("x-amzn-sagemaker-target-variant"), Some("v"));
    assert_eq!(sent.header("x-amzn-sagemaker-target-model"), Some("a/m.tar.gz"));
    assert_eq!(sent.header("x-amzn-sagemaker-target-container-hostname"), Some("c"));
}

#[tokio::test]
async fn rest_xml_writes_documents_and_signs_their_digest() {
    let input = json!({"Bucket": "b-1", "Delete": {"Objects": [{"Key": "a&b"}, {"Key": "c"}], "Quiet": true}});
    let answer = r#"<?xml version="1.0"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
        <Deleted><Key>a&amp;b</Key></Deleted><Error><Key>c</Key><Code>AccessDenied</Code></Error></DeleteResult>"#;
    let (sent, output) = call("s3", "DeleteObjects", input, ok(answer)).await;
    insta::assert_snapshot!("rest_xml", sent.text());
    assert_eq!(output["Deleted"], json!([{"Key": "a&b"}]));
    assert_eq!(output["Errors"], json!([{"Key": "c", "Code": "AccessDenied"}]));
}

#[tokio::test]
async fn s3_keys_keep_their_slashes_and_escape_the_rest() {
    let input = json!({"Bucket": "b-1", "Key": "a b/ü+c.txt", "Body": "eA==",
        "Metadata": {"team": "fraud"}});
    let (sent, _) = call("s3", "PutObject", input, ok("")).await;
    assert_eq!(sent.uri, "https://b-1.s3.eu-west-1.amazonaws.com/a%20b/%C3%BC%2Bc.txt");
    assert_eq!((sent.body.as_str(), sent.header("x-amz-meta-team")), ("x", Some("fraud")));
    let digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    assert_eq!(sent.header("x-amz-content-sha256"), Some(digest));
    let input = json!({"Bucket": "b-1", "Key": "k", "IfModifiedSince": "2024-06-15T07:00:00Z", "PartNumber": 2});
    let (sent, _) = call("s3", "GetObject", input, ok("")).await;
    assert_eq!(sent.header("if-modified-since"), Some("Sat, 15 Jun 2024 07:00:00 GMT"));
    assert!(sent.uri.ends_with("/k?partNumber=2"), "{}", sent.uri);
}

#[tokio::test]
async fn s3_answers_give_headers_prefixes_and_flat_lists() {
    let headers = vec![
        ("content-length", "1".to_owned()),
        ("last-modified", "Sat, 15 Jun 2024 07:00:00 GMT".to_owned()),
        ("x-amz-meta-team", "fraud".to_owned()),
    ];
    let input = json!({"Bucket": "b-1", "Key": "k"});
    let (_, output) = call("s3", "HeadObject", input, Answer::Http(200, headers, String::new())).await;
    assert_eq!(output["ContentLength"], 1);
    assert_eq!(output["LastModified"], "2024-06-15T07:00:00Z");
    assert_eq!(output["Metadata"], json!({"team": "fraud"}));
    let answer = "<ListBucketResult><Contents><Key>a</Key><Size>3</Size></Contents><Contents><Key>b</Key></Contents>\
        <IsTruncated>false</IsTruncated></ListBucketResult>";
    let (sent, output) = call("s3", "ListObjectsV2", json!({"Bucket": "b-1", "Prefix": "a/"}), ok(answer)).await;
    assert_eq!(sent.uri, "https://b-1.s3.eu-west-1.amazonaws.com/?list-type=2&prefix=a%2F");
    assert_eq!(output["Contents"], json!([{"Key": "a", "Size": 3}, {"Key": "b"}]));
    let (_, output) = call(
        "s3",
        "GetBucketLocation",
        json!({"Bucket": "b-1"}),
        ok("<LocationConstraint>eu-west-1</LocationConstraint>"),
    )
    .await;
    assert_eq!(output, json!({"LocationConstraint": "eu-west-1"}));
}

#[tokio::test]
async fn files_are_sent_unsigned_over_tls_and_with_their_digest_without() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    std::fs::write(&path, "x").unwrap();
    for (url, expected) in [
        ("https://127.0.0.1:1", "UNSIGNED-PAYLOAD"),
        ("http://127.0.0.1:1", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
    ] {
        // A throttle first: the body is sent again.
        let script = Script::new([status(503, "<Error><Code>SlowDown</Code></Error>"), with_etag()]);
        let builder = support::builder(&script, &support::Clock::default());
        let aws = builder.endpoint_url(url).build().await.unwrap();
        let info = s3::put_file(&aws, &target("eu-west-1"), &path, "b-1", "k", None).await.unwrap();
        assert_eq!(info.size, 1);
        let sent = script.sent();
        assert_eq!(sent.len(), 2);
        for sent in sent {
            assert_eq!((sent.body.as_str(), sent.header("x-amz-content-sha256")), ("x", Some(expected)), "{url}");
            assert_eq!((sent.uri.as_str(), sent.header("content-length")), (&*format!("{url}/b-1/k"), Some("1")));
        }
    }
}

#[tokio::test]
async fn input_that_does_not_fit_is_named_and_not_sent() {
    let table = [
        ("sagemaker", "CreateModell", json!({}), "UnknownOperation", "CreateModell"),
        ("sagemakr", "CreateModel", json!({}), "UnknownService", "sagemakr"),
        ("sagemaker", "CreateModel", json!({"ModelNam": "x"}), "InvalidInput", "did you mean 'ModelName'?"),
        (
            "sagemaker",
            "CreateModel",
            json!({"PrimaryContainer": {"Img": 1}}),
            "InvalidInput",
            "'Img' in PrimaryContainer",
        ),
        (
            "sagemaker",
            "CreateModel",
            json!({"PrimaryContainer": []}),
            "InvalidInput",
            "PrimaryContainer must be an object",
        ),
        ("sagemaker", "ListModels", json!({"CreationTimeAfter": "soon"}), "InvalidInput", "CreationTimeAfter"),
        ("iam", "CreateRole", json!({"Tags": [{"K": 1}]}), "InvalidInput", "'K' in Tags[0]"),
        ("s3", "GetObject", json!({"Bucket": "b-1"}), "InvalidInput", "'Key'"),
        ("s3", "GetObject", json!({"Key": "b-1"}), "InvalidInput", "Bucket"),
        ("s3", "PutObject", json!({"Bucket": "b-1", "Key": "k", "Body": "?"}), "InvalidInput", "Body is not base64"),
        ("s3", "PutObject", json!({"Bucket": "b-1", "Key": "k", "ContentType": "a\nb"}), "InvalidInput", "line breaks"),
        ("sts", "GetCallerIdentity", json!([]), "InvalidInput", "must be an object"),
        ("sagemaker-runtime", "InvokeEndpointWithResponseStream", json!({}), "UnknownOperation", "event stream"),
    ];
    let script = Script::new([]);
    let aws = client(&script).await;
    for (service, operation, input, code, text) in table {
        let error = aws.call(Call::new(&target("eu-west-1"), service, operation, input)).await.unwrap_err();
        assert_eq!((error.stage, error.code.as_str()), (Stage::Input, code), "{error}");
        assert!(error.message.contains(text), "{error}");
    }
    assert!(script.sent().is_empty());
}

#[tokio::test]
async fn building_a_client_connects_nowhere() {
    let script = Script::new([]);
    let _client = client(&script).await;
    assert_eq!(script.connectors(), 0);
}

/// Member order of XML answers follows the model's.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<_> = object.keys().collect();
            keys.sort();
            Value::Object(keys.into_iter().map(|k| (k.clone(), sorted(&object[k]))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// As S3 answers an upload.
fn with_etag() -> support::Answer {
    support::Answer::Http(200, vec![("etag", "\"e\"".to_owned())], String::new())
}
