//! Log streams on disk: one append-only file of JSON lines for each stream, and an index of it.
//!
//! Groups and streams exist as soon as an event is written, as SageMaker's own do.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sagewright_cloud_core::limits;
use sagewright_cloud_core::logs::{Event, LogSink};

use super::block::Block;
use super::index::{self, Index, Summary};
use super::line::{self, Line, Lines};
use super::page::{Page, Query};
use super::removed::Removed;

/// Characters that stay themselves in file names.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Streams whose state is kept in memory; that of others is read from their index again.
const KEPT: usize = 4096;

/// All streams of the embedded cloud.
#[derive(Debug, Clone)]
pub struct Streams {
    root: Arc<PathBuf>,
    /// Held by all that read and write files, and alone by what makes and removes them.
    gate: Arc<RwLock<()>>,
    /// Each stream has one writer at a time.
    indexes: Arc<Mutex<HashMap<PathBuf, Arc<Mutex<Index>>>>>,
}

impl LogSink for Streams {
    fn append(&self, account: &str, region: &str, group: &str, stream: &str, events: &[Event]) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut lines = Vec::with_capacity(events.len());
        for (number, event) in events.iter().enumerate() {
            let start = bytes.len();
            line::write(&mut bytes, event, (events.len() - number - 1) as u64)?;
            let length = bytes.len() - start;
            if length > limits::LOG_LINE {
                return Err(io::Error::new(ErrorKind::InvalidInput, "the event is too long for a log stream"));
            }
            lines.push((length as u64, event.timestamp, event.ingested));
        }
        let files = index::files(&self.path(account, region, group, stream));
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let index = self.index(&files.data);
        let mut index = lock(&index);
        let mut file = open_to_append(&files.data)?;
        let before = index.update(&files, &mut file)?;
        // A process was killed while it wrote. What it left was never acknowledged, nor shown.
        if before < file.metadata()?.len() {
            file.set_len(before)?;
        }
        if let Err(error) = file.write_all(&bytes) {
            // If this fails too, the next append does it.
            let _ = file.set_len(before);
            return Err(error);
        }
        index.written(&files, &lines);
        Ok(())
    }
}

fn open_to_append(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().create(true).append(true).read(true).open(path);
    match (open(), path.parent()) {
        (Err(e), Some(parent)) if e.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(parent)?;
            open()
        }
        (opened, _) => opened,
    }
}

impl Streams {
    /// Streams below `root`, which is made on the first write.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: Arc::new(root.into()), gate: Arc::default(), indexes: Arc::default() }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// All events of a stream in the order of arrival; `None` where there is no such stream. All of them are in memory:
    /// requests are answered by [`Streams::select`].
    ///
    /// # Errors
    /// The file could not be read. What a crash cut short is left out.
    pub fn read(&self, account: &str, region: &str, group: &str, stream: &str) -> io::Result<Option<Vec<Event>>> {
        let files = index::files(&self.path(account, region, group, stream));
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let Some(mut file) = open(&files.data)? else { return Ok(None) };
        let whole = lock(&self.index(&files.data)).update(&files, &mut file)?;
        file.rewind()?;
        let mut lines = Lines::new(BufReader::new(file.take(whole)));
        let mut events = Vec::new();
        while let Some((_, line)) = lines.next()? {
            events.extend(line.map(Line::event));
        }
        Ok(Some(events))
    }

