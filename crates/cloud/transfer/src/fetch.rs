//! Objects to files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sagewright_cloud_core::limits;
use sagewright_cloud_core::objects::{ObjectError, Objects};

use super::gunzip::{Expands, Gunzip};
use super::heed::{self, Heeding};
use super::path;

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
    /// The content becomes more than allowed.
    #[error("s3://{bucket}/{key} becomes {what}")]
    TooMuch {
        /// Bucket.
        bucket: String,
        /// Key.
        key: String,
        /// What it becomes.
        what: String,
    },
    /// There are more objects than allowed.
    #[error("more than {most} objects are below s3://{bucket}/{prefix}; split the prefix")]
    TooMany {
        /// Bucket.
        bucket: String,
        /// Prefix.
        prefix: String,
        /// The limit.
        most: usize,
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
    #[error("cannot write {what} to disk: {why}")]
    Disk {
        /// An object or a pipe, and no path: a user reads this, and the machine's folders are not those of the container.
        what: String,
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
        other @ (ObjectError::InvalidKey { .. } | ObjectError::Storage { .. }) => other.to_string(),
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
    ///
    /// # Errors
    /// The object cannot be read, becomes too much, or cannot be written.
    pub fn file(&self, bucket: &str, key: &str, target: &Path, gunzip: bool) -> Result<(), FetchError> {
        let most = if gunzip { limits::GUNZIPPED } else { u64::MAX };
        self.file_within(bucket, key, target, gunzip, most).map(drop)
    }

    /// As [`Source::file`], for at most so many bytes; tells how many there were.
    ///
    /// # Errors
    /// As [`Source::file`].
    pub fn file_within(
        &self,
        bucket: &str,
        key: &str,
        target: &Path,
        gunzip: bool,
        most: u64,
    ) -> Result<u64, FetchError> {
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
            _ => FetchError::Disk { what: format!("s3://{bucket}/{key}"), why },
        };
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(disk)?;
        }
        let mut file = File::create_new(target).map_err(disk)?;
        // One byte more tells that there is more.
        let room = most.saturating_add(1);
        let copied = if gunzip {
            // Members without content give nothing to copy, so that reading heeds the flag as well.
            let content = Heeding::new(content, self.cancelled);
            heed::copy_at_most(&mut Gunzip::new(content), &mut file, room, self.cancelled)
                // The disk's errors have a number, the content's have none.
                .map_err(|e| if e.raw_os_error().is_some() { disk(e) } else { unpacking(bucket, key, &e) })
        } else {
            heed::copy_at_most(&mut content, &mut file, room, self.cancelled).map_err(disk)
        };
        // However the copy ended then, it is not to be gone on with.
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(FetchError::Cancelled);
        }
        let written = copied?;
        if written > most { Err(too_much(bucket, key, most)) } else { Ok(written) }
    }

    /// The files below a prefix, as key and relative path, in key order. Folder markers are left out.
    pub fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<(String, PathBuf)>, FetchError> {
        let mut files = Vec::new();
        for object in self.objects.list(self.account, bucket, prefix)? {
            if files.len() >= limits::FILES {
                let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
                return Err(FetchError::TooMany { bucket, prefix, most: limits::FILES });
            }
            match path::inside(path::below(prefix, &object.key)) {
                Ok(Some(path)) => files.push((object.key, path)),
                Ok(None) => {}
                Err(why) => return Err(FetchError::Name { bucket: bucket.to_owned(), key: object.key, why }),
            }
        }
        Ok(files)
    }
}

/// What compressed content could not be read for.
#[must_use]
pub fn unpacking(bucket: &str, key: &str, error: &io::Error) -> FetchError {
    let (bucket, key) = (bucket.to_owned(), key.to_owned());
    match Expands::of(error) {
        Some(expands) => FetchError::TooMuch { bucket, key, what: expands.to_string() },
        None => FetchError::Gzip { bucket, key, why: error.to_string() },
    }
}

fn too_much(bucket: &str, key: &str, most: u64) -> FetchError {
    FetchError::TooMuch { bucket: bucket.to_owned(), key: key.to_owned(), what: format!("more than {most} bytes") }
}
