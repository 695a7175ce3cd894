//! A container engine on a socket, of which each test says what is wrong with it, and a clock that tests move.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sagewright_cloud_core::clock::Wall;
use sagewright_cloud_core::runner::{LineSink, Workload};
use sagewright_cloud_runner_docker::DockerRunner;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};

/// A clock that stands still until it is moved.
#[derive(Default)]
pub struct Hands(watch::Sender<Duration>);

impl Hands {
    pub fn pass(&self, time: Duration) {
        self.0.send_modify(|now| *now += time);
    }
}

impl Wall for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let (mut now, due) = (self.0.subscribe(), *self.0.borrow() + duration);
        Box::pin(async move {
            if now.wait_for(|now| *now >= due).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

/// What an engine answers once, in place of the right thing.
pub enum Answer {
    Json(u16, Value),
    /// It keeps the connection and says nothing.
    Nothing,
    /// A body that does not end.
    Endless,
    /// It closes the connection.
    Cut,
    /// Pieces of output; the stream ends with the sender, in order or not.
    Output {
        pieces: mpsc::UnboundedReceiver<&'static str>,
        in_order: bool,
    },
}

pub struct Made {
    pub body: Value,
    pub end: watch::Sender<Option<i64>>,
}

#[derive(Default)]
struct State {
    containers: Mutex<BTreeMap<String, Made>>,
    created: Mutex<usize>,
    answers: Mutex<HashMap<String, VecDeque<Answer>>>,
    requests: watch::Sender<Vec<String>>,
}

/// The engine, and a runner that asks it.
pub struct Engine {
    folder: tempfile::TempDir,
    state: Arc<State>,
    pub clock: Arc<Hands>,
    pub runner: Arc<DockerRunner>,
    pub lines: watch::Sender<Vec<String>>,
}

impl Engine {
    /// One that does not listen yet.
    pub fn silent() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hands::default());
        let host = format!("unix://{}/engine.sock", folder.path().display());
        let runner = Arc::new(DockerRunner::new(&host, "cloud".to_owned(), clock.clone()));
        Self { folder, state: Arc::default(), clock, runner, lines: watch::Sender::default() }
    }

    pub fn new() -> Self {
        let engine = Self::silent();
        engine.listen();
        engine
    }

    pub fn listen(&self) {
        let (state, listener) =
            (self.state.clone(), UnixListener::bind(self.folder.path().join("engine.sock")).unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(state.clone(), stream));
            }
        });
    }

    /// What it answers next to a request such as `POST start`.
    pub fn answer(&self, request: &str, answer: Answer) {
        self.state.answers.lock().unwrap().entry(request.to_owned()).or_default().push_back(answer);
    }

    /// A stream of output for the next request.
    pub fn output(&self, in_order: bool) -> mpsc::UnboundedSender<&'static str> {
        let (sender, pieces) = mpsc::unbounded_channel();
        self.answer("GET logs", Answer::Output { pieces, in_order });
        sender
    }

    /// Requests so far, as `POST start`.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.borrow().clone()
    }

    /// Waits until it was asked so often.
    pub async fn asked(&self, request: &str, times: usize) {
        let mut requests = self.state.requests.subscribe();
        requests.wait_for(|all| all.iter().filter(|r| *r == request).count() >= times).await.unwrap();
    }

    /// The same, while the clock moves.
    pub async fn asked_later(&self, request: &str, times: usize, step: Duration) {
        while self.requests().iter().filter(|r| *r == request).count() < times {
            self.clock.pass(step);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
    }

    pub fn make(&self, body: Value) -> String {
        make(&self.state, body)
    }

    pub fn ids(&self) -> Vec<String> {
        self.state.containers.lock().unwrap().keys().cloned().collect()
    }

    pub fn body(&self, id: &str) -> Value {
        self.state.containers.lock().unwrap()[id].body.clone()
    }

    pub fn end(&self, id: &str, code: i64) {
        self.state.containers.lock().unwrap()[id].end.send_replace(Some(code));
    }

    pub fn sink(&self) -> LineSink {
        let lines = self.lines.clone();
        Arc::new(move |line| lines.send_modify(|all| all.push(line.to_owned())))
    }

    pub async fn read(&self, lines: &[&str]) {
        let mut all = self.lines.subscribe();
        all.wait_for(|all| all == lines).await.unwrap();
    }

    /// A workload that writes into a folder which is not root's, as where a user runs the cloud.
    pub fn workload(&self) -> Workload {
        let folder = self.folder.path().join("job");
        std::fs::create_dir_all(&folder).unwrap();
        // Where the tests run as root.
        let _ = std::os::unix::fs::chown(&folder, Some(1000), Some(1000));
        workload(&folder)
    }
}

