//! The log streams of a job's hosts.

use std::sync::Arc;

use sagewright_cloud_core::runner::{Journal, LineSink};
use tokio::task::JoinError;

use super::halt::Halt;

/// Control characters as the log agent writes them: a tab is `#011`. Patterns of the built-in algorithms, and those
/// that users copied from them, rely on it.
pub fn escape(line: &str) -> std::borrow::Cow<'_, str> {
    if !line.bytes().any(|b| b.is_ascii_control()) {
        return line.into();
    }
    let mut out = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if c.is_ascii_control() {
            out.push_str(&format!("#{:03o}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out.into()
}

/// Takes lines for a stream; drops them where there is none.
pub fn sink(journal: Option<&Journal>) -> LineSink {
    match journal.cloned() {
        Some(journal) => Arc::new(move |line| journal.push(&escape(line))),
        None => Arc::new(|_| {}),
    }
}

/// Tells the log why results of a job that was ended are not kept: of one that a caller stopped, nothing else tells it.
pub async fn tell_loss<T>(journals: &[Journal], kept: Result<T, Halt>) -> Result<T, Halt> {
    if let Err(Halt::Failed(reason)) = &kept {
        tell(journals, vec![reason.clone()]).await?;
    }
    kept
}

/// Adds lines to the first host's stream, and writes what waits in all.
pub async fn tell(journals: &[Journal], lines: Vec<String>) -> Result<(), JoinError> {
    let journals = journals.to_vec();
    let write = move || {
        if let Some(first) = journals.first() {
            lines.iter().for_each(|line| first.push(line));
        }
        journals.iter().for_each(Journal::flush);
    };
    tokio::task::spawn_blocking(write).await
}
