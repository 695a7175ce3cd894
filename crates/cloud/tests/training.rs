//! Training jobs: the container contract, seen from inside scripts and from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod runner_support;
mod training_support;

use std::sync::Arc;
use std::time::Duration;

use runner_support::{ACCOUNT, Machine, REGION, Role, soon};
use sagewright_cloud::sagemaker::{Executor, JobTask, TrainingEnd, TrainingEvent};
use sagewright_cloud::training::TrainingExecutor;
use serde_json::{Value, json};
use tokio::sync::watch;
use training_support::{GROUP, channel, failure, machine, merge, request, start, statuses};

#[tokio::test]
async fn a_script_trains_a_model_from_its_data() {
    let mut machine = machine();
    machine.objects.put("in", "data/train/a.csv", "1\n2\n");
    machine.objects.put("in", "data/train/deep/b.csv", "3\n");
    machine.objects.put("in", "data/train/", "");
    let image = machine.shell(
        "sum",
        r#"
        [ "$1" = train ] || exit 9
        echo "ready=1"
        cd "$SAGEMAKER_BASE_DIR"
        cat input/data/train/a.csv input/data/train/deep/b.csv > model/all
        echo side > output/data/notes.txt
        printf 'a\tb\n' >&2
        "#,
    );
    let request = merge(request(&image), json!({"InputDataConfig": [channel("train", "s3://in/data/train")]}));
    let (end, events) = start(&machine, request).end().await;
    assert_eq!(end, TrainingEnd::Completed { artifacts: "s3://out/models/job/output/model.tar.gz".into() });
    let model = machine.objects.archive("out", "models/job/output/model.tar.gz");
    assert_eq!(model, [("all".to_owned(), b"1\n2\n3\n".to_vec())].into());
    let output = machine.objects.archive("out", "models/job/output/output.tar.gz");
    assert_eq!(output, [("notes.txt".to_owned(), b"side\n".to_vec())].into());
    let expected = [
        ("Starting", "Preparing the instances for training"),
        ("Downloading", "Downloading input data"),
        ("Training", "Training image download completed. Training in progress."),
        ("Uploading", "Uploading generated training model"),
    ];
    assert_eq!(statuses(&events), expected.map(|(s, m)| (s.to_owned(), m.to_owned())));
    assert!(
        events
            .iter()
            .any(|e| matches!(e, TrainingEvent::Metric { name, value, .. } if name == "ready" && *value == 1.0))
    );
    assert_eq!(machine.lines(GROUP, "job/algo-1-1800000000"), ["ready=1", "a#011b"]);
    let left: Vec<_> = std::fs::read_dir(machine.path("work/training")).unwrap().collect();
    assert!(left.is_empty(), "the work folder is removed: {left:?}");
}

/// Builds a job whose script copies what it sees into the model, and gives the model's files as text.
async fn seen(machine: &mut Machine, script: &str, more: Value) -> std::collections::BTreeMap<String, String> {
    let image = machine.shell("probe", script);
    let (end, _) = start(machine, merge(request(&image), more)).end().await;
    assert!(matches!(end, TrainingEnd::Completed { .. }), "{end:?}, {:?}", machine.lines(GROUP, "job/algo-1"));
    let files = machine.objects.archive("out", "models/job/output/model.tar.gz");
    files.into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap())).collect()
}

