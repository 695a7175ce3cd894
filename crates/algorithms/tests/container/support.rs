//! Drives the container programs as child processes, with the SageMaker container contract.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

/// The library, installed once into the user's cache.
pub(crate) fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let cache = sagewright_algorithms::default_cache_dir();
        sagewright_algorithms::ensure_library(&cache, &mut |line| println!("{line}"))
            .expect("the XGBoost library is installed")
            .into()
    })
}

/// A job's directory tree, as SageMaker lays it out below `/opt/ml`.
pub(crate) struct Job {
    pub(crate) folder: tempfile::TempDir,
    algorithm: String,
}

impl Job {
    pub(crate) fn new(hyperparameters: Value) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let job = Self { folder, algorithm: "xgboost".to_owned() };
        job.config("hyperparameters.json", &hyperparameters);
        job.config("resourceconfig.json", &json!({"current_host": "algo-1", "hosts": ["algo-1"]}));
        job
    }

    /// Plays the image of a tag instead of the newest.
    pub(crate) fn image(self, tag: &str) -> Self {
        Self { algorithm: format!("xgboost:{tag}"), ..self }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config(&self, name: &str, value: &Value) {
        let folder = self.path().join("input/config");
        fs::create_dir_all(&folder).expect("the folder is made");
        fs::write(folder.join(name), value.to_string()).expect("the file is written");
    }

    /// Adds channels of one content type.
    pub(crate) fn channels(self, content: &str, channels: &[(&str, &str)]) -> Self {
        let mut config = serde_json::Map::new();
        for (name, text) in channels {
            config.insert(
                (*name).to_owned(),
                json!({"ContentType": content, "TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}),
            );
            let folder = self.path().join("input/data").join(name);
            fs::create_dir_all(&folder).expect("the folder is made");
            fs::write(folder.join("part-0"), text).expect("the file is written");
        }
        self.config("inputdataconfig.json", &Value::Object(config));
        self
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sagewright-algorithm"));
        command
            .args([self.algorithm.as_str(), program])
            .env("SAGEMAKER_BASE_DIR", self.path())
            .env("SAGEWRIGHT_XGBOOST_LIBRARY", library())
            // Threads of many tests at once only disturb each other.
            .env("OMP_NUM_THREADS", "1");
        command
    }

    pub(crate) fn train(&self) -> Trained {
        let output = self.command("train").output().expect("the program runs");
        Trained { failure: fs::read_to_string(self.path().join("output/failure")).ok(), output }
    }

    pub(crate) fn start_training(&self) -> Child {
        self.command("train").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts")
    }

    pub(crate) fn serve(&self, variables: &[(&str, &str)]) -> Server {
        let child = self
            .command("serve")
            .env("SAGEMAKER_BIND_TO_PORT", "0")
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut server = Server { child, port: 0 };
        let mut log = BufReader::new(server.child.stderr.take().expect("its stderr"));
        let mut line = String::new();
        while !line.contains("Listening at") {
            line.clear();
            assert_ne!(log.read_line(&mut line).expect("its log"), 0, "the server ended before it listened");
        }
        server.port = line.trim_end().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        // The rest of the log is read, so that the server never waits for a full pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        server
    }
}

/// An ended training job.
pub(crate) struct Trained {
    pub(crate) output: Output,
    pub(crate) failure: Option<String>,
}

impl Trained {
    pub(crate) fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.output.stdout).lines().map(str::to_owned).collect()
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// The job is well, or the log is shown.
    pub(crate) fn expect_success(self) -> Self {
        assert!(self.output.status.success(), "{}", self.log());
        assert_eq!(self.failure, None);
        self
    }

    pub(crate) fn expect_failure(self) -> String {
        assert_eq!(self.output.status.code(), Some(1), "{}", self.log());
        self.failure.expect("a failed job leaves output/failure")
    }
}

/// A running server; ended when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    port: u16,
}

/// Status, content type and body.
pub(crate) type Answer = (u16, String, String);

impl Server {
    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).expect("the server takes connections")
    }

    pub(crate) fn invoke(&self, content: &str, body: &str) -> Answer {
        self.request("POST", "/invocations", &[("Content-Type", content)], body)
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        exchange(&mut self.connect(), method, path, headers, body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends SIGTERM to a child.
pub(crate) fn terminate(child: &Child) {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

/// One request over an open connection, which stays open.
pub(crate) fn exchange(
    stream: &mut TcpStream,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).expect("the request is sent");
    let mut reader = BufReader::new(stream);
    let mut status = 0;
    let (mut length, mut mime) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("the answer's head");
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest[..3].parse().expect("a status");
        } else if let Some((name, value)) = line.split_once(": ") {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().expect("a length"),
                "content-type" => value.clone_into(&mut mime),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the answer's body");
    (status, mime, String::from_utf8(body).expect("a text"))
}

/// Three classes that a tree tells apart: the class is the third of [0, 3) that the first feature
/// is in; the second feature is noise, and sometimes missing.
pub(crate) fn three_classes(rows: usize) -> String {
    (0..rows)
        .map(|row| {
            let value = (row * 7919 % 30) as f64 / 10.0;
            let noise = if row % 11 == 0 { String::new() } else { (row * 31 % 17).to_string() };
            format!("{},{value},{noise}\n", value as usize)
        })
        .collect()
}

/// A job that was trained once, with its model, for all tests of one objective.
pub(crate) fn trained(objective: &'static str) -> &'static Job {
    static SOFTMAX: OnceLock<Job> = OnceLock::new();
    static SOFTPROB: OnceLock<Job> = OnceLock::new();
    let cell = if objective == "multi:softmax" { &SOFTMAX } else { &SOFTPROB };
    cell.get_or_init(|| {
        let job = Job::new(json!({"num_round": "5", "objective": objective, "num_class": "3"}))
            .channels("text/csv", &[("train", &three_classes(600))]);
        job.train().expect_success();
        job
    })
}
