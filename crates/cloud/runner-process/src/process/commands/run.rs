//! One run of a command: a process group of its own, which ends with the call.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;

use super::Task;
use super::map::Entry;
use crate::process::command::{DEFAULT_PATH, find};
use crate::process::group::Group;
use crate::process::{output, spawn, strays};
use sagewright_cloud_core::runner::LineSink;

/// Folder of all commands, in that for work in progress.
pub(super) const FOLDER: &str = "commands";

/// A function's result may be so long: Lambda's own limit.
const LONGEST: u64 = 6 * 1024 * 1024;

/// Letters of the last lines that a failure tells.
const TOLD: usize = 400;

/// What is in the pipes when the command has ended is read for so long: what it started may keep them open.
const REST: Duration = Duration::from_secs(2);

pub(super) async fn run(
    entry: &Entry,
    task: &Task,
    cloud: &str,
    work: &Path,
    lines: LineSink,
) -> Result<Vec<u8>, String> {
    let mark = strays::mark(cloud, &task.labels);
    // What is in this folder tells the next process that something may have been left running.
    let folder = Folder::new(work).map_err(|error| format!("cannot make a folder in {}: {error}", work.display()))?;
    let mut command = command(entry, task, &folder.0)?;
    command.env(strays::VARIABLE, &mark);
    let (errors, writer) = std::io::pipe().map_err(|error| error.to_string())?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(writer);
    let program = entry.command.first().map_or("", String::as_str);
    let (child, group) = spawn::spawn(command).await.map_err(|error| format!("cannot start '{program}': {error}"))?;
    let running = Running { group, left: Some((mark, folder)) };
    let last = Arc::new(Mutex::new(String::new()));
    let reader = tokio::spawn(output::read(errors.into(), keep(lines, &last)));
    let ran = talk(child, &task.input).await;
    let _ = tokio::time::timeout(REST, reader).await;
    running.end().await;
    let (status, written) = ran?;
    if status.success() {
        return Ok(written);
    }
    let last = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Err(if last.is_empty() { status.to_string() } else { format!("{status}: {last}") })
}

/// Gives a command its input, and reads its output until it has ended.
async fn talk(mut child: Child, input: &str) -> Result<(ExitStatus, Vec<u8>), String> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let mut written = Vec::new();
    let write = async {
        if let Some(mut stdin) = stdin {
            // A command may ignore its input.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        Ok(())
    };
    let read = async {
        if let Some(stdout) = stdout {
            stdout.take(LONGEST + 1).read_to_end(&mut written).await.map_err(|error| error.to_string())?;
        }
        let length = u64::try_from(written.len()).unwrap_or(u64::MAX);
        if length > LONGEST {
            return Err(format!("it wrote more than {LONGEST} bytes to its standard output"));
        }
        Ok(())
    };
    let status = {
        let talk = async { tokio::try_join!(write, read) };
        tokio::pin!(talk);
        let ended = tokio::select! {
            biased;
            talked = &mut talk => {
                talked?;
                child.wait().await
            }
            ended = child.wait() => {
                if let Ok(talked) = tokio::time::timeout(REST, &mut talk).await {
                    talked?;
                }
                ended
            }
        };
        ended.map_err(|error| error.to_string())?
    };
    Ok((status, written))
}

fn command(entry: &Entry, task: &Task, folder: &Path) -> Result<Command, String> {
    let Some((program, arguments)) = entry.command.split_first() else { return Err("its command is empty".to_owned()) };
    let path = entry.env.get("PATH").map(Into::into).or_else(|| std::env::var_os("PATH"));
    let found = find(program, &entry.directory, path)
        .ok_or_else(|| format!("program '{program}' is not on this machine; install it, or correct its `command`"))?;
    let mut command = Command::new(found);
    command.args(arguments).current_dir(&entry.directory).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into()));
    command.env("LANG", std::env::var_os("LANG").unwrap_or_else(|| "C.UTF-8".into()));
    // A home of its own keeps ~/.aws out.
    command.env("HOME", folder).env("TMPDIR", folder).env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("PYTHONUNBUFFERED", "1").envs(&entry.env).envs(&task.variables);
    Ok(command)
}

/// Passes lines on and keeps the last one.
fn keep(lines: LineSink, last: &Arc<Mutex<String>>) -> LineSink {
    let last = Arc::clone(last);
    Arc::new(move |line| {
        if !line.trim().is_empty() {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = line.chars().take(TOLD).collect();
        }
        lines(line);
    })
}

