//! The files that a job leaves behind.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Ends of names that SageMaker does not upload: its own marks for files in work.
const IGNORED: [&str; 3] = [".sagemaker-ignore", ".sagemaker-uploading", ".sagemaker-uploaded"];

/// Files and empty folders of one or more merged trees.
#[derive(Debug, Default)]
pub struct Tree {
    /// Real files by relative path. Where trees have the same path, the later tree wins.
    pub files: BTreeMap<PathBuf, PathBuf>,
    /// Empty folders by relative path.
    pub folders: Vec<PathBuf>,
    /// What was left out, and why, for people.
    pub skipped: Vec<String>,
}

impl Tree {
    /// Adds all below `root`; a missing root is empty. A link is followed only to a file of the same tree: what else
    /// it points to is not the job's to give away.
    pub fn add(&mut self, root: &Path) -> io::Result<()> {
        match fs::canonicalize(root) {
            Ok(root) => self.walk(&root, Path::new("")),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }

    fn walk(&mut self, root: &Path, folder: &Path) -> io::Result<()> {
        let mut empty = true;
        for entry in fs::read_dir(root.join(folder))? {
            let entry = entry?;
            empty = false;
            let name = entry.file_name();
            let (path, kind) = (folder.join(&name), entry.file_type()?);
            if IGNORED.iter().any(|end| name.to_string_lossy().ends_with(end)) {
                continue;
            }
            if kind.is_dir() {
                self.walk(root, &path)?;
            } else if kind.is_file() {
                self.files.insert(path, entry.path());
            } else if kind.is_symlink() {
                match fs::canonicalize(entry.path()) {
                    Ok(target) if target.starts_with(root) && target.is_file() => {
                        self.files.insert(path, target);
                    }
                    _ => self.skip(&path, "a link that does not lead to a file of the same folder"),
                }
            } else {
                self.skip(&path, "neither a file nor a folder");
            }
        }
        if empty && !folder.as_os_str().is_empty() {
            self.folders.push(folder.to_path_buf());
        }
        Ok(())
    }

    fn skip(&mut self, path: &Path, why: &str) {
        self.skipped.push(format!("{} is left out: {why}", path.display()));
    }
}
