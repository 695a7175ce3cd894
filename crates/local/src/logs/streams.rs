//! Log streams on disk: one append-only file of JSON lines for each stream.
//!
//! Groups and streams exist as soon as an event is written, as SageMaker's own do.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// Characters that stay themselves in file names.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened, milliseconds since 1970.
    #[serde(rename = "t")]
    pub timestamp: i64,
    /// When it was stored, milliseconds since 1970.
    #[serde(rename = "i")]
    pub ingested: i64,
    /// Text.
    #[serde(rename = "m")]
    pub message: String,
}

/// All streams of the embedded cloud.
#[derive(Debug, Clone)]
pub struct Streams {
    root: Arc<PathBuf>,
    // Appends are whole lines, one writer at a time.
    lock: Arc<Mutex<()>>,
}

impl Streams {
    /// Streams below `root`, which is made on the first write.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: Arc::new(root.into()), lock: Arc::default() }
    }

    /// Appends events to a stream.
    ///
    /// # Errors
    /// The disk refused the write.
    pub fn append(
        &self,
        account: &str,
        region: &str,
        group: &str,
        stream: &str,
        events: &[Event],
    ) -> std::io::Result<()> {
        let path = self.path(account, region, group, stream);
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        let _guard = self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        OpenOptions::new().create(true).append(true).open(path)?.write_all(&lines)
    }

    /// All events of a stream in the order of arrival; `None` where there is no such stream.
    ///
    /// # Errors
    /// The file could not be read. A last line cut short by a crash is left out.
    pub fn read(&self, account: &str, region: &str, group: &str, stream: &str) -> std::io::Result<Option<Vec<Event>>> {
        let file = match File::open(self.path(account, region, group, stream)) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let mut events = Vec::new();
        for line in BufReader::new(file).lines() {
            if let Ok(event) = serde_json::from_str(&line?) {
                events.push(event);
            }
        }
        Ok(Some(events))
    }

    /// Names of all groups of an account and region, sorted.
    #[must_use]
    pub fn groups(&self, account: &str, region: &str) -> Vec<String> {
        names(&self.root.join(account).join(region), "")
    }

    /// Names of all streams of a group, sorted.
    #[must_use]
    pub fn streams(&self, account: &str, region: &str, group: &str) -> Vec<String> {
        names(&self.root.join(account).join(region).join(encode(group)), ".jsonl")
    }

    fn path(&self, account: &str, region: &str, group: &str, stream: &str) -> PathBuf {
        let dir = self.root.join(account).join(region).join(encode(group));
        dir.join(encode(stream) + ".jsonl")
    }
}

fn encode(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

fn names(dir: &Path, suffix: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut out: Vec<String> = entries
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .filter_map(|n| Some(percent_decode_str(n.strip_suffix(suffix)?).decode_utf8().ok()?.into_owned()))
        .collect();
    out.sort();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_in_order_under_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Streams::new(dir.path());
        let event = |n: i64| Event { timestamp: n, ingested: n, message: format!("line {n}\u{1f980}") };
        let (group, stream) = ("/aws/sagemaker/TrainingJobs", "job/algo-1-7");
        logs.append("0", "r", group, stream, &[event(1)]).unwrap();
        logs.append("0", "r", group, stream, &[event(2), event(3)]).unwrap();
        assert_eq!(logs.read("0", "r", group, stream).unwrap().unwrap(), [event(1), event(2), event(3)]);
        assert_eq!(logs.groups("0", "r"), [group]);
        assert_eq!(logs.streams("0", "r", group), [stream]);
        assert_eq!(logs.read("1", "r", group, stream).unwrap(), None);
    }
}
