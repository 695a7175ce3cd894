//! Log streams on disk: one append-only file of JSON lines for each stream.
//!
//! Groups and streams exist as soon as an event is written, as SageMaker's own do.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sagewright_cloud_core::logs::{Event, LogSink};

/// Characters that stay themselves in file names.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// What is known of a stream at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The event that was stored first.
    pub first: Option<Event>,
    /// The event that was stored last.
    pub last: Option<Event>,
    /// Size of the file.
    pub bytes: u64,
}

/// All streams of the embedded cloud.
#[derive(Debug, Clone)]
pub struct Streams {
    root: Arc<PathBuf>,
    // Appends are whole lines, one writer at a time.
    lock: Arc<Mutex<()>>,
}

impl LogSink for Streams {
    fn append(&self, account: &str, region: &str, group: &str, stream: &str, events: &[Event]) -> std::io::Result<()> {
        let path = self.path(account, region, group, stream);
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        let _guard = self.guard();
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        OpenOptions::new().create(true).append(true).open(path)?.write_all(&lines)
    }
}

impl Streams {
    /// Streams below `root`, which is made on the first write.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: Arc::new(root.into()), lock: Arc::default() }
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
        names(&self.region_path(account, region), "")
    }

    /// Names of all streams of a group, sorted.
    #[must_use]
    pub fn streams(&self, account: &str, region: &str, group: &str) -> Vec<String> {
        names(&self.region_path(account, region).join(encode(group)), ".jsonl")
    }

    /// Makes a group without streams. `false`: it is there already.
    ///
    /// # Errors
    /// The disk refused it.
    pub fn create_group(&self, account: &str, region: &str, group: &str) -> io::Result<bool> {
        let dir = self.group_path(account, region, group);
        let _guard = self.guard();
        if dir.exists() {
            return Ok(false);
        }
        fs::create_dir_all(dir).map(|()| true)
    }

    /// Makes a stream without events in a group that exists. `false`: the stream is there already.
    ///
    /// # Errors
    /// The group does not exist, or the disk refused it.
    pub fn create_stream(&self, account: &str, region: &str, group: &str, stream: &str) -> io::Result<bool> {
        let _guard = self.guard();
        match OpenOptions::new().write(true).create_new(true).open(self.path(account, region, group, stream)) {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Removes a group with all its streams. `false`: there is none.
    ///
    /// # Errors
    /// The disk refused it.
    pub fn delete_group(&self, account: &str, region: &str, group: &str) -> io::Result<bool> {
        let _guard = self.guard();
        there(fs::remove_dir_all(self.group_path(account, region, group)))
    }

    /// Removes a stream. `false`: there is none.
    ///
    /// # Errors
    /// The disk refused it.
    pub fn delete_stream(&self, account: &str, region: &str, group: &str, stream: &str) -> io::Result<bool> {
        let _guard = self.guard();
        there(fs::remove_file(self.path(account, region, group, stream)))
    }

    /// Whether a group exists.
    #[must_use]
    pub fn has_group(&self, account: &str, region: &str, group: &str) -> bool {
        self.group_path(account, region, group).is_dir()
    }

    /// First and last event and size of a stream, without reading what is between; `None` where there is no such stream.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn summary(&self, account: &str, region: &str, group: &str, stream: &str) -> io::Result<Option<Summary>> {
        let mut file = match File::open(self.path(account, region, group, stream)) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let bytes = file.metadata()?.len();
        let mut line = String::new();
        BufReader::new(&mut file).read_line(&mut line)?;
        let first = serde_json::from_str(&line).ok();
        Ok(Some(Summary { first, last: last_event(&mut file, bytes)?, bytes }))
    }

    fn guard(&self) -> std::sync::MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn region_path(&self, account: &str, region: &str) -> PathBuf {
        self.root.join(encode(account)).join(encode(region))
    }

    fn group_path(&self, account: &str, region: &str, group: &str) -> PathBuf {
        self.region_path(account, region).join(encode(group))
    }

    fn path(&self, account: &str, region: &str, group: &str, stream: &str) -> PathBuf {
        self.group_path(account, region, group).join(encode(stream) + ".jsonl")
    }
}

