//! Removed groups: out of the way at once as a whole, then forgotten by the store, then gone from the disk.
//!
//! Whenever the process is killed, the next start finds what is left to do: groups in `~removed` are to be forgotten,
//! and files in `~forgotten` to be removed.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::streams::{Streams, decode, encode, there};

/// Groups that are to be forgotten, in their account's folder. No region can have that name: `~` is encoded.
const REMOVED: &str = "~removed";

/// Files that nothing tells of any more, in the same place.
const FORGOTTEN: &str = "~forgotten";

/// A group that was removed, with its files.
#[derive(Debug)]
pub struct Removed {
    /// Account of the group.
    pub account: String,
    /// Region of the group.
    pub region: String,
    /// Its name.
    pub group: String,
    folder: PathBuf,
}

impl Removed {
    /// Moves a group out of the way, whatever else is being removed. `None`: there is none.
    pub(super) fn take(root: &Path, account: &str, region: &str, group: &str) -> io::Result<Option<Self>> {
        let from = root.join(encode(account)).join(encode(region)).join(encode(group));
        if !there(fs::symlink_metadata(&from).map(drop))? {
            return Ok(None);
        }
        let folder = free(&root.join(encode(account)).join(REMOVED))?;
        let to = folder.join(encode(region));
        fs::create_dir(&to)?;
        let taken = there(fs::rename(from, to.join(encode(group))))?;
        let removed = Self { account: account.to_owned(), region: region.to_owned(), group: group.to_owned(), folder };
        if !taken {
            removed.clear();
        }
        Ok(taken.then_some(removed))
    }

    /// Removes the files of a group that has been forgotten. What cannot be removed takes space, and nothing else.
    pub fn clear(&self) {
        if let Some(account) = self.folder.parent().and_then(Path::parent)
            && let Some(folder) = forgotten(&self.folder, account)
        {
            clear(&folder);
        }
    }
}

impl Streams {
    /// Groups that were removed and may not have been forgotten.
    #[must_use]
    pub fn leftovers(&self) -> Vec<Removed> {
        let mut out = Vec::new();
        for account in entries(self.root()) {
            for folder in entries(&account.join(REMOVED)) {
                for region in entries(&folder) {
                    for group in entries(&region) {
                        let names = (decode(&account), decode(&region), decode(&group));
                        let (Some(account), Some(region), Some(group)) = names else { continue };
                        out.push(Removed { account, region, group, folder: folder.clone() });
                    }
                }
            }
        }
        out
    }

    /// To be called when all [`Streams::leftovers`] have been forgotten, and before any group is removed.
    pub fn leftovers_forgotten(&self) {
        for account in entries(self.root()) {
            let removed = account.join(REMOVED);
            if removed.exists() {
                forgotten(&removed, &account);
            }
        }
    }

    /// Removes the files of groups that have been forgotten.
    pub fn clear_forgotten(&self) {
        for account in entries(self.root()) {
            entries(&account.join(FORGOTTEN)).iter().for_each(|folder| clear(folder));
        }
    }

    /// Accounts and regions that have had groups.
    #[must_use]
    pub fn regions(&self) -> Vec<(String, String)> {
        let accounts = entries(self.root()).into_iter();
        let regions = accounts.flat_map(|account| entries(&account).into_iter().map(move |r| (account.clone(), r)));
        regions
            .filter(|(_, region)| region.file_name().is_some_and(|name| name != REMOVED && name != FORGOTTEN))
            .filter_map(|(account, region)| Some((decode(&account)?, decode(&region)?)))
            .collect()
    }
}

/// A new folder in one of removed groups.
fn free(removed: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(removed)?;
    let mut number = 0_u64;
    loop {
        let folder = removed.join(number.to_string());
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Moves a folder to the forgotten ones of its account. `None`, with a warning: it is still where it was.
fn forgotten(folder: &Path, account: &Path) -> Option<PathBuf> {
    let to = free(&account.join(FORGOTTEN));
    let moved = to.and_then(|to| fs::rename(folder, &to).map(|()| to));
    moved.inspect_err(|error| warn(folder, error)).ok()
}

fn clear(path: &Path) {
    let cleared = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    if let Err(error) = there(cleared) {
        warn(path, &error);
    }
}

fn warn(path: &Path, error: &io::Error) {
    let folder = path.display();
    tracing::warn!(%folder, %error, "cannot remove the files of a removed log group; the next start tries again");
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
