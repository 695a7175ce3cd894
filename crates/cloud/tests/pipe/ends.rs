//! However a job ends, its streams end with it.

use sagewright_cloud::sagemaker::ports::TrainingEnd;
use serde_json::json;

use crate::support::{LARGE, READER, bytes, clean, inputs, is_served, piped, read, with_source};
use crate::training_support::{GROUP, channel, failure, machine, merge, request, start};

#[tokio::test]
async fn a_pipe_that_is_not_read_to_its_end_holds_nothing_up() {
    for (name, program) in [
        ("never", "pass"),
        (
            "early",
            r#"
for epoch in range(3):
    with open(f"{base}/input/data/early_{epoch}", "rb") as pipe:
        assert len(pipe.read(10)) == 10
for epoch in range(3, 6):
    open(f"{base}/input/data/early_{epoch}", "rb").close()
keep("rest", read("early_6"))
"#,
        ),
        (
            "moved",
            r#"
os.remove(f"{base}/input/data/moved_0")
os.rename(f"{base}/input/data/files", f"{base}/input/data/elsewhere")
"#,
        ),
        ("aside", r#"os.rename(f"{base}/input/data/aside_0", f"{base}/model/pipe")"#),
        (
            "open",
            r#"
pipe = open(f"{base}/input/data/open_0", "rb")
pipe.read(1)
os._exit(0)
"#,
        ),
    ] {
        let mut machine = machine();
        machine.objects.put("in", "large", bytes(LARGE));
        let channels = [piped(name, "s3://in/large", json!({})), channel("files", "s3://in/large")];
        let files = read(&mut machine, program, inputs(&channels)).await;
        assert!(!is_served(name), "{name}");
        assert!(name != "early" || files["rest"] == bytes(LARGE));
    }
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_stream_is_what_fails_the_job() {
    let mut machine = machine();
    machine.objects.put("in", "large", bytes(LARGE));
    let program = format!("{READER}open(f'{{base}}/input/data/crash_0', 'rb').read(1)\nsys.exit(3)");
    let image = machine.python("crash", &program);
    let more = inputs(&[piped("crash", "s3://in/large", json!({})), piped("other", "s3://in/large", json!({}))]);
    let (end, _) = start(&machine, merge(request(&image), more)).end().await;
    assert_eq!(failure(end), "AlgorithmError: , exit code: 3");
    assert!(!is_served("crash"));
    clean(&machine);
}

#[tokio::test]
async fn a_stopped_program_still_gets_its_data_until_it_ends() {
    let mut machine = machine();
    machine.objects.put("in", "large", bytes(LARGE));
    let program = r#"
import signal
pipe = open(f"{base}/input/data/stopped_0", "rb")
begun = pipe.read(10)
def rest(*_):
    keep("all", begun + pipe.read())
    sys.exit(0)
signal.signal(signal.SIGTERM, rest)
print("ready=1", flush=True)
while True:
    signal.pause()
"#;
    let image = machine.python("polite", &format!("{READER}{program}"));
    let more = inputs(&[piped("stopped", "s3://in/large", json!({}))]);
    let mut job = start(&machine, merge(request(&image), more));
    job.metric("ready").await;
    assert!(cfg!(not(target_os = "linux")) || is_served("stopped"), "what the other tests ask works");
    job.stop.send_replace(true);
    let (end, _) = job.end().await;
    assert!(matches!(end, TrainingEnd::Stopped { artifacts: Some(_), max_runtime: false }), "{end:?}");
    assert!(machine.objects.archive("out", "models/job/output/model.tar.gz")["all"] == bytes(LARGE));
    assert!(!is_served("stopped"));
    clean(&machine);
}

#[tokio::test]
async fn a_stopped_program_that_waits_in_a_full_or_empty_pipe_is_killed() {
    for (name, wait) in [
        (
            "full",
            "pipe = open(f'{base}/input/data/full_0', 'rb'); pipe.read(1); print('ready=1', flush=True)\nwhile True: signal.pause()",
        ),
        ("empty", "print('ready=1', flush=True)\nwhile True: signal.pause()"),
    ] {
        let mut machine = machine();
        machine.objects.put("in", "large", bytes(LARGE));
        let program = format!("{READER}import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{wait}");
        let image = machine.python("stubborn", &program);
        let more = inputs(&[piped(name, "s3://in/large", json!({}))]);
        let mut job = start(&machine, merge(request(&image), more));
        job.metric("ready").await;
        assert_eq!(job.killed(&machine).await, TrainingEnd::Stopped { artifacts: None, max_runtime: false });
        assert!(!is_served(name), "{name}");
        clean(&machine);
    }
}

#[tokio::test]
async fn a_job_that_is_given_up_leaves_no_thread() {
    let mut machine = machine();
    machine.objects.put("in", "large", bytes(LARGE));
    let image = machine.python("idle", "import time\nprint('ready=1', flush=True)\ntime.sleep(1000)");
    let mut job = start(&machine, merge(request(&image), inputs(&[piped("given-up", "s3://in/large", json!({}))])));
    job.metric("ready").await;
    job.abandon().await;
    assert!(!is_served("given-up"));
}

#[tokio::test]
async fn data_that_cannot_be_streamed_fails_the_job_and_never_looks_complete() {
    let manifest = |name: &str| with_source(channel(name, "s3://in/list"), json!({"S3DataType": "ManifestFile"}));
    let augmented = |attribute: &str| {
        let source = json!({"S3DataType": "AugmentedManifestFile", "AttributeNames": [attribute]});
        with_source(channel("x", "s3://in/lines"), source)
    };
    for (input, reads, reason) in [
        (manifest("x"), true, "Data download failed:NoSuchKey (404): The specified key does not exist. (s3://in/gone)"),
        (
            augmented("a-ref"),
            true,
            "Data download failed:NoSuchKey (404): The specified key does not exist. (s3://in/gone)",
        ),
        (
            merge(channel("x", "s3://in/ok"), json!({"CompressionType": "Gzip"})),
            true,
            "Data download failed:s3://in/ok is not valid gzip data",
        ),
        (augmented("b-ref"), false, "the manifest s3://in/lines has a wrong line 1: it has no attribute 'b-ref'"),
        (channel("x", "s3://in/none"), false, "No S3 objects found under S3 URL \"s3://in/none\""),
    ] {
        let mut machine = machine();
        machine.objects.put("in", "ok", "x");
        machine.objects.put("in", "list", r#"[{"prefix": "s3://in/"}, "ok", "gone"]"#);
        machine.objects.put("in", "lines", "{\"a-ref\": \"s3://in/ok\"}\n{\"a-ref\": \"s3://in/gone\"}\n");
        let program = format!("{READER}print('begins', flush=True)\nread('x_0')\nprint('has all', flush=True)");
        let image = machine.python("reader", &program);
        let input = merge(input, json!({"InputMode": "Pipe"}));
        let (end, _) = start(&machine, merge(request(&image), inputs(&[input]))).end().await;
        let told = failure(end);
        assert!(told.starts_with("ClientError: ") && told.contains(reason), "expected {reason}, got {told}");
        let expected: &[&str] = if reads { &["begins"] } else { &[] };
        assert_eq!(machine.lines(GROUP, "job/"), expected, "{reason}");
        clean(&machine);
    }
}
