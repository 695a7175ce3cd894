//! Objects: committing, finding, opening and deleting them.

use std::fs::File;
use std::io::ErrorKind;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::content::ContentId;
use super::name::validate_key;
use super::records::{list_json, signed, to_json, unsigned};
use super::{BucketRow, Draft, ObjectRow, Store, StoreError, Tags};

/// What must hold of the key for a write to happen.
#[derive(Debug, Clone, Default)]
pub(crate) enum WriteCondition {
    #[default]
    None,
    /// `If-None-Match: *`
    Absent,
    /// `If-Match: <etag>`; `*` matches any object.
    Matches(String),
}

/// What must hold of the object for a delete to happen.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteCondition {
    pub(crate) etag: Option<String>,
    pub(crate) size: Option<u64>,
    /// In seconds since 1970.
    pub(crate) modified: Option<i64>,
}

/// The few columns that a condition looks at.
pub(super) struct Current {
    pub(super) content: ContentId,
    size: u64,
    pub(super) etag: String,
    modified: i64,
}

impl Store {
    /// Makes `object`, whose content is `draft`, the object under `key`.
    pub(crate) fn put_object(
        &self,
        bucket: &BucketRow,
        key: &str,
        object: &ObjectRow,
        draft: Draft,
        condition: &WriteCondition,
    ) -> Result<(), StoreError> {
        self.persist(&draft)?;
        let replaced = self.0.database.write(|tx| upsert(tx, bucket, key, object, condition))?;
        draft.keep();
        if let Some(content) = replaced {
            self.discard(content);
        }
        Ok(())
    }

    /// The object under `key`.
    pub(crate) fn find_object(&self, bucket: &BucketRow, key: &str) -> Result<ObjectRow, StoreError> {
        validate_key(key)?;
        let found = self.0.database.read(|db| {
            db.prepare_cached(&format!("SELECT {} FROM objects WHERE bucket = ?1 AND key = ?2", ObjectRow::COLUMNS))?
                .query_row(params![bucket.id, key.as_bytes()], |row| Ok(ObjectRow::read(row)))
                .optional()?
                .transpose()
        })?;
        found.ok_or_else(|| no_such_key(bucket, key))
    }

    /// The object under `key` and its content. What is opened stays readable when the object is
    /// replaced or deleted meanwhile.
    pub(crate) fn open_object(&self, bucket: &BucketRow, key: &str) -> Result<(ObjectRow, File), StoreError> {
        let mut previous = None;
        loop {
            let object = self.find_object(bucket, key)?;
            let path = self.content_path(object.content);
            match File::open(&path) {
                Ok(file) => {
                    let size = file.metadata().map_err(|source| StoreError::io("read", &path, source))?.len();
                    if size != object.size {
                        return Err(torn(key, size, object.size));
                    }
                    return Ok((object, file));
                }
                // Replaced between the two steps: the row names other content now.
                Err(error) if error.kind() == ErrorKind::NotFound && previous != Some(object.content) => {
                    previous = Some(object.content);
                }
                Err(source) => return Err(StoreError::io("open", &path, source)),
            }
        }
    }

    /// Deletes the objects under `keys` that are there and whose condition holds. One result per key.
    pub(crate) fn delete_objects(
        &self,
        bucket: &BucketRow,
        keys: &[(String, DeleteCondition)],
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let mut unused = Vec::new();
        let results = self.0.database.write(|tx| {
            let mut results = Vec::with_capacity(keys.len());
            for (key, condition) in keys {
                results.push(match delete(tx, bucket, key, condition) {
                    Ok(content) => {
                        unused.extend(content);
                        Ok(())
                    }
                    // The database failing fails them all.
                    Err(error @ StoreError::Database(_)) => return Err(error),
                    Err(refused) => Err(refused),
                });
            }
            Ok(results)
        })?;
        for content in unused {
            self.discard(content);
        }
        Ok(results)
    }

