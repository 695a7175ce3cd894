//! ListMultipartUploads.

use s3s::dto::{
    ChecksumAlgorithm, CommonPrefix, Initiator, ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload,
    Owner,
};
use s3s::{S3Request, S3Result};

use super::super::list::wants_url;
use super::super::request::{blocking, bucket, canonical_id, count, encode_listed, page_limit, subject, wire_time};
use super::super::store::{Store, UploadRow, common_prefix};
use super::create::kind;

pub(crate) async fn list_uploads(
    store: &Store,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<ListMultipartUploadsOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    let limit = page_limit("max-uploads", input.max_uploads)?;
    let url = wants_url(input.encoding_type.as_ref())?;
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:ListBucketMultipartUploads")?;
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let key_marker = input.key_marker.as_deref().unwrap_or_default();
        let id_marker = input.upload_id_marker.as_deref().filter(|id| !id.is_empty());
        let mut rows = store.uploads(&bucket, prefix)?;
        skip_to_marker(&mut rows, key_marker, id_marker);
        let mut page = Page::default();
        for row in rows {
            let rolled = common_prefix(&row.key, prefix, delimiter).map(str::to_owned);
            match rolled {
                // What a common prefix stands for was counted with it, on this page or an earlier one.
                Some(rolled) if page.prefixes.contains(&rolled) || rolled == key_marker => {}
                _ if page.len() == limit => {
                    page.truncated = limit > 0;
                    break;
                }
                Some(rolled) => {
                    page.next = Some((rolled.clone(), None));
                    page.prefixes.push(rolled);
                }
                None => {
                    page.next = Some((row.key.clone(), Some(row.id.clone())));
                    page.uploads.push(row);
                }
            }
        }
        let identity = canonical_id(&bucket.account);
        let next = page.next.filter(|_| page.truncated);
        let (next_key, next_id) = next.unzip();
        Ok(ListMultipartUploadsOutput {
            bucket: Some(bucket.name),
            common_prefixes: Some(
                page.prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(encode_listed(prefix, url)) }).collect(),
            ),
            delimiter: delimiter.map(|delimiter| encode_listed(delimiter, url)),
            encoding_type: input.encoding_type,
            is_truncated: Some(page.truncated),
            key_marker: Some(encode_listed(key_marker, url)),
            max_uploads: Some(count(limit)),
            next_key_marker: next_key.map(|key| encode_listed(&key, url)),
            next_upload_id_marker: next_id.flatten(),
            prefix: Some(encode_listed(prefix, url)),
            upload_id_marker: input.upload_id_marker,
            uploads: Some(page.uploads.into_iter().map(|row| shown(row, &identity, url)).collect()),
            request_charged: None,
        })
    })
    .await
}

#[derive(Default)]
struct Page {
    uploads: Vec<UploadRow>,
    prefixes: Vec<String>,
    /// The key and upload id, or the common prefix, that came last.
    next: Option<(String, Option<String>)>,
    truncated: bool,
}

impl Page {
    fn len(&self) -> usize {
        self.uploads.len() + self.prefixes.len()
    }
}

/// Drops what an earlier page showed: smaller keys, and of the marker's key the uploads up to the
/// marked one. Without an upload id all uploads of the marker's key are behind.
fn skip_to_marker(rows: &mut Vec<UploadRow>, key: &str, id: Option<&str>) {
    if key.is_empty() {
        return;
    }
    let marked = id.and_then(|id| rows.iter().position(|row| row.key == key && row.id == id));
    match marked {
        Some(index) => drop(rows.drain(..=index)),
        None => rows.retain(|row| row.key.as_str() > key),
    }
}

fn shown(row: UploadRow, identity: &str, url: bool) -> MultipartUpload {
    let algorithm = row.spec.algorithm;
    MultipartUpload {
        checksum_algorithm: algorithm.map(|a| ChecksumAlgorithm::from_static(a.name())),
        checksum_type: algorithm.map(|_| kind(row.spec.composite)),
        initiated: Some(wire_time(row.created)),
        initiator: Some(Initiator { display_name: None, id: Some(identity.to_owned()) }),
        key: Some(encode_listed(&row.key, url)),
        owner: Some(Owner { display_name: None, id: Some(identity.to_owned()) }),
        storage_class: Some(row.spec.storage_class.into()),
        upload_id: Some(row.id),
    }
}
