//! `sagewright logs`

use crate::args::{Global, Logs};
use crate::context::Context;
use crate::exit::Exit;
use crate::log_tail::{self, Tail};
use crate::output::Printer;
use crate::resource;

/// Shows the logs of a job or an endpoint.
pub(crate) async fn run(args: &Logs, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let (kind, name) = resource::kind_and_name(&args.resource)?;
    let context = Context::connect(global, printer).await?;
    // A name that does not exist is told as such, not as an empty log.
    context.engine.describe(kind, name).await.map_err(crate::context::engine_failure)?;
    let tail = Tail { follow: args.follow, last: args.tail, timestamps: args.timestamps, prefix: String::new() };
    let mut show = |line: &str| printer.result(&format!("{line}\n"));
    log_tail::run(&context, kind, name, &tail, &mut show).await?;
    Ok(Exit::Done)
}
