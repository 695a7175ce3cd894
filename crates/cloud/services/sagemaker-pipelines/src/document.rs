//! Texts in S3, of a bounded size.

use std::io::Read as _;
use std::sync::Arc;

use sagewright_cloud_core::objects::Objects;

/// Reads an object.
///
/// # Errors
/// It is not there, cannot be read, or is larger than it may be.
pub(crate) async fn read(
    objects: Arc<dyn Objects>,
    account: String,
    bucket: String,
    key: String,
    largest: u64,
) -> Result<Vec<u8>, String> {
    let read = move || {
        let place = format!("s3://{bucket}/{key}");
        let (info, file) = objects.open(&account, &bucket, &key).map_err(|error| error.to_string())?;
        if info.size > largest {
            return Err(format!("{place} has {} bytes; at most {largest} are read", info.size));
        }
        let mut content = Vec::new();
        file.take(largest).read_to_end(&mut content).map_err(|error| format!("{place} cannot be read: {error}"))?;
        Ok(content)
    };
    tokio::task::spawn_blocking(read).await.map_err(|error| error.to_string())?
}
