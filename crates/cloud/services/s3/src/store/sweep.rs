//! Removal of content files that a killed run left without a row.

use std::path::Path;
use std::sync::{Arc, Weak};

use super::content::ContentId;
use super::{Inner, Store, StoreError};

impl Store {
    /// Removes content that earlier runs wrote and no row refers to, and returns how many files
    /// that were. Uploads in progress are not touched.
    ///
    /// # Errors
    /// [`StoreError::Io`] when a folder cannot be read, [`StoreError::Database`].
    pub fn sweep(&self) -> Result<usize, StoreError> {
        let mut removed = 0;
        for shard in shards(&self.0.root)? {
            removed += self.sweep_shard(&shard)?;
        }
        Ok(removed)
    }

    /// Sweeps on a thread of its own that gives up as soon as the store is closed.
    pub(super) fn sweep_in_background(&self) {
        let root = self.0.root.clone();
        let inner: Weak<Inner> = Arc::downgrade(&self.0);
        let sweep = move || {
            let mut removed = 0;
            for shard in shards(&root)? {
                let Some(inner) = inner.upgrade() else { break };
                removed += Self(inner).sweep_shard(&shard)?;
            }
            Ok::<_, StoreError>(removed)
        };
        let spawned = std::thread::Builder::new().name("s3-sweep".to_owned()).spawn(move || match sweep() {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed content of interrupted uploads"),
            Err(error) => tracing::warn!(%error, "cannot look for unused content"),
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "cannot start to look for unused content");
        }
    }

    fn sweep_shard(&self, shard: &Path) -> Result<usize, StoreError> {
        let entries = std::fs::read_dir(shard).map_err(|source| StoreError::io("read the folder", shard, source))?;
        let mut removed = 0;
        for entry in entries {
            let entry = entry.map_err(|source| StoreError::io("read the folder", shard, source))?;
            let name = entry.file_name();
            let Some(id) = name.to_str().and_then(ContentId::from_name) else {
                continue;
            };
            // This run's files are either referred to or still being written.
            if id.run() >= self.0.run || self.is_referred_to(id)? {
                continue;
            }
            self.discard(id);
            removed += 1;
        }
        Ok(removed)
    }

    fn is_referred_to(&self, id: ContentId) -> Result<bool, StoreError> {
        self.0.database.read(|db| {
            Ok(db
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM objects WHERE content = ?1)
                         OR EXISTS (SELECT 1 FROM parts WHERE content = ?1)",
                )?
                .query_row([id.0], |row| row.get(0))?)
        })
    }
}

fn shards(root: &Path) -> Result<Vec<std::path::PathBuf>, StoreError> {
    let objects = root.join("objects");
    let failed = |source| StoreError::io("read the folder", &objects, source);
    let mut shards = Vec::new();
    for entry in std::fs::read_dir(&objects).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            shards.push(entry.path());
        }
    }
    Ok(shards)
}
