//! What an acknowledged write outlives.

use std::fs::File;
use std::io;
use std::path::Path;

/// What an acknowledged write outlives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, however it ends. What was written last may be lost, or torn, when the machine goes
    /// down: the operating system had it, the disk perhaps not.
    #[default]
    Kill,
    /// The loss of power as well: files, their folders and every commit are on the disk before a write is
    /// acknowledged.
    PowerLoss,
}

impl Durability {
    /// SQLite's `synchronous` in write-ahead mode.
    #[must_use]
    pub fn synchronous(self) -> &'static str {
        match self {
            Self::Kill => "NORMAL",
            Self::PowerLoss => "FULL",
        }
    }

    /// Puts a file's content, and the folders that lead to it, on the disk where that is asked for: `folders` are
    /// those in which an entry is new.
    ///
    /// # Errors
    /// What the system said.
    pub fn persist<'p>(self, file: &Path, folders: impl IntoIterator<Item = &'p Path>) -> io::Result<()> {
        if self == Self::Kill {
            return Ok(());
        }
        File::open(file)?.sync_all()?;
        self.persist_folders(folders)
    }

    /// Puts the entries of folders on the disk where that is asked for.
    ///
    /// # Errors
    /// What the system said.
    pub fn persist_folders<'p>(self, folders: impl IntoIterator<Item = &'p Path>) -> io::Result<()> {
        if self == Self::PowerLoss {
            for folder in folders {
                File::open(folder)?.sync_all()?;
            }
        }
        Ok(())
    }
}
