//! `sagewright apply`

use std::sync::Arc;

use sagewright_engine::{ApplyOptions, Report};

use crate::args::{Apply, Global};
use crate::context::{Context, engine_failure};
use crate::exit::Exit;
use crate::manifest;
use crate::output::Printer;
use crate::progress::Progress;
use crate::show;

/// Makes the cloud match manifests.
pub(crate) async fn run(args: &Apply, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    finish(&report(args, global, printer).await?, printer)
}

/// Makes the cloud match manifests, and tells how it went with each.
pub(crate) async fn report(args: &Apply, global: &Global, printer: &Printer) -> anyhow::Result<Report> {
    let objects = manifest::load(&args.files.files, printer)?;
    let context = Context::connect(global, printer).await?;
    let options = ApplyOptions { wait: !args.no_wait, timeout: args.timeout, ..ApplyOptions::default() };
    let progress = Arc::new(Progress::new(&context, args.logs));
    let outcome = context.engine.apply(&objects, &options, progress.as_ref()).await;
    progress.finish().await;
    Ok(outcome.map_err(engine_failure)?)
}

/// Prints a report and says how it went.
pub(crate) fn finish(report: &Report, printer: &Printer) -> anyhow::Result<Exit> {
    if printer.for_programs() {
        printer.document(&show::report_value(report))?;
    } else {
        let lines: Vec<_> = report.objects.iter().map(|o| show::report_line(o, printer) + "\n").collect();
        printer.result(&lines.concat())?;
    }
    Ok(if report.is_ok() { Exit::Done } else { Exit::Failed })
}
