//! Multipart uploads in progress.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::checksum::Checksums;
use super::content::ContentId;
use super::list::{common_prefix, successor, upper_bound};
use super::name::validate_key;
use super::objects::current;
use super::records::{json, key_text, signed, timestamp, to_json, unsigned};
use super::{BucketRow, Draft, PartRow, Position, Store, StoreError, UploadRow, UploadSpec};

/// A part whose content is written.
pub(crate) struct NewPart {
    pub(crate) number: u32,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) checksums: Checksums,
    pub(crate) draft: Draft,
}

impl Store {
    pub(crate) fn create_upload(
        &self,
        bucket: &BucketRow,
        key: &str,
        mut spec: UploadSpec,
    ) -> Result<String, StoreError> {
        validate_key(key)?;
        let created = self.now().as_millisecond();
        let id = new_id(created);
        self.0.database.write(|tx| {
            spec.replaces = current(tx, bucket, key)?.map(|current| current.content.0);
            let spec = to_json("uploads.spec", &spec)?;
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
        self.persist(&part.draft)?;
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

    /// Up to `limit` parts of an upload by number, after `after`.
    pub(crate) fn parts(&self, upload: &str, after: i32, limit: usize) -> Result<Vec<PartRow>, StoreError> {
        self.0.database.read(|db| parts(db, upload, after, limit))
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

    /// The uploads in progress that `query` names, by key and then by age.
    pub(crate) fn uploads(&self, bucket: &BucketRow, query: &UploadQuery<'_>) -> Result<UploadPage, StoreError> {
        let mut page = UploadPage::default();
        if query.limit == 0 {
            return Ok(page);
        }
        let mut lower = query.prefix.as_bytes().to_vec();
        let upper = upper_bound(query.prefix);
        self.0.database.read(|db| {
            let marked = match query.upload {
                Some(id) => Some((query.marker.as_bytes(), created_of(db, id)?, id)),
                None => None,
            };
            if !query.marker.is_empty() {
                let position = Position::from_marker(query.marker, query.prefix, query.delimiter);
                lower = lower.max(match marked {
                    Some((key, ..)) => key.to_vec(),
                    None => position.lower_bound(),
                });
            }
            // Each common prefix ends a scan and the next begins after all that it stands for.
            while let ControlFlow::Continue(next) = scan(db, bucket, query, marked, (&lower, &upper), &mut page)? {
                lower = next;
            }
            Ok(page)
        })
    }
}

/// Which uploads to list.
#[derive(Debug)]
pub(crate) struct UploadQuery<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: Option<&'a str>,
    /// The key or common prefix after which the listing goes on; empty for the beginning.
    pub(crate) marker: &'a str,
    /// The upload of that key after which it goes on; without one, all of the key's are behind.
    pub(crate) upload: Option<&'a str>,
    pub(crate) limit: usize,
}

/// Uploads and common prefixes, each in order.
#[derive(Debug, Default)]
pub(crate) struct UploadPage {
    pub(crate) uploads: Vec<UploadRow>,
    pub(crate) prefixes: Vec<String>,
    /// The key and upload id, or the common prefix, that came last.
    pub(crate) last: Option<(String, Option<String>)>,
    pub(crate) truncated: bool,
}

/// Reads on from the lower bound until the page is full, the range ends, or a common prefix was met.
fn scan(
    db: &Connection,
    bucket: &BucketRow,
    query: &UploadQuery<'_>,
    marked: Option<(&[u8], i64, &str)>,
    (lower, upper): (&[u8], &[u8]),
    page: &mut UploadPage,
) -> Result<ControlFlow<(), Vec<u8>>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, key, created, spec FROM uploads
         WHERE bucket = ?1 AND key >= ?2 AND key < ?3 AND (key, created, id) > (?4, ?5, ?6)
         ORDER BY key, created, id LIMIT ?7",
    )?;
    let (key, created, id) = marked.unwrap_or((&[], i64::MIN, ""));
    // One more than fits, to know whether the listing goes on.
    let room = query.limit - page.uploads.len() - page.prefixes.len() + 1;
    let mut rows = statement.query(params![bucket.id, lower, upper, key, created, id, signed(room as u64)])?;
    while let Some(row) = rows.next()? {
        if page.uploads.len() + page.prefixes.len() == query.limit {
            page.truncated = true;
            return Ok(ControlFlow::Break(()));
        }
        let upload = read(row)?;
        if let Some(rolled) = common_prefix(&upload.key, query.prefix, query.delimiter) {
            page.last = Some((rolled.to_owned(), None));
            page.prefixes.push(rolled.to_owned());
            return Ok(ControlFlow::Continue(successor(rolled)));
        }
        page.last = Some((upload.key.clone(), Some(upload.id.clone())));
        page.uploads.push(upload);
    }
    Ok(ControlFlow::Break(()))
}

/// How many hexadecimal digits of an upload id say when it was made.
const ID_TIME: usize = 12;

/// The id of an upload that was created at this time, in milliseconds: listings find the place of an upload by its
/// id when it is completed or aborted between two pages.
fn new_id(created: i64) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    let random = random.get(ID_TIME..).unwrap_or_default();
    format!("{:0width$x}{random}", created.max(0), width = ID_TIME)
}

/// Whether the text has the form of upload ids.
pub(crate) fn is_upload_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// When an upload was created, though it may be there no more.
fn created_of(db: &Connection, id: &str) -> Result<i64, StoreError> {
    let found =
        db.prepare_cached("SELECT created FROM uploads WHERE id = ?1")?.query_row([id], |row| row.get(0)).optional()?;
    let said = || id.get(..ID_TIME).and_then(|time| i64::from_str_radix(time, 16).ok());
    Ok(found.or_else(said).unwrap_or(i64::MAX))
}

pub(super) fn find(db: &Connection, bucket: &BucketRow, key: &str, id: &str) -> Result<UploadRow, StoreError> {
    db.prepare_cached("SELECT id, key, created, spec FROM uploads WHERE id = ?1 AND bucket = ?2 AND key = ?3")?
        .query_row(params![id, bucket.id, key.as_bytes()], |row| Ok(read(row)))
        .optional()?
        .transpose()?
        .ok_or_else(|| StoreError::NoSuchUpload { upload: id.to_owned() })
}

pub(super) fn parts(db: &Connection, upload: &str, after: i32, limit: usize) -> Result<Vec<PartRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT number, content, size, etag, modified, checksums FROM parts
         WHERE upload = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
    )?;
    let mut rows = statement.query(params![upload, after, signed(limit as u64)])?;
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
