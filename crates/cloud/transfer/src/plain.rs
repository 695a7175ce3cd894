//! Files that a program may have changed a moment ago into something else.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Opens a file for reading if it is a plain file and no part of its path is a link; nothing else is waited for.
///
/// # Errors
/// It is not such a file, or cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match without_links(path, flags) {
        // An old kernel, or a sandbox that refuses the call.
        Err(Errno::NOSYS | Errno::PERM) => {
            if std::fs::canonicalize(path)? != path {
                return Err(ErrorKind::InvalidInput.into());
            }
            rustix::fs::open(path, flags, Mode::empty())?
        }
        opened => opened?,
    };
    let file = File::from(file);
    if file.metadata()?.is_file() { Ok(file) } else { Err(ErrorKind::InvalidInput.into()) }
}

#[cfg(target_os = "linux")]
fn without_links(path: &Path, flags: OFlags) -> Result<std::os::fd::OwnedFd, Errno> {
    use rustix::fs::{CWD, ResolveFlags, openat2};
    openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
}

#[cfg(not(target_os = "linux"))]
fn without_links(_: &Path, _: OFlags) -> Result<std::os::fd::OwnedFd, Errno> {
    Err(Errno::NOSYS)
}
