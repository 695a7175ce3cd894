//! Forking and executing a container's first process.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{OnceLock, mpsc};

use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::group::{self, Group};

struct Request {
    command: Command,
    runtime: Handle,
    reply: oneshot::Sender<io::Result<(Child, Group)>>,
}

/// Starts a command in its own session and process group, ended with this process.
///
/// # Errors
/// The program cannot be executed.
pub(super) async fn spawn(command: Command) -> io::Result<(Child, Group)> {
    let (reply, child) = oneshot::channel();
    let gone = || io::Error::other("the thread that starts processes has ended");
    let request = Request { command, runtime: Handle::current(), reply };
    spawner()?.send(request).map_err(|_| gone())?;
    child.await.map_err(|_| gone())?
}

/// Linux sends the parent-death signal when the *thread* that forked ends. So one thread forks, and never ends.
fn spawner() -> io::Result<mpsc::Sender<Request>> {
    static SPAWNER: OnceLock<Result<mpsc::Sender<Request>, String>> = OnceLock::new();
    let made = SPAWNER.get_or_init(|| {
        let (sender, requests) = mpsc::channel::<Request>();
        let thread = std::thread::Builder::new().name("spawner".into()).spawn(move || {
            for Request { command, runtime, reply } in requests {
                let _entered = runtime.enter();
                let _ = reply.send(start(command));
            }
        });
        thread.map(|_| sender).map_err(|e| e.to_string())
    });
    made.clone().map_err(io::Error::other)
}

/// The command is dropped here, and with it our end of the output pipe, before anyone waits for the pipe's end.
fn start(mut command: Command) -> io::Result<(Child, Group)> {
    isolate(&mut command, group::announce());
    let mut command = tokio::process::Command::from(command);
    command.kill_on_drop(true);
    let child = command.spawn().inspect_err(|_| group::withdraw())?;
    let group = child.id().and_then(Group::adopt).ok_or_else(|| io::Error::other("the process has no id"))?;
    Ok((child, group))
}

fn isolate(command: &mut Command, watchdog: Option<OwnedFd>) {
    let cloud = rustix::process::getpid();
    let prepare = move || {
        let own = rustix::process::setsid()?;
        if let Some(pipe) = &watchdog {
            let mut line = [0; 16];
            rustix::io::write(pipe, announcement(own.as_raw_nonzero().get(), &mut line))?;
        }
        end_with(cloud)
    };
    // SAFETY: between fork and exec only async-signal-safe system calls are made; nothing allocates or locks.
    unsafe {
        command.pre_exec(prepare);
    }
}

/// `? PID` and a line end, without an allocation.
fn announcement(pid: i32, line: &mut [u8; 16]) -> &[u8] {
    let mut at = line.len();
    let mut put = |byte| {
        at -= 1;
        if let Some(place) = line.get_mut(at) {
            *place = byte;
        }
    };
    put(b'\n');
    let mut rest = pid.unsigned_abs();
    loop {
        put(b'0' + u8::try_from(rest % 10).unwrap_or(0));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    put(b' ');
    put(b'?');
    line.get(at..).unwrap_or_default()
}

#[cfg(target_os = "linux")]
fn end_with(cloud: rustix::process::Pid) -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The cloud may have ended before the line above; then nobody would ever send the signal.
    if getppid() == Some(cloud) { Ok(()) } else { Err(io::Error::from(rustix::io::Errno::SRCH)) }
}

/// Elsewhere the watchdog alone ends the group.
#[cfg(not(target_os = "linux"))]
fn end_with(_: rustix::process::Pid) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_process_announces_itself_by_its_number() {
        for (pid, line) in [(7, "? 7\n"), (4_194_304, "? 4194304\n"), (i32::MAX, "? 2147483647\n")] {
            assert_eq!(super::announcement(pid, &mut [0; 16]), line.as_bytes());
        }
    }
}
