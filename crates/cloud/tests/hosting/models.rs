//! Servers of many models.

use std::io::Write as _;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use sagewright_cloud::hosting::HostingConfig;
use sagewright_cloud::sagemaker::ports::{ContainerPlan, Host, ModelData, VariantPlan};
use serde_json::json;

use super::site::{LOADING, MINUTE, SERVER, many, site};
use super::support::{
    self, container, deploy, hosting, invoke, invoke_with, key, named, put_model, stage, text, variant,
};
use crate::runner_support::{Machine, soon};

#[tokio::test]
async fn models_are_loaded_when_they_are_first_asked_for() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    assert!(site.folders().is_empty());
    site.answers(&["b", "a", "b", "a"]).await;
    let all = futures_util::future::join_all((0..20).map(|_| site.ask("/c.tar.gz", "x"))).await;
    assert!(all.into_iter().all(|answer| text(&answer.unwrap()) == "/c.tar.gz:3:x"), "loaded once for all who wait");
    site.answers(&["c"]).await;
    // What is loaded stays, whatever S3 has meanwhile.
    put_model(&site.machine, "all/a.tar.gz", "new");
    site.answers(&["a"]).await;
    assert_eq!(site.told().await, ["load 2", "load 1", "load 3"]);
}

#[tokio::test]
async fn models_that_cannot_be_loaded_are_told_and_the_others_serve() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    let error = site.ask("missing.tar.gz", "x").await.unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("ValidationError", 400));
    assert_eq!(
        error.message,
        "Failed to download model data(bucket: models, key: all/missing.tar.gz). Please ensure that there is an \
         object located at the URL and that the role passed to CreateModel has permissions to download the model."
    );
    let error = site.ask("text.tar.gz", "x").await.unwrap_err();
    assert!(error.message.starts_with("Failed to extract model data archive for container \"primary\""), "{error}");
    let error = site.ask("broken.tar.gz", "x").await.unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("ModelError", 424));
    assert!(error.message.contains("server error (500) from primary with message \"these weights are broken\""));
    let error = invoke(&site.hosting, "x").await.unwrap_err();
    assert_eq!(error.message, "Request r is missing a target model header.");
    site.until_folders(0).await;
    // One that came later, and one that was mended, are found.
    put_model(&site.machine, "all/missing.tar.gz", "4");
    put_model(&site.machine, "all/broken.tar.gz", "5");
    for (name, weights) in [("missing", 4), ("broken", 5)] {
        let output = site.ask(&format!("{name}.tar.gz"), "x").await.unwrap();
        assert_eq!(text(&output), format!("{name}.tar.gz:{weights}:x"));
    }
    site.hosting.shutdown().await;
}

#[tokio::test]
async fn an_endpoint_of_one_model_takes_no_target() {
    let (_machine, image, hosting) = stage();
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    let error = invoke_with(&hosting, json!({"TargetModel": "a.tar.gz"}), "x").await.unwrap_err();
    assert_eq!(error.message, "Endpoint e is not a multi-model endpoint and does not support target model header.");
    hosting.shutdown().await;
}

#[tokio::test]
async fn what_was_unused_for_longest_goes_when_the_container_is_full() {
    let site = site(many(true, &[("CAPACITY", "2")]), HostingConfig::default()).await;
    site.answers(&["a", "b", "a", "c", "a", "b"]).await;
    let told = site.told().await;
    assert_eq!(told, ["load 1", "load 2", "full", "unload 2", "load 3", "full", "unload 3", "load 2"]);
}

#[tokio::test]
async fn a_container_that_is_too_small_for_one_model_says_so() {
    let site = site(many(true, &[("CAPACITY", "0")]), HostingConfig::default()).await;
    let error = site.ask("a.tar.gz", "x").await.unwrap_err();
    assert!(error.message.contains("server error (507) from primary with message \"no memory for it\""), "{error}");
    site.hosting.shutdown().await;
}

#[tokio::test]
async fn a_prediction_without_memory_unloads_others() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    site.answers(&["a", "b", "c"]).await;
    assert_eq!(text(&site.ask("c.tar.gz", "greedy").await.unwrap()), "c.tar.gz:3:greedy");
    assert_eq!(site.told().await, ["load 1", "load 2", "load 3", "unload 1", "unload 2"]);
}

#[tokio::test]
async fn what_was_unused_for_longest_goes_when_the_disk_is_full() {
    let config = HostingConfig { max_model_bytes: 10, ..HostingConfig::default() };
    let site = site(many(true, &[]), config).await;
    put_model(&site.machine, "all/six.tar.gz", "666666");
    put_model(&site.machine, "all/nine.tar.gz", "999999999");
    put_model(&site.machine, "all/huge.tar.gz", "too long for it");
    site.answers(&["a", "b"]).await;
    for name in ["six", "nine"] {
        site.ask(&format!("{name}.tar.gz"), "x").await.unwrap();
    }
    let error = site.ask("huge.tar.gz", "x").await.unwrap_err();
    assert!(error.message.contains("huge.tar.gz does not fit: it holds more than 10 bytes"), "{error}");
    site.until_folders(1).await;
    let mut told = site.told().await;
    told.sort();
    let loads = ["load 1", "load 2", "load 666666", "load 999999999"];
    assert_eq!(told[..4], loads);
    assert_eq!(
        told[4..],
        ["unload 1", "unload 2", "unload 666666"],
        "nothing goes for a model that is too large anyway"
    );
}

