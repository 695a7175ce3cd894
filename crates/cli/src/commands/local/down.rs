//! `sagewright local down`

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sagewright_cloud::cloud;
use serde_json::json;

use crate::args::{Down, Global};
use crate::exit::{Exit, Failure};
use crate::local;
use crate::output::Printer;
use crate::paths;

/// How long the end of a killed process is waited for: it may be in the midst of a write to a slow disk.
const KILLED: Duration = Duration::from_secs(30);

/// Stops the embedded cloud; kills it where it does not stop.
pub(crate) async fn run(args: &Down, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let data = paths::data(global.data.as_ref());
    let Some(server) = local::running(&data) else {
        return told(&data, None, &format!("no embedded cloud is up on {}", data.display()), printer);
    };
    let pid = i32::try_from(server.pid).ok().and_then(Pid::from_raw).ok_or_else(|| {
        Failure::new(Exit::Failed, format!("the process id {} in server.json is not one", server.pid))
    })?;
    let send = |signal| {
        kill_process(pid, signal)
            .map_err(|e| Failure::new(Exit::Failed, format!("cannot stop process {}: {e}", server.pid)))
    };
    send(Signal::TERM)?;
    if ended(&data, server.pid, args.timeout).await {
        return told(&data, Some((server.pid, false)), "the embedded cloud is down; its state is kept", printer);
    }
    send(Signal::KILL)?;
    if !ended(&data, server.pid, KILLED).await {
        return Err(Failure::new(Exit::TimedOut, format!("process {} was killed and has not ended", server.pid))
            .help("the system holds it, most likely in a write: look at the disk")
            .into());
    }
    // Nobody is left who would end them before the next start.
    let folder = data.clone();
    let _ = tokio::task::spawn_blocking(move || cloud::end_processes(&folder)).await;
    cloud::end_containers(&data, &local::engine()).await;
    let line = format!(
        "the embedded cloud did not stop within {} s and was killed; what was acknowledged is kept",
        args.timeout.as_secs()
    );
    told(&data, Some((server.pid, true)), &line, printer)
}

/// Tells how it went: with the process that was stopped, and whether it had to be killed.
fn told(data: &Path, stopped: Option<(u32, bool)>, line: &str, printer: &Printer) -> anyhow::Result<Exit> {
    printer.note(line);
    if printer.for_programs() {
        let (pid, killed) = (stopped.map(|(pid, _)| pid), stopped.is_some_and(|(_, killed)| killed));
        printer
            .document(&json!({"up": false, "stopped": pid.is_some(), "killed": killed, "pid": pid, "data": data}))?;
    }
    Ok(Exit::Done)
}

/// Whether the process lets go of the data folder within this time.
async fn ended(data: &Path, pid: u32, patience: Duration) -> bool {
    let started = Instant::now();
    while local::holds(data, pid) {
        if started.elapsed() > patience {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}
