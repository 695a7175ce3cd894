//! ListMultipartUploads.

use s3s::dto::{
    ChecksumAlgorithm, CommonPrefix, Initiator, ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload,
    Owner,
};
use s3s::{S3Request, S3Result};

use super::super::error::wrong_argument;
use super::super::list::wants_url;
use super::super::request::{blocking, bucket, canonical_id, count, encode_listed, page_limit, subject, wire_time};
use super::super::store::{Store, UploadQuery, UploadRow, is_upload_id};
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
        // Without a key the upload means nothing.
        let id_marker = input.upload_id_marker.as_deref().filter(|id| !id.is_empty() && !key_marker.is_empty());
        if let Some(id) = id_marker.filter(|id| !is_upload_id(id)) {
            return Err(wrong_argument("Invalid uploadId marker", "upload-id-marker", id));
        }
        let page =
            store.uploads(&bucket, &UploadQuery { prefix, delimiter, marker: key_marker, upload: id_marker, limit })?;
        let identity = canonical_id(&bucket.account);
        let (next_key, next_id) = page.last.unwrap_or_default();
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
            next_key_marker: Some(encode_listed(&next_key, url)),
            next_upload_id_marker: Some(next_id.unwrap_or_default()),
            prefix: Some(encode_listed(prefix, url)),
            upload_id_marker: Some(id_marker.unwrap_or_default().to_owned()),
            uploads: Some(page.uploads.into_iter().map(|row| shown(row, &identity, url)).collect()),
            request_charged: None,
        })
    })
    .await
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