#[tokio::test]
async fn models_in_use_stay() {
    let config = HostingConfig { max_model_bytes: 10, ..HostingConfig::default() };
    let site = site(many(true, &[]), config).await;
    put_model(&site.machine, "all/ten.tar.gz", "1010101010");
    let using = site.asking("a.tar.gz", "wait");
    let gate = site.at("gate").await;
    let error = site.ask("ten.tar.gz", "x").await.unwrap_err();
    let text = "ten.tar.gz does not fit: with the models in use it takes 11 bytes, and there are 10";
    assert!(error.message.contains(text), "{error}");
    drop(gate);
    using.await.unwrap().unwrap();
    site.ask("ten.tar.gz", "x").await.unwrap();
    site.until_folders(1).await;
    let mut told = site.told().await;
    told.sort();
    assert_eq!(told, ["load 1", "load 1010101010", "unload 1"]);
}

#[tokio::test]
async fn the_disks_limit_holds_for_models_that_are_loaded_at_once() {
    let config = HostingConfig { max_model_bytes: 10, ..HostingConfig::default() };
    let site = site(many(true, &[]), config).await;
    let names: Vec<String> = (0..5).map(|n| format!("six-{n}.tar.gz")).collect();
    for name in &names {
        put_model(&site.machine, &format!("all/{name}"), "666666");
    }
    let answers = futures_util::future::join_all(names.iter().map(|name| site.ask(name, "x"))).await;
    assert!(answers.iter().any(Result::is_ok), "{answers:?}");
    site.until_folders(1).await;
    site.hosting.shutdown().await;
}

#[tokio::test]
async fn without_a_cache_a_model_goes_after_its_request() {
    let site = site(many(false, &[]), HostingConfig::default()).await;
    site.answers(&["a", "a"]).await;
    site.until_folders(0).await;
    let mut told = site.told().await;
    told.sort();
    assert_eq!(told, ["load 1", "load 1", "unload 1", "unload 1"]);
}

#[tokio::test]
async fn without_a_cache_a_model_goes_with_a_request_that_is_cut_off() {
    let site = site(many(false, &[]), HostingConfig::default()).await;
    let request = site.asking("a.tar.gz", "wait");
    let gate = site.at("gate").await;
    assert_eq!(site.folders().len(), 1);
    request.abort();
    site.until_folders(0).await;
    drop(gate);
    assert!(site.told().await.contains(&"unload 1".to_owned()));
}

#[tokio::test]
async fn a_model_that_takes_long_is_not_ready_and_later_is() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    let request = site.asking("slow.tar.gz", "x");
    let gate = site.at("gate").await;
    site.machine.clock.advance(MINUTE);
    let error = request.await.unwrap().unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("ModelNotReadyException", 429));
    site.answers(&["a"]).await;
    drop(gate);
    assert_eq!(text(&site.ask("slow.tar.gz", "x").await.unwrap()), "slow.tar.gz:slow:x");
    assert_eq!(site.told().await, ["load 1", "load slow"]);
}

#[tokio::test]
async fn a_model_that_is_never_loaded_is_given_up_and_unloaded_when_it_comes() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    let request = site.asking("slow.tar.gz", "x");
    let gate = site.at("gate").await;
    site.machine.clock.advance(LOADING);
    assert_eq!(request.await.unwrap().unwrap_err().code, "ModelNotReadyException");
    site.until_folders(0).await;
    site.answers(&["a"]).await;
    drop(gate);
    site.until("it is unloaded", || site.lines().contains(&"unload slow".to_owned())).await;
    site.hosting.shutdown().await;
}

#[tokio::test]
async fn a_slow_archive_keeps_nobody_waiting_and_leaves_nothing_when_it_is_given_up() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    let request = site.asking("far.tar.gz", "x");
    let mut archive = site.at("far").await;
    site.answers(&["a"]).await;
    site.machine.clock.advance(LOADING);
    assert_eq!(request.await.unwrap().unwrap_err().code, "ModelNotReadyException");
    let bytes = site.machine.objects.get("models", "all/far.tar.gz").unwrap();
    archive.write_all(&bytes).unwrap();
    drop(archive);
    // A pipe that nobody reads cannot be opened to write, unless one waits for a reader.
    let pipe = site.machine.path("far");
    let unread = || rustix::fs::open(&pipe, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()).is_err();
    site.until("the archive is read", unread).await;
    site.until_folders(1).await;
    let again = site.asking("far.tar.gz", "x");
    let archive = site.at("far").await;
    site.machine.clock.advance(MINUTE);
    again.await.unwrap().unwrap_err();
    soon("removing", site.hosting.remove(&key())).await;
    drop(archive);
    let left = || std::fs::read_dir(site.machine.path("work/hosting")).unwrap().count();
    site.until("the last fetch's end", || left() == 0).await;
}

