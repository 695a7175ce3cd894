//! The embedded cloud's port over a loopback connection.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use sagewright_cloud::api::{ApiError, Call, Handler, Output};
use sagewright_cloud::clock::{SystemWall, Wall};
use sagewright_cloud::config::Config;
use sagewright_cloud::server::{Running, StartError, bind, open_identity};
use serde_json::json;
use support::{Client, Key, Outgoing};

const ACCOUNT: &str = "000000000000";
const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// A clock that a test moves.
struct Hands(Mutex<Timestamp>);

impl Wall for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

fn config(data: &std::path::Path) -> Config {
    let mut config = Config::new(data);
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config
}

/// Echoes SageMaker calls, and fails as it is told to.
struct Echo;

#[async_trait]
impl Handler for Echo {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        match &*call.operation.name {
            "ListModels" => Ok(json!({"NextToken": format!("{} {}", call.caller.account, call.region)}).into()),
            "DeleteModel" => panic!("a defect"),
            _ => Ok(Output { value: json!({"ContentType": "x/y"}), payload: call.payload, ..Output::default() }),
        }
    }
}

struct Cloud {
    _data: tempfile::TempDir,
    running: Running,
    clock: Arc<Hands>,
}

/// A cloud whose clock stands still at the time of its start.
async fn cloud() -> Cloud {
    let data = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hands(Mutex::new(Timestamp::now())));
    let mut config = config(data.path());
    config.wall = clock.clone();
    config.max_body = 100_000;
    let server = bind(config).await.unwrap().server();
    let running =
        server.handler("sagemaker", Arc::new(Echo)).handler("sagemaker-runtime", Arc::new(Echo)).start().unwrap();
    Cloud { _data: data, running, clock }
}

impl Cloud {
    async fn key(&self, account: &str) -> Key {
        let key = self.running.credentials(account).await.unwrap();
        Key { id: key.id, secret: key.secret.reveal().to_owned(), token: None }
    }

    fn client(&self) -> Client {
        Client::new(self.running.address())
    }
}

/// Runs blocking client code beside the server.
async fn aside<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(f).await.unwrap()
}

