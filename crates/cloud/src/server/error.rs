//! Why the embedded cloud does not start, and what to do.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::records::{Fault, StoreError};

/// Why the embedded cloud does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another program listens there.
    #[error(
        "cannot listen on {address}: another program uses the port; stop it, or choose another port with --listen 127.0.0.1:PORT"
    )]
    PortTaken {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; choose an address of this machine and a port above 1023 with --listen"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Cause.
        source: io::Error,
    },
    /// Another embedded cloud uses the data folder.
    #[error(
        "the data folder {} is in use by process {pid}, an embedded cloud that is running; use that one, stop it with \
         `sagewright local down`, or choose another folder with --data", path.display()
    )]
    DataInUse {
        /// The folder.
        path: PathBuf,
        /// The other process, as it wrote it down.
        pid: String,
    },
    /// The data folder holds somebody's files.
    #[error(
        "{} is not empty and is not an embedded cloud's data folder (it holds {holds}); nothing was changed there: \
         choose an empty or new folder with --data", path.display()
    )]
    ForeignFolder {
        /// The folder.
        path: PathBuf,
        /// Some of what is in it.
        holds: String,
    },
    /// A newer Sagewright made the data folder.
    #[error(
        "the data folder {} has format {found} and this version of Sagewright knows up to {known}; update Sagewright, \
         or choose another folder with --data", path.display()
    )]
    NewerFolder {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The data folder may not be written.
    #[error("cannot write to the data folder {}: {source}; give this user write permission there, or choose another folder with --data", path.display())]
    DataNotWritable {
        /// The folder or a file in it.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The data folder is on a file system that is mounted read-only.
    #[error("the data folder {} is on a read-only file system; choose another folder with --data", path.display())]
    DataReadOnly {
        /// The folder or a file in it.
        path: PathBuf,
    },
    /// No room.
    #[error("no space is left on the disk of the data folder {}; free some, or choose another folder with --data", path.display())]
    DiskFull {
        /// The folder or a file in it.
        path: PathBuf,
    },
    /// The database was made by a newer Sagewright.
    #[error(
        "the database {} has format {found} and this version of Sagewright knows up to {known}; update Sagewright, or choose \
         another folder with --data", path.display()
    )]
    NewerDatabase {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// The database was made by an earlier Sagewright, which may be using it.
    #[error(
        "the database {} has format {found} and this version of Sagewright uses {known}; stop the embedded cloud with \
         `sagewright local down` and start this version's with `sagewright local up`", path.display()
    )]
    OlderDatabase {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The format of this version.
        known: i64,
    },
    /// The database is damaged or not one.
    #[error("cannot use the database {}: {source}; `sagewright local reset` starts over with an empty one", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// Cause.
        source: StoreError,
    },
    /// A setting is wrong.
    #[error("{0}")]
    Setting(String),
}

impl StartError {
    /// The error of an operation on the data folder.
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull { path },
            ErrorKind::ReadOnlyFilesystem => Self::DataReadOnly { path },
            _ => Self::DataNotWritable { path, source },
        }
    }

    /// The error of the database.
    pub(super) fn store(path: &Path, source: StoreError) -> Self {
        let owned = path.to_owned();
        match source {
            StoreError::Newer { found, known } => Self::NewerDatabase { path: owned, found, known },
            StoreError::Older { found, known } => Self::OlderDatabase { path: owned, found, known },
            StoreError::Database { fault: Fault::Full, .. } => Self::DiskFull { path: owned },
            StoreError::Database { fault: Fault::Denied, .. } => {
                let source = io::Error::new(ErrorKind::PermissionDenied, source.to_string());
                Self::DataNotWritable { path: owned, source }
            }
            _ => Self::Database { path: owned, source },
        }
    }
}
