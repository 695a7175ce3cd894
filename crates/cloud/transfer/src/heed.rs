//! Long copies that end when they are told to.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes between two looks at the flag: some tens of milliseconds of a slow disk.
const CHUNK: u64 = 16 * 1024 * 1024;

/// A reader that fails once `cancelled` is set.
#[derive(Debug)]
pub struct Heeding<'a, R> {
    inner: R,
    cancelled: &'a AtomicBool,
}

impl<'a, R> Heeding<'a, R> {
    /// Reads `inner` for as long as the flag is not set.
    pub fn new(inner: R, cancelled: &'a AtomicBool) -> Self {
        Self { inner, cancelled }
    }
}

impl<R: Read> Read for Heeding<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        go_on(self.cancelled)?;
        self.inner.read(buffer)
    }
}

/// Copies a file's content to its end. Between files the standard library lets the kernel copy, which shares blocks where
/// the disk can.
///
/// # Errors
/// Reading or writing failed, or `cancelled` was set.
pub fn copy(content: &mut File, target: &mut File, cancelled: &AtomicBool) -> io::Result<u64> {
    copy_at_most(content, target, u64::MAX, cancelled)
}

/// As [`copy`], from any reader and no more than `most` bytes.
///
/// # Errors
/// As [`copy`].
pub fn copy_at_most(content: &mut impl Read, target: &mut File, most: u64, cancelled: &AtomicBool) -> io::Result<u64> {
    let mut copied = 0;
    while copied < most {
        go_on(cancelled)?;
        match io::copy(&mut content.by_ref().take(CHUNK.min(most - copied)), target)? {
            0 => break,
            some => copied += some,
        }
    }
    Ok(copied)
}

fn go_on(cancelled: &AtomicBool) -> io::Result<()> {
    if cancelled.load(Ordering::Relaxed) { Err(io::Error::other("stopped")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::*;

    #[test]
    fn a_copy_is_whole_or_ends_when_it_is_told_to() {
        let (mut from, mut to) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        from.write_all(&vec![7; 1024 * 1024 + 1]).unwrap();
        from.rewind().unwrap();
        let flag = AtomicBool::new(false);
        assert_eq!(copy(&mut from, &mut to, &flag).unwrap(), 1024 * 1024 + 1);
        assert_eq!(to.metadata().unwrap().len(), 1024 * 1024 + 1);
        flag.store(true, Ordering::Relaxed);
        assert_eq!(copy(&mut from, &mut to, &flag).unwrap_err().to_string(), "stopped");
        // A decoder reads on as long as there is something.
        let mut endless = Heeding::new(io::repeat(0), &flag);
        assert!(endless.read(&mut [0; 8]).is_err());
    }
}
