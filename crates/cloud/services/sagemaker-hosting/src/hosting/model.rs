//! The model's files in a server's folder.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::errors;
use sagewright_cloud_core::objects::{Objects, parse_s3_uri};
use sagewright_cloud_sagemaker_base::ports::ModelData;
use sagewright_cloud_transfer::fetch::{FetchError, Source};
use sagewright_cloud_transfer::unpack::{UnpackError, unpack};

/// Puts a model's files into `folder`, which is made.
///
/// # Errors
/// A `FailureReason`.
pub(super) fn place(
    objects: &dyn Objects,
    account: &str,
    data: Option<&ModelData>,
    container: &str,
    folder: &Path,
    limit: u64,
) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("InternalServerError: cannot make {}: {e}", folder.display()))?;
    match data {
        None => Ok(()),
        Some(ModelData::TarGz(uri)) => archive(objects, account, uri, container, folder, limit),
        Some(ModelData::Prefix(uri)) => prefix(objects, account, uri, container, folder, limit),
        // Each comes when it is asked for.
        Some(ModelData::Many { .. }) => Ok(()),
    }
}

fn archive(
    objects: &dyn Objects,
    account: &str,
    uri: &str,
    container: &str,
    folder: &Path,
    limit: u64,
) -> Result<(), String> {
    let (bucket, key) = parse_s3_uri(uri).ok_or_else(|| errors::download(container, uri, &"it is not an S3 URI"))?;
    let (_, file) = objects.open(account, bucket, key).map_err(|e| errors::download(container, uri, &e))?;
    unpack(file, folder, limit).map(|_| ()).map_err(|error| match error {
        error @ UnpackError::Disk { .. } => format!("InternalServerError: {error}"),
        error => errors::extract(container, uri, &error),
    })
}

fn prefix(
    objects: &dyn Objects,
    account: &str,
    uri: &str,
    container: &str,
    folder: &Path,
    limit: u64,
) -> Result<(), String> {
    let fail = |why: &dyn std::fmt::Display| errors::download(container, uri, why);
    let (bucket, key) = parse_s3_uri(uri).ok_or_else(|| fail(&"it is not an S3 URI"))?;
    let never = AtomicBool::new(false);
    let source = Source { objects, account, cancelled: &never };
    let files = source.list(bucket, key).map_err(|e| fail(&e))?;
    if files.is_empty() {
        return Err(fail(&"there is no object below it"));
    }
    let mut left = limit;
    for (key, path) in files {
        let copied = source.file_within(bucket, &key, &folder.join(path), false, left);
        left -= copied.map_err(|error| match error {
            FetchError::TooMuch { .. } => fail(&format!("the objects below it have more than {limit} bytes")),
            error => fail(&error),
        })?;
    }
    Ok(())
}
