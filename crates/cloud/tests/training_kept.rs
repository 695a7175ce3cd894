//! What S3 has of a training job while it runs, and what is left of it when its instances are taken away or its image cannot be
//! started.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod runner_support;
mod training_support;

use std::time::Duration;

use runner_support::{ACCOUNT, REGION};
use sagewright_cloud::metrics::{Metric, Resolution, Span};
use sagewright_cloud::sagemaker::TrainingEnd;
use serde_json::json;
use tokio::sync::watch;
use training_support::{GROUP, channel, failure, machine, merge, request, start, start_in, start_with, statuses};

#[tokio::test]
async fn a_job_whose_instances_are_taken_away_keeps_its_checkpoints_and_goes_on_from_them() {
    let mut machine = machine();
    let image = machine.shell(
        "resume",
        r#"
        cd "$SAGEMAKER_BASE_DIR"; echo "has $(ls checkpoints | tr '\\n' ' ')"
        if [ -e checkpoints/epoch-1 ]; then echo done > model/done; exit 0; fi
        trap 'echo one > checkpoints/epoch-1; echo half > model/half; exit 1' TERM
        echo ready=1; while :; do sleep 0.05; done
        "#,
    );
    let request = merge(request(&image), json!({"CheckpointConfig": {"S3Uri": "s3://out/ckpt"}}));
    let (take, taken) = watch::channel(false);
    let mut job = start_with(&machine, request.clone(), |task| task.interrupted = Some(taken));
    job.metric("ready").await;
    take.send_replace(true);
    let (end, events) = job.end().await;
    assert_eq!(end, TrainingEnd::Interrupted);
    let shown: Vec<_> = statuses(&events).into_iter().map(|(status, _)| status).collect();
    assert_eq!(shown, ["Starting", "Downloading", "Training"]);
    assert_eq!(machine.objects.keys("out"), ["ckpt/epoch-1"], "the checkpoint, and no model of half a job");
    let (end, _) = start(&machine, request).end().await;
    assert!(matches!(end, TrainingEnd::Completed { .. }), "{end:?}");
    // The shell may tell of its own children, too.
    assert_eq!(machine.lines(GROUP, "job/").last().unwrap(), "has epoch-1");
}

#[tokio::test]
async fn instances_may_be_taken_away_before_anything_runs() {
    let mut machine = machine();
    let image = machine.shell("never", "echo ran");
    let (end, _) =
        start_with(&machine, request(&image), |task| task.interrupted = Some(watch::channel(true).1)).end().await;
    assert_eq!(end, TrainingEnd::Interrupted);
    assert_eq!(machine.lines(GROUP, "job/"), Vec::<String>::new());
}

#[tokio::test]
async fn a_job_that_fails_keeps_its_checkpoints_and_no_model() {
    let mut machine = machine();
    let image = machine
        .shell("crash", "cd \"$SAGEMAKER_BASE_DIR\"; echo one > checkpoints/epoch-1; echo half > model/half; exit 3");
    let request = merge(request(&image), json!({"CheckpointConfig": {"S3Uri": "s3://out/ckpt"}}));
    let (end, _) = start(&machine, request).end().await;
    assert_eq!(failure(end), "AlgorithmError: , exit code: 3");
    assert_eq!(machine.objects.keys("out"), ["ckpt/epoch-1"]);
}

#[tokio::test]
async fn all_metrics_of_a_log_reach_cloudwatch_up_to_a_bound() {
    let mut machine = machine();
    let image = machine.shell("many", "for n in $(seq 0 249); do echo \"[0]#011train-m$n:1\"; done");
    let definitions = (0..250).map(|n| json!({"Name": format!("m{n}"), "Regex": format!("train-m{n}:(.*)")}));
    let mut request = request(&image);
    request["AlgorithmSpecification"]["MetricDefinitions"] = definitions.collect();
    let env = machine.env();
    let (end, _) = start_in(env.clone(), request).end().await;
    assert!(matches!(end, TrainingEnd::Completed { .. }), "{end:?}");
    for (n, counted) in [(0, 1), (199, 1), (200, 0)] {
        let metric = Metric::new(ACCOUNT, REGION, GROUP, &format!("m{n}")).with("TrainingJobName", "job");
        let span = Span { resolution: Resolution::Minute, from: 0, to: i64::MAX, spread: false };
        let found = env.metrics.read(metric, span, |buckets| buckets.len()).await.unwrap();
        assert_eq!(found, counted, "m{n}");
    }
}

#[tokio::test]
async fn earlier_runs_count_against_the_time_limit() {
    let mut machine = machine();
    let image = machine.shell("long", "trap 'exit 0' TERM; echo ready=1; while :; do sleep 0.05; done");
    let mut job = start_with(&machine, request(&image), |task| task.spent = Duration::from_secs(3590));
    job.metric("ready").await;
    machine.clock.sleeping(Duration::from_secs(10)).await;
    machine.clock.advance(Duration::from_secs(10));
    let (end, _) = job.end().await;
    assert!(matches!(end, TrainingEnd::Stopped { max_runtime: true, .. }), "{end:?}");
}

