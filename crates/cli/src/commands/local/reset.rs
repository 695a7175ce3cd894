//! `sagewright local reset`

use std::fs;
use std::io::{BufRead as _, IsTerminal as _};

use anyhow::Context as _;

use crate::args::{Global, Reset};
use crate::exit::{Exit, Failure};
use crate::local;
use crate::output::Printer;
use crate::paths;

/// Throws the embedded cloud's state away.
pub(crate) fn run(args: &Reset, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let data = paths::data(global.data.as_ref());
    if let Some(server) = local::running(&data) {
        return Err(Failure::new(Exit::Failed, format!("the embedded cloud is up at {}", server.endpoint))
            .help(format!("stop it first: sagewright local down{}", paths::data_option(global)))
            .into());
    }
    if !data.exists() {
        printer.note(&format!("there is nothing at {}", data.display()));
        return Ok(Exit::Done);
    }
    // Only a folder that an embedded cloud has made is ever removed.
    if !data.join("state.sqlite").exists() {
        return Err(Failure::new(Exit::Failed, format!("{} does not hold an embedded cloud's state", data.display()))
            .help("check --data")
            .into());
    }
    if !args.yes && !confirmed(&data.display().to_string(), printer)? {
        printer.note("nothing was removed");
        return Ok(Exit::Failed);
    }
    fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
    printer.note(&format!("removed {}", data.display()));
    Ok(Exit::Done)
}

fn confirmed(what: &str, printer: &Printer) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(Exit::Usage, format!("{what} would be removed, and nobody can be asked"))
            .help("give --yes")
            .into());
    }
    printer.note(&format!("Remove {what} with all buckets, models and jobs in it? Type yes:"));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
