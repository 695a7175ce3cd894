//! ListObjectVersions: every object is its own only version, `null`.

use s3s::dto::{ListObjectVersionsInput, ListObjectVersionsOutput, ObjectVersion, ObjectVersionStorageClass};
use s3s::{S3Request, S3Result};

use super::super::request::{blocking, bucket, count, encode_listed, page_limit, size, subject, wire_etag, wire_time};
use super::super::store::{ListQuery, Listed, Position, Store};
use super::entry::{checksum_algorithms, checksum_type, owner as owner_of, refuse_attributes, wants_url};

pub(crate) async fn versions(
    store: &Store,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<ListObjectVersionsOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    let limit = page_limit("max-keys", input.max_keys)?;
    let url = wants_url(input.encoding_type.as_ref())?;
    refuse_attributes(input.optional_object_attributes.as_ref().map(Vec::len))?;
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:ListBucketVersions")?;
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let marker = input.key_marker.as_deref().unwrap_or_default();
        let query = ListQuery {
            prefix,
            delimiter,
            after: Some(marker)
                .filter(|marker| !marker.is_empty())
                .map(|marker| Position::from_marker(marker, prefix, delimiter)),
            limit,
        };
        let mut page = store.list_page(&bucket, &query)?;
        let mut versions = Vec::new();
        page.entries.retain(|entry| match entry {
            Listed::Prefix(_) => true,
            Listed::Object(key, row) => {
                versions.push(ObjectVersion {
                    checksum_algorithm: checksum_algorithms(row),
                    checksum_type: checksum_type(row),
                    e_tag: Some(wire_etag(&row.etag)),
                    is_latest: Some(true),
                    key: Some(encode_listed(key, url)),
                    last_modified: Some(wire_time(row.modified)),
                    owner: Some(owner_of(&bucket.account)),
                    restore_status: None,
                    size: Some(size(row.size)),
                    storage_class: Some(ObjectVersionStorageClass::from(row.storage_class.clone())),
                    version_id: Some("null".to_owned()),
                });
                false
            }
        });
        let (_, common_prefixes) = super::entry::split(page.entries, url, None);
        let next = page.next.as_ref().map(|next| match next {
            Position::Key(text) => (encode_listed(text, url), Some("null".to_owned())),
            Position::Prefix(text) => (encode_listed(text, url), None),
        });
        let (next_key_marker, next_version_id_marker) = next.unzip();
        Ok(ListObjectVersionsOutput {
            common_prefixes: Some(common_prefixes),
            delete_markers: None,
            delimiter: delimiter.map(|delimiter| encode_listed(delimiter, url)),
            encoding_type: input.encoding_type,
            is_truncated: Some(page.next.is_some()),
            key_marker: Some(encode_listed(marker, url)),
            max_keys: Some(count(limit)),
            name: Some(bucket.name),
            next_key_marker,
            next_version_id_marker: next_version_id_marker.flatten(),
            prefix: Some(encode_listed(prefix, url)),
            request_charged: None,
            version_id_marker: input.version_id_marker,
            versions: Some(versions),
        })
    })
    .await
}
