//! A set: everything planned and applied at once.

use sagewright_engine::{ApplyOptions, DeleteOptions, NoObserver, Object};

use crate::{Result, Setup, models};

/// Runs the phases.
pub(crate) async fn run(mut setup: Setup, count: usize) -> Result<()> {
    let objects: std::result::Result<Vec<Object>, _> =
        (0..count).map(|number| Object::from_value(models::document(number, "risk"))).collect();
    let objects = objects?;
    setup.meter.lap("declare")?;
    let plan = setup.engine.plan(&objects).await?;
    setup.meter.lap("plan")?;
    if plan.objects.len() != count || !plan.has_changes() {
        return Err("the plan is not whole".into());
    }
    drop(plan);
    let report = setup.engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await?;
    setup.meter.lap("apply")?;
    if !report.is_ok() {
        return Err("the apply failed".into());
    }
    drop(report);
    let again = setup.engine.plan(&objects).await?;
    setup.meter.lap("plan again")?;
    if again.has_changes() {
        return Err("what was applied is not as declared".into());
    }
    drop(again);
    let report = setup.engine.delete(&objects, &DeleteOptions::default(), &NoObserver).await?;
    setup.meter.lap("delete")?;
    if report.is_ok() { Ok(()) } else { Err("the delete failed".into()) }
}
