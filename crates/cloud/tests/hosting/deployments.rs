//! Endpoints come, change and go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use sagewright_cloud::hosting::{Hosting, HostingConfig};
use sagewright_cloud::sagemaker::ports::{Host, ModelData, VariantPlan};
use serde_json::json;

use super::support::*;
use crate::runner_support::{Machine, Role, soon};

#[tokio::test]
async fn an_endpoint_answers_with_its_model_and_is_gone_after_removal() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let mut plan = container(&image, &[("NAME", "m")]);
    plan.model_data = Some(model(&machine, "model.tar.gz", "w1:"));
    let hosting = hosting(&machine);
    deploy(&hosting, vec![variant("AllTraffic", 1.0, vec![plan])]).await.unwrap();
    let more = json!({"ContentType": "text/csv", "Accept": "application/json", "CustomAttributes": "c=1"});
    let output = invoke_with(&hosting, more, "1,2").await.unwrap();
    assert_eq!(text(&output), "m(w1:1,2)");
    assert_eq!(
        output.value,
        json!({
            "InvokedProductionVariant": "AllTraffic",
            "ContentType": "text/m",
            "CustomAttributes": "text/csv|application/json|c=1",
        })
    );
    soon("removing", hosting.remove(&key())).await;
    assert_eq!(machine.lines(GROUP, "AllTraffic/i-"), ["listening", "bye m"]);
    let error = invoke(&hosting, "x").await.unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("ValidationError", 400));
    assert_eq!(error.message, "Endpoint e of account 000000000000 not found.");
    let left: Vec<_> = std::fs::read_dir(machine.path("work/hosting")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn containers_act_as_the_models_role_unless_they_are_isolated() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = Arc::new(Hosting::new(machine.env(), Arc::new(Role), HostingConfig::default()));
    let role = Some("arn:aws:iam::000000000000:role/server".to_owned());
    let open = VariantPlan { role_arn: role.clone(), ..named(&image, "open", 1.0) };
    let isolated = VariantPlan { role_arn: role, isolated: true, ..named(&image, "isolated", 1.0) };
    deploy(&hosting, vec![open, isolated]).await.unwrap();
    for (variant, role) in [("open", "arn:aws:iam::000000000000:role/server"), ("isolated", "nobody")] {
        let output = invoke_with(&hosting, json!({"TargetVariant": variant}), "role").await.unwrap();
        assert_eq!(text(&output), format!("{variant}({role})"));
    }
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_server_sees_the_contracts_variables_and_none_of_the_users() {
    let (_machine, image, hosting) = stage();
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    let output = invoke(&hosting, "env").await.unwrap();
    let names: Vec<String> =
        serde_json::from_str(&text(&output)[2..text(&output).len() - 1].replace('\'', "\"")).unwrap();
    let expected = [
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_REGION",
        "HOME",
        "LANG",
        "LC_CTYPE",
        "NAME",
        "PATH",
        "PYTHONUNBUFFERED",
        "SAGEMAKER_BASE_DIR",
        "SAGEMAKER_BIND_TO_PORT",
        "SAGEWRIGHT_CONTAINER",
        "TMPDIR",
    ];
    // A version manager's wrapper of python3 may add its own.
    let known = |name: &String| {
        expected.contains(&name.as_str())
            || ["PYENV", "_PYENV", "__CF", "PWD", "SHLVL"].iter().any(|own| name.starts_with(own))
    };
    assert!(names.iter().all(known), "{names:?}");
    assert!(names.contains(&"SAGEMAKER_BIND_TO_PORT".to_owned()));
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_pings_fails_the_deployment_and_what_serves_serves_on() {
    let (machine, image, hosting) = stage();
    deploy(&hosting, vec![named(&image, "blue", 1.0)]).await.unwrap();
    let text_of = |variant: &str| {
        format!(
            "The primary container for production variant {variant} did not pass the ping health check. Please check \
             CloudWatch logs for this endpoint."
        )
    };
    let exits = variant("exits", 1.0, vec![container(&image, &[("MODE", "exit")])]);
    assert_eq!(deploy(&hosting, vec![exits]).await.unwrap_err(), text_of("exits"));
    assert_eq!(machine.lines(GROUP, "exits/"), ["cannot load the model"]);
    let sick = variant("sick", 1.0, vec![container(&image, &[("MODE", "sick")])]);
    let timeout = Duration::from_secs(240);
    let (end, ()) = tokio::join!(deploy(&hosting, vec![sick]), async {
        // blue still sleeps on nothing; only the sick server's start is timed.
        machine.clock.sleeping(timeout).await;
        machine.clock.advance(timeout);
    });
    assert_eq!(end.unwrap_err(), text_of("sick"));
    assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "blue(x)");
    hosting.shutdown().await;
}

#[tokio::test]
async fn models_and_images_that_are_not_there_are_told() {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    machine.objects.put("models", "text.tar.gz", "this is no archive");
    let hosting = hosting(&machine);
    let with = |data: ModelData| {
        let mut plan = container(&image, &[]);
        plan.model_data = Some(data);
        vec![variant("v", 1.0, vec![plan])]
    };
    for (variants, part) in [
        (
            with(ModelData::TarGz("s3://models/gone.tar.gz".into())),
            "Failed to download model data for container \"primary\" from URL: \"s3://models/gone.tar.gz\"",
        ),
        (
            with(ModelData::TarGz("s3://models/text.tar.gz".into())),
            "Failed to extract model data archive for container \"primary\" from URL \"s3://models/text.tar.gz\"",
        ),
        (with(ModelData::Prefix("s3://models/none/".into())), "there is no object below it"),
        (vec![variant("v", 1.0, vec![container("me/mine:1", &[])])], "cannot run image 'me/mine:1'"),
        (vec![variant("v", 1.0, vec![])], "Variant v has 0 containers"),
    ] {
        let reason = deploy(&hosting, variants).await.unwrap_err();
        assert!(reason.contains(part), "expected {part}, got {reason}");
    }
    let error = invoke(&hosting, "x").await.unwrap_err();
    assert_eq!(error.message, "Endpoint e of account 000000000000 not found.", "a failed endpoint does not serve");
    machine.objects.put("models", "tree/weights", "w2:");
    deploy(&hosting, with(ModelData::Prefix("s3://models/tree/".into()))).await.unwrap();
    assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "(w2:x)");
    hosting.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_update_under_load_loses_no_request() {
    let (machine, image, hosting) = stage();
    deploy(&hosting, vec![named(&image, "blue", 1.0)]).await.unwrap();
    let (running, green) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (hosting, running, green) = (hosting.clone(), running.clone(), green.clone());
            tokio::spawn(async move {
                while running.load(Ordering::Relaxed) {
                    let output = invoke(&hosting, "x").await.unwrap();
                    if text(&output) == "green(x)" {
                        green.fetch_add(1, Ordering::Relaxed);
                    } else {
                        assert_eq!(text(&output), "blue(x)");
                    }
                }
            })
        })
        .collect();
    deploy(&hosting, vec![named(&image, "green", 1.0)]).await.unwrap();
    let switched = async {
        while green.load(Ordering::Relaxed) < 200 {
            tokio::task::yield_now().await;
        }
    };
    soon("the switch", switched).await;
    running.store(false, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    soon("removing", hosting.remove(&key())).await;
    assert_eq!(machine.lines(GROUP, "blue/"), ["listening", "bye blue"], "the old server was stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_keeps_its_server_until_it_is_answered() {
    let mut machine = Machine::new();
    let pipe = machine.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Answers one request only when someone writes into the pipe.
    let server = SERVER.replace(
        "if body == b\"hang\": signal.pause()",
        &format!(
            "if body == b\"hang\": print('waiting'); sys.stdout.flush(); body = open('{}', 'rb').read()",
            pipe.display()
        ),
    );
    let image = machine.python("server", &server);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "blue", 1.0)]).await.unwrap();
    let slow = tokio::spawn({
        let hosting = hosting.clone();
        async move { invoke(&hosting, "hang").await }
    });
    // Opening to write waits for the server to open to read: the request is there.
    let opened = tokio::task::spawn_blocking(move || std::fs::File::create(pipe).unwrap());
    let mut writer = soon("the request", opened).await.unwrap();
    deploy(&hosting, vec![named(&image, "green", 1.0)]).await.unwrap();
    assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "green(x)");
    assert!(!slow.is_finished());
    std::io::Write::write_all(&mut writer, b"late").unwrap();
    drop(writer);
    assert_eq!(text(&slow.await.unwrap().unwrap()), "blue(late)");
    soon("removing", hosting.remove(&key())).await;
    assert_eq!(machine.lines(GROUP, "blue/").last().unwrap(), "bye blue");
}

