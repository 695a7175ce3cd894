//! An image map that follows its file: who adds the entry that a refusal asks for need not start the cloud again.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::map::{ImageMap, ImageMapError};

/// Tells one state of a file from another; `None` where there is no file.
type Stamp = Option<(SystemTime, u64)>;

/// The map as its file is now.
pub(crate) struct LiveMap {
    state: Mutex<(Stamp, Arc<ImageMap>)>,
}

impl LiveMap {
    /// Follows the file that a map was read from.
    pub fn new(map: ImageMap) -> Self {
        let stamp = map.path().and_then(stamp);
        Self { state: Mutex::new((stamp, Arc::new(map))) }
    }

    /// The map, read again where the file has changed.
    ///
    /// # Errors
    /// As [`ImageMap::load`]; a map that became wrong stays wrong until it is corrected.
    pub fn now(&self) -> Result<Arc<ImageMap>, ImageMapError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = state.1.path()
            && let now = stamp(path)
            && now != state.0
        {
            *state = (now, Arc::new(ImageMap::load(path)?));
        }
        Ok(Arc::clone(&state.1))
    }
}

fn stamp(path: &Path) -> Stamp {
    let facts = std::fs::metadata(path).ok()?;
    Some((facts.modified().ok()?, facts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_is_added_is_found_and_a_wrong_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images.toml");
        let live = LiveMap::new(ImageMap::load(&path).unwrap());
        assert!(live.now().unwrap().find("a").is_none());
        std::fs::write(&path, "[[image]]\nmatch = \"a\"\ncommand = [\"x\"]\n").unwrap();
        assert!(live.now().unwrap().find("a").is_some());
        std::fs::write(&path, "[[image]]\nmatch = \"a\"\n").unwrap();
        for _ in 0..2 {
            assert!(live.now().unwrap_err().to_string().contains("missing field `command`"));
        }
        std::fs::remove_file(&path).unwrap();
        assert!(live.now().unwrap().find("a").is_none());
    }
}
