//! ListObjects.

use s3s::dto::{ListObjectsInput, ListObjectsOutput};
use s3s::{S3Request, S3Response, S3Result};

use super::super::request::{answer_with, blocking, bucket, count, encode_listed, page_limit, subject};
use super::super::store::{ListQuery, Position, Store};
use super::entry::{refuse_attributes, split, wants_url};

pub(crate) async fn objects(
    store: &Store,
    request: S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    let limit = page_limit("max-keys", input.max_keys)?;
    let url = wants_url(input.encoding_type.as_ref())?;
    refuse_attributes(input.optional_object_attributes.as_ref().map(Vec::len))?;
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:ListBucket")?;
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let marker = input.marker.as_deref().unwrap_or_default();
        let page = store.list_page(
            &bucket,
            &ListQuery {
                prefix,
                delimiter,
                after: Some(marker)
                    .filter(|marker| !marker.is_empty())
                    .map(|marker| Position::from_marker(marker, prefix, delimiter)),
                limit,
            },
        )?;
        let (contents, common_prefixes) = split(page.entries, url, Some(&bucket.account));
        // Without a delimiter the last key serves as the next marker, and none is given.
        let next_marker = page.next.as_ref().filter(|_| delimiter.is_some()).map(|next| {
            let (Position::Key(text) | Position::Prefix(text)) = next;
            encode_listed(text, url)
        });
        let region = bucket.region().to_owned();
        let output = ListObjectsOutput {
            name: Some(bucket.name),
            prefix: Some(encode_listed(prefix, url)),
            marker: Some(encode_listed(marker, url)),
            max_keys: Some(count(limit)),
            is_truncated: Some(page.next.is_some()),
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            delimiter: delimiter.map(|delimiter| encode_listed(delimiter, url)),
            next_marker,
            encoding_type: input.encoding_type,
            request_charged: None,
        };
        Ok(answer_with(output, "x-amz-bucket-region", &region))
    })
    .await
}
