//! Transform jobs: objects in, a model's containers in between, objects out.
//! Long because its cases share one server program and the requests around it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod runner_support;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use runner_support::job::Running;
use runner_support::{ACCOUNT, Machine, REGION, Role, soon};
use sagewright_cloud::hosting::{Hosting, HostingConfig};
use sagewright_cloud::sagemaker::{JobEvent, Outcome};
use sagewright_cloud::transform::TransformExecutor;
use serde_json::{Value, json};

const GROUP: &str = "/aws/sagemaker/TransformJobs";
const CLIENT_ERROR: &str = "ClientError: See job logs for more information";
const ALGORITHM_ERROR: &str = "AlgorithmError: See job logs for more information";

/// A model server that answers each line with what its environment says, and does as lines tell it.
const SERVER: &str = r#"
import http.server, os, signal, sys, threading
assert sys.argv[1:] == ["serve"], sys.argv
env = os.environ.get
if env("MODE") == "exit":
    print("cannot load the model"); sys.exit(3)
def end(*_):
    print("bye", flush=True); os._exit(0)
signal.signal(signal.SIGTERM, end)
lock, tries, now, most = threading.Lock(), 0, 0, 0
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def log_message(self, *_): pass
    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/said")
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_GET(self):
        told = env("PARAMETERS") if self.path == "/execution-parameters" else ""
        self.reply(404 if told is None else 200, (told or "").encode())
    def do_POST(self):
        global tries, now, most
        with lock:
            tries += 1; now += 1; most = max(most, now)
        body = b""
        if self.headers["Transfer-Encoding"] == "chunked":
            while length := int(self.rfile.readline(), 16): body += self.rfile.read(length); self.rfile.readline()
            self.rfile.readline()
            if env("SHOW"): os.write(1, b"in chunks\n")
        else: body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if env("SHOW"):
            # One write: lines of requests at the same time must not mix.
            said = f"got {len(body)} {self.headers['Content-Type']} {self.headers['Accept']}\n"
            os.write(1, said.encode())
        if b"die" in body: os._exit(7)
        if b"hang" in body: signal.pause()
        if b"vanish" in body and tries < 3: self.close_connection = True; return self.connection.shutdown(2)
        if b"bad" in body: status, answer = 400, b"no such column\nat all"
        elif b"broken" in body: status, answer = 500, b"it broke"
        elif b"flaky" in body and tries < 3: status, answer = 503, b"busy"
        elif b"throttled" in body and tries < 3: status, answer = 429, b"slow down"
        elif b"long" in body: status, answer = 200, b"x" * 12_000_000
        elif env("MODE") == "whole": status, answer = 200, env("NAME", "").encode() + body
        elif env("MODE") == "env":
            status, answer = 200, "\n".join(k + "=" + env(k, "-") for k in body.decode().split()).encode()
        elif env("MODE") == "most":
            threading.Event().wait(0.01); status, answer = 200, b"%d" % most
        else: status, answer = 200, b"\n".join(env("NAME", "").encode() + line.rstrip(b"\r").replace(b"blank", b"") for line in body.rstrip(b"\n").split(b"\n"))
        with lock: now -= 1
        self.reply(status, answer)
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"#;

/// Bytes of the answer to `long`.
const LONG: usize = 12_000_000;

const ARN: &str = "arn:aws:sagemaker:us-east-1:000000000000:transform-job/job";

fn start(machine: &Machine, request: Value) -> Running {
    let hosting = Arc::new(Hosting::new(machine.env(), Arc::new(Role), HostingConfig::default()));
    Running::start(Arc::new(TransformExecutor::new(machine.env(), hosting)), ARN, request)
}

/// A machine with a model server as an image.
fn machine() -> (Machine, String) {
    let mut machine = Machine::new();
    machine.objects.make_bucket("in");
    machine.objects.make_bucket("out");
    let image = machine.python("server", SERVER);
    (machine, image)
}

fn container(image: &str, env: &[(&str, &str)]) -> Value {
    let environment: serde_json::Map<String, Value> = env.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
    json!({"hostname": null, "image": image, "model_data": null, "environment": environment})
}

