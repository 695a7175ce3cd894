//! `sagewright delete`

use sagewright_engine::{Action, DeleteOptions, Object, Plan};

use crate::args::{Delete, Format, Global};
use crate::commands::apply::finish;
use crate::context::{Context, engine_failure};
use crate::exit::{Exit, Failure};
use crate::manifest;
use crate::output::{Printer, ask};
use crate::progress::Progress;
use crate::resource;
use crate::show;

/// Deletes what manifests declare, or named resources.
pub(crate) async fn run(args: &Delete, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let declared = if args.files.is_empty() { Vec::new() } else { manifest::load(&args.files, printer).await? };
    let names = args.resources.iter().map(|text| resource::kind_and_name(text)).collect::<Result<Vec<_>, _>>()?;
    if !args.yes && !args.dry_run {
        ask::somebody(&format!("{} would be deleted", counted(declared.len() + names.len())))?;
    }
    let context = Context::connect(global, printer).await?;
    let options =
        DeleteOptions { wait: !args.no_wait, timeout: args.timeout, unowned: args.unmanaged, force: args.force };
    context.announce(&declared).await?;
    let objects = if args.files.is_empty() { named(args, &context).await? } else { declared };
    if args.dry_run {
        let plan = preview(&context, &objects, &options).await?;
        return Ok(if plan.has_problems() { Exit::Failed } else { Exit::Done });
    }
    if !args.yes && !confirmed(&context, &objects, &options).await? {
        printer.note("nothing was deleted");
        return Ok(Exit::Failed);
    }
    let progress = Progress::new(&context, None);
    let outcome = context.engine.delete(&objects, &options, &progress).await;
    progress.finish().await;
    finish(&outcome.map_err(engine_failure)?, printer)
}

/// Shows what a delete would do.
pub(crate) async fn preview(context: &Context, objects: &[Object], options: &DeleteOptions) -> anyhow::Result<Plan> {
    let plan = context.engine.plan_delete(objects, options).await.map_err(engine_failure)?;
    let printer = &context.printer;
    if printer.format == Format::Name {
        let names: Vec<_> = plan.objects.iter().filter(|p| p.decision.writes()).map(|p| &p.object).collect();
        let lines: String = names.iter().map(|object| format!("{}/{}\n", object.kind, object.metadata.name)).collect();
        printer.result(&lines)?;
        return Ok(plan);
    }
    let users = context.engine.users(&plan).await;
    if printer.for_programs() {
        printer.document(&show::delete_plan_value(&plan, &users))?;
    } else {
        printer.result(&show::delete_plan(&plan, &users, &printer.for_results()))?;
    }
    Ok(plan)
}

/// Shows what would go, and asks whether it may. Where nothing would go there is nothing to ask.
async fn confirmed(context: &Context, objects: &[Object], options: &DeleteOptions) -> anyhow::Result<bool> {
    let plan = context.engine.plan_delete(objects, options).await.map_err(engine_failure)?;
    let goes = |action: Action| matches!(action, Action::Delete | Action::Stop | Action::Wait);
    let count = plan.objects.iter().filter(|p| p.is_ok() && goes(p.action())).count();
    if count == 0 {
        return Ok(true);
    }
    let users = context.engine.users(&plan).await;
    context.printer.note(show::delete_plan(&plan, &users, &context.printer).trim_end());
    let answer = ask::ask(&format!("Delete {}? [y/N]", counted(count)), &context.printer).await?;
    Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}

pub(crate) fn counted(count: usize) -> String {
    if count == 1 { "1 resource".to_owned() } else { format!("{count} resources") }
}

/// Named resources are deleted in the name of the object that owns them; one that nobody owns only when that is said.
async fn named(args: &Delete, context: &Context) -> anyhow::Result<Vec<Object>> {
    let mut objects = Vec::new();
    for text in &args.resources {
        let (kind, name) = resource::kind_and_name(text)?;
        let found = context.engine.describe(kind, name).await.map_err(engine_failure)?;
        let mut object = context.engine.export(kind, name).await.map_err(engine_failure)?;
        match found.owner.as_deref().and_then(|owner| owner.split_once('/')) {
            Some((namespace, owner)) => {
                object.metadata.namespace = Some(namespace.to_owned());
                owner.clone_into(&mut object.metadata.name);
            }
            None if args.unmanaged => {}
            None => {
                return Err(Failure::new(Exit::Failed, format!("{text} is managed by no manifest"))
                    .help("give --unmanaged to delete it all the same")
                    .into());
            }
        }
        object.status = found.object.status;
        // Named twice is meant once.
        if !objects.iter().any(|other: &Object| other.id() == object.id()) {
            objects.push(object);
        }
    }
    Ok(objects)
}
