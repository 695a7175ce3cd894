//! Room that is kept for a full disk. Whatever makes room there, be it the deletion of an object, has to be written down
//! first. So a file is kept that takes some megabytes, and goes when a cloud starts on a disk that is full.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

// Nobody else calls a file so: it is overwritten and removed.
const FILE: &str = "sagewright-reserve";
/// What SQLite's logs need until they are folded into their databases.
const SIZE: u64 = 4 * 1024 * 1024;
/// What is written at a time.
const BLOCK: usize = 64 * 1024;
/// A disk with less is full.
const LITTLE: u64 = 2 * SIZE;
/// A disk with less is too small to keep anything back.
const MUCH: u64 = 64 * SIZE;

/// Gives the room away where the disk is full, and takes it where there is enough. Best effort: the start goes on.
pub(crate) fn balance(data: &Path) {
    let Ok(disk) = rustix::fs::statvfs(data) else { return };
    let path = data.join(FILE);
    let kept = fs::metadata(&path).map_or(0, |facts| facts.len());
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let changed = if free < LITTLE {
        if kept > 0 {
            tracing::warn!("the disk of {} is full; {kept} bytes that were kept for this are set free", data.display());
        }
        fs::remove_file(&path)
    } else if kept < SIZE && free > MUCH {
        fill(&path)
    } else {
        Ok(())
    };
    if let Err(error) = changed
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!(%error, path = %path.display(), "the room for a full disk is as it was");
    }
}

/// Noise, so that no file system stores it in less. It is no secret, and a start waits for it: one random number begins it.
fn fill(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    let mut state = uuid::Uuid::new_v4().as_u128() | 1;
    let mut block = Vec::with_capacity(BLOCK);
    for _ in 0..SIZE / BLOCK as u64 {
        block.clear();
        while block.len() < BLOCK {
            // A xorshift generator (Marsaglia, 2003).
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        file.write_all(&block)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_kept_where_there_is_enough() {
        let data = tempfile::tempdir().unwrap();
        for left in [None, Some(7)] {
            if let Some(size) = left {
                File::options().write(true).open(data.path().join(FILE)).unwrap().set_len(size).unwrap();
            }
            balance(data.path());
            let kept = fs::read(data.path().join(FILE)).unwrap();
            assert_eq!(kept.len() as u64, SIZE);
            let blocks: std::collections::HashSet<&[u8]> = kept.chunks(512).collect();
            assert_eq!(blocks.len(), kept.len() / 512, "none is there twice");
        }
    }
}
