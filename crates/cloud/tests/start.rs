//! A start: nothing is answered before the state of the last run is taken up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sagewright_cloud::clock::SystemWall;
use sagewright_cloud::cloud::{self, Cloud, CloudError, Options};
use sagewright_cloud::config::Config;
use sagewright_cloud::folder::Inventory;
use sagewright_cloud::frameworks::{Environments, Pythons};
use sagewright_cloud::images::BuiltIn;
use sagewright_cloud::outbox::Subscriber;
use sagewright_cloud::process::Preparer;
use sagewright_cloud::records::{Batch, Event, Key as RecordKey, Record, SharedRecords, Write};
use sagewright_cloud::runner::LineSink;
use sagewright_cloud::server::{StartError, bind, open_identity};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::{Value, json};
use support::{Client, Key};
use tokio::sync::mpsc;

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

/// No built-in algorithm is needed here.
struct Unprepared;

#[async_trait]
impl Preparer for Unprepared {
    async fn prepare(&self, _: BuiltIn, _: LineSink) -> Result<BTreeMap<String, String>, String> {
        Err("none here".to_owned())
    }
}

fn options(data: &Path, listen: SocketAddr) -> Options {
    let images = data.join("images.toml");
    // A model server that never answers, so that a deployment lasts. The shell leaves `serve` out, which `sleep` refuses.
    let command = r#"["sh", "-c", "exec sleep 600"]"#;
    std::fs::write(&images, format!("[[image]]\nmatch = \"silent\"\ncommand = {command}\n")).unwrap();
    Options {
        config: Config { listen, ..Config::new(data) },
        program: "/bin/false".into(),
        images: Some(images),
        preparer: Arc::new(Unprepared),
        environments: Environments::new(data.join("environments"), Pythons::default()),
        engine: format!("unix://{}", data.join("no-engine").display()),
    }
}

fn record(kind: &str, name: &str, status: &str, body: Value) -> Record {
    Record {
        key: RecordKey::new(ACCOUNT, REGION, kind, name),
        arn: format!("arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"),
        status: status.to_owned(),
        created: 1,
        modified: 1,
        body,
    }
}

fn stored(data: &Path) -> SharedRecords {
    Arc::new(SqliteRecords::open(&data.join("state.sqlite")).unwrap())
}

/// A cloud that was killed while an endpoint served and many jobs were being stopped; a key to call it with.
async fn killed(data: &Path) -> Key {
    let listen = ([127, 0, 0, 1], 0).into();
    drop(bind(Config { listen, ..Config::new(data) }).await.unwrap());
    let store = stored(data);
    let variant = json!({
        "name": "v", "weight": 1.0, "instances": 1, "instance_type": "ml.m5.large", "serverless": null, "routing": null,
        "startup_seconds": 240,
        "containers": [{"hostname": null, "image": "silent", "model_data": null, "environment": {}}],
    });
    let current = json!({"config": "c1", "variants": [variant], "policy": null, "started": 1});
    let body = json!({"EndpointName": "e", "EndpointConfigName": "c1", "_": {"current": current, "next": null}});
    store.insert(record("endpoint", "e", "InService", body), Vec::new(), Batch::new()).await.unwrap();
    for n in 0..300 {
        let name = format!("job-{n}");
        let body = json!({
            "TrainingJobName": name, "ModelArtifacts": {"S3ModelArtifacts": "s3://out/model.tar.gz"},
            "ProfilingStatus": "Disabled", "SecondaryStatus": "Stopping", "SecondaryStatusTransitions": [],
        });
        store.insert(record("training-job", &name, "Stopping", body), Vec::new(), Batch::new()).await.unwrap();
    }
    let key = open_identity(data, REGION, Arc::new(SystemWall)).await.unwrap().credentials(ACCOUNT).await.unwrap();
    Key { id: key.id, secret: key.secret.reveal().to_owned(), token: None }
}

/// Takes events, or refuses all of them; what was told, in order.
fn subscriber(takes: bool) -> (Subscriber, mpsc::UnboundedReceiver<Event>) {
    let (tell, told) = mpsc::unbounded_channel();
    let subscriber: Subscriber = Arc::new(move |event| {
        let _ = tell.send(event);
        Box::pin(async move { if takes { Ok(()) } else { Err("not now".to_owned()) } })
    });
    (subscriber, told)
}

/// A cloud whose events go to these. The one before may still be ending.
async fn with_subscribers(data: &Path, subscribers: Vec<Subscriber>) -> Cloud {
    loop {
        let mut options = options(data, ([127, 0, 0, 1], 0).into());
        options.config.subscribers.clone_from(&subscribers);
        match cloud::start(options).await {
            Err(CloudError::Start(StartError::DataInUse { .. })) => tokio::task::yield_now().await,
            started => return started.unwrap(),
        }
    }
}