#[tokio::test]
async fn what_tensorboard_and_the_debuggers_hook_write_goes_to_s3_while_the_job_runs() {
    let mut machine = machine();
    let image = machine.shell(
        "watched",
        r#"
        cd "$SAGEMAKER_BASE_DIR"; cp input/config/debughookconfig.json model/
        echo event > output/tensorboard/events; echo tensor > output/tensors/loss
        trap 'exit 0' TERM; echo ready=1; while :; do sleep 0.05; done
        "#,
    );
    let more = json!({
        "TensorBoardOutputConfig": {"S3OutputPath": "s3://out/board/"},
        "DebugHookConfig": {"S3OutputPath": "s3://out/hook", "CollectionConfigurations": [{"CollectionName": "losses"}]},
    });
    let mut job = start(&machine, merge(request(&image), more));
    job.metric("ready").await;
    machine.clock.sleeping(Duration::from_secs(10)).await;
    machine.clock.advance(Duration::from_secs(10));
    machine.clock.sleeping(Duration::from_secs(10)).await;
    assert_eq!(machine.objects.keys("out"), ["board/job/tensorboard-output/events", "hook/job/debug-output/loss"]);
    job.stop.send_replace(true);
    let (end, _) = job.end().await;
    assert!(matches!(end, TrainingEnd::Stopped { .. }), "{end:?}");
    let config = &machine.objects.archive("out", "models/job/output/model.tar.gz")["debughookconfig.json"];
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(config).unwrap(),
        json!({
            "S3OutputPath": "s3://out/hook", "LocalPath": "/opt/ml/output/tensors",
            "CollectionConfigurations": [{"CollectionName": "losses"}],
        })
    );
}

#[tokio::test]
async fn each_instance_group_gets_its_channels_and_shares_them_among_its_own_hosts() {
    let mut machine = machine();
    for n in 0..3 {
        machine.objects.put("in", &format!("shard/{n}.csv"), "");
    }
    machine.objects.put("in", "all/one.csv", "");
    let of = |name: &str, uri: &str, groups: &[&str], distribution: &str| {
        let mut channel = channel(name, uri);
        channel["DataSource"]["S3DataSource"]["InstanceGroupNames"] = json!(groups);
        channel["DataSource"]["S3DataSource"]["S3DataDistributionType"] = json!(distribution);
        channel
    };
    let group = |name: &str, kind: &str, count: u32| json!({"InstanceGroupName": name, "InstanceType": kind, "InstanceCount": count});
    let more = json!({
        "InputDataConfig": [
            of("parts", "s3://in/shard/", &["cpu"], "ShardedByS3Key"),
            of("full", "s3://in/all/", &["gpu"], "FullyReplicated"),
            channel("both", "s3://in/all/"),
        ],
        "ResourceConfig": {"VolumeSizeInGB": 1, "InstanceGroups": [
            group("gpu", "ml.p3.2xlarge", 1), group("cpu", "ml.m5.large", 2),
        ]},
    });
    let image = machine.shell(
        "groups",
        r#"
        cd "$SAGEMAKER_BASE_DIR"
        (cd input/data; ls -d */*) > model/$SM_CURRENT_HOST
        cp input/config/resourceconfig.json model/$SM_CURRENT_HOST.json
        cp input/config/inputdataconfig.json model/$SM_CURRENT_HOST.inputs
        "#,
    );
    let (end, _) = start(&machine, merge(request(&image), more)).end().await;
    assert!(matches!(end, TrainingEnd::Completed { .. }), "{end:?}");
    let files = machine.objects.archive("out", "models/job/output/model.tar.gz");
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    assert_eq!(text("algo-1"), "both/one.csv\nfull/one.csv\n");
    assert_eq!(text("algo-2"), "both/one.csv\nparts/0.csv\nparts/2.csv\n");
    assert_eq!(text("algo-3"), "both/one.csv\nparts/1.csv\n");
    let inputs: serde_json::Value = serde_json::from_str(&text("algo-2.inputs")).unwrap();
    assert_eq!(inputs.as_object().unwrap().keys().collect::<Vec<_>>(), ["parts", "both"]);
    let resources: serde_json::Value = serde_json::from_str(&text("algo-3.json")).unwrap();
    assert_eq!(
        resources,
        json!({
            "current_host": "algo-3", "current_instance_type": "ml.m5.large", "current_group_name": "cpu",
            "hosts": ["algo-1", "algo-2", "algo-3"],
            "instance_groups": [
                {"instance_group_name": "gpu", "instance_type": "ml.p3.2xlarge", "hosts": ["algo-1"]},
                {"instance_group_name": "cpu", "instance_type": "ml.m5.large", "hosts": ["algo-2", "algo-3"]},
            ],
            "network_interface_name": resources["network_interface_name"],
        })
    );
}

#[tokio::test]
async fn a_program_that_is_not_there_is_the_users_to_mend() {
    let mut machine = machine();
    let image = machine.image("gone", "/nowhere/python", "", "");
    let (end, _) = start(&machine, request(&image)).end().await;
    let reason = failure(end);
    assert!(reason.starts_with("ClientError: cannot start the container"), "{reason}");
}
