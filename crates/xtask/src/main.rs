//! Generators and the test and CI entry points: `cargo xtask COMMAND`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod models;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", about = "Generators and the test and CI entry points")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make `models/` from the pinned botocore package
    Models(models::Args),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Models(args) => models::run(&args),
    }
}

/// The top folder of the checkout.
fn root() -> std::path::PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The Python to use: `SAGEWRIGHT_PYTHON`, or `python3`.
fn python() -> std::ffi::OsString {
    std::env::var_os("SAGEWRIGHT_PYTHON").unwrap_or_else(|| "python3".into())
}