#[tokio::test]
async fn removal_ends_a_deployment_that_is_under_way() {
    let (machine, image, hosting) = stage();
    let sick = variant("sick", 1.0, vec![container(&image, &[("MODE", "sick"), ("NAME", "sick")])]);
    let (end, ()) = tokio::join!(deploy(&hosting, vec![sick]), async {
        machine.clock.sleeping(Duration::from_secs(240)).await;
        soon("removing", hosting.remove(&key())).await;
    });
    assert_eq!(end.unwrap_err(), "The endpoint was deleted while it was deployed.");
    assert!(
        !machine.path("work/hosting").exists() || std::fs::read_dir(machine.path("work/hosting")).unwrap().count() == 0
    );
}

#[tokio::test]
async fn traffic_is_split_between_fleets_and_what_serves_no_more_is_stopped() {
    let (machine, image, hosting) = stage();
    let blue = |share| fleet(1, share, vec![named(&image, "blue", 1.0)]);
    let green = |share| fleet(2, share, vec![named(&image, "green", 1.0)]);
    let counts = async || {
        let mut counts = BTreeMap::new();
        for _ in 0..10 {
            *counts.entry(text(&invoke(&hosting, "x").await.unwrap()).to_owned()).or_insert(0) += 1;
        }
        counts.into_iter().map(|(answer, count)| format!("{answer}: {count}")).collect::<Vec<_>>().join(", ")
    };
    serve(&hosting, vec![blue(1.0)]).await.unwrap();
    for (split, seen) in [
        (vec![blue(1.0), green(0.0)], "blue(x): 10"),
        (vec![blue(0.9), green(0.1)], "blue(x): 9, green(x): 1"),
        (vec![blue(0.5), green(0.5)], "blue(x): 5, green(x): 5"),
        (vec![blue(0.0), green(1.0)], "green(x): 10"),
        (vec![blue(1.0)], "blue(x): 10"),
        (vec![blue(1.0), green(0.0)], "blue(x): 10"),
        (vec![green(1.0)], "green(x): 10"),
    ] {
        serve(&hosting, split).await.unwrap();
        assert_eq!(counts().await, seen);
    }
    soon("removing", hosting.remove(&key())).await;
    assert_eq!(machine.lines(GROUP, "blue/"), ["listening", "bye blue"], "it served through all splits");
    let green = machine.all_lines(GROUP, "green/");
    assert_eq!(green, ["bye green", "bye green", "listening", "listening"], "it was stopped and started once");
    assert_eq!(std::fs::read_dir(machine.path("work/hosting")).unwrap().count(), 0);
}

