//! `sagewright plan`

use std::path::Path;

use jiff::Timestamp;
use sagewright_engine::{DeleteOptions, Object, Plan, SavedPlan, plan_offline};

use crate::args::{self, Format, Global};
use crate::commands::apply::tell;
use crate::commands::delete::{self, deletion};
use crate::commands::prune;
use crate::context::{Context, engine_failure};
use crate::exit::Exit;
use crate::manifest::{self, BuiltIns};
use crate::output::Printer;
use crate::saved_plan;
use crate::show;

/// Shows what `apply` would do.
pub(crate) async fn run(args: &args::Plan, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let printer = &printer.with_secrets(args.show_secrets);
    if let Some(path) = &args.saved {
        return show_saved(args, path, printer);
    }
    if let Some(path) = &args.out {
        saved_plan::may_write(path)?;
    }
    if args.delete {
        return deletes(args, global, printer).await;
    }
    let mut objects = manifest::load_for(&BuiltIns::of(global), &args.files.files, printer).await?;
    tell(&args.rollout.set(&mut objects)?, printer);
    if let Some(set) = &args.set.selector {
        let (plan, goes) = Box::pin(prune::plan(&args.set, set, &objects, global, printer)).await?;
        return Ok(match (exit(args, &plan), exit(args, &goes)) {
            (Exit::Failed, _) | (_, Exit::Failed) => Exit::Failed,
            (Exit::Done, other) => other,
            (changes, _) => changes,
        });
    }
    let plan = if args.offline {
        plan_offline(&objects).map_err(engine_failure)?
    } else {
        let mut context = Context::connect(global, printer).await?;
        match &args.out {
            Some(path) => return keep(args, &mut context, &objects, path).await,
            None => {
                let plan = async |context: Context| context.engine.plan(&objects).await;
                context.announce_beside(&objects, plan).await?.map_err(engine_failure)?
            }
        }
    };
    show_plan(&plan, printer)?;
    Ok(exit(args, &plan))
}

/// Shows a plan and writes it down.
async fn keep(args: &args::Plan, context: &mut Context, objects: &[Object], path: &Path) -> anyhow::Result<Exit> {
    let account = context.announce_known(objects).await?;
    let plan = context.engine.plan(objects).await.map_err(engine_failure)?;
    show_plan(&plan, &context.printer)?;
    let exit = exit(args, &plan);
    if plan.has_problems() {
        context.printer.note(&format!("{} was not written: a plan with problems cannot be applied", path.display()));
        return Ok(exit);
    }
    let saved = SavedPlan {
        made: Timestamp::now(),
        account: Some(account.to_string()),
        region: context.target.region.to_string(),
        installation: context.installation.clone(),
        plan,
    };
    saved_plan::write(&saved, path)?;
    let note = "written; it contains the full manifests, including any secrets";
    context.printer.note(&format!("{}: {note}\n  `sagewright apply {0}` does what it says", path.display()));
    Ok(exit)
}

/// Shows a plan that was written down.
fn show_saved(args: &args::Plan, path: &Path, printer: &Printer) -> anyhow::Result<Exit> {
    let saved = saved_plan::read(path)?;
    if printer.for_programs() {
        printer.document(&show::saved_plan_value(&saved, printer))?;
    } else {
        let SavedPlan { made, account, region, installation, .. } = &saved;
        let account = account.as_deref().unwrap_or("not known");
        printer.note(&format!("Plan of {made} for account {account}, {region}, installation {installation}"));
        show_plan(&saved.plan, printer)?;
    }
    Ok(exit(args, &saved.plan))
}

/// Shows a plan of an apply.
pub(crate) fn show_plan(plan: &Plan, printer: &Printer) -> anyhow::Result<()> {
    if printer.for_programs() {
        return printer.document(&show::plan_value(plan, printer));
    }
    if printer.format == Format::Name {
        let changed = plan.objects.iter().filter(|p| p.decision.writes());
        let names: Vec<_> = changed.map(|p| format!("{}/{}\n", p.object.kind, p.object.metadata.name)).collect();
        return printer.result(&names.concat());
    }
    printer.result(&show::plan(plan, &printer.for_results()))
}

/// Shows what `delete` would do.
async fn deletes(args: &args::Plan, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let objects = manifest::load(&args.files.files, printer).await?;
    let mut context = Context::connect(global, printer).await?;
    context.announce(&objects).await?;
    let goes = deletion(&context, &objects, &DeleteOptions::default()).await?;
    delete::show(&goes, printer)?;
    Ok(exit(args, &goes.plan))
}

fn exit(args: &args::Plan, plan: &Plan) -> Exit {
    if plan.has_problems() {
        Exit::Failed
    } else if args.exit_code && plan.has_changes() {
        Exit::Changes
    } else {
        Exit::Done
    }
}
