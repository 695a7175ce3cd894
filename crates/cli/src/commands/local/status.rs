//! `sagewright local status`

use serde_json::json;

use crate::args::Global;
use crate::context::Context;
use crate::exit::Exit;
use crate::local;
use crate::output::{Printer, Table};
use crate::paths;

/// Shows whether the embedded cloud is up, and what it holds.
pub(crate) async fn run(global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let data = paths::data(global.data.as_ref());
    let Some(server) = local::running(&data) else {
        if printer.for_programs() {
            printer.document(&json!({"up": false, "data": data}))?;
        } else {
            printer.result(&format!("down (state folder {})\n", data.display()))?;
        }
        return Ok(Exit::Failed);
    };
    let context = Context::connect(&crate::args::Global { local: true, ..global.clone() }, printer).await?;
    let mut held = Vec::new();
    for name in ["TrainingJob", "ModelPackageGroup", "ModelPackage", "Model", "EndpointConfig", "Endpoint"] {
        if let Some(kind) = sagewright_kinds::find(name) {
            let found = context.engine.get(kind, None).await.map_err(crate::context::engine_failure)?;
            held.push((kind.plural(), found.len()));
        }
    }
    if printer.for_programs() {
        let held: serde_json::Map<_, _> = held.iter().map(|(k, n)| ((*k).to_owned(), json!(n))).collect();
        printer.document(&json!({
            "up": true, "endpoint": server.endpoint, "pid": server.pid, "version": server.version,
            "data": data, "account": local::DEFAULT_ACCOUNT, "region": context.target.region, "resources": held,
        }))?;
    } else {
        let mut table = Table::new(["ENDPOINT", "PID", "VERSION", "STATE"]);
        table.row([server.endpoint, server.pid.to_string(), server.version, data.display().to_string()]);
        let mut held_table = Table::new(["IN ACCOUNT 000000000000", "COUNT"]);
        held.iter().for_each(|(kind, n)| held_table.row([(*kind).to_owned(), n.to_string()]));
        printer.result(&format!("{}\n{}", table.render(), held_table.render()))?;
    }
    Ok(Exit::Done)
}
