//! `sagewright local status`

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use sagewright_cloud::folder::Inventory;
use sagewright_cloud::reference::{State, operations};
use sagewright_kinds::Kind;
use serde_json::{Map, json};

use crate::args::{Global, LocalStatus};
use crate::context::{Context, engine_failure};
use crate::exit::{Exit, Failure};
use crate::local::{self, ServerFile};
use crate::output::{Printer, Table, amount};
use crate::paths;

/// Kinds whose count is shown also where there are none.
const USUAL: [&str; 8] = [
    "TrainingJob",
    "ProcessingJob",
    "TransformJob",
    "ModelPackageGroup",
    "ModelPackage",
    "Model",
    "EndpointConfig",
    "Endpoint",
];
/// Listings at the same time.
const AT_ONCE: usize = 8;
/// What lists jobs that run.
const JOBS: [&str; 3] = ["ListTrainingJobs", "ListProcessingJobs", "ListTransformJobs"];
/// How often a cloud that starts is looked for.
const PAUSE: Duration = Duration::from_millis(50);

/// Shows whether the embedded cloud is up, and what it holds.
pub(crate) async fn run(args: &LocalStatus, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let data = paths::data(global.data.as_ref());
    let found = if args.wait { Some(wait(&data, args.timeout).await?) } else { local::running(&data) };
    let Some(server) = found else {
        if printer.for_programs() {
            printer.document(&json!({"up": false, "data": data}))?;
        } else {
            printer.result(&format!("down (state folder {})\n", data.display()))?;
        }
        return Ok(Exit::Failed);
    };
    let context =
        Context::connect(&Global { local: true, endpoint_url: None, profile: None, ..global.clone() }, printer).await?;
    let held = held(&context).await?;
    let mut running = 0;
    for list in JOBS {
        let (aws, target, filter) = (&context.aws, &context.target, json!({"StatusEquals": "InProgress"}));
        running += sagewright_aws::collect_items(aws, target, "sagemaker", list, filter).await?.len();
    }
    let bytes = Inventory::of(&data).map_or(0, |inventory| inventory.bytes());
    let uptime = uptime(&server);
    // One of an earlier version has none.
    let clock = local::clock::ask(&server, None).await.ok();
    if printer.for_programs() {
        let held: Map<_, _> = held.iter().map(|(k, n)| (k.plural().to_owned(), json!(n))).collect();
        printer.document(&json!({
            "up": true, "endpoint": server.endpoint, "pid": server.pid, "version": server.version,
            "uptimeSeconds": uptime.map(|time| time.as_secs()), "data": data, "bytesOnDisk": bytes,
            "runningJobs": running, "account": local::DEFAULT_ACCOUNT, "region": context.target.region,
            "resources": held, "clock": clock,
        }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["ENDPOINT", "PID", "VERSION", "UP FOR", "ON DISK", "RUNNING JOBS", "STATE"]);
    table.row([
        server.endpoint,
        server.pid.to_string(),
        server.version,
        uptime.map_or_else(|| "-".to_owned(), amount::time),
        amount::bytes(bytes),
        running.to_string(),
        data.display().to_string(),
    ]);
    let mut held_table = Table::new(["IN ACCOUNT 000000000000", "COUNT"]);
    let shown = held.iter().filter(|(kind, n)| *n > 0 || USUAL.contains(&kind.name()));
    shown.for_each(|(kind, n)| held_table.row([kind.plural().to_owned(), n.to_string()]));
    printer.result(&format!("{}\n{}", table.render(), held_table.render()))?;
    if let Some(clock) = clock.filter(|clock| !clock.is_wall()) {
        printer.result(&format!("\n{}", clock.table().render()))?;
    }
    Ok(Exit::Done)
}

/// How many there are of each kind that the embedded cloud has: the usual ones first.
async fn held(context: &Context) -> anyhow::Result<Vec<(&'static Kind, usize)>> {
    let operations = operations("sagemaker");
    let is_listed = |kind: &&Kind| {
        let list = kind.row().operations.list.as_deref();
        let known = operations.iter().find(|(name, _)| Some(*name) == list);
        known.is_some_and(|(_, state)| matches!(state, State::Real | State::Recorded))
    };
    let usual = USUAL.iter().filter_map(|name| sagewright_kinds::find(name));
    let others = sagewright_kinds::all().iter().filter(is_listed).filter(|kind| !USUAL.contains(&kind.name()));
    let counts = stream::iter(usual.chain(others).collect::<Vec<_>>()).map(|kind| async move {
        anyhow::Ok((kind, context.engine.get(kind, None).await.map_err(engine_failure)?.len()))
    });
    counts.buffered(AT_ONCE).try_collect().await
}

/// Waits until an embedded cloud answers.
async fn wait(data: &Path, timeout: Option<Duration>) -> Result<ServerFile, Failure> {
    let started = Instant::now();
    loop {
        if let Some(server) = local::running(data).filter(local::answers) {
            return Ok(server);
        }
        if timeout.is_some_and(|timeout| started.elapsed() >= timeout) {
            return Err(Failure::new(Exit::TimedOut, format!("no embedded cloud is up on {}", data.display()))
                .help("start it with `sagewright local up --detach`, or point --data at its folder"));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Not known of a cloud of an earlier version; a clock that was set back tells nothing.
fn uptime(server: &ServerFile) -> Option<Duration> {
    let started = Timestamp::from_millisecond(server.started).ok().filter(|_| server.started > 0)?;
    Duration::try_from(Timestamp::now().duration_since(started)).ok()
}
