//! `sagewright plan`

use sagewright_engine::{DeleteOptions, Plan, plan_offline};

use crate::args::{self, Format, Global};
use crate::commands::delete::preview;
use crate::context::{Context, engine_failure};
use crate::exit::Exit;
use crate::manifest::{self, BuiltIns};
use crate::output::Printer;
use crate::show;

/// Shows what `apply` would do.
pub(crate) async fn run(args: &args::Plan, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    if args.delete {
        return delete(args, global, printer).await;
    }
    let objects = manifest::load_for(&BuiltIns::of(global), &args.files.files, printer).await?;
    let plan = if args.offline {
        plan_offline(&objects).map_err(engine_failure)?
    } else {
        let context = Context::connect(global, printer).await?;
        context.announce_beside(&objects, context.engine.plan(&objects)).await?.map_err(engine_failure)?
    };
    if printer.for_programs() {
        printer.document(&show::plan_value(&plan))?;
    } else if printer.format == Format::Name {
        let changed = plan.objects.iter().filter(|p| p.decision.writes());
        let names: Vec<_> = changed.map(|p| format!("{}/{}\n", p.object.kind, p.object.metadata.name)).collect();
        printer.result(&names.concat())?;
    } else {
        printer.result(&show::plan(&plan, &printer.for_results()))?;
    }
    Ok(exit(args, &plan))
}

/// Shows what `delete` would do.
async fn delete(args: &args::Plan, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let objects = manifest::load(&args.files.files, printer).await?;
    let context = Context::connect(global, printer).await?;
    context.announce(&objects).await?;
    Ok(exit(args, &preview(&context, &objects, &DeleteOptions::default()).await?))
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