/// Ends all that was started, when the call ends or is given up.
struct Running {
    group: Group,
    left: Option<(String, Folder)>,
}

impl Running {
    async fn end(mut self) {
        self.group.end();
        if let Some(left) = self.left.take() {
            let _ = tokio::task::spawn_blocking(move || sweep(left)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.group.end();
        if let Some(left) = self.left.take() {
            // A thread of its own: the runtime may be ending as well.
            let _ = std::thread::Builder::new().spawn(move || sweep(left));
        }
    }
}

/// Looks for processes that left the group, which reads many files. The folder goes when they are gone.
fn sweep((mark, folder): (String, Folder)) {
    strays::end(&mark);
    drop(folder);
}

/// A folder that goes with the call.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(work: &Path) -> std::io::Result<Self> {
        let folder = work.join(FOLDER).join(uuid::Uuid::new_v4().simple().to_string());
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Commands;
    use super::*;
    use sagewright_cloud_core::runner::{Called, Labels};

    async fn run(script: &str, input: &str) -> (Result<String, String>, Vec<String>) {
        run_with(script, input, "OTHER").await
    }

    /// With a variable of the call.
    async fn run_with(script: &str, input: &str, variable: &str) -> (Result<String, String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("functions.toml");
        let entry = "[[lambda]]\nmatch = \"f\"\ncommand = [\"sh\", \"run.sh\"]\nenv = { GREETING = \"hello\" }\n";
        std::fs::write(&file, entry).unwrap();
        std::fs::write(folder.path().join("run.sh"), script).unwrap();
        let commands = Commands::new(file, "cloud".into(), folder.path().join("work"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let task = Task {
            called: Called::Function,
            target: "f".into(),
            input: input.into(),
            variables: BTreeMap::from([(variable.into(), "world".into())]),
            labels: Labels::default(),
        };
        let ran = commands.run(&task, Arc::new(move |line| sink.lock().unwrap().push(line.to_owned()))).await;
        let left = std::fs::read_dir(folder.path().join("work/commands")).unwrap().count();
        assert_eq!(left, 0, "its folder is gone");
        let lines = seen.lock().unwrap().clone();
        (ran.map(|bytes| String::from_utf8(bytes).unwrap()), lines)
    }

    #[tokio::test]
    async fn a_command_reads_its_input_and_gives_its_output() {
        let (ran, lines) = run("echo \"$GREETING $OTHER $(cat)\"; echo note >&2", "{\"a\": 1}").await;
        assert_eq!((ran.unwrap().as_str(), &*lines), ("hello world {\"a\": 1}\n", &["note".to_owned()][..]));
        let long = "x".repeat(1_000_000);
        assert_eq!(run("cat", &long).await.0.unwrap(), long, "more than a pipe holds");
        assert_eq!(run("exit 0", &long).await.0.unwrap(), "", "its input is not read");
    }

    #[tokio::test]
    async fn a_command_has_a_home_of_its_own_and_the_calls_variables_before_those_of_its_entry() {
        let (ran, _) =
            run_with("echo \"$GREETING\"; case $HOME in */work/commands/*) echo own;; esac", "", "GREETING").await;
        assert_eq!(ran.unwrap(), "world\nown\n");
    }

    #[tokio::test]
    async fn a_command_that_fails_tells_why() {
        let (ran, _) = run("echo first >&2; echo no such row >&2; exit 3", "").await;
        assert_eq!(ran.unwrap_err(), "exit status: 3: no such row");
        let (ran, _) = run("head -c 7000000 /dev/zero", "").await;
        assert!(ran.unwrap_err().contains("more than 6291456 bytes"));
    }

    #[tokio::test]
    async fn a_command_has_answered_when_it_ends_whatever_it_leaves_running() {
        let ran = tokio::time::timeout(Duration::from_secs(60), run("sleep 600 & echo '{}'", "")).await;
        let (ran, _) = ran.expect("what it left running is not waited for");
        assert_eq!(ran.unwrap(), "{}\n");
        let ran =
            tokio::time::timeout(Duration::from_secs(60), run("sleep 600 & exit 3", &"x".repeat(1_000_000))).await;
        assert_eq!(ran.expect("nor with input that nobody reads").0.unwrap_err(), "exit status: 3");
    }
}
