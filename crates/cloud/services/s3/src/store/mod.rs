//! Buckets, objects and uploads on disk.
//!
//! ```text
//! <root>/lock           held by the process that has the store open
//! <root>/s3.sqlite      every fact: buckets, objects, uploads, parts
//! <root>/objects/xx/id  content, one file per object or part, never named by a key
//! ```
//!
//! A content file is written whole under an id that no row knows yet; the transaction that commits
//! the row is what makes it exist. A process killed in between leaves a file without a row, which
//! [`Store::sweep`] removes at the next start. Ids begin with the number of the run that made
//! them, so a sweep can tell what an earlier run left behind from what is being written now.

mod buckets;
mod complete;
mod content;
mod database;
mod direct;
mod error;
mod list;
mod name;
mod objects;
mod records;
mod sweep;
mod uploads;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sagewright_cloud_core::durability::Durability;

use self::database::Database;
use super::identity::Clock;

pub(crate) use self::complete::{Completion, MAX_PARTS, MIN_PART, RequestedPart};
pub(crate) use self::content::{ContentWriter, Digest, Digests, Draft};
pub use self::direct::ObjectInfo;
pub use self::error::StoreError;
pub(crate) use self::list::{ListQuery, Listed, Position};
pub use self::name::validate_bucket_name;
pub(crate) use self::name::{MAX_KEY, validate_key};
pub(crate) use self::objects::{DeleteCondition, WriteCondition};
pub(crate) use self::records::{BucketRow, Headers, Meta, ObjectRow, PartMeta, PartRow, Tags, UploadRow, UploadSpec};
pub(crate) use self::uploads::{NewPart, UploadQuery, is_upload_id};

/// The objects of the embedded cloud. Cheap to clone; every method blocks for as long as its file
/// and database work takes, so async callers go through `spawn_blocking`.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    root: PathBuf,
    database: Database,
    clock: Clock,
    durability: Durability,
    /// The number of this run, the high part of every content id that it makes.
    run: u64,
    next: AtomicU64,
    /// Released by the system when the process ends, however it ends.
    _lock: File,
}

impl Store {
    /// Opens the store under `root`, making it where there is none, and starts to remove, in the
    /// background, what a killed run left behind.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it open; [`StoreError::Io`] and
    /// [`StoreError::Database`] when it cannot be made or read.
    pub fn new(root: impl AsRef<Path>, clock: Clock) -> Result<Self, StoreError> {
        Self::with_durability(root, clock, Durability::default())
    }

    /// As [`Store::new`]; what is acknowledged outlives what `durability` says.
    ///
    /// # Errors
    /// As [`Store::new`].
    pub fn with_durability(root: impl AsRef<Path>, clock: Clock, durability: Durability) -> Result<Self, StoreError> {
        let root = root.as_ref();
        let objects = root.join("objects");
        std::fs::create_dir_all(&objects).map_err(|source| StoreError::io("create the folder", &objects, source))?;
        let lock = lock(&root.join("lock"), root)?;
        let database = Database::open(&root.join("s3.sqlite"), durability)?;
        durability
            .persist_folders(std::iter::once(root).chain(root.parent()))
            .map_err(|source| StoreError::io("write to the disk", root, source))?;
        let run = database.begin_run()?;
        let store = Self(Arc::new(Inner {
            root: root.to_owned(),
            database,
            clock,
            durability,
            run,
            next: AtomicU64::new(0),
            _lock: lock,
        }));
        if run > 1 {
            store.sweep_in_background();
        }
        Ok(store)
    }

    pub(crate) fn now(&self) -> jiff::Timestamp {
        (self.0.clock)()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("root", &self.0.root).finish_non_exhaustive()
    }
}

fn lock(path: &Path, root: &Path) -> Result<File, StoreError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|source| StoreError::io("open the lock", path, source))?;
    // A process that was just told to stop, or a store just closed here, may need a moment.
    for _ in 0..100 {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            Err(TryLockError::Error(source)) => return Err(StoreError::io("lock", path, source)),
        }
    }
    Err(StoreError::Locked { root: root.to_owned() })
}
