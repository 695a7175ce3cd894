//! Finds the XGBoost shared library, or installs it from its pinned package.
//!
//! The library is taken out of the package that XGBoost publishes for Python, by `pip`, because
//! that is the one signed-off build for every platform and because pip knows the user's proxy,
//! mirror and certificates. Nothing of Python is used after that.

mod package;
mod pip;
mod unpack;

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use package::Package;

/// The path of a `libxgboost` that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryPath(PathBuf);

impl AsRef<Path> for LibraryPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl From<LibraryPath> for PathBuf {
    fn from(path: LibraryPath) -> Self {
        path.0
    }
}

/// Why the XGBoost library could not be installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// `SAGEWRIGHT_XGBOOST_LIBRARY` names no file.
    #[error(
        "SAGEWRIGHT_XGBOOST_LIBRARY names {}, which is not a file; set it to the path of libxgboost, or unset it to \
         install the library", .0.display()
    )]
    NoSuchLibrary(PathBuf),
    /// XGBoost publishes no library for this platform.
    #[error(
        "XGBoost has no published library for {0}; build libxgboost and set SAGEWRIGHT_XGBOOST_LIBRARY to its path, \
         or run the job on AWS"
    )]
    UnsupportedPlatform(String),
    /// There is no Python to run pip with.
    #[error(
        "no Python was found to install the XGBoost library (tried: {tried}); install Python 3.9 or newer, or set \
         SAGEWRIGHT_PYTHON to one, or set SAGEWRIGHT_XGBOOST_LIBRARY to a libxgboost that is already here"
    )]
    NoPython {
        /// The commands that were tried.
        tried: String,
    },
    /// The Python is too old.
    #[error(
        "{python} is Python {version}, and 3.9 or newer is needed to install the XGBoost library; set \
         SAGEWRIGHT_PYTHON to a newer one"
    )]
    OldPython {
        /// The command.
        python: String,
        /// Its version.
        version: String,
    },
    /// The Python has no pip.
    #[error(
        "{python} has no pip, which is needed to install the XGBoost library; run '{python} -m ensurepip' or install \
         the package python3-pip, or set SAGEWRIGHT_PYTHON to a Python that has pip"
    )]
    NoPip {
        /// The command.
        python: String,
    },
    /// The package index could not be reached.
    #[error(
        "cannot download {requirement}: the package index did not answer. Check the network and proxy, or set \
         SAGEWRIGHT_XGBOOST_LIBRARY to a libxgboost that is already here. pip said: {detail}"
    )]
    Unreachable {
        /// The package and version.
        requirement: String,
        /// The end of pip's output.
        detail: String,
    },
    /// The package index answered, but does not have the package.
    #[error(
        "the package index has no {requirement} for this platform; check which index pip uses ('pip config list'). \
         pip said: {detail}"
    )]
    NotPublished {
        /// The package and version.
        requirement: String,
        /// The end of pip's output.
        detail: String,
    },
    /// What was downloaded is not the pinned file.
    #[error(
        "{requirement} was downloaded, but it is not the file that Sagewright trusts (expected sha256 {expected}). \
         The index or a proxy changed it: nothing was installed. {detail}"
    )]
    WrongHash {
        /// The package and version.
        requirement: String,
        /// The pinned hash.
        expected: String,
        /// What was found.
        detail: String,
    },
    /// pip failed for another reason.
    #[error("cannot download {requirement} with {python}: {detail}")]
    PipFailed {
        /// The package and version.
        requirement: String,
        /// The command.
        python: String,
        /// The end of pip's output.
        detail: String,
    },
    /// The cache folder cannot be written.
    #[error(
        "cannot write to the cache folder {}: {source}. Make it writable, or set SAGEWRIGHT_CACHE to another folder",
        path.display()
    )]
    ReadOnly {
        /// The folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The disk is full.
    #[error(
        "the disk of the cache folder {} is full: {source}. Free about 60 MB, or set SAGEWRIGHT_CACHE to another folder",
        path.display()
    )]
    DiskFull {
        /// The folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file system failed for another reason.
    #[error("cannot install the XGBoost library into {}: {source}; set SAGEWRIGHT_CACHE to another folder", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The downloaded package could not be read.
    #[error("the package {requirement} cannot be unpacked: {detail}")]
    BadPackage {
        /// The package and version.
        requirement: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl InstallError {
    /// Sorts an error of the file system into what the user can do about it.
    fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly { path, source },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path, source },
            _ => Self::Io { path, source },
        }
    }
}

