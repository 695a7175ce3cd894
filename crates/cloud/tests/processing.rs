//! Processing jobs: the container contract, seen from inside programs and from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod runner_support;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use runner_support::job::Running;
use runner_support::{ACCOUNT, Machine, REGION, Role, mounts, soon};
use sagewright_cloud::metrics::{Metric, Resolution, Span};
use sagewright_cloud::processing::ProcessingExecutor;
use sagewright_cloud::sagemaker::{JobEvent, Outcome};
use serde_json::{Value, json};

const GROUP: &str = "/aws/sagemaker/ProcessingJobs";
const ARN: &str = "arn:aws:sagemaker:us-east-1:000000000000:processing-job/job";

fn start(machine: &Machine, request: Value) -> Running {
    Running::start(Arc::new(ProcessingExecutor::new(machine.env(), Arc::new(Role))), ARN, request)
}

fn machine() -> Machine {
    let machine = Machine::new();
    machine.objects.make_bucket("in");
    machine.objects.make_bucket("out");
    machine
}

fn request(image: &str) -> Value {
    json!({
        "ProcessingJobName": "job",
        "RoleArn": "arn:aws:iam::000000000000:role/processor",
        "AppSpecification": {"ImageUri": image},
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
        "ProcessingOutputConfig": {"Outputs": [output("out", "/opt/ml/processing/out", "s3://out/results", "EndOfJob")]},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    })
}

fn output(name: &str, path: &str, uri: &str, mode: &str) -> Value {
    json!({"OutputName": name, "AppManaged": false, "S3Output": {"S3Uri": uri, "LocalPath": path, "S3UploadMode": mode}})
}

