//! `sagewright local down`

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::local;
use crate::output::Printer;
use crate::paths;

/// Jobs get two minutes to stop, as on SageMaker; a server that stops jobs needs that and a little more.
const PATIENCE: Duration = Duration::from_secs(150);

/// Stops the embedded cloud.
pub(crate) async fn run(global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let data = paths::data(global.data.as_ref());
    let Some(server) = local::running(&data) else {
        printer.note(&format!("no embedded cloud is up on {}", data.display()));
        return Ok(Exit::Done);
    };
    let pid = i32::try_from(server.pid).ok().and_then(Pid::from_raw).ok_or_else(|| {
        Failure::new(Exit::Failed, format!("the process id {} in server.json is not one", server.pid))
    })?;
    kill_process(pid, Signal::TERM)
        .map_err(|e| Failure::new(Exit::Failed, format!("cannot stop process {}: {e}", server.pid)))?;
    let started = Instant::now();
    while local::holds(&data, server.pid) {
        if started.elapsed() > PATIENCE {
            return Err(Failure::new(Exit::TimedOut, format!("process {} has not stopped", server.pid))
                .help(format!("end it with `kill -9 {}`: what was acknowledged is kept", server.pid))
                .into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    printer.note("the embedded cloud is down; its state is kept");
    Ok(Exit::Done)
}
