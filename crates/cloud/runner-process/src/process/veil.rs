//! What of the cloud's data folder a program needs.

use std::fs;
use std::path::{Path, PathBuf};

/// The cloud's data folder, which programs do not see.
#[derive(Debug, Clone)]
pub struct Hidden {
    /// The folder; absolute, without links.
    pub folder: PathBuf,
    /// Whether the cloud itself keeps something under this name there. All else is the user's.
    pub is_own: fn(&str) -> bool,
}

impl Hidden {
    /// What is left of the folder for a program with these paths: of the user's own entries those that the paths lead
    /// into, all where one of them is the folder itself.
    pub(super) fn kept(&self, paths: &[PathBuf]) -> Vec<PathBuf> {
        let mut kept: Vec<PathBuf> = Vec::new();
        for path in paths {
            let Ok(path) = fs::canonicalize(path) else { continue };
            let Ok(below) = path.strip_prefix(&self.folder) else { continue };
            match below.components().next() {
                Some(first) => kept.push(self.folder.join(first)),
                None => {
                    kept.extend(fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path()))
                }
            }
        }
        let own = |path: &Path| path.file_name().is_none_or(|name| (self.is_own)(&name.to_string_lossy()));
        kept.retain(|path| !own(path) && !path.is_symlink());
        kept.sort();
        kept.dedup();
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_needs_is_kept_and_the_clouds_own_never() {
        let data = tempfile::tempdir().unwrap();
        let folder = fs::canonicalize(data.path()).unwrap();
        for name in ["s3/x", "tools/a/b", "venv/bin"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        for name in ["state.sqlite", "state.sqlite-wal", "images.toml", "train.py"] {
            fs::write(folder.join(name), "").unwrap();
        }
        std::os::unix::fs::symlink("s3", folder.join("link")).unwrap();
        let hidden = Hidden { folder: folder.clone(), is_own: |name| name == "s3" || name.starts_with("state.sqlite") };
        for (paths, kept) in [
            (vec!["/", "/usr/bin/python3", "/no/such"], vec![]),
            (vec!["tools/a/b", "tools/a"], vec!["tools"]),
            (vec!["train.py", "s3/x", "state.sqlite", "link/x"], vec!["train.py"]),
            (vec![""], vec!["images.toml", "tools", "train.py", "venv"]),
        ] {
            let given: Vec<PathBuf> = paths.iter().map(|path| folder.join(path)).collect();
            let wanted: Vec<PathBuf> = kept.iter().map(|name| folder.join(name)).collect();
            assert_eq!(hidden.kept(&given), wanted, "{paths:?}");
        }
    }
}