fn input(name: &str, uri: &str) -> Value {
    let path = format!("/opt/ml/processing/{name}");
    json!({"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}})
}

fn with(mut request: Value, pointer: &str, value: Value) -> Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    request.pointer_mut(parent).unwrap()[member] = value;
    request
}

fn outputs(request: Value, outputs: Value) -> Value {
    with(request, "/ProcessingOutputConfig/Outputs", outputs)
}

fn hosts(request: Value, count: u32) -> Value {
    with(request, "/ProcessingResources/ClusterConfig/InstanceCount", json!(count))
}

fn text(machine: &Machine, key: &str) -> String {
    String::from_utf8(machine.objects.get("out", key).unwrap_or_else(|| panic!("no {key}"))).unwrap()
}

/// Until an object is there.
async fn uploaded(machine: &Machine, key: &str) -> Vec<u8> {
    soon(key, async {
        loop {
            if let Some(content) = machine.objects.get("out", key) {
                return content;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// Until a file of the only running job's first host is there.
async fn written(machine: &Machine, name: &str) -> std::path::PathBuf {
    soon(name, async {
        loop {
            let jobs = std::fs::read_dir(machine.path("work/processing")).into_iter().flatten().flatten();
            if let Some(file) = jobs.map(|job| job.path().join("algo-1").join(name)).find(|file| file.exists()) {
                return file;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_program_makes_outputs_of_its_inputs() {
    let mut machine = machine();
    machine.objects.put("in", "data/a.csv", "1\n2\n");
    machine.objects.put("in", "data/deep/b.csv", "3\n");
    machine.objects.put("in", "data/", "");
    machine.objects.put("in", "code/main.sh", "code");
    let image = machine.shell(
        "clean",
        r#"
        cd "$SAGEMAKER_BASE_DIR/processing"
        [ "$*" = "--rows 3" ] && [ "$(cat in/code/main.sh)" = code ] || exit 9
        mkdir out/deep
        cat in/data/a.csv in/data/deep/b.csv > out/deep/all
        printf 'a\tb\n' >&2
        printf '3 rows' > "$SAGEMAKER_BASE_DIR/output/message"
        "#,
    );
    let mut code = input("code", "s3://in/code/main.sh");
    code["S3Input"]["LocalPath"] = json!("/opt/ml/processing/in/code/");
    let mut data = input("data", "s3://in/data");
    data["S3Input"]["LocalPath"] = json!("/opt/ml/processing/in/data");
    let request = with(request(&image), "/ProcessingInputs", json!([code, data]));
    let mut job = start(&machine, with(request, "/AppSpecification/ContainerArguments", json!(["--rows", "3"])));
    assert_eq!(soon("the start", job.events.recv()).await, Some(JobEvent::Started));
    let end = job.completed().await;
    assert_eq!(json!(end.shows), json!({"ExitMessage": "3 rows"}));
    assert_eq!(machine.objects.keys("out"), ["results/deep/all"]);
    assert_eq!(text(&machine, "results/deep/all"), "1\n2\n3\n");
    assert_eq!(machine.lines(GROUP, "job/algo-1-1800000000"), ["a#011b"]);
    let left: Vec<_> = std::fs::read_dir(machine.path("work/processing")).unwrap().collect();
    assert!(left.is_empty(), "the work folder is removed: {left:?}");
}

#[tokio::test]
async fn the_configuration_and_the_environment_are_sagemakers() {
    let mut machine = machine();
    machine.objects.put("in", "data/a.csv", "1");
    let image = machine.shell(
        "probe",
        r#"
        cd "$SAGEMAKER_BASE_DIR"
        cp config/*.json processing/out
        echo "$PROCESSING_JOB_ARN $AWS_REGION $MINE $SEEN_ROLE ${AWS_ENDPOINT_URL:-none}" > processing/out/said
        "#,
    );
    let request = with(request(&image), "/ProcessingInputs", json!([input("data", "s3://in/data")]));
    let request = with(request, "/Environment", json!({"MINE": "yes", "PROCESSING_JOB_ARN": "no"}));
    start(&machine, hosts(request.clone(), 2)).completed().await;
    let json = |name: &str| -> Value { serde_json::from_str(&text(&machine, &format!("results/{name}"))).unwrap() };
    let source = json!({
        "S3Uri": "s3://in/data", "LocalPath": "/opt/ml/processing/data", "S3DataType": "S3Prefix", "S3InputMode": "File",
        "S3DownloadMode": "StartOfJob",
    });
    assert_eq!(
        json("processingjobconfig.json"),
        json!({
            "ProcessingJobArn": ARN,
            "ProcessingJobName": "job",
            "AppSpecification": {"ImageUri": "test/probe", "ContainerEntrypoint": null, "ContainerArguments": null},
            "Environment": {"MINE": "yes", "PROCESSING_JOB_ARN": "no"},
            "ProcessingInputs": [{"InputName": "data", "S3Input": source}],
            "ProcessingOutputConfig": {
                "Outputs": [output("out", "/opt/ml/processing/out", "s3://out/results", "EndOfJob")], "KmsKeyId": null,
            },
            "ProcessingResources": {"ClusterConfig": {
                "InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1, "VolumeKmsKeyId": null,
            }},
            "RoleArn": "arn:aws:iam::000000000000:role/processor",
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        })
    );
    let resources = json("resourceconfig.json");
    assert_eq!(resources["hosts"], json!(["algo-1", "algo-2"]));
    assert_eq!(
        (&resources["current_host"], &resources["current_instance_type"]),
        (&json!("algo-2"), &json!("ml.m5.large"))
    );
    let said = format!("{ARN} us-east-1 yes arn:aws:iam::000000000000:role/processor http://127.0.0.1:1\n");
    assert_eq!(text(&machine, "results/said"), said);

    let isolated = with(request, "/NetworkConfig", json!({"EnableNetworkIsolation": true}));
    start(&machine, isolated).completed().await;
    assert_eq!(text(&machine, "results/said"), format!("{ARN} us-east-1 yes  none\n"));
}

#[tokio::test]
async fn entrypoint_and_arguments_replace_the_images_as_docker_does() {
    let mut machine = machine();
    let image = machine.shell("own", r#"echo "image $*" > "$SAGEMAKER_BASE_DIR/processing/out/ran""#);
    let mine = r#"echo "mine $*" > "$SAGEMAKER_BASE_DIR/processing/out/ran""#;
    for (app, ran) in [
        (json!({}), "image \n"),
        (json!({"ContainerArguments": ["a", "b c"]}), "image a b c\n"),
        (json!({"ContainerEntrypoint": ["sh", "-c", mine, "me"]}), "mine \n"),
        (json!({"ContainerEntrypoint": ["sh", "-c", mine, "me"], "ContainerArguments": ["x"]}), "mine x\n"),
    ] {
        let mut request = request(&image);
        request["AppSpecification"].as_object_mut().unwrap().extend(app.as_object().unwrap().clone());
        start(&machine, request).completed().await;
        assert_eq!(text(&machine, "results/ran"), ran, "{app}");
    }
    let missing = with(request(&image), "/AppSpecification/ContainerEntrypoint", json!(["no-such-program"]));
    let reason = start(&machine, missing).failed().await;
    assert!(
        reason.contains("'no-such-program' is not on this machine") && reason.contains("ContainerEntrypoint"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_script_finds_its_paths_below_opt_ml() {
    let mut machine = machine();
    let script = "import shutil, sys\nshutil.copy(sys.argv[1], sys.argv[2].split('=')[1] + '/seen')\n";
    machine.objects.put("in", "code/main.py", script);
    machine.objects.put("in", "data/rows.csv", "1,2\n");
    let script = json!(["python3", "/opt/ml/processing/code/main.py", "/opt/ml/processing/data/rows.csv"]);
    let argument = json!(["--out=/opt/ml/processing/out"]);
    // Where a program does not see /opt/ml, its arguments name the job's folder.
    for (name, opt_ml) in [("seen", true), ("told", false)].into_iter().filter(|(_, opt_ml)| !opt_ml || mounts()) {
        let image = machine.image(name, "python3", "", &format!("opt_ml = {opt_ml}"));
        let request = with(request(&image), "/AppSpecification/ContainerEntrypoint", script.clone());
        let request = with(request, "/AppSpecification/ContainerArguments", argument.clone());
        let inputs = json!([input("code", "s3://in/code"), input("data", "s3://in/data/rows.csv")]);
        let out = json!([output("out", "/opt/ml/processing/out", &format!("s3://out/{name}"), "EndOfJob")]);
        start(&machine, outputs(with(request, "/ProcessingInputs", inputs), out)).completed().await;
        assert_eq!(text(&machine, &format!("{name}/seen")), "1,2\n");
    }
}

#[tokio::test]
async fn programs_are_looked_for_where_the_image_says() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut machine = machine();
    let own = machine.path("bin");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("python3"), "#!/bin/sh\necho own > $SAGEMAKER_BASE_DIR/processing/out/ran\n").unwrap();
    std::fs::set_permissions(own.join("python3"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("opt_ml = false\nenv = {{ PATH = \"{}:/usr/bin:/bin\" }}", own.display());
    let image = machine.image("venv", "sh", "", &path);
    let request = with(request(&image), "/AppSpecification/ContainerEntrypoint", json!(["python3"]));
    start(&machine, request).completed().await;
    assert_eq!(text(&machine, "results/ran"), "own\n");
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn manifests_shards_and_compressed_objects_are_laid_out_as_asked() {
    let mut machine = machine();
    for n in 0..4 {
        machine.objects.put("in", &format!("parts/{n}.gz"), gzipped(&format!("part {n}")));
    }
    machine.objects.put("in", "list.json", r#"[{"prefix": "s3://in/parts/"}, "3.gz", "1.gz"]"#);
    let image = machine.shell(
        "list",
        r#"
        cd "$SAGEMAKER_BASE_DIR/processing"
        host=$(sed 's/.*"current_host":"\([^"]*\)".*/\1/' ../config/resourceconfig.json)
        for input in sharded listed raw; do echo $(cd $input; ls) ; done > out/$host
        cat sharded/* >> out/$host
        "#,
    );
    let source = |name: &str, more: Value| {
        let mut input = input(name, "s3://in/parts");
        input["S3Input"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let inputs = json!([
        source("sharded", json!({"S3DataDistributionType": "ShardedByS3Key", "S3CompressionType": "Gzip"})),
        source("listed", json!({"S3DataType": "ManifestFile", "S3Uri": "s3://in/list.json"})),
        source("raw", json!({"S3DataDistributionType": "FullyReplicated", "S3CompressionType": "None"})),
    ]);
    start(&machine, with(hosts(request(&image), 2), "/ProcessingInputs", inputs)).completed().await;
    assert_eq!(text(&machine, "results/algo-1"), "0 2\n1.gz 3.gz\n0.gz 1.gz 2.gz 3.gz\npart 0part 2");
    assert_eq!(text(&machine, "results/algo-2"), "1 3\n1.gz 3.gz\n0.gz 1.gz 2.gz 3.gz\npart 1part 3");
}

#[tokio::test]
async fn what_cannot_be_downloaded_or_uploaded_fails_the_job_before_its_program_starts() {
    let mut machine = machine();
    machine.objects.put("in", "list.json", "{}");
    machine.objects.put("in", "clash/a", "");
    machine.objects.put("in", "clash/a/b", "");
    machine.objects.put("in", "plain.gz", "text");
    let image = machine.shell("never", r#"echo ran"#);
    let mut manifest = input("data", "s3://in/list.json");
    manifest["S3Input"]["S3DataType"] = json!("ManifestFile");
    let mut gzip = input("data", "s3://in/plain.gz");
    gzip["S3Input"]["S3CompressionType"] = json!("Gzip");
    let lead = "ClientError: Failed to download data. ";
    for (input, told) in [
        (input("data", "s3://in/missing"), "No S3 objects found under s3://in/missing of the input 'data'."),
        (input("data", "s3://nowhere/x"), "NoSuchBucket (404): The specified bucket does not exist (s3://nowhere)"),
        (manifest, "the manifest s3://in/list.json "),
        (input("data", "s3://in/clash"), "s3://in/clash/a/b: another object takes its place"),
        (gzip, "s3://in/plain.gz is not valid gzip data"),
    ] {
        let mut job = start(&machine, with(request(&image), "/ProcessingInputs", json!([input])));
        assert_eq!(soon("no start", job.events.recv()).await, None);
        let reason = job.failed().await;
        assert!(reason.starts_with(&format!("{lead}{told}")), "{reason}");
    }
    let out = json!([output("out", "/opt/ml/processing/out", "s3://nowhere/x", "EndOfJob")]);
    let reason = start(&machine, outputs(request(&image), out)).failed().await;
    assert!(reason.contains("The specified bucket does not exist (s3://nowhere)"), "{reason}");
    assert!(machine.lines(GROUP, "job/").is_empty(), "nothing ran");
}

#[tokio::test]
async fn a_program_that_fails_tells_its_exit_code_and_keeps_what_was_continuous() {
    let mut machine = machine();
    let image = machine.shell(
        "fails",
        r#"
        cd "$SAGEMAKER_BASE_DIR"
        for out in end on; do echo half > processing/$out/file; done
        echo "no such column" > output/message
        exit 3
        "#,
    );
    let both = json!([
        output("end", "/opt/ml/processing/end", "s3://out/end", "EndOfJob"),
        output("on", "/opt/ml/processing/on", "s3://out/on", "Continuous"),
    ]);
    let end = start(&machine, outputs(request(&image), both)).end().await;
    assert_eq!((end.outcome, end.reason.as_deref()), (Outcome::Failed, Some("AlgorithmError: , exit code: 3")));
    assert_eq!(end.shows["ExitMessage"], "no such column\n");
    assert_eq!(machine.objects.keys("out"), ["on/file"]);
}

#[tokio::test]
async fn one_host_that_fails_ends_the_others_and_all_tell_their_messages() {
    let mut machine = machine();
    let image = machine.shell(
        "uneven",
        r#"
        cd "$SAGEMAKER_BASE_DIR"
        case $(cat config/resourceconfig.json) in
          *'"current_host":"algo-2"'*) printf two > output/message; exit 1;;
        esac
        printf 'one ' > output/message
        exec sleep 1000
        "#,
    );
    let end = start(&machine, hosts(request(&image), 2)).end().await;
    assert_eq!(end.reason.as_deref(), Some("AlgorithmError: , exit code: 1"));
    let message = end.shows["ExitMessage"].as_str().unwrap();
    assert!(message.ends_with("two"), "{message}");
}

#[tokio::test]
async fn a_message_is_bounded_and_must_be_text() {
    let mut machine = machine();
    let image = machine.python(
        "talks",
        "import os, sys\n\
         base = os.environ['SAGEMAKER_BASE_DIR']\n\
         open(base + '/output/message', 'wb').write(eval(sys.argv[1]))\n\
         open(base + '/processing/out/made', 'w').write('all')\n",
    );
    let says = |message: &str| with(request(&image), "/AppSpecification/ContainerArguments", json!([message]));
    let end = start(&machine, says("b'x' * 100_000_000")).completed().await;
    assert_eq!(end.shows["ExitMessage"].as_str().unwrap(), "x".repeat(1024));
    let reason = start(&machine, says("b'\\xff\\xfe'")).failed().await;
    assert_eq!(reason, "ClientError: /opt/ml/output/message of algo-1 is not UTF-8 text; write it as UTF-8.");
    assert_eq!(text(&machine, "results/made"), "all");
}

#[tokio::test]
async fn continuous_outputs_are_uploaded_while_the_program_runs() {
    let mut machine = machine();
    let image = machine.shell(
        "works",
        r#"
        cd "$SAGEMAKER_BASE_DIR/processing"
        echo 1 > on/part-1; echo 1 > end/part-1; : > ../ready
        until [ -e ../go ]; do sleep 0.02; done
        echo 22 > on/part-1; echo 2 > on/part-2
        "#,
    );
    let both = json!([
        output("end", "/opt/ml/processing/end", "s3://out/end", "EndOfJob"),
        output("on", "/opt/ml/processing/on", "s3://out/on/", "Continuous"),
    ]);
    let job = start(&machine, outputs(request(&image), both));
    let ready = written(&machine, "ready").await;
    let interval = Duration::from_secs(10);
    machine.clock.sleeping(interval).await;
    machine.clock.advance(interval);
    assert_eq!(uploaded(&machine, "on/part-1").await, b"1\n");
    assert_eq!(machine.objects.keys("out"), ["on/part-1"]);
    std::fs::write(ready.with_file_name("go"), "").unwrap();
    job.completed().await;
    assert_eq!(machine.objects.keys("out"), ["end/part-1", "on/part-1", "on/part-2"]);
    assert_eq!(text(&machine, "on/part-1"), "22\n");
}

#[tokio::test]
async fn a_job_that_is_stopped_has_120_seconds_and_keeps_its_outputs() {
    let mut machine = machine();
    let kind = machine.shell(
        "kind",
        r#"
        cd "$SAGEMAKER_BASE_DIR"
        trap 'echo heard > processing/out/end; printf bye > output/message; exit 1' TERM
        : > ready
        while :; do sleep 0.02; done
        "#,
    );
    let deaf = machine.shell(
        "deaf",
        r#"
        cd "$SAGEMAKER_BASE_DIR"
        trap '' TERM
        echo half > processing/out/end; : > ready
        while :; do sleep 0.02; done
        "#,
    );
    let job = start(&machine, request(&kind));
    written(&machine, "ready").await;
    job.stop.send_replace(true);
    let end = job.end().await;
    assert_eq!((end.outcome, end.reason, &end.shows["ExitMessage"]), (Outcome::Stopped, None, &json!("bye")));
    assert_eq!(text(&machine, "results/end"), "heard\n");

    let job = start(&machine, request(&deaf));
    written(&machine, "ready").await;
    job.stop.send_replace(true);
    let grace = Duration::from_secs(120);
    machine.clock.sleeping(grace).await;
    machine.clock.advance(grace);
    assert_eq!(job.end().await.outcome, Outcome::Stopped);
    assert_eq!(text(&machine, "results/end"), "half\n");
}

#[tokio::test]
async fn what_a_stopped_job_cannot_upload_is_told_in_its_log() {
    let mut machine = machine();
    let image = machine
        .shell("late", r#"cd "$SAGEMAKER_BASE_DIR"; echo half > processing/out/end; : > ready; exec sleep 1000"#);
    let job = start(&machine, request(&image));
    written(&machine, "ready").await;
    machine.objects.remove_bucket("out");
    job.stop.send_replace(true);
    let reason = job.failed().await;
    assert!(reason.contains("The specified bucket does not exist (s3://out)"), "{reason}");
    assert_eq!(machine.lines(GROUP, "job/algo-1"), [reason]);
}

#[tokio::test]
async fn a_job_over_its_time_limit_is_stopped_with_what_it_had_and_its_log_says_so() {
    let mut machine = machine();
    let image = machine
        .shell("long", r#"cd "$SAGEMAKER_BASE_DIR"; echo half > processing/out/end; : > ready; exec sleep 1000"#);
    let request = with(request(&image), "/StoppingCondition", json!({"MaxRuntimeInSeconds": 60}));
    let job = start(&machine, request);
    written(&machine, "ready").await;
    machine.clock.advance(Duration::from_secs(60));
    assert_eq!(job.end().await.outcome, Outcome::Stopped);
    assert_eq!(text(&machine, "results/end"), "half\n");
    let lines = machine.lines(GROUP, "job/algo-1");
    assert_eq!(lines, ["The processing job is stopped: it ran longer than its MaxRuntimeInSeconds, 60."]);
}

#[tokio::test]
async fn links_are_not_followed_and_what_is_left_out_is_told() {
    let mut machine = machine();
    std::fs::write(machine.path("secret"), "not the job's").unwrap();
    let image = machine.shell(
        "links",
        &format!(
            r#"
            cd "$SAGEMAKER_BASE_DIR/processing"
            echo kept > out/kept
            ln -s kept out/twin; ln -s {secret} out/secret; ln -s .. out/up; mkfifo out/pipe
            rmdir moved; ln -s / moved
            "#,
            secret = machine.path("secret").display()
        ),
    );
    let both = json!([
        output("out", "/opt/ml/processing/out", "s3://out/results", "EndOfJob"),
        output("moved", "/opt/ml/processing/moved", "s3://out/moved", "Continuous"),
    ]);
    start(&machine, outputs(request(&image), both)).completed().await;
    assert_eq!(machine.objects.keys("out"), ["results/kept"]);
    let lines = machine.lines(GROUP, "job/algo-1");
    for told in [
        "twin is left out: a link",
        "secret is left out: a link",
        "up is left out: a link",
        "pipe is left out",
        "processing/moved is left out",
    ] {
        assert!(lines.iter().any(|line| line.contains(told)), "{told}: {lines:#?}");
    }
}

#[tokio::test]
async fn thousands_of_files_and_outputs_that_overlap_are_all_uploaded() {
    let mut machine = machine();
    let image = machine.python(
        "many",
        "import os\n\
         out = os.environ['SAGEMAKER_BASE_DIR'] + '/processing/out/'\n\
         os.makedirs(out + 'part', exist_ok=True)\n\
         [open(f'{out}part/{n}', 'w').write(str(n)) for n in range(3000)]\n",
    );
    let three = json!([
        output("all", "/opt/ml/processing/out", "s3://out/all", "EndOfJob"),
        output("part", "/opt/ml/processing/out/part", "s3://out/part", "EndOfJob"),
        output("again", "/opt/ml/processing/out/part", "s3://out/again", "Continuous"),
    ]);
    start(&machine, outputs(request(&image), three)).completed().await;
    assert_eq!(machine.objects.keys("out").len(), 9000);
    for place in ["all/part", "part", "again"] {
        assert_eq!(text(&machine, &format!("{place}/2999")), "2999");
    }
}

/// A cloud that dies before it records the end of a job runs the job again: its metrics count once all the same.
#[tokio::test]
async fn the_metrics_of_a_job_that_runs_twice_are_put_once() {
    let mut machine = machine();
    let image = machine.python(
        "measures",
        "import json, os\n\
         folder = os.environ['SAGEMAKER_BASE_DIR'] + '/output/metrics/cloudwatch'\n\
         os.makedirs(folder)\n\
         line = {'MetricName': 'm', 'Timestamp': '2026-01-01T00:00:00Z', 'Value': 3}\n\
         open(folder + '/m.jsonl', 'w').write(json.dumps(line) + '\\n')\n",
    );
    let environment = json!({"sagemaker_monitoring_schedule_name": "s", "publish_cloudwatch_metrics": "Enabled"});
    let request = with(request(&image), "/Environment", environment);
    let env = machine.env();
    for _ in 0..2 {
        let executor = ProcessingExecutor::new(env.clone(), Arc::new(Role));
        Running::start(Arc::new(executor), ARN, request.clone()).completed().await;
    }
    let metric = Metric::new(ACCOUNT, REGION, "aws/sagemaker/Endpoints/data-metrics", "m");
    let span = Span { resolution: Resolution::Minute, from: 0, to: i64::MAX, spread: false };
    let found = env.metrics.read(metric, span, |buckets| buckets).await.unwrap();
    assert_eq!(found.iter().map(|bucket| (bucket.stats.count, bucket.stats.sum)).collect::<Vec<_>>(), [(1.0, 3.0)]);
}
