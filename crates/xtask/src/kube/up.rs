//! `cargo xtask kube up`: a cluster for trying the operator. `tests/kube/up.py` starts it.

use std::process::Command;

use anyhow::{Result, bail};

use super::programs;
use crate::process::{self, cargo};

#[derive(clap::Args)]
pub struct Args {
    /// The release build
    #[arg(long)]
    release: bool,
    /// A command to run in the cluster, which ends with it
    #[arg(last = true)]
    command: Vec<String>,
}

pub fn run(args: &Args) -> Result<()> {
    let programs = programs::ready()?;
    let mut build = cargo(["build", "--package", "sagewright", "--locked"]);
    if args.release {
        build.arg("--release");
    }
    process::must(build.env("CARGO_TERM_PROGRESS_WHEN", "never"), "the build failed")?;
    let folder = if args.release { "release" } else { "debug" };
    let mut up = Command::new(crate::python());
    up.arg(crate::root().join("tests/kube/up.py")).arg("--programs").arg(programs);
    up.arg("--sagewright").arg(crate::target().join(folder).join("sagewright"));
    up.arg("--").args(&args.command).env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
    let status = process::run(&mut up)?;
    if !status.success() {
        bail!("the cluster or the command failed ({status}): see above");
    }
    Ok(())
}
