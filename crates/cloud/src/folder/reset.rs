//! Takes an embedded cloud's state away, and nothing else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::inventory::{Inventory, Parts, there};
use super::lock::{Lock, lock};
use super::marker::{self, Mark};
use super::own::OWN;
use super::tree;
use crate::cloud::end_processes;
use crate::server::StartError;

/// A reset that is ready to run: the folder is an embedded cloud's, and no process has it meanwhile.
#[derive(Debug)]
pub struct Reset {
    /// The folder, links resolved.
    pub data: PathBuf,
    /// What would be removed and what would be kept.
    pub inventory: Inventory,
    // Removing the folder through a link would leave a link that leads nowhere.
    linked: bool,
    _lock: Lock,
}

/// Why state could not be taken away.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The folder is not an embedded cloud's.
    #[error("{} is not an embedded cloud's data folder; nothing was removed", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// It cannot be taken.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It cannot be read.
    #[error("cannot read {}: {source}; nothing was removed", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A file of it stays.
    #[error("cannot remove {}: {source}", path.display())]
    Stays {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

impl Reset {
    /// Locks the folder and counts what is in it; `None` where there is no folder.
    ///
    /// # Errors
    /// It is not an embedded cloud's, or one is up on it.
    pub fn prepare(data: &Path) -> Result<Option<Self>, ResetError> {
        let unreadable = |source| ResetError::Unreadable { path: data.to_owned(), source };
        let Some(entry) = there(data).map_err(unreadable)? else { return Ok(None) };
        let resolved = fs::canonicalize(data).map_err(unreadable)?;
        if !resolved.is_dir() || marker::read(&resolved).map_err(unreadable)? == Mark::None {
            return Err(ResetError::Foreign { path: resolved });
        }
        let lock = lock(&resolved)?;
        let inventory = Inventory::of(&resolved).map_err(unreadable)?;
        Ok(Some(Self { data: resolved, inventory, linked: entry.is_symlink(), _lock: lock }))
    }

    /// Removes what is the cloud's; whether the folder is gone as well, because nothing else was in it.
    ///
    /// # Errors
    /// Something could not be removed. What is left can be removed by another reset.
    pub fn run(self) -> Result<bool, ResetError> {
        // What a killed cloud left running would be known to nobody once the folder's id is gone.
        end_processes(&self.data);
        for (name, below) in OWN {
            let path = self.data.join(name);
            let stays = |path: &Path| {
                let path = path.to_owned();
                move |source| ResetError::Stays { path, source }
            };
            let parts = Parts::of(&path, below).map_err(stays(&path))?;
            for part in &parts.own {
                tree::remove(part).map_err(stays(part))?;
            }
            for folder in &parts.folders {
                match fs::remove_dir(folder) {
                    Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => return Err(stays(folder)(error)),
                    _ => {}
                }
            }
        }
        // Only where it is empty, and no mount point.
        Ok(!self.linked && fs::remove_dir(&self.data).is_ok())
    }
}
