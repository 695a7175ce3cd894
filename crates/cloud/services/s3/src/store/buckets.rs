//! Buckets.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::authorize::{Subject, authorize};
use super::content::ContentId;
use super::records::{signed, timestamp};
use super::{BucketRow, Store, StoreError, validate_bucket_name};

const COLUMNS: &str = "id, name, account, region, created";

impl Store {
    /// The bucket, when `caller` may do `action` on it.
    pub(crate) fn bucket(&self, caller: &Subject, name: &str, action: &str) -> Result<BucketRow, StoreError> {
        let bucket = self.find_bucket(name)?;
        authorize(caller, &bucket, action)?;
        Ok(bucket)
    }

    pub(crate) fn find_bucket(&self, name: &str) -> Result<BucketRow, StoreError> {
        self.0.database.read(|db| find(db, name))?.ok_or_else(|| StoreError::NoSuchBucket { bucket: name.to_owned() })
    }

    pub(crate) fn insert_bucket(&self, account: &str, name: &str, region: &str) -> Result<(), StoreError> {
        validate_bucket_name(name)?;
        let now = self.now().as_millisecond();
        self.0.database.write(|tx| {
            let bucket = name.to_owned();
            match find(tx, name)? {
                Some(found) if found.account == account => {
                    return Err(StoreError::BucketAlreadyOwnedByYou { bucket });
                }
                Some(_) => return Err(StoreError::BucketAlreadyExists { bucket }),
                None => {}
            }
            tx.prepare_cached("INSERT INTO buckets (name, account, region, created) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![name, account, region, now])?;
            Ok(())
        })
    }

    /// Deletes an empty bucket. Uploads in progress go with it.
    pub(crate) fn remove_bucket(&self, bucket: &BucketRow) -> Result<(), StoreError> {
        let unused = self.0.database.write(|tx| {
            let occupied: bool = tx
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM objects WHERE bucket = ?1)")?
                .query_row([bucket.id], |row| row.get(0))?;
            if occupied {
                return Err(StoreError::BucketNotEmpty { bucket: bucket.name.clone() });
            }
            let mut parts = tx.prepare_cached(
                "DELETE FROM parts WHERE upload IN (SELECT id FROM uploads WHERE bucket = ?1)
                 RETURNING content",
            )?;
            let unused: Vec<ContentId> =
                parts.query_map([bucket.id], |row| row.get(0).map(ContentId))?.collect::<Result<_, _>>()?;
            tx.execute("DELETE FROM uploads WHERE bucket = ?1", [bucket.id])?;
            let deleted = tx.execute("DELETE FROM buckets WHERE id = ?1", [bucket.id])?;
            if deleted == 0 {
                return Err(StoreError::NoSuchBucket { bucket: bucket.name.clone() });
            }
            Ok(unused)
        })?;
        for content in unused {
            self.discard(content);
        }
        Ok(())
    }

    /// Up to `limit` buckets of `account` under `prefix` in `region`, by name, after `after`.
    pub(crate) fn list_buckets(
        &self,
        account: &str,
        prefix: &str,
        region: Option<&str>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<BucketRow>, StoreError> {
        self.0.database.read(|db| {
            let mut statement = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM buckets
                 WHERE account = ?1 AND name > ?2 AND substr(name, 1, length(?3)) = ?3
                   AND (?4 IS NULL OR ?4 = CASE region WHEN 'EU' THEN 'eu-west-1' ELSE region END)
                 ORDER BY name LIMIT ?5"
            ))?;
            let mut rows = statement.query(params![account, after, prefix, region, signed(limit as u64)])?;
            let mut buckets = Vec::new();
            while let Some(row) = rows.next()? {
                buckets.push(read(row)?);
            }
            Ok(buckets)
        })
    }
}

fn find(db: &Connection, name: &str) -> Result<Option<BucketRow>, StoreError> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM buckets WHERE name = ?1"))?
        .query_row([name], |row| Ok(read(row)))
        .optional()?
        .transpose()
}

fn read(row: &Row<'_>) -> Result<BucketRow, StoreError> {
    Ok(BucketRow {
        id: row.get(0)?,
        name: row.get(1)?,
        account: row.get(2)?,
        location: row.get(3)?,
        created: timestamp(row.get(4)?)?,
    })
}
