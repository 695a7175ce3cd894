//! Generators and the test and CI entry points: `cargo xtask COMMAND`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod chaos;
mod check;
mod conformance;
mod crds;
mod kube;
mod models;
mod mutants;
mod place;
mod process;
mod test;
mod venv;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", about = "Generators and the test and CI entry points")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check format, lints, documentation, layers, dependencies, sources and generated files
    Check(check::Args),
    /// Set up what the tests need and run them all
    Test(test::Args),
    /// Kill the embedded cloud at random moments under traffic, and look what is left; the operator's fault campaigns
    Chaos(chaos::Args),
    /// Measure Sagewright beside its peers
    Bench(bench::Args),
    /// Judge the protocol codecs by the Smithy project's protocol tests; needs Java and Maven
    Conformance(conformance::Args),
    /// Make the CustomResourceDefinitions of the chart from rows and models
    Crds(crds::Args),
    /// A Kubernetes control plane, for tests and for trying the operator
    Kube(kube::Args),
    /// Make `models/` from the pinned botocore package
    Models(models::Args),
    /// Change the code of the pure crates, and look whether their tests notice
    Mutants(mutants::Args),
    /// Tell which file answers an operation of the embedded cloud
    Where(place::Args),
    /// Make the locked lists of Python packages that tests and measurements use
    Requirements(venv::RequirementsArgs),
}

fn main() -> std::process::ExitCode {
    match run(Args::parse().command) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            // As a shell tells of a program that Ctrl-C ended.
            if process::fail_if_interrupted().is_err() { 130.into() } else { std::process::ExitCode::FAILURE }
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    process::watch_signals()?;
    match command {
        Command::Check(args) => check::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Chaos(args) => chaos::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Conformance(args) => conformance::run(&args),
        Command::Crds(args) => crds::run(&args),
        Command::Kube(args) => kube::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Mutants(args) => mutants::run(&args),
        Command::Where(args) => place::run(&args),
        Command::Requirements(args) => venv::requirements(&args),
    }
}

/// The top folder of the checkout.
fn root() -> std::path::PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The folder for what is built.
fn target() -> std::path::PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The Python to use: `SAGEWRIGHT_PYTHON`, or `python3`.
fn python() -> std::ffi::OsString {
    std::env::var_os("SAGEWRIGHT_PYTHON").unwrap_or_else(|| "python3".into())
}
