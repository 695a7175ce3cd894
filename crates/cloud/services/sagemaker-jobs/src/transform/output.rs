//! What becomes of an input object: a file first, then an object of S3.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

/// What is kept in memory before it is written.
const BUFFER: usize = 256 * 1024;

/// The answers to the records of one object.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    file: Option<File>,
    waits: Vec<u8>,
    lines: bool,
}

impl Output {
    /// An output on its way, whose answers each end a line where it has `lines`.
    pub fn new(path: PathBuf, lines: bool) -> Self {
        Self { path, file: None, waits: Vec::new(), lines }
    }

    /// Adds an answer; `true` when it is time to write.
    pub fn add(&mut self, answer: &[u8]) -> bool {
        self.waits.extend_from_slice(answer);
        // An answer may end its line itself.
        if self.lines && !answer.ends_with(b"\n") {
            self.waits.push(b'\n');
        }
        self.waits.len() >= BUFFER
    }

    /// Writes what waits. Blocks.
    ///
    /// # Errors
    /// The disk failed.
    pub fn write(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::create(&self.path)?),
        };
        file.write_all(&self.waits)?;
        self.waits.clear();
        Ok(())
    }

    /// The file with everything in it. Blocks.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn finish(mut self) -> io::Result<PathBuf> {
        self.write()?;
        Ok(std::mem::take(&mut self.path))
    }
}

impl Drop for Output {
    /// What has no output any more needs no place on the disk.
    fn drop(&mut self) {
        if self.file.is_some() && !self.path.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
