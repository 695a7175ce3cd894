//! `sagewright adopt`

use sagewright_engine::{ObjectId, check_name, own_name};

use crate::args::{Adopt, Global};
use crate::context::{Context, engine_failure};
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use crate::resource;

/// Takes over a resource.
pub(crate) async fn run(args: &Adopt, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let (kind, name) = resource::kind_and_name(&args.resource)?;
    let own = own_name(name);
    let owner = ObjectId::new(kind.name(), Some(&args.namespace), args.name.as_deref().unwrap_or(&own));
    check_name(&owner).map_err(|why| {
        let help = "name the object that will own the resource with --as and --namespace";
        Failure::new(Exit::Usage, format!("{why}; nothing was done")).help(help)
    })?;
    let mut context = Context::connect(global, printer).await?;
    context.announce(&[]).await?;
    let object = context.engine.adopt(kind, name, &owner, args.from.as_ref()).await.map_err(engine_failure)?;
    if printer.for_programs() {
        printer.document(&object.to_value())?;
    } else {
        let from = args.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
        printer.result(&format!("{owner}: adopted{from}\n"))?;
        printer.note(&format!("`sagewright export {}` writes its manifest", args.resource));
    }
    Ok(Exit::Done)
}
