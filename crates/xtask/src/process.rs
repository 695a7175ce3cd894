//! Child processes that never outlive this one: each leads a process group, which is ended as a whole.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// How long a group may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(15);

/// How long the rest of a group may take once its leader is gone. Where no init reaps them, ended processes stay
/// listed, so that longer would be waited in vain.
const REST: Duration = Duration::from_secs(3);

const TICK: Duration = Duration::from_millis(20);

/// Takes note of SIGINT, SIGTERM and SIGHUP from here on; a second one ends the program at once.
pub fn watch_signals() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&INTERRUPTED))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED)))
            .context("cannot watch for signals")?;
    }
    Ok(())
}

/// An error once a signal has asked to stop.
pub fn fail_if_interrupted() -> Result<()> {
    if INTERRUPTED.load(Ordering::SeqCst) {
        bail!("interrupted; everything that was started has been stopped");
    }
    Ok(())
}

/// `cargo` with arguments, at the top of the checkout.
pub fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

/// A program that runs cargo, or cargo itself, at the top of the checkout.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    // What `cargo run` sets for this program must not reach the builds that it starts: it would rebuild them.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|n| n.starts_with("CARGO_PKG_") || n == "CARGO_MANIFEST_DIR") {
            command.env_remove(name);
        }
    }
    command.current_dir(crate::root());
    command
}

/// A child and its group.
pub struct Group {
    child: Child,
    ended: bool,
}

impl Group {
    /// Starts a command as the leader of a group of its own.
    pub fn start(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).spawn().with_context(|| format!("cannot start {program}"))?;
        Ok(Self { child, ended: false })
    }

    /// The child.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the child's end, or for a signal to this program.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.wait_until(None)?.context("a child without a deadline has to end")
    }

    /// Waits for the child's end, or for a signal to this program. `None` where the deadline came first.
    pub fn wait_until(&mut self, deadline: Option<Instant>) -> Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
            if INTERRUPTED.load(Ordering::SeqCst) {
                self.end(GRACE);
                fail_if_interrupted()?;
            }
            std::thread::sleep(TICK);
        }
    }

    /// Ends the group: SIGTERM, `grace`, SIGKILL.
    pub fn end(&mut self, grace: Duration) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.signal(Signal::TERM);
        let deadline = Instant::now() + grace;
        while Instant::now() < deadline && self.child.try_wait().is_ok_and(|s| s.is_none()) {
            std::thread::sleep(TICK);
        }
        // The leader is gone or had its time; what is left of the group goes too.
        let deadline = deadline.min(Instant::now() + REST);
        while Instant::now() < deadline && self.group().is_some_and(|g| test_kill_process_group(g).is_ok()) {
            std::thread::sleep(TICK);
        }
        self.signal(Signal::KILL);
        self.child.wait().ok();
    }

    /// Kills the group at once, as a crash would.
    pub fn kill(&mut self) {
        self.end(Duration::ZERO);
    }

    fn group(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group() {
            // Fails only when nothing is left.
            kill_process_group(group, signal).ok();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end(GRACE);
    }
}

/// Runs a command to its end, with this program's output.
pub fn run(command: &mut Command) -> Result<ExitStatus> {
    Group::start(command.stdin(Stdio::null()))?.wait()
}

/// Runs a command to its end, or ends it at the deadline; `None` then.
pub fn run_until(command: &mut Command, deadline: Option<Instant>) -> Result<Option<ExitStatus>> {
    Group::start(command.stdin(Stdio::null()))?.wait_until(deadline)
}

/// Runs a command to its end and fails when it does.
pub fn must(command: &mut Command, what: &str) -> Result<()> {
    let status = run(command)?;
    if status.success() { Ok(()) } else { bail!("{what} ({status}): see the messages above") }
}

/// Runs a command to its end; its standard output is printed and given, line by line.
pub fn run_lines(command: &mut Command, mut line: impl FnMut(&str) + Send) -> Result<ExitStatus> {
    read_lines(command, |text| {
        println!("{text}");
        line(text);
    })
}

/// Runs a command to its end; its standard output is given, line by line.
pub fn read_lines(command: &mut Command, mut line: impl FnMut(&str) + Send) -> Result<ExitStatus> {
    let mut group = Group::start(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let output = group.child().stdout.take().context("a child has no output")?;
    std::thread::scope(|scope| {
        scope.spawn(move || BufReader::new(output).lines().map_while(Result::ok).for_each(|text| line(&text)));
        let status = group.wait();
        // A process that kept the output open would keep the reader.
        group.end(Duration::from_secs(1));
        status
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_ends_with_all_its_processes() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $!; wait"]).stdout(Stdio::piped());
        let mut group = Group::start(&mut command).unwrap();
        let mut line = String::new();
        BufReader::new(group.child().stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pid = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
        assert!(rustix::process::test_kill_process(pid).is_ok());
        drop(group);
        let deadline = Instant::now() + Duration::from_secs(5);
        // An ended grandchild is reaped by init, which may take a moment; in a container without one it stays a zombie.
        let gone = || {
            rustix::process::test_kill_process(pid).is_err()
                || std::fs::read_to_string(format!("/proc/{pid}/stat", pid = pid.as_raw_nonzero()))
                    .is_ok_and(|s| s.contains(") Z "))
        };
        while !gone() {
            assert!(Instant::now() < deadline, "process {line} outlived its group");
            std::thread::sleep(TICK);
        }
    }

    #[test]
    fn a_command_is_ended_at_its_deadline() {
        let soon = Some(Instant::now() + TICK);
        assert!(run_until(Command::new("sleep").arg("600"), soon).unwrap().is_none());
        assert_eq!(run_until(&mut Command::new("true"), None).unwrap().unwrap().code(), Some(0));
    }

    #[test]
    fn lines_are_given_in_order() {
        let mut lines = Vec::new();
        let status =
            run_lines(Command::new("sh").args(["-c", "echo one; echo two; exit 3"]), |l| lines.push(l.to_owned()))
                .unwrap();
        assert_eq!((status.code(), lines), (Some(3), vec!["one".to_owned(), "two".to_owned()]));
    }
}