/// Lines of what is below `s3://in/data/`.
fn request(containers: Value) -> Value {
    json!({
        "TransformJobName": "job",
        "ModelName": "m",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://in/data/"}},
            "ContentType": "text/csv", "SplitType": "Line", "CompressionType": "None",
        },
        "TransformOutput": {"S3OutputPath": "s3://out/results/", "Accept": "text/csv", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "_": {"model": {"containers": containers, "role_arn": "arn:aws:iam::000000000000:role/m", "isolated": false, "created": 1_661_518_800}},
    })
}

fn one(image: &str, env: &[(&str, &str)]) -> Value {
    request(json!([container(image, env)]))
}

fn with(mut request: Value, pointer: &str, value: Value) -> Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    request.pointer_mut(parent).unwrap()[member] = value;
    request
}

fn text(machine: &Machine, key: &str) -> String {
    String::from_utf8(machine.objects.get("out", key).unwrap_or_else(|| panic!("no {key}"))).unwrap()
}

/// The lines of the containers, and those of the data log without their times.
fn logs(machine: &Machine) -> (Vec<String>, Vec<String>) {
    let streams = machine.logs.streams(ACCOUNT, REGION, GROUP);
    let read = |data: bool| -> Vec<String> {
        let of = streams.iter().filter(|stream| stream.ends_with("/data-log") == data);
        of.flat_map(|stream| machine.lines(GROUP, stream)).collect()
    };
    let told = read(true).iter().map(|line| line.split_once(":[sagemaker logs]: ").unwrap().1.to_owned()).collect();
    (read(false), told)
}

fn data_log(machine: &Machine) -> Vec<String> {
    logs(machine).1
}

