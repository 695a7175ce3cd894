//! `sagewright export`

use crate::args::{Export, Format, Global};
use crate::context::{Context, engine_failure};
use crate::exit::Exit;
use crate::output::Printer;
use crate::resource;

/// Writes a resource as a manifest: YAML unless JSON is asked for.
pub(crate) async fn run(args: &Export, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let (kind, name) = resource::kind_and_name(&args.resource)?;
    let mut context = Context::connect(global, printer).await?;
    let object = context
        .announce_beside(&[], async |context: Context| context.engine.export(kind, name).await)
        .await?
        .map_err(engine_failure)?;
    let format = if printer.format == Format::Json { Format::Json } else { Format::Yaml };
    printer.with_format(format).document(&object.to_value())?;
    Ok(Exit::Done)
}