#[tokio::test]
async fn one_connection_serves_calls_of_all_services_and_accounts() {
    let cloud = cloud().await;
    let (mut client, key, other) = (cloud.client(), cloud.key(ACCOUNT).await, cloud.key("111111111111").await);
    aside(move || {
        assert_eq!(client.query("sts", &key, WHO).element("Account"), ACCOUNT);
        assert_eq!(client.query("sts", &other, WHO).element("Arn"), "arn:aws:iam::111111111111:user/sagewright");
        let answer = client.json("sagemaker", &other, "SageMaker.ListModels", "{}");
        assert_eq!(answer.json()["NextToken"], "111111111111 us-east-1");
        let out = Outgoing {
            service: "sagemaker",
            path: "/endpoints/e/invocations",
            headers: vec![("content-type", "text/csv".into())],
            body: b"\x00\x01",
            at: Timestamp::now(),
        };
        let answer = client.send(&client.signed(&key, &out));
        assert_eq!((answer.body.as_slice(), answer.header("content-type")), (&b"\x00\x01"[..], Some("x/y")));
        client.write(b"GET /_sagewright/health HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let health = client.receive().unwrap().json();
        assert_eq!(
            health["services"],
            json!(["cloudwatch", "iam", "logs", "resourcegroupstaggingapi", "sagemaker", "sagemaker-runtime", "sts"])
        );
    })
    .await;
}

#[tokio::test]
async fn signatures_that_do_not_hold_are_refused_in_awss_words() {
    let cloud = cloud().await;
    let (mut client, key) = (cloud.client(), cloud.key(ACCOUNT).await);
    let now = cloud.clock.now();
    aside(move || {
        let wrong = Key { secret: "wrong".into(), ..key.clone() };
        let unknown = Key { id: "AKIAIOSFODNN7EXAMPLE".into(), ..key.clone() };
        let foreign = Key { token: Some("x".into()), ..key.clone() };
        for (key, query, json) in [
            (&wrong, "SignatureDoesNotMatch", "InvalidSignatureException"),
            (&unknown, "InvalidClientTokenId", "UnrecognizedClientException"),
            (&foreign, "InvalidClientTokenId", "UnrecognizedClientException"),
        ] {
            let answer = client.query("sts", key, WHO);
            assert_eq!((answer.status, answer.element("Code").as_str()), (403, query));
            let answer = client.json("sagemaker", key, "SageMaker.ListModels", "{}");
            assert_eq!((answer.status, answer.json()["__type"].as_str()), (400, Some(json)));
            assert_eq!(answer.header("x-amzn-errortype"), Some(json));
        }
        for minutes in [-6, 6] {
            let at = now + SignedDuration::from_mins(minutes);
            let headers = vec![("x-amz-target", "SageMaker.ListModels".to_owned())];
            let out = Outgoing { service: "sagemaker", path: "/", headers, body: b"{}", at };
            let answer = client.send(&client.signed(&key, &out)).json();
            assert_eq!(answer["__type"], "InvalidSignatureException");
            let text = answer["message"].as_str().unwrap();
            assert!(
                text.starts_with(if minutes < 0 { "Signature expired" } else { "Signature not yet current" }),
                "{text}"
            );
        }
        let headers = vec![("x-amz-target", "SageMaker.ListModels".to_owned())];
        let out = Outgoing { service: "sagemaker", path: "/", headers, body: b"{}", at: now };
        let mut changed = client.signed(&key, &out);
        let end = changed.len() - 2;
        changed[end..].copy_from_slice(b"[]");
        assert_eq!(client.send(&changed).json()["__type"], "InvalidSignatureException");
    })
    .await;
}

#[tokio::test]
async fn a_signature_holds_for_one_service_region_and_operation() {
    let cloud = cloud().await;
    let (mut client, key, other) = (cloud.client(), cloud.key(ACCOUNT).await, cloud.key("111111111111").await);
    let now = cloud.clock.now();
    aside(move || {
        let target = |name: &str| vec![("x-amz-target", name.to_owned())];
        let refused = |answer: support::Answer, text: &str| {
            let answer = answer.json();
            assert_eq!(answer["__type"], "InvalidSignatureException");
            assert!(answer["message"].as_str().unwrap().contains(text), "{answer}");
        };
        // The operation is named in a header.
        let out = Outgoing { service: "sagemaker", path: "/", headers: Vec::new(), body: b"{}", at: now };
        let bytes = client.signed_for(&key, &out, "us-east-1", &[("x-amz-target", "SageMaker.ListModels")]);
        refused(client.send(&bytes), "'X-Amz-Target' must be a 'SignedHeader'");

        // Who answers is told by the first credential of the header, and the last one is checked.
        let out = Outgoing { headers: target("SageMaker.ListModels"), service: "logs", ..out };
        let bytes = String::from_utf8(client.signed(&key, &out)).unwrap();
        let bytes = bytes.replace("Credential=", "Credential=A/20200101/r/sagemaker/aws4_request, Credential=");
        refused(client.send(bytes.as_bytes()), "scoped to correct service: 'sagemaker'");

        // Log groups are folders by account and region.
        let group = br#"{"logGroupName":"000000000000"}"#;
        let create = Outgoing { headers: target("Logs_20140328.CreateLogGroup"), body: group, ..out };
        assert_eq!(client.send(&client.signed(&key, &create)).status, 200);
        let delete = Outgoing { headers: target("Logs_20140328.DeleteLogGroup"), ..create };
        for region in ["..", ".", "a\\b", "%2e%2e", &"r".repeat(65)] {
            refused(client.send(&client.signed_for(&other, &delete, region, &[])), "scoped to a valid region");
        }
        let list = Outgoing { headers: target("Logs_20140328.DescribeLogGroups"), body: b"{}", ..delete };
        assert_eq!(client.send(&client.signed(&key, &list)).json()["logGroups"][0]["logGroupName"], "000000000000");
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over() {
    let cloud = cloud().await;
    let (mut client, key, clock) = (cloud.client(), cloud.key(ACCOUNT).await, cloud.clock.clone());
    aside(move || {
        let answer = client.query("sts", &key, "Action=GetSessionToken&Version=2011-06-15&DurationSeconds=900");
        let session = Key {
            id: answer.element("AccessKeyId"),
            secret: answer.element("SecretAccessKey"),
            token: Some(answer.element("SessionToken")),
        };
        assert_eq!(client.query("sts", &session, WHO).status, 200);
        *clock.0.lock().unwrap() += SignedDuration::from_secs(900);
        let at = clock.now();
        let mut call = |headers: Vec<(&'static str, String)>, service: &'static str, body: &'static str| {
            let out = Outgoing { service, path: "/", headers, body: body.as_bytes(), at };
            client.send(&client.signed(&session, &out))
        };
        let answer = call(vec![("content-type", "application/x-www-form-urlencoded".into())], "sts", WHO);
        assert_eq!((answer.status, answer.element("Code").as_str()), (403, "ExpiredToken"));
        let answer = call(vec![("x-amz-target", "SageMaker.ListModels".into())], "sagemaker", "{}");
        assert_eq!((answer.status, answer.json()["__type"].as_str()), (400, Some("ExpiredTokenException")));
        assert_eq!(answer.json()["message"], "The security token included in the request is expired");
    })
    .await;
}

#[tokio::test]
async fn a_session_that_ended_long_ago_is_told_as_ended_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hands(Mutex::new(Timestamp::now())));
    let start = async || {
        let clocks = Config { wall: clock.clone(), ..config(data.path()) };
        bind(clocks).await.unwrap().server().start().unwrap()
    };
    let running = start().await;
    let key = running.credentials(ACCOUNT).await.unwrap();
    let key = Key { id: key.id, secret: key.secret.reveal().to_owned(), token: None };
    let mut client = Client::new(running.address());
    let session = aside(move || {
        let answer = client.query("sts", &key, "Action=GetSessionToken&Version=2011-06-15&DurationSeconds=900");
        let id = answer.element("AccessKeyId");
        Key { id, secret: answer.element("SecretAccessKey"), token: Some(answer.element("SessionToken")) }
    })
    .await;
    running.shutdown().await;
    let ask = async |running: Running| {
        let (mut client, session, at) = (Client::new(running.address()), session.clone(), clock.now());
        let told = aside(move || {
            let headers = vec![("content-type", "application/x-www-form-urlencoded".into())];
            let out = Outgoing { service: "sts", path: "/", headers, body: WHO.as_bytes(), at };
            let answer = client.send(&client.signed(&session, &out));
            (answer.status, answer.element("Code"))
        });
        let told = told.await;
        running.shutdown().await;
        told
    };
    *clock.0.lock().unwrap() += SignedDuration::from_hours(30 * 24);
    assert_eq!(ask(start().await).await, (403, "ExpiredToken".to_owned()));
    // It is not kept for ever.
    *clock.0.lock().unwrap() += SignedDuration::from_hours(90 * 24);
    assert_eq!(ask(start().await).await, (403, "InvalidClientTokenId".to_owned()));
}

#[tokio::test]
async fn a_body_that_is_cut_short_or_too_long_changes_nothing() {
    let cloud = cloud().await;
    let (mut cut, mut long, mut check, key) =
        (cloud.client(), cloud.client(), cloud.client(), cloud.key(ACCOUNT).await);
    aside(move || {
        let body = "Action=CreateUser&Version=2010-05-08&UserName=cut";
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        let out = Outgoing { service: "iam", path: "/", headers, body: body.as_bytes(), at: Timestamp::now() };
        let whole = cut.signed(&key, &out);
        cut.write(&whole[..whole.len() - 1]);
        cut.finish();
        if let Some(answer) = cut.receive() {
            assert_eq!((answer.status, answer.element("Code").as_str()), (400, "IncompleteBody"));
        }
        let body = format!("Action=CreateUser&Version=2010-05-08&UserName=long&Path=/{}/", "x".repeat(100_000));
        let answer = long.query("iam", &key, &body);
        assert_eq!((answer.status, answer.element("Code").as_str()), (413, "RequestEntityTooLargeException"));
        for user in ["cut", "long"] {
            let get = format!("Action=GetUser&Version=2010-05-08&UserName={user}");
            assert_eq!(check.query("iam", &key, &get).element("Code"), "NoSuchEntity");
        }
    })
    .await;
}

#[tokio::test]
async fn a_defect_in_a_service_fails_one_call_only() {
    let cloud = cloud().await;
    let (mut client, key) = (cloud.client(), cloud.key(ACCOUNT).await);
    aside(move || {
        let answer = client.json("sagemaker", &key, "SageMaker.DeleteModel", r#"{"ModelName":"m"}"#);
        assert_eq!((answer.status, answer.json()["__type"].as_str()), (500, Some("InternalFailure")));
        assert_eq!(client.json("sagemaker", &key, "SageMaker.ListModels", "{}").status, 200);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_refused_by_name() {
    let cloud = cloud().await;
    let (mut client, key) = (cloud.client(), cloud.key(ACCOUNT).await);
    aside(move || {
        let answer = client.json("kinesis", &key, "Kinesis_20131202.ListStreams", "{}");
        assert_eq!((answer.status, answer.json()["__type"].as_str()), (501, Some("NotImplemented")));
        assert!(answer.text().contains("The service kinesis is not part of the embedded cloud"), "{}", answer.text());
        client.write(b"PUT /bucket/key HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(client.receive().unwrap().status, 501);
        let answer = client.query("sts", &key, "Action=Nothing&Version=2011-06-15");
        assert_eq!(answer.element("Code"), "InvalidAction");
    })
    .await;
}

#[tokio::test]
async fn everything_acknowledged_is_there_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let start = async |data: &std::path::Path| bind(config(data)).await.unwrap().server().start().unwrap();
    let running = start(data.path()).await;
    let key = running.credentials(ACCOUNT).await.unwrap();
    let key = Key { id: key.id, secret: key.secret.reveal().to_owned(), token: None };
    let mut client = Client::new(running.address());
    let (mine, session) = aside(move || {
        client.query("iam", &key, "Action=CreateUser&Version=2010-05-08&UserName=kept");
        let answer = client.query("sts", &key, "Action=GetSessionToken&Version=2011-06-15");
        let session = Key {
            id: answer.element("AccessKeyId"),
            secret: answer.element("SecretAccessKey"),
            token: Some(answer.element("SessionToken")),
        };
        (key, session)
    })
    .await;
    running.shutdown().await;
    let running = start(data.path()).await;
    let mut client = Client::new(running.address());
    aside(move || {
        let answer = client.query("iam", &mine, "Action=GetUser&Version=2010-05-08&UserName=kept");
        assert_eq!(answer.element("UserName"), "kept");
        assert_eq!(client.query("sts", &session, WHO).status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_stop_lets_calls_finish_and_then_refuses_connections() {
    let cloud = cloud().await;
    let address = cloud.running.address();
    let (mut client, key) = (cloud.client(), cloud.key(ACCOUNT).await);
    let mut client = aside(move || {
        assert_eq!(client.query("sts", &key, WHO).status, 200);
        client
    })
    .await;
    cloud.running.shutdown().await;
    aside(move || {
        assert!(client.receive().is_none(), "an idle connection is closed");
        assert!(std::net::TcpStream::connect(address).is_err());
    })
    .await;
}

#[tokio::test]
async fn a_restart_takes_the_port_of_the_run_before() {
    let data = tempfile::tempdir().unwrap();
    let mut listen = config(data.path()).listen;
    for _ in 0..3 {
        let running = bind(Config { listen, ..config(data.path()) }).await.unwrap().server().start().unwrap();
        listen = running.address();
        let key = running.credentials(ACCOUNT).await.unwrap();
        let key = Key { id: key.id, secret: key.secret.reveal().to_owned(), token: None };
        let mut client = Client::new(listen);
        let mut client = aside(move || {
            assert_eq!(client.query("sts", &key, WHO).status, 200);
            client
        })
        .await;
        // The server closes first, and its system remembers the connection.
        running.shutdown().await;
        aside(move || assert!(client.receive().is_none())).await;
    }
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_told_with_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let first = bind(config(data.path())).await.unwrap();
    let text = bind(config(data.path())).await.unwrap_err().to_string();
    let pid = std::process::id().to_string();
    assert!(text.contains(&format!("in use by process {pid}")) && text.contains("--data"), "{text}");

    let other = tempfile::tempdir().unwrap();
    let mut taken = config(other.path());
    taken.listen = first.address();
    let error = bind(taken).await.unwrap_err();
    assert!(matches!(error, StartError::PortTaken { .. }), "{error}");
    assert!(error.to_string().contains("choose another port with --listen"), "{error}");
    drop(first);
    bind(config(data.path())).await.expect("the folder is free again");

    let file = other.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = bind(config(&file.join("below"))).await.unwrap_err();
    assert!(matches!(error, StartError::DataNotWritable { .. }), "{error}");

    let newer = tempfile::tempdir().unwrap();
    drop(bind(config(newer.path())).await.unwrap());
    let database = rusqlite::Connection::open(newer.path().join("state.sqlite")).unwrap();
    database.execute_batch("PRAGMA user_version = 99").unwrap();
    let error = bind(config(newer.path())).await.unwrap_err();
    assert!(matches!(error, StartError::NewerDatabase { found: 99, known: 5, .. }), "{error}");

    let damaged = tempfile::tempdir().unwrap();
    drop(bind(config(damaged.path())).await.unwrap());
    std::fs::write(
        damaged.path().join("state.sqlite"),
        "this is not a database, and long enough to be read as one".repeat(40),
    )
    .unwrap();
    let error = bind(config(damaged.path())).await.unwrap_err();
    assert!(matches!(error, StartError::Database { .. }), "{error}");
    assert!(error.to_string().contains("sagewright local reset"), "{error}");

    let mut wrong = config(tempfile::tempdir().unwrap().path());
    wrong.region = "mars".into();
    assert!(bind(wrong).await.unwrap_err().to_string().contains("'mars' is not an AWS region"));
    let mut wrong = config(tempfile::tempdir().unwrap().path());
    wrong.default_account = "12".into();
    assert!(bind(wrong).await.unwrap_err().to_string().contains("'12' is not an AWS account id"));
}

#[tokio::test]
async fn another_process_can_read_the_credentials() {
    let cloud = cloud().await;
    let identity = open_identity(cloud.running.data(), "us-east-1", Arc::new(SystemWall)).await.unwrap();
    assert_eq!(identity.credentials(ACCOUNT).await.unwrap().id, cloud.key(ACCOUNT).await.id);
    let fresh = identity.credentials("222222222222").await.unwrap();
    let key = Key { id: fresh.id, secret: fresh.secret.reveal().to_owned(), token: None };
    let mut client = cloud.client();
    aside(move || assert_eq!(client.query("sts", &key, WHO).element("Account"), "222222222222")).await;
    let none = tempfile::tempdir().unwrap();
    let error = open_identity(none.path(), "us-east-1", Arc::new(SystemWall)).await.unwrap_err().to_string();
    assert!(error.contains("sagewright local up"), "{error}");
}

#[tokio::test]
async fn only_the_owner_can_read_what_holds_secret_keys() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("cloud");
    let running = bind(config(&data)).await.unwrap().server().start().unwrap();
    running.credentials("111111111111").await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("state.sqlite") {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}