/// Waits for the second request to a container that shows what it gets.
async fn second_is_sent(machine: &Machine) {
    soon("the second object is sent", async {
        while logs(machine).0.len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

const DEFAULTS: &str = "MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD";

#[tokio::test]
async fn every_object_becomes_one_with_an_answer_to_each_line() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/a.csv", "1\n2\n");
    machine.objects.put("in", "data/deep/b.csv", "3");
    machine.objects.put("in", "data/empty.csv", "");
    machine.objects.put("in", "data/", "");
    machine.objects.put("in", "other.csv", "9");
    let mut job = start(&machine, one(&image, &[("NAME", "x"), ("SHOW", "1")]));
    assert_eq!(soon("the start", job.events.recv()).await, Some(JobEvent::Started));
    job.completed().await;
    assert_eq!(machine.objects.keys("out"), ["results/a.csv.out", "results/deep/b.csv.out", "results/empty.csv.out"]);
    assert_eq!(text(&machine, "results/a.csv.out"), "x1\nx2\n");
    assert_eq!(text(&machine, "results/deep/b.csv.out"), "x3\n");
    assert_eq!(text(&machine, "results/empty.csv.out"), "");
    let (said, told) = logs(&machine);
    assert_eq!(said, ["got 4 text/csv text/csv", "got 1 text/csv text/csv", "bye"]);
    assert_eq!(told, [DEFAULTS]);
    let streams = machine.logs.streams(ACCOUNT, REGION, GROUP);
    let [stream, data] = &streams[..] else { panic!("{streams:?}") };
    let id = stream.strip_prefix("job/i-").and_then(|rest| rest.strip_suffix("-1800000000")).unwrap();
    assert_eq!((id.len(), data), (17, &format!("{stream}/data-log")));
    assert_eq!(machine.lines(GROUP, data)[0], format!("2027-01-15T08:00:00.000:[sagemaker logs]: {DEFAULTS}"));
    for folder in ["work/transform", "work/hosting"] {
        let left: Vec<_> = std::fs::read_dir(machine.path(folder)).into_iter().flatten().collect();
        assert!(left.is_empty(), "{folder} is removed: {left:?}");
    }
}

#[tokio::test]
async fn containers_know_that_they_are_in_a_batch_and_what_the_request_says() {
    let (machine, image) = machine();
    let names = "SAGEMAKER_BATCH SAGEMAKER_MAX_PAYLOAD_IN_MB SAGEMAKER_BATCH_STRATEGY \
        SAGEMAKER_MAX_CONCURRENT_TRANSFORMS MINE THEIRS SEEN_ROLE AWS_REGION";
    machine.objects.put("in", "data/env", names);
    let bare = with(one(&image, &[("MODE", "env"), ("MINE", "model")]), "/TransformInput/SplitType", json!("None"));
    start(&machine, bare.clone()).completed().await;
    assert_eq!(
        text(&machine, "results/env.out"),
        "SAGEMAKER_BATCH=true\nSAGEMAKER_MAX_PAYLOAD_IN_MB=-\nSAGEMAKER_BATCH_STRATEGY=-\n\
         SAGEMAKER_MAX_CONCURRENT_TRANSFORMS=-\nMINE=model\nTHEIRS=-\nSEEN_ROLE=arn:aws:iam::000000000000:role/m\n\
         AWS_REGION=us-east-1\n"
    );
    let mut given = bare;
    for (member, value) in [
        ("MaxPayloadInMB", json!(2)),
        ("BatchStrategy", json!("SingleRecord")),
        ("MaxConcurrentTransforms", json!(3)),
        ("Environment", json!({"MINE": "job", "THEIRS": "job"})),
    ] {
        given[member] = value;
    }
    start(&machine, given).completed().await;
    let told = text(&machine, "results/env.out");
    assert!(told.starts_with(
        "SAGEMAKER_BATCH=true\nSAGEMAKER_MAX_PAYLOAD_IN_MB=2\nSAGEMAKER_BATCH_STRATEGY=SINGLE_RECORD\n\
         SAGEMAKER_MAX_CONCURRENT_TRANSFORMS=3\nMINE=job\nTHEIRS=job\n"
    ));
}

#[tokio::test]
async fn the_container_says_how_it_wants_its_payloads() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/a.csv", "1\n2\n3\n");
    let wants = r#"{"MaxConcurrentTransforms": 8, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 5}"#;
    start(&machine, one(&image, &[("PARAMETERS", wants), ("SHOW", "1")])).completed().await;
    let (said, told) = logs(&machine);
    assert_eq!(said.iter().filter(|line| line.starts_with("got 2 ")).count(), 3);
    assert_eq!(told, ["MaxConcurrentTransforms=8, MaxPayloadInMB=5, BatchStrategy=SINGLE_RECORD"]);
    assert_eq!(text(&machine, "results/a.csv.out"), "1\n2\n3\n", "in order");
}

#[tokio::test]
async fn a_large_object_goes_in_payloads_and_its_answers_come_back_in_order() {
    let (machine, image) = machine();
    let lines: String = (0..400_000).map(|n| format!("{n},row\n")).collect();
    machine.objects.put("in", "data/a.csv", &lines);
    let mut request = one(&image, &[("SHOW", "1")]);
    request["MaxPayloadInMB"] = json!(1);
    request["MaxConcurrentTransforms"] = json!(4);
    start(&machine, request).completed().await;
    assert!(text(&machine, "results/a.csv.out") == lines);
    let sizes: Vec<usize> = logs(&machine).0.iter().filter_map(|l| l.split(' ').nth(1)?.parse().ok()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), lines.len());
    assert_eq!(sizes.len(), lines.len().div_ceil(1024 * 1024));
    assert!(sizes.iter().all(|size| *size <= 1024 * 1024), "{sizes:?}");
}

#[tokio::test]
async fn no_more_requests_than_allowed_are_open_at_an_instance() {
    let (machine, image) = machine();
    for file in 0..30 {
        machine.objects.put("in", &format!("data/{file}"), "1\n2\n");
    }
    let mut request = one(&image, &[("MODE", "most")]);
    request["MaxConcurrentTransforms"] = json!(3);
    request["BatchStrategy"] = json!("SingleRecord");
    request["TransformResources"]["InstanceCount"] = json!(5);
    start(&machine, request).completed().await;
    let keys = machine.objects.keys("out");
    let most =
        keys.iter().flat_map(|key| text(&machine, key).lines().map(|n| n.parse().unwrap()).collect::<Vec<u32>>());
    assert!((2..=3).contains(&most.max().unwrap()), "over all objects, and never more");
    let told = data_log(&machine);
    assert_eq!(told.iter().filter(|line| *line == "InstanceCount=5; this machine runs 2").count(), 2, "{told:?}");
}

