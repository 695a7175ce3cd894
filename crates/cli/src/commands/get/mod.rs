//! `sagewright get`

mod alarms;
mod metrics;
mod table;

use sagewright_engine::{EngineError, Object};
use sagewright_kinds::Kind;
use serde_json::{Value, json};

use crate::args::{Format, Get, Global};
use crate::context::{Context, engine_failure};
use crate::details::{self, executions};
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use crate::output::terminal::on_line;
use crate::show::aws_name;
use crate::{resource, steps};

/// The kind that has steps.
const EXECUTION: &str = "PipelineExecution";

/// The kind that has executions.
const SCHEDULE: &str = "MonitoringSchedule";

/// Shows resources.
pub(crate) async fn run(args: &Get, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    if let Some((what, names)) = beside(&args.what) {
        return match what {
            Beside::Alarms => alarms::run(names, global, printer).await,
            Beside::Metrics => metrics::run(args, names, global, printer).await,
        };
    }
    let wanted = wanted(&args.what)?;
    let parts = [
        (
            args.steps,
            EXECUTION,
            "steps",
            "--steps is for pipeline executions: sagewright get pipelineexecution NAME --steps",
        ),
        (
            args.executions,
            SCHEDULE,
            "executions to show",
            "--executions is for monitoring schedules: sagewright get monitoringschedule NAME --executions; \
             those of a pipeline: sagewright get pipelineexecutions PIPELINE",
        ),
    ];
    for (_, of, parts, help) in parts.into_iter().filter(|(asked, ..)| *asked) {
        if let Some((kind, _)) = wanted.iter().find(|(kind, _)| kind.name() != of) {
            let message = format!("a {} has no {parts}", kind.words());
            return Err(Failure::new(Exit::Usage, message).help(help).into());
        }
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
        let all = |found: Vec<(_, Vec<Object>)>| found.into_iter().flat_map(|(_, all)| all).collect();
        match printer.format {
            Format::Name => show(&context, found, one, printer).await?,
            _ if args.steps => missing.extend(show_steps(&context, all(found), one, printer).await?),
            _ if args.executions => show_executions(&context, all(found), one, printer).await?,
            _ => show(&context, found, one, printer).await?,
        }
    }
    let last = missing.pop();
    for failure in missing {
        printer.note(&format!("error: {failure}"));
    }
    last.map_or(Ok(Exit::Done), |failure| Err(failure.into()))
}

/// What is shown beside resources of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Alarms,
    Metrics,
}

/// `alarms [NAME…]` or `metrics RESOURCE`.
fn beside(what: &[String]) -> Option<(Beside, &[String])> {
    let (first, names) = what.split_first()?;
    match first.to_lowercase().as_str() {
        "alarm" | "alarms" => Some((Beside::Alarms, names)),
        "metric" | "metrics" => Some((Beside::Metrics, names)),
        _ => None,
    }
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
            documents(found.iter().flat_map(|(_, all)| all.iter().map(Object::to_value)).collect(), one, printer)
        }
        Format::Name => {
            let name = |kind: &Kind, o: &Object| format!("{}/{}\n", kind.name(), on_line(&aws_name(kind, o)));
            let lines: String = found.iter().flat_map(|(kind, all)| all.iter().map(move |o| name(kind, o))).collect();
            printer.result(&lines)
        }
        Format::Table | Format::Wide => {
            let several = found.len() > 1;
            let now = context.now().await;
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
                let wide = printer.format == Format::Wide;
                let rows = details::rows(context, kind, objects, wide, now).await;
                printer.table(&table::View { kind, several, wide, now }.table(&rows))?;
            }
            Ok(())
        }
    }
}

/// One document, or a list of them; nothing where the only one could not be shown.
fn documents(mut items: Vec<Value>, one: bool, printer: &Printer) -> anyhow::Result<()> {
    match (one, items.len()) {
        (true, 0) => Ok(()),
        (true, 1) => items.pop().map_or(Ok(()), |item| printer.document(&item)),
        _ => printer.document(&json!({"apiVersion": "v1", "kind": "List", "items": items})),
    }
}

/// Executions with their steps. Answers what is wrong with those that cannot be shown: the others are all the same.
async fn show_steps(
    context: &Context,
    executions: Vec<Object>,
    one: bool,
    printer: &Printer,
) -> anyhow::Result<Vec<Failure>> {
    let now = context.now().await;
    let (mut items, mut failures) = (Vec::new(), Vec::new());
    let mut first = true;
    let kind = sagewright_kinds::find(EXECUTION);
    for execution in executions {
        let steps = match steps::named(context, &execution).await {
            Ok(steps) => steps,
            Err(error) => {
                let name = kind.map(|kind| aws_name(kind, &execution)).unwrap_or_default();
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
        head(EXECUTION, &execution, &state, &mut first, printer)?;
        printer.table(&steps::table(&steps, started, ended, now))?;
        for (kind, name) in steps.iter().filter(|step| step.failed()).filter_map(steps::Step::made) {
            details::hint(kind, name).iter().for_each(|hint| printer.note(hint));
        }
    }
    if printer.for_programs() {
        documents(items, one, printer)?;
    }
    Ok(failures)
}

/// Schedules with their latest executions.
async fn show_executions(
    context: &Context,
    schedules: Vec<Object>,
    one: bool,
    printer: &Printer,
) -> anyhow::Result<()> {
    let mut items = Vec::new();
    let mut first = true;
    for schedule in schedules {
        let (executions, earlier) = executions::of(context, &schedule).await?;
        if printer.for_programs() {
            let mut item = schedule.to_value();
            item["executions"] = executions::document(&executions);
            items.push(item);
            continue;
        }
        let state = schedule.status.get("monitoringScheduleStatus").and_then(Value::as_str).unwrap_or_default();
        head(SCHEDULE, &schedule, state, &mut first, printer)?;
        printer.table(&executions::table(&executions))?;
        if earlier {
            printer.note("there are earlier executions; these are the latest");
        }
        let last = executions.iter().find_map(|execution| Some((execution.violations()?, execution.job()?)));
        if let Some((violations, (kind, name))) = last {
            printer.note(&format!("`sagewright cp {} .` fetches the last violations", on_line(&violations)));
            details::hint(kind, name).iter().for_each(|hint| printer.note(hint));
        }
    }
    if printer.for_programs() { documents(items, one, printer) } else { Ok(()) }
}

/// The line above the parts of a resource.
fn head(kind: &str, object: &Object, state: &str, first: &mut bool, printer: &Printer) -> anyhow::Result<()> {
    let name = sagewright_kinds::find(kind).map(|kind| aws_name(kind, object)).unwrap_or_default();
    let before = if std::mem::take(first) { "" } else { "\n" };
    printer.result(&format!("{before}{}: {state}\n", on_line(&name)))
}

#[cfg(test)]
mod tests {
    use super::{Beside, beside, wanted};

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

    #[test]
    fn alarms_and_metrics_are_no_kinds() {
        let told = |what: &[&str]| {
            let what: Vec<String> = what.iter().map(|w| (*w).to_owned()).collect();
            beside(&what).map(|(beside, names)| (beside, names.len()))
        };
        assert_eq!(told(&["alarms"]), Some((Beside::Alarms, 0)));
        assert_eq!(told(&["Alarm", "a", "b"]), Some((Beside::Alarms, 2)));
        assert_eq!(told(&["metrics", "Endpoint/e"]), Some((Beside::Metrics, 1)));
        assert_eq!(told(&["models"]), None);
        for name in ["alarm", "alarms", "metric", "metrics"] {
            assert!(sagewright_kinds::find(name).is_none(), "{name}");
        }
    }
}
