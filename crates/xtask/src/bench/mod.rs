//! `cargo xtask bench`: Sagewright beside its peers, in one run, on this machine.
//!
//! Every server is a separate process and gets the same requests, signed the same way, from one raw keep-alive
//! client: a client such as boto3 is slower than the servers and would hide them. Numbers are medians of several
//! runs. Nothing fails for being slow; what could not be measured says why.

mod client;
mod command_line;
mod control;
mod digits;
mod lists;
mod nginx;
mod peers;
mod serving;
mod signature;
mod stats;
mod table;
mod training;
mod transfer;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::process::{self, cargo};
use crate::venv::Venv;
use table::{Better, Row, Table};

#[derive(clap::Args)]
pub struct Args {
    /// Runs of each measurement; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// One JSON document on standard output
    #[arg(long)]
    json: bool,
    /// Measure this program in place of a release build of the checkout
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Only these: control, lists, transfer, cli, training, serving
    #[arg(value_name = "PART")]
    only: Vec<String>,
}

/// What the measurements share.
pub struct Setup {
    /// Release build of the command.
    pub binary: PathBuf,
    /// Environment with moto.
    pub tests: Venv,
    /// Environment with the bare library.
    pub bare: Venv,
    /// Runs of each measurement.
    pub runs: usize,
}

/// A group of measurements and its name.
type Part = (&'static str, fn(&Setup, &mut Table) -> Result<()>);

const PARTS: &[Part] = &[
    ("control", control::measure),
    ("lists", lists::measure),
    ("transfer", transfer::measure),
    ("cli", command_line::measure),
    ("training", training::measure),
    ("serving", serving::measure),
];

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let binary = match &args.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => release_build()?,
    };
    let setup = Setup {
        binary,
        tests: Venv::ready("requirements")?,
        bare: Venv::ready("requirements-bench")?,
        runs: args.runs as usize,
    };
    if let Some(unknown) = args.only.iter().find(|n| !PARTS.iter().any(|(name, _)| name == n)) {
        let names: Vec<_> = PARTS.iter().map(|(name, _)| *name).collect();
        bail!("there is no part {unknown}; the parts are {}", names.join(", "));
    }
    let mut table = Table::default();
    for (name, measure) in PARTS {
        if !args.only.is_empty() && !args.only.iter().any(|n| n == name) {
            continue;
        }
        eprintln!("measuring {name} …");
        if let Err(e) = measure(&setup, &mut table) {
            process::fail_if_interrupted()?;
            table.push(Row::failed(name, format!("{e:#}")));
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&table.json(args.runs))?);
    } else {
        print!("{}", table.text());
        println!("{} runs each, medians; {}", args.runs, machine());
    }
    Ok(())
}

fn release_build() -> Result<PathBuf> {
    let mut build = cargo(["build", "--release", "--locked", "--package", "sagewright", "--bin", "sagewright"]);
    process::must(&mut build, "the release build failed")?;
    Ok(crate::target().join("release").join("sagewright"))
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores, {} {}", std::env::consts::OS, std::env::consts::ARCH)
}
