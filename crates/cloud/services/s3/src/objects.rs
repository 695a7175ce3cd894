//! The store as the port through which jobs and endpoints reach S3.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::store::{self, Store, StoreError};
use sagewright_cloud_core::objects::{ObjectError, ObjectInfo, Objects};

impl Objects for Store {
    fn head(&self, account: &str, bucket: &str, key: &str) -> Result<ObjectInfo, ObjectError> {
        let found = Store::head(self, account, bucket, key);
        found.map(info).map_err(|error| unread(error, bucket, key))
    }

    fn open(&self, account: &str, bucket: &str, key: &str) -> Result<(ObjectInfo, File), ObjectError> {
        let opened = Store::open(self, account, bucket, key);
        opened.map(|(object, file)| (info(object), file)).map_err(|error| unread(error, bucket, key))
    }

    fn list(&self, account: &str, bucket: &str, prefix: &str) -> Result<Vec<ObjectInfo>, ObjectError> {
        let listed = Store::list(self, account, bucket, prefix);
        listed.map(|objects| objects.into_iter().map(info).collect()).map_err(|error| failed(error, bucket, prefix))
    }

    fn any(&self, account: &str, bucket: &str, prefix: &str) -> Result<bool, ObjectError> {
        Store::any(self, account, bucket, prefix).map_err(|error| failed(error, bucket, prefix))
    }

    fn folders(&self, account: &str, bucket: &str, prefix: &str) -> Result<Vec<String>, ObjectError> {
        Store::folders(self, account, bucket, prefix).map_err(|error| failed(error, bucket, prefix))
    }

    fn put_file(&self, account: &str, bucket: &str, key: &str, source: &Path) -> Result<ObjectInfo, ObjectError> {
        let stored = Store::put_file(self, account, bucket, key, source);
        stored.map(info).map_err(|error| failed(error, bucket, key))
    }

    fn put_file_unless(
        &self,
        cancelled: &AtomicBool,
        account: &str,
        bucket: &str,
        key: &str,
        source: &Path,
    ) -> Result<Option<ObjectInfo>, ObjectError> {
        let stored = Store::put_file_unless(self, cancelled, account, bucket, key, source);
        stored.map(|object| object.map(info)).map_err(|error| failed(error, bucket, key))
    }
}

fn info(object: store::ObjectInfo) -> ObjectInfo {
    ObjectInfo { key: object.key, size: object.size, etag: object.etag }
}

/// No object has a key that none can have.
fn unread(error: StoreError, bucket: &str, key: &str) -> ObjectError {
    match error {
        StoreError::InvalidKey { .. } => ObjectError::NoSuchKey { bucket: bucket.to_owned(), key: key.to_owned() },
        other => failed(other, bucket, key),
    }
}

fn failed(error: StoreError, bucket: &str, key: &str) -> ObjectError {
    match error {
        StoreError::NoSuchBucket { bucket } => ObjectError::NoSuchBucket(bucket),
        StoreError::NoSuchKey { bucket, key } => ObjectError::NoSuchKey { bucket, key },
        StoreError::AccessDenied { bucket, .. } => ObjectError::AccessDenied(bucket),
        StoreError::InvalidKey { length } => ObjectError::InvalidKey { bucket: bucket.to_owned(), length },
        other => {
            tracing::warn!(bucket, key, error = %other, "S3's storage failed");
            let why = match other {
                // Where its files are concerns only who runs it.
                StoreError::Io { source, .. } => source.to_string(),
                other => other.to_string(),
            };
            ObjectError::Storage { bucket: bucket.to_owned(), key: key.to_owned(), why }
        }
    }
}
