//! Takes a data folder: only one that is empty or an embedded cloud's own, and private from then on.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use super::inventory::{listed, names};
use super::lock::{Lock, lock};
use super::marker::{self, FORMAT, Mark};
use super::own::{BEGUN, BESIDE, OWN, below};
use crate::server::StartError;

/// Nobody but the owner.
const PRIVATE: u32 = 0o700;

/// Makes the folder where it is missing, locks it, marks it and keeps other users out.
///
/// # Errors
/// It is somebody else's, in use, of a newer version, or cannot be written.
pub fn take(data: &Path) -> Result<Lock, StartError> {
    look(data)?;
    DirBuilder::new().recursive(true).mode(PRIVATE).create(data).map_err(|e| StartError::file(data, e))?;
    let lock = lock(data)?;
    // Who had the lock before may have left another folder than the one that was looked at.
    if !matches!(look(data)?, Mark::Format(_)) {
        marker::write(data).map_err(|e| StartError::file(data, e))?;
    }
    for (name, _) in OWN.iter().filter(|(_, below)| !below.is_empty()) {
        let path = data.join(name);
        DirBuilder::new().recursive(true).mode(PRIVATE).create(&path).map_err(|e| StartError::file(&path, e))?;
        keep_private(&path);
    }
    let others = strangers(data)?;
    if others.is_empty() {
        keep_private(data);
    } else if open_to_others(data) {
        tracing::warn!(
            "other users can look into {}: it also holds files that are not the embedded cloud's ({}), so its mode is left as it is",
            data.display(),
            listed(&others)
        );
    }
    Ok(lock)
}

/// Whether the folder may be used: it is empty, missing or an embedded cloud's. Nothing is written.
///
/// # Errors
/// It is somebody else's, of a newer version, or cannot be read.
pub fn check(data: &Path) -> Result<(), StartError> {
    look(data).map(drop)
}

fn look(data: &Path) -> Result<Mark, StartError> {
    let mark = marker::read(data).map_err(|e| StartError::file(data, e))?;
    match mark {
        Mark::Format(found) if found > FORMAT => {
            Err(StartError::NewerFolder { path: data.to_owned(), found, known: FORMAT })
        }
        Mark::None => {
            let others: Vec<_> = names(data)
                .map_err(|e| StartError::file(data, e))?
                .into_iter()
                .filter(|name| ![BESIDE, BEGUN].iter().any(|names| names.contains(&name.as_str())))
                .collect();
            if others.is_empty() {
                return Ok(mark);
            }
            Err(StartError::ForeignFolder { path: data.to_owned(), holds: listed(&others) })
        }
        other => Ok(other),
    }
}

/// What is in the folder and neither the cloud's nor for the cloud.
fn strangers(data: &Path) -> Result<Vec<String>, StartError> {
    let mut names = names(data).map_err(|e| StartError::file(data, e))?;
    names.retain(|name| below(name).is_none() && !BESIDE.contains(&name.as_str()));
    Ok(names)
}

fn keep_private(path: &Path) {
    // A link leads to a folder that is not this one's to change.
    let is_link = fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink());
    if !open_to_others(path) {
        return;
    }
    let outcome = if is_link { Ok(()) } else { fs::set_permissions(path, Permissions::from_mode(PRIVATE)) };
    // Some file systems take a mode and do not keep it.
    if outcome.is_err() || open_to_others(path) {
        let why = outcome.err().map_or_else(String::new, |error| format!(" ({error})"));
        tracing::warn!(
            "other users of this machine can look into {}, and its mode cannot be set to 0700{why}: choose another folder with --data if they must not",
            path.display()
        );
    }
}

fn open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0)
}
