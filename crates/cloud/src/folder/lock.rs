//! The lock of a data folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};

use super::own::LOCK;
use crate::server::StartError;

/// Holds the data folder for this process; the kernel lets go of it however the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Who asks whether a cloud is up holds the lock for a moment.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// Locks a folder that is there.
pub(super) fn lock(data: &Path) -> Result<Lock, StartError> {
    let path = data.join(LOCK);
    let failed = |e| StartError::file(&path, e);
    let mut attempts = 0;
    loop {
        // A link would lead the process id into a file of somebody else.
        let nofollow = OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(nofollow);
        let mut file = options.open(&path).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            // A reset may have taken the file away in between: what is locked has to be what others find.
            Ok(()) if !is(&file, &path).map_err(failed)? => {}
            Ok(()) => {
                let pid = std::process::id().to_string();
                file.set_len(0)
                    .and_then(|()| file.rewind())
                    .and_then(|()| file.write_all(pid.as_bytes()))
                    .map_err(failed)?;
                return Ok(Lock { _file: file });
            }
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(failed(error.into())),
            Err(_) if attempts < ATTEMPTS => {
                attempts += 1;
                std::thread::sleep(PAUSE);
            }
            Err(_) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                let pid = if pid.trim().is_empty() { "(unknown)".to_owned() } else { pid.trim().to_owned() };
                return Err(StartError::DataInUse { path: data.to_owned(), pid });
            }
        }
    }
}

fn is(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
