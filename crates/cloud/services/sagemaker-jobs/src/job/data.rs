//! What a job reads: objects from S3 as files in the folders of its hosts.

use std::fs::File;
use std::io::{Read as _, Take};
use std::path::{Path, PathBuf};

use sagewright_cloud_core::limits;
use sagewright_cloud_transfer::fetch::{FetchError, Source};
use serde::Deserialize;

use super::location::Location;
use super::manifest::Manifest;

/// Objects that a job reads together.
#[derive(Debug)]
pub struct Data {
    pub source: Location,
    /// Whether `source` is a manifest that lists the objects, and not what their keys begin with.
    pub manifest: bool,
    /// Whether each host gets a share of the objects, and not all of them.
    pub sharded: bool,
    pub gunzip: bool,
}

/// How requests say that objects are compressed.
#[derive(PartialEq, Eq, Deserialize)]
pub enum Compression {
    None,
    Gzip,
}

/// How requests say which host gets which objects.
#[derive(PartialEq, Eq, Deserialize)]
pub enum Distribution {
    FullyReplicated,
    ShardedByS3Key,
}

/// One object, and the file that it becomes.
#[derive(Debug)]
pub struct Item {
    pub bucket: String,
    pub key: String,
    pub path: PathBuf,
}

/// Why data cannot be had.
#[derive(Debug)]
pub enum DataError {
    /// An object cannot be had, or the work was stopped.
    Fetch(FetchError),
    /// There are no objects.
    Nothing,
    /// The manifest is wrong: the end of a sentence about it.
    Manifest(String),
}

impl From<FetchError> for DataError {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

impl DataError {
    /// `FailureReason` in the words of a kind of job, which begin with `lead`; `nothing` says that there are no objects.
    /// `None` if the work was stopped.
    pub fn reason(self, lead: &str, source: &Location, nothing: impl FnOnce() -> String) -> Option<String> {
        let why = match self {
            Self::Fetch(error) => return reason(lead, error),
            Self::Nothing => nothing(),
            Self::Manifest(why) => format!("the manifest {} {why}", source.uri()),
        };
        Some(format!("ClientError: {lead}{why}"))
    }
}

/// `FailureReason` of an object that cannot be had; `None` if the work was stopped.
pub fn reason(lead: &str, error: FetchError) -> Option<String> {
    match error {
        FetchError::Cancelled => None,
        // Disk trouble is ours, not the request's.
        error @ FetchError::Disk { .. } => Some(format!("InternalServerError: {lead}{error}")),
        error => Some(format!("ClientError: {lead}{error}")),
    }
}

impl Data {
    /// The objects, one at least, in the order of their keys or of the manifest.
    pub fn items(&self, source: &Source<'_>) -> Result<Vec<Item>, DataError> {
        if self.manifest {
            let Manifest { bucket, folder, names } =
                Manifest::read(content(source, &self.source)?).map_err(DataError::Manifest)?;
            let item = |(name, path)| Item { bucket: bucket.clone(), key: format!("{folder}{name}"), path };
            return Ok(names.into_iter().map(item).collect());
        }
        let Location { bucket, key } = &self.source;
        let files = source.list(bucket, key)?;
        if files.is_empty() {
            return Err(DataError::Nothing);
        }
        Ok(files.into_iter().map(|(key, path)| Item { bucket: bucket.clone(), key, path }).collect())
    }

    /// Writes objects to a folder of each host.
    pub fn write(&self, source: &Source<'_>, items: &[Item], folders: &[PathBuf]) -> Result<(), DataError> {
        for (index, item) in items.iter().enumerate() {
            for (number, folder) in folders.iter().enumerate() {
                // Keys are dealt out in order, so that every host gets its share within one.
                if self.sharded && index % folders.len() != number {
                    continue;
                }
                source.file(&item.bucket, &item.key, &folder.join(self.target(&item.path)), self.gunzip)?;
            }
        }
        Ok(())
    }

    /// A decompressed file loses its `.gz`.
    fn target(&self, path: &Path) -> PathBuf {
        match path.extension() {
            Some(end) if self.gunzip && end == "gz" => path.with_extension(""),
            _ => path.to_path_buf(),
        }
    }
}

/// A manifest's content, of which no more than its size is read.
pub fn content(source: &Source<'_>, Location { bucket, key }: &Location) -> Result<Take<File>, DataError> {
    let opened = source.objects.open(source.account, bucket, key);
    let (info, file) = opened.map_err(|e| DataError::Fetch(FetchError::Object(e)))?;
    if info.size > limits::MANIFEST {
        return Err(DataError::Manifest(format!("has more than {} bytes", limits::MANIFEST)));
    }
    Ok(file.take(info.size))
}
