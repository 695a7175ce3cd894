//! Completing a multipart upload: the chosen parts become one object.

use std::collections::HashMap;
use std::fs::File;

use md5::{Digest as _, Md5};

use super::super::checksum::{Algorithm, Checksums, composite};
use super::content::{ContentId, Digest, Draft};
use super::objects::{Current, current, upsert};
use super::uploads::{find, parts, remove};
use super::{BucketRow, Meta, ObjectRow, PartMeta, PartRow, Store, StoreError, UploadRow, WriteCondition};

/// The least size of every part but the last, in bytes.
pub(crate) const MIN_PART: u64 = 5 * 1024 * 1024;

/// The most parts of an upload.
pub(crate) const MAX_PARTS: usize = 10_000;

/// A part as the completion names it.
#[derive(Debug, Clone)]
pub(crate) struct RequestedPart {
    pub(crate) number: u32,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) checksums: Checksums,
}

/// What a completion asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Completion {
    pub(crate) parts: Vec<RequestedPart>,
    /// Checksums that the object must have.
    pub(crate) expected: Checksums,
    pub(crate) size: Option<u64>,
    /// Whether the checksums are said to be composite.
    pub(crate) composite: Option<bool>,
    pub(crate) condition: WriteCondition,
}

impl Store {
    /// Makes an object of the parts that `completion` names. Sent again after it succeeded, or while it is at work, it
    /// returns the object that it made.
    pub(crate) fn complete_upload(
        &self,
        bucket: &BucketRow,
        key: &str,
        id: &str,
        completion: &Completion,
    ) -> Result<ObjectRow, StoreError> {
        let completed = self.complete_once(bucket, key, id, completion);
        if let Err(StoreError::NoSuchUpload { .. }) = &completed
            && let Ok(object) = self.find_object(bucket, key)
            && object.meta.upload.as_deref() == Some(id)
        {
            return Ok(object);
        }
        completed
    }

    fn complete_once(
        &self,
        bucket: &BucketRow,
        key: &str,
        id: &str,
        completion: &Completion,
    ) -> Result<ObjectRow, StoreError> {
        let (upload, uploaded) = self.upload_with_parts(bucket, key, id)?;
        check_checksums(&upload, completion)?;
        let chosen = choose(&completion.parts, uploaded, id)?;
        let size = chosen.iter().map(|part| part.size).sum();
        if completion.size.is_some_and(|expected| expected != size) {
            return Err(StoreError::InvalidRequest {
                reason: format!(
                    "The provided 'x-amz-mp-object-size' header value does not match what was computed: the parts have {size} bytes."
                ),
            });
        }
        let (draft, checksums) = self.assemble(&upload, &chosen).or_else(|error| {
            // Parts vanish when the upload is completed or aborted meanwhile; say that instead.
            self.upload_with_parts(bucket, key, id)?;
            Err(error)
        })?;
        if let Some(algorithm) = completion.expected.mismatch(&checksums) {
            return Err(StoreError::BadDigest { algorithm: algorithm.name() });
        }
        let object = ObjectRow {
            content: draft.as_ref().map_or_else(|| first_content(&chosen), |draft| draft.id()),
            size,
            etag: etag(&chosen)?,
            modified: self.modified_now(),
            storage_class: upload.spec.storage_class.clone(),
            meta: Meta {
                headers: upload.spec.headers.clone(),
                checksums,
                composite: upload.spec.composite,
                upload: Some(id.to_owned()),
            },
            tags: upload.spec.tags.clone(),
            parts: chosen.iter().map(|part| part_meta(&upload, part)).collect(),
        };
        if let Some(draft) = &draft {
            self.persist(draft)?;
        }
        let unused = self.0.database.write(|tx| {
            // Completed, aborted or changed meanwhile: what was assembled is not the upload any more.
            let upload = find(tx, bucket, key, id)?;
            choose(&completion.parts, parts(tx, id, 0, MAX_PARTS)?, id)?;
            check_conflict(&upload, current(tx, bucket, key)?, &completion.condition)?;
            let mut unused = remove(tx, id)?;
            unused.extend(upsert(tx, bucket, key, &object, &completion.condition)?);
            Ok(unused)
        })?;
        if let Some(draft) = draft {
            draft.keep();
        }
        for content in unused.into_iter().filter(|id| *id != object.content) {
            self.discard(content);
        }
        Ok(object)
    }

    fn upload_with_parts(
        &self,
        bucket: &BucketRow,
        key: &str,
        id: &str,
    ) -> Result<(UploadRow, Vec<PartRow>), StoreError> {
        self.0.database.read(|db| Ok((find(db, bucket, key, id)?, parts(db, id, 0, MAX_PARTS)?)))
    }