/// The folder that downloaded files are kept in: `SAGEWRIGHT_CACHE` when set, otherwise
/// `~/Library/Caches/sagewright` on macOS and `$XDG_CACHE_HOME/sagewright` (`~/.cache/sagewright`)
/// elsewhere.
#[must_use]
pub fn default_cache_dir() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("SAGEWRIGHT_CACHE") {
        return folder;
    }
    let home = std::env::home_dir().unwrap_or_else(std::env::temp_dir);
    if cfg!(target_os = "macos") {
        return home.join("Library/Caches/sagewright");
    }
    set("XDG_CACHE_HOME").unwrap_or_else(|| home.join(".cache")).join("sagewright")
}

/// Returns the XGBoost library, installing it into `cache_dir` when it is not there yet.
///
/// `SAGEWRIGHT_XGBOOST_LIBRARY` names a library to use instead; `SAGEWRIGHT_PYTHON` names the
/// Python whose pip downloads the package. Callers in several processes may run at once: one
/// installs, the others wait for it. `progress` is told what takes time.
///
/// # Errors
/// [`InstallError`] says what is missing and what to do.
pub fn ensure_library(cache_dir: &Path, progress: &mut dyn FnMut(&str)) -> Result<LibraryPath, InstallError> {
    let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = given(crate::LIBRARY_VARIABLE) {
        let path = PathBuf::from(path);
        return if path.is_file() { Ok(LibraryPath(path)) } else { Err(InstallError::NoSuchLibrary(path)) };
    }
    let package = Package::for_this_platform()?;
    Installer { package, python: given("SAGEWRIGHT_PYTHON") }.ensure(cache_dir, progress)
}

struct Installer {
    package: &'static Package,
    python: Option<OsString>,
}

impl Installer {
    fn ensure(&self, cache_dir: &Path, progress: &mut dyn FnMut(&str)) -> Result<LibraryPath, InstallError> {
        let folder = cache_dir.join("xgboost");
        let home = folder.join(self.package.folder());
        let library = home.join(self.package.library);
        if library.is_file() {
            return Ok(LibraryPath(library));
        }
        fs::create_dir_all(&folder).map_err(|error| InstallError::from_io(&folder, error))?;
        let _lock = lock(&folder, progress)?;
        // Another process may have installed it while this one waited.
        if library.is_file() {
            return Ok(LibraryPath(library));
        }
        let staging = Staging::create(&folder)?;
        let wheel = pip::download(self.package, self.python.as_deref(), &staging.0, progress)?;
        progress(&format!("Unpacking {}", self.package.requirement()));
        let unpacked = staging.0.join("unpacked");
        unpack::unpack(self.package, &wheel, &unpacked)?;
        if home.exists() {
            // Half a folder can only be left by hand: an install moves the whole folder at once.
            fs::remove_dir_all(&home).map_err(|error| InstallError::from_io(&home, error))?;
        }
        fs::rename(&unpacked, &home).map_err(|error| InstallError::from_io(&home, error))?;
        Ok(LibraryPath(library))
    }
}

/// Waits for the lock of the folder. The lock ends with the file, also when the process dies.
fn lock(folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<File, InstallError> {
    let path = folder.join(".lock");
    let failed = |error| InstallError::from_io(&path, error);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress("Waiting for another process that installs the XGBoost library");
            file.lock().map_err(failed)?;
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    Ok(file)
}

/// A folder for one installation, removed when it ends, well or not.
struct Staging(PathBuf);

impl Staging {
    fn create(folder: &Path) -> Result<Self, InstallError> {
        // What killed processes have left; the lock is held, so that nobody else installs.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(".install-") {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let path = folder.join(format!(".install-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| InstallError::from_io(&path, error))?;
        Ok(Self(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests;