/// Names that are only dots would leave the folder.
fn encode(name: &str) -> String {
    match name {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => utf8_percent_encode(name, PLAIN).to_string(),
    }
}

fn there(removed: io::Result<()>) -> io::Result<bool> {
    match removed {
        Ok(()) => Ok(true),
        // What no file can be called is not there.
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) => Ok(false),
        Err(e) => Err(e),
    }
}

/// The last whole line, read backwards in blocks.
fn last_event(file: &mut File, bytes: u64) -> io::Result<Option<Event>> {
    const BLOCK: u64 = 16 * 1024;
    let mut tail: Vec<u8> = Vec::new();
    let mut start = bytes;
    while start > 0 {
        let from = start.saturating_sub(BLOCK);
        let mut block = vec![0; usize::try_from(start - from).unwrap_or_default()];
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut block)?;
        block.extend_from_slice(&tail);
        tail = block;
        start = from;
        // The first of several lines may have begun in an earlier block; the others are whole.
        let whole = tail.split(|b| *b == b'\n').skip(usize::from(start > 0));
        if let Some(event) = whole.filter_map(|line| serde_json::from_slice(line).ok()).last() {
            return Ok(event);
        }
    }
    Ok(None)
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

    #[test]
    fn no_name_leads_to_another_accounts_logs() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Streams::new(dir.path().join("logs"));
        assert!(logs.create_group("1", "r", "g").unwrap());
        for region in ["..", ".", "../1", "", "/"] {
            assert!(!logs.delete_group("2", region, "1").unwrap(), "{region}");
            assert!(!logs.has_group("2", region, "1"), "{region}");
        }
        assert!(logs.has_group("1", "r", "g"));
    }

    #[test]
    fn groups_and_streams_are_made_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Streams::new(dir.path().join("logs"));
        assert!(logs.create_stream("0", "r", "g", "s").is_err(), "a stream needs its group");
        assert!(logs.create_group("0", "r", "g").unwrap());
        assert!(!logs.create_group("0", "r", "g").unwrap());
        assert!(logs.create_stream("0", "r", "g", "..").unwrap());
        assert!(!logs.create_stream("0", "r", "g", "..").unwrap());
        assert_eq!(logs.streams("0", "r", "g"), [".."]);
        assert!(logs.delete_stream("0", "r", "g", "..").unwrap());
        assert!(!logs.delete_stream("0", "r", "g", "..").unwrap());
        assert!(logs.delete_group("0", "r", "g").unwrap());
        assert!(!logs.delete_group("0", "r", "g").unwrap());
        assert!(!logs.has_group("0", "r", "g"));
        let long = "x".repeat(300);
        assert!(!logs.delete_group("0", "r", &long).unwrap());
        assert_eq!(logs.create_group("0", "r", &long).unwrap_err().kind(), io::ErrorKind::InvalidFilename);
    }

    #[test]
    fn a_summary_needs_only_the_ends() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Streams::new(dir.path());
        let long = |n: i64| Event { timestamp: n, ingested: n, message: "x".repeat(40_000) };
        logs.append("0", "r", "g", "s", &[long(1), long(2), long(3)]).unwrap();
        let path = logs.path("0", "r", "g", "s");
        // A crash in the middle of a line.
        OpenOptions::new().append(true).open(path).unwrap().write_all(b"{\"t\":4,\"i\"").unwrap();
        let summary = logs.summary("0", "r", "g", "s").unwrap().unwrap();
        assert_eq!((summary.first, summary.last), (Some(long(1)), Some(long(3))));
        assert_eq!(logs.summary("0", "r", "g", "none").unwrap(), None);
    }
}
