//! `sagewright apply --prune`

use sagewright_engine::{Action, DeleteOptions, Object, Plan, Report, Selector};
use serde_json::json;

use crate::args::{Apply, Global};
use crate::commands::apply::{finish, report};
use crate::commands::delete::counted;
use crate::commands::plan::show_plan;
use crate::context::{Context, engine_failure};
use crate::exit::{Exit, Failure};
use crate::output::{Printer, ask};
use crate::progress::Progress;
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
    let mut context = Context::connect(global, printer).await?;
    context.engine = context.engine.for_set(set.clone());
    context.announce(objects).await?;
    let undeclared = context.engine.undeclared(set, objects).await.map_err(engine_failure)?;
    undeclared.unknown.iter().for_each(|why| printer.note(&format!("warning: {why}")));
    let options = DeleteOptions { timeout: args.timeout, ..DeleteOptions::default() };
    let goes = what_goes(&context, undeclared.objects, &options).await?;
    if args.dry_run {
        return dry_run(&context, objects, &goes).await;
    }
    if !goes.objects.is_empty() {
        let users = context.engine.users(&goes).await;
        printer.note(show::delete_plan(&goes, &users, printer).trim_end());
    }
    if !goes.objects.is_empty() && !args.yes {
        let question = format!("Apply, and then delete {}? [y/N]", counted(goes.objects.len()));
        let answer = ask::ask(&question, printer).await?;
        if !matches!(answer.to_lowercase().as_str(), "y" | "yes") {
            printer.note("nothing was done");
            return Ok(Exit::Failed);
        }
    }
    let mut done = report(args, &context, objects).await?;
    if !done.is_ok() {
        if !goes.objects.is_empty() {
            printer.note("nothing was deleted: what is declared did not go well");
        }
        return finish(&done, printer);
    }
    let deleted = delete(&context, &goes, &options).await?;
    done.objects.extend(deleted.into_iter().flat_map(|report| report.objects));
    finish(&done, printer)
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

/// What of a set's undeclared objects a delete would do something about. AWS keeps the records of jobs that have ended.
async fn what_goes(context: &Context, objects: Vec<Object>, options: &DeleteOptions) -> anyhow::Result<Plan> {
    let mut plan = context.engine.plan_delete(&objects, options).await.map_err(engine_failure)?;
    plan.objects.retain(|planned| !planned.is_ok() || planned.action() != Action::None);
    Ok(plan)
}

async fn dry_run(context: &Context, objects: &[Object], goes: &Plan) -> anyhow::Result<Exit> {
    let printer = &context.printer;
    let plan = context.engine.plan(objects).await.map_err(engine_failure)?;
    let users = context.engine.users(goes).await;
    if printer.for_programs() {
        let deletes = show::delete_plan_value(goes, &users);
        printer.document(&json!({"apply": show::plan_value(&plan), "delete": deletes}))?;
    } else {
        show_plan(&plan, printer)?;
        if goes.objects.is_empty() {
            printer.note("nothing would be deleted");
        } else {
            printer.result(&show::delete_plan(goes, &users, &printer.for_results()))?;
        }
    }
    Ok(if plan.has_problems() || goes.has_problems() { Exit::Failed } else { Exit::Done })
}

/// Deletes what was shown, but for what something that stays still uses now that all is as declared.
async fn delete(context: &Context, goes: &Plan, options: &DeleteOptions) -> anyhow::Result<Option<Report>> {
    let mut objects: Vec<Object> = goes.objects.iter().map(|planned| planned.object.clone()).collect();
    loop {
        if objects.is_empty() {
            return Ok(None);
        }
        let plan = context.engine.plan_delete(&objects, options).await.map_err(engine_failure)?;
        let users = context.engine.users(&plan).await;
        let mut free = Vec::new();
        for (i, planned) in plan.objects.iter().enumerate() {
            match users.get(&i).filter(|users| !users.by.is_empty()) {
                None => free.push(planned.object.clone()),
                Some(users) => {
                    let by: Vec<&str> = users.by.iter().map(String::as_str).collect();
                    let id = planned.object.id();
                    context.printer.note(&format!("{id}: not deleted, still used by {}", by.join(", ")));
                }
            }
        }
        if free.len() == objects.len() {
            break;
        }
        objects = free;
    }
    let progress = Progress::new(context, None);
    let outcome = context.engine.delete(&objects, options, &progress).await;
    progress.finish().await;
    Ok(Some(outcome.map_err(engine_failure)?))
}