#[tokio::test]
async fn requests_end_in_time_whatever_the_container_does() {
    for (mode, body, left) in [("slow to look", "forget", 2), ("slow to unload", "greedy", 1)] {
        let site = site(many(true, &[("MODE", mode)]), HostingConfig::default()).await;
        site.answers(&["a", "b"]).await;
        let request = site.asking("b.tar.gz", body);
        let gate = site.at("gate").await;
        site.machine.clock.advance(MINUTE);
        let error = soon("the answer", request).await.unwrap().unwrap_err();
        assert_eq!(error.code, "ModelError", "{mode}: {error}");
        drop(gate);
        // What was begun is brought to its end.
        site.until_folders(left).await;
        soon("removing", site.hosting.remove(&key())).await;
    }
}

#[tokio::test]
async fn a_server_that_takes_no_connections_is_looked_after_and_others_load() {
    let site = site(VariantPlan { copies: 2, ..many(true, &[]) }, HostingConfig::default()).await;
    site.answers(&["a"]).await;
    site.ask("a.tar.gz", "deaf").await.unwrap();
    site.until("it hears nothing", || site.lines().contains(&"deaf".to_owned())).await;
    site.answers(&["b", "c"]).await;
    soon("the supervisor", site.machine.clock.sleeping(Duration::from_secs(240))).await;
    site.hosting.shutdown().await;
}

#[tokio::test]
async fn the_container_is_told_which_model_was_asked_for() {
    let site = site(many(true, &[("MODE", "tell")]), HostingConfig::default()).await;
    site.answers(&["a"]).await;
    assert_eq!(site.told().await, ["load 1", "a.tar.gz"]);
}

#[tokio::test]
async fn a_container_of_one_model_beside_one_of_many_is_asked_without_a_target() {
    let mut machine = Machine::new();
    let (one, all) = (machine.python("one", support::SERVER), machine.python("all", SERVER));
    put_model(&machine, "all/a.tar.gz", "1");
    let hosting = hosting(&machine);
    let named = |host: &str, plan: ContainerPlan| ContainerPlan { hostname: Some(host.into()), ..plan };
    let many = ModelData::Many { uri: "s3://models/all/".into(), cached: true };
    let containers = vec![
        named("one", container(&one, &[("NAME", "one")])),
        named("all", ContainerPlan { model_data: Some(many), ..container(&all, &[]) }),
    ];
    deploy(&hosting, vec![VariantPlan { direct: true, ..variant("v", 1.0, containers) }]).await.unwrap();
    let output = invoke_with(&hosting, json!({"TargetContainerHostname": "one"}), "x").await.unwrap();
    assert_eq!(text(&output), "one(x)");
    let both = json!({"TargetContainerHostname": "all", "TargetModel": "a.tar.gz"});
    assert_eq!(text(&invoke_with(&hosting, both, "x").await.unwrap()), "a.tar.gz:1:x");
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_server_that_comes_back_loads_its_models_again() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    site.answers(&["a", "b"]).await;
    site.ask("a.tar.gz", "die").await.unwrap_err();
    let pause = Duration::from_secs(1);
    soon("the supervisor", site.machine.clock.sleeping(pause)).await;
    site.machine.clock.advance(pause);
    soon("an answer", async {
        while site.ask("b.tar.gz", "x").await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    site.answers(&["b"]).await;
    assert_eq!(site.folders().len(), 1, "of the server before nothing is left");
    assert_eq!(site.told().await, ["load 1", "load 2", "load 2"]);
}

#[tokio::test]
async fn a_model_that_the_container_lost_is_loaded_again_once() {
    let site = site(many(true, &[]), HostingConfig::default()).await;
    site.answers(&["a"]).await;
    let error = site.ask("a.tar.gz", "forget").await.unwrap_err();
    assert!(error.message.contains("client error (404) from primary with message \"forgotten\""), "{error}");
    site.answers(&["a"]).await;
    assert_eq!(site.told().await, ["load 1", "load 1", "load 1"]);
}

#[tokio::test]
async fn a_copy_that_has_the_model_is_asked_first() {
    let site = site(VariantPlan { copies: 2, ..many(true, &[]) }, HostingConfig::default()).await;
    for _ in 0..5 {
        site.answers(&["a", "b"]).await;
    }
    let mut told = site.told().await;
    told.sort();
    assert_eq!(told, ["load 1", "load 2"]);
}
