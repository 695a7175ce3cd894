//! A whole environment.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::marker::Marker;
use super::table::Framework;

/// Held shared by what runs in an environment, and alone by what removes it.
const IN_USE: &str = ".in-use";

/// A virtual environment that holds a framework's packages.
#[derive(Debug, Clone)]
pub struct Environment {
    /// What it plays.
    pub framework: &'static Framework,
    /// Its folder.
    pub home: PathBuf,
    /// What it holds.
    pub marker: Marker,
}

/// Keeps an environment from being removed.
#[derive(Debug)]
pub(crate) struct InUse(#[expect(dead_code, reason = "the lock ends with the file")] File);

impl Environment {
    /// The environment in a folder, where it is whole and its Python is still there.
    pub(super) fn open(framework: &'static Framework, home: &Path) -> Option<Self> {
        let marker = Marker::read(home)?;
        // A link into the machine's own Python, which may have been taken away.
        home.join("bin/python").exists().then(|| Self { framework, home: home.to_path_buf(), marker })
    }

    /// `3.11`
    pub(super) fn minor(&self) -> &str {
        let python = &self.marker.python;
        python.rmatch_indices('.').next().map_or(python, |(at, _)| &python[..at])
    }

    /// Where its packages are.
    pub(super) fn packages(&self) -> PathBuf {
        packages(&self.home, self.minor())
    }

    /// Keeps it from being removed while something runs in it.
    pub(crate) fn in_use(&self) -> io::Result<InUse> {
        let file = lock_file(&self.home)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(InUse(file)),
            Err(TryLockError::WouldBlock) => Err(io::Error::other("it is being removed")),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Alone with it; `None` while something runs in it.
    pub(super) fn alone(&self) -> io::Result<Option<InUse>> {
        let file = lock_file(&self.home)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(InUse(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Where a virtual environment of a Python keeps its packages.
pub(super) fn packages(home: &Path, minor: &str) -> PathBuf {
    home.join(format!("lib/python{minor}/site-packages"))
}

fn lock_file(home: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(home.join(IN_USE))
}