#[tokio::test]
async fn the_configuration_files_are_sagemakers() {
    let mut machine = machine();
    machine.objects.put("in", "x.csv", "1");
    let input = merge(channel("train", "s3://in/x.csv"), json!({"ContentType": "text/csv", "InputMode": "FastFile"}));
    let more = json!({
        "HyperParameters": {
            "epochs": "3", "name": "\"deep\"", "sagemaker_program": "\"main.py\"", "sagemaker_mpi_enabled": "false",
            "sagemaker_submit_directory": "s3://in/code.tar.gz", "sagemaker_container_log_level": "10",
        },
        "InputDataConfig": [input],
        "CheckpointConfig": {"S3Uri": "s3://out/ckpt"},
        "Environment": {"MINE": "yes"},
    });
    let script = r#"
        cd "$SAGEMAKER_BASE_DIR"
        cp input/config/*.json model
        echo "$TRAINING_JOB_NAME $TRAINING_JOB_ARN $AWS_REGION $MINE $SEEN_ROLE $SM_HP_EPOCHS $SM_HP_NAME" > model/said
        [ "$SM_CHANNEL_TRAIN" = "$SAGEMAKER_BASE_DIR/input/data/train" ] && echo "$SM_HPS" > model/hps
        env | sed 's/=.*//' > model/names
        echo "$SM_USER_ENTRY_POINT $SM_MODULE_NAME $SM_MODULE_DIR $SM_LOG_LEVEL $SM_FRAMEWORK_PARAMS" > model/toolkit
        echo "$SM_INSTANCE_GROUPS $SM_USER_ARGS" >> model/toolkit
        echo "$SM_TRAINING_ENV" > model/env.json
        ls input/data/train > model/files
        [ "$HOME" = "$SAGEMAKER_BASE_DIR/home" ] && [ -d "$TMPDIR" ] && [ -d output/intermediate ] && : > model/folders
    "#;
    let files = seen(&mut machine, script, more).await;
    let json = |name: &str| -> Value { serde_json::from_str(&files[name]).unwrap() };
    assert_eq!(json("hyperparameters.json")["name"], "\"deep\"");
    assert_eq!(json("hyperparameters.json")["sagemaker_program"], "\"main.py\"");
    assert_eq!(
        json("inputdataconfig.json"),
        json!({"train": {
            "TrainingInputMode": "File", "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None", "ContentType": "text/csv",
        }})
    );
    let group =
        json!({"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1"]});
    assert_eq!(
        json("resourceconfig.json"),
        json!({
            "current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": if cfg!(target_os = "macos") { "lo0" } else { "lo" },
            "current_instance_type": "ml.m5.large", "current_group_name": "homogeneousCluster",
            "instance_groups": [group],
        })
    );
    assert_eq!(json("checkpointconfig.json"), json!({"S3Uri": "s3://out/ckpt", "LocalPath": "/opt/ml/checkpoints"}));
    let arn = "arn:aws:sagemaker:us-east-1:000000000000:training-job/job";
    let role = "arn:aws:iam::000000000000:role/trainer";
    assert_eq!(files["said"], format!("job {arn} us-east-1 yes {role} 3 deep\n"));
    assert_eq!(files["hps"], "{\"epochs\":3,\"name\":\"deep\"}\n");
    let toolkit: Vec<&str> = files["toolkit"].lines().collect();
    assert_eq!(toolkit[0], "main.py main s3://in/code.tar.gz 10 {\"sagemaker_mpi_enabled\":false}");
    assert_eq!(toolkit[1], "[\"homogeneousCluster\"] [\"--epochs\",\"3\",\"--name\",\"deep\"]");
    let env = json("env.json");
    assert_eq!(env["hyperparameters"], json!({"epochs": 3, "name": "deep"}));
    assert_eq!(env["job_name"], "job");
    assert!(env["channel_input_dirs"]["train"].as_str().unwrap().ends_with("/input/data/train"));
    assert_eq!(files["files"], "x.csv\n");
    assert!(files.contains_key("folders"));
    // The environment starts empty: whatever the user has in the shell stays there.
    let expected = [
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "HOME",
        "LANG",
        "MINE",
        "PATH",
        "PYTHONUNBUFFERED",
        "SAGEMAKER_BASE_DIR",
        "SAGEWRIGHT_CONTAINER",
        "SEEN_ROLE",
        "TMPDIR",
        "TRAINING_JOB_ARN",
        "TRAINING_JOB_NAME",
        "OLDPWD",
        "PWD",
        "SHLVL",
        "_",
    ];
    for name in files["names"].lines() {
        assert!(name.starts_with("SM_") || expected.contains(&name), "{name} leaked into the job");
    }
}

#[tokio::test]
async fn hyperparameters_may_be_longer_than_variables() {
    let mut machine = machine();
    let long: serde_json::Map<String, Value> = (0..60).map(|i| (format!("h{i}"), json!("x".repeat(2_500)))).collect();
    let script = r#"echo "$SM_HP_H7" > "$SAGEMAKER_BASE_DIR/model/one"; env | grep -c '^SM_HPS=' > "$SAGEMAKER_BASE_DIR/model/all"; true"#;
    let files = seen(&mut machine, script, json!({"HyperParameters": long})).await;
    assert_eq!((files["one"].trim().len(), files["all"].as_str()), (2_500, "0\n"));
}

