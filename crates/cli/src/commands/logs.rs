//! `sagewright logs`

use std::time::Duration;

use sagewright_kinds::Kind;
use serde_json::{Value, json};

use crate::args::{Global, Logs};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::log_tail::{self, Line, Tail};
use crate::output::Printer;
use crate::resource;

/// Shows the logs of a job or an endpoint.
pub(crate) async fn run(args: &Logs, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let (kind, name) = resource::kind_and_name(&args.resource)?;
    if kind.row().logs.is_none() {
        let with: Vec<_> = sagewright_kinds::all().iter().filter(|k| k.row().logs.is_some()).map(Kind::name).collect();
        return Err(Failure::new(Exit::Usage, format!("a {} writes no logs", kind.words()))
            .help(format!("these do: {}", with.join(", ")))
            .into());
    }
    if args.follow && printer.for_programs() {
        return Err(Failure::new(Exit::Usage, "--follow gives lines as they come, and -o json or yaml one document")
            .help("leave one of the two out")
            .into());
    }
    let mut context = Context::connect(global, printer).await?;
    // A name that does not exist is told as such, not as an empty log.
    let described = async |context: Context| context.engine.describe(kind, name).await;
    context.announce_beside(&[], described).await?.map_err(crate::context::engine_failure)?;
    let tail = Tail { follow: args.follow, last: args.tail, search: None };
    let mut items: Vec<Value> = Vec::new();
    let mut show = |line: &Line| {
        if printer.for_programs() {
            items.push(json!({"timestamp": line.timestamp(), "stream": line.stream, "message": line.message}));
            return Ok(());
        }
        let stamp = if args.timestamps { format!("{} {} ", line.timestamp(), line.stream) } else { String::new() };
        printer.log(&format!("{stamp}{}\n", line.message))
    };
    let count = tokio::select! {
        count = log_tail::run(&context, kind, name, &tail, &mut show) => count?,
        () = unread(printer) => return Ok(Exit::Done),
    };
    if printer.for_programs() {
        printer.document(&json!({"resource": format!("{}/{name}", kind.name()), "lines": items}))?;
    } else if count == 0 {
        printer.note(&format!("{}/{name} has written no log lines yet", kind.name()));
    }
    Ok(Exit::Done)
}

/// Completes when nobody reads the lines any more (`sagewright logs -f … | head`), also while none come.
pub(crate) async fn unread(printer: &Printer) {
    while !printer.reader_is_gone() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
