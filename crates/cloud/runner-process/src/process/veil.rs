//! What of the cloud's data folder programs see.

use std::fs;
use std::path::PathBuf;

/// The cloud's data folder, of which programs see only what is the user's.
#[derive(Debug, Clone)]
pub struct Hidden {
    /// The folder; absolute, without links.
    pub folder: PathBuf,
    /// Whether the cloud itself keeps something under this name there. All else is the user's: images.toml, the programs
    /// that it names, their data.
    pub is_own: fn(&str) -> bool,
}

impl Hidden {
    /// What is left of the folder.
    pub(super) fn kept(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let users = entries.filter(|entry| !(self.is_own)(&entry.file_name().to_string_lossy()));
        let mut kept: Vec<PathBuf> = users.map(|entry| entry.path()).collect();
        kept.sort();
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_users_is_kept_and_the_clouds_own_never() {
        let data = tempfile::tempdir().unwrap();
        let folder = fs::canonicalize(data.path()).unwrap();
        for name in ["s3/x", "tools/a/b"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        for name in ["state.sqlite", "state.sqlite-wal", "images.toml", "train.py"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let is_own = |name: &str| name == "s3" || name.starts_with("state.sqlite");
        let kept = Hidden { folder: folder.clone(), is_own }.kept();
        assert_eq!(kept, ["images.toml", "tools", "train.py"].map(|name| folder.join(name)));
    }
}