    /// Replaces the tags of an object.
    pub(crate) fn set_tags(&self, bucket: &BucketRow, key: &str, tags: &Tags) -> Result<(), StoreError> {
        let tags = list_json("tags", tags)?;
        let changed =
            self.0.database.write(|tx| {
                Ok(tx
                    .prepare_cached("UPDATE objects SET tags = ?3 WHERE bucket = ?1 AND key = ?2")?
                    .execute(params![bucket.id, key.as_bytes(), tags])?)
            })?;
        if changed == 0 {
            return Err(no_such_key(bucket, key));
        }
        Ok(())
    }

    /// The time for a new object, in the resolution that rows keep.
    pub(crate) fn modified_now(&self) -> Timestamp {
        let now = self.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// A machine that went down may have kept the row and lost content that was on its way to the disk.
fn torn(key: &str, size: u64, expected: u64) -> StoreError {
    StoreError::damaged(
        "an object's content",
        format!(
            "'{key}' has {size} bytes on the disk instead of {expected}, as after a loss of power: upload it again, \
             and start with --durability power-loss where that must not happen"
        ),
    )
}

/// Writes the row and returns the content that it replaced.
pub(super) fn upsert(
    tx: &Connection,
    bucket: &BucketRow,
    key: &str,
    object: &ObjectRow,
    condition: &WriteCondition,
) -> Result<Option<ContentId>, StoreError> {
    validate_key(key)?;
    // The bucket may have been deleted while the content was on its way.
    let there: bool = tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM buckets WHERE id = ?1)")?
        .query_row([bucket.id], |row| row.get(0))?;
    if !there {
        return Err(StoreError::NoSuchBucket { bucket: bucket.name.clone() });
    }
    let current = current(tx, bucket, key)?;
    match (condition, &current) {
        (WriteCondition::Absent, Some(_)) => {
            return Err(StoreError::PreconditionFailed { condition: "If-None-Match" });
        }
        (WriteCondition::Matches(_), None) => return Err(no_such_key(bucket, key)),
        (WriteCondition::Matches(etag), Some(current)) if etag != "*" && *etag != current.etag => {
            return Err(StoreError::PreconditionFailed { condition: "If-Match" });
        }
        _ => {}
    }
    tx.prepare_cached(
        "INSERT INTO objects
             (bucket, key, content, size, etag, modified, storage_class, meta, tags, parts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (bucket, key) DO UPDATE SET
             content = excluded.content, size = excluded.size, etag = excluded.etag,
             modified = excluded.modified, storage_class = excluded.storage_class,
             meta = excluded.meta, tags = excluded.tags, parts = excluded.parts",
    )?
    .execute(params![
        bucket.id,
        key.as_bytes(),
        object.content.0,
        signed(object.size),
        object.etag,
        object.modified.as_millisecond(),
        object.storage_class,
        to_json("objects.meta", &object.meta)?,
        list_json("objects.tags", &object.tags)?,
        list_json("objects.parts", &object.parts)?,
    ])?;
    Ok(current.map(|current| current.content))
}

fn delete(
    tx: &Connection,
    bucket: &BucketRow,
    key: &str,
    condition: &DeleteCondition,
) -> Result<Option<ContentId>, StoreError> {
    validate_key(key)?;
    let Some(current) = current(tx, bucket, key)? else {
        return match &condition.etag {
            Some(_) => Err(no_such_key(bucket, key)),
            // Deleting what is not there succeeds.
            None => Ok(None),
        };
    };
    let refuse = |condition| Err(StoreError::PreconditionFailed { condition });
    if let Some(etag) = &condition.etag
        && etag != "*"
        && *etag != current.etag
    {
        return refuse("If-Match");
    }
    if condition.size.is_some_and(|size| size != current.size) {
        return refuse("x-amz-if-match-size");
    }
    if condition.modified.is_some_and(|seconds| seconds != current.modified.div_euclid(1000)) {
        return refuse("x-amz-if-match-last-modified-time");
    }
    tx.prepare_cached("DELETE FROM objects WHERE bucket = ?1 AND key = ?2")?
        .execute(params![bucket.id, key.as_bytes()])?;
    Ok(Some(current.content))
}

pub(super) fn current(tx: &Connection, bucket: &BucketRow, key: &str) -> Result<Option<Current>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT content, size, etag, modified FROM objects WHERE bucket = ?1 AND key = ?2")?
        .query_row(params![bucket.id, key.as_bytes()], |row| {
            Ok(Current {
                content: ContentId(row.get(0)?),
                size: unsigned(row, 1)?,
                etag: row.get(2)?,
                modified: row.get(3)?,
            })
        })
        .optional()?)
}

