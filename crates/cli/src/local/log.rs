//! The log of an embedded cloud in the background: `server.log` in the data folder, and one older file.
//!
//! What is logged before the cloud answers goes to standard error, where whoever started it waits, and into the file
//! once there is one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file that is written.
pub(crate) const NAME: &str = "server.log";
/// The one before it.
pub(crate) const OLDER: &str = "server.log.1";
/// How long one file may become.
const MOST_BYTES: u64 = 8 * 1024 * 1024;
/// How much is remembered of what is logged before there is a file.
const MOST_EARLY: usize = 64 * 1024;

static LOG: Mutex<Log> = Mutex::new(Log::Terminal);

enum Log {
    /// Standard error.
    Terminal,
    /// Standard error, and later the file.
    Early(Vec<u8>),
    File(Rotating),
}

fn log() -> MutexGuard<'static, Log> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on what is logged will be in the file as well.
pub(crate) fn remember() {
    *log() = Log::Early(Vec::new());
}

/// Goes over to the file, with both standard streams: what the libraries say, or a panic, is found there too.
pub(crate) fn open(data: &Path) -> io::Result<()> {
    let mut log = log();
    let mut file = Rotating::new(data)?;
    if let Log::Early(said) = &*log {
        file.write_all(said)?;
    }
    *log = Log::File(file);
    Ok(())
}

/// Where log lines go.
#[derive(Debug, Default)]
pub(crate) struct Output;

impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &mut *log() {
            Log::Terminal => io::stderr().write(line),
            Log::Early(said) => {
                let room = MOST_EARLY.saturating_sub(said.len()).min(line.len());
                said.extend_from_slice(line.get(..room).unwrap_or_default());
                io::stderr().write_all(line).map(|()| line.len())
            }
            Log::File(file) => file.write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that makes room for a new one when it is full.
struct Rotating {
    folder: PathBuf,
    file: File,
    bytes: u64,
    limit: u64,
}

impl Rotating {
    fn new(folder: &Path) -> io::Result<Self> {
        let file = begin(folder)?;
        Ok(Self { folder: folder.to_owned(), file, bytes: 0, limit: MOST_BYTES })
    }
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        // Where no new file can be made, the old one goes on from its start: the bound holds.
        if self.bytes > 0 && self.bytes.saturating_add(length) > self.limit {
            match begin(&self.folder) {
                Ok(file) => self.file = file,
                Err(_) => self.file.set_len(0)?,
            }
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(length);
        self.file.write_all(line).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins a new file and directs the standard streams to it; the one that was there becomes the older one.
fn begin(folder: &Path) -> io::Result<File> {
    let path = folder.join(NAME);
    match fs::rename(&path, folder.join(OLDER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
    if !cfg!(test) {
        rustix::stdio::dup2_stdout(&file)?;
        rustix::stdio::dup2_stderr(&file)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_and_its_end_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Rotating { limit: 100, ..Rotating::new(dir.path()).unwrap() };
        for n in 0..50 {
            writeln!(log, "line {n:04}").unwrap();
        }
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        let (older, newer) = (read(OLDER), read(NAME));
        assert!(older.len() <= 100 && newer.len() <= 100, "{older}{newer}");
        let kept = older + &newer;
        let first = 50 - kept.lines().count();
        let expected: String = (first..50).map(|n| format!("line {n:04}\n")).collect();
        assert_eq!(kept, expected, "no line between is missing");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_start_keeps_the_log_of_the_run_before() {
        let dir = tempfile::tempdir().unwrap();
        Rotating::new(dir.path()).unwrap().write_all(b"why it ended\n").unwrap();
        Rotating::new(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join(OLDER)).unwrap(), "why it ended\n");
    }
}