async fn notebook(cloud: &Cloud, name: &str) {
    let key = cloud.server().credentials(ACCOUNT).await.unwrap();
    let key = Key { id: key.id, secret: key.secret.reveal().to_owned(), token: None };
    let role = format!("arn:aws:iam::{ACCOUNT}:role/sagewright-execution");
    let create = json!({"NotebookInstanceName": name, "InstanceType": "ml.t3.medium", "RoleArn": role}).to_string();
    let mut client = Client::new(cloud.server().address());
    let answer = tokio::task::spawn_blocking(move || {
        client.json("sagemaker", &key, "SageMaker.CreateNotebookInstance", &create)
    });
    assert_eq!(answer.await.unwrap().status, 200);
}

/// Fails a test that would hang.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("nothing happened within a minute")
}

async fn until_the_outbox_is_empty(data: &Path) {
    let store = stored(data);
    within(async {
        while !store.events(0, 1).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_nobody_took_is_told_by_the_next_process_and_all_come_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (refuses, mut refused) = subscriber(false);
    let first = with_subscribers(dir.path(), vec![refuses]).await;
    notebook(&first, "n").await;
    let event = within(refused.recv()).await.unwrap();
    assert_eq!((&*event.kind, &*event.account), ("SageMaker Notebook Instance State Change", ACCOUNT));
    assert_eq!(event.body["detail"]["NotebookInstanceStatus"], "Pending");
    // As a kill: nothing is told or written any more.
    drop(first);
    let (takes, mut told) = subscriber(true);
    let second = with_subscribers(dir.path(), vec![takes]).await;
    assert_eq!(within(told.recv()).await.unwrap(), event);
    let settled = within(told.recv()).await.unwrap();
    assert_eq!((&settled.body["status"], &settled.body["arn"]), (&json!("InService"), &event.body["arn"]));
    until_the_outbox_is_empty(dir.path()).await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_subscribes_no_event_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    drop(with_subscribers(dir.path(), Vec::new()).await);
    let left = Event { account: ACCOUNT.into(), region: REGION.into(), kind: "left".into(), at: 1, body: json!({}) };
    stored(dir.path()).commit(vec![Write::Emit(left)]).await.unwrap();
    let cloud = with_subscribers(dir.path(), Vec::new()).await;
    until_the_outbox_is_empty(dir.path()).await;
    notebook(&cloud, "n").await;
    assert_eq!(stored(dir.path()).events(0, 10).await.unwrap(), []);
}

/// A port that nobody listens on.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_is_sent_during_a_restart_finds_the_endpoint_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let key = killed(dir.path()).await;
    let address = free();
    let caller = std::thread::spawn(move || {
        let mut client = loop {
            if TcpStream::connect(address).is_ok() {
                break Client::new(address);
            }
        };
        let update = r#"{"EndpointName": "e", "EndpointConfigName": "c2"}"#;
        client.json("sagemaker", &key, "SageMaker.UpdateEndpoint", update).json()["message"].to_string()
    });
    let cloud = cloud::start(options(dir.path(), address)).await.unwrap();
    let told = tokio::task::spawn_blocking(|| caller.join().unwrap()).await.unwrap();
    // A reset takes away all that a cloud makes.
    assert_eq!(Inventory::of(dir.path()).unwrap().kept, ["images.toml"]);
    assert!(told.contains("Cannot update in-progress endpoint"), "{told}");
    drop(cloud);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_refused_until_the_state_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    killed(dir.path()).await;
    let address = free();
    let prepared = cloud::prepare(options(dir.path(), address)).await.unwrap();
    assert_eq!(prepared.endpoint_url(), format!("http://{address}"));
    let store = stored(dir.path());
    assert!(store.with_status("training-job", "Stopping").await.unwrap().is_empty());
    assert_eq!(store.with_status("endpoint", "SystemUpdating").await.unwrap().len(), 1);
    assert!(TcpStream::connect(address).is_err());
    let cloud = prepared.serve().unwrap();
    TcpStream::connect(address).unwrap();
    drop(cloud);
}

#[tokio::test]
async fn a_port_that_another_one_listens_on_is_told_before_anything_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    killed(dir.path()).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = cloud::start(options(dir.path(), taken.local_addr().unwrap())).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("another program uses the port"), "{error}");
    let store = stored(dir.path());
    assert_eq!(store.with_status("endpoint", "InService").await.unwrap().len(), 1);
}

/// A log group whose removal a kill cut short is forgotten before a job can write to it, and its files go later.
#[tokio::test]
async fn a_start_ends_the_removal_of_log_groups() {
    let dir = tempfile::tempdir().unwrap();
    let config = || Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::new(dir.path()) };
    let key = RecordKey::new(ACCOUNT, REGION, "log-group", "g");
    {
        let bound = bind(config()).await.unwrap();
        bound.records().insert(record("log-group", "g", "", json!({})), Vec::new(), Batch::new()).await.unwrap();
        bound.logs().create_group(ACCOUNT, REGION, "g").unwrap();
        bound.logs().delete_group(ACCOUNT, REGION, "g").unwrap().unwrap();
    }
    let bound = bind(config()).await.unwrap();
    assert_eq!(bound.records().record(&key).await.unwrap(), None);
    let running = bound.server().start().unwrap();
    let forgotten = dir.path().join("logs").join(ACCOUNT).join("~forgotten");
    while std::fs::read_dir(&forgotten).unwrap().next().is_some() {
        tokio::task::yield_now().await;
    }
    running.shutdown().await;
}