fn no_such_key(bucket: &BucketRow, key: &str) -> StoreError {
    StoreError::NoSuchKey { bucket: bucket.name.clone(), key: key.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sagewright_cloud_core::durability::Durability;

    use super::super::content::Digest;
    use super::super::{Meta, UploadSpec};
    use super::*;
    use crate::authorize::Subject;
    use crate::store::NewPart;

    const ACCOUNT: &str = "111122223333";

    fn store(root: &std::path::Path, durability: Durability) -> (Store, BucketRow) {
        let store = Store::with_durability(root, Arc::new(Timestamp::now), durability).unwrap();
        store.create_bucket(ACCOUNT, "data", "us-east-1").unwrap();
        let bucket = store.bucket(&Subject::account(ACCOUNT), "data", "s3:PutObject").unwrap();
        (store, bucket)
    }

    /// Content whose file has vanished: who puts it on the disk finds out, and who does not, does not.
    fn vanished(store: &Store) -> Draft {
        let (draft, _) = store.new_content(Digest::None, &[]).unwrap().finish();
        std::fs::remove_file(store.content_path(draft.id())).unwrap();
        draft
    }

    #[test]
    fn content_is_on_the_disk_before_its_row_is_committed() {
        for (durability, kept, synchronous) in [(Durability::Kill, true, 1), (Durability::PowerLoss, false, 2)] {
            let root = tempfile::tempdir().unwrap();
            let (store, bucket) = store(root.path(), durability);
            let draft = vanished(&store);
            let object = ObjectRow {
                content: draft.id(),
                size: 0,
                etag: String::new(),
                modified: store.modified_now(),
                storage_class: "STANDARD".to_owned(),
                meta: Meta::default(),
                tags: Vec::new(),
                parts: Vec::new(),
            };
            let put = store.put_object(&bucket, "a", &object, draft, &WriteCondition::None);
            assert_eq!((put.is_ok(), store.find_object(&bucket, "a").is_ok()), (kept, kept), "{durability:?}");
            let upload = store.create_upload(&bucket, "b", UploadSpec::default()).unwrap();
            let draft = vanished(&store);
            let part = NewPart { number: 1, size: 0, etag: String::new(), checksums: Default::default(), draft };
            assert_eq!(store.put_part(&bucket, "b", &upload, part).is_ok(), kept, "{durability:?}");
            let pragma = "PRAGMA synchronous";
            let read = store.0.database.read(|db| Ok(db.query_row(pragma, [], |row| row.get::<_, i64>(0))?));
            let written = store.0.database.write(|tx| Ok(tx.query_row(pragma, [], |row| row.get::<_, i64>(0))?));
            assert_eq!((read.unwrap(), written.unwrap()), (synchronous, synchronous), "{durability:?}");
        }
    }

    #[test]
    fn objects_are_kept_with_either_durability() {
        for durability in [Durability::Kill, Durability::PowerLoss] {
            let root = tempfile::tempdir().unwrap();
            let (store, bucket) = store(&root.path().join("new").join("s3"), durability);
            store.put_bytes(ACCOUNT, "data", "a", b"content").unwrap();
            let copy = store.link_content(store.find_object(&bucket, "a").unwrap().content).unwrap();
            store.persist(&copy).unwrap();
            assert_eq!(store.head(ACCOUNT, "data", "a").unwrap().size, 7);
        }
    }
}
