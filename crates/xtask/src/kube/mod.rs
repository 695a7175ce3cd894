//! `cargo xtask kube`: a Kubernetes control plane for tests, and for trying the operator.

mod manifests;
pub mod programs;

use anyhow::Result;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Build kube-apiserver, etcd, kubectl and helm where they are not built yet, and print their folder
    Build,
    /// Render `charts/install-*.yaml` from the chart
    Manifests(manifests::Args),
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    match &args.command {
        Command::Build => println!("{}", programs::ready()?.display()),
        Command::Manifests(args) => manifests::run(args)?,
    }
    Ok(())
}
