//! `sagewright local status`

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sagewright_cloud::folder::Inventory;
use serde_json::{Map, json};

use crate::args::{Global, LocalStatus};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::local::{self, ServerFile};
use crate::output::{Printer, Table, amount};
use crate::paths;

/// Kinds of resources that are counted.
const KINDS: [&str; 8] = [
    "TrainingJob",
    "ProcessingJob",
    "TransformJob",
    "ModelPackageGroup",
    "ModelPackage",
    "Model",
    "EndpointConfig",
    "Endpoint",
];
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
    let mut held = Vec::new();
    for kind in KINDS.iter().filter_map(|name| sagewright_kinds::find(name)) {
        let found = context.engine.get(kind, None).await.map_err(crate::context::engine_failure)?;
        held.push((kind.plural(), found.len()));
    }
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
        let held: Map<_, _> = held.iter().map(|(k, n)| ((*k).to_owned(), json!(n))).collect();
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
    held.iter().for_each(|(kind, n)| held_table.row([(*kind).to_owned(), n.to_string()]));
    printer.result(&format!("{}\n{}", table.render(), held_table.render()))?;
    if let Some(clock) = clock.filter(|clock| !clock.is_wall()) {
        printer.result(&format!("\n{}", clock.table().render()))?;
    }
    Ok(Exit::Done)
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
