//! The files that a job leaves behind.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sagewright_cloud_core::limits;

/// Ends of names that SageMaker does not upload: its own marks for files in work.
const IGNORED: [&str; 3] = [".sagemaker-ignore", ".sagemaker-uploading", ".sagemaker-uploaded"];

/// Files and empty folders of one or more merged trees.
#[derive(Debug, Default)]
pub struct Tree {
    /// Real files by relative path. Where trees have the same path, the later tree wins.
    pub files: BTreeMap<PathBuf, PathBuf>,
    /// Empty folders by relative path.
    pub folders: Vec<PathBuf>,
    /// Whether links are left out, wherever they lead.
    unlinked: bool,
    skipped: Vec<String>,
    /// What was left out beyond the lines about it.
    uncounted: usize,
}

impl Tree {
    /// A tree that leaves all links out.
    pub fn without_links() -> Self {
        Self { unlinked: true, ..Self::default() }
    }

    /// Adds all below the folder `name` of `base`; where that is missing there is nothing. A link is followed only to a
    /// file of the same tree: what else it points to is not the job's to give away.
    ///
    /// # Errors
    /// The folder cannot be read, or has too many files.
    pub fn add(&mut self, base: &Path, name: &Path) -> io::Result<()> {
        let mut root = fs::canonicalize(base)?;
        for part in name.components() {
            root.push(part);
            match fs::symlink_metadata(&root) {
                Ok(found) if found.is_dir() => {}
                // A job can put a link to anywhere in the place of the folder itself.
                Ok(_) => {
                    self.skip(name, "a link or a file in the place of a folder");
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(e) => return Err(e),
            }
        }
        self.walk(&root, Path::new(""), 0)
    }

    /// What was left out, and why, for people.
    pub fn take_skipped(&mut self) -> Vec<String> {
        let mut lines = std::mem::take(&mut self.skipped);
        if self.uncounted > 0 {
            lines.push(format!("{} more files and folders are left out", self.uncounted));
            self.uncounted = 0;
        }
        lines
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }

    fn walk(&mut self, root: &Path, folder: &Path, depth: usize) -> io::Result<()> {
        let mut empty = true;
        for entry in fs::read_dir(root.join(folder))? {
            let entry = entry?;
            empty = false;
            let name = entry.file_name();
            let (path, kind) = (folder.join(&name), entry.file_type()?);
            if IGNORED.iter().any(|end| name.to_string_lossy().ends_with(end)) {
                continue;
            }
            if self.files.len() + self.folders.len() >= limits::FILES {
                return Err(io::Error::other(format!("there are more than {} files", limits::FILES)));
            }
            if kind.is_dir() && depth + 1 >= limits::DEPTH {
                self.skip(&path, &format!("more than {} folders deep", limits::DEPTH));
            } else if kind.is_dir() {
                self.walk(root, &path, depth + 1)?;
            } else if kind.is_file() {
                self.files.insert(path, entry.path());
            } else if kind.is_symlink() && self.unlinked {
                self.skip(&path, "a link, and links are not followed");
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
        if self.skipped.len() < limits::LEFT_OUT {
            self.skipped.push(format!("{} is left out: {why}", path.display()));
        } else {
            self.uncounted += 1;
        }
    }
}
