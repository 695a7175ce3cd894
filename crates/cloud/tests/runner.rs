//! Containers as processes: how they start, how they end, and that none is left behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod runner_support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runner_support::{Machine, soon};
use sagewright_cloud::runner::{Capabilities, Container, Exit, Labels, LineSink, Mount, Port, Resources, Workload};
use tokio::sync::mpsc;

fn labels(host: &str) -> Labels {
    let arn = "arn:aws:sagemaker:us-east-1:000000000000:training-job/job".to_owned();
    Labels { account: "000000000000".into(), arn, host: host.into(), epoch: 1 }
}

fn workload(machine: &Machine, image: &str) -> Workload {
    let base = machine.path("base");
    std::fs::create_dir_all(base.join("model")).unwrap();
    Workload {
        labels: labels("algo-1"),
        image: image.into(),
        entrypoint: None,
        arguments: vec!["train".into()],
        environment: BTreeMap::new(),
        mounts: vec![Mount::opt_ml(base)],
        port: Port::None,
        hosts: Vec::new(),
        resources: Resources::default(),
        isolated: false,
    }
}

fn lines() -> (LineSink, mpsc::UnboundedReceiver<String>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Arc::new(move |line| drop(sender.send(line.to_owned()))), receiver)
}

async fn run(machine: &Machine, image: &str) -> (Box<dyn Container>, mpsc::UnboundedReceiver<String>) {
    let (sink, lines) = lines();
    (machine.runner().start(&workload(machine, image), sink).await.unwrap(), lines)
}

/// A named pipe whose end of file tells that all processes that had it open are gone.
struct Holders(std::sync::mpsc::Receiver<String>);

fn fifo(path: &Path) -> Holders {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    let (sender, receiver) = std::sync::mpsc::channel();
    let path = path.to_path_buf();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(std::fs::File::open(path).unwrap());
        let mut first = String::new();
        reader.read_line(&mut first).unwrap();
        let _ = sender.send(first);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        let _ = sender.send("gone".into());
    });
    Holders(receiver)
}

impl Holders {
    fn next(&self, what: &str) -> String {
        self.0.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("{what} does not happen"))
    }
}

