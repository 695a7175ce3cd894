//! `sagewright local interrupt`

use sagewright_cloud::server::control::{self, AskError};
use serde_json::json;

use crate::args::{Global, LocalInterrupt};
use crate::exit::{Exit, Failure};
use crate::local;
use crate::output::Printer;
use crate::paths;

/// Takes the spot instances of a training job away.
pub(crate) async fn run(args: &LocalInterrupt, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let server = local::up(&paths::data(global.data.as_ref()))?;
    let (address, pass) = server.control()?;
    let LocalInterrupt { job, account } = args;
    let region = global.region.as_deref().unwrap_or(local::REGION);
    let named = json!({"account": account, "region": region, "trainingJob": job});
    control::interrupt(address, pass, &named).await.map_err(|error| match error {
        AskError::Refused(message) => Failure::new(Exit::Failed, format!("cannot interrupt {job}: {message}")),
        other => Failure::new(Exit::Failed, other.to_string()),
    })?;
    if printer.for_programs() {
        printer.document(&named)?;
    } else {
        printer.result(&format!("{job} is interrupted: its program is told to end, and the job runs again.\n"))?;
    }
    Ok(Exit::Done)
}