fn workload(folder: &Path) -> Workload {
    use sagewright_cloud_core::runner::{Labels, Mount, Port, Resources};
    Workload {
        labels: Labels { account: "1".to_owned(), arn: "arn".to_owned(), host: "algo-1".to_owned(), epoch: 1 },
        image: "own".to_owned(),
        entrypoint: None,
        arguments: Vec::new(),
        environment: BTreeMap::new(),
        mounts: vec![Mount { source: folder.to_owned(), path: "/opt/ml".into(), read_only: false }],
        port: Port::None,
        hosts: Vec::new(),
        resources: Resources::default(),
        isolated: false,
    }
}

fn make(state: &State, body: Value) -> String {
    let mut created = state.created.lock().unwrap();
    *created += 1;
    let id = format!("c{created}");
    state.containers.lock().unwrap().insert(id.clone(), Made { body, end: watch::Sender::new(None) });
    id
}

async fn serve(state: Arc<State>, mut stream: UnixStream) -> Option<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).await.ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut line = head.split(' ');
    let (method, path) = (line.next()?, line.next()?.split('?').next()?.to_owned());
    let length = head
        .to_ascii_lowercase()
        .split_once("content-length: ")
        .map_or(0, |(_, rest)| rest.lines().next().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && !part.starts_with("v1.")).collect();
    let (id, noun) = match parts[..] {
        ["containers", "json"] => ("", "list"),
        ["containers", "create"] => ("", "create"),
        ["containers", id] => (id, "itself"),
        ["containers", id, "json"] => (id, "inspect"),
        ["containers", id, verb] => (id, verb),
        ["images", name, "json"] => (name, "image"),
        [other] => ("", other),
        _ => return None,
    };
    let request = format!("{method} {noun}");
    let wrong = state.answers.lock().unwrap().get_mut(&request).and_then(VecDeque::pop_front);
    state.requests.send_modify(|all| all.push(request.clone()));
    match wrong {
        Some(answer) => wrongly(&mut stream, answer).await,
        None => rightly(&state, &mut stream, &request, id, body).await,
    }
}

async fn wrongly(stream: &mut UnixStream, answer: Answer) -> Option<()> {
    match answer {
        Answer::Json(status, body) => send(stream, status, &body).await,
        Answer::Nothing => std::future::pending().await,
        Answer::Cut => Some(()),
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\"").await.ok()?;
            while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
            Some(())
        }
        Answer::Output { mut pieces, in_order } => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.ok()?;
            while let Some(piece) = pieces.recv().await {
                let length = u32::try_from(piece.len()).unwrap().to_be_bytes();
                let frame = [&[1, 0, 0, 0], &length[..], piece.as_bytes()].concat();
                stream
                    .write_all(&[format!("{:x}\r\n", frame.len()).as_bytes(), &frame, b"\r\n"].concat())
                    .await
                    .ok()?;
            }
            if in_order {
                stream.write_all(b"0\r\n\r\n").await.ok()?;
            }
            Some(())
        }
    }
}

async fn rightly(state: &State, stream: &mut UnixStream, request: &str, id: &str, body: Value) -> Option<()> {
    let end = |id: &str| state.containers.lock().unwrap().get(id).map(|made| made.end.clone());
    match request {
        "POST create" => send(stream, 201, &json!({"Id": make(state, body), "Warnings": []})).await,
        "GET image" => send(stream, 200, &json!({"Id": "x"})).await,
        "GET info" => send(stream, 200, &json!({"SecurityOptions": []})).await,
        "GET list" => {
            let all: Vec<Value> = state
                .containers
                .lock()
                .unwrap()
                .iter()
                .map(|(id, made)| json!({"Id": id, "Labels": made.body["Labels"]}))
                .collect();
            send(stream, 200, &json!(all)).await
        }
        _ => {
            let Some(end) = end(id) else { return send(stream, 404, &json!({"message": "No such container"})).await };
            match request {
                "POST wait" => {
                    let code = *end.subscribe().wait_for(Option::is_some).await.ok()?;
                    send(stream, 200, &json!({"StatusCode": code})).await
                }
                "GET logs" => {
                    end.subscribe().wait_for(Option::is_some).await.ok()?;
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.ok()
                }
                "GET inspect" => {
                    let (code, made) = (*end.borrow(), state.containers.lock().unwrap()[id].body.clone());
                    let told = json!({
                        "Id": id, "State": {"Running": code.is_none(), "ExitCode": code.unwrap_or(0)},
                        "Config": {"Image": made["Image"], "Labels": made["Labels"]}, "HostConfig": {"Mounts": made["HostConfig"]["Mounts"]},
                    });
                    send(stream, 200, &told).await
                }
                _ => {
                    if request != "POST start" {
                        end.send_if_modified(|end| end.is_none().then(|| *end = Some(137)).is_some());
                    }
                    if request == "DELETE itself" {
                        state.containers.lock().unwrap().remove(id);
                    }
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.ok()
                }
            }
        }
    }
}

async fn send(stream: &mut UnixStream, status: u16, body: &Value) -> Option<()> {
    let body = body.to_string();
    stream
        .write_all(format!("HTTP/1.1 {status} Told\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
        .await
        .ok()
}
