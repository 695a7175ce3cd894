//! The model's files in a server's folder.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::errors;
use sagewright_cloud_core::objects::{Objects, parse_s3_uri};
use sagewright_cloud_sagemaker_base::ports::ModelData;
use sagewright_cloud_transfer::fetch::{FetchError, Source};
use sagewright_cloud_transfer::unpack::{UnpackError, unpack};

/// Where a model's files come from and where they go.
pub(super) struct Placement<'a> {
    pub(super) objects: &'a dyn Objects,
    pub(super) account: &'a str,
    /// Name of the container, for errors.
    pub(super) container: &'a str,
    /// Folder of the server.
    pub(super) folder: &'a Path,
    /// The most bytes of all files.
    pub(super) limit: u64,
}

impl Placement<'_> {
    /// Puts a model's files into the folder, which is made.
    ///
    /// # Errors
    /// A `FailureReason`.
    pub(super) fn place(&self, data: Option<&ModelData>) -> Result<(), String> {
        let folder = self.folder;
        fs::create_dir_all(folder)
            .map_err(|e| format!("InternalServerError: cannot make {}: {e}", folder.display()))?;
        match data {
            None => Ok(()),
            Some(ModelData::TarGz(uri)) => self.archive(uri),
            Some(ModelData::Prefix(uri)) => self.prefix(uri),
            // Each comes when it is asked for.
            Some(ModelData::Many { .. }) => Ok(()),
        }
    }

    fn archive(&self, uri: &str) -> Result<(), String> {
        let fail = |why: &dyn Display| errors::download(self.container, uri, why);
        let (bucket, key) = parse_s3_uri(uri).ok_or_else(|| fail(&"it is not an S3 URI"))?;
        let (_, file) = self.objects.open(self.account, bucket, key).map_err(|e| fail(&e))?;
        unpack(file, self.folder, self.limit).map(|_| ()).map_err(|error| match error {
            error @ UnpackError::Disk { .. } => format!("InternalServerError: {error}"),
            error => errors::extract(self.container, uri, &error),
        })
    }

    fn prefix(&self, uri: &str) -> Result<(), String> {
        let fail = |why: &dyn Display| errors::download(self.container, uri, why);
        let (bucket, key) = parse_s3_uri(uri).ok_or_else(|| fail(&"it is not an S3 URI"))?;
        let never = AtomicBool::new(false);
        let source = Source { objects: self.objects, account: self.account, cancelled: &never };
        let files = source.list(bucket, key).map_err(|e| fail(&e))?;
        if files.is_empty() {
            return Err(fail(&"there is no object below it"));
        }
        let mut left = self.limit;
        for (key, path) in files {
            let copied = source.file_within(bucket, &key, &self.folder.join(path), false, left);
            left -= copied.map_err(|error| match error {
                FetchError::TooMuch { .. } => {
                    fail(&format!("the objects below it have more than {} bytes", self.limit))
                }
                error => fail(&error),
            })?;
        }
        Ok(())
    }
}