#[tokio::test]
async fn an_isolated_job_has_no_way_to_call_the_cloud() {
    let mut machine = machine();
    let script = r#"env > "$SAGEMAKER_BASE_DIR/model/env""#;
    let files = seen(&mut machine, script, json!({"EnableNetworkIsolation": true})).await;
    assert!(files["env"].contains("AWS_REGION=us-east-1"));
    assert!(!files["env"].contains("AWS_ENDPOINT_URL") && !files["env"].contains("SEEN_ROLE"), "{}", files["env"]);
}

#[tokio::test]
async fn a_crash_gives_the_failure_text_and_the_exit_code() {
    let long = "x".repeat(2000);
    for (name, script, reason) in [
        ("plain", "exit 3".to_owned(), "AlgorithmError: , exit code: 3".to_owned()),
        (
            "said",
            "printf 'no such column\n' > $SAGEMAKER_BASE_DIR/output/failure; exit 1".into(),
            "AlgorithmError: no such column, exit code: 1".into(),
        ),
        ("killed", "kill -KILL $$".into(), "AlgorithmError: , exit code: 137".into()),
        (
            "long",
            format!("printf '\\377{long}' > $SAGEMAKER_BASE_DIR/output/failure; exit 1"),
            format!("AlgorithmError: \u{fffd}{}, exit code: 1", "x".repeat(1024 - 30 - 1)),
        ),
    ] {
        let mut machine = machine();
        let image = machine.shell(name, &script);
        let (end, events) = start(&machine, request(&image)).end().await;
        assert_eq!(failure(end), reason, "{name}");
        assert_eq!(statuses(&events).last().unwrap().0, "Training", "nothing is uploaded after a crash");
        assert_eq!(machine.objects.keys("out"), Vec::<String>::new());
    }
}

const TRAPS: &str = r#"
    trap 'echo late > $SAGEMAKER_BASE_DIR/model/partial; echo caught; exit 0' TERM
    echo ready=1
    while :; do sleep 0.05; done
"#;

#[tokio::test]
async fn a_job_over_its_time_limit_is_stopped_and_keeps_its_artifacts() {
    let mut machine = machine();
    let image = machine.shell("slow", TRAPS);
    let mut job = start(&machine, request(&image));
    job.metric("ready").await;
    machine.clock.sleeping(Duration::from_secs(3600)).await;
    machine.clock.advance(Duration::from_secs(3600));
    let (end, events) = job.end().await;
    let artifacts = Some("s3://out/models/job/output/model.tar.gz".to_owned());
    assert_eq!(end, TrainingEnd::Stopped { artifacts, max_runtime: true });
    assert!(machine.objects.archive("out", "models/job/output/model.tar.gz").contains_key("partial"));
    let names: Vec<String> = statuses(&events).into_iter().map(|(status, _)| status).collect();
    assert_eq!(names, ["Starting", "Downloading", "Training", "Stopping", "Uploading"]);
}

#[tokio::test]
async fn what_a_stopped_job_cannot_upload_is_told_in_its_log() {
    let mut machine = machine();
    let image = machine.shell("polite", TRAPS);
    let mut job = start(&machine, request(&image));
    job.metric("ready").await;
    machine.objects.remove_bucket("out");
    job.stop.send_replace(true);
    let (end, _) = job.end().await;
    let reason = training_support::failure(end);
    assert!(reason.contains("NoSuchBucket"), "{reason}");
    assert!(machine.lines(GROUP, "job/").contains(&reason));
}

#[tokio::test]
async fn a_stopped_job_gets_sigterm_and_then_sigkill() {
    let mut machine = machine();
    let image = machine.shell("polite", TRAPS);
    let mut job = start(&machine, request(&image));
    job.metric("ready").await;
    job.stop.send_replace(true);
    let (end, _) = job.end().await;
    assert!(matches!(end, TrainingEnd::Stopped { artifacts: Some(_), max_runtime: false }), "{end:?}");
    assert!(machine.lines(GROUP, "job/").contains(&"caught".to_owned()));

    let mut machine = training_support::machine();
    let image = machine.shell("stubborn", "trap '' TERM; echo ready=1; while :; do sleep 0.05; done");
    let mut job = start(&machine, request(&image));
    job.metric("ready").await;
    assert_eq!(job.killed(&machine).await, TrainingEnd::Stopped { artifacts: None, max_runtime: false });
}

