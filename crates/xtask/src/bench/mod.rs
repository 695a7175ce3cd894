//! `cargo xtask bench`: Sagewright beside its peers, in one run, on this machine.
//!
//! Every server is a separate process and gets the same requests, signed the same way, from one raw keep-alive
//! client: a client such as boto3 is slower than the servers and would hide them. Numbers are medians of several
//! runs. Nothing fails for being slow; what could not be measured says why.

mod client;
mod command_line;
mod control;
mod digits;
mod engine;
mod jobs;
mod lists;
mod nginx;
mod operator;
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
    /// Part engine: measure this build of the example `fleet` in place of a release build
    #[arg(long, value_name = "FILE")]
    fleet: Option<PathBuf>,
    /// Part operator: models of the fleets, with commas [default: 100,1000,10000]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    count: Vec<u32>,
    /// Part operator: measure this program of ACK's controller, too
    #[arg(long, value_name = "FILE")]
    ack: Option<PathBuf>,
    /// Only these: control, lists, transfer, cli, training, serving, jobs, engine, operator. Without one, all but operator
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

/// A group of measurements.
enum Part {
    /// Of servers: they need the command and the peers.
    Servers(fn(&Setup, &mut Table) -> Result<()>),
    /// Of what it builds itself.
    Alone(fn(&Args, &mut Table) -> Result<()>),
}

const PARTS: &[(&str, Part)] = &[
    ("control", Part::Servers(control::measure)),
    ("lists", Part::Servers(lists::measure)),
    ("transfer", Part::Servers(transfer::measure)),
    ("cli", Part::Servers(command_line::measure)),
    ("training", Part::Servers(training::measure)),
    ("serving", Part::Servers(serving::measure)),
    ("jobs", Part::Servers(jobs::measure)),
    ("engine", Part::Alone(engine::measure)),
    (OPERATOR, Part::Alone(operator::measure)),
];

/// It takes half an hour, and is only measured when it is asked for.
const OPERATOR: &str = "operator";

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    if let Some(unknown) = args.only.iter().find(|n| !PARTS.iter().any(|(name, _)| name == n)) {
        let names: Vec<_> = PARTS.iter().map(|(name, _)| *name).collect();
        bail!("there is no part {unknown}; the parts are {}", names.join(", "));
    }
    let is_chosen = |name: &str| match args.only.as_slice() {
        [] => name != OPERATOR,
        only => only.iter().any(|n| n == name),
    };
    let chosen = || PARTS.iter().filter(|(name, _)| is_chosen(name));
    let setup = match chosen().any(|(_, part)| matches!(part, Part::Servers(_))) {
        true => Some(Setup::ready(args)?),
        false => None,
    };
    let mut table = Table::default();
    for (name, part) in chosen() {
        eprintln!("measuring {name} …");
        let measured = match (part, &setup) {
            (Part::Servers(measure), Some(setup)) => measure(setup, &mut table),
            (Part::Servers(_), None) => Ok(()),
            (Part::Alone(measure), _) => measure(args, &mut table),
        };
        if let Err(e) = measured {
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

impl Setup {
    fn ready(args: &Args) -> Result<Self> {
        let binary = match &args.binary {
            Some(binary) => std::path::absolute(binary)?,
            None => release_build()?,
        };
        let (tests, bare) = (Venv::ready("requirements")?, Venv::ready("requirements-bench")?);
        Ok(Self { binary, tests, bare, runs: args.runs as usize })
    }
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
