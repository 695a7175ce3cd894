//! What to do when the state folder cannot be written.

use std::path::Path;

use crate::exit::{Exit, Failure};

/// How SQLite, the system and this program say that there is no room.
const FULL: [&str; 4] = ["No space left", "no space is left", "disk is full", "Disk quota exceeded"];
/// How they say that nothing can be written.
const READ_ONLY: [&str; 2] = ["Read-only file system", "readonly database"];

/// Advice for an error that says that there is no room, or no right to write.
pub(crate) fn advice(error: &str, data: &Path) -> Option<String> {
    let says = |needles: &[&str]| needles.iter().any(|needle| error.contains(needle));
    if says(&FULL) {
        let data = data.display();
        return Some(format!(
            "the disk is full: free about 100 MB where {data} is, or choose another folder with --data"
        ));
    }
    says(&READ_ONLY).then(|| {
        format!("nothing can be written to {}: make it writable, or choose another folder with --data", data.display())
    })
}

/// The failure of a cloud that does not start, with advice where its words give none.
pub(crate) fn failure(error: String, data: &Path) -> Failure {
    let help = advice(&error, data).filter(|_| !error.contains("--data"));
    Failure { help, ..Failure::new(Exit::Failed, error) }
}
