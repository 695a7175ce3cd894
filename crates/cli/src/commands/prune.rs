//! `sagewright apply --prune`

use std::collections::{BTreeMap, BTreeSet};

use sagewright_engine::{
    Action, DeleteOptions, Object, ObjectId, ObjectReport, Outcome, Plan, Planned, Selector, Users,
};
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
        ask::somebody("this would delete resources that the manifests no longer declare")?;
    }
    let mut context = Context::connect(global, printer).await?;
    context.engine = context.engine.for_set(set.clone());
    context.announce(objects).await?;
    let undeclared = context.engine.undeclared(set, objects).await.map_err(engine_failure)?;
    undeclared.unknown.iter().for_each(|why| printer.note(&format!("warning: {why}")));
    strangers(set, objects, &undeclared.objects).iter().for_each(|warning| printer.note(warning));
    let options = DeleteOptions { timeout: args.timeout, ..DeleteOptions::default() };
    let goes = what_goes(&context, undeclared.objects, &options).await?;
    if args.dry_run {
        return dry_run(&context, objects, &goes).await;
    }
    if !goes.objects.is_empty() {
        let users = context.engine.users(&goes).await;
        printer.note(show::delete_plan(&goes, &users, printer).trim_end());
    }
    let count = goes.objects.iter().filter(|planned| planned.goes()).count();
    let question = || format!("Apply, and then delete {}?", counted(count));
    if count > 0 && !args.yes && !ask::confirm(&question(), printer).await? {
        printer.note("nothing was done");
        return Ok(Exit::Failed);
    }
    let mut done = report(args, &context, objects).await?;
    if !done.is_ok() {
        if !goes.objects.is_empty() {
            printer.note("nothing was deleted, because the apply failed");
        }
        return finish(&done, printer);
    }
    done.objects.extend(delete(&context, goes, &options, args.force).await?);
    finish(&done, printer)
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

/// Undeclared objects of namespaces that the manifests do not use: another project may use the same label.
fn strangers(set: &Selector, declared: &[Object], undeclared: &[Object]) -> Vec<String> {
    let own: BTreeSet<String> = declared.iter().map(|object| object.id().namespace).collect();
    let others = undeclared.iter().map(Object::id).filter(|id| !own.contains(&id.namespace));
    let warn = |id: ObjectId| {
        format!(
            "warning: {id} is of a namespace that these manifests do not use; if another project uses the label {set} \
             too, give each project an installation of its own in .sagewright.toml"
        )
    };
    others.map(warn).collect()
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

/// Deletes what was shown to go, except for what is in use now that all is as declared. Tells of each.
async fn delete(
    context: &Context,
    mut shown: Plan,
    options: &DeleteOptions,
    force: bool,
) -> anyhow::Result<Vec<ObjectReport>> {
    let mut objects: Vec<Object> = shown.objects.iter().map(|planned| planned.object.clone()).collect();
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let now = context.engine.plan_delete(&objects, options).await.map_err(engine_failure)?;
    let kept = kept(&now, &context.engine.users(&now).await, force);
    objects.retain(|object| !kept.contains_key(&object.id()));
    let (stay, go): (Vec<Planned>, Vec<Planned>) =
        now.objects.into_iter().partition(|planned| kept.contains_key(&planned.object.id()));
    // What was not shown to go does not go, whatever is seen now.
    shown.objects.retain(|planned| !planned.goes());
    let stays: BTreeSet<ObjectId> = shown.objects.iter().map(|planned| planned.object.id()).collect();
    shown.objects.extend(go.into_iter().filter(|planned| !stays.contains(&planned.object.id())));
    let mut reports: Vec<ObjectReport> = stay.into_iter().map(|planned| retained(planned, &kept)).collect();
    if !objects.is_empty() {
        let progress = Progress::new(context, None);
        let outcome = context.engine.delete_planned(&objects, &shown, options, &progress).await;
        progress.finish().await;
        reports.extend(outcome.map_err(engine_failure)?.objects);
    }
    Ok(reports)
}

/// What stays of a plan because something uses it, or may, and why. What something uses that stays, stays too: dependents
/// come first in the plan.
fn kept(plan: &Plan, users: &BTreeMap<usize, Users>, force: bool) -> BTreeMap<ObjectId, String> {
    let mut kept: BTreeMap<ObjectId, String> = BTreeMap::new();
    for (i, planned) in plan.objects.iter().enumerate().filter(|(_, planned)| planned.goes()) {
        let of = users.get(&i).cloned().unwrap_or_default();
        let staying =
            planned.after.iter().filter(|id| kept.contains_key(id)).map(|id| format!("{}/{}", id.kind, id.name));
        let by: BTreeSet<String> = of.by.into_iter().chain(staying).collect();
        let unknown: Vec<String> = if force { Vec::new() } else { of.unknown.into_iter().collect() };
        let why = match (by.is_empty(), unknown.is_empty()) {
            (true, true) => continue,
            (false, _) => format!("still used by {}", by.into_iter().collect::<Vec<_>>().join(", ")),
            (true, false) => {
                format!("it may still be in use: {}\n--force deletes it in spite of that", unknown.join("; "))
            }
        };
        kept.insert(planned.object.id(), why);
    }
    kept
}

fn retained(planned: Planned, kept: &BTreeMap<ObjectId, String>) -> ObjectReport {
    ObjectReport {
        message: kept.get(&planned.object.id()).cloned().unwrap_or_default(),
        object: planned.object,
        resource: planned.resource,
        outcome: Outcome::Retained,
        changes: Vec::new(),
        failure: None,
    }
}