    /// The content of the object, unless it is that of its only part, and its checksums.
    fn assemble(&self, upload: &UploadRow, chosen: &[PartRow]) -> Result<(Option<Draft>, Checksums), StoreError> {
        let algorithm = upload.spec.algorithm.unwrap_or(Algorithm::Crc64nvme);
        let mut checksums = Checksums::default();
        if upload.spec.composite {
            let values: Vec<&Checksums> = chosen.iter().map(|part| &part.checksums).collect();
            if let Some(value) = composite(algorithm, &values) {
                checksums.set(algorithm, value);
            }
        }
        if let [only] = chosen {
            if upload.spec.composite {
                return Ok((None, checksums));
            }
            if let Some(value) = only.checksums.get(algorithm) {
                checksums.set(algorithm, value.to_owned());
                return Ok((None, checksums));
            }
        }
        let whole: &[Algorithm] = if upload.spec.composite { &[] } else { &[algorithm] };
        let mut writer = self.new_content(Digest::None, whole)?;
        for part in chosen {
            let path = self.content_path(part.content);
            let file = File::open(&path).map_err(|source| StoreError::io("open", &path, source))?;
            writer.append(file, part.size)?;
        }
        let (draft, digests) = writer.finish();
        if !upload.spec.composite {
            checksums = digests.checksums;
        }
        Ok((Some(draft), checksums))
    }
}

/// Refuses a completion whose checksums are of another kind than the upload's.
fn check_checksums(upload: &UploadRow, completion: &Completion) -> Result<(), StoreError> {
    let refuse = |reason: String| Err(StoreError::InvalidRequest { reason });
    if completion.parts.is_empty() {
        return refuse("You must specify at least one part".to_owned());
    }
    let Some(algorithm) = upload.spec.algorithm else { return Ok(()) };
    let name = |composite| if composite { "COMPOSITE" } else { "FULL_OBJECT" };
    if completion.composite.is_some_and(|composite| composite != upload.spec.composite) {
        return refuse(format!(
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
            name(upload.spec.composite)
        ));
    }
    let without = |part: &&RequestedPart| part.checksums.get(algorithm).is_none();
    match completion.parts.iter().find(without) {
        Some(part) if upload.spec.composite => refuse(format!(
            "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {} in the request.",
            algorithm.name().to_lowercase(),
            part.number
        )),
        _ => Ok(()),
    }
}

/// Refuses a conditional completion when another write came between the start of the upload and its end, though the
/// condition itself holds.
fn check_conflict(upload: &UploadRow, current: Option<Current>, condition: &WriteCondition) -> Result<(), StoreError> {
    let before = upload.spec.replaces;
    let conflict = |condition| Err(StoreError::Conflict { condition, key: upload.key.clone() });
    match (condition, current) {
        (WriteCondition::Absent, None) if before.is_some() => conflict("If-None-Match"),
        (WriteCondition::Matches(etag), Some(current))
            if (etag == "*" || *etag == current.etag) && before != Some(current.content.0) =>
        {
            conflict("If-Match")
        }
        _ => Ok(()),
    }
}

/// S3 keeps the checksums of parts where the upload asked for one.
fn part_meta(upload: &UploadRow, part: &PartRow) -> PartMeta {
    let checksums = upload.spec.algorithm.map(|_| part.checksums.clone()).unwrap_or_default();
    PartMeta { size: part.size, checksums }
}

/// The uploaded parts that the completion names, in its order.
fn choose(requested: &[RequestedPart], uploaded: Vec<PartRow>, upload: &str) -> Result<Vec<PartRow>, StoreError> {
    let mut uploaded: HashMap<u32, PartRow> = uploaded.into_iter().map(|part| (part.number, part)).collect();
    let mut chosen = Vec::with_capacity(requested.len());
    let mut previous = 0;
    for wanted in requested {
        let number = wanted.number;
        if number <= previous {
            return Err(StoreError::InvalidPartOrder { number, upload: upload.to_owned() });
        }
        previous = number;
        let part = uploaded
            .remove(&number)
            .filter(|part| part.etag == wanted.etag)
            .filter(|part| wanted.checksums.mismatch(&part.checksums).is_none())
            .ok_or_else(|| StoreError::InvalidPart { number, etag: wanted.etag.clone(), upload: upload.to_owned() })?;
        chosen.push(part);
    }
    if let Some((_last, others)) = chosen.split_last()
        && let Some(small) = others.iter().find(|part| part.size < MIN_PART)
    {
        return Err(StoreError::EntityTooSmall { number: small.number, size: small.size, etag: small.etag.clone() });
    }
    Ok(chosen)
}

/// The MD5 of the parts' MD5s, and their number.
fn etag(parts: &[PartRow]) -> Result<String, StoreError> {
    let mut md5 = Md5::new();
    for part in parts {
        let digest = hex::decode(&part.etag).map_err(|error| StoreError::damaged("parts.etag", error))?;
        md5.update(digest);
    }
    Ok(format!("{}-{}", hex::encode(md5.finalize()), parts.len()))
}

fn first_content(parts: &[PartRow]) -> ContentId {
    parts.first().map_or(ContentId(0), |part| part.content)
}