    /// A page of the events of some streams of a group, by time. A stream that does not exist has no events.
    ///
    /// # Errors
    /// A file could not be read.
    pub fn select<'s>(
        &self,
        account: &str,
        region: &str,
        group: &str,
        streams: &'s [String],
        query: &Query<'_>,
    ) -> io::Result<Page<'s>> {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let mut candidates: Vec<(&str, Block)> = Vec::new();
        for stream in streams {
            let files = index::files(&self.path(account, region, group, stream));
            let Some(mut file) = open(&files.data)? else { continue };
            let blocks = lock(&self.index(&files.data)).blocks(&files, &mut file)?;
            candidates.extend(blocks.into_iter().filter(|b| query.concerns(stream, b)).map(|b| (stream.as_str(), b)));
        }
        let open = |stream: &str| File::open(self.path(account, region, group, stream));
        query.page(candidates, open)
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

    /// Makes the folder of a region's groups.
    ///
    /// # Errors
    /// The disk refused it.
    pub fn create_region(&self, account: &str, region: &str) -> io::Result<()> {
        fs::create_dir_all(self.region_path(account, region))
    }

    /// Makes a group without streams. `false`: it is there already.
    ///
    /// # Errors
    /// The disk refused it.
    pub fn create_group(&self, account: &str, region: &str, group: &str) -> io::Result<bool> {
        let dir = self.group_path(account, region, group);
        let _gate = self.alone();
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
        let _gate = self.alone();
        match OpenOptions::new().write(true).create_new(true).open(self.path(account, region, group, stream)) {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Removes a group with all its streams; its files go with [`Removed::clear`]. `None`: there is no such group.
    ///
    /// # Errors
    /// The disk refused it.
    pub fn delete_group(&self, account: &str, region: &str, group: &str) -> io::Result<Option<Removed>> {
        let _gate = self.alone();
        Removed::take(&self.root, account, region, group)
    }

    /// Removes a stream. `false`: there is none.
    ///
    /// # Errors
    /// The disk refused it.
    pub fn delete_stream(&self, account: &str, region: &str, group: &str, stream: &str) -> io::Result<bool> {
        let _gate = self.alone();
        let files = index::files(&self.path(account, region, group, stream));
        // An index that is left alone would be taken for that of a later stream of this name.
        there(fs::remove_file(files.index))?;
        there(fs::remove_file(files.data))
    }

    /// Whether a group exists.
    #[must_use]
    pub fn has_group(&self, account: &str, region: &str, group: &str) -> bool {
        self.group_path(account, region, group).is_dir()
    }

    /// Whether a group is known not to exist.
    pub(super) fn lacks_group(&self, account: &str, region: &str, group: &str) -> bool {
        lacks(&self.group_path(account, region, group))
    }

    /// Whether a stream is known not to exist.
    pub(super) fn lacks_stream(&self, account: &str, region: &str, group: &str, stream: &str) -> bool {
        lacks(&self.path(account, region, group, stream))
    }

    /// A glance at a stream; `None` where there is no such stream.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn summary(&self, account: &str, region: &str, group: &str, stream: &str) -> io::Result<Option<Summary>> {
        let files = index::files(&self.path(account, region, group, stream));
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let Some(mut file) = open(&files.data)? else { return Ok(None) };
        let index = self.index(&files.data);
        let mut index = lock(&index);
        index.update(&files, &mut file)?;
        Ok(index.summary())
    }

    /// Whether a stream exists.
    #[must_use]
    pub fn has_stream(&self, account: &str, region: &str, group: &str, stream: &str) -> bool {
        self.path(account, region, group, stream).is_file()
    }

    fn index(&self, data: &Path) -> Arc<Mutex<Index>> {
        let mut indexes = lock(&self.indexes);
        if indexes.len() >= KEPT && !indexes.contains_key(data) {
            indexes.retain(|_, index| Arc::strong_count(index) > 1);
        }
        indexes.entry(data.to_owned()).or_default().clone()
    }

    /// Nothing else uses the files meanwhile, and nothing that is known of them holds afterwards.
    fn alone(&self) -> std::sync::RwLockWriteGuard<'_, ()> {
        let gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        lock(&self.indexes).clear();
        gate
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
pub(super) fn encode(name: &str) -> String {
    match name {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => utf8_percent_encode(name, PLAIN).to_string(),
    }
}

/// The name that a file or folder was made for.
pub(super) fn decode(path: &Path) -> Option<String> {
    Some(percent_decode_str(path.file_name()?.to_str()?).decode_utf8().ok()?.into_owned())
}

/// What cannot be looked at may be there.
fn lacks(path: &Path) -> bool {
    matches!(there(fs::symlink_metadata(path).map(drop)), Ok(false))
}

pub(super) fn there(removed: io::Result<()>) -> io::Result<bool> {
    match removed {
        Ok(()) => Ok(true),
        // What no file can be called is not there.
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::InvalidFilename) => Ok(false),
        Err(e) => Err(e),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        // What no file can be called is not there.
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::InvalidFilename) => Ok(None),
        Err(e) => Err(e),
    }
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
            assert!(logs.delete_group("2", region, "1").unwrap().is_none(), "{region}");
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
        logs.delete_group("0", "r", "g").unwrap().unwrap().clear();
        assert!(logs.delete_group("0", "r", "g").unwrap().is_none());
        assert!(!logs.has_group("0", "r", "g"));
        let long = "x".repeat(300);
        assert!(logs.delete_group("0", "r", &long).unwrap().is_none());
        assert_eq!(logs.create_group("0", "r", &long).unwrap_err().kind(), ErrorKind::InvalidFilename);
    }
}
