//! `sagewright delete`

use sagewright_engine::{DeleteOptions, Object};

use crate::args::{Delete, Global};
use crate::commands::apply::finish;
use crate::context::{Context, engine_failure};
use crate::exit::{Exit, Failure};
use crate::manifest;
use crate::output::Printer;
use crate::progress::Progress;
use crate::resource;

/// Deletes what manifests declare, or named resources.
pub(crate) async fn run(args: &Delete, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let (objects, context) = if args.files.is_empty() {
        let context = Context::connect(global, printer).await?;
        (named(args, &context).await?, context)
    } else {
        (manifest::load(&args.files, printer).await?, Context::connect(global, printer).await?)
    };
    let options = DeleteOptions { wait: !args.no_wait, timeout: args.timeout, unowned: args.unmanaged, insist: false };
    let progress = Progress::new(&context, None);
    let outcome = context.engine.delete(&objects, &options, &progress).await;
    progress.finish().await;
    finish(&outcome.map_err(engine_failure)?, printer)
}

/// Named resources are deleted in the name of the object that owns them; one that nobody owns only when that is said.
async fn named(args: &Delete, context: &Context) -> anyhow::Result<Vec<Object>> {
    let mut objects = Vec::new();
    for text in &args.resources {
        let (kind, name) = resource::kind_and_name(text)?;
        let found = context.engine.describe(kind, name).await.map_err(engine_failure)?;
        let mut object = context.engine.export(kind, name).await.map_err(engine_failure)?;
        match found.owner.as_deref().and_then(|owner| owner.split_once('/')) {
            Some((namespace, owner)) => {
                object.metadata.namespace = Some(namespace.to_owned());
                owner.clone_into(&mut object.metadata.name);
            }
            None if args.unmanaged => {}
            None => {
                return Err(Failure::new(Exit::Failed, format!("{text} is managed by no manifest"))
                    .help("give --unmanaged to delete it all the same")
                    .into());
            }
        }
        object.status = found.object.status;
        // Named twice is meant once.
        if !objects.iter().any(|other: &Object| other.id() == object.id()) {
            objects.push(object);
        }
    }
    Ok(objects)
}