#[tokio::test]
async fn binary_objects_are_sent_whole_or_record_by_record() {
    let (machine, image) = machine();
    let record = |content: &[u8]| [&0xced7_230a_u32.to_le_bytes(), &3_u32.to_le_bytes(), content, &[0]].concat();
    let both = [record(b"abc"), record(b"d\ne")].concat();
    machine.objects.put("in", "data/r", &both);
    let unsplit =
        with(one(&image, &[("MODE", "whole"), ("NAME", ">")]), "/TransformOutput/AssembleWith", json!("None"));
    let unsplit = with(unsplit, "/TransformInput/SplitType", json!("None"));
    start(&machine, unsplit.clone()).completed().await;
    assert_eq!(machine.objects.get("out", "results/r.out").unwrap(), [b">", &both[..]].concat());
    let records = with(unsplit, "/TransformInput/SplitType", json!("RecordIO"));
    start(&machine, records.clone()).completed().await;
    assert_eq!(machine.objects.get("out", "results/r.out").unwrap(), [b">", &both[..]].concat());
    start(&machine, with(records, "/BatchStrategy", json!("SingleRecord"))).completed().await;
    assert_eq!(text(&machine, "results/r.out"), ">abc>d\ne", "without the frames");
}

#[tokio::test]
async fn an_object_of_any_length_is_sent_while_it_is_read() {
    let (machine, image) = machine();
    let long = "12345678\n".repeat(1_000_000);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(long.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    machine.objects.put("in", "data/1", &packed);
    machine.objects.put("in", "data/2", &packed[..packed.len() / 2]);
    machine.objects.put("in", "data/3", b"no gzip");
    let mut request = one(&image, &[("MODE", "whole"), ("NAME", ">"), ("SHOW", "1")]);
    request["MaxPayloadInMB"] = json!(0);
    request["TransformInput"]["CompressionType"] = json!("Gzip");
    assert_eq!(start(&machine, request.clone()).failed().await, CLIENT_ERROR);
    assert!(text(&machine, "results/1.out") == format!(">{long}"), "in one request");
    assert_eq!(machine.objects.keys("out"), ["results/1.out"], "what was sent in part has no output");
    let (said, told) = logs(&machine);
    assert!(said.contains(&"in chunks".to_owned()));
    assert_eq!(told[0], "MaxConcurrentTransforms=1, MaxPayloadInMB=0, BatchStrategy=MULTI_RECORD");
    for (line, object) in told[1..].iter().zip(["data/2", "data/3"]) {
        assert!(line.starts_with(&format!("in/{object}: s3://in/{object} is not valid gzip data")), "{told:?}");
    }
    for key in ["data/1", "data/2", "data/3"] {
        machine.objects.put("in", key, "flaky");
    }
    request["TransformInput"]["CompressionType"] = json!("None");
    let job = start(&machine, request);
    for pause in [100, 200].map(Duration::from_millis) {
        soon("the pause", machine.clock.sleeping(pause)).await;
        machine.clock.advance(pause);
    }
    job.completed().await;
    assert_eq!(text(&machine, "results/3.out"), ">flaky\n");
}

#[tokio::test]
async fn columns_are_filtered_and_answers_joined() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/a.csv", "id-1,10,20\n\nid-2,30,40\r\nid-3,50,60");
    let processing = json!({"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"});
    let request = with(one(&image, &[("NAME", "p,"), ("SHOW", "1")]), "/DataProcessing", processing);
    start(&machine, request.clone()).completed().await;
    assert_eq!(logs(&machine).0[0], "got 18 text/csv text/csv", "three rows of two columns");
    assert_eq!(text(&machine, "results/a.csv.out"), "id-1,20\nid-2,40\nid-3,60\n");
    start(&machine, with(request, "/BatchStrategy", json!("SingleRecord"))).completed().await;
    assert_eq!(text(&machine, "results/a.csv.out"), "id-1,20\nid-2,40\nid-3,60\n");
}

