//! `sagewright local clock`

use serde_json::{Map, json};

use crate::args::{Global, LocalClock};
use crate::exit::Exit;
use crate::local;
use crate::output::Printer;
use crate::paths;

/// Shows the simulated time of the embedded cloud and the machine's, or changes the first.
pub(crate) async fn run(args: &LocalClock, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let server = local::up(&paths::data(global.data.as_ref()))?;
    let mut change = Map::new();
    if let Some(by) = args.advance {
        change.insert("advanceSeconds".to_owned(), json!(by.as_secs()));
    }
    if let Some(speed) = args.speed {
        change.insert("speed".to_owned(), json!(speed.factor()));
    }
    let change = (!change.is_empty()).then(|| change.into());
    let clocks = local::clock::ask(&server, change.as_ref()).await?;
    if printer.for_programs() {
        printer.document(&clocks)?;
    } else {
        printer.result(&clocks.table().render())?;
    }
    Ok(Exit::Done)
}
