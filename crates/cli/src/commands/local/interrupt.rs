//! `sagewright local interrupt`

use sagewright_cloud::server::control::{self, AskError};
use serde_json::json;

use crate::args::{Global, LocalInterrupt};
use crate::exit::{Exit, Failure};
use crate::local;
use crate::output::Printer;
use crate::paths;
use crate::resource;

/// Takes the spot instances of a training job away.
pub(crate) async fn run(args: &LocalInterrupt, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let server = local::up(&paths::data(global.data.as_ref()))?;
    let (address, pass) = server.control()?;
    let LocalInterrupt { job, account } = args;
    let job = name(job)?;
    let region = global.region.as_deref().unwrap_or(local::REGION);
    let named = json!({"account": account, "region": region, "trainingJob": job});
    control::interrupt(address, pass, &named).await.map_err(|error| match error {
        AskError::Refused(message) => Failure::new(Exit::Failed, format!("cannot interrupt {job}: {message}"))
            .help("a job of another region or account: --region REGION, --account ID".to_owned()),
        other => Failure::new(Exit::Failed, other.to_string()),
    })?;
    if printer.for_programs() {
        printer.document(&named)?;
    } else {
        printer.result(&format!("{job} is interrupted: its program is told to end, and the job runs again.\n"))?;
    }
    Ok(Exit::Done)
}

/// The name of a training job, which may be given with its kind as everywhere else.
fn name(job: &str) -> Result<&str, Failure> {
    if !job.contains('/') {
        return Ok(job);
    }
    match resource::kind_and_name(job)? {
        (kind, name) if kind.name() == "TrainingJob" => Ok(name),
        (kind, _) => {
            let message = format!("a {} has no spot instances", kind.words());
            Err(Failure::new(Exit::Usage, message).help("only training jobs can be interrupted".to_owned()))
        }
    }
}
