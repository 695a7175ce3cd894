//! The command itself: how long `--help` and an offline plan take.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, ensure};

use super::stats::median;
use super::table::Table;
use super::{Better, Row, Setup};
use crate::process::Group;

/// Adds the command line's rows.
pub fn measure(setup: &Setup, table: &mut Table) -> Result<()> {
    let help = time(setup, &["--help"])?;
    table.push(Row::new("sagewright --help", "ms", Better::Lower, help).aim(10.0));
    let plan = time(setup, &["plan", "--offline", "-f", "examples/mnist"])?;
    table.push(Row::new("sagewright plan --offline -f examples/mnist", "ms", Better::Lower, plan).aim(50.0));
    Ok(())
}

/// Median wall time in milliseconds, after one run to warm the file cache.
fn time(setup: &Setup, args: &[&str]) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..=setup.runs * 10 {
        let mut command = Command::new(&setup.binary);
        command.args(args).current_dir(crate::root());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        // Waited for directly: a poll would round the time up.
        let status = Group::start(&mut command)?.child().wait()?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        ensure!(status.success(), "`sagewright {}` ended with {status}", args.join(" "));
    }
    Ok(median(&times[1..]))
}
