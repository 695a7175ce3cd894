//! Process groups that end with the cloud, however it ends.
//!
//! A container is a process group. The cloud ends it when the container ends or is dropped. For a cloud that is killed
//! there are two nets: Linux kills the container's first process (`PR_SET_PDEATHSIG`, see `spawn.rs`), and on
//! every system a small shell, the watchdog, reads from a pipe that only the cloud holds, and kills all groups that it
//! knows when the pipe closes. A process that makes a session of its own leaves the group and escapes both;
//! `strays.rs` looks for it.
//!
//! A new process tells the watchdog of itself before it becomes the container's program, so that there is no moment
//! at which it is unknown; the cloud then confirms it, or takes it back if the program could not be executed.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

/// Reads lines: `? GROUP` is about to run, `+ GROUP` runs, `- GROUP` has ended, `x` has not come to run. At their end
/// kills the groups that are left. (`kill -s` because dash's `kill -KILL` takes no group.)
const WATCHDOG: &str = r#"
trap '' HUP INT QUIT TERM
groups=
new=
while read -r sign group; do
  case $sign in
    '?') new=$group; continue ;;
    x) new=; continue ;;
    +) new= ;;
  esac
  rest=
  for known in $groups; do [ "$known" = "$group" ] || rest="$rest $known"; done
  if [ "$sign" = + ]; then groups="$rest $group"; else groups=$rest; fi
done
for group in $groups $new; do kill -s KILL -- "-$group"; done
"#;

static WATCH: Mutex<Watch> = Mutex::new(Watch { groups: BTreeSet::new(), shell: None });

struct Watch {
    groups: BTreeSet<i32>,
    shell: Option<(Child, ChildStdin)>,
}

/// A container's process group.
#[derive(Debug)]
pub(super) struct Group {
    leader: Pid,
    ended: bool,
}

impl Group {
    /// Takes charge of the group that `pid` leads.
    pub fn adopt(pid: u32) -> Option<Self> {
        let leader = Pid::from_raw(i32::try_from(pid).ok()?)?;
        let group = leader.as_raw_nonzero().get();
        watch(|watch| {
            watch.groups.insert(group);
            watch.tell(&format!("+ {group}"));
        });
        Some(Self { leader, ended: false })
    }

    /// Process id of the leader.
    pub fn pid(&self) -> i32 {
        self.leader.as_raw_nonzero().get()
    }

    /// Asks all processes of the group to end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Kills all processes of the group.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Kills what is left of the group. Called right after the leader is reaped, so that its number is still its own.
    pub fn end(&mut self) {
        if !self.ended {
            self.ended = true;
            // No such group, or only zombies: it had ended by itself.
            let _ = kill_process_group(self.leader, Signal::KILL);
            let group = self.pid();
            watch(|watch| {
                watch.groups.remove(&group);
                watch.tell(&format!("- {group}"));
            });
        }
    }

    fn signal(&self, signal: Signal) {
        if !self.ended {
            let _ = kill_process_group(self.leader, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// The watchdog's pipe, for a process that is about to start. `None` without a watchdog.
pub(super) fn announce() -> Option<OwnedFd> {
    let mut pipe = None;
    watch(|watch| {
        // Also finds out whether it is still there.
        watch.tell("x");
        if watch.shell.is_none() {
            watch.start();
        }
        pipe = watch.shell.as_ref().and_then(|(_, pipe)| pipe.as_fd().try_clone_to_owned().ok());
    });
    pipe
}

/// The announced process has not come to run.
pub(super) fn withdraw() {
    watch(|watch| watch.tell("x"));
}

fn watch(act: impl FnOnce(&mut Watch)) {
    act(&mut WATCH.lock().unwrap_or_else(PoisonError::into_inner));
}

impl Watch {
    fn tell(&mut self, line: &str) {
        let Some((_, pipe)) = &mut self.shell else { return };
        if writeln!(pipe, "{line}").is_ok() {
            return;
        }
        // Someone ended it. The new one is told of all groups, this line's included.
        if let Some((mut gone, _)) = self.shell.take() {
            let _ = gone.kill();
            let _ = gone.wait();
        }
        self.start();
    }

    fn start(&mut self) {
        match start(&self.groups) {
            Ok(shell) => self.shell = Some(shell),
            Err(error) => {
                tracing::warn!(%error, "no watchdog: containers may outlive this process if it is killed");
            }
        }
    }
}

fn start(groups: &BTreeSet<i32>) -> std::io::Result<(Child, ChildStdin)> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", WATCHDOG]).env_clear().current_dir("/");
    // A group of its own, so that Ctrl-C in the user's terminal does not reach it.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut shell = command.spawn()?;
    let Some(mut pipe) = shell.stdin.take() else { return Err(std::io::Error::other("the watchdog has no pipe")) };
    for group in groups {
        writeln!(pipe, "+ {group}")?;
    }
    Ok((shell, pipe))
}
