//! Folders of running work: each has a new name that nobody knows by chance, so that they can be told from others.

use std::fs;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// A path for a new piece of work; not made here.
#[must_use]
pub fn new(folder: &Path) -> PathBuf {
    folder.join(Uuid::new_v4().to_string())
}

/// Removes what an earlier process left of its work. Whatever else is there is not its own.
pub fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| Uuid::try_parse(name).is_ok()) {
            // Follows no link.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_work_are_removed_and_no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (work, elsewhere) = (dir.path().join("work"), dir.path().join("elsewhere"));
        let job = new(&work);
        for folder in [&job.join("algo-1"), &work.join("mine"), &elsewhere] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(elsewhere.join("kept"), "").unwrap();
        std::os::unix::fs::symlink(&elsewhere, job.join("algo-1/link")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, new(&work)).unwrap();
        clear(&work);
        assert_eq!(fs::read_dir(&work).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>(), ["mine"]);
        assert!(elsewhere.join("kept").is_file());
        clear(&dir.path().join("missing"));
    }
}
