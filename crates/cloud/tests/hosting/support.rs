//! A host on a machine of the tests, the server that it runs, and requests.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sagewright_cloud::api::{ApiError, Call, Caller, Handler, Output};
use sagewright_cloud::hosting::{Hosting, HostingConfig};
use sagewright_cloud::objects::{ObjectError, ObjectInfo, Objects};
use sagewright_cloud::runner::NoEnvironment;
use sagewright_cloud::sagemaker::Serving;
use sagewright_cloud::sagemaker::ports::{ContainerPlan, EndpointKey, FleetPlan, Host, ModelData, VariantPlan};
use serde_json::{Value, json};

use crate::runner_support::{ACCOUNT, Machine, MemoryObjects, REGION, soon};

pub const GROUP: &str = "/aws/sagemaker/Endpoints/e";

/// A model server that does as its environment and its requests say.
pub const SERVER: &str = r#"
import http.server, os, signal, sys
assert sys.argv[1:] == ["serve"], sys.argv
base = os.environ["SAGEMAKER_BASE_DIR"]
mode = os.environ.get("MODE", "")
name = os.environ.get("NAME", "")
model = os.path.join(base, "model", "weights")
weights = open(model).read() if os.path.exists(model) else ""
if mode == "exit":
    print("cannot load the model"); sys.exit(3)
def end(*_):
    print("bye " + name); sys.stdout.flush(); os._exit(0)
signal.signal(signal.SIGTERM, end)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def log_message(self, *_): pass
    def reply(self, status, body, headers={}):
        self.send_response(status)
        for key, value in headers.items(): self.send_header(key, value)
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_GET(self):
        self.reply(500 if mode == "sick" else 200, b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if body == b"die": os._exit(7)
        if body == b"mute":
            global mode
            mode = "sick"; self.close_connection = True
            return self.connection.shutdown(2)
        if body == b"hang": signal.pause()
        if body == b"pid": body = str(os.getpid()).encode()
        if body == b"bad": return self.reply(400, b"no such column")
        if body == b"broken" or mode == "bad": return self.reply(500, b"it broke")
        if body == b"env": body = repr(sorted(os.environ)).encode()
        if body == b"role": body = os.environ.get("SEEN_ROLE", "nobody").encode()
        text = b"%s(%s%s)" % (name.encode(), weights.encode(), body)
        seen = {k: self.headers.get(k, "-") for k in ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes")}
        self.reply(200, text, {
            "Content-Type": "text/" + (name or "plain"),
            "X-Amzn-SageMaker-Custom-Attributes": "|".join(seen.values()),
        })
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    # Whoever asked may be gone: what is printed are the words that tests wait for.
    def handle_error(self, *_): pass
server = Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
print("listening"); sys.stdout.flush()
server.serve_forever()
"#;

pub fn hosting(machine: &Machine) -> Arc<Hosting> {
    Arc::new(Hosting::new(machine.env(), Arc::new(NoEnvironment), HostingConfig::default()))
}

pub fn key() -> EndpointKey {
    EndpointKey { account: ACCOUNT.into(), region: REGION.into(), name: "e".into() }
}

pub fn container(image: &str, env: &[(&str, &str)]) -> ContainerPlan {
    ContainerPlan {
        hostname: None,
        image: image.into(),
        model_data: None,
        environment: env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>(),
    }
}

pub fn variant(name: &str, weight: f64, containers: Vec<ContainerPlan>) -> VariantPlan {
    VariantPlan {
        name: name.into(),
        weight,
        copies: 1,
        startup_timeout: Duration::from_secs(240),
        role_arn: None,
        isolated: false,
        direct: false,
        capture: None,
        serving: Serving::default(),
        containers,
    }
}

pub fn arn() -> String {
    format!("arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/e")
}

/// All traffic or a part of it, to the fleet of an id.
pub fn fleet(id: u64, share: f64, variants: Vec<VariantPlan>) -> FleetPlan {
    FleetPlan { id, config: format!("c{id}"), share, variants }
}

/// A change that comes after all others.
pub fn order() -> u64 {
    static ORDER: AtomicU64 = AtomicU64::new(0);
    ORDER.fetch_add(1, Ordering::SeqCst) + 1
}

pub async fn serve(hosting: &Hosting, fleets: Vec<FleetPlan>) -> Result<(), String> {
    soon("serving", hosting.serve(key(), arn(), order(), fleets)).await
}

/// New servers with all traffic.
pub async fn deploy(hosting: &Hosting, variants: Vec<VariantPlan>) -> Result<(), String> {
    serve(hosting, vec![fleet(order(), 1.0, variants)]).await
}

pub fn call(operation: &str, input: Value, body: impl Into<Bytes>) -> Call {
    let service = sagewright_model::service("sagemaker-runtime").unwrap();
    Call {
        caller: Caller {
            account: ACCOUNT.into(),
            principal_arn: String::new(),
            user_id: String::new(),
            access_key: String::new(),
            source_ip: None,
        },
        region: REGION.into(),
        service,
        operation: service.operation(operation).unwrap(),
        input,
        now: sagewright_cloud::clock::SimTime::from_millisecond(0),
        wall: jiff::Timestamp::UNIX_EPOCH,
        request_id: "r".into(),
        payload: body.into(),
    }
}

pub async fn invoke_with(hosting: &Hosting, more: Value, body: &'static str) -> Result<Output, ApiError> {
    let mut input = json!({"EndpointName": "e"});
    for (key, value) in more.as_object().unwrap() {
        input[key] = value.clone();
    }
    soon("invoking", hosting.call(call("InvokeEndpoint", input, body))).await
}

pub async fn invoke(hosting: &Hosting, body: &'static str) -> Result<Output, ApiError> {
    invoke_with(hosting, json!({}), body).await
}

pub fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.payload).unwrap()
}

