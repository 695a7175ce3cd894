//! `cargo xtask chaos`: kills the embedded cloud at random moments under traffic, and looks what is left; and the operator's fault
//! campaigns.

use std::process::Command;

use anyhow::{Result, bail};

use crate::kube::programs;
use crate::process::{self, cargo};
use crate::venv::Venv;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    campaigns: Option<Campaigns>,
    #[command(flatten)]
    sweep: Sweep,
}

#[derive(clap::Subcommand)]
enum Campaigns {
    /// Tell the Kubernetes operator the same story under faults, and compare how it ends
    Operator(Operator),
}

#[derive(clap::Args)]
struct Sweep {
    /// Kills
    #[arg(long, default_value_t = 300)]
    kills: u32,
    /// Repeats a sweep, as far as the machine's timing allows; a new one without it
    #[arg(long)]
    seed: Option<u64>,
    /// Kill the release build
    #[arg(long)]
    release: bool,
}

#[derive(clap::Args)]
struct Operator {
    /// Repeats what is left to chance; another one without it
    #[arg(long)]
    seed: Option<u64>,
    /// One campaign, or several; `--only help` names them
    #[arg(long, value_name = "CAMPAIGN")]
    only: Vec<String>,
    /// Only points whose names contain this
    #[arg(long, value_name = "TEXT")]
    point: Option<String>,
    /// Take the release build
    #[arg(long)]
    release: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    match &args.campaigns {
        Some(Campaigns::Operator(operator)) => {
            let kube = programs::ready()?;
            let mut command = program("tests/chaos/cluster/main.py", operator.release)?;
            command.env("SAGEWRIGHT_TEST_KUBE", kube);
            for only in &operator.only {
                command.arg("--only").arg(only);
            }
            command.args(operator.point.iter().flat_map(|point| ["--point", point]));
            seeded(&mut command, operator.seed);
            must(command, "the operator came to another end than without faults")
        }
        None => {
            let mut command = program("tests/chaos/sweep.py", args.sweep.release)?;
            command.arg("--kills").arg(args.sweep.kills.to_string());
            seeded(&mut command, args.sweep.seed);
            must(command, "the cloud did not keep what it acknowledged")
        }
    }
}

/// A program of the tests, with the binary that it is about.
fn program(path: &str, release: bool) -> Result<Command> {
    let venv = Venv::ready("requirements")?;
    let mut build = cargo(["build", "--package", "sagewright", "--locked"]);
    if release {
        build.arg("--release");
    }
    process::must(build.env("CARGO_TERM_PROGRESS_WHEN", "never"), "the build failed")?;
    let folder = if release { "release" } else { "debug" };
    let mut command = Command::new(venv.python());
    command.arg(path).current_dir(crate::root());
    command.env("SAGEWRIGHT_BIN", crate::target().join(folder).join("sagewright"));
    command.env("SAGEWRIGHT_TEST_PYTHON", venv.python());
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
    Ok(command)
}

fn seeded(command: &mut Command, seed: Option<u64>) {
    if let Some(seed) = seed {
        command.arg("--seed").arg(seed.to_string());
    }
}

fn must(mut command: Command, what: &str) -> Result<()> {
    let status = process::run(&mut command)?;
    if !status.success() {
        bail!("{what}, or the run could not be done: see above ({status})");
    }
    Ok(())
}
