//! What becomes of containers whose engine is slow, breaks off, refuses, or is not there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sagewright_cloud_core::runner::{Container, Exit, RunnerError};
use sagewright_cloud_runner_docker::DockerRunner;
use serde_json::json;
use support::{Answer, Engine, Hands};

const SECOND: Duration = Duration::from_secs(1);

impl Engine {
    async fn start(&self) -> Result<Box<dyn Container>, RunnerError> {
        self.runner.start("own", &BTreeMap::new(), &self.workload(), self.sink()).await
    }
}

#[tokio::test]
async fn all_output_is_read_however_long_it_takes_after_the_end() {
    let engine = Engine::new();
    let output = engine.output(true);
    let mut container = engine.start().await.unwrap();
    engine.asked("POST wait", 1).await;
    engine.end("c1", 0);
    let mut lines = Vec::new();
    for line in ["one\n", "two\n", "three\n"] {
        output.send(line).unwrap();
        lines.push(line.trim_end());
        engine.read(&lines).await;
        engine.clock.pass(SECOND * 3 / 2);
    }
    output.send("four").unwrap();
    drop(output);
    assert_eq!(container.wait().await, Exit::Code(0));
    assert_eq!(*engine.lines.borrow(), ["one", "two", "three", "four"]);
}

#[tokio::test]
async fn output_that_breaks_off_goes_on_where_it_was() {
    let engine = Engine::new();
    let (first, second) = (engine.output(false), engine.output(true));
    let mut container = engine.start().await.unwrap();
    first.send("one\ntw").unwrap();
    engine.read(&["one"]).await;
    drop(first);
    engine.asked_later("GET logs", 2, SECOND).await;
    second.send("one\n").unwrap();
    second.send("two\nthree\n").unwrap();
    engine.read(&["one", "two", "three"]).await;
    engine.end("c1", 0);
    drop(second);
    assert_eq!(container.wait().await, Exit::Code(0));
    assert_eq!(*engine.lines.borrow(), ["one", "two", "three"]);
}

#[tokio::test]
async fn an_end_is_told_before_files_are_given_back_and_a_stop_waits_for_that() {
    let engine = Engine::new();
    let mut container = engine.start().await.unwrap();
    engine.end("c1", 0);
    assert_eq!(container.wait().await, Exit::Code(0));
    engine.asked("POST start", 2).await;
    let helper = engine.body("c2");
    assert_eq!(helper["Entrypoint"][0], "chown");
    assert_eq!(helper["Labels"]["sagewright.account"], "1");
    let stopping = tokio::spawn(async move { container.stop(SECOND).await });
    engine.asked("POST wait", 2).await;
    assert!(!stopping.is_finished());
    engine.end("c2", 0);
    assert_eq!(stopping.await.unwrap(), Exit::Code(0));
    assert_eq!(engine.ids(), [""; 0]);
}

#[tokio::test]
async fn a_long_life_with_a_connection_that_breaks_off_is_no_loss() {
    let engine = Engine::new();
    for _ in 0..8 {
        engine.answer("POST wait", Answer::Cut);
    }
    let mut container = engine.start().await.unwrap();
    engine.asked_later("POST wait", 9, SECOND).await;
    engine.end("c1", 3);
    assert_eq!(container.wait().await, Exit::Code(3));
}

#[tokio::test]
async fn a_container_that_the_engine_lost_is_told_as_lost() {
    let engine = Engine::new();
    // The first one is asked for by the start.
    engine.answer("GET inspect", Answer::Json(200, json!({"State": {"Running": true}})));
    for _ in 0..6 {
        engine.answer("POST wait", Answer::Cut);
        engine.answer("GET inspect", Answer::Json(404, json!({"message": "No such container"})));
    }
    let mut container = engine.start().await.unwrap();
    engine.asked_later("POST start", 2, SECOND).await;
    assert_eq!(container.wait().await, Exit::Lost);
}

#[tokio::test]
async fn nothing_starts_beside_what_an_earlier_process_left() {
    let engine = Engine::new();
    let left = json!({"Image": "own", "Labels": {"sagewright.cloud": "cloud"}, "HostConfig": {"Mounts": []}});
    let old = engine.make(left);
    engine.answer("GET list", Answer::Nothing);
    let clearing = tokio::spawn({
        let runner = Arc::clone(&engine.runner);
        async move { runner.clear().await }
    });
    engine.asked("GET list", 1).await;
    engine.clock.pass(SECOND * 10);
    let error = clearing.await.unwrap().unwrap_err();
    assert!(error.contains("no container engine answers") && error.contains("DOCKER_HOST"), "{error}");
    assert_eq!(engine.ids(), [old]);

    let _container = engine.start().await.unwrap();
    assert_eq!(engine.ids(), ["c2"]);
    let requests = engine.requests();
    let at = |request: &str| requests.iter().position(|r| r == request).unwrap();
    assert!(at("DELETE itself") < at("POST create"), "{requests:?}");
}

#[tokio::test]
async fn files_of_a_container_that_was_left_are_given_back() {
    let engine = Engine::new();
    let job = engine.workload().mounts[0].source.display().to_string();
    let mounts = json!([{"Type": "bind", "Source": job, "Target": "/opt/ml"}]);
    engine.make(json!({"Image": "own", "Labels": {"sagewright.cloud": "cloud"}, "HostConfig": {"Mounts": mounts}}));
    let clearing = tokio::spawn({
        let runner = Arc::clone(&engine.runner);
        async move { runner.clear().await }
    });
    engine.asked("POST wait", 1).await;
    assert_eq!(engine.body("c2")["Entrypoint"], json!(["chown", "-R", "1000:1000", "/opt/ml"]));
    engine.end("c2", 0);
    clearing.await.unwrap().unwrap();
    assert_eq!(engine.ids(), [""; 0]);
}

#[tokio::test]
async fn a_container_whose_removal_is_refused_is_removed_later() {
    let engine = Engine::new();
    for _ in 0..2 {
        engine.answer("DELETE itself", Answer::Json(500, json!({"message": "device busy"})));
    }
    engine.answer("POST start", Answer::Json(404, json!({"message": "OCI runtime: exec: no such file"})));
    let Err(RunnerError::Start { why, .. }) = engine.start().await else { panic!("it started") };
    assert_eq!(why, "OCI runtime: exec: no such file");
    engine.asked_later("DELETE itself", 3, SECOND).await;
    while !engine.ids().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let engine = Engine::new();
    engine.answer("GET image", Answer::Endless);
    let Err(RunnerError::Fault { why, .. }) = engine.runner.prepare("own").await else { panic!("no fault") };
    assert!(why.contains("too long"), "{why}");
}

#[tokio::test]
async fn an_engine_may_be_started_after_the_cloud() {
    let engine = Engine::silent();
    let Err(error @ RunnerError::Fault { .. }) = engine.runner.prepare("own").await else { panic!("no fault") };
    assert!(error.to_string().contains("start Docker or Podman"), "{error}");
    engine.listen();
    engine.runner.prepare("own").await.unwrap();
}

#[tokio::test]
async fn a_host_that_cannot_be_spoken_to_is_refused_by_name() {
    for host in ["ssh://me@machine", "npipe:////./pipe/docker", "https://machine:2376"] {
        let runner = DockerRunner::new(host, "cloud".to_owned(), Arc::new(Hands::default()));
        let Err(RunnerError::Start { why, .. }) = runner.prepare("own").await else { panic!("{host} is taken") };
        assert!(why.contains(host) && why.contains("unix:///PATH"), "{why}");
    }
}
