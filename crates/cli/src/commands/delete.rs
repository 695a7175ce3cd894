//! `sagewright delete`

use std::collections::HashMap;

use sagewright_engine::{DeleteOptions, Deletion, InUse, Object, Outcome, Plan, Report};

use crate::args::{Delete, Format, Global};
use crate::commands::apply::finish;
use crate::commands::set::{self, Namespaces};
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
        let would = match &args.selector {
            Some(set) => format!("this may delete resources of the set {set}"),
            None => format!("{} would be deleted", counted(declared.len() + names.len())),
        };
        ask::somebody(&would, ask::DRY_RUN)?;
    }
    let mut context = Context::connect(global, printer).await?;
    let options = DeleteOptions {
        wait: !args.no_wait,
        timeout: args.timeout,
        unowned: args.unmanaged,
        force: args.force,
        only_of: args.selector.clone(),
    };
    context.announce(&declared).await?;
    let objects = match &args.selector {
        Some(set) => {
            let within = Namespaces::of(args.all_namespaces, [args.namespace.clone()]);
            set::undeclared(&context, set, &[], &within).await?
        }
        None if args.files.is_empty() => named(args, &context).await?,
        None => declared,
    };
    let goes = deletion(&context, &objects, &options).await?;
    if args.dry_run {
        show(&goes, printer)?;
        return Ok(if goes.plan.has_problems() { Exit::Failed } else { Exit::Done });
    }
    if !args.yes && !confirmed(&goes, printer).await? {
        printer.note("nothing was deleted");
        return Ok(Exit::Failed);
    }
    tell_unknown(&goes, printer);
    // Only what was seen to go may go: of nothing else it is known what uses it.
    let done = carry_out(&context, &goes, &goes.plan, &options).await?;
    if args.force {
        tell_users(&goes, &done, printer);
    }
    finish(&done, &goes.users, printer)
}

/// What a delete of objects would do: what something else still uses is refused, unless it is forced.
pub(crate) async fn deletion(
    context: &Context,
    objects: &[Object],
    options: &DeleteOptions,
) -> anyhow::Result<Deletion> {
    let in_use = match &options.only_of {
        _ if options.force => InUse::Delete,
        // Nobody named the objects of a set one by one.
        Some(_) => InUse::Keep,
        None => InUse::Refuse,
    };
    Ok(context.engine.plan_deletion(objects, &[], in_use, options).await.map_err(engine_failure)?)
}

/// Shows what a delete would do.
pub(crate) fn show(goes: &Deletion, printer: &Printer) -> anyhow::Result<()> {
    if printer.format == Format::Name {
        let names: Vec<_> = goes.plan.objects.iter().filter(|p| p.decision.writes()).map(|p| &p.object).collect();
        let lines: String = names.iter().map(|object| format!("{}/{}\n", object.kind, object.metadata.name)).collect();
        return printer.result(&lines);
    }
    if printer.for_programs() {
        return printer.document(&show::delete_plan_value(goes, printer));
    }
    printer.result(&show::delete_plan(goes, &printer.for_results()))
}

/// How many resources would go.
pub(crate) fn count(goes: &Deletion) -> usize {
    goes.plan.objects.iter().filter(|planned| planned.goes()).count()
}

/// Shows what would go, and asks whether it may. Where nothing would go there is nothing to ask, and nothing goes.
async fn confirmed(goes: &Deletion, printer: &Printer) -> anyhow::Result<bool> {
    let count = count(goes);
    if count == 0 {
        return Ok(true);
    }
    printer.note(show::delete_plan(goes, printer).trim_end());
    ask::confirm(&format!("Delete {}?", counted(count)), printer).await
}

/// Deletes what goes, and nothing that was shown to stay. Tells of all objects in their order: those left alone, too.
pub(crate) async fn carry_out(
    context: &Context,
    goes: &Deletion,
    shown: &Plan,
    options: &DeleteOptions,
) -> anyhow::Result<Report> {
    let progress = Progress::new(context, None);
    let outcome = context.engine.delete_planned(&goes.objects(), shown, options, &progress).await;
    progress.finish().await;
    let mut report = outcome.map_err(engine_failure)?;
    report.objects.extend(goes.held());
    let places: HashMap<_, _> = goes.plan.objects.iter().enumerate().map(|(at, p)| (p.object.id(), at)).collect();
    report.objects.sort_by_cached_key(|done| places.get(&done.object.id()).copied());
    Ok(report)
}

/// Says what could not be looked at, of what goes.
fn tell_unknown(goes: &Deletion, printer: &Printer) {
    for id in goes.plan.objects.iter().filter(|planned| planned.goes()).map(|planned| planned.object.id()) {
        for why in goes.users.get(&id).into_iter().flat_map(|users| &users.unknown) {
            printer.note(&format!("warning: {id} may still be in use: {why}"));
        }
    }
}

/// Says what was in use and was deleted anyway.
fn tell_users(goes: &Deletion, done: &Report, printer: &Printer) {
    let deleted = done.objects.iter().filter(|object| object.outcome == Outcome::Deleted);
    for (id, users) in deleted.filter_map(|object| goes.users.get_key_value(&object.object.id())) {
        if users.by.is_empty() {
            continue;
        }
        let by: Vec<&str> = users.by.iter().map(String::as_str).collect();
        printer.note(&format!(
            "warning: {id} was deleted, and {} still {} it",
            by.join(", "),
            if by.len() == 1 { "uses" } else { "use" }
        ));
    }
}

pub(crate) fn counted(count: usize) -> String {
    if count == 1 { "1 resource".to_owned() } else { format!("{count} resources") }
}

/// Named resources are deleted in the name of the object that owns them; one that nobody owns only when that is said.
async fn named(args: &Delete, context: &Context) -> anyhow::Result<Vec<Object>> {
    let mut named: Vec<(&str, String, Object)> = Vec::new();
    for text in &args.resources {
        let (kind, name) = resource::kind_and_name(text)?;
        let found = context.engine.describe(kind, name).await.map_err(engine_failure)?;
        let mut object = context.engine.export(kind, name).await.map_err(engine_failure)?;
        match found.owner {
            Some(owner) => {
                object.metadata.namespace = Some(owner.namespace);
                object.metadata.name = owner.name;
            }
            None if args.unmanaged => {}
            None => {
                return Err(Failure::new(Exit::Failed, format!("no manifest manages {text}"))
                    .help("pass --unmanaged to delete it anyway")
                    .into());
            }
        }
        object.status = found.object.status;
        match named.iter().find(|(_, _, other)| other.id() == object.id()) {
            // Named twice is meant once.
            Some((_, other, _)) if *other == found.resource => {}
            Some((other, _, _)) => {
                let id = object.id();
                return Err(Failure::new(
                    Exit::Failed,
                    format!("{other} and {text} both have the owner {id}; nothing was deleted"),
                )
                .help("delete them in two commands")
                .into());
            }
            None => named.push((text, found.resource, object)),
        }
    }
    Ok(named.into_iter().map(|(_, _, object)| object).collect())
}
