//! The files of a data set.

use std::fs;
use std::path::{Path, PathBuf};

use crate::contract::Container;

/// All files below a folder in the order of their paths, but for hidden ones. A file in the folder's place is itself.
///
/// # Errors
/// There is no such folder, or it cannot be read. Places are told as the container sees them.
pub(in crate::monitor) fn files(container: &Container, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut todo = vec![folder.to_path_buf()];
    while let Some(path) = todo.pop() {
        let failed = |error: std::io::Error| format!("cannot read {}: {error}", container.shown(&path));
        if path.is_file() {
            found.push(path);
            continue;
        }
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let hidden = name.to_string_lossy().starts_with(['.', '_']);
            // A link could lead anywhere, and in a circle.
            if !hidden && !entry.file_type().map_err(failed)?.is_symlink() {
                todo.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
