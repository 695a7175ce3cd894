//! CreateBucket.

use http::StatusCode;
use s3s::dto::{CreateBucketInput, CreateBucketOutput};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};
use sagewright_cloud_core::region;

use super::super::acl::refuse_acl;
use super::super::error::{Detail as _, custom, message, not_implemented, plain};
use super::super::front::SignedRegion;
use super::super::request::{blocking, subject};
use super::super::store::{Store, StoreError};

/// The region whose endpoint stands for all of S3 and for an absent location constraint.
pub(crate) const DEFAULT_REGION: &str = "us-east-1";

pub(crate) async fn create(store: &Store, request: S3Request<CreateBucketInput>) -> S3Result<CreateBucketOutput> {
    let caller = subject(&request)?;
    let signed = request.extensions.get::<SignedRegion>();
    let endpoint = signed.map_or(DEFAULT_REGION, |SignedRegion(region)| region).to_owned();
    let input = request.input;
    let grants = [
        &input.grant_full_control,
        &input.grant_read,
        &input.grant_read_acp,
        &input.grant_write,
        &input.grant_write_acp,
    ];
    if refuse_acl(input.acl.as_ref().map(|acl| acl.as_str()), &grants).is_err() {
        let code = "InvalidBucketAclWithObjectOwnership";
        return Err(custom(code, StatusCode::BAD_REQUEST, message(code).unwrap_or(code)));
    }
    if input.object_lock_enabled_for_bucket == Some(true) {
        return Err(not_implemented("Object Lock is not implemented: leave out ObjectLockEnabledForBucket."));
    }
    if input.object_ownership.as_ref().is_some_and(|ownership| ownership.as_str() != "BucketOwnerEnforced") {
        return Err(not_implemented("Object ownership other than BucketOwnerEnforced is not implemented."));
    }
    if let Some(configuration) = &input.create_bucket_configuration
        && (configuration.bucket.is_some() || configuration.location.is_some())
    {
        return Err(not_implemented(
            "Directory buckets are not implemented: leave Bucket and Location out of CreateBucketConfiguration.",
        ));
    }
    let constraint = input
        .create_bucket_configuration
        .and_then(|configuration| configuration.location_constraint)
        .map(|constraint| constraint.as_str().to_owned())
        .filter(|constraint| !constraint.is_empty());
    let region = place(&endpoint, constraint.as_deref())?;
    let name = input.bucket;
    let location = match region.as_str() {
        DEFAULT_REGION => format!("/{name}"),
        _ => format!("http://{name}.s3.amazonaws.com/"),
    };
    let store = store.clone();
    blocking(move || match store.create_bucket(&caller.account, &name, &region) {
        // In us-east-1 alone, creating a bucket that one has already succeeds.
        Err(StoreError::BucketAlreadyOwnedByYou { .. })
            if region == DEFAULT_REGION && store.find_bucket(&name)?.location == region =>
        {
            Ok(())
        }
        other => other.map_err(S3Error::from),
    })
    .await?;
    Ok(CreateBucketOutput { location: Some(location) })
}

/// The region of the bucket, from the endpoint that was asked (the region that the request is
/// signed for) and the location constraint.
fn place(endpoint: &str, constraint: Option<&str>) -> S3Result<String> {
    match constraint {
        None if endpoint == DEFAULT_REGION => Ok(DEFAULT_REGION.to_owned()),
        None => Err(illegal("unspecified")),
        Some("EU") if endpoint == DEFAULT_REGION || endpoint == "eu-west-1" => Ok("EU".to_owned()),
        Some("EU") => Err(illegal("EU")),
        Some(DEFAULT_REGION) if endpoint == DEFAULT_REGION => Err(invalid(DEFAULT_REGION)),
        Some(region) if !region::is_known(region) => Err(invalid(region)),
        Some(region) if endpoint == DEFAULT_REGION || endpoint == region => Ok(region.to_owned()),
        Some(region) => Err(illegal(region)),
    }
}

fn invalid(constraint: &str) -> S3Error {
    plain(S3ErrorCode::InvalidLocationConstraint).detail("LocationConstraint", constraint)
}

fn illegal(constraint: &str) -> S3Error {
    S3Error::with_message(
        S3ErrorCode::IllegalLocationConstraintException,
        format!(
            "The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_bucket_is_made() {
        let code = |endpoint, constraint| place(endpoint, constraint).map_err(|error| error.code().as_str().to_owned());
        assert_eq!(code("us-east-1", None), Ok("us-east-1".into()));
        assert_eq!(code("us-east-1", Some("eu-west-1")), Ok("eu-west-1".into()));
        assert_eq!(code("eu-west-1", Some("eu-west-1")), Ok("eu-west-1".into()));
        assert_eq!(code("us-east-1", Some("us-gov-west-1")), Ok("us-gov-west-1".into()));
        let illegal = Err("IllegalLocationConstraintException".to_owned());
        assert_eq!(code("eu-west-1", None), illegal);
        assert_eq!(code("eu-west-1", Some("us-west-2")), illegal);
        assert_eq!(code("eu-west-1", Some("us-east-1")), illegal);
        assert_eq!(code("us-west-2", Some("EU")), illegal);
        assert_eq!(code("eu-west-1", Some("EU")), Ok("EU".into()));
        let invalid = Err("InvalidLocationConstraint".to_owned());
        assert_eq!(code("us-east-1", Some("us-east-1")), invalid);
        assert_eq!(code("us-east-1", Some("mars")), invalid);
    }
}
