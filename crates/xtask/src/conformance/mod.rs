//! `cargo xtask conformance`: judges that need more than `cargo xtask test` should ask of a machine.

mod protocols;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::process::{self, cargo};
use crate::test::pytest;
use crate::venv::Venv;

/// Frameworks of script mode that are gigabytes: the newest that the year-old Pythons of most machines can have.
const FRAMEWORKS: [&str; 2] = ["pytorch:2.1.0", "huggingface:2.1.0-transformers4.37.0"];

#[derive(clap::Args)]
pub struct Args {
    /// Make the JSON AST of the protocol tests again
    #[arg(long)]
    fresh: bool,
    /// Only these: protocols (Java 17, Maven), sdk3 (1 GB), frameworks (10 GB)
    #[arg(value_name = "PART")]
    only: Vec<String>,
}

/// A group of tests.
type Part = fn(&Args) -> Result<()>;

const PARTS: [(&str, Part); 3] =
    [("protocols", |args| protocols::judge(args.fresh)), ("sdk3", |_| sdk3()), ("frameworks", |_| frameworks())];

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    if let Some(unknown) = args.only.iter().find(|n| !PARTS.iter().any(|(name, _)| name == n)) {
        bail!("there is no part {unknown}; the parts are {}", PARTS.map(|(name, _)| name).join(", "));
    }
    let mut failed = Vec::new();
    for (name, judge) in PARTS.iter().filter(|(name, _)| args.only.is_empty() || args.only.iter().any(|n| n == name)) {
        println!("== {name}");
        if let Err(e) = judge(args) {
            process::fail_if_interrupted()?;
            println!("{name}: {e:#}");
            failed.push(*name);
        }
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// Version 3 of the SageMaker SDK.
fn sdk3() -> Result<()> {
    let python = Venv::ready("requirements-sdk3")?.python();
    selected("sdk3", &binary()?, |pytest| {
        pytest.args(["-m", "sdk3"]).env("SAGEWRIGHT_SDK3_PYTHON", &python);
    })
}

/// Scripts for PyTorch and Hugging Face in the environments of their images.
fn frameworks() -> Result<()> {
    let binary = binary()?;
    for framework in FRAMEWORKS {
        let mut install = Command::new(&binary);
        install.args(["local", "images", "install", framework, "--yes"]);
        process::must(&mut install, &format!("{framework} could not be installed: see above"))?;
    }
    selected("frameworks", &binary, |pytest| {
        pytest.args(["-m", "frameworks"]).env("SAGEWRIGHT_FRAMEWORKS", FRAMEWORKS.join(","));
    })
}

fn binary() -> Result<PathBuf> {
    process::must(&mut cargo(["build", "--locked", "--package", "sagewright"]), "the build failed")?;
    Ok(crate::target().join("debug/sagewright"))
}

/// Runs the marked tests, none of which may be skipped.
fn selected(what: &str, binary: &Path, more: impl FnOnce(&mut Command)) -> Result<()> {
    let venv = Venv::ready("requirements")?;
    let (_, tally) = pytest(&venv, binary, &format!("conformance-{what}"), more)?;
    ensure!(
        tally.failed == 0 && tally.skipped == 0 && tally.passed > 0,
        "{} passed, {} failed, {} skipped",
        tally.passed,
        tally.failed,
        tally.skipped
    );
    Ok(())
}
