//! What to do about an error of a step.

use std::path::Path;

use crate::exit::{Exit, Failure};
use crate::local;

/// The error with what to do, and how to go on afterwards.
pub(super) fn explain(error: anyhow::Error, data: &Path, again: &str) -> anyhow::Error {
    let exit = error.downcast_ref::<Failure>().map_or(Exit::Failed, |f| f.exit);
    let help = error.downcast_ref::<Failure>().and_then(|f| f.help.clone());
    let text = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let Some(advice) = local::room_advice(&text, data).or(help) else {
        return Failure::new(exit, text)
            .help(format!("then run `{again}` again: it goes on from what is there"))
            .into();
    };
    Failure::new(exit, text).help(format!("{advice}\n  then run `{again}` again: it goes on from what is there")).into()
}
