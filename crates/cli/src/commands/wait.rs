//! `sagewright wait`

use sagewright_engine::Until;

use crate::args::{Format, Global, Wait, WaitFor};
use crate::context::Context;
use crate::details;
use crate::exit::Exit;
use crate::output::Printer;
use crate::output::terminal::on_line;
use crate::progress::Progress;
use crate::resource;
use crate::show;

/// Waits for a resource.
pub(crate) async fn run(args: &Wait, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let (kind, name) = resource::kind_and_name(&args.resource)?;
    let mut context = Context::connect(global, printer).await?;
    context.announce(&[]).await?;
    let until = match args.state {
        WaitFor::Ready => Until::Settled,
        WaitFor::Settled => Until::Final,
        WaitFor::Deleted => Until::Deleted,
    };
    let progress = Progress::new(&context, None);
    let outcome = context.engine.wait(kind, name, &until, args.timeout, &progress).await;
    progress.finish().await;
    let object = match outcome {
        Ok(object) => object,
        Err(error) => return Err(details::explained(&context, kind, name, error).await.into()),
    };
    if printer.for_programs() {
        printer.document(&object.to_value())?;
        return Ok(Exit::Done);
    }
    let word = match args.state {
        WaitFor::Deleted => "deleted".to_owned(),
        WaitFor::Ready | WaitFor::Settled => {
            let word = show::status_word(kind, &object).unwrap_or_else(|| "there".to_owned());
            let outcome = details::outcome(&context, kind, &object).await;
            outcome.map_or_else(|| word.clone(), |outcome| format!("{word} ({outcome})"))
        }
    };
    let word = if printer.format == Format::Name { String::new() } else { format!(": {word}") };
    printer.result(&format!("{}/{name}{}\n", kind.name(), on_line(&word)))?;
    Ok(Exit::Done)
}
