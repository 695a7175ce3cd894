//! The marker file: the format of the folder and an id of its own.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::own::{DATABASE, LOCK, MARKER, PARTIAL_MARKER};

/// The format of data folders that this version makes and knows.
pub(super) const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Marker {
    format: u32,
    id: String,
}

/// What says that a folder is an embedded cloud's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A marker, of this format.
    Format(u32),
    /// A marker that cannot be read: the power failed before it reached the disk.
    Damaged,
    /// None, but database and lock, as versions before the marker left them.
    Earlier,
    /// Nothing.
    None,
}

/// Reads the mark of a folder.
pub(super) fn read(data: &Path) -> io::Result<Mark> {
    match fs::read(data.join(MARKER)) {
        Ok(text) => Ok(serde_json::from_slice::<Marker>(&text).map_or(Mark::Damaged, |m| Mark::Format(m.format))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let is_file = |name: &str| fs::symlink_metadata(data.join(name)).is_ok_and(|m| m.is_file());
            Ok(if is_file(DATABASE) && is_file(LOCK) { Mark::Earlier } else { Mark::None })
        }
        Err(error) => Err(error),
    }
}

/// Marks a folder, whose lock is held. The marker appears whole or not at all.
pub(super) fn write(data: &Path) -> io::Result<()> {
    let marker = Marker { format: FORMAT, id: uuid::Uuid::new_v4().to_string() };
    let partial = data.join(PARTIAL_MARKER);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(&serde_json::to_vec(&marker)?)?;
    file.sync_all()?;
    fs::rename(partial, data.join(MARKER))
}
