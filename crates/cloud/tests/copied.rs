//! Two clouds over a data folder and its copy.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod runner_support;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command};

use runner_support::{CountingPreparer, soon};
use sagewright_cloud::cloud::{self, Options};
use sagewright_cloud::config::Config;
use sagewright_cloud::frameworks::{Environments, Pythons};

/// Starts a cloud and ends it again.
async fn start(data: &Path) {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = Options {
        config: Config { listen, ..Config::new(data) },
        program: "none".into(),
        images: None,
        preparer: std::sync::Arc::new(CountingPreparer::default()),
        environments: Environments::new(data.join("environments"), Pythons::default()),
        engine: format!("unix://{}", data.join("no-engine").display()),
    };
    soon("the end", async { cloud::start(options).await.unwrap().shutdown().await }).await;
}

/// A process that a job of this folder's cloud left, as far as can be told.
fn left(data: &Path) -> Child {
    std::fs::create_dir_all(data.join("work/training/job")).unwrap();
    let id = std::fs::read_to_string(data.join("cloud-id")).unwrap();
    let mark = format!("{}/1 000000000000 1 algo-1 arn", id.split(' ').next().unwrap());
    Command::new("sleep").arg("1000").env("SAGEWRIGHT_CONTAINER", mark).spawn().unwrap()
}

#[tokio::test]
async fn the_start_of_a_copy_leaves_the_originals_processes_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (original, copy) = (dir.path().join("original"), dir.path().join("copy"));
    start(&original).await;
    let mut job = left(&original);
    let copied = Command::new("cp").arg("-a").args([&original, &copy]).status().unwrap();
    assert!(copied.success());
    start(&copy).await;
    assert_eq!(job.try_wait().unwrap(), None, "the copy's start ends none of the original's processes");
    // The copy ends its own.
    let mut of_copy = left(&copy);
    start(&copy).await;
    assert!(!of_copy.wait().unwrap().success());
    assert_eq!(job.try_wait().unwrap(), None);
    start(&original).await;
    assert!(!job.wait().unwrap().success(), "the original's next start ends what was left");
}

#[tokio::test]
async fn the_clouds_process_is_closed_to_others_of_its_user() {
    let dir = tempfile::tempdir().unwrap();
    start(dir.path()).await;
    assert_eq!(rustix::process::dumpable_behavior().unwrap(), rustix::process::DumpableBehavior::NotDumpable);
}

#[tokio::test]
async fn what_a_killed_cloud_left_can_be_ended_without_a_start() {
    let dir = tempfile::tempdir().unwrap();
    start(dir.path()).await;
    let mut job = left(dir.path());
    cloud::end_processes(&dir.path().join("no such folder"));
    assert_eq!(job.try_wait().unwrap(), None);
    cloud::end_processes(dir.path());
    assert!(!job.wait().unwrap().success());
}
