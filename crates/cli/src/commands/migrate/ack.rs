//! `sagewright migrate ack`: what a swap of ACK's controllers for Sagewright would change, the swap, and the swap back.

mod controllers;
mod definitions;
mod record;
mod report;
mod settings;
mod survey;
mod swap;

use sagewright_kube::lookup::{Cluster, RequestError};
use serde_json::Value;

use crate::args::{Global, MigrateAck};
use crate::commands::cluster::{access, failure};
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use crate::output::terminal::on_line;

/// Runs it.
pub(super) async fn run(args: &MigrateAck, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let cluster = Cluster::connect(&access(&args.cluster, None)).await.map_err(failure)?;
    if args.back {
        return swap::back(args, &cluster, printer).await;
    }
    let survey = survey::read(&cluster, global, printer).await?;
    report::show(&survey, printer)?;
    let exit = survey.exit();
    if !args.swap || (exit != Exit::Done && !args.force) {
        if args.swap {
            printer.note("nothing was swapped: mend what is told above, or swap all the same with --force");
        }
        return Ok(exit);
    }
    swap::there(args, &cluster, &survey, printer).await
}

fn unanswered(error: RequestError) -> Failure {
    Failure::new(Exit::Failed, on_line(&error.to_string())).help(error.help())
}

/// A text at a JSON pointer; empty where there is none.
fn text<'v>(value: &'v Value, at: &str) -> &'v str {
    let at = if at.starts_with('/') { at.to_owned() } else { format!("/{at}") };
    value.pointer(&at).and_then(Value::as_str).unwrap_or_default()
}
