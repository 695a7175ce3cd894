//! `sagewright local env`

use crate::args::{Env, Global};
use crate::exit::Exit;
use crate::local;
use crate::output::Printer;
use crate::paths;

/// Prints the shell commands that point any AWS client at the embedded cloud.
pub(crate) fn run(args: &Env, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let access = local::access(&paths::data(global.data.as_ref()), &args.account)?;
    if printer.for_programs() {
        printer.document(&access)?;
        return Ok(Exit::Done);
    }
    printer.result(&format!(
        "export AWS_ENDPOINT_URL={}\n\
         export AWS_ACCESS_KEY_ID={}\n\
         export AWS_SECRET_ACCESS_KEY={}\n\
         export AWS_REGION={region}\n\
         export AWS_DEFAULT_REGION={region}\n\
         unset AWS_SESSION_TOKEN AWS_PROFILE\n",
        access.endpoint,
        access.access_key_id,
        access.secret_access_key,
        region = access.region,
    ))?;
    Ok(Exit::Done)
}
