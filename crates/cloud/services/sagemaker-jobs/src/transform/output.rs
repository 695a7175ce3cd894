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

#[cfg(test)]
mod tests {
    use super::*;

    fn assembled(lines: bool, answers: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::new(folder.path().join("0"), lines);
        for answer in answers {
            assert!(!output.add(answer.as_bytes()), "little is kept in memory");
        }
        fs::read_to_string(output.finish().unwrap()).unwrap()
    }

    #[test]
    fn answers_are_put_together_with_or_without_line_ends() {
        assert_eq!(assembled(false, &["a", "b\n", "c"]), "ab\nc");
        assert_eq!(assembled(true, &["a", "b\n", "", "c\nd"]), "a\nb\n\nc\nd\n");
        assert_eq!(assembled(true, &[]), "");
    }

    #[test]
    fn much_is_written_and_what_is_given_up_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0");
        let mut output = Output::new(path.clone(), true);
        assert!(output.add(&vec![b'x'; BUFFER]));
        output.write().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), BUFFER as u64 + 1);
        assert!(!output.add(b"more"));
        drop(output);
        assert!(!path.exists());
    }
}
