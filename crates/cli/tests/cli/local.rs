//! The embedded cloud's life, as commands see it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::program::{Run, run_in};

/// A data folder whose cloud, where one is up, is stopped at the end.
struct Data {
    dir: tempfile::TempDir,
    path: PathBuf,
}

impl Data {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        Self { dir, path }
    }

    fn local(&self, args: &[&str]) -> Run {
        let args = [&["local"], args, &["--data", self.path.to_str().unwrap()]].concat();
        run_in(self.dir.path(), &args, b"", &[])
    }

    fn ok(&self, args: &[&str]) -> Run {
        let run = self.local(args);
        assert_eq!(run.code, 0, "{args:?}: {}", run.text());
        run
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[args, &["-o", "json"]].concat()).out).unwrap()
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        self.local(&["down"]);
    }
}

/// A cloud in the foreground, killed at the end.
struct Foreground(Child);

impl Foreground {
    fn start(data: &Path, address: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sagewright"));
        command.args(["local", "up", "--listen", address, "--data"]).arg(data);
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn who_reaches_the_port_finds_the_credentials() {
    let data = Data::new();
    for _ in 0..5 {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut cloud = Foreground::start(&data.path, &address.to_string());
        while TcpStream::connect(address).is_err() {
            assert_eq!(cloud.0.try_wait().unwrap(), None, "it ended");
        }
        let env = data.ok(&["env"]).out;
        assert!(env.contains(&format!("AWS_ENDPOINT_URL=http://{address}\n")), "{env}");
    }
}

#[test]
fn a_start_is_waited_for() {
    let data = Data::new();
    let run = data.local(&["status", "--wait", "--timeout", "0s"]);
    assert_eq!(run.code, 3, "{}", run.text());
    assert!(run.err.contains("no embedded cloud is up") && run.err.contains("sagewright local up"), "{}", run.err);
    let _cloud = Foreground::start(&data.path, "127.0.0.1:0");
    let status = data.json(&["status", "--wait"]);
    assert_eq!((&status["up"], &status["runningJobs"]), (&Value::Bool(true), &0.into()));
    assert!(status["uptimeSeconds"].is_u64() && status["bytesOnDisk"].as_u64() > Some(0), "{status}");
    assert_eq!(status["data"], data.path.to_str().unwrap());
}

#[test]
fn a_cloud_in_the_background_keeps_a_log_of_its_own() {
    let data = Data::new();
    let none = data.ok(&["logs"]);
    assert!(none.out.is_empty() && none.err.contains("there is no log"), "{}", none.text());
    let up = data.ok(&["up", "--wait", "--listen", "127.0.0.1:0"]);
    let endpoint = up.out.trim().rsplit(' ').next().unwrap().to_owned();
    let log = data.ok(&["logs"]).out;
    assert!(log.contains(&format!("the embedded cloud is up at {endpoint}")), "{log}");
    assert_eq!(data.json(&["logs", "--tail", "1"])["lines"].as_array().unwrap().len(), 1);
    // It follows until the cloud is down.
    std::thread::scope(|scope| {
        let follow = scope.spawn(|| data.ok(&["logs", "--follow"]).out);
        data.ok(&["down"]);
        let followed = follow.join().unwrap();
        assert!(followed.starts_with(&log) && followed.contains("stopping"), "{followed}");
    });
    // The next run's log leaves the last one's.
    data.ok(&["up", "--detach", "--listen", "127.0.0.1:0"]);
    let log = data.ok(&["logs"]).out;
    assert_eq!(log.matches("the embedded cloud is up at").count(), 2, "{log}");
    assert!(!log.contains(data.json(&["env"])["secretAccessKey"].as_str().unwrap()));
}

#[test]
fn why_a_cloud_in_the_background_does_not_start_is_told() {
    let data = Data::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let run = data.local(&["up", "--detach", "--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("did not start") && run.err.contains("another program uses the port"), "{}", run.err);
}

#[test]
fn a_project_is_neither_taken_nor_reset() {
    let data = Data::new();
    fs::create_dir_all(data.path.join(".git")).unwrap();
    for args in [&["up"][..], &["up", "--detach"], &["reset", "--yes"]] {
        let run = data.local(args);
        assert_eq!(run.code, 1, "{args:?}: {}", run.text());
        assert!(run.err.contains("is not an embedded cloud's data folder") || run.err.contains(".git"), "{}", run.err);
    }
    let run = run_in(data.dir.path(), &["quickstart", "--exit", "--data", data.path.to_str().unwrap()], b"", &[]);
    assert!(run.code == 1 && run.err.contains("is not an embedded cloud's data folder"), "{}", run.text());
    let names: Vec<_> = fs::read_dir(&data.path).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, [".git"]);
}

#[test]
fn a_reset_lists_what_goes_and_keeps_what_is_the_users() {
    let data = Data::new();
    data.ok(&["up", "--detach", "--listen", "127.0.0.1:0"]);
    fs::write(data.path.join("images.toml"), "").unwrap();
    let run = data.local(&["reset", "--yes"]);
    assert!(run.code == 1 && run.err.contains("stop it first: sagewright local down"), "{}", run.text());
    data.ok(&["down"]);
    let run = data.local(&["reset"]);
    assert_eq!(run.code, 64, "{}", run.text());
    assert!(run.err.contains("state.sqlite") && run.err.contains("kept: images.toml"), "{}", run.err);
    assert!(data.path.join("state.sqlite").exists());
    let told = data.json(&["reset", "--yes"]);
    let removed = told["removed"].as_array().unwrap();
    assert!(removed.iter().any(|found| found["name"] == "server.log"), "{told}");
    assert_eq!(told["kept"], serde_json::json!(["images.toml"]));
    let names: Vec<_> = fs::read_dir(&data.path).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["images.toml"]);
    data.ok(&["up", "--detach", "--listen", "127.0.0.1:0"]);
    data.ok(&["down"]);
    fs::remove_file(data.path.join("images.toml")).unwrap();
    data.ok(&["reset", "--yes"]);
    assert!(!data.path.exists());
}

#[test]
fn a_cloud_that_does_not_stop_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let local = |args: &[&str]| run_in(dir.path(), &[&["local"], args, &["--data", "data"]].concat(), b"", &[]);
    let up = local(&["up", "--detach", "--listen", "127.0.0.1:0"]);
    assert_eq!(up.code, 0, "{}", up.err);
    let pid = fs::read_to_string(dir.path().join("data/lock")).unwrap();
    // It hears no signal but the one that nobody can refuse.
    assert!(Command::new("kill").args(["-STOP", pid.trim()]).status().unwrap().success());
    let down = local(&["down", "--timeout", "1s"]);
    assert_eq!(down.code, 0, "{}", down.err);
    assert!(down.err.contains("did not stop within 1 s and was killed"), "{}", down.err);
    assert_eq!(local(&["status"]).code, 1);
    let again = local(&["up", "--detach", "--listen", "127.0.0.1:0"]);
    assert_eq!(again.code, 0, "{}", again.err);
    let down = local(&["down"]);
    assert!(down.code == 0 && down.err.contains("is down"), "{}", down.err);
}