/// Starts a grandchild, tells so through the pipe, and never ends by itself.
fn family(fifo: &Path) -> String {
    format!("exec 9> '{}'\nsleep 1000 &\necho up >&9\nwait\n", fifo.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_container_leaves_no_process_behind() {
    let mut machine = Machine::new();
    let pipe = machine.path("pipe");
    let holders = fifo(&pipe);
    let image = machine.shell("family", &family(&pipe));
    let (container, _lines) = run(&machine, &image).await;
    assert_eq!(holders.next("the start"), "up\n");
    drop(container);
    assert_eq!(holders.next("the end of all processes"), "gone");
}

/// The cloud of [`a_killed_cloud_leaves_no_process_behind`].
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by another test, which kills it"]
async fn cloud_that_is_killed() {
    let pipe = std::env::var("TEST_PIPE").unwrap();
    let mut machine = Machine::new();
    let image = machine.shell("family", &family(Path::new(&pipe)));
    let (_container, _lines) = run(&machine, &image).await;
    std::future::pending::<()>().await;
}

#[test]
fn a_killed_cloud_leaves_no_process_behind() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    let holders = fifo(&pipe);
    let mut cloud = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "cloud_that_is_killed"])
        .env("TEST_PIPE", &pipe)
        .env("TMPDIR", dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(holders.next("the start"), "up\n");
    cloud.kill().unwrap();
    cloud.wait().unwrap();
    assert_eq!(holders.next("the end of all processes"), "gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_process_leaves_running_ends_with_it() {
    let mut machine = Machine::new();
    let pipe = machine.path("pipe");
    let holders = fifo(&pipe);
    let script = format!("exec 9> '{}'\nsleep 1000 &\necho up >&9\nexit 4\n", pipe.display());
    let image = machine.shell("leaver", &script);
    let (mut container, _lines) = run(&machine, &image).await;
    assert_eq!(soon("the end", container.wait()).await, Exit::Code(4));
    assert_eq!(container.wait().await, Exit::Code(4), "a second wait tells the same");
    assert_eq!(holders.next("the start"), "up\n");
    assert_eq!(holders.next("the end of all processes"), "gone");
}

/// Starts a daemon, in a session of its own, and goes on when it is there.
#[cfg(target_os = "linux")]
fn daemon(name: &str, fifo: &Path, then: &str) -> String {
    let fifo = fifo.display();
    format!(
        r#"
        exec 9> '{fifo}'
        setsid sh -c ': > "$SAGEMAKER_BASE_DIR/{name}"; sleep 1000' &
        while [ ! -e "$SAGEMAKER_BASE_DIR/{name}" ]; do sleep 0.01; done
        echo up >&9
        {then}
        "#
    )
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_ends_with_its_container() {
    let mut machine = Machine::new();
    for (name, then) in [("ends", "exit 0"), ("dropped", "sleep 1000")] {
        let pipe = machine.path(name);
        let holders = fifo(&pipe);
        let image = machine.shell(name, &daemon(name, &pipe, then));
        let (mut container, _lines) = run(&machine, &image).await;
        assert_eq!(holders.next("the start"), "up\n");
        if name == "ends" {
            assert_eq!(soon("the end", container.wait()).await, Exit::Code(0));
        }
        drop(container);
        assert_eq!(holders.next("the end of all processes"), "gone");
    }
}

#[tokio::test]
async fn stop_terminates_the_group_and_kills_it_after_the_grace() {
    let mut machine = Machine::new();
    let image = machine.shell("polite", "trap 'exit 6' TERM; echo up; while :; do sleep 0.05; done");
    let (mut container, mut lines) = run(&machine, &image).await;
    assert_eq!(soon("a line", lines.recv()).await.unwrap(), "up");
    assert_eq!(soon("the stop", container.stop(Duration::from_secs(30))).await, Exit::Code(6));

    let image = machine.shell("deaf", "trap '' TERM; echo up; while :; do sleep 0.05; done");
    let (mut container, mut lines) = run(&machine, &image).await;
    assert_eq!(soon("a line", lines.recv()).await.unwrap(), "up");
    let grace = Duration::from_secs(30);
    let (exit, ()) = soon("the kill", async {
        tokio::join!(container.stop(grace), async {
            machine.clock.sleeping(grace).await;
            machine.clock.advance(grace);
        })
    })
    .await;
    assert_eq!(exit, Exit::Signal(9));
    assert_eq!(exit.code(), 137);
}

#[tokio::test]
async fn what_cannot_start_says_what_to_do() {
    let mut machine = Machine::new();
    let image = machine.image("gone", "no-such-interpreter", "", "");
    let (sink, _lines) = lines();
    let error = machine.runner().start(&workload(&machine, &image), sink.clone()).await.err().unwrap().to_string();
    for part in ["test/gone", "'no-such-interpreter' is not on this machine", "images.toml"] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
    let xgboost = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1";
    let mut with_entrypoint = workload(&machine, xgboost);
    with_entrypoint.entrypoint = Some(vec!["sh".into()]);
    let error = machine.runner().start(&with_entrypoint, sink).await.err().unwrap().to_string();
    assert!(error.contains("xgboost:1.7-1") && error.contains("install"), "{error}");
}

#[tokio::test]
async fn a_built_in_image_is_made_ready_once_for_all_callers() {
    let machine = Machine::new();
    let runner = machine.runner();
    let image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1";
    let (sink, _lines) = lines();
    let (first, second) = tokio::join!(runner.prepare(image, sink.clone()), runner.prepare(image, sink.clone()));
    first.unwrap();
    second.unwrap();
    runner.prepare(image, sink).await.unwrap();
    assert_eq!(machine.preparer.calls.load(Ordering::SeqCst), 1);
    assert_eq!(runner.built_in(image), Some("xgboost"));
    assert_eq!(runner.built_in("me/mine"), None);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_mapped_program_sees_its_folder_as_opt_ml() {
    if !runner_support::mounts() {
        return;
    }
    let mut machine = Machine::new();
    let script = r#"
        echo seen > /opt/ml/model/marker
        [ -e "$SAGEMAKER_BASE_DIR/model/marker" ] && ls -d /opt/* | grep -c . && exit 0
        exit 1
    "#;
    let image = machine.image("rooted", "sh", script, "opt_ml = true");
    let (mut container, mut lines) = run(&machine, &image).await;
    let exit = soon("the end", container.wait()).await;
    assert_eq!(
        (exit, std::fs::read_to_string(machine.path("base/model/marker")).unwrap()),
        (Exit::Code(0), "seen\n".into())
    );
    let others = std::fs::read_dir("/opt").map_or(0, |d| d.flatten().filter(|e| e.file_name() != "ml").count());
    assert_eq!(lines.recv().await.unwrap(), (others + 1).to_string(), "the rest of /opt is still there");
    assert!(!Path::new("/opt/ml/model/marker").exists(), "only the process sees it");
}

#[tokio::test]
async fn containers_that_serve_get_different_ports() {
    let mut machine = Machine::new();
    let image = machine.shell("port", "echo $SAGEMAKER_BIND_TO_PORT; exec sleep 1000");
    let runner = machine.runner();
    let serving = Workload { port: Port::Held, ..workload(&machine, &image) };
    let mut seen = Vec::new();
    let held = Mutex::new(Vec::new());
    for _ in 0..4 {
        let (sink, mut lines) = lines();
        let container = runner.start(&serving, sink).await.unwrap();
        let port = soon("a port", lines.recv()).await.unwrap();
        let address = container.address().unwrap();
        assert_eq!(address.to_string(), format!("127.0.0.1:{port}"));
        if cfg!(target_os = "linux") {
            // Nobody has bound it yet, and nobody else gets it.
            let other = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            assert_eq!(other.bind(&address.into()).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
        }
        seen.push(port);
        held.lock().unwrap().push(container);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4);
}

/// A workload that looks at what it must not see, and says what it found.
#[cfg(target_os = "linux")]
const SPY: &str = r#"
    data=$1
    for path in state.sqlite s3/secret logs/secret work/other/secret; do
      cat "$data/$path" 2> /dev/null && echo "read $path"
    done
    cat ./state.sqlite 2> /dev/null && echo "read it from the working folder"
    cat "$data/tools/mine" "$SAGEMAKER_BASE_DIR/model/own"
    echo made > "$SAGEMAKER_BASE_DIR/model/made"
    { echo x > "$data/new"; } 2> /dev/null && echo "wrote into the data folder"
    umount -l "$data" 2> /dev/null; cat "$data/state.sqlite" 2> /dev/null && echo "took the veil away"
    for path in environ root/etc/hosts mem; do
      head -c 1 "/proc/$PARENT/$path" > /dev/null 2>&1 && echo "opened the parent's $path"
    done
    ls "/proc/$PARENT/root/" > /dev/null 2>&1 && echo "went round by the parent's root"
    true
"#;

#[cfg(target_os = "linux")]
fn spied(machine: &mut Machine, opt_ml: bool) -> Workload {
    let data = machine.path("");
    for (path, text) in [
        ("state.sqlite", "secret"),
        ("s3/secret", "secret"),
        ("logs/secret", "secret"),
        ("work/other/secret", "secret"),
        ("work/job/model/own", "own\n"),
        ("tools/mine", "mine\n"),
        ("images.toml", ""),
    ] {
        std::fs::create_dir_all(machine.path(path).parent().unwrap()).unwrap();
        std::fs::write(machine.path(path), text).unwrap();
    }
    let image = machine.image("spy", "sh", SPY, &format!("opt_ml = {opt_ml}"));
    let (data, tools) = (data.display().to_string(), machine.path("tools").display().to_string());
    let environment = [("PARENT", std::process::id().to_string())].map(|(k, v)| (k.to_owned(), v));
    Workload {
        arguments: vec![data.trim_end_matches('/').to_owned(), tools],
        mounts: vec![Mount::opt_ml(machine.path("work/job"))],
        environment: environment.into(),
        isolated: true,
        ..workload(machine, &image)
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_isolated_program_reads_neither_the_clouds_files_nor_its_environment() {
    for opt_ml in [true, false] {
        let mut machine = Machine::new();
        let spied = spied(&mut machine, opt_ml);
        let runner = machine.runner();
        if !runner.capabilities().await.hides_cloud {
            assert!(!runner_support::mounts(), "what can be hidden is hidden");
            return;
        }
        let (sink, mut lines) = lines();
        let mut container = runner.start(&spied, sink).await.unwrap();
        assert_eq!(container.root() == Path::new("/opt/ml"), opt_ml);
        assert_eq!(soon("the end", container.wait()).await, Exit::Code(0));
        drop(container);
        let mut said = Vec::new();
        while let Ok(line) = lines.try_recv() {
            said.push(line);
        }
        assert_eq!(said, ["mine", "own"], "opt_ml = {opt_ml}");
        assert_eq!(std::fs::read_to_string(machine.path("work/job/model/made")).unwrap(), "made\n");
        assert!(!machine.path("new").exists());
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_with_opt_ml_does_not_come_upon_the_clouds_files() {
    if !runner_support::mounts() {
        return;
    }
    let mut machine = Machine::new();
    let spied = Workload { isolated: false, ..spied(&mut machine, true) };
    let look =
        "cd /; ls \"$1\" | sort | tr '\\n' ' '; echo; cat \"$1/tools/mine\"; readlink \"$1/link\"; ls \"$1/work\"";
    let image = machine.image("look", "sh", look, "opt_ml = true");
    std::os::unix::fs::symlink("tools/mine", machine.path("link")).unwrap();
    let (sink, mut lines) = lines();
    let mut container = machine.runner().start(&Workload { image, ..spied }, sink).await.unwrap();
    assert_eq!(soon("the end", container.wait()).await, Exit::Code(0));
    for line in ["base images.toml link look.program spy.program tools work ", "mine", "tools/mine", "job"] {
        assert_eq!(lines.recv().await.unwrap(), line);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_isolated_daemon_ends_with_its_container() {
    let mut machine = Machine::new();
    let base = machine.path("work/job");
    std::fs::create_dir_all(&base).unwrap();
    let inside = base.join("pipe");
    let holders = fifo(&inside);
    let image = machine.image("daemon", "sh", &daemon("up", &inside, "exit 0"), "opt_ml = true");
    let isolated = Workload { mounts: vec![Mount::opt_ml(&base)], isolated: true, ..workload(&machine, &image) };
    let (sink, _lines) = lines();
    let mut container = machine.runner().start(&isolated, sink).await.unwrap();
    assert_eq!(holders.next("the start"), "up\n");
    assert_eq!(soon("the end", container.wait()).await, Exit::Code(0));
    drop(container);
    assert_eq!(holders.next("the end of all processes"), "gone");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_runs_is_listed_by_its_labels_and_what_is_left_is_ended() {
    let mut machine = Machine::new();
    let image = machine.shell("sleeper", "echo up; exec sleep 1000");
    let runner = machine.runner();
    let [one, two] = ["algo-1", "algo-2"].map(labels);
    let mut running = Vec::new();
    for labels in [&one, &two] {
        let (sink, mut lines) = lines();
        let labelled = Workload { labels: labels.clone(), ..workload(&machine, &image) };
        running.push(runner.start(&labelled, sink).await.unwrap());
        assert_eq!(soon("a line", lines.recv()).await.unwrap(), "up");
    }
    // As the next process of the same cloud does; another cloud sees nothing.
    let (next, other) = (machine.runner(), Machine::new().runner());
    assert_eq!(next.list().await.unwrap(), [one.clone(), two.clone()]);
    assert_eq!(other.list().await.unwrap(), []);
    let (sink, _lines) = lines();
    assert!(other.attach(&one, sink.clone()).await.unwrap().is_none());
    assert_eq!(next.capabilities().await, Capabilities { reattach: false, ..next.capabilities().await });
    assert!(next.attach(&one, sink).await.unwrap().is_none(), "a process cannot be taken up");
    assert_eq!(soon("its end", running[0].wait()).await, Exit::Signal(9));
    assert_eq!(next.list().await.unwrap(), [two]);
}

#[tokio::test]
async fn a_process_has_one_mount_and_what_else_is_asked_for_is_refused() {
    let mut machine = Machine::new();
    let image = machine.shell("any", "");
    let runner = machine.runner();
    let one = workload(&machine, &image);
    assert_eq!(runner.visible_at("test/one", &one.mounts[0]), machine.path("base"));
    let read_only = Mount { read_only: true, ..one.mounts[0].clone() };
    let data = Mount { path: "/data".into(), ..one.mounts[0].clone() };
    for (mounts, told) in
        [(vec![], ": "), (vec![read_only], ": /opt/ml"), (vec![one.mounts[0].clone(), data], ": /opt/ml, /data")]
    {
        let (sink, _lines) = lines();
        let error = runner.start(&Workload { mounts, ..one.clone() }, sink).await.err().unwrap().to_string();
        let wanted = format!("as a process it has one writable mount at /opt/ml, not these{told}");
        assert!(error.ends_with(&wanted), "{error}");
    }
}
