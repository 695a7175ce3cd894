//! `cargo xtask kube manifests`: what to install without Helm, rendered from the chart by helm.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::programs;

#[derive(clap::Args)]
pub struct Args {
    /// Change nothing, and fail where a file is not what the chart renders
    #[arg(long)]
    check: bool,
}

/// The scopes that the operator can be installed for.
const SCOPES: [&str; 2] = ["cluster", "namespace"];
const NAMESPACE: &str = "sagewright-system";

pub fn run(args: &Args) -> Result<()> {
    let helm = programs::ready()?.join("helm");
    for scope in SCOPES {
        let file = format!("charts/install-{scope}.yaml");
        let mut command = Command::new(&helm);
        command.args(["template", "sagewright", "charts/sagewright", "--namespace", NAMESPACE]);
        command.arg("--set").arg(format!("installScope={scope}"));
        let output =
            command.current_dir(crate::root()).stderr(Stdio::inherit()).output().context("cannot start helm")?;
        ensure!(output.status.success(), "helm could not render the chart: see its message above");
        let rendered = String::from_utf8(output.stdout).context("helm printed no UTF-8")?;
        let text = format!(
            "# The chart `sagewright` with installScope {scope}; made by `cargo xtask kube manifests`.\n---\n\
             apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {NAMESPACE}\n  labels:\n    \
             pod-security.kubernetes.io/enforce: restricted\n{rendered}"
        );
        let path = crate::root().join(&file);
        if !args.check {
            fs::write(&path, text).with_context(|| format!("cannot write {file}"))?;
            println!("{file}");
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            bail!("{file} is not what the chart renders: run `cargo xtask kube manifests`");
        }
    }
    Ok(())
}
