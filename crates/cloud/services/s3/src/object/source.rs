//! The source of a copy.

use std::fs::File;

use s3s::dto::{CopySource, ETagCondition, Timestamp};
use s3s::{S3ErrorCode, S3Result};

use super::super::authorize::Subject;
use super::super::error::{Detail as _, not_implemented, plain};
use super::super::request::{bucket, check_version};
use super::super::store::{BucketRow, ObjectRow, Store};
use super::archive::check_archived;
use super::condition::{ReadConditions, Verdict};

/// An object to copy from.
pub(crate) struct Source {
    pub(crate) bucket: BucketRow,
    pub(crate) key: String,
    pub(crate) object: ObjectRow,
    pub(crate) file: File,
}

/// The conditions on the source.
#[derive(Default)]
pub(crate) struct CopyConditions {
    pub(crate) matches: Option<ETagCondition>,
    pub(crate) none_match: Option<ETagCondition>,
    pub(crate) modified_since: Option<Timestamp>,
    pub(crate) unmodified_since: Option<Timestamp>,
}

impl Source {
    pub(crate) fn open(
        store: &Store,
        caller: &Subject,
        source: &CopySource,
        expected_owner: Option<&str>,
        conditions: &CopyConditions,
    ) -> S3Result<Self> {
        let CopySource::Bucket { bucket: name, key, version_id } = source else {
            return Err(not_implemented(
                "Copying from an access point is not implemented: name the bucket and the key.",
            ));
        };
        let bucket = bucket(store, caller, name, expected_owner, "s3:GetObject")?;
        check_version(version_id.as_deref())?;
        let (object, file) = store.open_object(&bucket, key)?;
        let verdict = ReadConditions {
            matches: conditions.matches.as_ref(),
            none_match: conditions.none_match.as_ref(),
            modified_since: conditions.modified_since.as_ref(),
            unmodified_since: conditions.unmodified_since.as_ref(),
            now: store.now(),
        }
        .judge(&object);
        // Unlike a read, a copy has no answer for "not modified".
        match verdict {
            Verdict::Read => {}
            Verdict::NotModified(condition) | Verdict::Failed(condition) => {
                let condition = format!("x-amz-copy-source-{condition}");
                return Err(plain(S3ErrorCode::PreconditionFailed).detail("Condition", condition));
            }
        }
        check_archived(&object)?;
        Ok(Self { bucket, key: key.to_string(), object, file })
    }
}
