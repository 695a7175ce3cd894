//! Usage, references and what commands say without a cloud.

use std::fs;

use crate::program::{run, run_in};

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "example")];

#[test]
fn help_names_all_commands() {
    insta::assert_snapshot!(run(&["--help"]).out);
    assert_eq!(run(&["help"]).out, run(&["--help"]).out);
    assert_eq!(run(&["help", "local", "up"]).out, run(&["local", "up", "--help"]).out);
}

#[test]
fn wrong_usage_exits_with_64_and_says_what_is_right() {
    let cases: &[&[&str]] = &[
        &[],
        &["aply"],
        &["apply"],
        &["apply", "-f", "a", "--timeout", "5x"],
        &["apply", "-f", "a", "--no-wait", "--logs"],
        &["get"],
        &["get", "nope"],
        &["get", "endpoints,models", "a"],
        &["get", "Endpoint/"],
        &["wait", "Endpoint"],
        &["wait", "Endpoint/a", "--for", "happy"],
        &["logs", "Model/a"],
        &["logs", "TrainingJob/a", "-f", "-o", "json"],
        &["delete"],
        &["delete", "Endpoint/a", "-f", "a"],
        &["delete", "Endpoint/a", "Model/b"],
        &["plan", "-f", "a", "--delete", "--offline"],
        &["list"],
        &["local", "stop"],
        &["adopt", "digits"],
        &["export", "Modell/a"],
        &["invoke", "a"],
        &["invoke", "a", "--text", "1", "--body", "f"],
        &["explain", "Modell"],
        &["explain", "Model.containers.imge"],
        &["cp", "a", "b"],
        &["cp", "s3://a/b", "s3://c/d"],
        &["cp", "a", "s3:///b"],
        &["cp", "s3://a/b", "c", "--decompress"],
        &["completions", "tcsh"],
        &["get", "models"],
        &["get", "models", "--region", "nowhere"],
        &["get", "models", "--external-id", "x"],
        &["get", "models", "--region", "us_est_1"],
        &["get", "models", "--expect-account", "12"],
        &["get", "models", "--expect-region", "nowhere"],
    ];
    let mut told = String::new();
    for args in cases {
        let run = run(args);
        assert_eq!((run.code, run.out.as_str()), (64, ""), "{args:?}: {}", run.err);
        told.push_str(&format!("$ sagewright {}\n{}\n", args.join(" "), run.err.trim_end()));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn an_aws_that_cannot_be_reached_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let region = ("AWS_REGION", "us-east-1");
    let nobody = ("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let no_keys = run_in(dir.path(), &["get", "models"], b"", &[region]);
    let no_cloud = run_in(dir.path(), &["get", "models"], b"", &[region, nobody, KEYS[0], KEYS[1]]);
    let no_local = run_in(dir.path(), &["get", "models", "--local", "--data", "none"], b"", &[]);
    let no_file = run_in(dir.path(), &["invoke", "e", "--body", "none"], b"", &[region, nobody, KEYS[0], KEYS[1]]);
    let here = dir.path().display().to_string();
    let told: Vec<_> = [no_keys, no_cloud, no_local, no_file].iter().map(|r| r.text().replace(&here, "DIR")).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn kinds_and_fields_are_explained() {
    insta::assert_snapshot!("explain_all", run(&["explain"]).out);
    insta::assert_snapshot!("explain_kind", run(&["explain", "endpoint"]).out);
    insta::assert_snapshot!("explain_field", run(&["explain", "TrainingJob.resourceConfig"]).out);
    insta::assert_snapshot!("explain_leaf", run(&["explain", "modelpackages.modelApprovalStatus"]).out);
    let all: serde_json::Value = serde_json::from_str(&run(&["explain", "-o", "json"]).out).unwrap();
    let models = serde_json::json!(
        {"kind": "Model", "plural": "models", "apiVersion": "sagemaker.services.k8s.aws/v1alpha1"}
    );
    assert!(all.as_array().unwrap().contains(&models), "{all}");
    let value: serde_json::Value = serde_json::from_str(&run(&["explain", "Model", "-o", "json"]).out).unwrap();
    assert_eq!((&value["of"], &value["kind"], &value["plural"]), (&"kind".into(), &"Model".into(), &"models".into()));
    assert!(run(&["explain", "Endpoint.endpointName", "-o", "yaml"]).out.contains("path: spec.endpointName"));
}

#[test]
fn every_shell_completes_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = run(&["completions", shell]);
        assert_eq!(run.code, 0, "{}", run.err);
        for word in ["quickstart", "apply", "adopt", "completions", "reset"] {
            assert!(run.out.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn man_pages_are_written_for_every_command() {
    let page = run(&["man"]);
    assert!(page.code == 0 && page.out.contains(".TH sagewright 1"), "{}", page.out);
    let dir = tempfile::tempdir().unwrap();
    let written = run_in(dir.path(), &["man", "pages"], b"", &[]);
    assert_eq!((written.code, written.out.as_str()), (0, ""), "{}", written.err);
    let mut names: Vec<_> = fs::read_dir(dir.path().join("pages"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    insta::assert_snapshot!(names.join("\n"));
    let apply = fs::read_to_string(dir.path().join("pages/sagewright-apply.1")).unwrap();
    assert!(apply.contains("\\-\\-filename") && apply.contains("Give up waiting"), "{apply}");
    fs::write(dir.path().join("file"), "").unwrap();
    assert_eq!(run_in(dir.path(), &["man", "file/x"], b"", &[]).code, 1);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_sagewright"))
        .args(["explain", "--markdown"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn the_embedded_cloud_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let local = |args: &[&str]| run_in(dir.path(), &[&["local"], args, &["--data", "none"]].concat(), b"", &[]);
    let here = dir.path().canonicalize().unwrap().display().to_string();
    let given = dir.path().display().to_string();
    let mut told = String::new();
    for args in [&["status"][..], &["status", "-o", "json"], &["env"], &["down"], &["reset"], &["reset", "--yes"]] {
        let text = local(args).text().replace(&here, "DIR").replace(&given, "DIR");
        told.push_str(&format!("$ sagewright local {}\n{text}\n", args.join(" ")));
    }
    insta::assert_snapshot!(told);
    // A file that was named has to be there, whether the cloud stays in front or not.
    for detach in [&[][..], &["--detach"]] {
        let up =
            [&["local", "up", "--images", "none.toml", "--data", "none", "--listen", "127.0.0.1:0"], detach].concat();
        let run = run_in(dir.path(), &up, b"", &[]);
        assert!(run.code == 1 && run.err.starts_with("error: cannot read the image map none.toml: "), "{}", run.err);
        assert!(!dir.path().join("none").exists());
    }
    // Only an embedded cloud's folder is ever removed.
    fs::create_dir(dir.path().join("mine")).unwrap();
    let run = run_in(dir.path(), &["local", "reset", "--yes", "--data", "mine"], b"", &[]);
    assert!(run.code == 1 && dir.path().join("mine").exists(), "{}", run.err);
}

// The system tells there whether a process has begun to listen for a signal.
#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_is_heard_while_nobody_writes_to_standard_input() {
    use std::io::Read as _;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};
    let dir = tempfile::tempdir().unwrap();
    let cases: [&[&str]; 3] =
        [&["plan", "--offline", "-f", "-"], &["apply", "-f", "-"], &["invoke", "e", "--body", "-"]];
    for args in cases {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sagewright"))
            .args(args)
            .current_dir(dir.path())
            .env_clear()
            .env("HOME", dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let listens = || {
            let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            u64::from_str_radix(caught.trim(), 16).unwrap() & 0b10 != 0
        };
        while !listens() {
            std::thread::yield_now();
        }
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let sent = Instant::now();
        while child.try_wait().unwrap().is_none() && sent.elapsed() < Duration::from_secs(60) {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{args:?}: {told}");
        assert!(told.contains("error: interrupted"), "{args:?}: {told}");
    }
}
