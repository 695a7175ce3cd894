//! `--prune`: deletes what a set no longer declares.

use std::collections::BTreeSet;

use sagewright_engine::{Action, DeleteOptions, Deletion, InUse, Object, Plan, Report, Selector};
use serde_json::json;

use crate::args::{Apply, Format, Global, Set};
use crate::commands::apply::{finish, report};
use crate::commands::delete::{carry_out, count, counted};
use crate::commands::plan::show_plan;
use crate::commands::set::{Namespaces, undeclared};
use crate::context::{Context, engine_failure};
use crate::exit::{Exit, Failure};
use crate::output::{Printer, ask};
use crate::show;

/// Makes the cloud match a set's manifests, and deletes what the set no longer declares.
pub(crate) async fn run(
    args: &Apply,
    set: &Selector,
    objects: &[Object],
    global: &Global,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    all_are_of(set, objects)?;
    if !args.yes && !args.dry_run {
        ask::somebody("--prune may delete resources that the manifests no longer declare", ask::DRY_RUN)?;
    }
    let mut context = connect(set, global, printer).await?;
    context.announce(objects).await?;
    let options = DeleteOptions { timeout: args.timeout, only_of: Some(set.clone()), ..DeleteOptions::default() };
    let in_use = in_use(args.set.force);
    let mut goes = what_goes(&context, set, objects, args.set.all_namespaces, in_use, &options).await?;
    if args.dry_run {
        let plan = preview(&context, objects, &goes).await?;
        return Ok(if plan.has_problems() || goes.plan.has_problems() { Exit::Failed } else { Exit::Done });
    }
    if count(&goes) > 0 && !args.yes {
        let plan = context.engine.plan(objects).await.map_err(engine_failure)?;
        printer.note(show::plan(&plan, printer).trim_end());
        printer.note(show::delete_plan(&goes, printer).trim_end());
        tell_failing(&plan, &goes, printer);
        let question = format!("Apply, and then delete {}?", counted(count(&goes)));
        if !ask::confirm(&question, printer).await? {
            printer.note("nothing was done");
            return Ok(Exit::Failed);
        }
    } else if !goes.plan.objects.is_empty() {
        printer.note(show::delete_plan(&goes, printer).trim_end());
    }
    let mut done = report(args, &context, objects).await?;
    if !done.is_ok() {
        if count(&goes) > 0 {
            printer.note("nothing was deleted, because the apply failed");
        }
        return finish(&done, &goes.users, printer);
    }
    done.objects.extend(delete(&context, &mut goes, in_use, &options).await?.objects);
    finish(&done, &goes.users, printer)
}

/// Deletes what was shown to go, except for what is in use now that all is as declared.
async fn delete(
    context: &Context,
    goes: &mut Deletion,
    in_use: InUse,
    options: &DeleteOptions,
) -> anyhow::Result<Report> {
    let now = context.engine.plan_deletion(&goes.objects(), &[], in_use, options).await.map_err(engine_failure)?;
    // What was not shown to go does not go, whatever is seen now.
    let stay = goes.plan.objects.iter().chain(&now.plan.objects).filter(|planned| !planned.goes());
    let shown = Plan { objects: stay.cloned().collect() };
    let mut report = carry_out(context, &now, &shown, options).await?;
    report.objects.extend(goes.held());
    goes.users.extend(now.users);
    Ok(report)
}

/// What becomes of what is in use.
fn in_use(force: bool) -> InUse {
    if force { InUse::KeepUsed } else { InUse::Keep }
}

/// What `plan` shows of a set.
pub(crate) async fn plan(
    args: &Set,
    set: &Selector,
    objects: &[Object],
    global: &Global,
    printer: &Printer,
) -> anyhow::Result<(Plan, Plan)> {
    all_are_of(set, objects)?;
    let mut context = connect(set, global, printer).await?;
    context.announce(objects).await?;
    let goes =
        what_goes(&context, set, objects, args.all_namespaces, in_use(args.force), &DeleteOptions::default()).await?;
    Ok((preview(&context, objects, &goes).await?, goes.plan))
}

/// An engine that marks what it applies as the set's.
async fn connect(set: &Selector, global: &Global, printer: &Printer) -> anyhow::Result<Context> {
    let mut context = Context::connect(global, printer).await?;
    context.engine = context.engine.for_set(set.clone());
    Ok(context)
}

/// As for kubectl: a label that some objects do not have is not the set's, and nothing would ever prune them.
fn all_are_of(set: &Selector, objects: &[Object]) -> Result<(), Failure> {
    let others: Vec<String> = objects.iter().filter(|o| !set.selects(o)).map(|o| o.id().to_string()).collect();
    if others.is_empty() {
        return Ok(());
    }
    let verb = if others.len() == 1 { "does" } else { "do" };
    let message = format!("{} {verb} not have the label {set}; nothing was done", others.join(", "));
    Err(Failure::new(Exit::Manifest, message).help("every object in the manifests must have it in metadata.labels"))
}

/// What of a set's undeclared objects a delete would do something about, once what is declared was applied. AWS keeps the
/// records of jobs that have ended.
async fn what_goes(
    context: &Context,
    set: &Selector,
    declared: &[Object],
    all_namespaces: bool,
    in_use: InUse,
    options: &DeleteOptions,
) -> anyhow::Result<Deletion> {
    let named: BTreeSet<String> = declared.iter().map(|object| object.id().namespace).collect();
    let within = Namespaces::of(all_namespaces, named);
    let objects = undeclared(context, set, declared, &within).await?;
    let mut goes = context.engine.plan_deletion(&objects, declared, in_use, options).await.map_err(engine_failure)?;
    goes.retain(|planned| !planned.is_ok() || planned.action() != Action::None);
    Ok(goes)
}

/// Says that nothing would be deleted, where the plan shows deletes that an apply would not come to.
fn tell_failing(plan: &Plan, goes: &Deletion, printer: &Printer) {
    if plan.has_problems() && count(goes) > 0 {
        printer.note("nothing would be deleted, because the apply would fail");
    }
}

/// Shows what would be done, and what would be deleted.
async fn preview(context: &Context, objects: &[Object], goes: &Deletion) -> anyhow::Result<Plan> {
    let printer = &context.printer;
    let plan = context.engine.plan(objects).await.map_err(engine_failure)?;
    if printer.for_programs() {
        let deletes = show::delete_plan_value(goes, printer);
        tell_failing(&plan, goes, printer);
        printer.document(&json!({"apply": show::plan_value(&plan, printer), "delete": deletes}))?;
        return Ok(plan);
    }
    show_plan(&plan, printer)?;
    if !goes.plan.objects.is_empty() {
        crate::commands::delete::show(goes, printer)?;
        tell_failing(&plan, goes, printer);
    } else if printer.format != Format::Name {
        printer.note("nothing would be deleted");
    }
    Ok(plan)
}
