//! `sagewright apply`

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sagewright_engine::{ApplyOptions, Object, ObjectId, Outcome, Plan, Report, Users};
use sagewright_kinds::Kind;

use crate::args::{Apply, Format, Global};
use crate::commands::plan::show_plan;
use crate::commands::prune;
use crate::context::{Context, engine_failure};
use crate::exit::{Exit, Failure};
use crate::manifest::{self, BuiltIns};
use crate::output::Printer;
use crate::progress::{Logs, Progress};
use crate::saved_plan;
use crate::show;

/// Makes the cloud match manifests.
pub(crate) async fn run(args: &Apply, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let printer = &printer.with_secrets(args.show_secrets);
    if let Some(path) = &args.saved {
        return saved(args, path, global, printer).await;
    }
    let objects = load(args, global, printer).await?;
    if let Some(set) = &args.set.selector {
        return Box::pin(prune::run(args, set, &objects, global, printer)).await;
    }
    let mut context = Context::connect(global, printer).await?;
    context.announce(&objects).await?;
    if args.dry_run {
        let plan = context.engine.plan(&objects).await.map_err(engine_failure)?;
        show_plan(&plan, printer)?;
        return Ok(if plan.has_problems() { Exit::Failed } else { Exit::Done });
    }
    finish(&report(args, &context, &objects).await?, &BTreeMap::new(), printer)
}

/// Does what a plan says.
async fn saved(args: &Apply, path: &Path, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let saved = saved_plan::read(path)?;
    let mut context = Context::connect(global, printer).await?;
    context.announce_plan(&saved, path).await?;
    let objects: Vec<Object> = saved.plan.objects.iter().map(|planned| planned.object.clone()).collect();
    let report = watched(args, &context, &objects, Some(&saved.plan)).await?;
    finish(&report, &BTreeMap::new(), printer)
}

/// The objects that are to be applied.
pub(crate) async fn load(args: &Apply, global: &Global, printer: &Printer) -> Result<Vec<Object>, Failure> {
    let mut objects = manifest::load_for(&BuiltIns::of(global), &args.files.files, printer).await?;
    tell(&args.rollout.set(&mut objects)?, printer);
    Ok(objects)
}

/// Tells of what the command line adds to the manifests.
pub(crate) fn tell(lines: &[String], printer: &Printer) {
    lines.iter().for_each(|line| printer.note(line));
}

/// Makes the cloud match objects, and tells how it went with each.
pub(crate) async fn report(args: &Apply, context: &Context, objects: &[Object]) -> anyhow::Result<Report> {
    watched(args, context, objects, None).await
}

/// Applies objects, exactly as planned where there is a plan, and shows how far it is.
async fn watched(args: &Apply, context: &Context, objects: &[Object], plan: Option<&Plan>) -> anyhow::Result<Report> {
    let options = ApplyOptions { wait: !args.no_wait, timeout: args.timeout, ..ApplyOptions::default() };
    let jobs = objects.iter().filter(|object| object.row().is_some_and(Kind::is_job)).count();
    let logs = args.logs.then_some(if jobs > 1 { Logs::Named } else { Logs::Plain });
    let progress = Arc::new(Progress::new(context, logs));
    let outcome = match plan {
        Some(plan) => context.engine.apply_plan(plan, &options, progress.as_ref()).await,
        None => context.engine.apply(objects, &options, progress.as_ref()).await,
    };
    progress.finish().await;
    Ok(outcome.map_err(engine_failure)?)
}

/// Prints a report and says how it went. `users`: what still uses the resources of a delete.
pub(crate) fn finish(report: &Report, users: &BTreeMap<ObjectId, Users>, printer: &Printer) -> anyhow::Result<Exit> {
    if printer.for_programs() {
        printer.document(&show::report_value(report, users, printer))?;
    } else if printer.format == Format::Name {
        let names: Vec<_> =
            report.objects.iter().map(|o| format!("{}/{}\n", o.object.kind, o.object.metadata.name)).collect();
        printer.result(&names.concat())?;
    } else {
        printer.result(&show::report(report, &printer.for_results()))?;
    }
    // What is blocked is so because of another object, which decides.
    let bad = report.objects.iter().filter(|o| !o.outcome.is_ok() && o.outcome != Outcome::Blocked);
    let mut outcomes = bad.map(|o| o.outcome).peekable();
    Ok(if report.is_ok() {
        Exit::Done
    } else if outcomes.peek().is_some() && outcomes.all(|o| o == Outcome::TimedOut) {
        Exit::TimedOut
    } else {
        Exit::Failed
    })
}