#[tokio::test]
async fn attributes_are_filtered_and_answers_joined() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/a.jsonl", "{\"id\": 1, \"x\": [1, 2]}\n{\"id\": 2, \"x\": [3]}\n");
    let mut request = one(&image, &[]);
    request["TransformInput"]["ContentType"] = json!("application/jsonlines");
    request["TransformOutput"]["Accept"] = json!("application/jsonlines");
    request["DataProcessing"] =
        json!({"InputFilter": "$.x", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"});
    start(&machine, request).completed().await;
    assert_eq!(
        text(&machine, "results/a.jsonl.out"),
        "{\"id\":1,\"SageMakerOutput\":[1,2]}\n{\"id\":2,\"SageMakerOutput\":[3]}\n"
    );
}

#[tokio::test]
async fn an_object_that_fails_fails_the_job_and_the_others_have_their_outputs() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/1.csv", "1\n");
    machine.objects.put("in", "data/2.csv", "2\nbad\n2\n2\n");
    machine.objects.put("in", "data/3.csv", "3\n".repeat(1000));
    for concurrent in [1, 4] {
        let mut request = one(&image, &[]);
        request["MaxConcurrentTransforms"] = json!(concurrent);
        request["BatchStrategy"] = json!("SingleRecord");
        assert_eq!(start(&machine, request).failed().await, CLIENT_ERROR);
        assert_eq!(machine.objects.keys("out"), ["results/1.csv.out", "results/3.csv.out"]);
        assert_eq!(text(&machine, "results/3.csv.out").lines().count(), 1000);
    }
    let lines = ["ClientError: 400", "", "Message:", "no such column", "at all"];
    let expected: Vec<_> = lines.iter().map(|line| format!("in/data/2.csv: {line}")).collect();
    assert_eq!(data_log(&machine)[1..=5], expected);
}

#[tokio::test]
async fn what_makes_no_payload_fails_its_object() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/1.csv", format!("1\n{}\n", "x".repeat(1024 * 1024)));
    machine.objects.put("in", "data/2.csv", "2\n");
    let request = with(one(&image, &[]), "/MaxPayloadInMB", json!(1));
    assert_eq!(start(&machine, request).failed().await, CLIENT_ERROR);
    assert_eq!(machine.objects.keys("out"), ["results/2.csv.out"]);
    assert_eq!(data_log(&machine)[1..], ["in/data/1.csv: Too much data for max payload size"]);
}

#[tokio::test]
async fn answers_that_do_not_fit_their_records_fail_the_object() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/1.csv", "1\n2\n");
    let request = with(one(&image, &[("MODE", "most")]), "/DataProcessing", json!({"JoinSource": "Input"}));
    assert_eq!(start(&machine, request.clone()).failed().await, CLIENT_ERROR);
    let joined = "in/data/1.csv: Fail to join data: mismatched line count between the input and the output";
    assert_eq!(data_log(&machine)[1..], [joined]);
    let request = with(request, "/DataProcessing", json!({"InputFilter": "$[7]"}));
    assert_eq!(start(&machine, request).failed().await, CLIENT_ERROR);
    let told = "in/data/1.csv: Failed to apply the InputFilter: index out of range: len: 1, idx: 7";
    assert!(data_log(&machine).iter().any(|line| line == told));
    assert!(machine.objects.keys("out").is_empty());
}

#[tokio::test]
async fn requests_are_made_again_as_often_as_the_request_says() {
    let (machine, image) = machine();
    for (line, retries, reason) in [
        ("flaky", 2, None),
        ("throttled", 2, None),
        ("vanish", 2, None),
        ("flaky", 1, Some(ALGORITHM_ERROR)),
        ("vanish", 0, Some(ALGORITHM_ERROR)),
        ("broken", 3, Some(ALGORITHM_ERROR)),
    ] {
        machine.objects.put("in", "data/1.csv", line);
        let client = json!({"InvocationsMaxRetries": retries, "InvocationsTimeoutInSeconds": 5});
        let job = start(&machine, with(one(&image, &[]), "/ModelClientConfig", client));
        for retry in 0..retries {
            let pause = Duration::from_millis(100 << retry);
            soon("the pause", machine.clock.sleeping(pause)).await;
            machine.clock.advance(pause);
        }
        let end = job.end().await;
        assert_eq!(end.reason.as_deref(), reason, "{line} {retries}");
    }
    let told = data_log(&machine);
    for line in ["Bad HTTP status received from algorithm: 503", "Unable to get response from algorithm"] {
        assert!(told.contains(&format!("in/data/1.csv: {line}")), "{told:?}");
    }
}

