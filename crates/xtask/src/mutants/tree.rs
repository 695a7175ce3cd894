//! The copy of the sources that is changed. It stays between runs, and what is built from it: only what is another since the run
//! before is built again.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::check::sources;

/// The copy, for as long as nobody else may use it.
pub struct Tree {
    /// Its top folder.
    pub folder: PathBuf,
    _lock: File,
}

impl Tree {
    /// Brings the copy up to date.
    ///
    /// # Errors
    /// Another run uses it, git does not list the files, or they cannot be copied.
    pub fn sync(work: &Path) -> Result<Self> {
        let lock = File::create(work.join("lock")).context("cannot make the lock of the copy")?;
        ensure!(lock.try_lock().is_ok(), "another run changes the same copy");
        let folder = work.join("tree");
        copy(&crate::root(), &folder, &sources::tracked()?)?;
        Ok(Self { folder, _lock: lock })
    }
}

/// Makes a folder hold the files and no others. What is the same is not touched: what is built from it stands.
fn copy(from: &Path, to: &Path, files: &[String]) -> Result<()> {
    let mut there = HashSet::new();
    for file in files {
        let (source, target) = (from.join(file), to.join(file));
        // What git knows may be deleted.
        let Ok(content) = fs::read(&source) else { continue };
        there.insert(target.clone());
        if fs::read(&target).is_ok_and(|old| old == content) {
            continue;
        }
        let parent = target.parent().unwrap_or(to);
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        fs::copy(&source, &target).with_context(|| format!("cannot write {}", target.display()))?;
    }
    remove_others(to, &there)
}

fn remove_others(folder: &Path, keep: &HashSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            remove_others(&path, keep)?;
            fs::remove_dir(&path).ok();
        } else if !keep.contains(&path) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_holds_what_is_there_and_what_is_the_same_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let write = |path: &Path, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(&from.join("a/b.rs"), "one");
        write(&from.join("c.rs"), "two");
        let files = ["a/b.rs", "c.rs", "deleted.rs"].map(str::to_owned);
        copy(&from, &to, &files).unwrap();
        let old = fs::metadata(to.join("c.rs")).unwrap().modified().unwrap();
        // What a run that was ended left changed, and what is not there any more.
        write(&to.join("a/b.rs"), "changed");
        write(&to.join("gone/d.rs"), "old");
        copy(&from, &to, &files).unwrap();
        assert_eq!(fs::read_to_string(to.join("a/b.rs")).unwrap(), "one");
        assert_eq!(fs::metadata(to.join("c.rs")).unwrap().modified().unwrap(), old);
        assert!(!to.join("gone").exists() && !to.join("deleted.rs").exists());
    }
}
