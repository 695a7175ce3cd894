//! `sagewright get metrics`

use std::time::Duration;

use jiff::Timestamp;
use sagewright_engine::{Description, EngineError};
use sagewright_kinds::Kind;
use serde_json::{Value, json};

use crate::args::{Format, Get, Global};
use crate::context::{Context, engine_failure};
use crate::exit::{Exit, Failure};
use crate::metrics::endpoint::{self, Detail, MEASURES};
use crate::metrics::{self, Query, Window, number};
use crate::output::{Printer, Table};
use crate::resource;
use crate::steps::instant;

/// The documents' format.
const FORMAT: &str = "sagewright.dev/metrics/v1";
/// The time that is looked at of an endpoint, unless it is said.
const HOUR: Duration = Duration::from_secs(3600);
/// Kinds that have metrics here; a name without a kind is one of the first that has it.
const KINDS: [&str; 2] = ["Endpoint", "TrainingJob"];
/// Where SageMaker writes what training jobs log.
const TRAINING_JOBS: &str = "/aws/sagemaker/TrainingJobs";

/// Shows what CloudWatch measured of a resource.
pub(super) async fn run(args: &Get, names: &[String], global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let [name] = names else {
        return Err(Failure::new(Exit::Usage, "the metrics of one resource are shown at a time")
            .help("name an endpoint or a training job: sagewright get metrics Endpoint/NAME")
            .into());
    };
    let kinds = kinds(name)?;
    let mut context = Context::connect(global, printer).await?;
    context.announce(&[]).await?;
    let (kind, found) = described(&context, &kinds).await?;
    match kind.name() {
        "Endpoint" => of_endpoint(args, &context, &found).await?,
        _ => of_job(args, &context, &found).await?,
    }
    Ok(Exit::Done)
}

/// The kinds that a name may be of, each with the name.
fn kinds(text: &str) -> Result<Vec<(&'static Kind, &str)>, Failure> {
    if !text.contains('/') {
        return Ok(KINDS.iter().filter_map(|kind| Some((sagewright_kinds::find(kind)?, text))).collect());
    }
    let (kind, name) = resource::kind_and_name(text)?;
    if !KINDS.contains(&kind.name()) {
        return Err(Failure::new(Exit::Usage, format!("the metrics of a {} are not shown", kind.words()))
            .help(format!("those of these are: {}", KINDS.join(", "))));
    }
    Ok(vec![(kind, name)])
}

