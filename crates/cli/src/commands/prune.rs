//! `--prune`: deletes what a set no longer declares.

use std::collections::BTreeSet;

use sagewright_engine::{Action, DeleteOptions, Deletion, InUse, Object, Plan, Selector};
use serde_json::json;

use crate::args::{Apply, Format, Global, Set};
use crate::commands::apply::{finish, report};
use crate::commands::delete::{carry_out, count, counted, goes_by};
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
        ask::somebody("what the manifests no longer declare would be deleted")?;
    }
    let context = connect(set, global, printer).await?;
    context.announce(objects).await?;
    let options = DeleteOptions { timeout: args.timeout, ..DeleteOptions::default() };
    let in_use = in_use(args.set.force);
    let goes = what_goes(&context, set, objects, args.set.all_namespaces, in_use, &options).await?;
    if args.dry_run {
        let plan = preview(&context, objects, &goes).await?;
        return Ok(if plan.has_problems() || goes.plan.has_problems() { Exit::Failed } else { Exit::Done });
    }
    if count(&goes) > 0 && !args.yes {
        let plan = context.engine.plan(objects).await.map_err(engine_failure)?;
        printer.note(show::plan(&plan, printer).trim_end());
        printer.note(show::delete_plan(&goes, printer).trim_end());
        let question = format!("Apply, and then delete {}? [y/N]", counted(count(&goes)));
        let answer = ask::ask(&question, printer).await?;
        if !matches!(answer.to_lowercase().as_str(), "y" | "yes") {
            printer.note("nothing was done");
            return Ok(Exit::Failed);
        }
    } else if !goes.plan.objects.is_empty() {
        printer.note(show::delete_plan(&goes, printer).trim_end());
    }
    let mut done = report(args, &context, objects).await?;
    if !done.is_ok() {
        if count(&goes) > 0 {
            printer.note("nothing was deleted: what is declared did not go well");
        }
        return finish(&done, &goes.users, printer);
    }
    // All is as declared now. Something may use by now what nothing used then; what was shown to stay stays.
    let shown = goes.plan.objects.iter().filter(|planned| goes_by(planned));
    let shown: Vec<Object> = shown.map(|planned| planned.object.clone()).collect();
    let now = context.engine.plan_deletion(&shown, &[], in_use, &options).await.map_err(engine_failure)?;
    done.objects.extend(carry_out(&context, &now, &options).await?.objects);
    done.objects.extend(goes.held());
    let users = goes.users.into_iter().chain(now.users).collect();
    finish(&done, &users, printer)
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
    let context = connect(set, global, printer).await?;
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

/// As for kubectl: a label that some objects do not bear is no label of the set, and they would be pruned by nobody.
fn all_are_of(set: &Selector, objects: &[Object]) -> Result<(), Failure> {
    let others: Vec<String> = objects.iter().filter(|o| !set.selects(o)).map(|o| o.id().to_string()).collect();
    if others.is_empty() {
        return Ok(());
    }
    let message = format!("the label {set} is missing on {}; nothing was done", others.join(", "));
    Err(Failure::new(Exit::Manifest, message).help("all objects of the manifests have to bear it, in metadata.labels"))
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

/// Shows what would be done, and what would be deleted.
async fn preview(context: &Context, objects: &[Object], goes: &Deletion) -> anyhow::Result<Plan> {
    let printer = &context.printer;
    let plan = context.engine.plan(objects).await.map_err(engine_failure)?;
    if printer.for_programs() {
        let deletes = show::delete_plan_value(goes, printer);
        printer.document(&json!({"apply": show::plan_value(&plan, printer), "delete": deletes}))?;
        return Ok(plan);
    }
    show_plan(&plan, printer)?;
    if !goes.plan.objects.is_empty() {
        crate::commands::delete::show(goes, printer)?;
    } else if printer.format != Format::Name {
        printer.note("nothing would be deleted");
    }
    Ok(plan)
}
