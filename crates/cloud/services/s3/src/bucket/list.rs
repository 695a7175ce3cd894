//! ListBuckets.

use s3s::dto::{Bucket, ListBucketsInput, ListBucketsOutput, Owner};
use s3s::{S3Request, S3Result};
use sagewright_cloud_core::region;

use super::super::error::wrong_argument;
use super::super::request::{blocking, canonical_id, subject, wire_time};
use super::super::store::Store;

/// The most buckets in one answer.
const MAX_BUCKETS: usize = 10_000;

pub(crate) async fn list(store: &Store, request: S3Request<ListBucketsInput>) -> S3Result<ListBucketsOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    let limit = match input.max_buckets {
        None => MAX_BUCKETS,
        Some(limit) => {
            usize::try_from(limit).ok().filter(|limit| (1..=MAX_BUCKETS).contains(limit)).ok_or_else(|| {
                wrong_argument("Argument max-buckets must be an integer between 1 and 10000", "max-buckets", limit)
            })?
        }
    };
    if let Some(region) = input.bucket_region.as_deref().filter(|region| !region::is_known(region)) {
        let message = format!("Argument value {region} is not a valid AWS Region");
        return Err(wrong_argument(message, "bucket-region", region));
    }
    blocking(move || {
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let after = input.continuation_token.as_deref().unwrap_or_default();
        let wanted = input.bucket_region.as_deref();
        let mut found = store.list_buckets(&caller.account, prefix, wanted, after, limit + 1)?;
        let more = found.len() > limit;
        found.truncate(limit);
        Ok(ListBucketsOutput {
            continuation_token: found.last().filter(|_| more).map(|last| last.name.clone()),
            owner: Some(Owner { display_name: None, id: Some(canonical_id(&caller.account)) }),
            prefix: input.prefix.clone(),
            buckets: Some(
                found
                    .into_iter()
                    .map(|bucket| Bucket {
                        bucket_region: Some(bucket.region().to_owned()),
                        creation_date: Some(wire_time(bucket.created)),
                        name: Some(bucket.name),
                    })
                    .collect(),
            ),
        })
    })
    .await
}
