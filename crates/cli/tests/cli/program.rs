//! Runs the program in an empty folder, without the machine's own settings.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// How a run ended.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    /// Everything, for a snapshot.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, stream) in [("out", &self.out), ("err", &self.err)] {
            if !stream.is_empty() {
                let lines: String = stream.lines().map(|l| format!("  {l}").trim_end().to_owned() + "\n").collect();
                text.push_str(&format!("{name}:\n{lines}"));
            }
        }
        format!("{text}exit: {}\n", self.code)
    }
}

/// Runs `sagewright ARGS` in a folder with this standard input.
pub fn run_in(dir: &Path, args: &[&str], input: &[u8], environment: &[(&str, &str)]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sagewright"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .envs([("HOME", dir.as_os_str()), ("AWS_EC2_METADATA_DISABLED", "true".as_ref())])
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its input closes it.
    drop(child.stdin.take().unwrap().write_all(input));
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs `sagewright ARGS` in an empty folder.
pub fn run(args: &[&str]) -> Run {
    run_in(tempfile::tempdir().unwrap().path(), args, b"", &[])
}
