//! `cargo xtask chaos`: kills the embedded cloud at random moments under traffic, and looks what is left.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{self, cargo};
use crate::venv::Venv;

#[derive(clap::Args)]
pub struct Args {
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

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let venv = Venv::ready("requirements")?;
    let mut build = cargo(["build", "--package", "sagewright", "--locked"]);
    if args.release {
        build.arg("--release");
    }
    process::must(build.env("CARGO_TERM_PROGRESS_WHEN", "never"), "the build failed")?;
    let folder = if args.release { "release" } else { "debug" };
    let mut sweep = Command::new(venv.python());
    sweep.arg("tests/chaos/sweep.py").arg("--kills").arg(args.kills.to_string()).current_dir(crate::root());
    if let Some(seed) = args.seed {
        sweep.arg("--seed").arg(seed.to_string());
    }
    sweep.env("SAGEWRIGHT_BIN", crate::target().join(folder).join("sagewright"));
    sweep.env("SAGEWRIGHT_TEST_PYTHON", venv.python());
    sweep.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
    let status = process::run(&mut sweep)?;
    if !status.success() {
        bail!("the cloud did not keep what it acknowledged, or the sweep could not be run: see above ({status})");
    }
    Ok(())
}
