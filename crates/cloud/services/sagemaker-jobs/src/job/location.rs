//! Places in S3.

use sagewright_cloud_core::objects::parse_s3_uri;

/// A bucket and a key or prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub bucket: String,
    pub key: String,
}

impl Location {
    /// Reads `s3://bucket/key`.
    ///
    /// # Errors
    /// Why this is no place in S3.
    pub fn parse(uri: &str) -> Result<Self, String> {
        let (bucket, key) = parse_s3_uri(uri).ok_or_else(|| {
            format!("Invalid S3 URI \"{uri}\": expected s3://BUCKET/KEY. The embedded cloud reads no other kind.")
        })?;
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// As `s3://bucket/key`.
    pub fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// Something below, with one slash between.
    pub fn join(&self, below: &str) -> Self {
        let folder = self.key.trim_end_matches('/');
        let key = if folder.is_empty() { below.to_owned() } else { format!("{folder}/{below}") };
        Self { bucket: self.bucket.clone(), key }
    }
}
