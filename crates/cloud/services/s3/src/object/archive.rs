//! Objects in a storage class that is not read without a restore.

use s3s::{S3ErrorCode, S3Result};

use super::super::error::{Detail as _, plain};
use super::super::store::ObjectRow;

/// Refuses to read content that S3 would have to restore first. Nothing restores here (RestoreObject is refused), so
/// that whoever stores an object in these classes learns at once that programs cannot read it back.
pub(crate) fn check_archived(object: &ObjectRow) -> S3Result<()> {
    match object.storage_class.as_str() {
        class @ ("GLACIER" | "DEEP_ARCHIVE") => {
            Err(plain(S3ErrorCode::InvalidObjectState).detail("StorageClass", class))
        }
        _ => Ok(()),
    }
}