#[tokio::test]
async fn a_container_has_its_time_to_answer() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/1.csv", "hang");
    let client = json!({"InvocationsMaxRetries": 0, "InvocationsTimeoutInSeconds": 77});
    let job = start(&machine, with(one(&image, &[]), "/ModelClientConfig", client));
    soon("the request", machine.clock.sleeping(Duration::from_secs(77))).await;
    machine.clock.advance(Duration::from_secs(77));
    assert_eq!(job.failed().await, ALGORITHM_ERROR);
    let told = ["Unable to get response from algorithm", "Model server did not respond within 77 seconds"];
    assert_eq!(data_log(&machine)[1..], told.map(|line| format!("in/data/1.csv: {line}")));
}

#[tokio::test]
async fn a_job_over_its_time_limit_fails_and_stores_what_is_complete() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/1.csv", "1\n");
    machine.objects.put("in", "data/2.csv", "hang\n");
    let job = start(&machine, one(&image, &[("SHOW", "1")]));
    second_is_sent(&machine).await;
    machine.clock.advance(Duration::from_secs(5 * 24 * 3600));
    let told = "ClientError: The transform job is stopped: it ran longer than 432000 seconds.";
    assert_eq!(job.failed().await, told);
    assert_eq!(machine.objects.keys("out"), ["results/1.csv.out"]);
}

#[tokio::test]
async fn a_container_that_dies_ends_the_job() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/1.csv", "1\n");
    machine.objects.put("in", "data/2.csv", "die\n");
    machine.objects.put("in", "data/3.csv", "3\n");
    assert_eq!(start(&machine, one(&image, &[])).failed().await, ALGORITHM_ERROR);
    assert_eq!(machine.objects.keys("out"), ["results/1.csv.out"]);
    assert_eq!(data_log(&machine)[1..], ["The primary container ended while the job ran; its own log may say why."]);
}

#[tokio::test]
async fn what_cannot_start_fails_the_job() {
    let (machine, image) = machine();
    let job = start(&machine, one(&image, &[]));
    let reason = job.failed().await;
    assert_eq!(reason, "ClientError: Failed to download data. No S3 objects found under s3://in/data/.");
    assert_eq!(data_log(&machine), [reason]);
    let (machine, image) = self::machine();
    machine.objects.put("in", "data/..", "1\n");
    let reason = start(&machine, one(&image, &[])).failed().await;
    assert!(reason.contains("s3://in/data/.."), "{reason}");
    assert_eq!(data_log(&machine), [reason]);
    let (machine, image) = self::machine();
    machine.objects.put("in", "data/1.csv", "1\n");
    let nowhere = with(one(&image, &[]), "/TransformOutput/S3OutputPath", json!("s3://nowhere/x"));
    let reason = start(&machine, nowhere).failed().await;
    assert!(reason.starts_with("ClientError: ") && reason.contains("NoSuchBucket"), "{reason}");
    assert_eq!(
        start(&machine, one(&image, &[("MODE", "exit")])).failed().await,
        "AlgorithmError: The primary container did not pass the ping health check. See job logs for more information"
    );
    assert_eq!(logs(&machine).0, ["cannot load the model"]);
    let model = json!({"TarGz": "s3://in/model.tar.gz"});
    let reason = start(&machine, with(one(&image, &[]), "/_/model/containers/0/model_data", model)).failed().await;
    assert!(reason.starts_with("ClientError: Failed to download model data for container \"primary\""), "{reason}");
    assert!(machine.objects.keys("out").is_empty());
}

#[tokio::test]
async fn compressed_objects_and_manifests_are_read() {
    let (machine, image) = machine();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"1\n2\n").unwrap();
    machine.objects.put("in", "elsewhere/a.csv.gz", encoder.finish().unwrap());
    machine.objects.put("in", "elsewhere/deep/b.csv.gz", "no gzip");
    let manifest = json!([{"prefix": "s3://in/elsewhere/"}, "a.csv.gz", "deep/b.csv.gz", "gone"]);
    machine.objects.put("in", "manifest.json", manifest.to_string());
    let source = json!({"S3DataType": "ManifestFile", "S3Uri": "s3://in/manifest.json"});
    let request = with(one(&image, &[("NAME", "z")]), "/TransformInput/DataSource/S3DataSource", source);
    let request = with(request, "/TransformInput/CompressionType", json!("Gzip"));
    assert_eq!(start(&machine, request).failed().await, CLIENT_ERROR);
    assert_eq!(machine.objects.keys("out"), ["results/a.csv.gz.out"]);
    assert_eq!(text(&machine, "results/a.csv.gz.out"), "z1\nz2\n");
    let told = data_log(&machine);
    assert!(told[1].starts_with("in/elsewhere/deep/b.csv.gz: s3://in/elsewhere/deep/b.csv.gz is not valid gzip data"));
    assert_eq!(
        told[2],
        "in/elsewhere/gone: NoSuchKey (404): The specified key does not exist. (s3://in/elsewhere/gone)"
    );
}

