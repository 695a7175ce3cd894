//! Objects to files.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::read::MultiGzDecoder;

use super::path;
use sagewright_cloud_core::objects::{ObjectError, Objects};

/// Why an object did not become a file. The texts are those of SageMaker's agent where it has one.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// S3 refused.
    #[error("{}", agent_text(.0))]
    Object(#[from] ObjectError),
    /// The key cannot be a file.
    #[error("s3://{bucket}/{key}: {why}")]
    Name {
        /// Bucket.
        bucket: String,
        /// Key.
        key: String,
        /// Cause.
        why: String,
    },
    /// The content is not what it is said to be.
    #[error("s3://{bucket}/{key} is not valid gzip data: {why}")]
    Gzip {
        /// Bucket.
        bucket: String,
        /// Key.
        key: String,
        /// Cause.
        why: String,
    },
    /// The content is too long for what it is to be wrapped in.
    #[error(
        "s3://{bucket}/{key} has more than {longest} bytes, the longest record of RecordIO; split the object, or leave RecordWrapperType out"
    )]
    TooLong {
        /// Bucket.
        bucket: String,
        /// Key.
        key: String,
        /// The limit in bytes.
        longest: u64,
    },
    /// The disk failed.
    #[error("cannot write {}: {why}", .path.display())]
    Disk {
        /// File or folder.
        path: PathBuf,
        /// Cause.
        why: io::Error,
    },
    /// The job was stopped meanwhile.
    #[error("stopped")]
    Cancelled,
}

/// An S3 error as the training agent words it.
pub fn agent_text(error: &ObjectError) -> String {
    match error {
        ObjectError::NoSuchBucket(bucket) => {
            format!("NoSuchBucket (404): The specified bucket does not exist (s3://{bucket})")
        }
        ObjectError::NoSuchKey { bucket, key } => {
            format!("NoSuchKey (404): The specified key does not exist. (s3://{bucket}/{key})")
        }
        ObjectError::AccessDenied(bucket) => format!("AccessDenied (403): Access Denied (s3://{bucket})"),
        other @ ObjectError::Storage { .. } => other.to_string(),
    }
}

/// Reads objects of one account.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Where the objects are.
    pub objects: &'a dyn Objects,
    /// Whose rights count.
    pub account: &'a str,
    /// Turns true when the work is to stop.
    pub cancelled: &'a AtomicBool,
}

impl Source<'_> {
    /// Writes an object's content to a new file. The content is copied, not linked: programs may write to their input.
    pub fn file(&self, bucket: &str, key: &str, target: &Path, gunzip: bool) -> Result<(), FetchError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(FetchError::Cancelled);
        }
        let (_, mut content) = self.objects.open(self.account, bucket, key)?;
        let disk = |why: io::Error| match why.kind() {
            // Keys can be what paths cannot: `a` beside `a/b`.
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
                let why = "another object takes its place as a file or folder".to_owned();
                FetchError::Name { bucket: bucket.to_owned(), key: key.to_owned(), why }
            }
            _ => FetchError::Disk { path: target.to_path_buf(), why },
        };
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(disk)?;
        }
        let mut file = File::create_new(target).map_err(disk)?;
        if gunzip {
            io::copy(&mut MultiGzDecoder::new(BufReader::new(content)), &mut file).map_err(|e| FetchError::Gzip {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                why: e.to_string(),
            })?;
        } else {
            // Between files the standard library lets the kernel copy, which shares blocks where the disk can.
            io::copy(&mut content, &mut file).map_err(disk)?;
        }
        Ok(())
    }

    /// The files below a prefix, as key and relative path, in key order. Folder markers are left out.
    pub fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<(String, PathBuf)>, FetchError> {
        let mut files = Vec::new();
        for object in self.objects.list(self.account, bucket, prefix)? {
            match path::inside(path::below(prefix, &object.key)) {
                Ok(Some(path)) => files.push((object.key, path)),
                Ok(None) => {}
                Err(why) => return Err(FetchError::Name { bucket: bucket.to_owned(), key: object.key, why }),
            }
        }
        Ok(files)
    }
}