#[tokio::test]
async fn a_job_stopped_before_it_trains_starts_nothing() {
    let mut machine = machine();
    let image = machine.shell("never", "echo ran");
    let executor = TrainingExecutor::new(machine.env(), Arc::new(Role));
    let (_stop, asked) = watch::channel(true);
    let task = JobTask {
        account: ACCOUNT.into(),
        region: REGION.into(),
        arn: "arn".into(),
        name: "job".into(),
        id: "one".into(),
        request: request(&image),
        epoch: 1,
        spent: Duration::ZERO,
        interrupted: None,
    };
    let end = soon("the job", executor.run(task, asked, Arc::new(|_| {}))).await;
    assert_eq!(end, TrainingEnd::Stopped { artifacts: None, max_runtime: false });
    assert_eq!(machine.lines(GROUP, "job/"), Vec::<String>::new());
}

#[tokio::test]
async fn hosts_get_their_shards_and_their_models_are_merged() {
    let mut machine = machine();
    for n in 0..5 {
        machine.objects.put("in", &format!("shard/{n}.csv"), "");
    }
    machine.objects.put("in", "all/one.csv", "");
    let mut sharded = channel("parts", "s3://in/shard/");
    sharded["DataSource"]["S3DataSource"]["S3DataDistributionType"] = json!("ShardedByS3Key");
    let more = json!({
        "InputDataConfig": [sharded, channel("full", "s3://in/all/")],
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    });
    let script = r#"
        cd "$SAGEMAKER_BASE_DIR"
        (cd input/data; ls */*) > model/$SM_CURRENT_HOST
        echo "on $SM_CURRENT_HOST"
    "#;
    let files = seen(&mut machine, script, more).await;
    assert_eq!(files["algo-1"], "full/one.csv\nparts/0.csv\nparts/2.csv\nparts/4.csv\n");
    assert_eq!(files["algo-2"], "full/one.csv\nparts/1.csv\nparts/3.csv\n");
    assert_eq!(machine.lines(GROUP, "job/algo-2"), ["on algo-2"]);
}

#[tokio::test]
async fn hosts_reach_each_other_by_name() {
    if !runner_support::mounts() {
        return;
    }
    let mut machine = machine();
    // All listen on the same port, as the workers of one framework do.
    let script = r#"
import json, os, socket
me = os.environ["SM_CURRENT_HOST"]
others = [host for host in json.loads(os.environ["SM_HOSTS"]) if host != me]
server = socket.create_server((me, 7777))
def connect(host):
    while True:
        try: return socket.create_connection((host, 7777))
        except ConnectionRefusedError: pass
links = [connect(host) for host in others]
for link in links: link.sendall(me.encode()); link.close()
met = sorted(server.accept()[0].recv(100).decode() for _ in others)
print("met", *met, "and this machine's own names" if socket.gethostbyname("localhost") == "127.0.0.1" else "")
"#;
    let image = machine.image("mesh", "python3", script, "opt_ml = true");
    let resources = json!({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 3}});
    let (end, _) = start(&machine, merge(request(&image), resources)).end().await;
    assert!(matches!(end, TrainingEnd::Completed { .. }), "{end:?}");
    assert_eq!(machine.lines(GROUP, "job/algo-1"), ["met algo-2 algo-3 and this machine's own names"]);
    assert_eq!(machine.lines(GROUP, "job/algo-3"), ["met algo-1 algo-2 and this machine's own names"]);
}

#[tokio::test]
async fn one_failing_host_ends_the_others() {
    let mut machine = machine();
    let script = r#"
        if [ $SM_CURRENT_HOST = algo-2 ]; then echo "lost" > $SAGEMAKER_BASE_DIR/output/failure; exit 5; fi
        while :; do sleep 0.05; done
    "#;
    let image = machine.shell("pair", script);
    let resources = json!({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2}});
    let (end, _) = start(&machine, merge(request(&image), resources)).end().await;
    assert_eq!(failure(end), "AlgorithmError: lost, exit code: 5");
}

#[tokio::test]
async fn the_metrics_of_the_first_host_are_told_from_those_of_the_others() {
    let mut machine = machine();
    let image = machine.shell("pair", "echo loss=${SM_CURRENT_HOST#algo-}");
    let resources = json!({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2}});
    let definitions = json!({"AlgorithmSpecification": {
        "TrainingImage": image, "TrainingInputMode": "File", "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
    }});
    let (end, events) = start(&machine, merge(merge(request(&image), resources), definitions)).end().await;
    assert!(matches!(end, TrainingEnd::Completed { .. }), "{end:?}");
    let of = |pick: fn(&TrainingEvent) -> Option<f64>| events.iter().filter_map(pick).collect::<Vec<_>>();
    let first = of(|event| if let TrainingEvent::Metric { value, .. } = event { Some(*value) } else { None });
    let other =
        of(|event| if let TrainingEvent::MetricOfOtherHost { value, .. } = event { Some(*value) } else { None });
    assert_eq!((first, other), (vec![1.0], vec![2.0]));
}

#[tokio::test]
async fn manifests_and_gzip_are_resolved() {
    let mut machine = machine();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gz, b"plain").unwrap();
    machine.objects.put("in", "z/a.csv.gz", gz.finish().unwrap());
    machine.objects.put("in", "m/deep/b.csv", "listed");
    machine.objects.put("in", "m/c.csv", "not listed");
    machine.objects.put("in", "list.json", r#"[{"prefix": "s3://in/m/"}, "deep/b.csv"]"#);
    let zipped = merge(channel("zipped", "s3://in/z/"), json!({"CompressionType": "Gzip"}));
    let mut listed = channel("listed", "s3://in/list.json");
    listed["DataSource"]["S3DataSource"]["S3DataType"] = json!("ManifestFile");
    let script = r#"cp -R "$SAGEMAKER_BASE_DIR/input/data/." "$SAGEMAKER_BASE_DIR/model""#;
    let files = seen(&mut machine, script, json!({"InputDataConfig": [zipped, listed]})).await;
    let expected = [("listed/deep/b.csv", "listed"), ("zipped/a.csv", "plain")];
    assert_eq!(files, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
}

#[tokio::test]
async fn objects_that_take_each_others_place_are_told() {
    let list = |text: &str| {
        let machine = machine();
        machine.objects.put("in", "a", "file");
        machine.objects.put("in", "a/b", "below");
        machine.objects.put("in", "list.json", format!("\u{feff}{text}"));
        machine
    };
    for (text, key) in
        [(r#"[{"prefix": "s3://in/"}, "a", "a"]"#, "a"), (r#"[{"prefix": "s3://in/"}, "a", "a/b"]"#, "a/b")]
    {
        let mut machine = list(text);
        let image = machine.shell("idle", "true");
        let mut listed = channel("listed", "s3://in/list.json");
        listed["DataSource"]["S3DataSource"]["S3DataType"] = json!("ManifestFile");
        let (end, _) = start(&machine, merge(request(&image), json!({"InputDataConfig": [listed]}))).end().await;
        let told = format!(
            "ClientError: Data download failed:s3://in/{key}: another object takes its place as a file or folder"
        );
        assert_eq!(failure(end), told);
    }
}

#[tokio::test]
async fn checkpoints_are_restored_and_kept_while_the_job_runs() {
    let mut machine = machine();
    machine.objects.put("out", "ckpt/epoch-1", "one");
    machine.objects.put("out", "ckpt-other/x", "not ours");
    let image = machine.shell(
        "resume",
        r#"
        cd "$SAGEMAKER_BASE_DIR/checkpoints"; ls; cp epoch-1 epoch-2; : > half.sagemaker-uploading
        trap 'printf two > epoch-2; echo three > epoch-3; exit 1' TERM
        echo ready=1; while :; do sleep 0.05; done
        "#,
    );
    let more = json!({"CheckpointConfig": {"S3Uri": "s3://out/ckpt"}});
    let mut job = start(&machine, merge(request(&image), more));
    job.metric("ready").await;
    machine.clock.sleeping(Duration::from_secs(10)).await;
    machine.clock.advance(Duration::from_secs(10));
    // The next round is asked for when this one is done.
    machine.clock.sleeping(Duration::from_secs(10)).await;
    assert_eq!(machine.objects.get("out", "ckpt/epoch-2").unwrap(), b"one");
    job.stop.send_replace(true);
    let (end, _) = job.end().await;
    assert!(matches!(end, TrainingEnd::Stopped { .. }), "{end:?}");
    assert_eq!(machine.lines(GROUP, "job/")[0], "epoch-1");
    let kept = ["ckpt-other/x", "ckpt/epoch-1", "ckpt/epoch-2", "ckpt/epoch-3"];
    let keys: Vec<String> = machine.objects.keys("out").into_iter().filter(|k| k.starts_with("ckpt")).collect();
    assert_eq!(keys, kept);
    let again = machine.objects.get("out", "ckpt/epoch-2").unwrap();
    assert_eq!(again, b"two", "one that is written anew is kept anew, however long it is");
}

#[tokio::test]
async fn an_uncompressed_model_is_a_prefix_and_links_give_nothing_away() {
    let mut machine = machine();
    let image = machine.shell(
        "links",
        r#"
        cd "$SAGEMAKER_BASE_DIR/model"; mkdir deep; echo real > deep/real; ln -s deep/real inside
        ln -s /etc/passwd outside; ln -s / root; mkfifo pipe
        echo extra > ../output/data/extra
        "#,
    );
    let output = json!({"OutputDataConfig": {"S3OutputPath": "s3://out", "CompressionType": "NONE"}});
    let (end, _) = start(&machine, merge(request(&image), output)).end().await;
    assert_eq!(end, TrainingEnd::Completed { artifacts: "s3://out/job/output/model/".into() });
    let keys = ["job/output/data/extra", "job/output/model/deep/real", "job/output/model/inside"];
    assert_eq!(machine.objects.keys("out"), keys);
    assert_eq!(machine.objects.get("out", "job/output/model/inside").unwrap(), b"real\n");
    let lines = machine.lines(GROUP, "job/");
    for name in ["outside", "root", "pipe"] {
        assert!(lines.iter().any(|l| l.starts_with(&format!("{name} is left out"))), "{name}: {lines:?}");
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_supported_is_refused_by_name() {
    let source = |kind: &str, uri: &str| json!({"S3DataSource": {"S3DataType": kind, "S3Uri": uri}});
    let input = |source: Value| json!({"InputDataConfig": [{"ChannelName": "train", "DataSource": source}]});
    let with = |more: Value| merge(channel("train", "s3://in/ok"), more);
    let algorithm =
        |name: &str| json!({"AlgorithmSpecification": {"AlgorithmName": name, "TrainingInputMode": "File"}});
    for (more, part) in [
        (
            input(source("AugmentedManifestFile", "s3://in/ok")),
            "InputDataConfig[train].DataSource.S3DataSource.S3DataType AugmentedManifestFile needs the input mode Pipe",
        ),
        (input(json!({"FileSystemDataSource": {}})), "Channel \"train\" must have an S3DataSource"),
        (json!({"InputDataConfig": [with(json!({"RecordWrapperType": "RecordIO"}))]}), "RecordWrapperType RecordIO"),
        (
            json!({"InputDataConfig": [with(json!({"ShuffleConfig": {"Seed": 1}}))]}),
            "ShuffleConfig without the input mode Pipe is not supported",
        ),
        (
            json!({"InputDataConfig": [with(json!({"ChannelName": ".."}))]}),
            "\"..\" cannot be the name of a channel's folder",
        ),
        (json!({"InputDataConfig": [with(json!({"CompressionType": "Gzip"}))]}), "s3://in/ok is not valid gzip data"),
        (input(source("S3Prefix", "s3://in/none")), "No S3 objects found under S3 URL \"s3://in/none\""),
        (
            input(source("S3Prefix", "s3://nowhere/x")),
            "Data download failed:NoSuchBucket (404): The specified bucket does not exist",
        ),
        (input(source("S3Prefix", "s3://in/evil")), "leads out of its folder"),
        (input(source("ManifestFile", "s3://in/ok")), "the manifest s3://in/ok is not valid JSON"),
        (input(source("ManifestFile", "s3://in/gone")), "NoSuchKey (404): The specified key does not exist."),
        (json!({"OutputDataConfig": {"S3OutputPath": "s3://nowhere/x"}}), "Artifact upload failed:NoSuchBucket"),
        (json!({"OutputDataConfig": {"S3OutputPath": "https://x"}}), "Invalid S3 URI \"https://x\""),
        (
            json!({"CheckpointConfig": {"S3Uri": "s3://out/c", "LocalPath": "/etc/c"}}),
            "CheckpointConfig.LocalPath /etc/c is not supported",
        ),
        (
            json!({"CheckpointConfig": {"S3Uri": "s3://out/c", "LocalPath": "/opt/ml/../c"}}),
            "CheckpointConfig.LocalPath",
        ),
        (algorithm("mine"), "AlgorithmSpecification.AlgorithmName is not supported"),
    ] {
        let mut machine = machine();
        machine.objects.put("in", "ok", "x");
        machine.objects.put("in", "evil/../../../../x", "x");
        let image = machine.shell("never", "echo ran");
        let (end, _) = start(&machine, merge(request(&image), more)).end().await;
        let reason = failure(end);
        assert!(reason.starts_with("ClientError: ") && reason.contains(part), "expected {part}, got {reason}");
        assert_eq!(machine.lines(GROUP, "job/"), Vec::<String>::new(), "{part}: the script ran");
    }
}

#[tokio::test]
async fn an_unknown_image_fails_with_the_entry_to_add() {
    let machine = machine();
    let (end, _) = start(&machine, request("me/mine:1")).end().await;
    let reason = failure(end);
    assert!(
        reason.contains("'me/mine:1'") && reason.contains("images.toml") && reason.contains("[[image]]"),
        "{reason}"
    );
}

#[tokio::test]
async fn the_built_in_xgboost_runs_our_program_and_its_metrics_need_no_definition() {
    use std::os::unix::fs::PermissionsExt;
    let machine = machine();
    let program = machine.path("program");
    let script = "#!/bin/sh\necho \"$@ $SAGEWRIGHT_XGBOOST_LIBRARY\"\nprintf '[0]\\ttrain-merror:0.5\\tvalidation-merror:0.25\\n'\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1";
    let (end, events) = start(&machine, request(image)).end().await;
    assert!(matches!(end, TrainingEnd::Completed { .. }), "{end:?}");
    let lines = machine.lines(GROUP, "job/");
    let expected = [
        "fetching the library",
        "algorithm xgboost:1.7-1 train /lib/xgboost",
        "[0]#011train-merror:0.5#011validation-merror:0.25",
    ];
    assert_eq!(lines, expected);
    let metrics: Vec<(String, f64)> = events
        .into_iter()
        .filter_map(|e| match e {
            TrainingEvent::Metric { name, value, .. } => Some((name, value)),
            TrainingEvent::Secondary { .. } | TrainingEvent::MetricOfOtherHost { .. } => None,
        })
        .collect();
    assert_eq!(metrics, [("train:merror".to_owned(), 0.5), ("validation:merror".to_owned(), 0.25)]);
}

#[tokio::test]
async fn entrypoint_and_arguments_replace_those_of_the_image() {
    for (specification, line) in [
        (json!({"ContainerEntrypoint": ["sh", "-c", "echo own $0 $1"], "ContainerArguments": ["a", "b"]}), "own a b"),
        (json!({"ContainerEntrypoint": ["echo", "alone"]}), "alone"),
        (json!({"ContainerArguments": ["other", "words"]}), "image: other words"),
        (json!({}), "image: train"),
    ] {
        let mut machine = machine();
        let image = machine.shell("words", "echo image: $@");
        let mut request = request(&image);
        for (key, value) in specification.as_object().unwrap() {
            request["AlgorithmSpecification"][key] = value.clone();
        }
        let (end, _) = start(&machine, request).end().await;
        assert!(matches!(end, TrainingEnd::Completed { .. }), "{end:?}");
        assert_eq!(machine.lines(GROUP, "job/"), [line]);
    }
}

#[tokio::test]
async fn every_line_reaches_the_log_in_order_before_the_end() {
    let mut machine = machine();
    let image = machine.python(
        "flood",
        "import os\nfor n in range(5000):\n  os.write(1 + n % 2, b'%d\\n' % n)\nos.write(1, b'bad \\xff end')\n",
    );
    let (end, _) = start(&machine, request(&image)).end().await;
    assert!(matches!(end, TrainingEnd::Completed { .. }), "{end:?}");
    let expected: Vec<String> = (0..5000).map(|n| n.to_string()).chain(["bad \u{fffd} end".to_owned()]).collect();
    assert_eq!(machine.lines(GROUP, "job/"), expected);
}
