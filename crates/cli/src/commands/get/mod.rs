//! `sagewright get`

mod steps;
mod table;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use sagewright_engine::{EngineError, Object};
use sagewright_kinds::Kind;
use serde_json::{Value, json};

use crate::args::{Format, Get, Global};
use crate::context::{Context, engine_failure};
use crate::exit::{Exit, Failure};
use crate::local;
use crate::output::Printer;
use crate::output::terminal::on_line;
use crate::paths;
use crate::resource;

/// The kind that has steps.
const EXECUTION: &str = "PipelineExecution";

/// Descriptions read at the same time.
const AT_ONCE: usize = 8;

/// Shows resources.
pub(crate) async fn run(args: &Get, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let wanted = wanted(&args.what)?;
    if let Some((kind, _)) = wanted.iter().find(|(kind, _)| args.steps && kind.name() != EXECUTION) {
        return Err(Failure::new(Exit::Usage, format!("a {} has no steps", kind.words()))
            .help("--steps is for pipeline executions: sagewright get pipelineexecution NAME --steps")
            .into());
    }
    let one = matches!(wanted.as_slice(), [(_, Some(_))]);
    let mut context = Context::connect(global, printer).await?;
    let mut found: Vec<(&'static Kind, Vec<Object>)> = Vec::new();
    let mut missing = Vec::new();
    let mut first = true;
    for (kind, name) in wanted {
        let reading = async |context: Context| context.engine.get(kind, name).await;
        let read = if first { context.announce_beside(&[], reading).await? } else { reading(context.clone()).await };
        first = false;
        let objects = match read {
            Ok(objects) => objects,
            // The others are shown all the same.
            Err(error @ EngineError::NotFound { .. }) => {
                missing.push(engine_failure(error));
                continue;
            }
            Err(error) => return Err(engine_failure(error).into()),
        };
        match found.last_mut() {
            Some((last, all)) if last.name() == kind.name() => all.extend(objects),
            _ => found.push((kind, objects)),
        }
    }
    if !found.is_empty() {
        if args.steps && printer.format != Format::Name {
            let executions = found.into_iter().flat_map(|(_, all)| all).collect();
            missing.extend(show_steps(&context, executions, one, printer).await?);
        } else {
            show(&context, found, one, printer).await?;
        }
    }
    let last = missing.pop();
    for failure in missing {
        printer.note(&format!("error: {failure}"));
    }
    last.map_or(Ok(Exit::Done), |failure| Err(failure.into()))
}

/// `KIND[,KIND…] [NAME…]` or `KIND/NAME…`. Names may be ARNs, which hold slashes of their own.
fn wanted(what: &[String]) -> Result<Vec<(&'static Kind, Option<&str>)>, Failure> {
    let Some((first, names)) = what.split_first() else { return Ok(Vec::new()) };
    if first.contains('/') {
        return what.iter().map(|text| resource::kind_and_name(text).map(|(k, n)| (k, Some(n)))).collect();
    }
    let kinds = first.split(',').map(resource::kind).collect::<Result<Vec<_>, _>>()?;
    match (kinds.as_slice(), names) {
        (_, []) => Ok(kinds.into_iter().map(|k| (k, None)).collect()),
        ([kind], names) => Ok(names.iter().map(|name| (*kind, Some(name.as_str()))).collect()),
        _ => Err(Failure::new(Exit::Usage, "names of several kinds cannot be told apart")
            .help("write KIND/NAME for each: sagewright get Model/a Endpoint/b")),
    }
}

async fn show(
    context: &Context,
    found: Vec<(&'static Kind, Vec<Object>)>,
    one: bool,
    printer: &Printer,
) -> anyhow::Result<()> {
    match printer.format {
        Format::Json | Format::Yaml => {
            let mut items: Vec<Value> = found.iter().flat_map(|(_, all)| all.iter().map(Object::to_value)).collect();
            match (one && items.len() == 1, items.pop()) {
                (true, Some(item)) => printer.document(&item),
                (_, last) => {
                    items.extend(last);
                    printer.document(&json!({"apiVersion": "v1", "kind": "List", "items": items}))
                }
            }
        }
        Format::Name => {
            let name = |kind: &Kind, o: &Object| format!("{}/{}\n", kind.name(), on_line(&table::aws_name(kind, o)));
            let lines: String = found.iter().flat_map(|(kind, all)| all.iter().map(move |o| name(kind, o))).collect();
            printer.result(&lines)
        }
        Format::Table | Format::Wide => {
            let several = found.len() > 1;
            let now = now(context).await;
            let mut first = true;
            for (kind, objects) in &found {
                if objects.is_empty() {
                    printer.note(&format!("no {} in {}", kind.plural(), context.target.region));
                    continue;
                }
                if !first {
                    printer.result("\n")?;
                }
                first = false;
                let view = table::View { kind, several, now };
                let table = if printer.format == Format::Wide {
                    view.wide(&described(context, kind, objects).await)
                } else {
                    view.narrow(objects)
                };
                printer.table(&table)?;
            }
            Ok(())
        }
    }
}

/// Executions with their steps. Answers what is wrong with those that cannot be shown: the others are all the same.
async fn show_steps(
    context: &Context,
    executions: Vec<Object>,
    one: bool,
    printer: &Printer,
) -> anyhow::Result<Vec<Failure>> {
    let now = now(context).await;
    let (mut items, mut failures) = (Vec::new(), Vec::new());
    let mut first = true;
    let kind = sagewright_kinds::find(EXECUTION);
    for execution in executions {
        let name = kind.map(|kind| table::aws_name(kind, &execution)).unwrap_or_default();
        let steps = match steps::of(context, &execution).await {
            Ok(steps) => steps,
            Err(error) => {
                failures.push(Failure::new(Exit::Failed, format!("no steps of {EXECUTION} {name}: {error:#}")));
                continue;
            }
        };
        if printer.for_programs() {
            let mut item = execution.to_value();
            item["steps"] = steps::document(&steps);
            items.push(item);
            continue;
        }
        let status = |member: &str| execution.status.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        let state = status("pipelineExecutionStatus");
        let ended = !matches!(&*state, "Executing" | "Stopping");
        let started = status("creationTime").parse().ok();
        printer.result(&format!("{}{}: {state}\n", if first { "" } else { "\n" }, on_line(&name)))?;
        first = false;
        printer.table(&steps::table(&steps, started, ended, now))?;
    }
    match (printer.for_programs(), one && items.len() == 1, items.pop()) {
        (false, ..) => {}
        (true, true, Some(item)) => printer.document(&item)?,
        // The only one could not be shown.
        (true, true, None) => {}
        (true, false, last) => {
            items.extend(last);
            printer.document(&json!({"apiVersion": "v1", "kind": "List", "items": items}))?;
        }
    }
    Ok(failures)
}

/// The time by which ages count: the simulated one of the embedded cloud that is up on the data folder.
async fn now(context: &Context) -> Timestamp {
    let server = local::running(&paths::data(context.global.data.as_ref())).filter(|server| {
        context.embedded && context.endpoint.as_deref().map(|url| url.trim_end_matches('/')) == Some(&server.endpoint)
    });
    let clocks = match server {
        Some(server) => local::clock::ask(&server, None).await.ok(),
        None => None,
    };
    clocks.and_then(|clocks| clocks.simulated()).unwrap_or_else(Timestamp::now)
}

/// Objects as reads give them, with their owners: listings say less. One that went away meanwhile stays as listed.
async fn described(context: &Context, kind: &'static Kind, objects: &[Object]) -> Vec<(Object, Option<String>)> {
    stream::iter(objects.to_vec())
        .map(|object| async move {
            let name = object.arn().filter(|_| kind.is_arn_identified()).map(str::to_owned);
            let name = name.unwrap_or_else(|| table::aws_name(kind, &object));
            match context.engine.describe(kind, &name).await {
                Ok(found) => (found.object, found.owner.map(|owner| owner.short(&context.installation))),
                Err(_) => (object, None),
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await
}

#[cfg(test)]
mod tests {
    use super::wanted;

    fn told(what: &[&str]) -> Result<Vec<(String, Option<String>)>, String> {
        let what: Vec<String> = what.iter().map(|w| (*w).to_owned()).collect();
        wanted(&what)
            .map(|all| all.into_iter().map(|(k, n)| (k.name().to_owned(), n.map(str::to_owned))).collect())
            .map_err(|e| e.to_string())
    }

    fn pair(kind: &str, name: Option<&str>) -> (String, Option<String>) {
        (kind.to_owned(), name.map(str::to_owned))
    }

    #[test]
    fn kinds_and_names_are_told_apart() {
        assert_eq!(told(&["endpoints,models"]).unwrap(), [pair("Endpoint", None), pair("Model", None)]);
        assert_eq!(told(&["model", "a", "b"]).unwrap(), [pair("Model", Some("a")), pair("Model", Some("b"))]);
        assert_eq!(told(&["modelpackage", "mnist/1"]).unwrap(), [pair("ModelPackage", Some("mnist/1"))]);
        assert_eq!(told(&["Model/a", "Endpoint/b"]).unwrap(), [pair("Model", Some("a")), pair("Endpoint", Some("b"))]);
        assert!(told(&["endpoints,models", "a"]).is_err());
        assert!(told(&["Model/a", "b"]).unwrap_err().contains("`b` names no resource"));
    }
}