#[tokio::test]
async fn no_output_takes_another_ones_place() {
    let (machine, image) = machine();
    for (prefix, keys, name) in [
        ("empty/", ["empty/a//x.csv", "empty/a/x.csv"], "a/x.csv.out"),
        ("beside/train", ["beside/train-1.csv", "beside/train/train-1.csv"], "train-1.csv.out"),
    ] {
        keys.iter().for_each(|key| machine.objects.put("in", key, "1\n"));
        let uri = json!(format!("s3://in/{prefix}"));
        let request = with(one(&image, &[("SHOW", "1")]), "/TransformInput/DataSource/S3DataSource/S3Uri", uri);
        let [one, other] = keys;
        assert_eq!(
            start(&machine, request).failed().await,
            format!(
                "ClientError: s3://in/{one} and s3://in/{other} would both become the output {name}. Rename one of the \
                 two, or transform them in jobs of their own."
            )
        );
    }
    assert!(machine.objects.keys("out").is_empty() && logs(&machine).0.is_empty(), "nothing was sent");
    // One object may be listed twice.
    machine.objects.put("in", "list.json", r#"[{"prefix": "s3://in/empty/"}, "a/x.csv", "a/x.csv"]"#);
    let source = json!({"S3DataType": "ManifestFile", "S3Uri": "s3://in/list.json"});
    start(&machine, with(one(&image, &[]), "/TransformInput/DataSource/S3DataSource", source)).completed().await;
    assert_eq!(machine.objects.keys("out"), ["results/a/x.csv.out"]);
}

#[tokio::test]
async fn answers_at_the_same_time_share_the_memory() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/1.csv", "long\n");
    let mut request = one(&image, &[]);
    request["MaxPayloadInMB"] = json!(1);
    start(&machine, request.clone()).completed().await;
    assert_eq!(text(&machine, "results/1.csv.out").len(), LONG + 1);
    request["MaxConcurrentTransforms"] = json!(100);
    request["ModelClientConfig"] = json!({"InvocationsMaxRetries": 0});
    assert_eq!(start(&machine, request.clone()).failed().await, ALGORITHM_ERROR);
    let why = format!(
        "in/data/1.csv: The answer has more than {} bytes; with a lower MaxConcurrentTransforms, each answer may be longer",
        1024 * 1024 * 1024 / 100
    );
    assert!(data_log(&machine).contains(&why), "{:?}", data_log(&machine));
    // The same goes for the records that an answer is joined with.
    machine.objects.put("in", "data/1.csv", format!("1,{}\n", "x".repeat(LONG)));
    request["DataProcessing"] = json!({"InputFilter": "$[0]", "JoinSource": "Input", "OutputFilter": "$[-1]"});
    assert_eq!(start(&machine, request.clone()).failed().await, CLIENT_ERROR);
    let why = format!(
        "in/data/1.csv: Too much data for max payload size. Before its filter a record may have {} bytes, and more with a \
         lower MaxConcurrentTransforms",
        1024 * 1024 * 1024 / 100
    );
    assert!(data_log(&machine).contains(&why), "{:?}", data_log(&machine));
    request["MaxConcurrentTransforms"] = json!(1);
    start(&machine, request).completed().await;
    assert_eq!(text(&machine, "results/1.csv.out"), "1\n");
}

