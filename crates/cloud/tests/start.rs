//! A start: nothing is answered before the state of the last run is taken up.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sagewright_cloud::clock::SystemWall;
use sagewright_cloud::cloud::{self, Options};
use sagewright_cloud::config::Config;
use sagewright_cloud::folder::Inventory;
use sagewright_cloud::images::BuiltIn;
use sagewright_cloud::process::Preparer;
use sagewright_cloud::runner::LineSink;
use sagewright_cloud::server::{bind, open_identity};
use sagewright_cloud::store::{Key as RecordKey, Record, Store};
use serde_json::{Value, json};
use support::{Client, Key};

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
    // A model server that never answers, so that a deployment lasts.
    std::fs::write(&images, "[[image]]\nmatch = \"silent\"\ncommand = [\"sleep\", \"600\"]\n").unwrap();
    Options {
        config: Config { listen, ..Config::new(data) },
        program: "/bin/false".into(),
        images: Some(images),
        preparer: Arc::new(Unprepared),
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

/// A cloud that was killed while an endpoint served and many jobs were being stopped; a key to call it with.
fn killed(data: &Path) -> Key {
    let listen = ([127, 0, 0, 1], 0).into();
    drop(bind(Config { listen, ..Config::new(data) }).unwrap());
    let store = Store::open(&data.join("state.sqlite")).unwrap();
    let variant = json!({
        "name": "v", "weight": 1.0, "instances": 1, "instance_type": "ml.m5.large", "serverless": null, "routing": null,
        "startup_seconds": 240,
        "containers": [{"hostname": null, "image": "silent", "model_data": null, "environment": {}}],
    });
    let current = json!({"config": "c1", "variants": [variant], "policy": null, "started": 1});
    let body = json!({"EndpointName": "e", "EndpointConfigName": "c1", "_": {"current": current, "next": null}});
    store.insert(&record("endpoint", "e", "InService", body), &[]).unwrap();
    for n in 0..300 {
        let name = format!("job-{n}");
        let body = json!({"TrainingJobName": name, "SecondaryStatusTransitions": []});
        store.insert(&record("training-job", &name, "Stopping", body), &[]).unwrap();
    }
    let key = open_identity(data, REGION, Arc::new(SystemWall)).unwrap().credentials(ACCOUNT).unwrap();
    Key { id: key.id, secret: key.secret.reveal().to_owned(), token: None }
}

/// A port that nobody listens on.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_is_sent_during_a_restart_finds_the_endpoint_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let key = killed(dir.path());
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
    killed(dir.path());
    let address = free();
    let prepared = cloud::prepare(options(dir.path(), address)).await.unwrap();
    assert_eq!(prepared.endpoint_url(), format!("http://{address}"));
    let store = Store::open(&dir.path().join("state.sqlite")).unwrap();
    assert!(store.with_status("training-job", "Stopping").unwrap().is_empty());
    assert_eq!(store.with_status("endpoint", "SystemUpdating").unwrap().len(), 1);
    assert!(TcpStream::connect(address).is_err());
    let cloud = prepared.serve().unwrap();
    TcpStream::connect(address).unwrap();
    drop(cloud);
}

#[tokio::test]
async fn a_port_that_another_one_listens_on_is_told_before_anything_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    killed(dir.path());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = cloud::start(options(dir.path(), taken.local_addr().unwrap())).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("another program uses the port"), "{error}");
    let store = Store::open(&dir.path().join("state.sqlite")).unwrap();
    assert_eq!(store.with_status("endpoint", "InService").unwrap().len(), 1);
}
