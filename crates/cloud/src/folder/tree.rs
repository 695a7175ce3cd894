//! Trees of files, weighed and removed without following a link.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The unit of `st_blocks`.
const BLOCK: u64 = 512;

/// Files of a tree, and the bytes that they take on the disk. What cannot be read, or goes meanwhile, counts nothing.
pub(super) fn weigh(path: &Path) -> (u64, u64) {
    let (mut files, mut bytes) = (0, 0);
    walk(path, &mut |path, is_folder| {
        files += u64::from(!is_folder);
        bytes += fs::symlink_metadata(path).map_or(0, |entry| entry.blocks().saturating_mul(BLOCK));
    });
    (files, bytes)
}

/// Removes a file, a link or a tree. A job may have taken the right to write to its own folders away.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match attempt(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            walk(path, &mut |path, is_folder| {
                if is_folder {
                    let _ = fs::set_permissions(path, Permissions::from_mode(0o700));
                }
            });
            attempt(path)
        }
        other => other,
    }
}

fn attempt(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        // Follows no link, not even one that is put in place meanwhile.
        Ok(entry) if entry.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Visits a folder before what is in it.
fn walk(path: &Path, visit: &mut dyn FnMut(&Path, bool)) {
    let mut waiting: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let Ok(entry) = fs::symlink_metadata(&path) else { continue };
        visit(&path, entry.is_dir());
        if entry.is_dir() {
            waiting.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|e| e.path()));
        }
    }
}
