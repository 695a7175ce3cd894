//! What to do about an error of a step.

use std::path::Path;

use crate::exit::{Exit, Failure};

/// How SQLite, the system and this program say that there is no room.
const FULL: [&str; 4] = ["No space left", "no space is left", "disk is full", "Disk quota exceeded"];
/// How they say that nothing can be written.
const READ_ONLY: [&str; 2] = ["Read-only file system", "readonly database"];

/// The error with what to do, and how to go on afterwards.
pub(super) fn explain(error: anyhow::Error, data: &Path, again: &str) -> anyhow::Error {
    let exit = error.downcast_ref::<Failure>().map_or(Exit::Failed, |f| f.exit);
    let help = error.downcast_ref::<Failure>().and_then(|f| f.help.clone());
    let text = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let says = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    let advice = if says(&FULL) {
        format!("the disk is full: free about 100 MB where {} is, or choose another folder with --data", data.display())
    } else if says(&READ_ONLY) {
        format!("nothing can be written to {}: make it writable, or choose another folder with --data", data.display())
    } else if let Some(help) = help {
        help
    } else {
        return Failure::new(exit, text)
            .help(format!("then run `{again}` again: it goes on from what is there"))
            .into();
    };
    Failure::new(exit, text).help(format!("{advice}\n  then run `{again}` again: it goes on from what is there")).into()
}
