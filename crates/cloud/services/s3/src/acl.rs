//! Access control lists: buckets have none, as AWS makes them since April 2023
//! (`BucketOwnerEnforced`). An ACL that says no more than that is accepted, any other refused.

use s3s::{S3Error, S3ErrorCode, S3Result};

pub(crate) fn refuse_acl(canned: Option<&str>, grants: &[&Option<String>]) -> S3Result<()> {
    let harmless = matches!(canned, None | Some("private" | "bucket-owner-full-control"));
    if harmless && grants.iter().all(|grant| grant.is_none()) {
        return Ok(());
    }
    Err(S3Error::with_message(S3ErrorCode::AccessControlListNotSupported, "The bucket does not allow ACLs"))
}
