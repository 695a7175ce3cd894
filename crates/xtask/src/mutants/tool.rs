//! cargo-mutants: installed by its name from crates.io, in the version that is pinned here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::process::{self, cargo};

const NAME: &str = "cargo-mutants";
const VERSION: &str = "27.1.0";

/// The program: one of this version on the `PATH`, or the one that is installed for this checkout. Where it cannot be had
/// before the deadline, an error, or with `skip` a message and `None`.
pub fn find(skip: bool, deadline: Option<Instant>) -> Result<Option<PathBuf>> {
    let root = crate::target().join("tools").join(format!("{NAME}-{VERSION}"));
    let own = root.join("bin").join(NAME);
    if let Some(program) = [PathBuf::from(NAME), own.clone()].into_iter().find(|p| is_pinned(p)) {
        return Ok(Some(program));
    }
    eprintln!("installing {NAME} {VERSION} into {}", root.display());
    let mut install = cargo(["install", "--quiet", "--locked", "--debug", "--version", VERSION, "--root"]);
    install.arg(&root).arg(NAME).env("CARGO_TARGET_DIR", root.join("build"));
    let status = process::run_until(&mut install, deadline);
    std::fs::remove_dir_all(root.join("build")).ok();
    process::fail_if_interrupted()?;
    let why = match status {
        Ok(Some(status)) if status.success() && is_pinned(&own) => return Ok(Some(own)),
        Ok(None) => "could not be installed in the time that was given",
        _ => "could not be installed: see cargo's messages above",
    };
    let advice = format!("{NAME} {VERSION} {why}; install it with `cargo install --locked {NAME}@{VERSION}`");
    if !skip {
        bail!("{advice}");
    }
    println!("mutants: SKIPPED: {advice}");
    Ok(None)
}

fn is_pinned(program: &Path) -> bool {
    let output = Command::new(program).args(["mutants", "--version"]).output();
    output.is_ok_and(|o| o.status.success() && String::from_utf8_lossy(&o.stdout).trim().ends_with(VERSION))
}