#[tokio::test]
async fn copies_of_a_fleet_come_and_go_one_by_one() {
    let (machine, image, hosting) = stage();
    let old = |copies, share| fleet(1, share, vec![VariantPlan { copies, ..named(&image, "v", 1.0) }]);
    let new = |copies, share| fleet(2, share, vec![VariantPlan { copies, ..named(&image, "v", 1.0) }]);
    for (fleets, started, stopped) in [
        (vec![old(2, 1.0)], 2, 0),
        (vec![old(2, 0.5), new(1, 0.5)], 3, 0),
        (vec![old(1, 0.5), new(1, 0.5)], 3, 1),
        (vec![old(1, 0.0), new(2, 1.0)], 4, 1),
        (vec![new(2, 1.0)], 4, 2),
    ] {
        serve(&hosting, fleets).await.unwrap();
        invoke(&hosting, "x").await.unwrap();
        soon("what is stopped", async {
            let count = |line: &str| machine.all_lines(GROUP, "v/").iter().filter(|l| *l == line).count();
            while (count("listening"), count("bye v")) != (started, stopped) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_request_for_a_variant_is_answered_by_the_fleets_that_get_traffic() {
    let (_machine, image, hosting) = stage();
    let blue = |share| fleet(1, share, vec![served(&image, "a", "blue"), served(&image, "b", "blue")]);
    let green = |share| fleet(2, share, vec![served(&image, "a", "green"), served(&image, "c", "green")]);
    serve(&hosting, vec![blue(0.75), green(0.25)]).await.unwrap();
    let asked = async |variant: &str| {
        let output = invoke_with(&hosting, json!({"TargetVariant": variant}), "x").await.unwrap();
        assert_eq!(output.value["InvokedProductionVariant"], variant);
        text(&output).to_owned()
    };
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(asked("a").await);
        // What else is asked for takes nothing from its share.
        assert_eq!((asked("b").await, asked("c").await), ("blue(x)".to_owned(), "green(x)".to_owned()));
    }
    assert_eq!(answers.iter().filter(|answer| *answer == "green(x)").count(), 2);
    serve(&hosting, vec![blue(1.0), green(0.0)]).await.unwrap();
    assert_eq!(asked("a").await, "blue(x)");
    let error = invoke_with(&hosting, json!({"TargetVariant": "c"}), "x").await.unwrap_err();
    assert_eq!(error.message, "Could not find variant c for endpoint e of account 000000000000.");
    hosting.shutdown().await;
}

#[tokio::test]
async fn the_other_fleet_answers_where_the_servers_of_one_are_dead() {
    let (machine, image, hosting) = stage();
    let blue = fleet(1, 0.5, vec![served(&image, "v", "blue")]);
    let green = fleet(2, 0.5, vec![served(&image, "v", "green")]);
    serve(&hosting, vec![blue, green]).await.unwrap();
    invoke(&hosting, "die").await.unwrap_err();
    // Whichever it was: it is started again in a second, and no request fails until then.
    machine.clock.sleeping(Duration::from_secs(1)).await;
    let first = text(&invoke(&hosting, "x").await.unwrap()).to_owned();
    for _ in 0..10 {
        assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), first);
    }
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_later_change_ends_one_whose_servers_do_not_answer() {
    let (machine, image, hosting) = stage();
    let blue = || fleet(1, 1.0, vec![named(&image, "blue", 1.0)]);
    serve(&hosting, vec![blue()]).await.unwrap();
    let sick = variant("sick", 1.0, vec![container(&image, &[("MODE", "sick"), ("NAME", "sick")])]);
    let (early, late) = (order(), order());
    let sick = vec![blue(), fleet(2, 0.0, vec![sick])];
    let (end, ()) = tokio::join!(hosting.serve(key(), arn(), early, sick.clone()), async {
        listens(&machine, "sick/").await;
        soon("going back", hosting.serve(key(), arn(), late, vec![blue()])).await.unwrap();
    });
    assert_eq!(end.unwrap_err(), "Another change of the endpoint came before its servers answered.");
    assert_eq!(machine.lines(GROUP, "sick/"), ["listening", "bye sick"]);
    // One that was asked for earlier and comes late changes nothing either.
    soon("an early change", hosting.serve(key(), arn(), early, sick)).await.unwrap_err();
    assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "blue(x)");
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_host_that_shuts_down_tells_no_end_of_what_was_under_way() {
    let (machine, image, hosting) = stage();
    let blue = fleet(1, 1.0, vec![named(&image, "blue", 1.0)]);
    serve(&hosting, vec![blue.clone()]).await.unwrap();
    let sick = variant("sick", 1.0, vec![container(&image, &[("MODE", "sick"), ("NAME", "sick")])]);
    let mut change = hosting.serve(key(), arn(), order(), vec![blue, fleet(2, 0.0, vec![sick])]);
    tokio::select! {
        end = &mut change => panic!("{end:?}"),
        () = listens(&machine, "sick/") => {}
    }
    soon("shutting down", async {
        // It goes on, and comes to no end.
        tokio::select! {
            _ = &mut change => panic!("the next process takes it up"),
            () = hosting.shutdown() => {}
        }
    })
    .await;
    assert_eq!(machine.lines(GROUP, "sick/"), ["listening", "bye sick"]);
    assert_eq!(change.now_or_never(), None, "the next process takes it up");
}

/// Completes when a server has begun to listen.
async fn listens(machine: &Machine, stream: &str) {
    let listening = async {
        while machine.lines(GROUP, stream) != ["listening"] {
            tokio::task::yield_now().await;
        }
    };
    soon("a server", listening).await;
}

/// A variant that answers with a name other than its own.
fn served(image: &str, variant: &str, name: &str) -> VariantPlan {
    self::variant(variant, 1.0, vec![container(image, &[("NAME", name)])])
}