/// The first of some resources that is there.
async fn described(
    context: &Context,
    wanted: &[(&'static Kind, &str)],
) -> anyhow::Result<(&'static Kind, Description)> {
    let mut missing = None;
    for (kind, name) in wanted {
        match context.engine.describe(kind, name).await {
            Ok(found) => return Ok((kind, found)),
            Err(error @ EngineError::NotFound { .. }) => {
                missing.get_or_insert(engine_failure(error));
            }
            Err(error) => return Err(engine_failure(error).into()),
        }
    }
    let several = if wanted.len() > 1 { ", and no training job of that name" } else { "" };
    let missing = missing.unwrap_or_else(|| Failure::new(Exit::Failed, "no such resource"));
    Err(Failure { message: format!("{}{several}", missing.message), ..missing }.into())
}

async fn of_endpoint(args: &Get, context: &Context, found: &Description) -> anyhow::Result<()> {
    let printer = &context.printer;
    let window = Window::last(args.window.since.unwrap_or(HOUR), context.now().await, args.window.period);
    let wide = printer.format == Format::Wide;
    let detail = if wide || printer.for_programs() { Detail::Points } else { Detail::Total };
    let fleets = endpoint::all(&found.object.status);
    let variants = endpoint::variants(context, &found.resource, &fleets, window, detail).await?;
    if printer.for_programs() {
        return printer.document(&json!({
            "format": FORMAT,
            "endpoint": found.resource,
            "from": window.from, "to": window.to, "periodSeconds": window.period,
            "variants": variants.iter().map(endpoint::Variant::document).collect::<Vec<_>>(),
        }));
    }
    let heads = MEASURES.iter().map(|measure| measure.head);
    let shown = |values: &[Option<f64>]| -> Vec<String> {
        MEASURES.iter().zip(values).map(|(measure, value)| measure.shown(*value)).collect()
    };
    let first = if wide { vec!["VARIANT", "TIME"] } else { vec!["VARIANT"] };
    let mut table = Table::new(first.into_iter().chain(heads));
    for variant in &variants {
        if wide {
            for (time, values) in &variant.points {
                table.row([variant.name.clone(), time.to_string()].into_iter().chain(shown(values)));
            }
        } else {
            table.row([variant.name.clone()].into_iter().chain(shown(&variant.total)));
        }
    }
    printer.table(&table)
}

/// A metric that a training job logs.
struct Logged {
    name: String,
    last: Option<(Timestamp, f64)>,
    points: metrics::Points,
}

async fn of_job(args: &Get, context: &Context, found: &Description) -> anyhow::Result<()> {
    let printer = &context.printer;
    let (spec, status) = (&found.object.spec, &found.object.status);
    let time = |member: &str| status.get(member).and_then(instant);
    let now = context.now().await;
    let period = args.window.period;
    let window = match args.window.since {
        Some(since) => Window::last(since, now, period),
        None => {
            let start = time("trainingStartTime").or_else(|| time("creationTime")).unwrap_or(now);
            // What is logged last is written a moment later.
            Window::since(start, time("trainingEndTime").map_or(now, |end| end + Duration::from_secs(60)), period)
        }
    };
    let logged = logged(context, found, spec, status, window).await?;
    if printer.for_programs() {
        let documents = logged.iter().map(|metric| {
            let points = metric.points.iter().map(|(time, value)| json!({"time": time, "value": value}));
            json!({
                "name": metric.name,
                "last": metric.last.map(|(time, value)| json!({"time": time, "value": value})),
                "points": points.collect::<Vec<_>>(),
            })
        });
        return printer.document(&json!({
            "format": FORMAT,
            "trainingJob": found.resource,
            "from": window.from, "to": window.to, "periodSeconds": window.period,
            "metrics": documents.collect::<Vec<_>>(),
        }));
    }
    if logged.is_empty() {
        printer.note(&format!("TrainingJob/{} declares no metrics (metricDefinitions)", found.resource));
        return Ok(());
    }
    let wide = printer.format == Format::Wide;
    let mut table = Table::new(["METRIC", if wide { "VALUE" } else { "LAST" }, "TIME"]);
    for metric in &logged {
        let mut row = |point: Option<(Timestamp, f64)>| {
            let time = point.map_or_else(|| "-".to_owned(), |(time, _)| time.to_string());
            let value = point.map_or_else(|| number(None), |(_, value)| value.to_string());
            table.row([metric.name.clone(), value, time]);
        };
        if wide {
            metric.points.iter().for_each(|(time, value)| row(Some((*time, *value))));
        } else {
            row(metric.last);
        }
    }
    printer.table(&table)
}

/// What a job logs, by its definitions: what its description says of the end, or what CloudWatch had last.
async fn logged(
    context: &Context,
    found: &Description,
    spec: &Value,
    status: &Value,
    window: Window,
) -> anyhow::Result<Vec<Logged>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let name = |item: &Value, member: &str| item[member].as_str().map(str::to_owned);
    let last = list(&status["finalMetricDataList"]);
    let mut names: Vec<String> =
        list(&spec["algorithmSpecification"]["metricDefinitions"]).iter().filter_map(|m| name(m, "name")).collect();
    for more in last.iter().filter_map(|m| name(m, "metricName")) {
        if !names.contains(&more) {
            names.push(more);
        }
    }
    let query = |name: &String| Query {
        namespace: TRAINING_JOBS,
        metric: name.clone(),
        dimensions: vec![("TrainingJobName", found.resource.clone())],
        statistic: "Average",
    };
    let queries: Vec<Query> = names.iter().map(query).collect();
    let points = metrics::read(context, &queries, window).await?;
    let logged = names.into_iter().zip(points).map(|(metric, points)| {
        let told = last.iter().find(|item| name(item, "metricName").as_ref() == Some(&metric));
        let told = told.and_then(|item| Some((instant(&item["timestamp"])?, item["value"].as_f64()?)));
        let last = told.or_else(|| points.last_key_value().map(|(time, value)| (*time, *value)));
        Logged { name: metric, last, points }
    });
    Ok(logged.collect())
}
