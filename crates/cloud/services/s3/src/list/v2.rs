//! ListObjectsV2.

use s3s::dto::{ListObjectsV2Input, ListObjectsV2Output};
use s3s::{S3Request, S3Response, S3Result};

use super::super::request::{answer_with, blocking, bucket, count, encode_listed, page_limit, subject};
use super::super::store::{ListQuery, Position, Store};
use super::entry::{refuse_attributes, split, wants_url};
use super::token;

pub(crate) async fn objects_v2(
    store: &Store,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    let limit = page_limit("max-keys", input.max_keys)?;
    let url = wants_url(input.encoding_type.as_ref())?;
    refuse_attributes(input.optional_object_attributes.as_ref().map(Vec::len))?;
    // A token outweighs start-after.
    let token = input.continuation_token.as_deref().map(token::read).transpose()?;
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:ListBucket")?;
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let start = input.start_after.as_deref().filter(|start| !start.is_empty());
        let after = token.or_else(|| start.map(|start| Position::from_start(start, prefix, delimiter)));
        let query = ListQuery { prefix, delimiter, after, limit };
        let page = store.list_page(&bucket, &query)?;
        let shown_owner = Some(bucket.account.as_str()).filter(|_| input.fetch_owner == Some(true));
        let key_count = page.entries.len();
        let (contents, common_prefixes) = split(page.entries, url, shown_owner);
        let region = bucket.region().to_owned();
        let output = ListObjectsV2Output {
            prefix: Some(encode_listed(prefix, url)),
            max_keys: Some(count(limit)),
            key_count: Some(count(key_count)),
            continuation_token: input.continuation_token,
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_ref().map(token::write),
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            delimiter: delimiter.map(|delimiter| encode_listed(delimiter, url)),
            encoding_type: input.encoding_type,
            start_after: start.map(|start| encode_listed(start, url)),
            name: Some(bucket.name),
            request_charged: None,
        };
        Ok(answer_with(output, "x-amz-bucket-region", &region))
    })
    .await
}