/// A model's archive in S3.
pub fn put_model(machine: &Machine, key: &str, weights: &str) {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    let mut header = tar::Header::new_gnu();
    header.set_size(weights.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "weights", weights.as_bytes()).unwrap();
    machine.objects.put("models", key, archive.into_inner().unwrap().finish().unwrap());
}

pub fn model(machine: &Machine, key: &str, weights: &str) -> ModelData {
    put_model(machine, key, weights);
    ModelData::TarGz(format!("s3://models/{key}"))
}

/// A machine with the server's image, and a host.
pub fn stage() -> (Machine, String, Arc<Hosting>) {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    let hosting = hosting(&machine);
    (machine, image, hosting)
}

pub fn named(image: &str, name: &str, weight: f64) -> VariantPlan {
    variant(name, weight, vec![container(image, &[("NAME", name)])])
}

pub async fn until_answered(hosting: &Hosting) -> Output {
    soon("an answer", async {
        loop {
            if let Ok(output) = invoke(hosting, "x").await {
                return output;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// Objects whose writes are watched: what is done before a file is put, and after.
pub struct WatchedObjects {
    pub inner: Arc<MemoryObjects>,
    pub before: Box<dyn Fn() + Send + Sync>,
    pub after: Box<dyn Fn() + Send + Sync>,
}

impl Objects for WatchedObjects {
    fn head(&self, account: &str, bucket: &str, key: &str) -> Result<ObjectInfo, ObjectError> {
        self.inner.head(account, bucket, key)
    }

    fn open(&self, account: &str, bucket: &str, key: &str) -> Result<(ObjectInfo, File), ObjectError> {
        self.inner.open(account, bucket, key)
    }

    fn list(&self, account: &str, bucket: &str, prefix: &str) -> Result<Vec<ObjectInfo>, ObjectError> {
        self.inner.list(account, bucket, prefix)
    }

    fn put_file(&self, account: &str, bucket: &str, key: &str, source: &Path) -> Result<ObjectInfo, ObjectError> {
        (self.before)();
        let info = self.inner.put_file(account, bucket, key, source);
        (self.after)();
        info
    }
}
