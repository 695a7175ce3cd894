//! Multipart uploads in progress.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::checksum::Checksums;
use super::content::ContentId;
use super::name::validate_key;
use super::records::{json, key_text, signed, timestamp, to_json, unsigned};
use super::{BucketRow, Draft, PartRow, Store, StoreError, UploadRow, UploadSpec};

/// A part whose content is written.
pub(crate) struct NewPart {
    pub(crate) number: u32,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) checksums: Checksums,
    pub(crate) draft: Draft,
}

impl Store {
    pub(crate) fn create_upload(&self, bucket: &BucketRow, key: &str, spec: &UploadSpec) -> Result<String, StoreError> {
        validate_key(key)?;
        let id = uuid::Uuid::new_v4().simple().to_string();
        let created = self.now().as_millisecond();
        let spec = to_json("uploads.spec", spec)?;
        self.0.database.write(|tx| {
            let inserted = tx
                .prepare_cached(
                    "INSERT INTO uploads (id, bucket, key, created, spec)
                     SELECT ?1, id, ?3, ?4, ?5 FROM buckets WHERE id = ?2",
                )?
                .execute(params![id, bucket.id, key.as_bytes(), created, spec])?;
            if inserted == 0 {
                return Err(StoreError::NoSuchBucket { bucket: bucket.name.clone() });
            }
            Ok(())
        })?;
        Ok(id)
    }

    pub(crate) fn find_upload(&self, bucket: &BucketRow, key: &str, id: &str) -> Result<UploadRow, StoreError> {
        self.0.database.read(|db| find(db, bucket, key, id))
    }

    /// Adds a part, or replaces the one of the same number, and returns when it was added.
    pub(crate) fn put_part(
        &self,
        bucket: &BucketRow,
        key: &str,
        upload: &str,
        part: NewPart,
    ) -> Result<jiff::Timestamp, StoreError> {
        let modified = self.modified_now();
        let checksums = to_json("parts.checksums", &part.checksums)?;
        let replaced = self.0.database.write(|tx| {
            // It may have been completed or aborted while the content was on its way.
            find(tx, bucket, key, upload)?;
            let replaced = tx
                .prepare_cached("SELECT content FROM parts WHERE upload = ?1 AND number = ?2")?
                .query_row(params![upload, part.number], |row| row.get(0).map(ContentId))
                .optional()?;
            tx.prepare_cached(
                "INSERT OR REPLACE INTO parts
                     (upload, number, content, size, etag, modified, checksums)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                upload,
                part.number,
                part.draft.id().0,
                signed(part.size),
                part.etag,
                modified.as_millisecond(),
                checksums
            ])?;
            Ok(replaced)
        })?;
        part.draft.keep();
        if let Some(content) = replaced {
            self.discard(content);
        }
        Ok(modified)
    }

    /// The parts of an upload by number.
    pub(crate) fn parts(&self, upload: &str) -> Result<Vec<PartRow>, StoreError> {
        self.0.database.read(|db| parts(db, upload))
    }

    pub(crate) fn abort_upload(&self, bucket: &BucketRow, key: &str, upload: &str) -> Result<(), StoreError> {
        let unused = self.0.database.write(|tx| {
            find(tx, bucket, key, upload)?;
            remove(tx, upload)
        })?;
        for content in unused {
            self.discard(content);
        }
        Ok(())
    }

    /// The uploads in progress under `prefix`, by key and then by age.
    pub(crate) fn uploads(&self, bucket: &BucketRow, prefix: &str) -> Result<Vec<UploadRow>, StoreError> {
        self.0.database.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT id, key, created, spec FROM uploads
                 WHERE bucket = ?1 AND substr(key, 1, ?2) = ?3 ORDER BY key, created, id",
            )?;
            let mut rows = statement.query(params![bucket.id, signed(prefix.len() as u64), prefix.as_bytes()])?;
            let mut uploads = Vec::new();
            while let Some(row) = rows.next()? {
                uploads.push(read(row)?);
            }
            Ok(uploads)
        })
    }
}

pub(super) fn find(db: &Connection, bucket: &BucketRow, key: &str, id: &str) -> Result<UploadRow, StoreError> {
    db.prepare_cached("SELECT id, key, created, spec FROM uploads WHERE id = ?1 AND bucket = ?2 AND key = ?3")?
        .query_row(params![id, bucket.id, key.as_bytes()], |row| Ok(read(row)))
        .optional()?
        .transpose()?
        .ok_or_else(|| StoreError::NoSuchUpload { upload: id.to_owned() })
}

pub(super) fn parts(db: &Connection, upload: &str) -> Result<Vec<PartRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT number, content, size, etag, modified, checksums FROM parts
         WHERE upload = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([upload])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        parts.push(PartRow {
            number: row.get(0)?,
            content: ContentId(row.get(1)?),
            size: unsigned(row, 2)?,
            etag: row.get(3)?,
            modified: timestamp(row.get(4)?)?,
            checksums: json("parts.checksums", &row.get::<_, String>(5)?)?,
        });
    }
    Ok(parts)
}

/// Removes an upload and returns the content of its parts.
pub(super) fn remove(tx: &Connection, upload: &str) -> Result<Vec<ContentId>, StoreError> {
    let mut statement = tx.prepare_cached("DELETE FROM parts WHERE upload = ?1 RETURNING content")?;
    let contents = statement.query_map([upload], |row| row.get(0).map(ContentId))?.collect::<Result<_, _>>()?;
    tx.execute("DELETE FROM uploads WHERE id = ?1", [upload])?;
    Ok(contents)
}

fn read(row: &Row<'_>) -> Result<UploadRow, StoreError> {
    Ok(UploadRow {
        id: row.get(0)?,
        key: key_text(row.get(1)?)?,
        created: timestamp(row.get(2)?)?,
        spec: json("uploads.spec", &row.get::<_, String>(3)?)?,
    })
}
