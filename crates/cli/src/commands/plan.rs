//! `sagewright plan`

use sagewright_engine::plan_offline;

use crate::args::{Format, Global, Plan};
use crate::context::{Context, engine_failure};
use crate::exit::Exit;
use crate::manifest::{self, BuiltIns};
use crate::output::Printer;
use crate::show;

/// Shows what `apply` would do.
pub(crate) async fn run(args: &Plan, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let objects = manifest::load_for(&BuiltIns::of(global), &args.files.files, printer).await?;
    let plan = if args.offline {
        plan_offline(&objects).map_err(engine_failure)?
    } else {
        Context::connect(global, printer).await?.engine.plan(&objects).await.map_err(engine_failure)?
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
    Ok(if plan.has_problems() {
        Exit::Failed
    } else if args.exit_code && plan.has_changes() {
        Exit::Changes
    } else {
        Exit::Done
    })
}
