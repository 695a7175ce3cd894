//! `cargo xtask check`: what must hold before a change lands.
//!
//! Every check is run, even when an earlier one failed; each says what is wrong, where, and what to do.

mod circles;
mod dependencies;
mod layers;
mod licence;
mod metadata;
pub mod sources;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::process::{self, cargo};
use metadata::Metadata;

#[derive(clap::Args)]
pub struct Args {
    /// Repair what can be repaired: formatting, clippy's own suggestions, `models/`, the chart's definitions
    #[arg(long)]
    fix: bool,
    /// Only these checks: layers, circles, dependencies, sources, format, models, crds, clippy, docs
    #[arg(value_name = "CHECK")]
    only: Vec<String>,
}

/// A check: its name and what runs it; the texts are what is wrong.
type Check = (&'static str, fn(&Args) -> Result<Vec<String>>);

/// Cheap checks first.
const CHECKS: &[Check] = &[
    ("layers", |_| layers::check(&Metadata::load()?)),
    ("circles", |args| circles::check(&Metadata::load()?, args.only.iter().any(|n| n == "circles"))),
    ("dependencies", |_| dependencies::check(&Metadata::load()?)),
    ("sources", |_| sources::check()),
    ("format", format),
    ("models", models),
    ("crds", crds),
    ("clippy", clippy),
    ("docs", docs),
];

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    if let Some(unknown) = args.only.iter().find(|n| !CHECKS.iter().any(|(name, _)| name == n)) {
        let names: Vec<_> = CHECKS.iter().map(|(name, _)| *name).collect();
        bail!("there is no check {unknown}; the checks are {}", names.join(", "));
    }
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        if !args.only.is_empty() && !args.only.iter().any(|n| n == name) {
            continue;
        }
        let start = Instant::now();
        let wrong = match check(args) {
            Ok(wrong) => wrong,
            Err(e) => vec![format!("{e:#}")],
        };
        process::fail_if_interrupted()?;
        let seconds = start.elapsed().as_secs_f64();
        if wrong.is_empty() {
            println!("check {name}: ok ({seconds:.1} s)");
        } else {
            println!("check {name}: FAILED ({seconds:.1} s)");
            wrong.iter().for_each(|w| println!("  {w}"));
            failed.push(*name);
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("failed checks: {}", failed.join(", ")) }
}

fn verdict(good: bool, advice: &str) -> Vec<String> {
    if good { Vec::new() } else { vec![advice.to_owned()] }
}

fn format(args: &Args) -> Result<Vec<String>> {
    let mut command = cargo(["fmt", "--all"]);
    if !args.fix {
        // Only the names: whole diffs would bury what the other checks say.
        command.args(["--", "--check", "--files-with-diff"]);
    }
    let status = process::run(&mut command)?;
    Ok(verdict(status.success(), "some files are not formatted: run `cargo fmt --all` or `cargo xtask check --fix`"))
}

fn models(args: &Args) -> Result<Vec<String>> {
    crate::models::run(&crate::models::Args { check: !args.fix })?;
    Ok(Vec::new())
}

fn crds(args: &Args) -> Result<Vec<String>> {
    crate::crds::run(&crate::crds::Args { check: !args.fix })?;
    Ok(Vec::new())
}

fn clippy(args: &Args) -> Result<Vec<String>> {
    let mut command = cargo(["clippy", "--workspace", "--all-targets", "--locked", "--quiet"]);
    if args.fix {
        command.args(["--fix", "--allow-dirty", "--allow-staged"]);
    }
    command.args(["--", "-D", "warnings"]);
    let status = process::run(&mut command)?;
    Ok(verdict(
        status.success(),
        "clippy is not satisfied: see its messages above; `--fix` applies its own suggestions",
    ))
}

fn docs(_: &Args) -> Result<Vec<String>> {
    let mut command = cargo(["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    let status = process::run(&mut command)?;
    Ok(verdict(status.success(), "rustdoc is not satisfied: see its messages above (broken links, missing docs)"))
}