#[tokio::test]
async fn blank_answers_keep_their_places() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/1.csv", "1\n2\nblank\n3\n");
    let request = with(one(&image, &[]), "/DataProcessing", json!({"OutputFilter": "$[0]"}));
    start(&machine, request).completed().await;
    assert_eq!(text(&machine, "results/1.csv.out"), "1\n2\n\n3\n");
    let request = with(one(&image, &[]), "/DataProcessing", json!({"JoinSource": "Input"}));
    start(&machine, request).completed().await;
    assert_eq!(text(&machine, "results/1.csv.out"), "1,1\n2,2\nblank,\n3,3\n");
}

#[tokio::test]
async fn a_request_passes_all_containers_of_a_pipeline() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/1.csv", "1\n2\n");
    let first = container(&image, &[("NAME", "a"), ("SHOW", "1")]);
    let mut second = container(&image, &[("NAME", "b"), ("SHOW", "1")]);
    second["hostname"] = json!("last");
    start(&machine, request(json!([first, second]))).completed().await;
    assert_eq!(text(&machine, "results/1.csv.out"), "ba1\nba2\n");
    let streams = machine.logs.streams(ACCOUNT, REGION, GROUP);
    let said = |name: &str| {
        let stream = streams.iter().find(|stream| stream.starts_with(&format!("job/{name}-i-"))).unwrap();
        machine.lines(GROUP, stream)[0].clone()
    };
    assert_eq!((&*said("container-1"), &*said("last")), ("got 4 text/csv None", "got 5 text/said text/csv"));
}

#[tokio::test]
async fn a_stopped_job_ends_its_containers_and_stores_nothing() {
    let (machine, image) = machine();
    machine.objects.put("in", "data/1.csv", "1\n");
    machine.objects.put("in", "data/2.csv", "hang\n");
    let job = start(&machine, one(&image, &[("SHOW", "1")]));
    second_is_sent(&machine).await;
    job.stop.send_replace(true);
    assert_eq!(job.end().await.outcome, Outcome::Stopped);
    assert!(machine.objects.keys("out").is_empty(), "{:?}", machine.objects.keys("out"));
    assert_eq!(logs(&machine).0.last().unwrap(), "bye");
    let left: Vec<_> = std::fs::read_dir(machine.path("work/transform")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_job_is_stopped_while_its_containers_start() {
    let (mut machine, _) = machine();
    let image = machine.shell("slow", "echo starts; exec sleep 1000");
    machine.objects.put("in", "data/1.csv", "1\n");
    let job = start(&machine, one(&image, &[]));
    soon("the container", async {
        while logs(&machine).0.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    job.stop.send_replace(true);
    assert_eq!(job.end().await.outcome, Outcome::Stopped);
    for folder in ["work/transform", "work/hosting"] {
        let left: Vec<_> = std::fs::read_dir(machine.path(folder)).into_iter().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn captured_data_are_manifests_and_records_get_their_ids() {
    let (machine, image) = machine();
    machine.objects.make_bucket("captured");
    machine.objects.put("in", "data/a/1.csv", "1\n2\n");
    machine.objects.put("in", "data/b/2.csv", "3\n");
    let capture = json!({"DestinationS3Uri": "s3://captured/monitor", "GenerateInferenceId": true});
    let request = with(one(&image, &[]), "/DataCaptureConfig", capture);
    for _ in 0..2 {
        start(&machine, request.clone()).completed().await;
    }
    let keys = ["monitor/input/2022/08/26/13/job.json", "monitor/output/2022/08/26/13/job.json"];
    assert_eq!(machine.objects.keys("captured"), keys, "a job that runs twice captures once");
    let manifest = |key: &str| serde_json::from_slice::<Value>(&machine.objects.get("captured", key).unwrap()).unwrap();
    assert_eq!(manifest(keys[0]), json!([{"prefix": "s3://in/data/"}, "a/1.csv", "b/2.csv"]));
    assert_eq!(manifest(keys[1]), json!([{"prefix": "s3://out/results/"}, "a/1.csv.out", "b/2.csv.out"]));
    let rows = text(&machine, "results/a/1.csv.out");
    let rows: Vec<Vec<_>> = rows.lines().map(|row| row.split(',').collect()).collect();
    assert_eq!((rows[0][0], rows[1][0], rows[0][2]), ("1", "2", "2022-08-26T13:00:00Z"));
    assert_ne!(rows[0][1], rows[1][1]);
}
