//! `sagewright local reset`

use sagewright_cloud::folder::{Inventory, Reset, ResetError};
use serde_json::json;

use crate::args::{self, Global};
use crate::exit::{Exit, Failure};
use crate::local;
use crate::output::{Printer, Table, amount, ask};
use crate::paths;

/// Takes away what the embedded cloud made; the user's own files stay.
pub(crate) async fn run(args: &args::Reset, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let chosen = paths::data(global.data.as_ref());
    if let Some(server) = local::running(&chosen) {
        return Err(Failure::new(Exit::Failed, format!("the embedded cloud is up at {}", server.endpoint))
            .help(format!("stop it first: sagewright local down{}", paths::data_option(global)))
            .into());
    }
    let Some(reset) = Reset::prepare(&chosen).map_err(failure)? else {
        printer.note(&format!("there is nothing at {}", chosen.display()));
        return Ok(Exit::Done);
    };
    let (data, inventory) = (reset.data.clone(), reset.inventory.clone());
    if !printer.for_programs() {
        let link = if chosen == data { String::new() } else { format!(" ({} leads there)", chosen.display()) };
        printer.note(&format!("of the embedded cloud in {}{link}:", data.display()));
        list(&inventory, printer);
    }
    if !args.yes && !confirmed(&data.display().to_string(), printer).await? {
        printer.note("nothing was removed");
        return Ok(Exit::Failed);
    }
    let emptied = tokio::task::spawn_blocking(move || reset.run()).await?.map_err(failure)?;
    if printer.for_programs() {
        printer.document(&json!({"data": data, "removed": inventory.own, "kept": inventory.kept}))?;
    } else if emptied {
        printer.note(&format!("removed, with the folder {}", data.display()));
    } else {
        let kept = if inventory.kept.is_empty() { String::new() } else { format!(": {}", inventory.kept.join(", ")) };
        printer.note(&format!("removed; what the embedded cloud did not make is kept in {}{kept}", data.display()));
    }
    Ok(Exit::Done)
}

fn list(inventory: &Inventory, printer: &Printer) {
    let mut table = Table::new(["TO REMOVE", "FILES", "ON DISK"]);
    for found in &inventory.own {
        let link = found.link.as_ref().map_or_else(String::new, |to| format!(" (a link; {} is kept)", to.display()));
        table.row([format!("{}{link}", found.name), found.files.to_string(), amount::bytes(found.bytes)]);
    }
    printer.note(table.render().trim_end());
    if !inventory.kept.is_empty() {
        printer.note(&format!("kept: {}", inventory.kept.join(", ")));
    }
}

async fn confirmed(data: &str, printer: &Printer) -> anyhow::Result<bool> {
    ask::somebody(&format!("all buckets, models and jobs in {data} would be removed"), None)?;
    Ok(ask::ask("Remove it, with all buckets, models and jobs? Type yes:", printer).await? == "yes")
}

fn failure(error: ResetError) -> Failure {
    let help = match &error {
        ResetError::Foreign { .. } => Some("check --data"),
        ResetError::Stays { .. } => Some("make it removable, then run the same command again"),
        ResetError::Start(_) | ResetError::Unreadable { .. } => None,
    };
    Failure { help: help.map(str::to_owned), ..Failure::new(Exit::Failed, error.to_string()) }
}
